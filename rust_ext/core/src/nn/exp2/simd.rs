//! Weights by logits.
#![allow(unsafe_code)]

use super::{Exp2, FRACTION, MAX_SHIFT};
use crate::nn::vectors::Vectors;

/// Sets `weights` by logits, of which one is the largest.
#[inline]
pub fn weigh(by: Vectors, powers: &Exp2, logits: (&[i32], i32), weights: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if by.has_avx2() {
        // SAFETY: the processor has AVX2.
        unsafe { x86::weigh(powers, logits, weights) };
        return;
    }
    let _ = by;
    weigh_scalar(powers, logits, weights);
}

fn weigh_scalar(powers: &Exp2, (logits, most): (&[i32], i32), weights: &mut [u32]) {
    for (weight, &logit) in weights.iter_mut().zip(logits) {
        let below = most.wrapping_sub(logit).max(0);
        let whole = (below >> FRACTION).min(MAX_SHIFT);
        let power = powers.0[below as usize & ((1 << FRACTION) - 1)];
        *weight = (power >> whole).max(1) as u32;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{weigh_scalar, Exp2, FRACTION, MAX_SHIFT};
    use crate::nn::simd::{gather, load, store, WIDE};
    use std::arch::x86_64::{
        _mm256_and_si256, _mm256_max_epi32, _mm256_min_epi32, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_srli_epi32, _mm256_srlv_epi32, _mm256_sub_epi32,
    };

    #[target_feature(enable = "avx2")]
    pub fn weigh(powers: &Exp2, (logits, most): (&[i32], i32), weights: &mut [u32]) {
        let (eights, rest) = logits.as_chunks::<WIDE>();
        let (to, last) = weights.as_chunks_mut::<WIDE>();
        let all = _mm256_set1_epi32(most);
        let fraction = _mm256_set1_epi32((1 << FRACTION) - 1);
        for (to, eight) in to.iter_mut().zip(eights) {
            let below =
                _mm256_max_epi32(_mm256_sub_epi32(all, load(eight)), _mm256_setzero_si256());
            let whole = _mm256_srli_epi32::<FRACTION>(below);
            let whole = _mm256_min_epi32(whole, _mm256_set1_epi32(MAX_SHIFT));
            let power = gather(&powers.0, _mm256_and_si256(below, fraction));
            let weight = _mm256_srlv_epi32(power, whole);
            let weight = _mm256_max_epi32(weight, _mm256_set1_epi32(1));
            store(bytemuck::cast_mut(to), weight);
        }
        weigh_scalar(powers, (rest, most), last);
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_WEIGHT;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            logits in prop::collection::vec(prop_oneof![-9000..9000, any::<i32>()], 1..40),
            powers in prop::collection::vec(1..=MAX_WEIGHT, 9),
        ) {
            let powers = Exp2(Box::new(std::array::from_fn(|i| powers[i % 9])));
            let most = logits.iter().copied().max().unwrap();
            let (mut vector, mut scalar) = (vec![0; logits.len()], vec![7; logits.len()]);
            weigh_scalar(&powers, (&logits, most), &mut scalar);
            for by in Vectors::all() {
                weigh(by, &powers, (&logits, most), &mut vector);
                prop_assert_eq!(&vector, &scalar);
            }
        }
    }
}
