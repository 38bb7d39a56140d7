//! Vector kernels with bit-equal scalar twins, chosen at run time.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // a `Line` is aligned to 64 bytes; the other load allows any address

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, __m256i, _mm256_add_epi32, _mm256_adds_epi16, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_load_si256, _mm256_madd_epi16, _mm256_mulhrs_epi16,
    _mm256_set1_epi16, _mm256_setzero_si256, _mm256_store_si256, _mm_add_epi32, _mm_cmpeq_epi16,
    _mm_cvtsi128_si32, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_prefetch,
    _mm_set1_epi16, _mm_shuffle_epi32, _MM_HINT_T0,
};

/// One cache line of mixer inputs or weights.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Line(pub [i16; 32]);

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

/// `Σ x·w`, wrapping in 32 bits.
#[inline(always)]
#[must_use]
pub fn dot(avx2: bool, x: &[Line], w: &[Line]) -> i32 {
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn dot_avx2(x: &[Line], w: &[Line]) -> i32 {
    let mut sums = [_mm256_setzero_si256(); 2];
    for (x, w) in x.iter().zip(w) {
        for (k, sum) in sums.iter_mut().enumerate() {
            // SAFETY: a line holds two vectors and is aligned.
            let (a, b) = unsafe {
                (
                    _mm256_load_si256(x.0.as_ptr().add(16 * k).cast::<__m256i>()),
                    _mm256_load_si256(w.0.as_ptr().add(16 * k).cast::<__m256i>()),
                )
            };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(a, b));
        }
    }
    let sum = _mm256_add_epi32(sums[0], sums[1]);
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
unsafe fn train_avx2(x: &[Line], w: &mut [Line], e: i16) {
    let error = _mm256_set1_epi16(e);
    for (x, w) in x.iter().zip(w) {
        for k in 0..2 {
            // SAFETY: a line holds two vectors and is aligned.
            unsafe {
                let a = _mm256_load_si256(x.0.as_ptr().add(16 * k).cast::<__m256i>());
                let at = w.0.as_mut_ptr().add(16 * k).cast::<__m256i>();
                let b = _mm256_load_si256(at);
                _mm256_store_si256(at, _mm256_adds_epi16(b, _mm256_mulhrs_epi16(a, error)));
            }
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
            prop_assert_eq!(dot(has_avx2(), &x, &w), dot_scalar(&x, &w));
            let (mut fast, mut plain) = (w.clone(), w);
            train(has_avx2(), &x, &mut fast, e);
            train_scalar(&x, &mut plain, e);
            prop_assert_eq!(flat_mut(&mut fast), flat_mut(&mut plain));
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
