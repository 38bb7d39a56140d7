//! Vector kernels with bit-equal scalar twins, chosen at run time.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_adds_epi16, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mulhrs_epi16, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_storeu_si256, _mm_add_epi32, _mm_cvtsi128_si32, _mm_prefetch,
    _mm_shuffle_epi32, _MM_HINT_T0,
};

/// Inputs are padded to a multiple of this many.
pub const LANES: usize = 16;

/// Asks for the cache line at `offset`; has no effect on results.
#[inline(always)]
pub fn prefetch(table: &[u8], offset: usize) {
    debug_assert!(offset < table.len());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        _mm_prefetch(table.as_ptr().wrapping_add(offset).cast::<i8>(), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (table, offset);
}

/// Asks for the cache lines of `values[offset..offset + count]`; has no effect on results.
#[inline(always)]
pub fn prefetch_row<T>(values: &[T], offset: usize, count: usize) {
    let size = std::mem::size_of::<T>();
    let start = values.as_ptr().wrapping_add(offset).cast::<i8>();
    for line in (0..count * size + 63).step_by(64) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
        unsafe {
            _mm_prefetch(start.wrapping_add(line), _MM_HINT_T0);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (start, line);
    }
}

/// One step of the predictor, compiled for AVX2 where the processor has it: the same source, so the same bits.
#[inline(always)]
pub fn step(avx2: bool, model: &mut super::Strong, bit: u32) {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        unsafe { step_avx2(model, bit) };
        return;
    }
    let _ = avx2;
    model.step(bit, false);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn step_avx2(model: &mut super::Strong, bit: u32) {
    model.step(bit, true);
}

/// Tells whether the AVX2 kernels may be used.
#[must_use]
pub fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// `Σ x·w`, wrapping in 32 bits.
#[inline(always)]
#[must_use]
pub fn dot(avx2: bool, x: &[i16], w: &[i16]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        return unsafe { dot_avx2(x, w) };
    }
    let _ = avx2;
    dot_scalar(x, w)
}

/// `w += round(x·e / 2^15)`, saturating.
#[inline(always)]
pub fn train(avx2: bool, x: &[i16], w: &mut [i16], e: i16) {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        unsafe { train_avx2(x, w, e) };
        return;
    }
    let _ = avx2;
    train_scalar(x, w, e);
}

fn dot_scalar(x: &[i16], w: &[i16]) -> i32 {
    x.iter()
        .zip(w)
        .fold(0_i32, |sum, (&x, &w)| sum.wrapping_add(i32::from(x) * i32::from(w)))
}

fn train_scalar(x: &[i16], w: &mut [i16], e: i16) {
    for (w, &x) in w.iter_mut().zip(x) {
        // The one product that does not fit, -2^15 squared, wraps in the vector form; inputs are never -2^15.
        let step = (i32::from(x) * i32::from(e) + (1 << 14)) >> 15;
        *w = w.saturating_add(step as i16);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn dot_avx2(x: &[i16], w: &[i16]) -> i32 {
    let n = x.len().min(w.len()) / LANES * LANES;
    let mut sums = [_mm256_setzero_si256(); 2];
    let mut i = 0;
    while i < n {
        // SAFETY: i + LANES <= n, which is within both slices.
        let (a, b) = unsafe {
            (
                _mm256_loadu_si256(x.as_ptr().add(i).cast::<__m256i>()),
                _mm256_loadu_si256(w.as_ptr().add(i).cast::<__m256i>()),
            )
        };
        let k = (i / LANES) & 1;
        sums[k] = _mm256_add_epi32(sums[k], _mm256_madd_epi16(a, b));
        i += LANES;
    }
    let sum = _mm256_add_epi32(sums[0], sums[1]);
    let half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
    _mm_cvtsi128_si32(half)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn train_avx2(x: &[i16], w: &mut [i16], e: i16) {
    let n = x.len().min(w.len()) / LANES * LANES;
    let error = _mm256_set1_epi16(e);
    let mut i = 0;
    while i < n {
        // SAFETY: i + LANES <= n, which is within both slices.
        unsafe {
            let a = _mm256_loadu_si256(x.as_ptr().add(i).cast::<__m256i>());
            let at = w.as_mut_ptr().add(i).cast::<__m256i>();
            let b = _mm256_loadu_si256(at);
            _mm256_storeu_si256(at, _mm256_adds_epi16(b, _mm256_mulhrs_epi16(a, error)));
        }
        i += LANES;
    }
}
