//! The model `table` as Python functions.

use std::borrow::Cow;

use lmcodec_core::table::{self, Params};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::to_python;

/// Parameters, in the order of the Python functions.
fn params((level, terminator, columns): (u32, u8, u32)) -> Params {
    Params {
        level,
        terminator,
        columns,
    }
}

/// Memory in bytes that coding `count` symbols takes.
#[pyfunction]
pub fn table_memory_bytes(count: u64, level: u32, columns: u32) -> u64 {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    table::memory_bytes(count.min(table::MAX_COUNT), &params((level, 0, columns)))
}

/// Encodes cells to a payload.
#[pyfunction]
pub fn table_encode<'a>(
    py: Python<'_>,
    symbols: &[u8],
    level: u32,
    terminator: u8,
    columns: u32,
) -> PyResult<Cow<'a, [u8]>> {
    let params = params((level, terminator, columns));
    py.detach(|| table::encode(symbols, &params))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes `count` symbols from a payload.
#[pyfunction]
pub fn table_decode<'a>(
    py: Python<'_>,
    payload: &[u8],
    count: u64,
    level: u32,
    terminator: u8,
    columns: u32,
) -> PyResult<Cow<'a, [u8]>> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let params = params((level, terminator, columns));
    py.detach(|| table::decode(payload, count, &params))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes some columns of a payload of `count` symbols: the cells of each, with their terminators.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as Python gives it
pub fn table_decode_columns<'py>(
    py: Python<'py>,
    payload: &[u8],
    count: u64,
    wanted: Vec<usize>,
    level: u32,
    terminator: u8,
    columns: u32,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let params = params((level, terminator, columns));
    let cells = py
        .detach(|| table::decode_columns(payload, count, &params, &wanted))
        .map_err(|error| to_python(py, &error))?;
    Ok(cells.iter().map(|cells| PyBytes::new(py, cells)).collect())
}
