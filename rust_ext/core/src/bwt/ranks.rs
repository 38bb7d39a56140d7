//! Entropy stage for text: run lengths and ranks under mixed contexts.

use super::logistic::Tables;
use super::predictor::{BitCoder, Input, Predictor};

/// Nodes of the decision tree of a rank: 7 for the exponent, then one for each prefix of the mantissa.
const RANK_NODES: usize = 256;
/// Nodes of the decision tree of a length: 1 + 31 for the exponent, 6 for short mantissas.
const LENGTH_NODES: usize = 64;
/// Contexts of the bits of a mantissa too long for a tree.
const TAIL_NODES: usize = 32 * 64;

/// What is known of the last run of one symbol.
#[derive(Debug, Clone, Copy, Default)]
struct History {
    /// Bucket of the length.
    length: u8,
    /// Bucket of the rank.
    rank: u8,
    /// Mean of the ranks, in sixteenths, each new one with a weight of a quarter.
    mean_rank: u16,
    /// The same of the lengths, which count as at most 255.
    mean_length: u16,
    /// Number of the run.
    at: u32,
}

/// Sixteen classes of lengths: exact up to 4, then wider and wider.
const fn length_bucket(length: usize) -> u8 {
    match length {
        0..=4 => (length & 7) as u8,
        5..=6 => 5,
        7..=9 => 6,
        10..=14 => 7,
        15..=22 => 8,
        23..=40 => 9,
        41..=80 => 10,
        81..=200 => 11,
        201..=600 => 12,
        601..=2000 => 13,
        2001..=10000 => 14,
        _ => 15,
    }
}

/// Thirteen classes of ranks.
const fn rank_bucket(rank: usize) -> u8 {
    match rank {
        0..=5 => (rank & 7) as u8,
        6..=7 => 6,
        8..=11 => 7,
        12..=15 => 8,
        16..=23 => 9,
        24..=31 => 10,
        32..=63 => 11,
        _ => 12,
    }
}

const SMALL: usize = 256;

const LENGTH_BUCKETS: [u8; SMALL] = {
    let mut table = [0; SMALL];
    let mut i = 0;
    while i < SMALL {
        table[i] = length_bucket(i);
        i += 1;
    }
    table
};

const RANK_BUCKETS: [u8; SMALL] = {
    let mut table = [0; SMALL];
    let mut i = 0;
    while i < SMALL {
        table[i] = rank_bucket(i);
        i += 1;
    }
    table
};

#[inline(always)]
fn bucket_of_length(length: usize) -> u8 {
    if length < SMALL {
        LENGTH_BUCKETS[length]
    } else {
        length_bucket(length)
    }
}

/// First node of the mantissa of `exponent`: smaller exponents have `2^exponent - 1` nodes each.
#[inline(always)]
const fn mantissa_node(exponent: usize) -> usize {
    7 + (1 << exponent) - exponent - 1
}

/// Model of the runs of one column.
#[derive(Debug)]
pub struct RankModel {
    tables: Tables,
    ranks: Predictor<5>,
    lengths: Predictor<4>,
    tails: Predictor<2>,
    history: [History; 256],
    runs: u32,
    previous_symbol: usize,
    previous_rank: u8,
}

impl RankModel {
    pub fn new() -> Self {
        let tables = Tables::new();
        let input = |slots, limit| Input { slots, limit };
        let ranks = Predictor::new(
            [
                input(RANK_NODES, 6),
                input(16 * 16 * RANK_NODES, 250),
                input(256 * 256 * 8, 30),
                input(256 * RANK_NODES, 8),
                input(256 * RANK_NODES, 30),
            ],
            8 * 4 + RANK_NODES,
            RANK_NODES * 16,
            &tables,
            20,
        );
        let lengths = Predictor::new(
            [
                input(256 * 256 * 16, 30),
                input(16 * 16 * LENGTH_NODES, 1000),
                input(LENGTH_NODES, 8),
                input(256 * 16 * LENGTH_NODES, 250),
            ],
            LENGTH_NODES * 2,
            LENGTH_NODES * 16,
            &tables,
            20,
        );
        let tails = Predictor::new(
            [input(TAIL_NODES, 250), input(TAIL_NODES * 16, 250)],
            32,
            32,
            &tables,
            6,
        );
        Self {
            tables,
            ranks,
            lengths,
            tails,
            history: [History { mean_rank: 64, mean_length: 64, ..History::default() }; 256],
            runs: 0,
            previous_symbol: 0,
            previous_rank: 0,
        }
    }

