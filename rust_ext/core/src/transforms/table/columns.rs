//! Parts of the stream of cells.

use super::super::count;
use crate::{Error, Result};

/// Bytes that are counted together.
const CHUNK: usize = 1 << 8;

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// Where each column ends in a stream of cells, column after column.
///
/// # Errors
/// [`Error::Corrupt`] when the number of terminators is none of whole rows, or something is behind the last one.
pub fn column_ends(cells: &[u8], terminator: u8, columns: usize) -> Result<Vec<usize>> {
    let all = count(cells, terminator);
    if columns == 0 || all == 0 || !all.is_multiple_of(columns) || cells.last() != Some(&terminator)
    {
        return Err(corrupt("number of cells of a table"));
    }
    let rows = all / columns;
    let mut ends = Vec::with_capacity(columns);
    let mut at = 0;
    for _ in 0..columns {
        at += skip(&cells[at..], terminator, rows);
        ends.push(at);
    }
    Ok(ends)
}

/// The cells of some rows, column after column as before.
///
/// # Arguments
/// * `spans` - The numbers of the rows, first ones and those behind the last, none before the end of the span before.
///
/// # Errors
/// Those of [`column_ends`]; [`Error::Parameter`] when there are no such rows.
pub fn select_rows(
    cells: &[u8],
    terminator: u8,
    columns: usize,
    spans: &[(usize, usize)],
) -> Result<Vec<u8>> {
    let ends = column_ends(cells, terminator, columns)?;
    let rows = count(&cells[..ends[0]], terminator);
    let in_order = spans.iter().try_fold(0, |after, &(first, last)| {
        (after <= first && first <= last).then_some(last)
    });
    if in_order.is_none_or(|last| last > rows) {
        return Err(Error::Parameter {
            what: "rows of a table",
        });
    }
    let mut out = Vec::new();
    let mut begin = 0;
    for end in ends {
        let (mut at, mut row) = (begin, 0);
        for &(first, last) in spans {
            at += skip(&cells[at..], terminator, first - row);
            let size = skip(&cells[at..], terminator, last - first);
            out.extend_from_slice(&cells[at..at + size]);
            (at, row) = (at + size, last);
        }
        begin = end;
    }
    Ok(out)
}

/// The bytes of so many cells, which are all there.
fn skip(cells: &[u8], terminator: u8, mut many: usize) -> usize {
    let mut at = 0;
    for chunk in cells.chunks(CHUNK) {
        let here = count(chunk, terminator);
        if here >= many {
            break;
        }
        many -= here;
        at += chunk.len();
    }
    while many > 0 {
        many -= usize::from(cells[at] == terminator);
        at += 1;
    }
    at
}
