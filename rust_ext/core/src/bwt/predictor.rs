//! Adaptive coding of one binary decision: counters, a mixer and an adaptive probability map.

use super::logistic::{Tables, STRETCH_MAX};
use super::simd::{dot, train, Lanes, LANES};
use crate::coder::binary::{BinaryDecoder, BinaryEncoder};

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

/// Codes `wanted`, at most `most`, in unary by `decide`: the place of the decision, then whether more follow.
#[inline(always)]
pub fn unary(most: usize, wanted: usize, mut decide: impl FnMut(usize, u32) -> u32) -> usize {
    let mut value = 0;
    while value < most && decide(value, u32::from(wanted > value)) != 0 {
        value += 1;
    }
    value
}

/// Buckets of an adaptive probability map: the logit in steps of half a nat.
const MAP_BUCKETS: usize = 33;
/// Fractional bits of a weight.
const WEIGHT_BITS: u32 = 14;

/// Mixes the counters of `N` contexts into one probability.
///
/// A counter is a 16-bit probability of a one, less one half, that moves by a fixed part of its error,
/// `2^-k`. (It starts at 0, so that the system maps its memory when it is first used.) `SHIFTS`
/// holds k of each input in four bits, that of input 0 in the lowest: constants make the code short.
#[derive(Debug)]
pub struct Predictor<'a, const N: usize, const SHIFTS: u64> {
    counters: &'a mut [i16],
    weights: Vec<Lanes>,
    map: Vec<u16>,
    learning_rate: i32,
}

impl<'a, const N: usize, const SHIFTS: u64> Predictor<'a, N, SHIFTS> {
    /// Creates a predictor with `counters` for all inputs together, zeros, `sets` weight vectors and
    /// `maps` contexts of the probability map.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // below 2^15 for N > 0
    pub fn new(
        counters: &'a mut [i16],
        sets: usize,
        maps: usize,
        tables: &Tables,
        learning_rate: i32,
    ) -> Self {
        // Together a little above one: each counter alone is less certain than all of them.
        let mut start = [0; LANES];
        start[..N].fill(((13 << WEIGHT_BITS) / (10 * N)) as i16);
        let mut row = [0; MAP_BUCKETS];
        for (bucket, p) in (-16..).zip(row.iter_mut()) {
            *p = tables.squash(bucket * 128);
        }
        Self {
            counters,
            weights: vec![start; sets],
            map: row.repeat(maps),
            learning_rate,
        }
    }

    /// Codes one decision in the counters `slots`, with weight vector `set` and map context `context`.
    #[inline(always)]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap
    )]
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        tables: &Tables,
        slots: [usize; N],
        set: usize,
        context: usize,
        bit: u32,
    ) -> u32 {
        let mut logits = [0_i16; LANES];
        for i in 0..N {
            logits[i] = tables.stretch(self.counters[slots[i]]);
        }
        let weights = &mut self.weights[set];
        let logit = (dot(weights, &logits) >> WEIGHT_BITS).clamp(-STRETCH_MAX, STRETCH_MAX);
        let mixed = i32::from(tables.squash(logit));

        let position = (logit + 2048) as usize;
        let fraction = (position & 127) as i32;
        let at = context * MAP_BUCKETS + (position >> 7);
        let pair = &mut self.map[at..at + 2];
        // The mean of both, weighted by how near they are, with one product.
        let [left, right] = [i32::from(pair[0]), i32::from(pair[1])];
        let mapped = ((left << 7) + (right - left) * fraction) >> 7;
        // Both are below 2^16, so that the sum stays 64 below one.
        let p1 = (((mixed + mapped) as u32) << 5).max(64);

        let bit = coder.code(bit, p1);

        let target = (bit as i32) * 65535;
        let nearest = &mut pair[usize::from(fraction >= 64)];
        *nearest = (i32::from(*nearest) + ((target - i32::from(*nearest)) >> 6)) as u16;
        let step = (((target - mixed) * self.learning_rate) >> 8) as i16;
        train(weights, &logits, step);
        for (i, slot) in slots.into_iter().enumerate() {
            let counter = &mut self.counters[slot];
            let p = i32::from(*counter);
            *counter = (p + ((target - 32768 - p) >> ((SHIFTS >> (4 * i)) & 15))) as i16;
        }
        bit
    }
}
