//! The model `cm`: integer context mixing of bit predictions (M. Mahoney's PAQ line, in our own design).
//!
//! Every byte is coded as eight binary decisions, most significant bit first. Each context keeps bit histories; an
//! adaptive map turns a history into a probability; gated logistic mixers combine the probabilities; adaptive
//! probability maps refine the result. Levels 3 to 8 run the predictor in [`fast`],
//! level 9 and bilevel images at level 8 the one in [`strong`].
//!
//! ```
//! use lmcodec_core::cm::{self, Params};
//!
//! let symbols = b"one fish two fish red fish blue fish".repeat(20);
//! let params = Params::probe(&symbols, 5);
//! let payload = cm::encode(&symbols, &params, None)?;
//! assert!(payload.len() < 100);
//! assert_eq!(cm::decode(&payload, symbols.len(), &params, None)?, symbols);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

// Fixed-point arithmetic: values are bounded by the tables they come from, and mixed signedness is its nature.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod alone;
pub mod content;
pub mod fast;
mod memory;
mod packed;
pub mod pretrained;
mod primed;
pub mod prior;
pub mod probe;
pub mod strong;
pub mod tables;

use crate::cm::prior::Prior;
use crate::{Error, Result};
pub use pretrained::Pretrained;
pub use probe::Kind;

/// Smallest and largest level of the model.
pub const LEVELS: std::ops::RangeInclusive<u32> = 3..=9;
/// How many lanes a stream can have.
pub const LANES: std::ops::RangeInclusive<u32> = 1..=8;
/// First level whose contexts make use of like records.
const WIDE: u32 = 7;
/// Positions are 32-bit: the largest number of symbols in one stream.
pub const MAX_COUNT: usize = 1 << 30;

/// What text or pictures are known to be like before the first symbol. Other kinds of content ignore it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// What new contexts start from.
    pub prior: Option<&'a Prior>,
    /// A network that predicts beside the contexts: at the level that runs the predictor in [`strong`].
    pub network: Option<&'a Pretrained>,
    /// Threads that may code one stream: results do not depend on them.
    pub threads: usize,
}

impl<'a> From<Option<&'a Prior>> for Knowledge<'a> {
    fn from(prior: Option<&'a Prior>) -> Self {
        Self {
            prior,
            ..Self::default()
        }
    }
}

/// What the encoder decided and the stream records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Strength, in [`LEVELS`].
    pub level: u32,
    /// What the symbols are taken for.
    pub kind: Kind,
    /// Distance in bytes between like fields of records; 1 where there are no records.
    pub record: u32,
    /// Distance in bytes between like records, as the cells of a column of a sheet; 1 where there is none. Used by
    /// levels 7 to 9.
    pub row: u32,
    /// Pieces of text that are coded side by side, in [`LANES`]: with more than one, a second thread can run the
    /// network. More than one only for text at level 9.
    pub lanes: u32,
    /// Whether tables of short streams have room for all that is seen, at levels 3 to 8.
    pub roomy: bool,
}

impl Params {
    /// Chooses parameters by looking at the symbols.
    #[must_use]
    pub fn probe(symbols: &[u8], level: u32) -> Self {
        let (kind, record) = probe::probe(symbols);
        let row = if level >= WIDE && kind == Kind::Binary {
            probe::row_length(symbols, record)
        } else {
            1
        };
        Self {
            level,
            kind,
            record,
            row,
            lanes: 1,
            roomy: true,
        }
    }

    /// Whether the predictor in [`strong`] codes the symbols.
    fn is_strong(&self) -> bool {
        self.level == 9 || self.level == 8 && self.kind == Kind::Bilevel
    }