    /// Codes the length of a run of `symbol`, at least 1.
    #[inline(always)]
    pub fn length<C: BitCoder>(&mut self, coder: &mut C, symbol: usize, length: usize) -> usize {
        let history = self.history[symbol];
        let age = usize::from(bucket_of_length((self.runs - history.at) as usize));
        let bucket = usize::from(history.length);
        let base = [
            (self.previous_symbol * 256 + symbol) * 16,
            (usize::from(history.rank) * 16 + bucket) * LENGTH_NODES,
            0,
            ((usize::from(history.mean_length) / 8).min(255) * 16 + age) * LENGTH_NODES,
        ];
        let long = usize::from(bucket > 3);
        let decide = |model: &mut Self, coder: &mut C, node: usize, bit: u32| {
            let slots = [base[0] + node.min(15), base[1] + node, node, base[3] + node];
            model.lengths.code(coder, &model.tables, &slots, node * 2 + long, node * 16 + bucket, bit)
        };
        if decide(self, coder, 0, u32::from(length > 1)) == 0 {
            return 1;
        }
        let wanted = length.wrapping_sub(1).max(1);
        let wanted_exponent = wanted.ilog2() as usize;
        let mut exponent = 0;
        while exponent < 30 && decide(self, coder, 1 + exponent, u32::from(wanted_exponent > exponent)) != 0 {
            exponent += 1;
        }
        let mut value = 1;
        for place in (0..exponent).rev() {
            let bit = (wanted >> place) as u32 & 1;
            let bit = if exponent <= 2 {
                decide(self, coder, 32 + 4 * exponent + value, bit)
            } else {
                let prefix = if exponent - place <= 3 { value & 7 } else { 0 };
                let node = exponent * 64 + place.min(7) * 8 + prefix;
                self.tails.code(coder, &self.tables, &[node, node * 16 + bucket], exponent, exponent, bit)
            };
            value = value * 2 + bit as usize;
        }
        value + 1
    }

    /// Codes the rank of `symbol` after a run of `length`, before symbol `next`; 1 to 255.
    #[inline(always)]
    pub fn rank<C: BitCoder>(
        &mut self,
        coder: &mut C,
        symbol: usize,
        next: usize,
        length: usize,
        rank: usize,
    ) -> usize {
        let history = self.history[symbol];
        let length_bucket = bucket_of_length(length);
        let mean = usize::from(RANK_BUCKETS[usize::from(history.mean_rank >> 4).min(255)]);
        let base = [
            0,
            (usize::from(length_bucket) * 16 + mean) * RANK_NODES,
            (symbol * 256 + next) * 8,
            symbol * RANK_NODES,
            next * RANK_NODES,
        ];
        let previous = usize::from(self.previous_rank.min(3));
        let decide = |model: &mut Self, coder: &mut C, node: usize, bit: u32| {
            let slots = [node, base[1] + node, base[2] + node.min(7), base[3] + node, base[4] + node];
            let set = if node < 8 { node * 4 + previous } else { 32 + node };
            model.ranks.code(coder, &model.tables, &slots, set, node * 16 + mean, bit)
        };
        let wanted_exponent = rank.max(1).ilog2() as usize;
        let mut exponent = 0;
        while exponent < 7 && decide(self, coder, exponent, u32::from(wanted_exponent > exponent)) != 0 {
            exponent += 1;
        }
        let mut value = 1;
        let first = mantissa_node(exponent) - 1;
        for place in (0..exponent).rev() {
            let bit = decide(self, coder, first + value, (rank >> place) as u32 & 1);
            value = value * 2 + bit as usize;
        }
        self.learn(symbol, length, length_bucket, value);
        value
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // means stay below 16 * 256
    fn learn(&mut self, symbol: usize, length: usize, length_bucket: u8, rank: usize) {
        let history = &mut self.history[symbol];
        let rank_bucket = RANK_BUCKETS[rank & 255];
        history.length = length_bucket;
        history.rank = rank_bucket;
        history.mean_rank = (history.mean_rank * 3 + rank as u16 * 16) / 4;
        history.mean_length = (history.mean_length * 3 + length.min(255) as u16 * 16) / 4;
        history.at = self.runs;
        self.runs = self.runs.wrapping_add(1);
        self.previous_symbol = symbol;
        self.previous_rank = rank_bucket;
    }
}
