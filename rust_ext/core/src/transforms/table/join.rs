//! Streams to a block.

use super::columns::column_ends;
use super::{Dialect, Layout, Streams};
use crate::coder::numbers::take_length;
use crate::{Error, Result};

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// Undoes [`split`](super::split).
///
/// # Errors
/// [`Error::Corrupt`] or [`Error::Truncated`] when the streams do not fit together; [`Error::Parameter`] when the
/// dialect is none; [`Error::Limit`] when memory cannot be had.
pub fn join(streams: &Streams, dialect: &Dialect, layout: &Layout) -> Result<Vec<u8>> {
    dialect.check()?;
    let cells = &streams.cells[..];
    let ends = if layout.rows == 0 && cells.is_empty() {
        Vec::new()
    } else {
        column_ends(cells, layout.terminator, dialect.columns)?
    };
    if ends.is_empty() != (layout.rows == 0) {
        return Err(corrupt("number of rows of a table"));
    }
    // Of each column the cells that are still to be written.
    let mut begin = 0;
    let mut columns: Vec<&[u8]> = ends
        .iter()
        .map(|&end| {
            let column = &cells[begin..end];
            begin = end;
            column
        })
        .collect();
    let mut out = reserve(streams, dialect, layout)?;
    let (head, mut rest) = streams
        .rest
        .split_at_checked(layout.head)
        .ok_or(corrupt("lines before a table"))?;
    out.extend_from_slice(head);
    let mut places = &streams.places[..];
    let mut left = layout.rows;
    while !places.is_empty() {
        let gap = take_length(&mut places, "places of lines")?;
        let run = take_length(&mut places, "places of lines")?;
        left = left
            .checked_sub(gap)
            .ok_or(corrupt("places of lines in a table"))?;
        put_rows(&mut columns, gap, dialect, layout.terminator, &mut out)?;
        let (lines, after) = rest
            .split_at_checked(run)
            .ok_or(corrupt("lines in a table"))?;
        out.extend_from_slice(lines);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(corrupt("lines in a table have no place"));
    }
    put_rows(&mut columns, left, dialect, layout.terminator, &mut out)?;
    if columns.iter().any(|column| !column.is_empty()) {
        return Err(corrupt("number of rows of a table"));
    }
    if layout.open && left > 0 {
        out.truncate(out.len() - dialect.end().len());
    }
    Ok(out)
}

/// Reserves what the block takes.
fn reserve(streams: &Streams, dialect: &Dialect, layout: &Layout) -> Result<Vec<u8>> {
    let row = (dialect.columns - 1).saturating_mul(dialect.separator.len()) + dialect.end().len();
    // Each cell has given a terminator already, so that this is no more than a small multiple of the streams.
    let size = (streams.cells.len() + streams.rest.len())
        .saturating_sub(layout.rows.saturating_mul(dialect.columns))
        .saturating_add(layout.rows.saturating_mul(row));
    let most = (streams.cells.len() + 1)
        .saturating_mul(dialect.separator.len() + 2)
        .saturating_add(streams.rest.len());
    let mut out = Vec::new();
    out.try_reserve_exact(size.min(most))
        .map_err(|_| Error::Limit {
            what: "memory for the text of a table",
        })?;
    Ok(out)
}

/// Writes so many rows.
fn put_rows(
    columns: &mut [&[u8]],
    rows: usize,
    dialect: &Dialect,
    terminator: u8,
    out: &mut Vec<u8>,
) -> Result<()> {
    let separator = &dialect.separator[..];
    for _ in 0..rows {
        for column in &mut *columns {
            let size = column
                .iter()
                .position(|&byte| byte == terminator)
                .ok_or(corrupt("number of rows of a table"))?;
            out.extend_from_slice(&column[..size]);
            match separator {
                &[byte] => out.push(byte),
                bytes => out.extend_from_slice(bytes),
            }
            *column = &column[size + 1..];
        }
        out.truncate(out.len() - separator.len());
        out.extend_from_slice(dialect.end());
    }
    Ok(())
}
