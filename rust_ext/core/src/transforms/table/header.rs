//! Whether the first row of a table has the names of its columns.

use super::lines::Lines;
use super::Dialect;

/// Rows below that are looked at.
const ROWS: usize = 64;
/// Bytes of the text that are copied to look at them, at most.
const BYTES: usize = 1 << 20;
/// Rows that there must be where no column is one of numbers.
const FEWEST_ROWS: usize = 8;

/// Returns whether a row has names: none of its cells looks like a number, and a column of numbers is below, or
/// none of its cells is in its column again.
pub(super) fn is_header(raw: &[u8], dialect: &Dialect, start: usize, after: usize) -> bool {
    let end = raw.len().min(after.saturating_add(BYTES));
    let names = cells(&raw[start..after], dialect).unwrap_or_default();
    if names.iter().any(|name| is_value(name)) || names.iter().all(|name| name.is_empty()) {
        return false;
    }
    let mut rows = 0;
    // Of each column: cells that look like numbers, cells that do not, whether the name is among them.
    let mut seen = vec![(0, 0, false); names.len()];
    let mut lines = Lines::new(&raw[..end], dialect);
    let mut ends = Vec::new();
    let mut at = after;
    while at < end && rows < ROWS {
        ends.clear();
        let line = lines.read(at, &mut ends);
        if line.regular {
            rows += 1;
            let mut begin = at;
            for ((seen, name), &stop) in seen.iter_mut().zip(&names).zip(&ends) {
                let cell = trim(&raw[begin..stop]);
                seen.0 += usize::from(is_value(cell));
                seen.1 += usize::from(!cell.is_empty() && !is_value(cell));
                seen.2 |= cell == *name;
                begin = stop + dialect.separator.len();
            }
        }
        at = line.after;
    }
    let is_again = seen.iter().any(|&(_, _, again)| again);
    let has_numbers = seen
        .iter()
        .any(|&(values, others, _)| values > 10 * others && values > 0);
    let named = names.iter().all(|name| !name.is_empty());
    has_numbers || (rows >= FEWEST_ROWS && named && !is_again)
}

/// The cells of a line, trimmed.
fn cells<'a>(line: &'a [u8], dialect: &Dialect) -> Option<Vec<&'a [u8]>> {
    let mut ends = Vec::new();
    let found = Lines::new(line, dialect).read(0, &mut ends);
    let mut begin = 0;
    found.regular.then(|| {
        ends.iter()
            .map(|&end| {
                let cell = trim(&line[begin..end]);
                begin = end + dialect.separator.len();
                cell
            })
            .collect()
    })
}

/// A cell without spaces and quotes around it.
pub(super) fn trim(mut cell: &[u8]) -> &[u8] {
    while let [b' ' | b'"' | b'\r', inner @ ..] = cell {
        cell = inner;
    }
    while let [inner @ .., b' ' | b'"' | b'\r'] = cell {
        cell = inner;
    }
    cell
}

/// Whether a trimmed cell begins as a number or a date does.
pub(super) fn is_value(cell: &[u8]) -> bool {
    match cell {
        [b'-' | b'+' | b'.', next, ..] => next.is_ascii_digit() || *next == b'.',
        [first, ..] => first.is_ascii_digit(),
        [] => false,
    }
}
