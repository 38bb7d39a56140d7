//! The model `table`: the cells of a table, column by column.
//!
//! Cells of a column are coded row by row, as numbers of values that came before, as what a number is more than expected, or
//! byte by byte where they are new. Each binary decision is predicted from the cells above and from columns that were coded
//! before ([`parents`] finds which), by counters that a gated logistic mixer combines, as in [`cm`](crate::cm). Of a
//! large table a column can be decoded with only those that it needs, of others with all that are coded before it.
//!
//! ```
//! use lmcodec_core::table::{self, Params};
//!
//! let cells = b"lead\ngold\ntin\n82\n79\n50\n";
//! let params = Params { level: 5, terminator: b'\n', columns: 2 };
//! let payload = table::encode(cells, &params)?;
//! assert_eq!(table::decode(&payload, cells.len(), &params)?, cells);
//! assert_eq!(table::decode_columns(&payload, cells.len(), &params, &[1])?, [b"82\n79\n50\n"]);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

// Fixed-point arithmetic: values are bounded by the tables they come from, and mixed signedness is its nature.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]

mod best;
mod cells;
mod choose;
mod climb;
mod column;
mod crowd;
mod decider;
mod directory;
mod echo;
mod estimates;
mod format;
mod guesses;
mod ids;
mod lines;
mod meter;
mod near;
mod needs;
mod number;
mod order;
mod parents;
mod past;
mod plan;
mod rare;
mod simd;
mod symbols;
mod terms;
mod text;
mod tools;
mod tree;
mod trial;
mod views;

#[cfg(test)]
mod tests;

use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
use crate::coder::bytes;
use crate::coder::numbers::{put_number, take, take_length};
use crate::transforms::count;
use crate::{Error, Result};
use cells::{Column, Room};
use column::{Coder, Setting};
use order::Order;
use plan::Plan;
use std::ops::RangeInclusive;
use tools::Tools;
use views::Views;

/// Levels of the model.
pub const LEVELS: RangeInclusive<u32> = 3..=9;
/// The first of the levels that are not fast, and the first at which nothing is spared.
const DEFAULT_LEVEL: u32 = 5;
const STRONG_LEVEL: u32 = 8;
/// Columns of a table.
pub const COLUMNS: RangeInclusive<u32> = 1..=1 << 16;
/// The largest number of symbols in one stream.
pub const MAX_COUNT: usize = 1 << 30;
const WHAT: &str = "table";

/// What the stream records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Strength, in [`LEVELS`].
    pub level: u32,
    /// The byte behind each cell.
    pub terminator: u8,
    /// In [`COLUMNS`].
    pub columns: u32,
}

impl Params {
    /// Checks that every field is in its range.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the field that is not.
    pub fn check(&self) -> Result<()> {
        if !LEVELS.contains(&self.level) {
            return Err(Error::Parameter {
                what: "level of table, 3 to 9",
            });
        }
        if !COLUMNS.contains(&self.columns) {
            return Err(Error::Parameter {
                what: "columns of table, 1 to 65536",
            });
        }
        Ok(())
    }
}

/// Memory in bytes that coding `count` symbols takes, besides the symbols and the payload.
#[must_use]
pub fn memory_bytes(count: usize, params: &Params) -> u64 {
    // The counters of numbers; those of a column, once more where it begins; of text; what each cell is, of all columns and
    // while one is coded.
    let column = ids::memory_bytes(count / params.columns.max(1) as usize, params.level);
    (56 << 20) + 2 * column + text::memory_bytes(count, params.level) + 24 * count as u64
}

/// Encodes cells. What is behind the last whole row of cells, if anything, is coded as bytes.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Limit`] for too many symbols or too little memory, [`Error::Interrupted`].
pub fn encode(symbols: &[u8], params: &Params) -> Result<Vec<u8>> {
    check(symbols.len(), params)?;
    let tools = Tools::new();
    let many = params.columns as usize;
    let rows = count(symbols, params.terminator) / many;
    let mut rest = symbols;
    let mut columns: Vec<Column> = (0..many)
        .map(|_| Column::take(&mut rest, rows, params.terminator))
        .collect();
    let tail = bytes::encode(rest);
    let mut out = Vec::new();
    put_number(rows as u64, &mut out);
    put_number(rest.len() as u64, &mut out);
    put_number(tail.len() as u64, &mut out);
    out.extend_from_slice(&tail);
    if rows == 0 {
        return Ok(out);
    }
    let setting = Setting {
        tools: &tools,
        level: params.level,
        terminator: params.terminator,
        rows,
    };
    let room = Room::new(symbols.len());
    let (mut plans, payloads) = best::code(setting, &mut columns, room)?;
    let mut side = BinaryEncoder::new();
    directory::code(setting, &mut side, &mut plans, &mut columns, room, false)?;
    let head = side.finish();
    put_number(head.len() as u64, &mut out);
    out.extend_from_slice(&head);
    for payload in &payloads {
        put_number(payload.len() as u64, &mut out);
    }
    out.extend(payloads.into_iter().flatten());
    Ok(out)
}

