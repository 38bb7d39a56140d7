//! Products of matrices and rows of inputs, by several threads.

use super::config::Activation;
use super::dot::simd::{gelu_erf, gelu_tanh, products, silu};
use super::dot::Simd;
use super::grid::Grid;
use super::model::Linear;
use super::pool::{Pool, Work};
use super::weights::Matrix;
use std::sync::Arc;

/// The most rows of a matrix in a part: inputs are copied for each, which should take little of its time.
const ROWS: usize = 512;
/// Parts for each thread, so that none waits long for the last one.
const PARTS: usize = 4;

/// A matrix, and where its products go.
pub struct Product<'m> {
    /// The matrix.
    pub linear: &'m Linear,
    /// A row for each input.
    pub out: Arc<Grid>,
}

/// Rows of a matrix in a part.
fn step(pool: &Pool<'_>, rows: usize) -> usize {
    (rows / (PARTS * pool.threads()))
        .next_multiple_of(4)
        .clamp(4, ROWS)
}

/// Products of a few rows, with scales and biases.
fn some(
    by: Simd,
    matrix: &Matrix,
    bias: Option<&Vec<f32>>,
    (first, count): (usize, usize),
    input: &[f32],
) -> Vec<f32> {
    let width = matrix.width();
    let mut out = vec![0.0; input.len() / width * count];
    products(by, matrix.some(first, count), width, input, &mut out);
    if let Some(scales) = matrix.scales() {
        for out in out.chunks_exact_mut(count) {
            out.iter_mut()
                .zip(&scales[first..])
                .for_each(|(x, scale)| *x *= scale);
        }
    }
    if let Some(bias) = bias {
        for out in out.chunks_exact_mut(count) {
            out.iter_mut()
                .zip(&bias[first..])
                .for_each(|(x, bias)| *x += bias);
        }
    }
    out
}

fn put(out: &Grid, first: usize, count: usize, values: &[f32]) {
    for (row, values) in values.chunks_exact(count).enumerate() {
        for (i, &value) in values.iter().enumerate() {
            out.put(row, first + i, value);
        }
    }
}

/// Computes the products of some matrices and the same inputs.
pub fn project<'m>(
    pool: &Pool<'m>,
    by: Simd,
    all: Vec<Product<'m>>,
    input: &Arc<Vec<f32>>,
    inputs: usize,
) {
    let rows: usize = all.iter().map(|product| product.linear.matrix.rows()).sum();
    let step = step(pool, rows);
    let mut parts = Vec::new();
    for (which, product) in all.iter().enumerate() {
        let rows = product.linear.matrix.rows();
        parts.extend(
            (0..rows)
                .step_by(step)
                .map(|first| (which, first, step.min(rows - first))),
        );
    }
    let cost = rows * all[0].linear.matrix.width() * inputs;
    let (input, count) = (Arc::clone(input), parts.len());
    let work: Work<'m> = Arc::new(move |part| {
        let (which, first, count) = parts[part];
        let Product { linear, out } = &all[which];
        let values = some(
            by,
            &linear.matrix,
            linear.bias.as_ref(),
            (first, count),
            &input,
        );
        put(out, first, count, &values);
    });
    pool.run_if(cost, count, &work);
}

/// Computes the hidden values of a unit.
pub fn unit<'m>(
    pool: &Pool<'m>,
    by: Simd,
    gate: Option<&'m Linear>,
    up: Product<'m>,
    activation: Activation,
    input: &Arc<Vec<f32>>,
    inputs: usize,
) {
    let rows = up.linear.matrix.rows();
    let step = step(pool, rows);
    let cost = rows * up.linear.matrix.width() * inputs;
    let input = Arc::clone(input);
    let work: Work<'m> = Arc::new(move |part| {
        let first = part * step;
        let which = (first, step.min(rows - first));
        let linear =
            |linear: &Linear| some(by, &linear.matrix, linear.bias.as_ref(), which, &input);
        let mut values = linear(gate.unwrap_or(up.linear));
        match activation {
            Activation::Silu => silu(by, &mut values),
            Activation::GeluTanh => gelu_tanh(by, &mut values),
            Activation::GeluErf => gelu_erf(by, &mut values),
        }
        if gate.is_some() {
            let up = linear(up.linear);
            values.iter_mut().zip(up).for_each(|(x, up)| *x *= up);
        }
        put(&up.out, first, which.1, &values);
    });
    pool.run_if(cost, rows.div_ceil(step), &work);
}

/// Computes logits.
pub fn logits<'m>(
    pool: &Pool<'m>,
    by: Simd,
    matrix: &'m Matrix,
    out: &Arc<Grid>,
    input: &Arc<Vec<f32>>,
    inputs: usize,
) {
    let rows = matrix.rows();
    let step = step(pool, rows);
    let (out, input) = (Arc::clone(out), Arc::clone(input));
    let cost = rows * matrix.width() * inputs;
    let work: Work<'m> = Arc::new(move |part| {
        let first = part * step;
        let count = step.min(rows - first);
        put(
            &out,
            first,
            count,
            &some(by, matrix, None, (first, count), &input),
        );
    });
    pool.run_if(cost, rows.div_ceil(step), &work);
}
