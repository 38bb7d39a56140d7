//! Tables of categories by latent classes of rows and columns.
//!
//! Each row has a label out of k, each column one out of l, and entries with the same pair of labels are
//! coded by the counts of those before (A. Montanari, E. Weiner, Compressing Tabular Data via Latent Variable
//! Estimation, ICML 2023). Columns that have nothing to do with each other keep their own counts, for each label of
//! rows. Labels are found by the encoder, with floats if it likes, and are in the payload: the decoder counts, and has
//! no floats.
//!
//! ```
//! use lmcodec_core::latent::{decode, encode, Labels};
//!
//! let symbols = [7, 9, 7, 9, 7, 9, 9, 7, 9, 7, 9, 7];
//! let labels = Labels { rows: &[0, 1], columns: &[0, 1, 0, 1, 0, 1], is_kept: false, step: 2 };
//! let payload = encode(&symbols, &labels)?;
//! assert_eq!(decode::<u8>(&payload, symbols.len(), 6)?, symbols);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

mod table;
#[cfg(test)]
mod tests;

use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
use crate::coder::counts::MAX_STEP;
use crate::{Error, Result};
use table::Table;

/// The most labels of rows, or of columns.
pub const MAX_LABELS: usize = 256;
/// The most counts: 64 MiB of them.
const MAX_ROOM: usize = 1 << 24;
const WHAT: &str = "table with latent labels";

/// A value in a table.
pub trait Symbol: Copy + Ord + Default + Into<u32> {
    /// The value of a number, if there is one.
    fn of(number: u32) -> Option<Self>;
}

impl Symbol for u8 {
    fn of(number: u32) -> Option<Self> {
        Self::try_from(number).ok()
    }
}

impl Symbol for u16 {
    fn of(number: u32) -> Option<Self> {
        Self::try_from(number).ok()
    }
}

impl Symbol for u32 {
    fn of(number: u32) -> Option<Self> {
        Some(number)
    }
}

/// What the encoder found in a table.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Of each row, the last of which need not be whole. Labels are below the largest plus one.
    pub rows: &'a [u8],
    /// Of each column.
    pub columns: &'a [u8],
    /// Whether each column has its own counts, whatever its label.
    pub is_kept: bool,
    /// What a count weighs, where a symbol that was not seen weighs 1: 1 to [`MAX_STEP`].
    pub step: u32,
}

/// Encodes a table, row by row.
///
/// # Errors
/// [`Error::Parameter`] when the labels are not those of such a table, or there are values above 2^32 - 3;
/// [`Error::Limit`] when there would be too many counts; [`Error::Interrupted`].
pub fn encode<S: Symbol>(symbols: &[S], labels: &Labels<'_>) -> Result<Vec<u8>> {
    let wrong = |what| Err(Error::Parameter { what });
    let columns = labels.columns.len();
    if columns == 0 || labels.rows.len() != symbols.len().div_ceil(columns) {
        return wrong("labels: one of each row and each column");
    }
    if !(1..=MAX_STEP).contains(&labels.step.into()) {
        return wrong("step: 1 to 1024");
    }
    if symbols.is_empty() {
        return Ok(Vec::new());
    }
    if symbols.iter().any(|&s| s.into() > u32::MAX - 2) {
        return wrong("symbols: below 2^32 - 2");
    }
    let mut encoder = BinaryEncoder::with_capacity(symbols.len() / 4);
    let mut table = Table::describe(symbols, labels)?;
    table.code_head(&mut encoder)?;
    let mut copy = Vec::new();
    table.code(symbols, symbols.len(), &mut copy, &mut encoder)?;
    Ok(encoder.finish())
}

/// Decodes `count` symbols of a table of so many columns.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when the payload is none of such a table,
/// [`Error::Parameter`] when there are no columns, [`Error::Interrupted`].
pub fn decode<S: Symbol>(payload: &[u8], count: usize, columns: usize) -> Result<Vec<S>> {
    if columns == 0 {
        return Err(Error::Parameter {
            what: "columns: at least 1",
        });
    }
    if count == 0 {
        if payload.is_empty() {
            return Ok(Vec::new());
        }
        return Err(Error::Corrupt {
            what: "bytes of a table without entries",
        });
    }
    let mut decoder = BinaryDecoder::new(payload);
    let mut table = Table::claimed(columns, count);
    table.code_head(&mut decoder)?;
    let mut symbols = Vec::with_capacity(count.min(1 << 20));
    table.code(&[], count, &mut symbols, &mut decoder)?;
    decoder.finish()?;
    Ok(symbols)
}

/// Bytes of memory that coding takes at most, besides symbols.
#[must_use]
pub fn memory_bytes(count: usize) -> usize {
    // Counts, a label of each row and column, and numbers of symbols.
    (MAX_ROOM * 4).min(count.saturating_mul(4 * MAX_LABELS)) + count.min(1 << 24) * 8
}
