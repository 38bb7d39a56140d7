//! The sums and products of normalisation.
#![allow(unsafe_code)]

use super::MAX;
use crate::nn::step;
use crate::nn::vectors::Vectors;

/// The sum of squares of clipped values.
#[inline]
pub fn squares(by: Vectors, values: &[i32]) -> i64 {
    #[cfg(target_arch = "x86_64")]
    if by.has_avx2() {
        // SAFETY: the processor has AVX2.
        return unsafe { x86::squares(values) };
    }
    let _ = by;
    squares_scalar(values)
}

/// Sets `steps` to clipped values times `inverse`, shifted right by 32.
#[inline]
pub fn scale(by: Vectors, values: &[i32], inverse: i32, steps: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if by.has_avx2() {
        // SAFETY: the processor has AVX2.
        unsafe { x86::scale(values, inverse, steps) };
        return;
    }
    let _ = by;
    scale_scalar(values, inverse, steps);
}

#[inline(always)]
fn clip(value: i32) -> i64 {
    i64::from(value.clamp(-MAX, MAX))
}

fn squares_scalar(values: &[i32]) -> i64 {
    values.iter().map(|&value| clip(value) * clip(value)).sum()
}

fn scale_scalar(values: &[i32], inverse: i32, steps: &mut [u8]) {
    for (to, &value) in steps.iter_mut().zip(values) {
        *to = step((clip(value) * i64::from(inverse) + (1 << 31)) >> 32);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{scale_scalar, squares_scalar, MAX};
    use crate::nn::simd::{clamp, load, scaled, store_bytes, WIDE};
    use crate::nn::ZERO;
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_add_epi64, _mm256_castsi256_si128, _mm256_extracti128_si256,
        _mm256_mul_epi32, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srli_epi64,
        _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64,
    };

    #[target_feature(enable = "avx2")]
    pub fn squares(values: &[i32]) -> i64 {
        let (eights, rest) = values.as_chunks::<WIDE>();
        let (mut even, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        for eight in eights {
            let low = clamp(load(eight), -MAX, MAX);
            let high = _mm256_srli_epi64::<32>(low);
            even = _mm256_add_epi64(even, _mm256_mul_epi32(low, low));
            odd = _mm256_add_epi64(odd, _mm256_mul_epi32(high, high));
        }
        let four = _mm256_add_epi64(even, odd);
        let two = _mm_add_epi64(
            _mm256_castsi256_si128(four),
            _mm256_extracti128_si256::<1>(four),
        );
        let sum = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
        _mm_cvtsi128_si64(sum) + squares_scalar(rest)
    }

    #[target_feature(enable = "avx2")]
    pub fn scale(values: &[i32], inverse: i32, steps: &mut [u8]) {
        let (eights, rest) = values.as_chunks::<WIDE>();
        let (to, last) = steps.as_chunks_mut::<WIDE>();
        let (by, zero) = (_mm256_set1_epi32(inverse), _mm256_set1_epi32(ZERO));
        for (to, eight) in to.iter_mut().zip(eights) {
            let value = scaled::<32>(clamp(load(eight), -MAX, MAX), by, 1 << 31);
            store_bytes(to, _mm256_add_epi32(clamp(value, -ZERO, ZERO - 1), zero));
        }
        scale_scalar(rest, inverse, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            values in prop::collection::vec(prop_oneof![any::<i32>(), -70_000..70_000], 0..60),
            inverse in 0..i32::MAX,
        ) {
            for by in Vectors::all() {
                prop_assert_eq!(squares(by, &values), squares_scalar(&values));
                let mut vector = vec![0; values.len()];
                let mut scalar = vec![1; values.len()];
                scale(by, &values, inverse, &mut vector);
                scale_scalar(&values, inverse, &mut scalar);
                prop_assert_eq!(vector, scalar);
            }
        }
    }
}
