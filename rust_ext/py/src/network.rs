//! Networks as Python objects.

use std::borrow::Cow;

use lmcodec_core::bytelm::contexts::{Tables, CONTEXTS};
use lmcodec_core::cm::alone;
use lmcodec_core::cm::pretrained::Pretrained;
use lmcodec_core::coder::windows::Coded;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors::to_python;
use crate::prior::Prior;

/// A network, read from the bytes of a file of weights.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct Network(pub Pretrained);

#[pymethods]
impl Network {
    #[new]
    fn new(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| Pretrained::parse(data))
            .map(Self)
            .map_err(|error| to_python(py, &error))
    }

    /// Bytes that predictors beside it leave in memory for the next ones, at most.
    #[getter]
    fn kept_bytes(&self) -> u64 {
        self.0.kept_bytes()
    }

    /// The bytes of a file of weights with what `cm` at level 9 learns beside them from samples, one after the other.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // Python's lists become vectors
    fn learn<'a>(
        py: Python<'_>,
        data: &[u8],
        samples: Vec<PyBackedBytes>,
        prior: &Bound<'_, Prior>,
    ) -> PyResult<Cow<'a, [u8]>> {
        let prior = &prior.get().0;
        py.detach(|| Pretrained::learn(data, &samples, prior))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }
}

/// Memory in bytes that coding with a network alone takes.
#[pyfunction]
pub fn bytelm_memory_bytes() -> u64 {
    alone::memory_bytes()
}

/// Encodes `symbols` with a network alone.
#[pyfunction]
pub fn bytelm_encode<'a>(
    py: Python<'_>,
    symbols: &[u8],
    network: &Bound<'_, Network>,
) -> PyResult<Cow<'a, [u8]>> {
    let network = network.get().0.network();
    py.detach(|| alone::encode(symbols, network))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes `count` symbols from a payload.
#[pyfunction]
pub fn bytelm_decode<'a>(
    py: Python<'_>,
    payload: &[u8],
    count: u64,
    network: &Bound<'_, Network>,
) -> PyResult<Cow<'a, [u8]>> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let network = network.get().0.network();
    py.detach(|| alone::decode(payload, count, network))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Encodes a message with a network alone; its payload tells where it ends.
#[pyfunction]
pub fn bytelm_encode_message<'a>(
    py: Python<'_>,
    symbols: &[u8],
    network: &Bound<'_, Network>,
) -> PyResult<Cow<'a, [u8]>> {
    let network = network.get().0.network();
    py.detach(|| alone::encode_message(symbols, network))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes a message.
#[pyfunction]
pub fn bytelm_decode_message<'a>(
    py: Python<'_>,
    payload: &[u8],
    network: &Bound<'_, Network>,
) -> PyResult<Cow<'a, [u8]>> {
    let network = network.get().0.network();
    py.detach(|| alone::decode_message(payload, network))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Values and counts of windows.
pub type Windows<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u16>>);

/// Windows as arrays.
pub fn arrays(py: Python<'_>, coded: Coded) -> Windows<'_> {
    (coded.values.into_pyarray(py), coded.counts.into_pyarray(py))
}

/// What an array has, which must be without gaps.
pub fn slice<'a, T: numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    let slice = array.as_slice();
    slice.map_err(|error| PyTypeError::new_err(error.to_string()))
}

/// Encodes `symbols` with a network alone into windows of `bits`.
#[pyfunction]
pub fn bytelm_to_windows<'py>(
    py: Python<'py>,
    symbols: &[u8],
    bits: u32,
    network: &Bound<'_, Network>,
) -> PyResult<Windows<'py>> {
    let network = network.get().0.network();
    py.detach(|| alone::to_windows(symbols, bits, network))
        .map(|coded| arrays(py, coded))
        .map_err(|error| to_python(py, &error))
}

/// Decodes windows.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // arrays arrive so
pub fn bytelm_of_windows<'a>(
    py: Python<'_>,
    values: PyReadonlyArray1<'_, u32>,
    counts: PyReadonlyArray1<'_, u16>,
    bits: u32,
    network: &Bound<'_, Network>,
) -> PyResult<Cow<'a, [u8]>> {
    let (values, counts) = (slice(&values)?, slice(&counts)?);
    let network = network.get().0.network();
    py.detach(|| alone::of_windows(values, counts, bits, network))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Rows of tables, one for each context, and of words.
type Selected<'py> = (Bound<'py, PyArray2<i32>>, Bound<'py, PyArray1<i32>>);

/// The rows that each byte of a text selects in tables of `2^bits` rows, and those of words, -1 where none ends.
#[pyfunction]
pub fn bytelm_contexts<'py>(
    py: Python<'py>,
    text: &[u8],
    bits: [u32; CONTEXTS],
    words: u32,
    most: u32,
) -> PyResult<Selected<'py>> {
    if !bits
        .iter()
        .chain([&words])
        .all(|bits| (1..32).contains(bits))
    {
        return Err(PyValueError::new_err("tables must have 2 to 2**31 rows"));
    }
    let tables = Tables { bits, words, most };
    let (rows, words) = py.detach(|| tables.rows(text));
    let rows = rows.into_pyarray(py).reshape([text.len(), CONTEXTS])?;
    Ok((rows, words.into_pyarray(py)))
}
