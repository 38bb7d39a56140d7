//! Networks of order-agnostic autoregressive diffusion as Python objects.

use std::borrow::Cow;

use lmcodec_core::ardm::{self, Layout, Measured, Network, Pixels};
use lmcodec_core::samples::{self, mixed};
use numpy::{IntoPyArray, PyArray1, PyArray3, PyArrayMethods};
use pyo3::prelude::*;

use crate::cm::beside;
use crate::errors::to_python;
use crate::prior::Prior;
use crate::stop::attended;
use crate::threads::allowed;

/// A network, read from the bytes of its file.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct Ardm(Network);

impl Ardm {
    fn layout<'n>(&'n self, steps: &'n [u32], group: usize) -> Layout<'n> {
        Layout {
            network: &self.0,
            steps,
            group,
            threads: allowed(),
        }
    }
}

#[pymethods]
impl Ardm {
    #[new]
    fn new(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| Network::parse(data))
            .map(Self)
            .map_err(|error| to_python(py, &error))
    }

    /// Symbols of an item.
    #[getter]
    fn size(&self) -> usize {
        self.0.size()
    }

    /// How many symbols there are.
    #[getter]
    fn alphabet(&self) -> usize {
        self.0.alphabet()
    }

    /// How often each position is refined.
    #[getter]
    fn stages(&self) -> usize {
        self.0.stages()
    }

    /// Lengths of the axes of an item.
    #[getter]
    fn axes(&self) -> Vec<usize> {
        self.0.axes().to_vec()
    }

    /// The order in which positions are coded.
    #[getter]
    fn order(&self) -> Vec<u32> {
        self.0.order().to_vec()
    }

    /// About how many bytes the weights take.
    #[getter]
    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    /// Encodes items; each call serves as many positions as its step says.
    #[allow(clippy::needless_pass_by_value)] // of Python
    fn encode<'a>(
        &self,
        py: Python<'_>,
        symbols: &[u8],
        steps: Vec<u32>,
        group: usize,
    ) -> PyResult<Cow<'a, [u8]>> {
        let layout = self.layout(&steps, group);
        py.detach(|| samples::encode(&layout, symbols, &mut |done| attended(done)))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Decodes `count` symbols from a payload.
    #[allow(clippy::needless_pass_by_value)] // of Python
    fn decode<'a>(
        &self,
        py: Python<'_>,
        payload: &[u8],
        count: u64,
        steps: Vec<u32>,
        group: usize,
    ) -> PyResult<Cow<'a, [u8]>> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let layout = self.layout(&steps, group);
        py.detach(|| samples::decode(&layout, payload, count, &mut |done| attended(done)))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Decodes the items from the first of a pair to before the second.
    #[allow(clippy::needless_pass_by_value)] // of Python
    fn decode_samples<'a>(
        &self,
        py: Python<'_>,
        payload: &[u8],
        count: u64,
        samples: (usize, usize),
        steps: Vec<u32>,
        group: usize,
    ) -> PyResult<Cow<'a, [u8]>> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (layout, (first, last)) = (self.layout(&steps, group), samples);
        py.detach(|| samples::decode_samples(&layout, payload, count, first..last))
            .map(Cow::Owned)
            .map_err(|error| to_python(py, &error))
    }

    /// Bits that each item takes.
    #[allow(clippy::needless_pass_by_value)] // of Python
    fn code_lengths<'py>(
        &self,
        py: Python<'py>,
        symbols: &[u8],
        steps: Vec<u32>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let layout = self.layout(&steps, 1);
        py.detach(|| ardm::code_lengths(&layout, symbols, &mut |done| attended(done)))
            .map(|bits| bits.into_pyarray(py))
            .map_err(|error| to_python(py, &error))
    }

    /// Bits of positions over all items, for each stage after so many in an order are known, and one after the other.
    #[allow(clippy::needless_pass_by_value)] // of Python
    fn costs<'py>(
        &self,
        py: Python<'py>,
        symbols: &[u8],
        order: Vec<i32>,
        places: Vec<usize>,
    ) -> PyResult<Bound<'py, PyArray3<f64>>> {
        let measured = Measured {
            network: &self.0,
            order: &order,
            places: &places,
            threads: allowed(),
        };
        let shape = [self.0.stages(), places.len() + 1, self.0.size()];
        let sums = py
            .detach(|| ardm::costs(&measured, symbols, &mut |done| attended(done)))
            .map_err(|error| to_python(py, &error))?;
        sums.into_pyarray(py).reshape(shape)
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
        py.detach(|| {
            let pixels = Pixels::new(&self.0)?;
            mixed::encode(pixels, beside, symbols, &mut |done| attended(done))
        })
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
            let pixels = Pixels::new(&self.0)?;
            mixed::decode(pixels, beside, payload, count, &mut |done| attended(done))
        })
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
    }
}
