//! Language models as Python objects.
// Arguments of Python functions arrive as values.
#![allow(clippy::needless_pass_by_value)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use lmcodec_core::cm::Knowledge;
use lmcodec_core::lm::codec::{self, Settings};
use lmcodec_core::lm::config::Config;
use lmcodec_core::lm::dot::proven;
use lmcodec_core::lm::mixed::{self, Beside};
use lmcodec_core::lm::model::{Builder, Model, Need};
use lmcodec_core::lm::session_bytes;
use lmcodec_core::lm::trie::Trie;
use lmcodec_core::lm::weights::Kind;
use lmcodec_core::lm::windows;
use lmcodec_core::Error;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};

use crate::errors::to_python;
use crate::network::{arrays, slice, Network, Windows};
use crate::prior::Prior;
use crate::stop::attended;

type Array<'py, T> = Bound<'py, PyArray1<T>>;
type Slice<'py, T> = PyReadonlyArray1<'py, T>;

/// The bytes of a tensor, which are not copied.
#[derive(FromPyObject)]
enum Data<'py> {
    #[pyo3(annotation = "bytes")]
    Bytes(PyBackedBytes),
    #[pyo3(annotation = "NDArray[uint8]")]
    Array(PyReadonlyArray1<'py, u8>),
}

/// Gathers the tensors of a network.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct LanguageModelBuilder(Mutex<Option<Builder>>);

impl LanguageModelBuilder {
    fn builder(&self) -> MutexGuard<'_, Option<Builder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("the network is finished already")
}

#[pymethods]
impl LanguageModelBuilder {
    #[new]
    fn new(py: Python<'_>, config: &[u8]) -> PyResult<Self> {
        let config = Config::parse(config).map_err(|error| to_python(py, &error))?;
        Ok(Self(Mutex::new(Some(Builder::new(config)))))
    }

    /// Names, shapes and whether they are required, of all tensors.
    fn needed<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyTuple>, bool)>> {
        let needs = self.builder().as_ref().ok_or_else(finished)?.needed();
        let each = |need: Need| Ok((need.name, PyTuple::new(py, need.shape)?, need.required));
        needs.into_iter().map(each).collect()
    }

    /// Takes the bytes of a tensor.
    fn put(&self, py: Python<'_>, name: &str, kind: &str, data: Data<'_>) -> PyResult<()> {
        let kind = Kind::from_name(kind)
            .ok_or_else(|| PyValueError::new_err("kind: F32, F16, BF16 or Q8_0"))?;
        let data = match &data {
            Data::Bytes(bytes) => bytes,
            Data::Array(array) => slice(array)?,
        };
        let put = || Some(self.builder().as_mut()?.put(name, kind, data));
        lift(py, py.detach(put).ok_or_else(finished)?)
    }

    /// The network of what was put.
    fn finish(&self, py: Python<'_>, int8: bool) -> PyResult<LanguageModel> {
        let builder = self.builder().take().ok_or_else(finished)?;
        py.detach(|| builder.finish(int8))
            .map(LanguageModel)
            .map_err(|error| to_python(py, &error))
    }
}

/// The bytes of all tokens.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct Vocabulary(Trie);

#[pymethods]
impl Vocabulary {
    #[new]
    fn new(py: Python<'_>, data: &[u8], ends: Slice<'_, i64>) -> PyResult<Self> {
        let ends = slice(&ends)?;
        let ends: Result<Vec<usize>, _> = ends.iter().map(|&end| usize::try_from(end)).collect();
        let ends = ends.map_err(|_| PyValueError::new_err("ends: 0 or more"))?;
        lift(py, Trie::new(data.to_vec(), ends)).map(Self)
    }

    /// The token that stands for each token: of those with the same bytes, the first. One without bytes is an error.
    fn standing<'py>(&self, py: Python<'py>, tokens: Slice<'_, u32>) -> PyResult<Array<'py, u32>> {
        let found: Option<Vec<u32>> = slice(&tokens)?
            .iter()
            .map(|&token| self.0.standing_for(token))
            .collect();
        let found = found.ok_or_else(|| PyValueError::new_err("tokens: each has bytes"))?;
        Ok(found.into_pyarray(py))
    }
}

