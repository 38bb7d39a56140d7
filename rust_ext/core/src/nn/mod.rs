//! A small runtime of integer networks: weights and inputs of 8 bits, sums of 32, functions by table.
//!
//! Every operation is exact, and each sum stays in its type whatever the inputs, so results do not depend on the
//! processor, nor on the order of additions. Inputs are *steps*, from -127 to 127: the sum of two products then fits
//! 16 bits, as vector units want it.

// Fixed-point arithmetic: the ranges are in the comments.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod gates;
pub mod matrix;
pub mod norm;
pub mod simd;
pub mod tensors;

/// Largest magnitude of a weight or an input of a matrix.
pub const UNIT: i32 = 127;
/// Inputs of a matrix are padded with zeros to a multiple of this many: one vector.
pub const LANES: usize = 32;

/// A length, padded to whole vectors.
#[must_use]
pub const fn padded(length: usize) -> usize {
    length.div_ceil(LANES) * LANES
}

/// Values clipped to steps.
#[inline(always)]
#[must_use]
pub fn step(value: i64) -> i8 {
    value.clamp(i64::from(-UNIT), i64::from(UNIT)) as i8
}
