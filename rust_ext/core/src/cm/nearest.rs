//! The states of bit histories that stand for given counts.

/// Counts from which histories start, one more than the largest.
pub const COUNTS: usize = 64;
/// How often the likeliest symbol of an entry of a prior counts as seen, by its class.
pub const WEIGHTS: [u32; 4] = [5, 20, 41, 41];

/// For numbers of zeros and ones the state that is closest to having seen them.
#[derive(Debug)]
pub struct Nearest(Box<[[u8; COUNTS]; COUNTS]>);

impl Nearest {
    /// Takes the counts of all states in use, of which the first has seen nothing.
    #[must_use]
    pub fn new(counts: &[[u16; 2]]) -> Self {
        let mut nearest = Box::new([[0; COUNTS]; COUNTS]);
        for (zeros, row) in nearest.iter_mut().enumerate() {
            for (ones, state) in row.iter_mut().enumerate() {
                *state = closest(counts, zeros as u32, ones as u32);
            }
        }
        Self(nearest)
    }

    /// The state for counts, each taken for 63 if it is more.
    #[inline(always)]
    #[must_use]
    pub fn state(&self, [zeros, ones]: [u32; 2]) -> u8 {
        let last = COUNTS as u32 - 1;
        self.0[zeros.min(last) as usize][ones.min(last) as usize]
    }
}

/// The closest state in the ratio first, then in the sum. In whole numbers, since streams depend on it.
fn closest(counts: &[[u16; 2]], zeros: u32, ones: u32) -> u8 {
    if zeros + ones == 0 {
        return 0;
    }
    let log = |n: u32| i64::from(log2(10 * n + 3));
    let sum = |n: u32| i64::from(log2(10 * n));
    let distance = |&state: &usize| {
        let [a, b] = counts[state].map(u32::from);
        let ratio = log(zeros) - log(ones) - log(a) + log(b);
        let size = sum(zeros + ones) - sum(a + b);
        4 * ratio * ratio + size * size
    };
    (1..counts.len()).min_by_key(distance).unwrap_or(0) as u8
}

/// `log2(n)` with eight fractional bits, linear between powers of two; that of 0 is that of 1.
fn log2(n: u32) -> u32 {
    let n = n.max(1);
    let fraction = (u64::from(n) << 8 >> n.ilog2()) as u32 - 256;
    n.ilog2() << 8 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_counts_are_found() {
        let counts = [
            [0, 0],
            [1, 0],
            [0, 1],
            [2, 0],
            [1, 1],
            [0, 2],
            [5, 1],
            [0, 41],
        ];
        let nearest = Nearest::new(&counts);
        for (state, &count) in counts.iter().enumerate() {
            assert_eq!(usize::from(nearest.state(count.map(u32::from))), state);
        }
        assert_eq!(nearest.state([10, 2]), 6);
        assert_eq!(nearest.state([0, 1000]), 7);
    }
}
