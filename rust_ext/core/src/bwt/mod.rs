//! The model `bwt`: the fast tier. Burrows–Wheeler transform, then mixed contexts on its runs.
//!
//! ```
//! use lmcodec_core::bwt::{decode, encode};
//!
//! let text = b"she sells sea shells by the sea shore";
//! let payload = encode(text)?;
//! assert_eq!(decode(&payload, text.len())?, text);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```
//!
//! The payload of an empty input is empty. Otherwise it is
//!
//! | bytes | content |
//! |---|---|
//! | 1 | flags: bit 0 the symbols stage, bit 1 the order of letters; the others are 0 |
//! | 4 or 32 | rows of the chains of the inverse transform, little-endian |
//! | the rest | arithmetic-coded runs |
//!
//! as `docs/models/bwt.md` explains in full.

mod context;
mod lengths;
mod letters;
mod logistic;
mod order;
mod predictor;
mod ranks;
mod runs;
mod simd;
mod stage;
mod symbols;
#[cfg(test)]
mod tests;
mod transform;

use crate::{Error, Result};
use stage::Stage;
use transform::Transformed;

/// Most symbols that one call codes: the sort counts rows in 31 bits.
pub const MAX_COUNT: usize = 1 << 30;

const FLAG_SYMBOLS: u8 = 1;
const FLAG_LETTERS: u8 = 2;

/// Encodes `symbols`.
///
/// # Errors
/// [`Error::Limit`] when there are more than [`MAX_COUNT`] symbols or memory cannot be had.
pub fn encode(symbols: &[u8]) -> Result<Vec<u8>> {
    check_count(symbols.len())?;
    if symbols.is_empty() {
        return Ok(Vec::new());
    }
    let mut flags = 0;
    let column = if letters::suits(symbols) {
        flags |= FLAG_LETTERS;
        let mut text = Vec::new();
        text.try_reserve_exact(symbols.len())
            .map_err(|_| no_memory())?;
        text.extend_from_slice(symbols);
        letters::forward(&mut text);
        transform::forward(&text)?
    } else {
        transform::forward(symbols)?
    };
    let stage = stage::choose(&column.last)?;
    if stage == Stage::Symbols {
        flags |= FLAG_SYMBOLS;
    }
    let coded = stage::encode(&column.last, stage)?;
    let mut payload = Vec::new();
    payload
        .try_reserve_exact(1 + 4 * column.anchors.len() + coded.len())
        .map_err(|_| no_memory())?;
    payload.push(flags);
    for row in column.anchors {
        payload.extend_from_slice(&row.to_le_bytes());
    }
    payload.extend_from_slice(&coded);
    Ok(payload)
}

/// Decodes `count` symbols out of `payload`.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when `payload` is not what [`encode`] returned for `count`
/// symbols, [`Error::Limit`] when `count` is above [`MAX_COUNT`] or memory cannot be had.
pub fn decode(payload: &[u8], count: usize) -> Result<Vec<u8>> {
    check_count(count)?;
    if count == 0 {
        return if payload.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Error::Corrupt {
                what: "bytes after the last symbol",
            })
        };
    }
    let Some((&flags, rest)) = payload.split_first() else {
        return Err(Error::Truncated { what: "flags" });
    };
    if flags & !(FLAG_SYMBOLS | FLAG_LETTERS) != 0 {
        return Err(Error::Corrupt {
            what: "unknown flag of the model bwt",
        });
    }
    let chains = transform::cuts(count).len();
    let Some((rows, coded)) = rest.split_at_checked(4 * chains) else {
        return Err(Error::Truncated {
            what: "rows of the Burrows-Wheeler transform",
        });
    };
    let anchors = rows
        .chunks_exact(4)
        .map(|row| u32::from_le_bytes([row[0], row[1], row[2], row[3]]))
        .collect();
    let stage = if flags & FLAG_SYMBOLS == 0 {
        Stage::Ranks
    } else {
        Stage::Symbols
    };
    let last = stage::decode(coded, count, stage)?;
    let mut text = transform::inverse(&Transformed { last, anchors })?;
    if flags & FLAG_LETTERS != 0 {
        letters::inverse(&mut text);
    }
    Ok(text)
}

/// Memory that [`encode`] takes for `count` symbols, the symbols themselves not counted.
#[must_use]
pub fn encode_memory_bytes(count: usize) -> usize {
    // Text in the order of letters, last column, sort; the ranks come when the sort is done.
    TABLE_BYTES.saturating_add(count.saturating_mul(6))
}

/// Memory that [`decode`] takes for `count` symbols, payload and result not counted.
#[must_use]
pub fn decode_memory_bytes(count: usize) -> usize {
    let table = if count <= transform::PACKED_UP_TO {
        4
    } else {
        5
    };
    TABLE_BYTES.saturating_add(count.saturating_mul(1 + table))
}

/// Counters, weights and maps of the models, and the lookup tables.
const TABLE_BYTES: usize = 8 << 20;

fn check_count(count: usize) -> Result<()> {
    if count > MAX_COUNT {
        return Err(Error::Limit {
            what: "the model bwt codes at most 2^30 symbols at once",
        });
    }
    Ok(())
}

fn no_memory() -> Error {
    Error::Limit {
        what: "memory for the Burrows-Wheeler transform",
    }
}
