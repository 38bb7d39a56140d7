//! The kernels, compiled for processors with longer vectors.
#![allow(unsafe_code)]

use super::kernels::{self, Matrix};
use super::GROUP;
use crate::lm::dot::simd::compiled;
#[cfg(target_arch = "x86_64")]
use crate::lm::dot::simd::Kind;
use crate::lm::dot::Simd;

compiled! {
    /// As [`kernels::mix`].
    mix[L] = kernels::mix(matrix: &Matrix, input: &[[f32; L]], out: &mut [[f32; L]]);
    /// As [`kernels::rescale`].
    rescale[L] = kernels::rescale(values: &mut [[f32; L]]);
    /// As [`kernels::multiply`].
    multiply[L] = kernels::multiply(values: &mut [[f32; L]], by: &[[f32; L]]);
    /// As [`kernels::group`].
    group[L] = kernels::group(values: &[[f32; GROUP]], weights: &[[f32; L]], lane: usize) -> [f32; GROUP];
}
