//! Binary decisions under a mixture of adaptive contexts.

use crate::cm::tables::{Tables, CELL_HALF, FINAL_MAX};
use crate::coder::binary::{Side, PROB_ONE};

/// Fractional bits of a weight.
const WEIGHT_BITS: u32 = 16;
/// Of a step of a weight: error of 22 bits, times an input in 1/256 nat, times this, by 2^24.
const RATE: i64 = 7;
const RATE_BITS: u32 = 24;
/// The input that is always the same: 0.3 nat.
const BIAS: i32 = 77;
/// Counters average over up to this many decisions.
const LIMIT: u32 = 1020;

/// Predicts decisions from `N` contexts, and learns.
#[derive(Debug)]
pub struct Mixture<const N: usize> {
    tables: Tables,
    cells: [Vec<u32>; N],
    weights: Vec<[i32; N]>,
    biases: Vec<i32>,
}

impl<const N: usize> Mixture<N> {
    /// Makes a mixture with so many cells for each context, and `sets` of weights.
    pub fn new(sizes: [usize; N], sets: usize) -> Self {
        // Together a little above one: each context alone is less certain than all of them.
        let first = i32::try_from((3 << WEIGHT_BITS) / (2 * N)).unwrap_or(1);
        Self {
            tables: Tables::new(),
            cells: sizes.map(|size| vec![CELL_HALF; size]),
            weights: vec![[first; N]; sets],
            biases: vec![0; sets],
        }
    }

    /// Codes a decision in a cell of each context, with one of the sets of weights.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // sums are clamped, steps are below 2^18
    pub fn code(&mut self, at: [usize; N], set: usize, bit: u32, side: &mut impl Side) -> u32 {
        let mut inputs = [0_i32; N];
        for (i, input) in inputs.iter_mut().enumerate() {
            *input = self.tables.stretch_ends(self.cells[i][at[i]] >> 10);
        }
        let weights = &mut self.weights[set];
        let bias = &mut self.biases[set];
        let products = weights.iter().zip(&inputs);
        let sum: i64 = products.map(|(&w, &x)| i64::from(w) * i64::from(x)).sum();
        let sum = sum + i64::from(*bias) * i64::from(BIAS);
        let most = i64::from(FINAL_MAX);
        let logit = (sum >> WEIGHT_BITS).clamp(-most, most) as i32;
        let p1 = self.tables.squash22(logit).clamp(1, PROB_ONE - 1);
        let bit = side.code(bit, p1);
        let target = (bit << 22) - bit;
        let error = i64::from(target) - i64::from(p1);
        for (weight, &input) in weights.iter_mut().zip(&inputs) {
            *weight += ((error * i64::from(input) * RATE) >> RATE_BITS) as i32;
        }
        *bias += ((error * i64::from(BIAS) * RATE) >> RATE_BITS) as i32;
        for (cells, &place) in self.cells.iter_mut().zip(&at) {
            self.tables
                .adapt(&mut cells[place], target.cast_signed(), LIMIT);
        }
        bit
    }
}
