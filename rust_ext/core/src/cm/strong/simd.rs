//! Vector kernels with bit-equal scalar twins, chosen at run time.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // a `Line` is aligned to 64 bytes; the other load allows any address

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, __m256i, _mm256_add_epi32, _mm256_adds_epi16, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_load_si256, _mm256_madd_epi16,
    _mm256_max_epi32, _mm256_min_epi32, _mm256_mulhrs_epi16, _mm256_mullo_epi32, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srai_epi32, _mm256_store_si256, _mm_add_epi32,
    _mm_cmpeq_epi16, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16,
    _mm_prefetch, _mm_set1_epi16, _mm_shuffle_epi32, _mm_storeu_si128, _MM_HINT_T0,
};

/// One cache line of mixer inputs or weights.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Line(pub [i16; 32]);

/// Largest number of weight sets of layer 1: layer 2 works on rows of this many.
pub const MAX_SETS: usize = 16;

/// Outputs of layer 1 or weights of layer 2.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Row(pub [i32; MAX_SETS]);

/// The numbers in some lines.
#[inline(always)]
pub fn flat_mut(lines: &mut [Line]) -> &mut [i16] {
    // SAFETY: a line is exactly 32 numbers, without padding.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<i16>(), lines.len() * 32) }
}

/// Asks for the cache line at `offset`; has no effect on results.
#[inline(always)]
pub fn prefetch(table: &[u8], offset: usize) {
    debug_assert!(offset < table.len());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        _mm_prefetch(
            table.as_ptr().wrapping_add(offset).cast::<i8>(),
            _MM_HINT_T0,
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (table, offset);
}

/// Asks for the cache lines of `values[offset..offset + count]`, a row that starts at a line; has no effect on results.
#[inline(always)]
pub fn prefetch_row<T>(values: &[T], offset: usize, count: usize) {
    let start = values.as_ptr().wrapping_add(offset).cast::<i8>();
    let bytes = count * std::mem::size_of::<T>();
    // Two at a time: the instructions of the loop itself count. An address too far is harmless.
    for line in (0..bytes.div_ceil(2 * LINE_BYTES)).map(|pair| 2 * LINE_BYTES * pair) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
        unsafe {
            _mm_prefetch(start.wrapping_add(line), _MM_HINT_T0);
            _mm_prefetch(start.wrapping_add(line + LINE_BYTES), _MM_HINT_T0);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (start, line);
    }
}

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Asks the system to back `values` by huge pages, because look-ups are at random places; has no effect on results.
pub fn advise_huge<T>(values: &[T]) {
    #[cfg(target_os = "linux")]
    {
        extern "C" {
            fn madvise(address: *mut u8, length: usize, advice: i32) -> i32;
        }
        const MADV_HUGEPAGE: i32 = 14;
        const PAGE: usize = 4096;
        let address = values.as_ptr() as usize;
        let start = address.next_multiple_of(PAGE);
        let end = (address + std::mem::size_of_val(values)) / PAGE * PAGE;
        if end > start {
            // SAFETY: the range lies within the allocation, and the advice changes no contents.
            unsafe {
                madvise(start as *mut u8, end - start, MADV_HUGEPAGE);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = values;
}

/// Zeroed bytes with room for `len` from the returned offset on, which is at a cache line.
#[must_use]
pub fn zeroed_lines(len: usize) -> (Vec<u8>, usize) {
    let table = vec![0_u8; len + LINE_BYTES];
    advise_huge(&table);
    let offset = (table.as_ptr() as usize).wrapping_neg() % LINE_BYTES;
    (table, offset)
}

/// Copies of `value`, backed by huge pages where they are many.
#[must_use]
pub fn filled<T: Copy>(value: &[T], times: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(value.len() * times);
    advise_huge(values.spare_capacity_mut());
    for _ in 0..times {
        values.extend_from_slice(value);
    }
    values
}

/// Which of the seven 16-bit words at the start of `line` equal `check`, one bit each.
#[inline(always)]
#[must_use]
pub fn matching_ways(line: &[u8; 64], check: u16) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64; the load reads 16 of the 64 bytes.
    let hits = unsafe {
        let words = _mm_loadu_si128(line.as_ptr().cast::<__m128i>());
        let equal = _mm_cmpeq_epi16(words, _mm_set1_epi16(check as i16));
        _mm_movemask_epi8(_mm_packs_epi16(equal, equal)) as u32 & 0x7F
    };
    #[cfg(not(target_arch = "x86_64"))]
    let hits = matching_ways_scalar(line, check);
    hits
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn matching_ways_scalar(line: &[u8; 64], check: u16) -> u32 {
    (0..7).fold(0, |hits, way| {
        hits | u32::from(u16::from_le_bytes([line[2 * way], line[2 * way + 1]]) == check) << way
    })
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
    let (x, w) = (x.0.as_ptr().cast::<__m256i>(), w.0.as_ptr().cast::<__m256i>());
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

        #[test]
        fn ways_are_found_as_by_the_scalar_twin(bytes in prop::collection::vec(0..3_u8, 64), check in 0..3_u16) {
            let line: [u8; 64] = bytes.try_into().unwrap();
            for check in [check, check << 8, check * 257] {
                prop_assert_eq!(matching_ways(&line, check), matching_ways_scalar(&line, check));
            }
        }
    }

    #[test]
    fn lines_start_at_a_cache_line() {
        let (table, offset) = zeroed_lines(1000);
        assert_eq!((table.as_ptr() as usize + offset) % 64, 0);
        assert!(table.len() >= offset + 1000 && table.iter().all(|&b| b == 0));
    }
}
