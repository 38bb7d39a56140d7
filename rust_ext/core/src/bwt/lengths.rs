//! Model of the lengths of runs.

use super::context::{Runs, LENGTH_CLASSES, RANK_CLASSES};
use super::logistic::Tables;
use super::predictor::{unary, BitCoder, Predictor};

/// Nodes of the decision tree: 1 for length one, 31 for the exponent, then short mantissas.
const NODES: usize = 64;
/// First node of the mantissas.
const MANTISSA: usize = 32;
/// Exponents whose mantissas have nodes of their own.
const SHORT_EXPONENT: usize = 2;
/// Largest exponent: lengths stay below 2^31.
const MAX_EXPONENT: usize = 30;
/// Nodes of one symbol after another: the rest of the tree shares the last.
const PAIR_NODES: usize = 16;
/// Nodes of long mantissas, for each exponent.
const TAIL_NODES: usize = 64;
const TAILS: usize = (MAX_EXPONENT + 1) * TAIL_NODES;

// Places of the inputs in the table of counters.
const BY_CLASSES: usize = NODES;
const BY_MEAN: usize = BY_CLASSES + RANK_CLASSES * LENGTH_CLASSES * NODES;
const BY_PAIR: usize = BY_MEAN + 256 * LENGTH_CLASSES * NODES;
const TAIL_SLOTS: usize = BY_PAIR + 256 * 256 * PAIR_NODES;
/// Counters that the model needs.
pub const SLOTS: usize = TAIL_SLOTS + TAILS * (1 + LENGTH_CLASSES);

/// A length v + 1 is coded as the decision v > 0, then the exponent of v in unary, then the bits below
/// its highest one.
#[derive(Debug)]
pub struct LengthModel<'a> {
    predictor: Predictor<'a, 4, 0x4753>,
    tails: Predictor<'a, 2, 0x77>,
}

struct Contexts {
    classes: usize,
    mean: usize,
    pair: usize,
    class: usize,
    long: usize,
}

impl<'a> LengthModel<'a> {
    /// Creates the model in [`SLOTS`] zeros.
    pub fn new(tables: &Tables, counters: &'a mut [i16]) -> Self {
        let (counters, tails) = counters.split_at_mut(TAIL_SLOTS);
        Self {
            predictor: Predictor::new(counters, NODES * 2, NODES * LENGTH_CLASSES, tables, 24),
            tails: Predictor::new(tails, MAX_EXPONENT + 1, MAX_EXPONENT + 1, tables, 6),
        }
    }

    /// Codes the length of a run of `symbol`: at least 1, below 2^31.
    #[inline(always)]
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        tables: &Tables,
        runs: &Runs,
        symbol: u8,
        length: usize,
    ) -> usize {
        let history = runs.last[usize::from(symbol)];
        let class = usize::from(history.length);
        let mean = usize::from(history.mean_length / 8).min(255);
        let contexts = Contexts {
            classes: BY_CLASSES + (usize::from(history.rank) * LENGTH_CLASSES + class) * NODES,
            mean: BY_MEAN + (mean * LENGTH_CLASSES + runs.age_class(symbol)) * NODES,
            pair: BY_PAIR + (usize::from(runs.symbols[0]) * 256 + usize::from(symbol)) * PAIR_NODES,
            class,
            long: usize::from(class > 3),
        };
        if self.decide(coder, tables, &contexts, 0, u32::from(length > 1)) == 0 {
            return 1;
        }
        let wanted = length.saturating_sub(1).max(1);
        let exponent = unary(MAX_EXPONENT, wanted.ilog2() as usize, |place, bit| {
            self.decide(coder, tables, &contexts, 1 + place, bit)
        });
        let mut value = 1;
        for place in (0..exponent).rev() {
            let bit = u32::from((wanted >> place) & 1 != 0);
            let bit = if exponent <= SHORT_EXPONENT {
                self.decide(
                    coder,
                    tables,
                    &contexts,
                    MANTISSA + 4 * exponent + value,
                    bit,
                )
            } else {
                // The three highest places know the bits above them.
                let prefix = if exponent - place <= 3 { value & 7 } else { 0 };
                let node = exponent * TAIL_NODES + place.min(7) * 8 + prefix;
                let slots = [node, TAILS + node * LENGTH_CLASSES + class];
                self.tails
                    .code(coder, tables, slots, exponent, exponent, bit)
            };
            value = value * 2 + bit as usize;
        }
        value + 1
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
            contexts.classes + node,
            contexts.mean + node,
            contexts.pair + node.min(PAIR_NODES - 1),
        ];
        let set = node * 2 + contexts.long;
        let map = node * LENGTH_CLASSES + contexts.class;
        self.predictor.code(coder, tables, slots, set, map, bit)
    }
}
