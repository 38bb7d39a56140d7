//! Adaptive counters of symbols and numbers, in integers.

use super::binary::{Side, PROB_BITS, PROB_ONE};

/// Counts stop here, so that weights stay below 2^42.
const MAX_TOTAL: u32 = 1 << 31;
/// The largest [`Cells::step`].
pub const MAX_STEP: u64 = 1 << 10;

/// The probability of a one whose weight is `ones` of `all`.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // at most PROB_ONE
fn share(ones: u64, all: u64) -> u32 {
    (((ones << PROB_BITS) / all) as u32).clamp(1, PROB_ONE - 1)
}

/// Cells that each count the symbols of an alphabet: Dirichlet counters.
///
/// A symbol that was seen `c` times of `n` has the share `(1 + step·c) / (K + step·n)` of an alphabet of
/// K: `step` 2 is the estimator of Krichevsky and Trofimov (1981), larger ones suit large alphabets of
/// which few symbols are seen. A symbol is coded as the bits of its number, the highest first, each with the
/// sums of the weights below it, so that only those on its way are looked at.
#[derive(Debug, Clone)]
pub struct Cells {
    symbols: u32,
    /// A power of two that is at least `symbols`.
    size: usize,
    step: u64,
    /// Of each cell: how many symbols were counted; then of each node of the tree, how many of them were on
    /// the side of the one.
    counts: Vec<u32>,
}

impl Cells {
    /// Makes `cells` without counts over `symbols`, at least one.
    #[must_use]
    pub fn new(cells: usize, symbols: u32, step: u64) -> Self {
        let size = symbols.next_power_of_two() as usize;
        Self {
            symbols,
            size,
            step,
            counts: vec![0; cells * size],
        }
    }

    /// How many counts `cells` over `symbols` need.
    #[must_use]
    pub fn room(cells: usize, symbols: u32) -> usize {
        cells.saturating_mul(symbols.next_power_of_two() as usize)
    }

    /// Codes a symbol in a cell, and counts it.
    ///
    /// Where there is but one symbol, it costs next to nothing, but not nothing: a payload ends some time.
    #[inline]
    pub fn code(&mut self, cell: usize, symbol: u32, side: &mut impl Side) -> u32 {
        let counts = &mut self.counts[cell * self.size..][..self.size];
        if self.symbols == 1 {
            side.code(0, 1);
            return 0;
        }
        let mut all = counts[0];
        let learns = all < MAX_TOTAL;
        counts[0] += u32::from(learns);
        let (mut node, mut low, mut half) = (1, 0, counts.len() >> 1);
        while half > 0 {
            let (middle, high) = (low + half, low + 2 * half);
            let bound = |end: usize| u64::from(self.symbols).min(end as u64);
            let right = bound(high) - bound(middle);
            let ones = counts[node];
            let bit = if right == 0 {
                0
            } else {
                let every = bound(high) - bound(low) + self.step * u64::from(all);
                let p1 = share(right + self.step * u64::from(ones), every);
                side.code(symbol >> half.trailing_zeros() & 1, p1)
            };
            if bit == 0 {
                all -= ones;
            } else {
                all = ones;
                counts[node] += u32::from(learns);
                low = middle;
            }
            node = 2 * node + usize::from(bit != 0);
            half >>= 1;
        }
        // Below `symbols`, since no way leads to an empty side.
        u32::try_from(low).unwrap_or(u32::MAX)
    }
}

/// Numbers whose lengths in bits have learnt probabilities.
///
/// Of n + 1, the number of bits is coded by one decision for each length, and then the bits below the highest one: the
/// first of them learns, too, the others are even.
#[derive(Debug, Clone)]
pub struct Numbers {
    lengths: Cells,
    next: Cells,
}

/// Lengths of n + 1 in bits, for n below 2^32 - 1.
const LENGTHS: u32 = 32;

impl Numbers {
    /// Makes counters for `contexts` kinds of numbers.
    #[must_use]
    pub fn new(contexts: usize) -> Self {
        let lengths = LENGTHS as usize;
        Self {
            // One decision for each length, as binary cells.
            lengths: Cells::new(contexts * lengths, 2, 2),
            next: Cells::new(contexts * lengths, 2, 2),
        }
    }

    /// Codes a number below 2^32 - 1.
    #[inline]
    pub fn code(&mut self, context: usize, number: u32, side: &mut impl Side) -> u32 {
        let first = context * LENGTHS as usize;
        let value = number + 1;
        let length = value.ilog2();
        let mut bits = 0;
        while bits + 1 < LENGTHS
            && self
                .lengths
                .code(first + bits as usize, u32::from(length > bits), side)
                == 1
        {
            bits += 1;
        }
        let mut found: u32 = 1;
        for place in (0..bits).rev() {
            let bit = value >> place & 1;
            let bit = if place + 1 == bits {
                self.next.code(first + bits as usize, bit, side)
            } else {
                side.code(bit, PROB_ONE / 2)
            };
            found = found << 1 | bit;
        }
        found - 1
    }
}
