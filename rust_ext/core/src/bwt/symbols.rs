//! Model of the symbols of runs, for data whose symbols follow each other in fixed ways.
//!
//! Tables of numbers have many symbols of about equal frequency: their ranks are large and say little,
//! but the symbols of the runs before predict the next.

use super::context::{Runs, LENGTH_CLASSES};
use super::logistic::Tables;
use super::predictor::{BitCoder, Predictor};

/// Nodes of the decision tree: one for each prefix of a symbol.
const NODES: usize = 256;
/// Logarithm of the number of counters of each hashed context.
pub const HASH_BITS: u32 = 20;

// Places of the inputs in the table of counters.
const BY_SLOW: usize = NODES;
const BY_LENGTH: usize = BY_SLOW + NODES;
const BY_LAST: usize = BY_LENGTH + 256 * LENGTH_CLASSES * NODES;
const BY_SECOND: usize = BY_LAST + 256 * NODES;
const BY_TWO: usize = BY_SECOND + 256 * NODES;

/// A symbol is coded bit by bit from the highest.
#[derive(Debug)]
pub struct SymbolModel<'a> {
    predictor: Predictor<'a, 7, 0x3333342>,
    hash_bits: u32,
}

/// Start of the nodes of a hashed context; the nodes themselves are added by exclusive or.
#[inline(always)]
fn hashed(context: u32, bits: u32) -> usize {
    // 2^32 divided by the golden ratio.
    (context.wrapping_mul(0x9E37_79B1) >> (32 - bits)) as usize
}

/// Counters that the model needs, the hashed contexts having `1 << hash_bits` each.
pub const fn slots(hash_bits: u32) -> usize {
    BY_TWO + (2 << hash_bits)
}

impl<'a> SymbolModel<'a> {
    /// Creates a model in [`slots`] zeros; hashed contexts have at least one counter for each node.
    pub fn new(tables: &Tables, counters: &'a mut [i16], hash_bits: u32) -> Self {
        Self {
            predictor: Predictor::new(counters, NODES, NODES, tables, 32),
            hash_bits,
        }
    }

    /// Codes the symbol of the run that follows `runs`.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // eight bits behind a leading one
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        tables: &Tables,
        runs: &Runs,
        symbol: u8,
    ) -> u8 {
        let [last, second, third] = runs.symbols.map(usize::from);
        let two = (last * 256 + second) as u32;
        let two_start = hashed(two + 1, self.hash_bits);
        let three_start = hashed(two * 256 + third as u32 + (1 << 24), self.hash_bits);
        let length = BY_LENGTH + (usize::from(runs.length) * 256 + last) * NODES;
        let by_three = BY_TWO + (1 << self.hash_bits);
        let mut node = 1;
        for place in (0..8).rev() {
            let slots = [
                node,
                BY_SLOW + node,
                length + node,
                BY_LAST + last * NODES + node,
                BY_SECOND + second * NODES + node,
                BY_TWO + (two_start ^ node),
                by_three + (three_start ^ node),
            ];
            let bit = u32::from((symbol >> place) & 1);
            let bit = self.predictor.code(coder, tables, slots, node, node, bit);
            node = node * 2 + bit as usize;
        }
        node as u8
    }
}
