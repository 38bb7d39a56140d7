//! The products on 64-bit Arm, all of which have these instructions.
#![allow(unsafe_code)]

use super::super::simd::{for_groups, put};
use super::super::{Block, HalfBlock, Part, Tail, COLUMNS, HALF, ROWS, SHIFT};
use std::arch::aarch64::{
    int32x4_t, int8x16_t, int8x8_t, vaddq_s32, vandq_u8, vcombine_s32, vdup_n_u32, vdupq_n_s32,
    vdupq_n_s8, vdupq_n_u8, vget_high_s32, vget_high_s8, vget_low_s32, vget_low_s8, vld1q_s32,
    vld1q_s8, vld1q_u8, vmlal_s8, vmull_s32, vmull_s8, vpadalq_s16, vpaddq_s32,
    vreinterpret_s8_u32, vreinterpretq_s8_u8, vrshrn_n_s64, vshrq_n_s8, vst1q_s32, vsubq_s8,
};

/// Vectors of weights in a block, of four rows each.
const PARTS: usize = ROWS / 4;

/// Writes a kernel: how the weights of two blocks are read, which is `$weights`, is what differs.
macro_rules! kernel {
    ($name:ident, $block:ty, $weights:ident) => {
        #[target_feature(enable = "neon")]
        pub fn $name<const ADD: bool>(
            matrix: &Part<'_>,
            blocks: &[$block],
            steps: &[u8],
            out: &mut [i32],
        ) {
            for_groups(matrix, blocks, steps, out, |_, blocks, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<COLUMNS>();
                let (steps, _) = steps.as_chunks::<2>();
                // Each has two sums of each of two rows.
                let mut sums = [[vdupq_n_s32(0); 2]; PARTS];
                let blocks = blocks.as_chunks::<2>().0;
                for (blocks, &[few, more]) in blocks.iter().zip(steps) {
                    let (x, y) = (twice(few), twice(more));
                    for (part, [low, high]) in sums.iter_mut().enumerate() {
                        let [a, b] = $weights(blocks, part);
                        // Two products of magnitudes up to 127 fit 16 bits.
                        let products = vmull_s8(vget_low_s8(a), x);
                        *low = vpadalq_s16(*low, vmlal_s8(products, vget_low_s8(b), y));
                        let products = vmull_s8(vget_high_s8(a), x);
                        *high = vpadalq_s16(*high, vmlal_s8(products, vget_high_s8(b), y));
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
    };
}

kernel!(multiply, Block, weights);
kernel!(multiply_halves, HalfBlock, halves);

#[inline]
#[target_feature(enable = "neon")]
fn twice(few: [u8; COLUMNS]) -> int8x8_t {
    // Bytes of steps are below 128.
    vreinterpret_s8_u32(vdup_n_u32(u32::from_le_bytes(few)))
}

#[inline]
#[target_feature(enable = "neon")]
fn weights(blocks: &[Block; 2], part: usize) -> [int8x16_t; 2] {
    let [a, b] = blocks;
    let load = |block: &Block| {
        let bytes: &[i8; 16] = &block.0.as_chunks().0[part];
        // SAFETY: the array is as long as the vector.
        unsafe { vld1q_s8(bytes.as_ptr()) }
    };
    [load(a), load(b)]
}

#[inline]
#[target_feature(enable = "neon")]
fn halves(blocks: &[HalfBlock; 2], part: usize) -> [int8x16_t; 2] {
    let [a, b] = blocks;
    let load = |block: &HalfBlock| {
        let bytes: &[u8; 16] = &block.0.as_chunks().0[part % (PARTS / 2)];
        // SAFETY: the array is as long as the vector.
        let bytes = unsafe { vld1q_u8(bytes.as_ptr()) };
        if part < PARTS / 2 {
            let low = vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15)));
            vsubq_s8(low, vdupq_n_s8(HALF as i8))
        } else {
            vshrq_n_s8::<4>(vreinterpretq_s8_u8(bytes))
        }
    };
    [load(a), load(b)]
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
