//! Gated linear recurrences: each state keeps a share of itself and takes the rest from a new value (Z. Qin, S. Yang,
//! Y. Zhong, Hierarchically Gated Recurrent Neural Network for Sequence Modeling, 2023).

use super::tensors::Tensors;
use super::{step, UNIT};
use crate::{Error, Result};

/// Inputs of gates are clipped to this magnitude: 8 times one.
const GATE_MAX: i32 = 1024;
/// The same of new values: 4 times one.
const VALUE_MAX: i32 = 512;
/// Bits of one in a gate.
const GATE_BITS: u32 = 16;
/// A new value times this shift is a state, whose one is 2^20.
const VALUE_SHIFT: u32 = 5;
/// Outputs are states times a factor, shifted right by this.
const STATE_SHIFT: u32 = 28;
/// Squares of hidden values are shifted right by this.
const SQUARE_SHIFT: u32 = 15;
/// Hidden values above this have squares of more than 127 steps.
const HIDDEN_MAX: i32 = 2039;

/// The functions of gates, in tables.
#[derive(Debug, Clone)]
pub struct Gates {
    sigmoid: Vec<i32>,
    tanh: Vec<i32>,
}

impl Gates {
    /// Takes the tensors `sigmoid` and `tanh`.
    ///
    /// # Errors
    /// [`Error::Weights`] when one is missing, has another length, or values out of range.
    pub fn take(tensors: &Tensors<'_>) -> Result<Self> {
        let sigmoid = tensors.numbers("sigmoid", 2 * GATE_MAX as usize + 1)?;
        let tanh = tensors.numbers("tanh", 2 * VALUE_MAX as usize + 1)?;
        let gates = sigmoid.iter().all(|p| (0..=1 << GATE_BITS).contains(p));
        let values = tanh.iter().all(|v| (-(1 << 15)..=1 << 15).contains(v));
        if gates && values {
            Ok(Self { sigmoid, tanh })
        } else {
            Err(Error::Weights {
                what: "table of a function",
            })
        }
    }

    #[inline(always)]
    fn gate(&self, input: i32) -> i64 {
        i64::from(self.sigmoid[(input.clamp(-GATE_MAX, GATE_MAX) + GATE_MAX) as usize])
    }

    /// Moves `states` on; `input` has as many gates, as many new values and, if the output is gated, as many gates of
    /// it. `factors` bring states to `steps`.
    #[inline]
    pub fn recur(&self, input: &[i32], states: &mut [i32], factors: &[i32], steps: &mut [u8]) {
        let width = states.len();
        let (keeps, rest) = input.split_at(width);
        let (values, outs) = rest.split_at(width);
        for i in 0..width {
            let value = values[i].clamp(-VALUE_MAX, VALUE_MAX) + VALUE_MAX;
            let new = i64::from(self.tanh[value as usize] << VALUE_SHIFT);
            let kept = self.gate(keeps[i]) * (i64::from(states[i]) - new);
            let state = new + ((kept + (1 << (GATE_BITS - 1))) >> GATE_BITS);
            states[i] = state as i32;
            let out = match outs.get(i) {
                Some(&out) => (state * self.gate(out)) >> GATE_BITS,
                None => state,
            };
            steps[i] =
                step((out * i64::from(factors[i]) + (1 << (STATE_SHIFT - 1))) >> STATE_SHIFT);
        }
    }
}

/// Sets `steps`, which count from no [`ZERO`](super::ZERO), to the squares of what is positive (D. So et al., Primer, 2021).
#[inline]
pub fn squares(values: &[i32], steps: &mut [u8]) {
    for (to, &value) in steps.iter_mut().zip(values) {
        let value = value.clamp(0, HIDDEN_MAX);
        *to = ((value * value + (1 << (SQUARE_SHIFT - 1))) >> SQUARE_SHIFT).min(UNIT) as u8;
    }
}
