//! Products of a matrix and a vector.

use super::simd;
use super::tensors::{Shape, Tensors};
use super::{padded, UNIT};
use crate::{Error, Result};

/// Results are products times a scale, shifted right by this.
pub const SHIFT: u32 = 20;
/// Rows are padded with zeros to a multiple of this many.
pub const ROWS: usize = 4;
/// Largest magnitude of a bias.
const MAX_BIAS: u32 = 1 << 24;

/// A matrix of 8-bit weights with a scale for each row, and maybe a bias.
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    /// With padding.
    columns: usize,
    weights: Vec<i8>,
    scale: Vec<i32>,
    bias: Vec<i32>,
    reach: i64,
}

impl Matrix {
    /// Takes the tensors `name.weight` of `rows` by `columns`, `name.scale`, and `name.bias` if `biased`.
    ///
    /// # Errors
    /// [`Error::Weights`] when one is missing, has another shape, or values that are out of range.
    pub fn take(
        tensors: &Tensors<'_>,
        name: &str,
        (rows, columns): (usize, usize),
        biased: bool,
    ) -> Result<Self> {
        let narrow = tensors.steps(&format!("{name}.weight"), Shape::Matrix(rows, columns))?;
        let mut scale = tensors.numbers(&format!("{name}.scale"), rows)?;
        if scale.iter().any(|&scale| scale < 0) {
            return Err(Error::Weights {
                what: "scale of a matrix is negative",
            });
        }
        let reach = narrow
            .chunks_exact(columns)
            .zip(&scale)
            .map(|(row, &scale)| {
                let sum: i64 = row.iter().map(|&w| i64::from(w).abs()).sum();
                (sum * i64::from(UNIT) * i64::from(scale)) >> SHIFT
            })
            .max();
        let mut bias = if biased {
            tensors.numbers(&format!("{name}.bias"), rows)?
        } else {
            vec![0; rows]
        };
        if bias.iter().any(|bias| bias.unsigned_abs() > MAX_BIAS) {
            return Err(Error::Weights {
                what: "bias of a matrix is too large",
            });
        }
        let all = rows.div_ceil(ROWS) * ROWS;
        let wide = padded(columns);
        let mut weights = vec![0; all * wide];
        for (to, from) in weights
            .chunks_exact_mut(wide)
            .zip(narrow.chunks_exact(columns))
        {
            to[..columns].copy_from_slice(from);
        }
        scale.resize(all, 0);
        bias.resize(all, 0);
        Ok(Self {
            rows,
            columns: wide,
            weights,
            scale,
            bias,
            reach: reach.unwrap_or(0),
        })
    }

    /// The largest magnitude of a result, without the bias.
    #[must_use]
    pub fn reach(&self) -> i64 {
        self.reach
    }

    /// Rows, without padding.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Sets `out`, of as many values as there are rows, to the product with `steps`, which are padded with zeros.
    #[inline]
    pub fn set(&self, steps: &[i8], out: &mut [i32]) {
        simd::multiply::<false>(self.parts(), steps, &mut out[..self.rows]);
    }

    /// Adds the product with `steps` to `out`.
    #[inline]
    pub fn add(&self, steps: &[i8], out: &mut [i32]) {
        simd::multiply::<true>(self.parts(), steps, &mut out[..self.rows]);
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            columns: self.columns,
            weights: &self.weights,
            scale: &self.scale,
            bias: &self.bias,
        }
    }
}

/// What kernels see of a matrix.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// A multiple of [`super::LANES`].
    pub columns: usize,
    /// As many rows of them as there are scales, a multiple of [`ROWS`].
    pub weights: &'a [i8],
    /// Of each row.
    pub scale: &'a [i32],
    /// Of each row.
    pub bias: &'a [i32],
}

/// Brings sums of products to the unit of the result.
#[inline(always)]
pub fn finish<const ADD: bool>(sums: &[i32], scale: &[i32], bias: &[i32], out: &mut [i32]) {
    for (((out, &sum), &scale), &bias) in out.iter_mut().zip(sums).zip(scale).zip(bias) {
        let product = i64::from(sum) * i64::from(scale) + (1 << (SHIFT - 1));
        // The upper bits are those of the sign: results fit 32 bits.
        let value = ((product as u64 >> SHIFT) as i32).wrapping_add(bias);
        *out = if ADD { out.wrapping_add(value) } else { value };
    }
}