fn beside<'a>(
    vocabulary: &'a Bound<'_, Vocabulary>,
    starts: &'a [usize],
    bytes: usize,
    prior: Option<&'a Bound<'_, Prior>>,
    network: &'a Bound<'_, Network>,
    joint: bool,
) -> Beside<'a> {
    Beside {
        trie: &vocabulary.get().0,
        known: Knowledge {
            prior: prior.map(|prior| &*prior.get().0),
            network: Some(&network.get().0),
            threads: 1,
        },
        joint,
        starts,
        bytes,
    }
}

/// A network that predicts tokens.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct LanguageModel(Model);

fn settings(
    start: Option<u32>,
    window: usize,
    chunk: usize,
    lanes: usize,
    threads: usize,
) -> Settings {
    Settings {
        start,
        window,
        chunk,
        lanes,
        threads,
        by: proven(),
    }
}

fn lift<T>(py: Python<'_>, result: Result<T, Error>) -> PyResult<T> {
    result.map_err(|error| to_python(py, &error))
}

#[pymethods]
impl LanguageModel {
    #[getter]
    fn vocabulary(&self) -> usize {
        self.0.config.vocabulary
    }

    #[getter]
    fn context(&self) -> usize {
        self.0.config.context
    }

    #[getter]
    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    #[getter]
    fn multiply_adds(&self) -> usize {
        self.0.multiply_adds()
    }

    /// Memory in bytes of coding, without that of the network and the tokens.
    fn session_bytes(&self, lanes: usize, window: usize) -> u64 {
        session_bytes(&self.0.config, lanes, window)
    }

