//! Whether a block is a table, and how it is written.

use super::header::{is_value, trim};
use super::lines::Lines;
use super::Dialect;

/// What may be between cells, best guess first. A comma with a space behind each is more than a comma.
const SEPARATORS: [&[u8]; 7] = [b"\t", b";", b"|", b", ", b",", b" ", b":"];
/// Bytes of each of the places that are looked at.
const PLACE: usize = 1 << 15;
/// Long rows need longer places: until there are so many lines, at most so many bytes.
const LINES: usize = 8;
const LONGEST: usize = 1 << 20;
/// Lines that there must be, comments apart.
const FEWEST: usize = 3;
/// Parts of the lines, in sixteenths, that must have one number of cells: more where it is a small one, which lines of
/// other content may have, too.
const ALIKE: usize = 13;
const ALIKE_FEW: usize = 15;
const FEW: usize = 3;

/// Looks at a block: is it a table? A first line that was cut, and comments before the table, do not count.
///
/// # Arguments
/// * `first` - Whether the block is the beginning of the content.
#[must_use]
pub fn survey(raw: &[u8], first: bool) -> Option<Dialect> {
    let places = places(raw, first);
    let mut best: Option<(Candidate, Dialect)> = None;
    for separator in SEPARATORS {
        for quoted in [true, false] {
            if let Some(found) = candidate(&places, separator, quoted) {
                if best.as_ref().is_none_or(|(other, _)| found.0 > *other) {
                    best = Some(found);
                }
            }
        }
    }
    best.map(|(_, dialect)| dialect)
}

/// What makes one dialect better than another: first the sixteenths of lines that are rows, then the cells of a row,
/// then the bytes of a separator, then whether quotes count.
type Candidate = (usize, usize, usize, bool);

/// Whole lines from the beginning, the middle and before the end of a block.
fn places(raw: &[u8], first: bool) -> Vec<&[u8]> {
    let starts = [0, raw.len() / 2, raw.len().saturating_sub(2 * PLACE)];
    let mut places = Vec::new();
    let mut from = 0;
    for (number, start) in starts.into_iter().enumerate() {
        let mut begin = start.max(from);
        if number > 0 || !first {
            begin = line_after(raw, begin);
        }
        let mut end = begin;
        let mut lines = 0;
        while end < raw.len() && (end - begin < PLACE || (lines < LINES && end - begin < LONGEST)) {
            let next = line_after(raw, end);
            // A last line without an end may have been cut.
            if next == raw.len() && raw.last() != Some(&b'\n') && lines > 0 {
                break;
            }
            // Comments before the table.
            if number == 0 && end == begin && raw[end] == b'#' {
                begin = next;
            } else {
                lines += 1;
            }
            end = next;
        }
        places.push(&raw[begin..end]);
        from = end;
    }
    places
}

/// Where the line behind a place begins.
fn line_after(raw: &[u8], at: usize) -> usize {
    let end = raw[at..].iter().position(|&byte| byte == b'\n');
    end.map_or(raw.len(), |offset| at + offset + 1)
}

/// Returns the dialect with a separator, if most lines have as many of it, and how good it is.
fn candidate(places: &[&[u8]], separator: &[u8], quoted: bool) -> Option<(Candidate, Dialect)> {
    let mut dialect = Dialect {
        columns: 1,
        separator: separator.to_vec(),
        quoted,
        returns: false,
    };
    let mut counts = Vec::new();
    let mut ends = Vec::new();
    let (mut returns, mut open) = (0, 0);
    let (mut quotes, mut values, mut cells) = (0, 0, 0);
    for place in places {
        let mut lines = Lines::new(place, &dialect);
        let mut at = 0;
        while at < place.len() {
            ends.clear();
            let line = lines.read(at, &mut ends);
            counts.push(ends.len());
            returns += usize::from(place[..line.after].ends_with(b"\r\n"));
            open += usize::from(line.open);
            let mut begin = at;
            for &end in &ends {
                let cell = &place[begin..end];
                quotes += usize::from(cell.first() == Some(&b'"'));
                values += usize::from(is_value(trim(cell)));
                cells += 1;
                begin = end + separator.len();
            }
            // Records of other notations.
            if matches!(place[at], b'{' | b'[' | b'<') {
                counts.pop();
                counts.push(0);
            }
            at = line.after;
        }
    }
    let lines = counts.len();
    counts.sort_unstable();
    let (columns, alike) = counts
        .chunk_by(|one, other| one == other)
        .map(|run| (run[0], run.len()))
        .max_by_key(|&(_, many)| many)?;
    // Words between spaces, or times between colons, are cells only where most are numbers.
    let loose = matches!(separator, b" " | b":");
    let needed = if columns > FEW { ALIKE } else { ALIKE_FEW };
    if columns < 2
        || lines < FEWEST
        || alike * 16 < lines * needed
        || (quoted && quotes == 0)
        || (loose && 2 * values < cells)
    {
        return None;
    }
    dialect.columns = columns;
    // Few exceptions are lines of their own; with many, the byte belongs to the last cell.
    dialect.returns = returns * 16 >= (lines - open) * 15 && returns > 0;
    // A comma may be that of a decimal fraction, a space or a colon that of a time.
    let sure = matches!(separator, b"\t" | b";" | b"|");
    let weighed = columns * if sure { 3 } else { 2 };
    let score = (alike * 16 / lines, weighed, separator.len(), quoted);
    Some((score, dialect))
}
