//! The steps of recurrences and hidden values.
#![allow(unsafe_code)]

use super::{
    Cells, Gates, GATE_BITS, GATE_MAX, HIDDEN_MAX, SQUARE_SHIFT, STATE_SHIFT, VALUE_MAX,
    VALUE_SHIFT,
};
use crate::nn::vectors::Vectors;
use crate::nn::{step, UNIT};

/// As [`Gates::recur`].
#[inline]
pub fn recur(by: Vectors, gates: &Gates, cells: &mut Cells<'_>) {
    #[cfg(target_arch = "x86_64")]
    if by.has_avx2() {
        // SAFETY: the processor has AVX2.
        unsafe { x86::recur(gates, cells) };
        return;
    }
    let _ = by;
    recur_scalar(gates, cells);
}

/// As [`super::squares`].
#[inline]
pub fn squares(by: Vectors, values: &[i32], steps: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if by.has_avx2() {
        // SAFETY: the processor has AVX2.
        unsafe { x86::squares(values, steps) };
        return;
    }
    let _ = by;
    squares_scalar(values, steps);
}

fn recur_scalar(gates: &Gates, cells: &mut Cells<'_>) {
    let gate = |input: i32| {
        i64::from(gates.sigmoid[(input.clamp(-GATE_MAX, GATE_MAX) + GATE_MAX) as usize])
    };
    for (i, to) in cells.steps.iter_mut().enumerate() {
        let value = cells.values[i].clamp(-VALUE_MAX, VALUE_MAX) + VALUE_MAX;
        let new = i64::from(gates.tanh[value as usize] << VALUE_SHIFT);
        let kept = gate(cells.keeps[i]) * (i64::from(cells.states[i]) - new);
        let state = new + ((kept + (1 << (GATE_BITS - 1))) >> GATE_BITS);
        cells.states[i] = state as i32;
        let out = match cells.outs.get(i) {
            Some(&out) => (state * gate(out)) >> GATE_BITS,
            None => state,
        };
        let out = out * i64::from(cells.factors[i]);
        *to = step((out + (1 << (STATE_SHIFT - 1))) >> STATE_SHIFT);
    }
}

