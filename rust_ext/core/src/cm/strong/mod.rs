//! The strongest context-mixing predictor: levels 7 to 9.
//!
//! Every bit is predicted by some dozens of hashed contexts ([`contextmap`]), match models ([`matchmodel`]) and, for
//! bilevel images, pixel templates ([`image`]); a two-layer gated mixer ([`mixer`]) combines them, adaptive
//! probability maps ([`apm`]) correct the result. Which contexts are made depends on the kind of data: [`text`]
//! or [`binary`]; the encoder finds it by a probe and stores it ([`params`]). Integer arithmetic only.
//!
//! Source of the structure: PAQ (Mahoney 2002-2013) and its successors; formulas, tables, contexts and code are
//! this project's own.
//!
//! ```
//! use lmcodec_core::bitmodel::{decode_bytes, encode_bytes};
//! use lmcodec_core::cm::strong::{Params, Strong};
//!
//! let data = b"she sells sea shells by the sea shore";
//! let params = Params::probe(data, 9);
//! let payload = encode_bytes(&mut Strong::new(params), data);
//! assert!(payload.len() < data.len());
//! let decoded = decode_bytes(&mut Strong::new(params), &payload, data.len()).unwrap();
//! assert_eq!(decoded, data);
//! ```

// Fixed-point arithmetic: the ranges are in the comments, and most casts cannot lose anything in them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]

mod apm;
mod binary;
mod contextmap;
mod hashing;
mod image;
mod matchmodel;
mod mixer;
mod params;
mod predictor;
mod simd;
mod states;
#[cfg(test)]
mod tests;
mod text;

pub use params::{DataKind, Params};
pub use predictor::Strong;
