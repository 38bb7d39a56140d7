//! Tables of categories with latent labels, as Python functions.

use std::borrow::Cow;

use lmcodec_core::latent::{self, Labels};
use pyo3::prelude::*;

use crate::errors::to_python;

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Bytes of memory that coding a table of so many columns takes, besides symbols.
#[pyfunction]
pub fn latent_memory_bytes(count: u64, columns: u64) -> usize {
    latent::memory_bytes(size(count), size(columns))
}

/// Encodes a table of bytes, row by row, with a label of each row and each column.
#[pyfunction]
pub fn latent_encode<'a>(
    py: Python<'_>,
    symbols: &[u8],
    rows: &[u8],
    columns: &[u8],
    is_kept: bool,
    step: u32,
) -> PyResult<Cow<'a, [u8]>> {
    let labels = Labels {
        rows,
        columns,
        is_kept,
        step,
    };
    py.detach(|| latent::encode(symbols, &labels))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes `count` bytes of a table of so many columns.
#[pyfunction]
pub fn latent_decode<'a>(
    py: Python<'_>,
    payload: &[u8],
    count: u64,
    columns: u64,
) -> PyResult<Cow<'a, [u8]>> {
    py.detach(|| latent::decode(payload, size(count), size(columns)))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}
