//! The products on 64-bit Arm, all of which have these instructions.
#![allow(unsafe_code)]

use super::super::simd::{for_groups, put};
use super::super::{Matrix, Tail, COLUMNS, ROWS, SHIFT};
use std::arch::aarch64::{
    int32x4_t, int8x16_t, int8x8_t, vaddq_s32, vcombine_s32, vdup_n_u32, vdupq_n_s32,
    vget_high_s32, vget_high_s8, vget_low_s32, vget_low_s8, vld1q_s32, vld1q_s8, vmlal_s8,
    vmull_s32, vmull_s8, vpadalq_s16, vpaddq_s32, vreinterpret_s8_u32, vrshrn_n_s64, vst1q_s32,
};

/// Vectors of weights in a block, of four rows each.
const PARTS: usize = ROWS / 4;

/// As [`super::super::simd::multiply`].
#[target_feature(enable = "neon")]
pub fn multiply<const ADD: bool>(matrix: &Matrix, steps: &[u8], out: &mut [i32]) {
    for_groups(matrix, steps, out, |blocks, tail, steps, out| {
        let (steps, _) = steps.as_chunks::<COLUMNS>();
        let (steps, _) = steps.as_chunks::<2>();
        // Each has two sums of each of two rows.
        let mut sums = [[vdupq_n_s32(0); 2]; PARTS];
        for ([a, b], &[few, more]) in blocks.as_chunks::<2>().0.iter().zip(steps) {
            let (x, y) = (twice(few), twice(more));
            for (part, [low, high]) in sums.iter_mut().enumerate() {
                let a = weights(&a.0.as_chunks().0[part]);
                let b = weights(&b.0.as_chunks().0[part]);
                // Two products of magnitudes up to 127 fit 16 bits.
                let products = vmlal_s8(vmull_s8(vget_low_s8(a), x), vget_low_s8(b), y);
                *low = vpadalq_s16(*low, products);
                let products = vmlal_s8(vmull_s8(vget_high_s8(a), x), vget_high_s8(b), y);
                *high = vpadalq_s16(*high, products);
            }
        }
        let mut values = [0; ROWS];
        for (part, [low, high]) in sums.into_iter().enumerate() {
            let to = &mut values.as_chunks_mut().0[part];
            finish(vpaddq_s32(low, high), tail, part, to);
        }
        put::<ADD>(values, out);
    });
}

#[inline]
#[target_feature(enable = "neon")]
fn twice(few: [u8; COLUMNS]) -> int8x8_t {
    // Bytes of steps are below 128.
    vreinterpret_s8_u32(vdup_n_u32(u32::from_le_bytes(few)))
}

#[inline]
#[target_feature(enable = "neon")]
fn weights(bytes: &[i8; 16]) -> int8x16_t {
    // SAFETY: the array is as long as the vector.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(values: &[i32; ROWS], part: usize) -> int32x4_t {
    let values: &[i32; 4] = &values.as_chunks().0[part];
    // SAFETY: the array is as long as the vector.
    unsafe { vld1q_s32(values.as_ptr()) }
}

/// Brings four sums to the unit of the result.
#[inline]
#[target_feature(enable = "neon")]
fn finish(sums: int32x4_t, tail: &Tail, part: usize, values: &mut [i32; 4]) {
    let sums = vaddq_s32(sums, load(&tail.start, part));
    let scale = load(&tail.scale, part);
    let low = vmull_s32(vget_low_s32(sums), vget_low_s32(scale));
    let high = vmull_s32(vget_high_s32(sums), vget_high_s32(scale));
    let scaled = vcombine_s32(vrshrn_n_s64::<SHIFT>(low), vrshrn_n_s64::<SHIFT>(high));
    let value = vaddq_s32(scaled, load(&tail.bias, part));
    // SAFETY: the array is as long as the vector.
    unsafe { vst1q_s32(values.as_mut_ptr(), value) };
}
