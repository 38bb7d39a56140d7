//! Gated linear recurrences: each state keeps a share of itself and takes the rest from a new value (Z. Qin, S. Yang,
//! Y. Zhong, Hierarchically Gated Recurrent Neural Network for Sequence Modeling, 2023).

mod simd;

use super::tensors::Tensors;
use super::vectors::Vectors;
use crate::{Error, Result};

/// Inputs of gates are clipped to this magnitude: 8 times one.
const GATE_MAX: i32 = 1024;
/// The same of new values: 4 times one.
const VALUE_MAX: i32 = 512;
/// Bits of one in a gate.
const GATE_BITS: i32 = 16;
/// A new value times this shift is a state, whose one is 2^20.
const VALUE_SHIFT: i32 = 5;
/// Outputs are states times a factor, shifted right by this.
const STATE_SHIFT: i32 = 28;
/// Squares of hidden values are shifted right by this.
const SQUARE_SHIFT: i32 = 15;
/// Hidden values above this have squares of more than 127 steps.
const HIDDEN_MAX: i32 = 2039;

/// The functions of gates, in tables.
#[derive(Debug, Clone)]
pub struct Gates {
    sigmoid: Box<[i32; 2 * GATE_MAX as usize + 1]>,
    tanh: Box<[i32; 2 * VALUE_MAX as usize + 1]>,
}

impl Gates {
    /// Takes the tensors `sigmoid` and `tanh`.
    ///
    /// # Errors
    /// [`Error::Weights`] when one is missing, has another length, or values out of range.
    pub fn take(tensors: &Tensors<'_>) -> Result<Self> {
        let this = Self {
            sigmoid: tensors.table("sigmoid")?,
            tanh: tensors.table("tanh")?,
        };
        let gates = this
            .sigmoid
            .iter()
            .all(|p| (0..=1 << GATE_BITS).contains(p));
        let values = this.tanh.iter().all(|v| (-(1 << 15)..=1 << 15).contains(v));
        if gates && values {
            Ok(this)
        } else {
            Err(Error::Weights {
                what: "table of a function",
            })
        }
    }

    /// Moves `states` on; `input` has as many gates, as many new values and, if the output is gated, as many gates of
    /// it. `factors` bring states to `steps`.
    #[inline]
    pub fn recur(&self, input: &[i32], states: &mut [i32], factors: &[i32], steps: &mut [u8]) {
        let (keeps, rest) = input.split_at(states.len());
        let (values, outs) = rest.split_at(states.len());
        let mut cells = Cells {
            keeps,
            values,
            outs,
            factors,
            states,
            steps,
        };
        simd::recur(Vectors::best(), self, &mut cells);
    }
}

/// What moves states: slices of equal lengths, but `outs` may be empty.
#[derive(Debug)]
struct Cells<'a> {
    keeps: &'a [i32],
    values: &'a [i32],
    outs: &'a [i32],
    factors: &'a [i32],
    states: &'a mut [i32],
    steps: &'a mut [u8],
}

/// Sets `steps`, which count from no [`ZERO`](super::ZERO), to the squares of what is positive (D. So et al., Primer, 2021).
#[inline]
pub fn squares(values: &[i32], steps: &mut [u8]) {
    simd::squares(Vectors::best(), values, steps);
}
