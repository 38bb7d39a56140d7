//! Networks of order-agnostic autoregressive diffusion as Python objects.

use std::borrow::Cow;

use lmcodec_core::ardm::{self, Layout, Network};
use lmcodec_core::samples;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::errors::to_python;
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

    /// Bits of each position of an item, in one call after the first `known` of an order were refined at a stage.
    #[allow(clippy::needless_pass_by_value)] // of Python
    fn position_bits<'py>(
        &self,
        py: Python<'py>,
        item: &[u8],
        order: Vec<i32>,
        stage: usize,
        known: usize,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        py.detach(|| ardm::position_bits(&self.0, item, &order, stage, known))
            .map(|bits| bits.into_pyarray(py))
            .map_err(|error| to_python(py, &error))
    }
}
