//! The entropy coders as Python classes and functions.
// Arguments of Python functions arrive as values.
#![allow(clippy::needless_pass_by_value)]

use std::borrow::Cow;

use lmcodec_core::coder::binary::{self, Paused};
use lmcodec_core::coder::quantize::{bit_probabilities, rows_of, Quantizer, Weight};
use lmcodec_core::coder::{bytes, rans, Interval};
use lmcodec_core::Error;
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayDescrMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::to_python;

type Array<'py, T> = Bound<'py, PyArray1<T>>;
type Slice<'py, T> = PyReadonlyArray1<'py, T>;

/// Rows of weights of any of the types that the quantizer takes.
pub enum Rows<'py> {
    U8(PyReadonlyArray2<'py, u8>),
    U16(PyReadonlyArray2<'py, u16>),
    U32(PyReadonlyArray2<'py, u32>),
    U64(PyReadonlyArray2<'py, u64>),
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

// Asks for the type first: to try one after the other would format an error for each failure, which
// costs more than coding a row.
impl<'a, 'py> FromPyObject<'a, 'py> for Rows<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let dtype = object.cast::<PyUntypedArray>()?.dtype();
        Ok(match (dtype.kind(), dtype.itemsize()) {
            (b'u', 1) => Self::U8(object.extract()?),
            (b'u', 2) => Self::U16(object.extract()?),
            (b'u', 4) => Self::U32(object.extract()?),
            (b'f', 4) => Self::F32(object.extract()?),
            (b'f', 8) => Self::F64(object.extract()?),
            _ => Self::U64(object.extract()?),
        })
    }
}

/// Runs `$body` with `$rows` bound to the slice of weights, whatever their type, without the GIL.
macro_rules! with_rows {
    ($py:expr, $array:expr, |$rows:ident, $alphabet:ident| $body:expr) => {
        with_rows!(@arms $py, $array, $rows, $alphabet, $body, U8 U16 U32 U64 F32 F64)
    };
    (@arms $py:expr, $array:expr, $rows:ident, $alphabet:ident, $body:expr, $($kind:ident)*) => {
        match $array {
            $(Rows::$kind(array) => {
                let $alphabet = array.shape()[1];
                let $rows = array.as_slice().map_err(not_contiguous)?;
                $py.detach(|| $body)
            })*
        }
    };
}

fn not_contiguous(error: impl std::fmt::Display) -> PyErr {
    PyTypeError::new_err(error.to_string())
}

fn slice<'a, T: numpy::Element>(array: &'a Slice<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(not_contiguous)
}

fn lift<T>(py: Python<'_>, result: Result<T, Error>) -> PyResult<T> {
    result.map_err(|error| to_python(py, &error))
}

fn zip(starts: &[u32], freqs: &[u32]) -> Result<Vec<Interval>, Error> {
    if starts.len() != freqs.len() {
        return Err(Error::Parameter {
            what: "freqs: as many as starts",
        });
    }
    let pairs = starts.iter().zip(freqs);
    Ok(pairs
        .map(|(&start, &freq)| Interval { start, freq })
        .collect())
}

/// See `lmcodec.coder.RansStack`.
#[pyclass(module = "lmcodec._core")]
pub struct RansStack(rans::Stack);

#[pymethods]
impl RansStack {
    #[new]
    fn new(py: Python<'_>, lanes: usize) -> PyResult<Self> {
        lift(py, rans::Stack::new(lanes)).map(Self)
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, payload: Cow<'_, [u8]>, lanes: usize) -> PyResult<Self> {
        lift(py, py.detach(|| rans::Stack::from_bytes(&payload, lanes))).map(Self)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.to_bytes()))
    }

    fn push(
        &mut self,
        py: Python<'_>,
        symbols: Slice<'_, u32>,
        rows: Rows<'_>,
        precision: u32,
    ) -> PyResult<()> {
        let symbols = slice(&symbols)?;
        let stack = &mut self.0;
        let result = with_rows!(py, &rows, |rows, alphabet| {
            stack.push_rows(symbols, rows, alphabet, precision)
        });
        lift(py, result)
    }

    fn pop<'py>(
        &mut self,
        py: Python<'py>,
        rows: Rows<'_>,
        precision: u32,
    ) -> PyResult<Array<'py, u32>> {
        let stack = &mut self.0;
        let result = with_rows!(py, &rows, |rows, alphabet| {
            stack.pop_rows(rows, alphabet, precision)
        });
        lift(py, result).map(|symbols| symbols.into_pyarray(py))
    }

    fn push_intervals(
        &mut self,
        py: Python<'_>,
        starts: Slice<'_, u32>,
        freqs: Slice<'_, u32>,
        precision: u32,
    ) -> PyResult<()> {
        let (starts, freqs) = (slice(&starts)?, slice(&freqs)?);
        let stack = &mut self.0;
        let result = py.detach(|| stack.push_intervals(&zip(starts, freqs)?, precision));
        lift(py, result)
    }

    fn peek(&self, py: Python<'_>, precision: u32) -> PyResult<u32> {
        lift(py, self.0.peek(precision))
    }

    fn pop_interval(
        &mut self,
        py: Python<'_>,
        start: u32,
        freq: u32,
        precision: u32,
    ) -> PyResult<()> {
        lift(py, self.0.pop(Interval { start, freq }, precision))
    }

    fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        lift(py, self.0.clone().finish())
    }

    #[getter]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[getter]
    fn lanes(&self) -> usize {
        self.0.lanes()
    }
}

