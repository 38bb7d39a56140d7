//! A block to streams.

use super::header::is_header;
use super::lines::{Line, Lines};
use super::{Dialect, Layout, Streams};
use crate::coder::numbers::put_number;
use crate::{Error, Result};

/// Bytes of a block from which on a last line without an end is kept as it is: it may go on in the next block, and
/// those who read rows find it without the cells. In a smaller block, of a file of its own, that would cost too much.
const LARGE: usize = 1 << 16;

/// Looks where the rows of a block are.
///
/// # Arguments
/// * `first` - Whether the block is the beginning of the content, where names of columns may stand.
///
/// # Errors
/// [`Error::Parameter`] when the dialect is none.
pub fn measure(raw: &[u8], dialect: &Dialect, first: bool) -> Result<Layout> {
    dialect.check()?;
    let walked = walk(raw, dialect, first, true);
    if !walked.embedded {
        return Ok(walked.layout(b'\n'));
    }
    // Any byte that is nowhere in the block; where all are there, rows with ends of lines in cells are none.
    let mut seen = [false; 256];
    for &byte in raw {
        seen[usize::from(byte)] = true;
    }
    Ok(match (0..=u8::MAX).find(|&byte| !seen[usize::from(byte)]) {
        Some(byte) => walked.layout(byte),
        None => walk(raw, dialect, first, false).layout(b'\n'),
    })
}

#[derive(Default)]
struct Walked {
    rows: usize,
    head: usize,
    open: bool,
    embedded: bool,
}

impl Walked {
    fn layout(&self, terminator: u8) -> Layout {
        Layout {
            rows: self.rows,
            head: self.head,
            terminator,
            open: self.open,
        }
    }
}

/// Counts rows, with or without those that have ends of lines in cells.
fn walk(raw: &[u8], dialect: &Dialect, first: bool, embedded: bool) -> Walked {
    let mut found = Walked::default();
    let mut lines = Lines::new(raw, dialect);
    let mut ends = Vec::new();
    let mut at = 0;
    let mut may_be_header = first;
    while at < raw.len() {
        ends.clear();
        let line = lines.read(at, &mut ends);
        // A first line that is not that of the content may have been cut.
        let mut is_row = (first || at > 0) && is_row(line, raw, embedded);
        if is_row && first && found.rows == 0 {
            if raw[at] == b'#' {
                // A comment with as many cells as a row, such as the names of columns.
                is_row = false;
            } else if may_be_header {
                may_be_header = false;
                is_row = !is_header(raw, dialect, at, line.after);
            }
        }
        if is_row {
            found.rows += 1;
            found.embedded |= line.embedded;
        } else if found.rows == 0 {
            found.head = line.after;
        }
        found.open = line.open;
        at = line.after;
    }
    found
}

/// Whether a line is a row, those with ends of lines in cells with `embedded` only.
fn is_row(line: Line, raw: &[u8], embedded: bool) -> bool {
    let may_be_cut = line.open && raw.len() >= LARGE;
    line.regular && !may_be_cut && (embedded || !line.embedded)
}

/// Splits a block.
///
/// # Errors
/// [`Error::Parameter`] when the layout is not what [`measure`] found in it; [`Error::Limit`] when memory cannot
/// be had.
pub fn split(raw: &[u8], dialect: &Dialect, layout: &Layout) -> Result<Streams> {
    dialect.check()?;
    let wrong = Error::Parameter {
        what: "layout of the table is not that of the block",
    };
    let mut streams = Streams {
        rest: raw.get(..layout.head).ok_or(wrong.clone())?.to_vec(),
        ..Streams::default()
    };
    let mut lines = Lines::new(raw, dialect);
    // Of each row where it begins, and where its cells end.
    let mut bounds = Vec::new();
    let (mut at, mut gap, mut run, mut open) = (0, 0, 0, false);
    while at < raw.len() {
        let before = bounds.len();
        bounds.push(at);
        let line = lines.read(at, &mut bounds);
        if at < layout.head {
            bounds.truncate(before);
        } else if is_row(line, raw, layout.terminator != b'\n') {
            if run > 0 {
                put_place(gap, run, &mut streams.places);
                (gap, run) = (0, 0);
            }
            gap += 1;
        } else {
            bounds.truncate(before);
            streams.rest.extend_from_slice(&raw[at..line.after]);
            run += line.after - at;
        }
        (at, open) = (line.after, line.open);
    }
    if run > 0 {
        put_place(gap, run, &mut streams.places);
    }
    let width = dialect.columns + 1;
    if (bounds.len() / width, open) != (layout.rows, layout.open) {
        return Err(wrong);
    }
    streams.cells = transpose(raw, &bounds, dialect, layout.terminator)?;
    Ok(streams)
}

fn put_place(gap: usize, run: usize, places: &mut Vec<u8>) {
    put_number(gap as u64, places);
    put_number(run as u64, places);
}

/// Writes the cells of rows column by column.
fn transpose(raw: &[u8], bounds: &[usize], dialect: &Dialect, terminator: u8) -> Result<Vec<u8>> {
    let apart = dialect.separator.len();
    let rows = bounds.chunks_exact(dialect.columns + 1);
    // First the sizes of the columns, then where each begins.
    let mut places = vec![
        0;
        if bounds.is_empty() {
            0
        } else {
            dialect.columns
        }
    ];
    for row in rows.clone() {
        let mut begin = row[0];
        for (size, &end) in places.iter_mut().zip(&row[1..]) {
            *size += end - begin + 1;
            begin = end + apart;
        }
    }
    let mut total = 0;
    for place in &mut places {
        (*place, total) = (total, total + *place);
    }
    let mut cells = Vec::new();
    cells.try_reserve_exact(total).map_err(|_| Error::Limit {
        what: "memory for the cells of a table",
    })?;
    cells.resize(total, terminator);
    for row in rows {
        let mut begin = row[0];
        for (place, &end) in places.iter_mut().zip(&row[1..]) {
            let cell = &raw[begin..end];
            copy(cell, &mut cells[*place..*place + cell.len()]);
            *place += cell.len() + 1;
            begin = end + apart;
        }
    }
    Ok(cells)
}

/// Copies a cell: most are so short that a call would take longer.
#[inline]
fn copy(from: &[u8], to: &mut [u8]) {
    if from.len() < 16 {
        from.iter().zip(to).for_each(|(&byte, place)| *place = byte);
    } else {
        to.copy_from_slice(from);
    }
}
