//! Priors as Python objects.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use lmcodec_core::cm;
use lmcodec_core::cm::prior::train::{self, Settings, Trainer};
use lmcodec_core::cm::prior::{self, keys, table::Table};
use lmcodec_core::Error;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors::to_python;

/// What contexts predicted in other text, read from the bytes of a file.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct Prior(pub Arc<prior::Prior>);

#[pymethods]
impl Prior {
    /// Reads a file, with the base that it names.
    #[new]
    #[pyo3(signature = (data, base = None))]
    fn new(py: Python<'_>, data: &[u8], base: Option<&Bound<'_, Self>>) -> PyResult<Self> {
        let base = base.map(|base| Arc::clone(&base.get().0));
        py.detach(|| prior::Prior::parse(data, base))
            .map(Self::from)
            .map_err(|error| to_python(py, &error))
    }

    /// The SHA-256 of the base that a file names, if it does.
    #[staticmethod]
    fn base_of(data: &[u8]) -> Option<Cow<'static, [u8]>> {
        prior::Prior::base_of(data).map(|digest| Cow::Owned(digest.to_vec()))
    }

    /// A prior that knows nothing yet.
    #[staticmethod]
    fn empty(py: Python<'_>, name: &str) -> PyResult<Self> {
        prior::Prior::new(name, Table::empty())
            .map(Self::from)
            .map_err(|error| to_python(py, &error))
    }

    /// The same prior with a text.
    fn with_text(&self, py: Python<'_>, text: &[u8]) -> PyResult<Self> {
        py.detach(|| self.0.with_text(text))
            .map(Self::from)
            .map_err(|error| to_python(py, &error))
    }

    /// The same prior on a base, which has that SHA-256.
    fn on(&self, py: Python<'_>, digest: &[u8], base: &Self) -> PyResult<Self> {
        let what = "SHA-256 of a base, 32 bytes";
        let digest = digest.try_into().map_err(|_| Error::Parameter { what });
        digest
            .and_then(|digest| self.0.on(digest, Arc::clone(&base.0)))
            .map(Self::from)
            .map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn text_bytes(&self) -> usize {
        self.0.text().len()
    }

    /// Lengths of the axes of its text, where that is an array of pictures.
    #[getter]
    fn axes(&self) -> Option<Vec<u32>> {
        self.0.axes()
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    #[getter]
    fn table_bytes(&self) -> usize {
        self.0.table().bytes().len()
    }

    #[getter]
    fn start_bytes(&self) -> usize {
        self.0.start_bytes()
    }

    #[getter]
    fn memory_bytes(&self) -> u64 {
        self.0.memory_bytes()
    }

    /// A prior that also has what predictors of the levels learn from samples, one after the other.
    #[allow(clippy::needless_pass_by_value)] // Python's lists become vectors
    fn learn(
        &self,
        py: Python<'_>,
        samples: Vec<PyBackedBytes>,
        levels: Vec<u32>,
    ) -> PyResult<Self> {
        py.detach(|| {
            let mut learnt = prior::Prior::clone(&self.0);
            for level in levels {
                let (layout, start) = cm::fast::learn(&samples, level, &learnt)?;
                learnt.add_start(level, layout, start)?;
            }
            Ok(learnt.into())
        })
        .map_err(|error| to_python(py, &error))
    }

    /// A prior with the starts of another one.
    fn with_starts_of(&self, other: &Self) -> Self {
        self.0.with_starts_of(&other.0).into()
    }

    /// The bytes of the file.
    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes())
    }
}

impl From<prior::Prior> for Prior {
    fn from(prior: prior::Prior) -> Self {
        Self(Arc::new(prior))
    }
}

/// Trains a prior on texts, one kind of context at a time.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct PriorTrainer(Mutex<Option<Trainer<PyBackedBytes>>>);

#[pymethods]
impl PriorTrainer {
    /// The kinds of context.
    #[classattr]
    const KINDS: [&'static str; keys::KINDS] = keys::NAMES;

    /// Texts, cut into segments; those that are left out are given by their text and where they begin in it.
    #[new]
    #[pyo3(signature = (texts, without, *, buckets, segment, documents, threads, records))]
    #[allow(clippy::too_many_arguments)] // named by the caller
    #[allow(clippy::needless_pass_by_value)] // Python's sets become sets
    fn new(
        texts: Vec<PyBackedBytes>,
        without: HashSet<(usize, usize)>,
        buckets: usize,
        segment: usize,
        documents: u32,
        threads: usize,
        records: usize,
    ) -> Self {
        let settings = Settings {
            buckets,
            segment,
            documents,
            threads,
            records,
        };
        let mut spans = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            for begin in (0..text.len()).step_by(segment.max(1)) {
                if !without.contains(&(i, begin)) {
                    spans.push((i, begin..text.len().min(begin + segment)));
                }
            }
        }
        Self(Mutex::new(Some(Trainer::with_spans(
            texts, spans, settings,
        ))))
    }

    /// Bytes of memory that training takes at most, besides the texts.
    #[staticmethod]
    #[pyo3(signature = (symbols, texts, *, buckets, segment, documents, threads, records))]
    fn memory_bytes(
        symbols: u64,
        texts: u64,
        buckets: usize,
        segment: usize,
        documents: u32,
        threads: usize,
        records: usize,
    ) -> u64 {
        let settings = Settings {
            buckets,
            segment,
            documents,
            threads,
            records,
        };
        train::memory_bytes(symbols, texts, &settings)
    }

    /// Takes the next kind of context: its number, what was counted, the entries that were chosen and their bytes.
    /// None when all are done. The listener of the thread is told how many thousandths of all kinds are done. When it
    /// raises, or a signal does, training has ended.
    fn step(&self, py: Python<'_>) -> PyResult<Option<(usize, u64, usize, usize)>> {
        py.detach(|| {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let trainer = held.as_mut().ok_or_else(finished)?;
            let work = trainer.work().max(1);
            let watch = |done: u64| {
                crate::stop::attended(usize::try_from(done * 1000 / work).unwrap_or(1000))
            };
            let step = trainer.watched_step(watch);
            if step.is_err() {
                *held = None;
            }
            let step = step.map_err(|error| Python::attach(|py| to_python(py, &error)))?;
            Ok(step.map(|step| (step.kind, step.records, step.entries, step.bytes)))
        })
    }

    /// Ends the training: returns the bytes of the file, and how many entries it has.
    fn finish(&self, py: Python<'_>, name: &str) -> PyResult<(Cow<'static, [u8]>, usize)> {
        let trained = py.detach(|| {
            let trainer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            trainer.map(Trainer::finish)
        });
        let (table, entries) = trained.ok_or_else(finished)?;
        prior::Prior::new(name, table)
            .map(|prior| (Cow::Owned(prior.to_bytes()), entries))
            .map_err(|error| to_python(py, &error))
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("training is finished")
}