    /// Logits after each token.
    fn logits<'py>(
        &self,
        py: Python<'py>,
        tokens: Slice<'_, u32>,
        window: usize,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let tokens = slice(&tokens)?;
        let settings = settings(None, window, 1, 1, threads);
        let logits = py.detach(|| codec::logits(&self.0, tokens, &settings, &mut attended));
        let logits = lift(py, logits)?.into_pyarray(py);
        logits.reshape([tokens.len(), self.0.config.vocabulary])
    }

    /// Encodes tokens to a payload.
    #[pyo3(signature = (tokens, *, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn encode<'py>(
        &self,
        py: Python<'py>,
        tokens: Slice<'_, u32>,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let tokens = slice(&tokens)?;
        let settings = settings(start, window, chunk, lanes, threads);
        let payload = py.detach(|| codec::encode(&self.0, tokens, &settings, &mut attended));
        Ok(PyBytes::new(py, &lift(py, payload)?))
    }

    /// Decodes `count` tokens from a payload.
    #[pyo3(signature = (payload, count, *, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn decode<'py>(
        &self,
        py: Python<'py>,
        payload: &[u8],
        count: usize,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Array<'py, u32>> {
        let settings = settings(start, window, chunk, lanes, threads);
        let tokens = py.detach(|| codec::decode(&self.0, payload, count, &settings, &mut attended));
        Ok(lift(py, tokens)?.into_pyarray(py))
    }

    /// Encodes tokens into windows of `bits`.
    #[pyo3(signature = (tokens, bits, *, start, window, threads))]
    fn to_windows<'py>(
        &self,
        py: Python<'py>,
        tokens: Slice<'_, u32>,
        bits: u32,
        start: Option<u32>,
        window: usize,
        threads: usize,
    ) -> PyResult<Windows<'py>> {
        let tokens = slice(&tokens)?;
        let settings = settings(start, window, 1, 1, threads);
        let coded = py.detach(|| windows::encode(&self.0, tokens, bits, &settings, &mut attended));
        Ok(arrays(py, lift(py, coded)?))
    }

    /// Decodes windows to tokens.
    #[pyo3(signature = (values, counts, bits, *, start, window, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn of_windows<'py>(
        &self,
        py: Python<'py>,
        values: Slice<'_, u32>,
        counts: Slice<'_, u16>,
        bits: u32,
        start: Option<u32>,
        window: usize,
        threads: usize,
    ) -> PyResult<Array<'py, u32>> {
        let (values, counts) = (slice(&values)?, slice(&counts)?);
        let settings = settings(start, window, 1, 1, threads);
        let tokens =
            py.detach(|| windows::decode(&self.0, values, counts, bits, &settings, &mut attended));
        Ok(lift(py, tokens)?.into_pyarray(py))
    }

    /// Bits of each token under the weights.
    #[pyo3(signature = (tokens, *, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn lengths<'py>(
        &self,
        py: Python<'py>,
        tokens: Slice<'_, u32>,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Array<'py, f64>> {
        let tokens = slice(&tokens)?;
        let settings = settings(start, window, chunk, lanes, threads);
        let lengths = py.detach(|| codec::lengths(&self.0, tokens, &settings, &mut attended));
        Ok(lift(py, lengths)?.into_pyarray(py))
    }

    /// Encodes tokens to a payload, beside contexts of their bytes.
    #[pyo3(signature = (tokens, vocabulary, starts, size, *, prior, network, joint, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn encode_mixed<'py>(
        &self,
        py: Python<'py>,
        tokens: Slice<'_, u32>,
        vocabulary: &Bound<'_, Vocabulary>,
        starts: Vec<usize>,
        size: usize,
        prior: Option<&Bound<'_, Prior>>,
        network: &Bound<'_, Network>,
        joint: bool,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let tokens = slice(&tokens)?;
        let settings = settings(start, window, chunk, lanes, threads);
        let beside = beside(vocabulary, &starts, size, prior, network, joint);
        let payload =
            py.detach(|| mixed::encode(&self.0, tokens, beside, &settings, &mut attended));
        Ok(PyBytes::new(py, &lift(py, payload)?))
    }

    /// Decodes `count` tokens from a payload that was made beside contexts.
    #[pyo3(signature = (payload, count, vocabulary, starts, size, *, prior, network, joint, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn decode_mixed<'py>(
        &self,
        py: Python<'py>,
        payload: &[u8],
        count: usize,
        vocabulary: &Bound<'_, Vocabulary>,
        starts: Vec<usize>,
        size: usize,
        prior: Option<&Bound<'_, Prior>>,
        network: &Bound<'_, Network>,
        joint: bool,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Array<'py, u32>> {
        let settings = settings(start, window, chunk, lanes, threads);
        let beside = beside(vocabulary, &starts, size, prior, network, joint);
        let tokens =
            py.detach(|| mixed::decode(&self.0, payload, count, beside, &settings, &mut attended));
        Ok(lift(py, tokens)?.into_pyarray(py))
    }

    /// The rank of each token among all, the most likely first.
    #[pyo3(signature = (tokens, *, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn ranks<'py>(
        &self,
        py: Python<'py>,
        tokens: Slice<'_, u32>,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Array<'py, u32>> {
        let tokens = slice(&tokens)?;
        let settings = settings(start, window, chunk, lanes, threads);
        let ranks = py.detach(|| codec::ranks(&self.0, tokens, &settings, &mut attended));
        Ok(lift(py, ranks)?.into_pyarray(py))
    }

    /// The tokens of ranks.
    #[pyo3(signature = (ranks, *, start, window, chunk, lanes, threads))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    fn unranks<'py>(
        &self,
        py: Python<'py>,
        ranks: Slice<'_, u32>,
        start: Option<u32>,
        window: usize,
        chunk: usize,
        lanes: usize,
        threads: usize,
    ) -> PyResult<Array<'py, u32>> {
        let ranks = slice(&ranks)?;
        let settings = settings(start, window, chunk, lanes, threads);
        let tokens = py.detach(|| codec::unranks(&self.0, ranks, &settings, &mut attended));
        Ok(lift(py, tokens)?.into_pyarray(py))
    }
}
