//! Kernels of the mixer in vectors of 256 bits, with bit-equal scalar twins.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // lines and rows are aligned to 64 bytes; the store allows any address

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, __m256i, _mm256_add_epi32, _mm256_adds_epi16, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_load_si256, _mm256_madd_epi16,
    _mm256_max_epi32, _mm256_min_epi32, _mm256_mulhrs_epi16, _mm256_mullo_epi32, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srai_epi32, _mm256_store_si256, _mm_add_epi32,
    _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm_storeu_si128,
};

/// One cache line of mixer inputs or weights.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Line(pub [i16; 32]);

// SAFETY: a line is exactly 32 numbers, without padding, and any bits are numbers.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as above.
unsafe impl bytemuck::Pod for Line {}

/// Largest number of weight sets of layer 1: layer 2 works on rows of this many.
pub const MAX_SETS: usize = 16;

/// Outputs of layer 1 or weights of layer 2.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Row(pub [i32; MAX_SETS]);

/// The numbers in some lines.
#[inline(always)]
pub fn flat_mut(lines: &mut [Line]) -> &mut [i16] {
    bytemuck::cast_slice_mut(lines)
}

/// The numbers in some lines, to read.
#[inline(always)]
pub fn flat(lines: &[Line]) -> &[i16] {
    bytemuck::cast_slice(lines)
}

/// `Σ x·w` for four rows of weights, wrapping in 32 bits.
///
/// # Panics
/// If a row is not as long as `x`.
#[inline(always)]
#[must_use]
pub fn dot4(avx2: bool, x: &[Line], rows: [&[Line]; 4]) -> [i32; 4] {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        assert!(rows.iter().all(|row| row.len() == x.len()));
        // SAFETY: `avx2` is the result of `has_avx2`, and the lengths were checked.
        return unsafe { dot4_avx2(x, rows) };
    }
    let _ = avx2;
    rows.map(|row| dot_scalar(x, row))
}

/// `Σ (w / 8)·x` of a row of layer 2, wrapping in 32 bits.
#[inline(always)]
#[must_use]
pub fn dot_row(avx2: bool, x: &Row, w: &Row) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        return unsafe { dot_row_avx2(x, w) };
    }
    let _ = avx2;
    dot_row_scalar(x, w)
}

/// `w += round(x·step / 2^15)` of a row of layer 2, within `±limit`.
#[inline(always)]
pub fn train_row(avx2: bool, x: &Row, w: &mut Row, step: i32, limit: i32) {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        unsafe { train_row_avx2(x, w, step, limit) };
        return;
    }
    let _ = avx2;
    train_row_scalar(x, w, step, limit);
}

/// `w += round(x·e / 2^15)`, saturating.
#[inline(always)]
pub fn train(avx2: bool, x: &[Line], w: &mut [Line], e: i16) {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        unsafe { train_avx2(x, w, e) };
        return;
    }
    let _ = avx2;
    train_scalar(x, w, e);
}

fn dot_scalar(x: &[Line], w: &[Line]) -> i32 {
    x.iter()
        .flat_map(|line| line.0)
        .zip(w.iter().flat_map(|line| line.0))
        .fold(0_i32, |sum, (x, w)| {
            sum.wrapping_add(i32::from(x) * i32::from(w))
        })
}

fn train_scalar(x: &[Line], w: &mut [Line], e: i16) {
    for (w, x) in w
        .iter_mut()
        .flat_map(|line| &mut line.0)
        .zip(x.iter().flat_map(|line| line.0))
    {
        // The one product that does not fit, -2^15 squared, wraps in the vector form; inputs are never -2^15.
        let step = (i32::from(x) * i32::from(e) + (1 << 14)) >> 15;
        *w = w.saturating_add(step as i16);
    }
}

fn dot_row_scalar(x: &Row, w: &Row) -> i32 {
    x.0.iter().zip(&w.0).fold(0_i32, |sum, (&x, &w)| {
        sum.wrapping_add((w >> 3).wrapping_mul(x))
    })
}

