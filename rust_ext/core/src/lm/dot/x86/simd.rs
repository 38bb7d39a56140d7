//! Registers of x86.
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc)] // that of the trait
#![allow(clippy::needless_range_loop)] // as in the kernels
#![allow(clippy::cast_ptr_alignment)] // the loads allow any address

use super::super::kernel::simd::{self as kernel, Vector};
use super::super::{Rows, LANES};
use std::arch::x86_64::{
    __m128i, __m256, __m256i, __m512, _mm256_add_ps, _mm256_castpd_ps, _mm256_castps256_ps128,
    _mm256_castps_pd, _mm256_castsi256_ps, _mm256_cvtepi32_ps, _mm256_cvtepi8_epi32,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_extractf128_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_permutevar8x32_ps,
    _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_slli_epi32,
    _mm256_storeu_ps, _mm512_add_ps, _mm512_castpd256_pd512, _mm512_castpd_ps,
    _mm512_castps512_ps256, _mm512_castps_pd, _mm512_castsi512_ps, _mm512_cvtepi32_ps,
    _mm512_cvtepi8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_extractf64x4_pd,
    _mm512_insertf64x4, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_storeu_ps, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadl_epi64,
    _mm_loadu_si128, _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps, _MM_HINT_T1,
};

impl Vector for __m256 {
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn zero() -> Self {
        _mm256_setzero_ps()
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        _mm256_set1_ps(value)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        _mm256_loadu_ps(from)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm256_storeu_ps(to, self);
    }
    #[inline(always)]
    unsafe fn fetch(from: *const u8) {
        _mm_prefetch::<_MM_HINT_T1>(from.cast());
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        _mm256_cvtph_ps(_mm_loadu_si128(from.cast::<__m128i>()))
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast::<__m128i>()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
    }
    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        let bytes = _mm_loadl_epi64(from.cast::<__m128i>());
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        _mm256_add_ps(self, other)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        _mm256_mul_ps(self, other)
    }
    #[inline(always)]
    unsafe fn sum<const PARTS: usize>(lanes: [Self; PARTS]) -> f32 {
        let eight = _mm256_add_ps(lanes[0], lanes[1]);
        let low = _mm256_castps256_ps128(eight);
        let four = _mm_add_ps(low, _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
    #[inline(always)]
    unsafe fn fold<const PARTS: usize>(lanes: [Self; PARTS], to: *mut f32) {
        lanes[0].add(lanes[1]).store(to);
    }
    #[inline(always)]
    unsafe fn sums(lanes: *const f32) -> Self {
        let mut four = [Self::zero(); 4];
        for i in 0..4 {
            // Those of two, in the halves of one register.
            let a = Self::load(lanes.add(2 * i * LANES));
            let from = lanes.add((2 * i + 1) * LANES);
            let b = Self::load(from);
            let low = _mm256_permute2f128_ps::<0x20>(a, b);
            four[i] = low.add(_mm256_permute2f128_ps::<0x31>(a, b));
        }
        let mut two = [Self::zero(); 2];
        for i in 0..2 {
            let (a, b) = (four[2 * i], four[2 * i + 1]);
            two[i] = _mm256_shuffle_ps::<0x44>(a, b).add(_mm256_shuffle_ps::<0xEE>(a, b));
        }
        let even = _mm256_shuffle_ps::<0x88>(two[0], two[1]);
        let one = even.add(_mm256_shuffle_ps::<0xDD>(two[0], two[1]));
        _mm256_permutevar8x32_ps(one, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
    }
}

impl Vector for __m512 {
    const WIDTH: usize = 16;
    #[inline(always)]
    unsafe fn zero() -> Self {
        _mm512_setzero_ps()
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        _mm512_set1_ps(value)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        _mm512_loadu_ps(from)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm512_storeu_ps(to, self);
    }
    #[inline(always)]
    unsafe fn fetch(from: *const u8) {
        _mm_prefetch::<_MM_HINT_T1>(from.cast());
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        _mm512_cvtph_ps(_mm256_loadu_si256(from.cast::<__m256i>()))
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast::<__m256i>()));
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
    }
    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        let bytes = _mm_loadu_si128(from.cast::<__m128i>());
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        _mm512_add_ps(self, other)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        _mm512_mul_ps(self, other)
    }
    #[inline(always)]
    unsafe fn sum<const PARTS: usize>(lanes: [Self; PARTS]) -> f32 {
        let low = _mm512_castps512_ps256(lanes[0]);
        let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(lanes[0]));
        <__m256 as Vector>::sum([low, _mm256_castpd_ps(high)])
    }
    #[inline(always)]
    unsafe fn fold<const PARTS: usize>(lanes: [Self; PARTS], to: *mut f32) {
        let low = _mm512_castps512_ps256(lanes[0]);
        let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(lanes[0]));
        low.add(_mm256_castpd_ps(high)).store(to);
    }
    #[inline(always)]
    unsafe fn sums(lanes: *const f32) -> Self {
        let low = _mm256_castps_pd(<__m256 as Vector>::sums(lanes));
        let high = _mm256_castps_pd(<__m256 as Vector>::sums(lanes.add(8 * LANES)));
        let both = _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(low), high);
        _mm512_castpd_ps(both)
    }
}

#[target_feature(enable = "avx2,f16c")]
pub unsafe fn products_avx2(rows: Rows<'_>, width: usize, vectors: &[f32], out: &mut [f32]) {
    kernel::products::<__m256, 2, 3, 2>(rows, width, vectors, out);
}

#[target_feature(enable = "avx2,f16c,avx512f")]
pub unsafe fn products_avx512(rows: Rows<'_>, width: usize, vectors: &[f32], out: &mut [f32]) {
    kernel::products::<__m512, 1, 4, 4>(rows, width, vectors, out);
}

#[target_feature(enable = "avx2,f16c")]
pub unsafe fn mix_avx2(weights: &[f32], values: &[f32], out: &mut [f32]) {
    kernel::mix::<__m256, 8>(weights, values, out);
}

#[target_feature(enable = "avx2,f16c,avx512f")]
pub unsafe fn mix_avx512(weights: &[f32], values: &[f32], out: &mut [f32]) {
    kernel::mix::<__m512, 4>(weights, values, out);
}
