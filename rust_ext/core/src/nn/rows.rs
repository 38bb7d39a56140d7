//! Tables of rows of 4-bit values, each row with a scale.

mod simd;

use super::tensors::{Shape, Tensors};
use super::vectors::Vectors;
use crate::{Error, Result};

/// What is taken from a half of a byte: values are from -8 to 7.
const HALF: i32 = 8;
/// Largest scale.
const MAX_SCALE: i32 = 1 << 24;

/// Rows that are summed, at most.
pub const MOST: usize = 8;

/// A table of rows.
#[derive(Debug)]
pub struct Rows {
    /// Bytes of a row, each of two values.
    pairs: usize,
    values: Vec<u8>,
    scale: Vec<i32>,
}

impl Rows {
    /// Takes the tensors `name` of `rows` by half of `width`, and `name.scale`.
    ///
    /// # Errors
    /// [`Error::Weights`] when one is missing, has another shape, or values that are out of range.
    pub fn take(tensors: &Tensors<'_>, name: &str, rows: usize, width: usize) -> Result<Self> {
        let scale = tensors.numbers(&format!("{name}.scale"), rows)?;
        if scale.iter().any(|scale| !(0..=MAX_SCALE).contains(scale)) {
            return Err(Error::Weights {
                what: "scale of a table",
            });
        }
        let pairs = width / 2;
        Ok(Self {
            pairs,
            values: tensors.bytes_of(name, Shape::Matrix(rows, pairs))?.to_vec(),
            scale,
        })
    }

    /// The largest magnitude of a value of these rows, times their scale.
    #[must_use]
    pub fn reach(&self, rows: std::ops::Range<usize>) -> i64 {
        let largest = self.scale[rows].iter().copied().max();
        i64::from(HALF) * i64::from(largest.unwrap_or(0))
    }

    /// Sets `sums`, of twice as many values as a row has bytes, to the sum of some rows, [`MOST`] at most.
    #[inline]
    pub fn sum(&self, rows: &[usize], sums: &mut [i32]) {
        let row = |&row: &usize| {
            (
                &self.values[row * self.pairs..][..self.pairs],
                self.scale[row],
            )
        };
        let mut few = [(&[][..], 0); MOST];
        for (to, at) in few.iter_mut().zip(rows) {
            *to = row(at);
        }
        simd::sum(
            Vectors::best(),
            &few[..rows.len()],
            &mut sums[..2 * self.pairs],
        );
    }
}
