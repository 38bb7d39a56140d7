//! Looks at content, as Python functions.

use pyo3::prelude::*;

/// Whether content looks like noise everywhere, and like no other part of itself.
#[pyfunction]
pub fn is_noise(py: Python<'_>, content: &[u8]) -> bool {
    py.detach(|| lmcodec_core::noise::is_noise(content))
}