/// See `lmcodec.coder.BinaryEncoder`.
#[pyclass(module = "lmcodec._core")]
pub struct BinaryEncoder(binary::BinaryEncoder);

#[pymethods]
impl BinaryEncoder {
    #[new]
    fn new() -> Self {
        Self(binary::BinaryEncoder::new())
    }

    fn encode_bits(
        &mut self,
        py: Python<'_>,
        bits: Slice<'_, u8>,
        probabilities: Slice<'_, u32>,
    ) -> PyResult<()> {
        let (bits, p1s) = (slice(&bits)?, slice(&probabilities)?);
        let encoder = &mut self.0;
        lift(py, py.detach(|| encoder.encode_all(bits, p1s)))
    }

    fn encode_symbols(
        &mut self,
        py: Python<'_>,
        symbols: Slice<'_, u32>,
        rows: Rows<'_>,
        precision: u32,
    ) -> PyResult<()> {
        let symbols = slice(&symbols)?;
        let encoder = &mut self.0;
        let result = with_rows!(py, &rows, |rows, alphabet| {
            encoder.encode_rows(symbols, rows, alphabet, precision)
        });
        lift(py, result)
    }

    fn encode_interval(
        &mut self,
        py: Python<'_>,
        start: u32,
        freq: u32,
        precision: u32,
    ) -> PyResult<()> {
        lift(
            py,
            self.0.encode_interval(Interval { start, freq }, precision),
        )
    }

    fn finish<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.clone().finish()))
    }
}

/// See `lmcodec.coder.BinaryDecoder`.
#[pyclass(module = "lmcodec._core")]
pub struct BinaryDecoder {
    payload: Vec<u8>,
    at: Paused,
}

impl BinaryDecoder {
    fn run<T: Send>(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut binary::BinaryDecoder<'_>) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let (result, at) = py.detach(|| {
            let mut decoder = self.at.resume(&self.payload);
            (work(&mut decoder), decoder.pause())
        });
        self.at = at;
        lift(py, result)
    }
}

#[pymethods]
impl BinaryDecoder {
    #[new]
    fn new(payload: Vec<u8>) -> Self {
        let at = binary::BinaryDecoder::new(&payload).pause();
        Self { payload, at }
    }

