//! Adaptive coding of one binary decision: counters, a mixer and an adaptive probability map.

use super::logistic::{Tables, ONE16};
use crate::coder::binary::{BinaryDecoder, BinaryEncoder, PROB_ONE};

/// One end of the arithmetic coder, so that a model is written once for both directions.
pub trait BitCoder {
    /// Codes one bit under the probability `p1` of a one. An encoder writes `bit` and returns it; a
    /// decoder ignores it and returns the bit that it read.
    fn code(&mut self, bit: u32, p1: u32) -> u32;
    /// Tells that a decoder has read past what an encoder can have written.
    fn is_exhausted(&self) -> bool;
}

impl BitCoder for BinaryEncoder {
    #[inline(always)]
    fn code(&mut self, bit: u32, p1: u32) -> u32 {
        self.encode(bit, p1);
        bit
    }

    fn is_exhausted(&self) -> bool {
        false
    }
}

impl BitCoder for BinaryDecoder<'_> {
    #[inline(always)]
    fn code(&mut self, _bit: u32, p1: u32) -> u32 {
        self.decode(p1)
    }

    #[inline(always)]
    fn is_exhausted(&self) -> bool {
        BinaryDecoder::is_exhausted(self)
    }
}

/// Buckets of an adaptive probability map: the logit in steps of half a nat.
const MAP_BUCKETS: usize = 33;
/// A counter that has seen nothing: one half, no visits.
const FRESH: u32 = 1 << 31;
const WEIGHT_ONE: i32 = 1 << 16;

/// Size and adaption of the counters that one context selects from.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Number of counters.
    pub slots: usize,
    /// Visits after which the rate of a counter stays as it is.
    pub limit: u32,
}

/// Mixes the counters of `N` contexts into one probability.
#[derive(Debug)]
pub struct Predictor<const N: usize> {
    counters: [Vec<u32>; N],
    limits: [u32; N],
    weights: Vec<[i32; N]>,
    map: Vec<u16>,
    learning_rate: i32,
}

impl<const N: usize> Predictor<N> {
    /// Creates a predictor with `sets` weight vectors and `maps` contexts of the probability map.
    pub fn new(inputs: [Input; N], sets: usize, maps: usize, tables: &Tables, rate: i32) -> Self {
        // Together a little above one: counters of small contexts are less certain than their union.
        let start = WEIGHT_ONE * 13 / 10 / i32::try_from(N).unwrap_or(1);
        let mut row = [0; MAP_BUCKETS];
        for (bucket, p) in (-16..).zip(row.iter_mut()) {
            *p = u16::try_from(tables.squash(bucket * 128)).unwrap_or(u16::MAX);
        }
        Self {
            counters: inputs.map(|input| vec![FRESH; input.slots]),
            limits: inputs.map(|input| input.limit),
            weights: vec![[start; N]; sets],
            map: row.repeat(maps),
            learning_rate: rate,
        }
    }

    /// Codes one decision in the counters `slots`, with weight vector `set` and map context `context`.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)]
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        tables: &Tables,
        slots: &[usize; N],
        set: usize,
        context: usize,
        bit: u32,
    ) -> u32 {
        let weights = &mut self.weights[set];
        let mut logits = [0_i32; N];
        let mut sum = 0_i64;
        for i in 0..N {
            logits[i] = tables.stretch(self.counters[i][slots[i]]);
            sum += i64::from(weights[i]) * i64::from(logits[i]);
        }
        let logit = ((sum >> 16) as i32).clamp(-2047, 2047);
        let mixed = tables.squash(logit);

        let position = (logit + 2048) as usize;
        let fraction = (position & 127) as i32;
        let at = context * MAP_BUCKETS + (position >> 7);
        let pair = &mut self.map[at..at + 2];
        let mapped = (i32::from(pair[0]) * (128 - fraction) + i32::from(pair[1]) * fraction) >> 7;
        let p1 = (((mixed + mapped) as u32) << 5).clamp(64, PROB_ONE - 64);

        let bit = coder.code(bit, p1);

        let target = (bit << 16) as i32;
        let nearest = &mut pair[usize::from(fraction >= 64)];
        *nearest = (i32::from(*nearest) + ((target - i32::from(bit != 0) - i32::from(*nearest)) >> 6)) as u16;
        let step = ((target - mixed) * self.learning_rate) >> 8;
        for i in 0..N {
            weights[i] += (logits[i] * step + (1 << 13)) >> 14;
            tables.adapt(&mut self.counters[i][slots[i]], bit, self.limits[i]);
        }
        debug_assert!(mixed < ONE16);
        bit
    }
}