    /// Checks that every field is in its range.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the field that is not.
    pub fn check(&self) -> Result<()> {
        if !LEVELS.contains(&self.level) {
            return Err(Error::Parameter {
                what: "level of cm, 3 to 9",
            });
        }
        let pixels = self.kind.channels();
        if pixels.is_some() && self.level != 9 {
            return Err(Error::Parameter {
                what: "level of cm, 9 for pixels",
            });
        }
        let (most_record, most_row) = match pixels {
            Some(_) => (probe::MAX_PIXELS, probe::MAX_PIXELS),
            None => (probe::MAX_RECORD, probe::MAX_ROW),
        };
        if !(1..=most_record).contains(&self.record) {
            return Err(Error::Parameter {
                what: "record length of cm",
            });
        }
        if !(1..=most_row).contains(&self.row) {
            return Err(Error::Parameter {
                what: "row length of cm",
            });
        }
        let most = if self.level == 9 && self.kind == Kind::Text {
            *LANES.end()
        } else {
            1
        };
        if !(1..=most).contains(&self.lanes) {
            return Err(Error::Parameter {
                what: "lanes of cm, 1 to 8, more than one with text at level 9",
            });
        }
        Ok(())
    }
}

/// Memory in bytes that coding `count` symbols takes, besides the symbols and the payload.
#[must_use]
pub fn memory_bytes(count: usize, params: &Params) -> u64 {
    if params.is_strong() {
        strong::memory_bytes(count, params)
    } else {
        fast::memory_bytes(count, params)
    }
}

/// The same with a prior, after so many bytes of its text.
#[must_use]
pub fn memory_bytes_after(text: usize, count: usize, params: &Params) -> u64 {
    if matches!(params.kind, Kind::Binary | Kind::Bilevel) {
        memory_bytes(count, params)
    } else if params.is_strong() {
        strong::memory_bytes(text.saturating_add(count).min(MAX_COUNT), params)
    } else {
        fast::memory_bytes_after(text, count, params)
    }
}

/// Encodes `symbols`, with what is known.
///
/// # Errors
/// [`Error::Parameter`] for parameters out of range, [`Error::Limit`] for too many symbols or too little memory.
pub fn encode<'a>(
    symbols: &[u8],
    params: &Params,
    known: impl Into<Knowledge<'a>>,
) -> Result<Vec<u8>> {
    check(symbols.len(), params)?;
    let known = known.into();
    if params.is_strong() {
        strong::encode(symbols, params, known)
    } else {
        fast::encode(symbols, params, known.prior)
    }
}

/// Decodes `count` symbols from `payload`, with what was known when they were coded.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] for a payload that [`encode`] did not write, and the errors of
/// [`encode`].
pub fn decode<'a>(
    payload: &[u8],
    count: usize,
    params: &Params,
    known: impl Into<Knowledge<'a>>,
) -> Result<Vec<u8>> {
    check(count, params)?;
    let known = known.into();
    if params.is_strong() {
        strong::decode(payload, count, params, known)
    } else {
        fast::decode(payload, count, params, known.prior)
    }
}

/// Encodes a message, whose payload tells where it ends: of at most [`MESSAGE`](crate::bitmodel::MESSAGE) symbols, in
/// one lane. The first byte of the payload is none of the last [`RESERVED`](crate::coder::message::RESERVED) values.
///
/// # Errors
/// Those of [`encode`].
pub fn encode_message<'a>(
    symbols: &[u8],
    params: &Params,
    known: impl Into<Knowledge<'a>>,
) -> Result<Vec<u8>> {
    check_message(params)?;
    let known = known.into();
    if params.is_strong() {
        strong::encode_message(symbols, params, known)
    } else {
        fast::encode_message(symbols, params, known.prior)
    }
}

/// Decodes a message.
///
/// # Errors
/// [`Error::Corrupt`] for a payload that [`encode_message`] did not write, and the errors of that.
pub fn decode_message<'a>(
    payload: &[u8],
    params: &Params,
    known: impl Into<Knowledge<'a>>,
) -> Result<Vec<u8>> {
    check_message(params)?;
    let known = known.into();
    if params.is_strong() {
        strong::decode_message(payload, params, known)
    } else {
        fast::decode_message(payload, params, known.prior)
    }
}

fn check_message(params: &Params) -> Result<()> {
    if params.lanes != 1 {
        return Err(Error::Parameter {
            what: "lanes of cm, 1 for a message",
        });
    }
    params.check()
}

fn check(count: usize, params: &Params) -> Result<()> {
    params.check()?;
    if count > MAX_COUNT {
        return Err(Error::Limit {
            what: "symbols of one stream, at most 2^30",
        });
    }
    Ok(())
}