    fn decode_bits<'py>(
        &mut self,
        py: Python<'py>,
        probabilities: Slice<'_, u32>,
    ) -> PyResult<Array<'py, u8>> {
        let p1s = slice(&probabilities)?;
        let bits = self.run(py, |decoder| decoder.decode_all(p1s))?;
        Ok(bits.into_pyarray(py))
    }

    fn decode_symbols<'py>(
        &mut self,
        py: Python<'py>,
        rows: Rows<'_>,
        precision: u32,
    ) -> PyResult<Array<'py, u32>> {
        let mut decoder = self.at.resume(&self.payload);
        let result = with_rows!(py, &rows, |rows, alphabet| {
            decoder.decode_rows(rows, alphabet, precision)
        });
        self.at = decoder.pause();
        lift(py, result).map(|symbols| symbols.into_pyarray(py))
    }

    fn peek(&mut self, py: Python<'_>, precision: u32) -> PyResult<u32> {
        lift(py, self.at.resume(&self.payload).peek(precision))
    }

    fn advance(&mut self, py: Python<'_>, start: u32, freq: u32, precision: u32) -> PyResult<()> {
        let mut decoder = self.at.resume(&self.payload);
        let result = decoder.advance(Interval { start, freq }, precision);
        self.at = decoder.pause();
        lift(py, result)
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        lift(py, self.at.resume(&self.payload).finish())
    }
}

/// Tables `cum(0), …, cum(V)` of rows.
#[pyfunction]
pub fn quantize<'py>(
    py: Python<'py>,
    rows: Rows<'_>,
    precision: u32,
) -> PyResult<Bound<'py, PyArray2<u32>>> {
    let (table, width) = with_rows!(py, &rows, |rows, alphabet| {
        tables(rows, alphabet, precision).map(|table| (table, alphabet + 1))
    })
    .map_err(|error| to_python(py, &error))?;
    let count = table.len() / width;
    numpy::PyArrayMethods::reshape(&table.into_pyarray(py), [count, width])
}

fn tables<W: Weight>(rows: &[W], alphabet: usize, precision: u32) -> Result<Vec<u32>, Error> {
    let mut quantizer = Quantizer::new(precision)?;
    let mut table = Vec::new();
    for row in rows_of(rows, alphabet)? {
        quantizer.cum_into(row, &mut table)?;
    }
    Ok(table)
}

/// Starts and numbers of slots of symbols under rows.
#[pyfunction]
#[allow(clippy::type_complexity)] // two arrays
pub fn intervals<'py>(
    py: Python<'py>,
    symbols: Slice<'_, u32>,
    rows: Rows<'_>,
    precision: u32,
) -> PyResult<(Array<'py, u32>, Array<'py, u32>)> {
    let symbols = slice(&symbols)?;
    let result = with_rows!(py, &rows, |rows, alphabet| {
        Quantizer::new(precision).and_then(|mut q| q.intervals(symbols, rows, alphabet))
    });
    let (starts, freqs): (Vec<_>, Vec<_>) = lift(py, result)?
        .into_iter()
        .map(|interval| (interval.start, interval.freq))
        .unzip();
    Ok((starts.into_pyarray(py), freqs.into_pyarray(py)))
}

/// Probabilities of ones as the integers of the binary coder.
#[pyfunction]
pub fn quantize_bits<'py>(
    py: Python<'py>,
    probabilities: Slice<'_, f64>,
) -> PyResult<Array<'py, u32>> {
    let p1s = slice(&probabilities)?;
    let result = py.detach(|| bit_probabilities(p1s));
    lift(py, result).map(|p1s| p1s.into_pyarray(py))
}

/// Encodes bytes under static tables.
#[pyfunction]
pub fn encode_bytes<'py>(py: Python<'py>, data: Cow<'_, [u8]>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &py.detach(|| bytes::encode(&data)))
}

/// Decodes what `encode_bytes` wrote.
#[pyfunction]
pub fn decode_bytes<'py>(
    py: Python<'py>,
    payload: Cow<'_, [u8]>,
    count: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let data = lift(py, py.detach(|| bytes::decode(&payload, count)))?;
    Ok(PyBytes::new(py, &data))
}
