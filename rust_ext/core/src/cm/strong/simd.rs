//! Memory in cache lines, look-ups in a line, and the choice of code by processor.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // a `Line` is aligned to 64 bytes; the other load allows any address

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi16, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_prefetch,
    _mm_set1_epi16, _MM_HINT_T0,
};

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
    let lines = (count * std::mem::size_of::<T>()).div_ceil(LINE_BYTES);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        // Two at a time: the instructions of the loop itself count.
        for pair in 0..lines / 2 {
            _mm_prefetch(start.wrapping_add(2 * LINE_BYTES * pair), _MM_HINT_T0);
            _mm_prefetch(
                start.wrapping_add(2 * LINE_BYTES * pair + LINE_BYTES),
                _MM_HINT_T0,
            );
        }
        if lines % 2 == 1 {
            _mm_prefetch(start.wrapping_add((lines - 1) * LINE_BYTES), _MM_HINT_T0);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, lines);
}

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

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
pub fn step(avx2: bool, model: &mut super::Strong<'_>, bit: u32) {
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
unsafe fn step_avx2(model: &mut super::Strong<'_>, bit: u32) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ways_are_found_as_by_the_scalar_twin(bytes in prop::collection::vec(0..3_u8, 64), check in 0..3_u16) {
            let line: [u8; 64] = bytes.try_into().unwrap();
            for check in [check, check << 8, check * 257] {
                prop_assert_eq!(matching_ways(&line, check), matching_ways_scalar(&line, check));
            }
        }
    }
}