fn train_row_scalar(x: &Row, w: &mut Row, step: i32, limit: i32) {
    for (w, &x) in w.0.iter_mut().zip(&x.0) {
        let change = step.wrapping_mul(x).wrapping_add(1 << 14) >> 15;
        *w = (*w + change).clamp(-limit, limit);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn dot4_avx2(x: &[Line], rows: [&[Line]; 4]) -> [i32; 4] {
    let mut sums = [_mm256_setzero_si256(); 4];
    let from = x.as_ptr().cast::<__m256i>();
    let weights = rows.map(|row| row.as_ptr().cast::<__m256i>());
    for k in 0..2 * x.len() {
        // SAFETY: a line holds two vectors and is aligned; the rows are as long as `x`.
        unsafe {
            let a = _mm256_load_si256(from.add(k));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                let products = _mm256_madd_epi16(a, _mm256_load_si256(weights.add(k)));
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
    }
    let pairs = _mm256_hadd_epi32(
        _mm256_hadd_epi32(sums[0], sums[1]),
        _mm256_hadd_epi32(sums[2], sums[3]),
    );
    let total = _mm_add_epi32(
        _mm256_castsi256_si128(pairs),
        _mm256_extracti128_si256::<1>(pairs),
    );
    let mut result = [0; 4];
    // SAFETY: the result has room for the four sums.
    unsafe { _mm_storeu_si128(result.as_mut_ptr().cast::<__m128i>(), total) };
    result
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn train_avx2(x: &[Line], w: &mut [Line], e: i16) {
    let e = _mm256_set1_epi16(e);
    let count = 2 * x.len().min(w.len());
    let (from, to) = (
        x.as_ptr().cast::<__m256i>(),
        w.as_mut_ptr().cast::<__m256i>(),
    );
    for k in 0..count {
        // SAFETY: a line holds two vectors and is aligned; `count` vectors are in both.
        unsafe {
            let step = _mm256_mulhrs_epi16(_mm256_load_si256(from.add(k)), e);
            let sum = _mm256_adds_epi16(_mm256_load_si256(to.add(k)), step);
            _mm256_store_si256(to.add(k), sum);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn dot_row_avx2(x: &Row, w: &Row) -> i32 {
    let (x, w) = (
        x.0.as_ptr().cast::<__m256i>(),
        w.0.as_ptr().cast::<__m256i>(),
    );
    let mut sum = _mm256_setzero_si256();
    for k in 0..2 {
        // SAFETY: a row is two aligned vectors.
        let (a, b) = unsafe { (_mm256_load_si256(x.add(k)), _mm256_load_si256(w.add(k))) };
        sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(_mm256_srai_epi32::<3>(b), a));
    }
    let half = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
    _mm_cvtsi128_si32(half)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn train_row_avx2(x: &Row, w: &mut Row, step: i32, limit: i32) {
    let (x, w) = (
        x.0.as_ptr().cast::<__m256i>(),
        w.0.as_mut_ptr().cast::<__m256i>(),
    );
    let (step, half) = (_mm256_set1_epi32(step), _mm256_set1_epi32(1 << 14));
    let (low, high) = (_mm256_set1_epi32(-limit), _mm256_set1_epi32(limit));
    for k in 0..2 {
        // SAFETY: a row is two aligned vectors.
        unsafe {
            let product = _mm256_mullo_epi32(_mm256_load_si256(x.add(k)), step);
            let change = _mm256_srai_epi32::<15>(_mm256_add_epi32(product, half));
            let sum = _mm256_add_epi32(_mm256_load_si256(w.add(k)), change);
            let sum = _mm256_max_epi32(_mm256_min_epi32(sum, high), low);
            _mm256_store_si256(w.add(k), sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::strong::simd::has_avx2;
    use proptest::prelude::*;

    fn lines(numbers: &[i16]) -> Vec<Line> {
        numbers
            .chunks(32)
            .map(|chunk| Line(std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0))))
            .collect()
    }

    proptest! {
        #[test]
        fn vector_kernels_equal_their_scalar_twins(
            numbers in prop::collection::vec((-2816..2817_i16, any::<i16>()), 1..300),
            e in -32767..=32767_i16,
        ) {
            let (x, w): (Vec<i16>, Vec<i16>) = numbers.into_iter().unzip();
            let (x, w) = (lines(&x), lines(&w));
            let rows = [&w[..], &x[..], &w[..], &x[..]];
            prop_assert_eq!(dot4(has_avx2(), &x, rows), dot4(false, &x, rows));
            let (mut fast, mut plain) = (w.clone(), w);
            train(has_avx2(), &x, &mut fast, e);
            train_scalar(&x, &mut plain, e);
            prop_assert_eq!(flat_mut(&mut fast), flat_mut(&mut plain));
        }

        #[test]
        fn kernels_of_layer_2_equal_their_scalar_twins(
            x in prop::array::uniform16(-3071..3072_i32),
            w in prop::array::uniform16(-262144..262145_i32),
            step in -16000..16001_i32,
        ) {
            let (x, w) = (Row(x), Row(w));
            prop_assert_eq!(dot_row(has_avx2(), &x, &w), dot_row_scalar(&x, &w));
            let (mut fast, mut plain) = (w, w);
            train_row(has_avx2(), &x, &mut fast, step, 262144);
            train_row_scalar(&x, &mut plain, step, 262144);
            prop_assert_eq!(fast.0, plain.0);
        }
    }
}
