//! Norms.

use super::dot::simd::{squares, sum};
use super::dot::Simd;
use super::model::Norm;

/// Divides values by the root of the mean of their squares, and multiplies them with weights. Where there is something
/// to add, the mean is taken away before.
#[allow(clippy::cast_precision_loss)] // lengths are at most 2^15
pub fn in_place(by: Simd, norm: &Norm, epsilon: f32, values: &mut [f32]) {
    let count = values.len() as f32;
    if norm.bias.is_some() {
        let mean = sum(by, values) / count;
        for x in &mut *values {
            *x -= mean;
        }
    }
    let scale = 1.0 / (squares(by, values) / count + epsilon).sqrt();
    let weights = norm.weight.iter();
    if let Some(bias) = &norm.bias {
        for ((x, weight), bias) in values.iter_mut().zip(weights).zip(bias) {
            *x = *x * scale * weight + bias;
        }
    } else {
        for (x, weight) in values.iter_mut().zip(weights) {
            *x = *x * scale * weight;
        }
    }
}
