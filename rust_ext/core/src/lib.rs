//! Entropy coders and probability models of lmcodec.
//!
//! The crate has no Python and no I/O: a model turns what was already coded into integer intervals, a coder
//! turns intervals into bits. Coding has no floats but those of [`lm`] and [`circuit`], whose
//! operations and order are fixed.
//!
//! ```
//! use lmcodec_core::coder::binary::{BinaryDecoder, BinaryEncoder, PROB_ONE};
//!
//! let bits = [1, 0, 1, 1];
//! let mut encoder = BinaryEncoder::new();
//! for &bit in &bits {
//!     encoder.encode(bit, 3 * PROB_ONE / 4);
//! }
//! let payload = encoder.finish();
//! let mut decoder = BinaryDecoder::new(&payload);
//! for &bit in &bits {
//!     assert_eq!(decoder.decode(3 * PROB_ONE / 4), bit);
//! }
//! decoder.finish().unwrap();
//! ```
#![warn(missing_docs)]

pub mod ardm;
pub mod bitmodel;
pub mod bwt;
pub mod bytelm;
pub mod circuit;
pub mod cm;
pub mod coder;
pub mod error;
pub mod graph;
pub mod interrupt;
pub mod latent;
pub mod lm;
mod machine;
mod memory;
pub mod nn;
pub mod noise;
pub mod samples;
mod spin;
pub mod table;
pub mod transforms;

pub use error::{Error, Result};
