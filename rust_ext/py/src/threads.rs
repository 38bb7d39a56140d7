//! How many threads may code one stream.

use std::cell::Cell;

use pyo3::prelude::*;

thread_local! {
    static ALLOWED: Cell<usize> = const { Cell::new(1) };
}

/// Lets the models of the calling thread use so many threads, this one among them. Returns how many they could before.
#[pyfunction]
pub fn set_threads(threads: usize) -> usize {
    ALLOWED.replace(threads)
}

/// What was set.
pub fn allowed() -> usize {
    ALLOWED.get()
}
