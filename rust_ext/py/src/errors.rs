//! The one place where `lmcodec_core::Error` becomes a Python exception of `lmcodec.errors`.

use lmcodec_core::Error;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Maps an error of the core to the exception that `lmcodec.errors` defines for it.
pub fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let name = match error {
        Error::Truncated { .. } => "TruncatedError",
        Error::Corrupt { .. } => "CorruptError",
        Error::Weights { .. } | Error::File { .. } => "FormatError",
        Error::Machine { .. } => "NotReproducibleError",
        Error::Limit { .. } => "LimitError",
        Error::Model { .. } => "ModelError",
        Error::Interrupted => return crate::stop::exception(),
        _ => return PyValueError::new_err(error.to_string()),
    };
    let make = || -> PyResult<PyErr> {
        let class = py.import("lmcodec.errors")?.getattr(name)?;
        Ok(PyErr::from_value(class.call1((error.to_string(),))?))
    };
    make().unwrap_or_else(|error| error)
}
