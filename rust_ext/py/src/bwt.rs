//! The model `bwt` as Python functions.

use std::borrow::Cow;

use lmcodec_core::bwt;
use pyo3::prelude::*;

use crate::errors::to_python;

/// Memory in bytes that decoding `count` symbols takes.
#[pyfunction]
pub fn bwt_memory_bytes(count: u64) -> usize {
    bwt::decode_memory_bytes(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Encodes `symbols` to a payload.
#[pyfunction]
pub fn bwt_encode<'a>(py: Python<'_>, symbols: &[u8]) -> PyResult<Cow<'a, [u8]>> {
    py.detach(|| bwt::encode(symbols))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes `count` symbols from a payload.
#[pyfunction]
pub fn bwt_decode<'a>(py: Python<'_>, payload: &[u8], count: u64) -> PyResult<Cow<'a, [u8]>> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    py.detach(|| bwt::decode(payload, count))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}
