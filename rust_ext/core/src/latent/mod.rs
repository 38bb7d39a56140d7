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
//! assert_eq!(decode(&payload, symbols.len(), 6)?, symbols);
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
/// The most symbols: bytes.
const MAX_SYMBOLS: usize = 256;
/// The most counts: 64 MiB of them.
const MAX_ROOM: usize = 1 << 24;
/// Of these as many as the memory of a column that has its own, without its counts and symbols.
const COLUMN_ROOM: usize = 16;
const COLUMN_BYTES: usize = 160;
const WHAT: &str = "table with latent labels";

/// What the encoder found in a table.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Of each row, the last of which need not be whole. Labels are names: numbers that are left out cost nothing.
    pub rows: &'a [u8],
    /// Of each column.
    pub columns: &'a [u8],
    /// Whether each column has its own counts, whatever its label.
    pub is_kept: bool,
    /// What a count weighs, where a symbol that was not seen weighs 1: 1 to [`MAX_STEP`].
    pub step: u32,
}

/// Encodes a table, row by row. Where labels need more counts than a decoder takes, they are left out.
///
/// # Errors
/// [`Error::Parameter`] when the labels are not those of such a table, [`Error::Interrupted`].
pub fn encode(symbols: &[u8], labels: &Labels<'_>) -> Result<Vec<u8>> {
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
    let mut encoder = BinaryEncoder::with_capacity(symbols.len() / 4);
    let (mut table, numbers) = Table::describe(symbols, labels);
    table.code_head(symbols.len(), &mut encoder)?;
    table.code(&numbers, symbols.len(), &mut Vec::new(), &mut encoder)?;
    Ok(encoder.finish())
}

/// Decodes `count` symbols of a table of so many columns.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when the payload is none of such a table,
/// [`Error::Parameter`] when there are no columns, [`Error::Interrupted`].
pub fn decode(payload: &[u8], count: usize, columns: usize) -> Result<Vec<u8>> {
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
    table.code_head(count, &mut decoder)?;
    let mut symbols = Vec::with_capacity(count.min(1 << 20));
    table.code(&[], count, &mut symbols, &mut decoder)?;
    decoder.finish()?;
    Ok(symbols)
}

/// Bytes of memory that coding a table of so many columns takes at most, besides symbols.
#[must_use]
pub fn memory_bytes(count: usize, columns: usize) -> usize {
    let columns = columns.clamp(1, count.max(1));
    let rows = count.div_ceil(columns);
    // There are no more cells than pairs of a row and a column, and no column has more symbols than there are rows.
    let pairs = rows.saturating_mul(columns);
    let counts = pairs.saturating_mul(MAX_SYMBOLS).min(MAX_ROOM) * 4;
    let symbols = pairs.min(MAX_ROOM) * 2 + columns.min(MAX_ROOM / COLUMN_ROOM) * COLUMN_BYTES;
    let labels = rows.saturating_add(columns).saturating_mul(2);
    counts + symbols + labels.min(usize::MAX / 2)
}
