//! Ctrl-C and cancelled threads: what stops a slow model between two symbols.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

thread_local! {
    static FLAG: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
    /// What a signal handler raised while a model ran.
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

/// Tells whether the calling thread should stop; in the main thread this runs the handlers of signals.
pub fn requested() -> bool {
    let stopped = FLAG.with_borrow(|flag| {
        flag.as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    });
    // A closure, since the method is not general enough in its lifetime.
    #[allow(clippy::redundant_closure_for_method_calls)]
    let checked = || Python::attach(|py| py.check_signals());
    stopped
        || checked().is_err_and(|raised| {
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
