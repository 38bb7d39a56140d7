//! A small runtime of integer networks: weights of 8 or 4 bits, inputs of 7, sums of 32, functions by table.
//!
//! Every operation is exact, and each sum stays in its type whatever the inputs, so results do not depend on the
//! processor, nor on the order of additions. Inputs of matrices are *steps*, from -64 to 63, kept in bytes as they are
//! above [`ZERO`]: the sum of two products of such bytes and weights then fits 16 bits, as vector units want it.

// Fixed-point arithmetic: the ranges are in the comments.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod exp2;
pub mod gates;
pub mod matrix;
pub mod norm;
pub mod rows;
#[cfg(target_arch = "x86_64")]
mod simd;
pub mod tensors;
pub mod vectors;

/// Largest magnitude of a weight of a matrix, and the largest input.
pub const UNIT: i32 = 127;
/// The byte of a step of zero.
pub const ZERO: i32 = 64;
/// Inputs of a matrix are padded to a multiple of this many bytes, of any value that inputs have.
pub const LANES: usize = 16;

/// A length, padded to whole vectors.
#[must_use]
pub const fn padded(length: usize) -> usize {
    length.div_ceil(LANES) * LANES
}

/// The byte of a value clipped to steps.
#[inline(always)]
#[must_use]
pub fn step(value: i64) -> u8 {
    (value.clamp(i64::from(-ZERO), i64::from(ZERO - 1)) + i64::from(ZERO)) as u8
}
