//! The last step: the mixer's result and its corrections become one probability.

use super::apm::Apm;
use super::mixer::simd::{dot_row, train_row, Row, MAX_SETS};
use crate::cm::tables::{Tables, FINAL_MAX};

/// Fractional bits of a weight.
const WEIGHT_BITS: u32 = 16;
const WEIGHT_MAX: i32 = 4 << WEIGHT_BITS;
/// Where the outputs of layer 2 stand in a row; the mean of them and the corrections stand before.
const OUTPUTS: usize = 12;

/// One weight vector over the outputs of layer 2 and what the probability maps make of them.
///
/// Content that is nearly sure is where this pays: a plain mean of probabilities is no surer than half of its terms.
#[derive(Debug)]
pub struct Last {
    inputs: Row,
    weights: Row,
    output: i32,
    /// Learning rate in units of 2^-15.
    rate: i32,
}

impl Last {
    /// Starts with a quarter of the weight on `finals` outputs and the rest on the mean and `maps` corrections.
    #[must_use]
    pub fn new(finals: usize, maps: usize, rate: i32) -> Self {
        assert!(maps < OUTPUTS && OUTPUTS + finals <= MAX_SETS);
        let quarter = 1 << (WEIGHT_BITS - 2);
        let mut weights = Row::default();
        weights.0[..=maps].fill(3 * quarter / (maps as i32 + 1));
        weights.0[OUTPUTS..OUTPUTS + finals].fill(quarter / finals as i32);
        Self {
            inputs: Row::default(),
            weights,
            output: 0,
            rate,
        }
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> &Row {
        &self.weights
    }

    /// Takes weights that were learnt elsewhere.
    pub fn take(&mut self, weights: &Row) {
        self.weights = *weights;
    }

    /// Probability of a one, 22 bits: `mean` of the `outputs`, all in the stretch domain, corrected by the maps.
    #[inline(always)]
    pub fn mix(
        &mut self,
        mean: i32,
        outputs: impl Iterator<Item = i32>,
        maps: &mut [Apm],
        tables: &Tables,
        avx2: bool,
    ) -> u32 {
        let mut sum = tables.squash22(mean);
        self.inputs.0[0] = mean;
        for (input, map) in self.inputs.0[1..OUTPUTS].iter_mut().zip(&mut *maps) {
            let p = map.refine(mean);
            sum += p;
            *input = tables.stretch_ends(p);
        }
        for (input, output) in self.inputs.0[OUTPUTS..].iter_mut().zip(outputs) {
            *input = output;
        }
        let dot = dot_row(avx2, &self.inputs, &self.weights);
        self.output = (dot >> (WEIGHT_BITS - 3)).clamp(-FINAL_MAX, FINAL_MAX);
        let linear = sum / (maps.len() as u32 + 1);
        ((linear + 3 * tables.squash22(self.output)) / 4).clamp(1, (1 << 22) - 1)
    }

    /// Moves the weights towards `bit`.
    #[inline(always)]
    pub fn train(&mut self, bit: u32, tables: &Tables, avx2: bool) {
        let target = (bit << 16) as i32 - bit as i32;
        let err = target - (tables.squash22(self.output) >> 6) as i32;
        // err Q16, rate Q15, input Q8 -> weight Q16, rounded to nearest
        let step = (err * self.rate + (1 << 7)) >> 8;
        train_row(avx2, &self.inputs, &mut self.weights, step, WEIGHT_MAX);
    }
}
