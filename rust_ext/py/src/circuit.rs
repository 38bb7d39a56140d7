//! Probabilistic circuits as Python objects.

use std::borrow::Cow;

use lmcodec_core::circuit::{self, Layout, Order, Pixels, Program};
use lmcodec_core::samples::{self, mixed};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::cm::beside;
use crate::errors::to_python;
use crate::prior::Prior;
use crate::stop::attended;
use crate::threads::allowed;

/// A circuit, read from the bytes of its file, with the order in which it codes variables.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct Circuit {
    circuit: circuit::Circuit,
    program: Program,
}

impl Circuit {
    fn layout(&self, group: usize) -> Layout<'_> {
        Layout {
            circuit: &self.circuit,
            program: &self.program,
            group,
            threads: allowed(),
        }
    }

    fn pixels(&self) -> Pixels<'_> {
        Pixels::new(&self.circuit, &self.program)
    }
}

#[pymethods]
impl Circuit {
    /// Reads a file; `by_number` codes variables as they are numbered, not as the tree has them. Weights of more than
    /// `max_memory` bytes are not made.
    #[new]
    #[pyo3(signature = (data, by_number, max_memory=None))]
    fn new(
        py: Python<'_>,
        data: &[u8],
        by_number: bool,
        max_memory: Option<u64>,
    ) -> PyResult<Self> {
        let most = max_memory.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        let order = if by_number {
            Order::Variables
        } else {
            Order::Tree
        };
        py.detach(|| {
            let circuit = circuit::Circuit::parse_within(data, most)?;
            let program = Program::new(&circuit, order)?;
            Ok(Self { circuit, program })
        })
        .map_err(|error| to_python(py, &error))
    }

    /// Variables of a sample.
    #[getter]
    fn variables(&self) -> usize {
        self.circuit.variables()
    }

    /// How many values each variable has.
    #[getter]
    fn categories(&self) -> Vec<usize> {
        let all = 0..self.circuit.variables();
        all.map(|variable| self.circuit.categories(variable))
            .collect()
    }

    /// Weights that are not zero.
    #[getter]
    fn edges(&self) -> usize {
        self.circuit.edges()
    }

    /// Multiplications for a sample.
    #[getter]
    fn products(&self) -> usize {
        self.program.products()
    }

    /// About how many bytes the weights and the walk take.
    #[getter]
    fn memory_bytes(&self) -> usize {
        self.circuit.memory_bytes() + self.program.memory_bytes()
    }

    /// Encodes samples; `group` of them share a stack.
    fn encode<'a>(&self, py: Python<'_>, symbols: &[u8], group: usize) -> PyResult<Cow<'a, [u8]>> {
        let layout = self.layout(group);
        py.detach(|| samples::encode(&layout, symbols, &mut |done| attended(done)))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Decodes `count` symbols from a payload.
    fn decode<'a>(
        &self,
        py: Python<'_>,
        payload: &[u8],
        count: u64,
        group: usize,
    ) -> PyResult<Cow<'a, [u8]>> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let layout = self.layout(group);
        py.detach(|| samples::decode(&layout, payload, count, &mut |done| attended(done)))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Decodes the samples from the first of a pair to before the second.
    fn decode_samples<'a>(
        &self,
        py: Python<'_>,
        payload: &[u8],
        count: u64,
        samples: (usize, usize),
        group: usize,
    ) -> PyResult<Cow<'a, [u8]>> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (layout, (first, last)) = (self.layout(group), samples);
        py.detach(|| samples::decode_samples(&layout, payload, count, first..last))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Bits that each sample takes.
    fn code_lengths<'py>(
        &self,
        py: Python<'py>,
        symbols: &[u8],
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let layout = self.layout(1);
        py.detach(|| circuit::code_lengths(&layout, symbols, &mut |done| attended(done)))
            .map(|bits| bits.into_pyarray(py))
            .map_err(|error| to_python(py, &error))
    }

    /// Encodes pictures with the contexts of `cm` at level 9 beside, which code the pictures of a prior first.
    #[pyo3(signature = (symbols, kind, record, row, prior = None))]
    fn encode_mixed<'a>(
        &self,
        py: Python<'_>,
        symbols: &[u8],
        kind: u32,
        record: u32,
        row: u32,
        prior: Option<&Bound<'_, Prior>>,
    ) -> PyResult<Cow<'a, [u8]>> {
        let beside = beside(py, (kind, record, row), prior)?;
        py.detach(|| mixed::encode(self.pixels(), beside, symbols, &mut |done| attended(done)))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Decodes `count` symbols of such a payload.
    #[pyo3(signature = (payload, count, kind, record, row, prior = None))]
    #[allow(clippy::too_many_arguments)] // of Python
    fn decode_mixed<'a>(
        &self,
        py: Python<'_>,
        payload: &[u8],
        count: u64,
        kind: u32,
        record: u32,
        row: u32,
        prior: Option<&Bound<'_, Prior>>,
    ) -> PyResult<Cow<'a, [u8]>> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let beside = beside(py, (kind, record, row), prior)?;
        py.detach(|| {
            mixed::decode(self.pixels(), beside, payload, count, &mut |done| {
                attended(done)
            })
        })
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
    }
}
