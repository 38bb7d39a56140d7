//! Ctrl-C, cancelled threads and progress: what stops and follows a slow model between two symbols.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

thread_local! {
    static FLAG: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
    /// What is told how far the models of the thread are.
    static LISTENER: RefCell<Option<Py<PyAny>>> = const { RefCell::new(None) };
    /// What a signal handler or the listener raised while a model ran.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Stops the models that run in the threads that watch it.
#[pyclass(frozen, module = "lmcodec._core")]
pub struct StopFlag(Arc<AtomicBool>);

#[pymethods]
impl StopFlag {
    #[new]
    fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Makes the models of the calling thread obey this flag, from now on.
    fn watch(&self) {
        FLAG.set(Some(Arc::clone(&self.0)));
    }

    /// Stops the models that run in the watching threads, and every one that begins there.
    fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Symbols between two calls of the listener: the slowest models code about as many a second.
const REPORT: usize = 1 << 16;

/// Lets the models of the calling thread tell `listener`, or nobody, how many symbols of a stream are done.
/// Returns the one that was told before: a listener may itself code something.
#[pyfunction]
#[pyo3(signature = (listener))]
pub fn set_listener(listener: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
    LISTENER.replace(listener)
}

/// Does for a model written in Python what the loops of the others do: tells the listener, unless `done` is
/// in the same stretch of symbols as `before`, and raises when the thread should stop.
#[pyfunction]
pub fn report(py: Python<'_>, before: usize, done: usize) -> PyResult<()> {
    if before / REPORT == done / REPORT {
        return Ok(());
    }
    if stopped() {
        return Err(exception());
    }
    tell(py, done)
}

fn stopped() -> bool {
    FLAG.with_borrow(|flag| {
        flag.as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    })
}

fn tell(py: Python<'_>, done: usize) -> PyResult<()> {
    // Not borrowed during the call, which may set another listener.
    let listener =
        LISTENER.with_borrow(|listener| listener.as_ref().map(|listener| listener.clone_ref(py)));
    listener.map_or(Ok(()), |listener| {
        listener.call1(py, (done,)).map(|_result| ())
    })
}

/// Takes note that a model has done so many symbols, and tells whether the calling thread should stop; in the
/// main thread this runs the handlers of signals.
pub fn requested(done: usize) -> bool {
    stops(done, done > 0 && done.is_multiple_of(REPORT))
}

/// The same where something is always worth telling.
pub fn attended(done: usize) -> bool {
    stops(done, true)
}

fn stops(done: usize, told: bool) -> bool {
    let attended = || {
        Python::attach(|py| {
            py.check_signals()?;
            if told {
                tell(py, done)?;
            }
            Ok(())
        })
    };
    stopped()
        || attended().is_err_and(|raised| {
            RAISED.set(Some(raised));
            true
        })
}

/// The exception of a model that was stopped.
pub fn exception() -> PyErr {
    RAISED
        .take()
        .unwrap_or_else(|| PyKeyboardInterrupt::new_err("stopped"))
}
