//! Model of the ranks of runs: when does the symbol of a run occur again?

use super::context::{length_class, mean_rank_class, Runs, LENGTH_CLASSES, RANK_CLASSES};
use super::logistic::Tables;
use super::predictor::{unary, BitCoder, Predictor};

/// Nodes of the decision tree: 7 for the exponent, then one for each prefix of each mantissa.
const NODES: usize = 256;
/// Largest exponent: ranks stay below 2^8.
const MAX_EXPONENT: usize = 7;
/// Nodes of one symbol before another: the exponents, and one for all mantissas.
const PAIR_NODES: usize = 8;

// Places of the inputs in the table of counters.
const BY_SYMBOL: usize = NODES;
const BY_NEXT: usize = BY_SYMBOL + 256 * NODES;
const BY_CLASSES: usize = BY_NEXT + 256 * NODES;
const BY_PAIR: usize = BY_CLASSES + LENGTH_CLASSES * RANK_CLASSES * NODES;
/// Counters that the model needs.
pub const SLOTS: usize = BY_PAIR + 256 * 256 * PAIR_NODES;

/// Weight sets: the exponents know the last rank of the symbol.
const SETS: usize = RANK_CLASSES * PAIR_NODES + NODES;

/// A rank is coded as its exponent in unary, then the bits below its highest one.
#[derive(Debug)]
pub struct RankModel<'a> {
    predictor: Predictor<'a, 5, 0x46732>,
}

struct Contexts {
    symbol: usize,
    next: usize,
    classes: usize,
    pair: usize,
    own: usize,
    mean: usize,
}

/// Node before the first of a mantissa: smaller exponents have `2^exponent - 1` nodes each.
#[inline(always)]
const fn mantissa(exponent: usize) -> usize {
    MAX_EXPONENT + (1 << exponent) - exponent - 2
}

impl<'a> RankModel<'a> {
    /// Creates the model in [`SLOTS`] zeros.
    pub fn new(tables: &Tables, counters: &'a mut [i16]) -> Self {
        Self {
            predictor: Predictor::new(counters, SETS, NODES * RANK_CLASSES, tables, 26),
        }
    }

    /// Codes the rank, 1 to 255, of `symbol` after a run of `length`, before a run of `next`.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // seven bits behind a leading one
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        tables: &Tables,
        runs: &Runs,
        [symbol, next]: [u8; 2],
        length: usize,
        rank: u8,
    ) -> u8 {
        let mean = mean_rank_class(runs.last[usize::from(symbol)].mean_rank);
        let contexts = Contexts {
            symbol: BY_SYMBOL + usize::from(symbol) * NODES,
            next: BY_NEXT + usize::from(next) * NODES,
            classes: BY_CLASSES + (length_class(length) * RANK_CLASSES + mean) * NODES,
            pair: BY_PAIR + (usize::from(symbol) * 256 + usize::from(next)) * PAIR_NODES,
            own: usize::from(runs.last[usize::from(symbol)].rank),
            mean,
        };
        let exponent = unary(MAX_EXPONENT, rank.max(1).ilog2() as usize, |place, bit| {
            self.decide(coder, tables, &contexts, place, bit)
        });
        let before = mantissa(exponent);
        let mut value = 1;
        for place in (0..exponent).rev() {
            let bit = u32::from((rank >> place) & 1);
            value = value * 2 + self.decide(coder, tables, &contexts, before + value, bit) as usize;
        }
        value as u8
    }

    #[inline(always)]
    fn decide<C: BitCoder>(
        &mut self,
        coder: &mut C,
        tables: &Tables,
        contexts: &Contexts,
        node: usize,
        bit: u32,
    ) -> u32 {
        let slots = [
            node,
            contexts.symbol + node,
            contexts.classes + node,
            contexts.next + node,
            contexts.pair + node.min(PAIR_NODES - 1),
        ];
        let set = if node < PAIR_NODES {
            node * RANK_CLASSES + contexts.own
        } else {
            RANK_CLASSES * PAIR_NODES + node
        };
        let map = node * RANK_CLASSES + contexts.mean;
        self.predictor.code(coder, tables, slots, set, map, bit)
    }
}
