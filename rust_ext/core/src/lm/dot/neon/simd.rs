//! Registers of 64-bit Arm.
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc)] // that of the trait
#![allow(clippy::needless_range_loop)] // as in the kernels

use super::super::kernel::simd::{self as kernel, Vector};
use super::super::{half, Rows, LANES};
use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vcombine_f32, vcvtq_f32_s32, vdup_n_u32, vdupq_n_f32, vget_high_f32,
    vget_low_f32, vget_low_s16, vgetq_lane_f32, vld1_u16, vld1q_f32, vmovl_s16, vmovl_s8,
    vmovl_u16, vmulq_f32, vpaddq_f32, vreinterpret_s8_u32, vreinterpretq_f32_u32, vshlq_n_u32,
    vst1q_f32,
};

impl Vector for float32x4_t {
    const WIDTH: usize = 4;
    #[inline(always)]
    unsafe fn zero() -> Self {
        vdupq_n_f32(0.0)
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        vdupq_n_f32(value)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        vld1q_f32(from)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        vst1q_f32(to, self);
    }
    #[inline(always)]
    unsafe fn fetch(_: *const u8) {
        // The instruction is not to be had in safe or stable ways; processors look ahead themselves.
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        let few: [f32; 4] = std::array::from_fn(|i| half(*from.add(i)));
        vld1q_f32(few.as_ptr())
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(vld1_u16(from))))
    }
    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        let bytes = vreinterpret_s8_u32(vdup_n_u32(from.cast::<u32>().read_unaligned()));
        vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))))
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        vaddq_f32(self, other)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        vmulq_f32(self, other)
    }
    #[inline(always)]
    unsafe fn sum<const PARTS: usize>(lanes: [Self; PARTS]) -> f32 {
        let low = vaddq_f32(lanes[0], lanes[2]);
        let four = vaddq_f32(low, vaddq_f32(lanes[1], lanes[3]));
        let even = vgetq_lane_f32::<0>(four) + vgetq_lane_f32::<2>(four);
        even + (vgetq_lane_f32::<1>(four) + vgetq_lane_f32::<3>(four))
    }
    #[inline(always)]
    unsafe fn fold<const PARTS: usize>(lanes: [Self; PARTS], to: *mut f32) {
        let low = vaddq_f32(lanes[0], lanes[2]);
        vaddq_f32(low, vaddq_f32(lanes[1], lanes[3])).store(to);
    }
    #[inline(always)]
    unsafe fn sums(lanes: *const f32) -> Self {
        let mut four = [Self::zero(); 4];
        for i in 0..4 {
            four[i] = vld1q_f32(lanes.add(i * LANES));
        }
        let mut two = [Self::zero(); 2];
        for i in 0..2 {
            let (a, b) = (four[2 * i], four[2 * i + 1]);
            let low = vcombine_f32(vget_low_f32(a), vget_low_f32(b));
            two[i] = vaddq_f32(low, vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
        }
        vpaddq_f32(two[0], two[1])
    }
}

#[target_feature(enable = "neon")]
pub unsafe fn products(rows: Rows<'_>, width: usize, vectors: &[f32], out: &mut [f32]) {
    kernel::products::<float32x4_t, 4, 2, 3>(rows, width, vectors, out);
}

#[target_feature(enable = "neon")]
pub unsafe fn mix(weights: &[f32], values: &[f32], out: &mut [f32]) {
    kernel::mix::<float32x4_t, 8>(weights, values, out);
}