/// A payload, taken apart.
struct Parts<'p> {
    rows: usize,
    /// What cells have beside their terminators.
    room: Room,
    tail: Vec<u8>,
    head: &'p [u8],
    columns: Vec<&'p [u8]>,
}

impl<'p> Parts<'p> {
    fn read(payload: &'p [u8], count: usize, params: &Params) -> Result<Self> {
        let many = params.columns as usize;
        let mut rest = payload;
        let rows = take_length(&mut rest, WHAT)?;
        let tail = take_length(&mut rest, WHAT)?;
        // Each cell takes a symbol at least.
        let least = rows
            .checked_mul(many)
            .and_then(|cells| cells.checked_add(tail));
        let room = least
            .and_then(|least| count.checked_sub(least))
            .ok_or(Error::Corrupt {
                what: "more cells than symbols",
            })?;
        let length = take_length(&mut rest, WHAT)?;
        let tail = bytes::decode(take(&mut rest, length, WHAT)?, tail)?;
        let (mut head, mut columns) = (&[][..], Vec::new());
        if rows > 0 {
            let length = take_length(&mut rest, WHAT)?;
            head = take(&mut rest, length, WHAT)?;
            let lengths: Vec<usize> = (0..many)
                .map(|_| take_length(&mut rest, WHAT))
                .collect::<Result<_>>()?;
            columns = lengths
                .into_iter()
                .map(|length| take(&mut rest, length, WHAT))
                .collect::<Result<_>>()?;
        }
        if !rest.is_empty() {
            return Err(Error::Corrupt {
                what: "bytes behind the last column",
            });
        }
        Ok(Self {
            rows,
            room: Room::new(room),
            tail,
            head,
            columns,
        })
    }

    /// Decodes the columns that `wanted` tells, and those that they need.
    fn decode(&self, params: &Params, wanted: impl Fn(usize) -> bool) -> Result<Vec<Column>> {
        let many = params.columns as usize;
        if self.rows == 0 {
            return Ok(vec![Column::default(); many]);
        }
        let tools = Tools::new();
        let setting = Setting {
            tools: &tools,
            level: params.level,
            terminator: params.terminator,
            rows: self.rows,
        };
        let mut columns = vec![Column::default(); many];
        let mut plans = vec![Plan::default(); many];
        let mut side = BinaryDecoder::new(self.head);
        directory::code(
            setting,
            &mut side,
            &mut plans,
            &mut columns,
            self.room,
            true,
        )?;
        side.finish()?;
        let order = Order::new(&plans, self.rows)?;
        let needed = order.needed(&plans, (0..many).map(wanted).collect());
        let mut coder = Coder::new(setting, self.room, true);
        order.each(
            &plans,
            &mut columns,
            &mut Views::new(many),
            &needed,
            |x, beside, column| {
                let mut side = BinaryDecoder::new(self.columns[x]);
                coder.code(&plans[x], beside, &mut side, column)?;
                side.finish()
            },
        )?;
        Ok(columns)
    }
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no payload of so many; those of [`encode`].
pub fn decode(payload: &[u8], count: usize, params: &Params) -> Result<Vec<u8>> {
    check(count, params)?;
    let parts = Parts::read(payload, count, params)?;
    let mut out = Vec::new();
    for column in parts.decode(params, |_| true)? {
        column.write(params.terminator, &mut out);
    }
    out.extend_from_slice(&parts.tail);
    if out.len() != count {
        return Err(Error::Corrupt {
            what: "number of symbols of a table",
        });
    }
    Ok(out)
}

/// Decodes some columns of a payload of `count` symbols: the cells of each, with their terminators. Beside them
/// only columns that these know are decoded: those that they need in a large table, in others all that are coded before.
///
/// # Errors
/// Those of [`decode`], and [`Error::Parameter`] when there is no such column.
pub fn decode_columns(
    payload: &[u8],
    count: usize,
    params: &Params,
    wanted: &[usize],
) -> Result<Vec<Vec<u8>>> {
    check(count, params)?;
    let mut is_wanted = vec![false; params.columns as usize];
    for &x in wanted {
        *is_wanted.get_mut(x).ok_or(Error::Parameter {
            what: "columns: not beyond the last one",
        })? = true;
    }
    let parts = Parts::read(payload, count, params)?;
    let columns = parts.decode(params, |x| is_wanted[x])?;
    let cells = wanted.iter().map(|&x| {
        let mut out = Vec::new();
        columns[x].write(params.terminator, &mut out);
        out
    });
    Ok(cells.collect())
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
