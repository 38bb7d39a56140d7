//! The products of matrices, by vectors where the processor has them.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // the loads and stores allow any address

use super::matrix::{finish, Parts, ROWS};
use super::LANES;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8, _mm_add_epi32, _mm_storeu_si128,
};

/// Rows whose sums are held at a time.
const BATCH: usize = 64;

/// Sets `out` to the product of a matrix and `steps`, or adds it.
///
/// # Panics
/// If the lengths do not fit each other.
#[inline]
pub fn multiply<const ADD: bool>(parts: Parts<'_>, steps: &[i8], out: &mut [i32]) {
    assert!(parts.columns.is_multiple_of(LANES) && steps.len() == parts.columns);
    assert!(parts.scale.len().is_multiple_of(ROWS) && out.len() <= parts.scale.len());
    assert!(parts.weights.len() == parts.scale.len() * parts.columns);
    assert!(parts.bias.len() == parts.scale.len());
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the feature is there, and lengths were checked.
        unsafe { multiply_avx2::<ADD>(parts, steps, out) };
        return;
    }
    multiply_scalar::<ADD>(parts, steps, out);
}

/// The same, one product after the other.
fn multiply_scalar<const ADD: bool>(parts: Parts<'_>, steps: &[i8], out: &mut [i32]) {
    let rows = parts.weights.chunks_exact(parts.columns);
    for (i, (out, row)) in out.iter_mut().zip(rows).enumerate() {
        let products = row
            .iter()
            .zip(steps)
            .map(|(&w, &x)| i32::from(w) * i32::from(x));
        let sum = [products.sum()];
        let one = i..=i;
        let (scale, bias) = (&parts.scale[one.clone()], &parts.bias[one]);
        finish::<ADD>(&sum, scale, bias, std::slice::from_mut(out));
    }
}

/// As [`multiply`], whose checks hold.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn multiply_avx2<const ADD: bool>(parts: Parts<'_>, steps: &[i8], out: &mut [i32]) {
    let mut sums = [0; BATCH];
    let row_bytes = parts.columns;
    for (batch, out) in out.chunks_mut(BATCH).enumerate() {
        let first = batch * BATCH;
        for at in (0..out.len()).step_by(ROWS) {
            // SAFETY: rows come in fours, so these four are there; sums are a multiple of four.
            unsafe {
                let weights = parts.weights.as_ptr().add((first + at) * row_bytes);
                dot4(weights, steps, sums.as_mut_ptr().add(at));
            }
        }
        let (scale, bias) = (&parts.scale[first..], &parts.bias[first..]);
        finish::<ADD>(&sums, scale, bias, out);
    }
}

/// Writes the sums of products of four rows from `weights` on with `steps`.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dot4(weights: *const i8, steps: &[i8], sums: *mut i32) {
    let ones = _mm256_set1_epi16(1);
    let mut all = [_mm256_setzero_si256(); ROWS];
    for at in (0..steps.len()).step_by(LANES) {
        // SAFETY: rows are as long as the steps, a multiple of the lanes.
        let x = unsafe { _mm256_loadu_si256(steps.as_ptr().add(at).cast::<__m256i>()) };
        let magnitude = _mm256_abs_epi8(x);
        for (row, sum) in all.iter_mut().enumerate() {
            // SAFETY: as above.
            let w = unsafe {
                _mm256_loadu_si256(weights.add(row * steps.len() + at).cast::<__m256i>())
            };
            // Two products of magnitudes up to 127 fit 16 bits.
            let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w, x));
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    let [a, b, c, d] = all;
    let quarters = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    let low = _mm256_castsi256_si128(quarters);
    let high = _mm256_extracti128_si256::<1>(quarters);
    // SAFETY: there is room for four.
    unsafe { _mm_storeu_si128(sums.cast(), _mm_add_epi32(low, high)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            rows in 1..3_usize,
            lanes in 1..5_usize,
            cut in 0..ROWS,
            seed in prop::collection::vec(-127..=127_i8, 1..400),
            scales in prop::collection::vec(0..1_i32 << 26, 1..9),
            biases in prop::collection::vec(-(1 << 24)..1_i32 << 24, 1..9),
        ) {
            let (rows, columns) = (rows * ROWS, lanes * LANES);
            let values = |start: usize, count: usize| -> Vec<i8> {
                (start..start + count).map(|i| seed[i * 7 % seed.len()]).collect()
            };
            let of = |list: &[i32]| (0..rows).map(|i| list[i % list.len()]).collect::<Vec<_>>();
            let (weights, scale, bias) = (values(3, rows * columns), of(&scales), of(&biases));
            let parts = Parts { columns, weights: &weights, scale: &scale, bias: &bias };
            let steps = values(0, columns);
            let mut vector = vec![5; rows - cut];
            let mut scalar = vector.clone();
            multiply::<true>(parts, &steps, &mut vector);
            multiply_scalar::<true>(parts, &steps, &mut scalar);
            prop_assert_eq!(&vector, &scalar);
            multiply::<false>(parts, &steps, &mut vector);
            multiply_scalar::<false>(parts, &steps, &mut scalar);
            prop_assert_eq!(&vector, &scalar);
        }
    }
}