fn squares_scalar(values: &[i32], steps: &mut [u8]) {
    for (to, &value) in steps.iter_mut().zip(values) {
        let value = value.clamp(0, HIDDEN_MAX);
        *to = ((value * value + (1 << (SQUARE_SHIFT - 1))) >> SQUARE_SHIFT).min(UNIT) as u8;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{
        recur_scalar, squares_scalar, Cells, Gates, GATE_BITS, GATE_MAX, HIDDEN_MAX, SQUARE_SHIFT,
        STATE_SHIFT, VALUE_MAX, VALUE_SHIFT,
    };
    use crate::nn::simd::{clamp, gather, load, scaled, store, store_bytes, WIDE};
    use crate::nn::{UNIT, ZERO};
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_min_epi32, _mm256_mullo_epi32, _mm256_set1_epi32,
        _mm256_slli_epi32, _mm256_srli_epi32, _mm256_sub_epi32,
    };

    #[inline]
    #[target_feature(enable = "avx2")]
    fn look_up<const N: usize>(table: &[i32; N], inputs: __m256i, most: i32) -> __m256i {
        gather(
            table,
            _mm256_add_epi32(clamp(inputs, -most, most), _mm256_set1_epi32(most)),
        )
    }

    #[target_feature(enable = "avx2")]
    pub fn recur(gates: &Gates, cells: &mut Cells<'_>) {
        let (keeps, last_keeps) = cells.keeps.as_chunks::<WIDE>();
        let (values, last_values) = cells.values.as_chunks::<WIDE>();
        let (outs, last_outs) = cells.outs.as_chunks::<WIDE>();
        let (factors, last_factors) = cells.factors.as_chunks::<WIDE>();
        let (states, last_states) = cells.states.as_chunks_mut::<WIDE>();
        let (steps, last_steps) = cells.steps.as_chunks_mut::<WIDE>();
        let zero = _mm256_set1_epi32(ZERO);
        for (i, to) in steps.iter_mut().enumerate() {
            let keep = look_up(&gates.sigmoid, load(&keeps[i]), GATE_MAX);
            let new = look_up(&gates.tanh, load(&values[i]), VALUE_MAX);
            let new = _mm256_slli_epi32::<VALUE_SHIFT>(new);
            let moved = _mm256_sub_epi32(load(&states[i]), new);
            let kept = scaled::<GATE_BITS>(keep, moved, 1 << (GATE_BITS - 1));
            let state = _mm256_add_epi32(new, kept);
            store(&mut states[i], state);
            let out = match outs.get(i) {
                Some(out) => {
                    let gate = look_up(&gates.sigmoid, load(out), GATE_MAX);
                    scaled::<GATE_BITS>(state, gate, 0)
                }
                None => state,
            };
            let out = scaled::<STATE_SHIFT>(out, load(&factors[i]), 1 << (STATE_SHIFT - 1));
            store_bytes(to, _mm256_add_epi32(clamp(out, -ZERO, ZERO - 1), zero));
        }
        let mut last = Cells {
            keeps: last_keeps,
            values: last_values,
            outs: last_outs,
            factors: last_factors,
            states: last_states,
            steps: last_steps,
        };
        recur_scalar(gates, &mut last);
    }

    #[target_feature(enable = "avx2")]
    pub fn squares(values: &[i32], steps: &mut [u8]) {
        let (values, rest) = values.as_chunks::<WIDE>();
        let (steps, last) = steps.as_chunks_mut::<WIDE>();
        let half = _mm256_set1_epi32(1 << (SQUARE_SHIFT - 1));
        for (to, value) in steps.iter_mut().zip(values) {
            let value = clamp(load(value), 0, HIDDEN_MAX);
            let square = _mm256_add_epi32(_mm256_mullo_epi32(value, value), half);
            let square = _mm256_srli_epi32::<SQUARE_SHIFT>(square);
            store_bytes(to, _mm256_min_epi32(square, _mm256_set1_epi32(UNIT)));
        }
        squares_scalar(rest, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values of inputs, some far out of the range of the tables.
    fn inputs(width: usize) -> impl Strategy<Value = Vec<i32>> {
        prop::collection::vec(prop_oneof![-1100..1100, any::<i32>()], width)
    }

    fn cases() -> impl Strategy<Value = [Vec<i32>; 5]> {
        (1..40_usize).prop_flat_map(|n| {
            let states = prop::collection::vec(-(1 << 20)..=1 << 20, n);
            let factors = prop::collection::vec(0..i32::MAX, n);
            [
                inputs(n).boxed(),
                inputs(n).boxed(),
                inputs(n).boxed(),
                factors.boxed(),
                states.boxed(),
            ]
        })
    }

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            [keeps, values, outs, factors, states] in cases(),
            gated in any::<bool>(),
            sigmoid in prop::collection::vec(0..=1 << 16, 9),
            tanh in prop::collection::vec(-(1 << 15)..=1 << 15, 9),
        ) {
            let gates = Gates {
                sigmoid: Box::new(std::array::from_fn(|i| sigmoid[i % 9])),
                tanh: Box::new(std::array::from_fn(|i| tanh[i % 9])),
            };
            let run = |by: Option<Vectors>| {
                let (mut states, mut steps) = (states.clone(), vec![0; states.len()]);
                let mut cells = Cells {
                    keeps: &keeps,
                    values: &values,
                    outs: if gated { &outs } else { &[] },
                    factors: &factors,
                    states: &mut states,
                    steps: &mut steps,
                };
                match by {
                    Some(by) => recur(by, &gates, &mut cells),
                    None => recur_scalar(&gates, &mut cells),
                }
                (states, steps)
            };
            for by in Vectors::all() {
                prop_assert_eq!(run(Some(by)), run(None));
            }
        }

        #[test]
        fn squares_equal_scalars(values in prop::collection::vec(prop_oneof![-3000..3000, any::<i32>()], 0..50)) {
            let (mut vector, mut scalar) = (vec![0; values.len()], vec![1; values.len()]);
            squares_scalar(&values, &mut scalar);
            for by in Vectors::all() {
                squares(by, &values, &mut vector);
                prop_assert_eq!(&vector, &scalar);
            }
        }
    }
}
