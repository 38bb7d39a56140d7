//! The kernels, compiled for processors with longer vectors.
#![allow(unsafe_code)]

use super::kernels::{self, Matrix};
use super::{Lanes, GROUP};
use crate::lm::dot::simd::compiled;
#[cfg(target_arch = "x86_64")]
use crate::lm::dot::simd::Kind;
use crate::lm::dot::Simd;

compiled! {
    /// As [`kernels::mix`].
    mix = kernels::mix(matrix: &Matrix, input: &[Lanes], out: &mut [Lanes]);
    /// As [`kernels::rescale`].
    rescale = kernels::rescale(values: &mut [Lanes]);
    /// As [`kernels::multiply`].
    multiply = kernels::multiply(values: &mut [Lanes], by: &[Lanes]);
    /// As [`kernels::group`].
    group = kernels::group(values: &[[f32; GROUP]], weights: &[Lanes], lane: usize) -> [f32; GROUP];
}
