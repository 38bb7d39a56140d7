//! A distribution of bytes, as probabilities of their bits.

/// Bits of a probability.
const P_BITS: u32 = 22;

/// Sums of the weights of bytes, for each beginning of their bits.
#[derive(Debug, Clone)]
pub struct Tree {
    /// At index `partial`, bits after a leading one: the sum of all bytes that begin with them.
    sums: Box<[u32; 512]>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            sums: Box::new([1; 512]),
        }
    }
}

impl Tree {
    /// The weights of the bytes, to be set: at least one each, less than 2^32 in all. Then call [`Self::add_up`].
    #[inline(always)]
    pub fn leaves(&mut self) -> &mut [u32] {
        &mut self.sums[256..]
    }

    /// Adds the weights up.
    #[inline]
    pub fn add_up(&mut self) {
        // By levels, each of which is a loop without order.
        for level in (0..8).rev() {
            let (above, below) = self.sums[1 << level..4 << level].split_at_mut(1 << level);
            for (sum, &[a, b]) in above.iter_mut().zip(below.as_chunks::<2>().0) {
                *sum = a.wrapping_add(b);
            }
        }
    }

    /// Probability in 22 bits that the bits in `partial`, below 256 and after a leading one, are followed by a one.
    #[inline(always)]
    #[must_use]
    pub fn p(&self, partial: u32) -> u32 {
        let at = partial as usize & 255;
        let (all, ones) = (u64::from(self.sums[at]), u64::from(self.sums[2 * at + 1]));
        ((ones << P_BITS) / all.max(1)) as u32
    }

    /// The likeliest byte among those that begin with the bits in `partial`: the likelier bit is taken each time.
    #[inline(always)]
    #[must_use]
    pub fn likeliest(&self, partial: u32) -> u8 {
        let mut at = partial as usize;
        while at < 256 {
            at = 2 * at + usize::from(self.sums[2 * at + 1] > self.sums[2 * at]);
        }
        at as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_have_the_shares_of_their_bytes() {
        let mut tree = Tree::default();
        tree.leaves().fill(1);
        tree.leaves()[usize::from(b'a')] = 1 << 20;
        tree.leaves()[usize::from(b'b')] = 1 << 18;
        tree.add_up();
        assert_eq!(tree.likeliest(1), b'a');
        // Sixty-four bytes begin with 01, and half of all.
        assert!(tree.p(1) < 1000);
        let p = tree.p(0b101_1000);
        assert!((p - (1 << 22) / 5).abs_diff(0) < 20, "{p}");
    }
}
