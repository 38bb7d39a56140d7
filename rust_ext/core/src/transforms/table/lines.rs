//! Lines and cells of a text.

use super::Dialect;

/// Bytes that may be read in vain for quotes that never close, for each byte of the text. Behind that quotes are
/// bytes like others, so that time stays linear.
const VAIN: usize = 4;

/// A line of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Where the next line begins.
    pub after: usize,
    /// Whether it has as many cells as the table has columns, and the right end.
    pub regular: bool,
    /// Whether a quoted cell has an end of line in it.
    pub embedded: bool,
    /// Whether the text ends without an end of this line.
    pub open: bool,
}

/// Reads a text line by line.
pub(super) struct Lines<'a> {
    raw: &'a [u8],
    dialect: &'a Dialect,
    /// Bytes that may still be read in vain.
    vain: usize,
}

impl<'a> Lines<'a> {
    pub fn new(raw: &'a [u8], dialect: &'a Dialect) -> Self {
        Self {
            raw,
            dialect,
            vain: raw.len().saturating_mul(VAIN),
        }
    }

    /// Reads the line at `start`, which is not the end of the text, and adds the ends of its cells.
    pub fn read(&mut self, start: usize, ends: &mut Vec<usize>) -> Line {
        let raw = self.raw;
        let before = ends.len();
        let first = self.dialect.separator[0];
        let mut embedded = false;
        let mut at = start;
        let open = loop {
            if self.dialect.quoted && raw.get(at) == Some(&b'"') {
                if let Some(close) = self.close(at) {
                    embedded |= raw[at..close].contains(&b'\n');
                    at = close;
                }
            }
            at = match find(&raw[at..], first) {
                Some(offset) => at + offset,
                None => raw.len(),
            };
            // Not a separator, if only its first byte is there.
            while raw.get(at) == Some(&first) && !raw[at..].starts_with(&self.dialect.separator) {
                at += 1;
                at = find(&raw[at..], first).map_or(raw.len(), |offset| at + offset);
            }
            ends.push(at);
            match raw.get(at) {
                Some(&byte) if byte == first => at += self.dialect.separator.len(),
                Some(_) => break false,
                None => break true,
            }
        };
        let mut regular = ends.len() - before == self.dialect.columns;
        if self.dialect.returns && !open {
            // The last cell is there, for a line has at least one.
            let begin = match ends.len() - before {
                1 => start,
                many => ends[before + many - 2] + self.dialect.separator.len(),
            };
            if let Some(last) = ends.last_mut() {
                if *last > begin && raw[*last - 1] == b'\r' {
                    *last -= 1;
                } else {
                    regular = false;
                }
            }
        }
        Line {
            after: at + usize::from(!open),
            regular,
            embedded,
            open,
        }
    }

    /// Where a quoted cell ends that begins at `start`, if a separator, the end of a line or of the text follows.
    fn close(&mut self, start: usize) -> Option<usize> {
        if self.vain == 0 {
            return None;
        }
        let raw = self.raw;
        let mut at = start + 1;
        loop {
            let Some(offset) = raw[at..].iter().position(|&byte| byte == b'"') else {
                at = raw.len();
                break;
            };
            at += offset + 1;
            match raw.get(at) {
                Some(b'"') => at += 1,
                None | Some(b'\n') => return Some(at),
                Some(b'\r') if raw.get(at + 1).is_none_or(|&byte| byte == b'\n') => {
                    return Some(at);
                }
                Some(_) if raw[at..].starts_with(&self.dialect.separator) => return Some(at),
                Some(_) => break,
            }
        }
        self.vain = self.vain.saturating_sub(at - start);
        None
    }
}

/// Where the first byte of a separator is, or the end of a line.
fn find(bytes: &[u8], first: u8) -> Option<usize> {
    bytes
        .iter()
        .position(|&byte| byte == first || byte == b'\n')
}
