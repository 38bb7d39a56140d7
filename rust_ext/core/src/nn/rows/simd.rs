//! Sums of rows of 4-bit values.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // the load allows any address

use super::HALF;
use crate::nn::vectors::Vectors;

/// Sets `sums` to the sum of rows, each with its scale.
#[inline]
pub fn sum(by: Vectors, rows: &[(&[u8], i32)], sums: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    if by.has_avx2() {
        // SAFETY: the processor has AVX2.
        unsafe { x86::sum(rows, sums) };
        return;
    }
    let _ = by;
    sum_scalar(rows, sums, 0);
}

/// The same from a pair of values on.
fn sum_scalar(rows: &[(&[u8], i32)], sums: &mut [i32], first: usize) {
    let (sums, _) = sums.as_chunks_mut::<2>();
    for (i, two) in sums.iter_mut().enumerate().skip(first) {
        *two = [0; 2];
        for &(row, scale) in rows {
            two[0] += (i32::from(row[i] & 15) - HALF) * scale;
            two[1] += (i32::from(row[i] >> 4) - HALF) * scale;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{sum_scalar, HALF};
    use crate::nn::simd::{store, WIDE};
    use std::arch::x86_64::{
        __m128i, _mm256_add_epi32, _mm256_cvtepu8_epi32, _mm256_mullo_epi32, _mm256_set1_epi32,
        _mm_and_si128, _mm_loadu_si128, _mm_set1_epi8, _mm_srli_epi16, _mm_srli_si128,
        _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };

    /// Bytes of a row at a time.
    const BYTES: usize = 16;

    #[target_feature(enable = "avx2")]
    pub fn sum(rows: &[(&[u8], i32)], sums: &mut [i32]) {
        // What is taken from each value, times the scales.
        let start: i32 = rows.iter().map(|&(_, scale)| -HALF * scale).sum();
        let low_half = _mm_set1_epi8(15);
        for (at, sums) in sums
            .as_chunks_mut::<{ 2 * BYTES }>()
            .0
            .iter_mut()
            .enumerate()
        {
            let mut all = [_mm256_set1_epi32(start); 2 * BYTES / WIDE];
            for &(row, scale) in rows {
                let bytes: &[u8; BYTES] = &row.as_chunks().0[at];
                // SAFETY: the array is as long as the vector.
                let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast::<__m128i>()) };
                let low = _mm_and_si128(bytes, low_half);
                let high = _mm_and_si128(_mm_srli_epi16::<4>(bytes), low_half);
                let (a, c) = (_mm_unpacklo_epi8(low, high), _mm_unpackhi_epi8(low, high));
                let few = [a, _mm_srli_si128::<8>(a), c, _mm_srli_si128::<8>(c)];
                for (sum, few) in all.iter_mut().zip(few) {
                    let values = _mm256_cvtepu8_epi32(few);
                    let product = _mm256_mullo_epi32(values, _mm256_set1_epi32(scale));
                    *sum = _mm256_add_epi32(*sum, product);
                }
            }
            for (to, sum) in sums.as_chunks_mut::<WIDE>().0.iter_mut().zip(all) {
                store(to, sum);
            }
        }
        let done = sums.len() / (2 * BYTES) * BYTES;
        sum_scalar(rows, sums, done);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_SCALE, MOST};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            pairs in 1..70_usize,
            seed in prop::collection::vec(any::<u8>(), 1..400),
            scales in prop::collection::vec(0..=MAX_SCALE, 0..=MOST),
        ) {
            let bytes: Vec<u8> = (0..pairs * MOST).map(|i| seed[i * 7 % seed.len()]).collect();
            let rows: Vec<_> = bytes.chunks_exact(pairs).zip(scales).collect();
            let (mut vector, mut scalar) = (vec![5; 2 * pairs], vec![7; 2 * pairs]);
            sum_scalar(&rows, &mut scalar, 0);
            for by in Vectors::all() {
                sum(by, &rows, &mut vector);
                prop_assert_eq!(&vector, &scalar);
            }
        }
    }
}
