//! Steps that the kernels for AVX2 have in common.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // the loads and stores allow any address

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_blend_epi32, _mm256_castsi256_si128, _mm256_i32gather_epi32,
    _mm256_loadu_si256, _mm256_max_epi32, _mm256_min_epi32, _mm256_mul_epi32, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_setr_epi32, _mm256_sll_epi64, _mm256_srl_epi64, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm_cvtsi32_si128, _mm_storel_epi64,
};

/// Values in a vector.
pub const WIDE: usize = 8;

#[inline]
#[target_feature(enable = "avx2")]
pub fn load(values: &[i32; WIDE]) -> __m256i {
    // SAFETY: the array is as long as the vector.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn load_bytes(bytes: &[i8; 32]) -> __m256i {
    // SAFETY: the array is as long as the vector.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn store(values: &mut [i32; WIDE], vector: __m256i) {
    // SAFETY: the array is as long as the vector.
    unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), vector) }
}

/// Writes values from 0 to 255 as bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_bytes(bytes: &mut [u8; WIDE], values: __m256i) {
    let pairs = _mm256_packs_epi32(values, values);
    // Each half has four bytes, several times.
    let bytes_of = _mm256_packus_epi16(pairs, pairs);
    let order = _mm256_setr_epi32(0, 4, 0, 0, 0, 0, 0, 0);
    let all = _mm256_permutevar8x32_epi32(bytes_of, order);
    // SAFETY: the array has eight bytes, as are written.
    unsafe { _mm_storel_epi64(bytes.as_mut_ptr().cast(), _mm256_castsi256_si128(all)) };
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn clamp(values: __m256i, least: i32, most: i32) -> __m256i {
    let values = _mm256_max_epi32(values, _mm256_set1_epi32(least));
    _mm256_min_epi32(values, _mm256_set1_epi32(most))
}

/// Takes values out of a table; places that are not in it are those of its ends.
#[inline]
#[target_feature(enable = "avx2")]
pub fn gather<const N: usize>(table: &[i32; N], places: __m256i) -> __m256i {
    let places = clamp(places, 0, N as i32 - 1);
    // SAFETY: all places are in the table.
    unsafe { _mm256_i32gather_epi32::<4>(table.as_ptr(), places) }
}

/// `(a * b + more) >> SHIFT` of each pair of values, where that fits 32 bits, with products of 64.
#[inline]
#[target_feature(enable = "avx2")]
pub fn scaled<const SHIFT: i32>(a: __m256i, b: __m256i, more: i64) -> __m256i {
    let more = _mm256_set1_epi64x(more);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
    let even = _mm256_add_epi64(_mm256_mul_epi32(a, b), more);
    let odd = _mm256_add_epi64(odd, more);
    // Upper bits are not kept, so the sign needs no care.
    let even = _mm256_srl_epi64(even, _mm_cvtsi32_si128(SHIFT));
    let odd = _mm256_sll_epi64(odd, _mm_cvtsi32_si128(32 - SHIFT));
    _mm256_blend_epi32::<0b1010_1010>(even, odd)
}
