//! The model `bwt`.
#![allow(missing_docs)]
pub mod context;
pub mod lengths;
pub mod logistic;
pub mod predictor;
pub mod ranks;
pub mod runs;
pub mod symbols;
pub mod transform;

use crate::Error;
fn error_memory() -> Error {
    Error::Limit { what: "memory for the Burrows-Wheeler transform" }
}
