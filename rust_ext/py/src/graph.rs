//! Graphs as Python functions.
// Arguments of Python functions arrive as values.
#![allow(clippy::needless_pass_by_value)]

use std::borrow::Cow;

use lmcodec_core::graph;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors::to_python;

/// Bytes of memory that coding takes, besides symbols.
#[pyfunction]
pub fn graph_memory_bytes(count: u64) -> usize {
    graph::memory_bytes(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Whether numbers are links of a graph that is coded as one.
#[pyfunction]
pub fn graph_is_graph(py: Python<'_>, pairs: PyReadonlyArray1<'_, u32>) -> PyResult<bool> {
    let pairs = slice(&pairs)?;
    Ok(py.detach(|| graph::is_graph(pairs)))
}

/// Whether numbers are links of a graph that is coded as one, or whose super-nodes save much.
#[pyfunction]
pub fn graph_pays(py: Python<'_>, pairs: PyReadonlyArray1<'_, u32>) -> PyResult<bool> {
    let pairs = slice(&pairs)?;
    py.detach(|| graph::pays(pairs))
        .map_err(|error| to_python(py, &error))
}

/// Bytes as lists and as blocks, where links can be coded so.
#[pyfunction]
pub fn graph_lengths(
    py: Python<'_>,
    pairs: PyReadonlyArray1<'_, u32>,
) -> PyResult<(Option<usize>, Option<usize>)> {
    let pairs = slice(&pairs)?;
    py.detach(|| graph::lengths(pairs))
        .map_err(|error| to_python(py, &error))
}

/// Encodes links as pairs of source and target.
#[pyfunction]
pub fn graph_encode<'a>(
    py: Python<'_>,
    pairs: PyReadonlyArray1<'_, u32>,
) -> PyResult<Cow<'a, [u8]>> {
    let pairs = slice(&pairs)?;
    py.detach(|| graph::encode(pairs))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes `count` numbers from a payload.
#[pyfunction]
pub fn graph_decode<'py>(
    py: Python<'py>,
    payload: &[u8],
    count: u64,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    py.detach(|| graph::decode(payload, count))
        .map(|numbers| numbers.into_pyarray(py))
        .map_err(|error| to_python(py, &error))
}

fn slice<'a>(numbers: &'a PyReadonlyArray1<'_, u32>) -> PyResult<&'a [u32]> {
    numbers
        .as_slice()
        .map_err(|error| PyTypeError::new_err(error.to_string()))
}
