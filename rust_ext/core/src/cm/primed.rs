//! Starts the bit histories of new contexts from a prior.

use super::prior::lookup::Lookup;
use super::prior::table::{Entry, Table, CLASSES};

/// Counts from which histories start, one more than the largest.
pub const COUNTS: usize = 64;
/// How often the likeliest symbol of an entry of a prior counts as seen, by its class.
pub const WEIGHTS: [u32; CLASSES] = [5, 20, 41, 41];
/// Bits of a byte that are looked up at a time, at most.
const MAX_BITS: u32 = 4;

/// A prior, and the states that stand for what it says.
#[derive(Debug)]
pub struct Primed<'a> {
    /// What it says about the byte at hand.
    pub lookup: Lookup<'a>,
    nearest: &'static Nearest,
}

impl<'a> Primed<'a> {
    /// Starts before the first byte, with the states of a kind of bit history.
    #[must_use]
    pub fn new(tables: [Option<&'a Table>; 2], nearest: &'static Nearest) -> Self {
        Self {
            lookup: Lookup::new(tables),
            nearest,
        }
    }

    /// Sets the states of the nodes of the next `bits` bits of the byte, whose bits so far are in `partial` after a
    /// leading one, to what a kind of context predicts: `2^bits - 1` nodes, the root first, then level by level.
    /// Returns what is known of the context, if anything is.
    #[inline(always)]
    pub fn fill(
        &mut self,
        kind: usize,
        partial: u32,
        bits: u32,
        nodes: &mut [u8],
    ) -> Option<&Entry> {
        let entry = self.lookup.entry(kind)?;
        let rest = 8 - partial.ilog2();
        nodes.fill(0);
        let mut counts = [[0_u32; 2]; 1 << MAX_BITS];
        for (symbol, weight) in entry.symbols(&WEIGHTS) {
            let symbol = u32::from(symbol) | 256;
            if symbol >> rest != partial {
                continue;
            }
            let mut node = 1;
            for step in (rest - bits..rest).rev() {
                let bit = symbol >> step & 1;
                let counts = &mut counts[node % (1 << MAX_BITS)];
                counts[bit as usize] += weight;
                // What is not reached stays as if nothing was seen, and what is reached again has its last state.
                if let Some(state) = nodes.get_mut(node - 1) {
                    *state = self.nearest.state(*counts);
                }
                node = node << 1 | bit as usize;
            }
        }
        Some(entry)
    }
}

/// For numbers of zeros and ones the state that is closest to having seen them.
#[derive(Debug)]
pub struct Nearest(Box<[[u8; COUNTS]; COUNTS]>);

impl Nearest {
    /// Takes the counts of all states in use, of which the first has seen nothing.
    #[must_use]
    pub fn new(counts: &[[u16; 2]]) -> Self {
        let places: Vec<_> = counts
            .iter()
            .map(|counts| place(counts.map(u32::from)))
            .collect();
        let mut nearest = Box::new([[0; COUNTS]; COUNTS]);
        for (zeros, row) in nearest.iter_mut().enumerate() {
            for (ones, state) in row.iter_mut().enumerate() {
                *state = closest(&places, [zeros as u32, ones as u32]);
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

/// The logarithms of the ratio and of the sum of counts.
fn place([zeros, ones]: [u32; 2]) -> [i32; 2] {
    let log = |n: u32| log2(10 * n + 3) as i32;
    [log(zeros) - log(ones), log2(10 * (zeros + ones)) as i32]
}

/// The closest state in the ratio first, then in the sum. In whole numbers, since streams depend on it.
fn closest(places: &[[i32; 2]], counts: [u32; 2]) -> u8 {
    if counts == [0; 2] {
        return 0;
    }
    let [ratio, size] = place(counts);
    let distance = |&state: &usize| {
        // Logarithms are below 2^13.
        let [a, b] = places[state];
        4 * (ratio - a) * (ratio - a) + (size - b) * (size - b)
    };
    (1..places.len()).min_by_key(distance).unwrap_or(0) as u8
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
