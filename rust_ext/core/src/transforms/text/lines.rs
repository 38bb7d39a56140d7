//! Ends of lines that were broken where they were full.
//!
//! Where a text was broken into lines of some width, nearly every line is as long as the next word allows: its end
//! says nothing new. A space takes its place, and whoever knows the width can put it back. The width is that of
//! the lines before. Where a line was not broken at the first place that it foretells, a stream says how many
//! spaces later; ends of lines that come earlier stay as they are.

use super::reserved;
use crate::{Error, Result};

/// Lines whose greatest length is the width.
const RECENT: usize = 16;
/// In the stream: this line is not broken at any space.
const NEVER: u8 = 255;
/// Taken off the width of a text whose lines often end early: then the end is late by a word or two instead.
const MARGIN: u8 = 8;

/// Whether a byte is part of a word: neither a space nor a control character.
#[inline(always)]
fn is_black(byte: u8) -> bool {
    byte > b' '
}

/// What is known of the lines before, on both sides.
struct Layout {
    recent: [usize; RECENT],
    next: usize,
    width: usize,
    margin: usize,
    /// Whether the last line ended in a space.
    spaced: bool,
}

impl Layout {
    fn new(margin: u8) -> Self {
        Self {
            recent: [0; RECENT],
            next: 0,
            width: 0,
            margin: usize::from(margin),
            spaced: false,
        }
    }

    /// Learns the length of a line that ended between two words.
    fn learn(&mut self, length: usize) {
        self.recent[self.next] = length;
        self.next = (self.next + 1) % RECENT;
        let width = self.recent.iter().copied().max().unwrap_or(0);
        self.width = width.saturating_sub(self.margin);
    }

    /// Whether a line of `length` has no room for a space and what follows.
    #[inline(always)]
    fn is_full(&self, length: usize, following: &[u8]) -> bool {
        let room = self.width.saturating_sub(length);
        // One space and as many bytes of the word as decide it.
        following.len() >= room && following[..room].iter().all(|&byte| is_black(byte))
    }
}

/// What became of the ends of lines.
#[derive(Default)]
struct Count {
    joined: usize,
    early: usize,
}

/// Makes spaces of ends of lines; returns the text and where its lines ended.
pub fn join(text: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let (joined, lines, count) = join_with(text, 0)?;
    if count.early * 4 <= count.joined {
        return Ok((joined, lines));
    }
    let (joined, lines, _) = join_with(text, MARGIN)?;
    Ok((joined, lines))
}

fn join_with(text: &[u8], margin: u8) -> Result<(Vec<u8>, Vec<u8>, Count)> {
    let mut joined = reserved(text.len())?;
    let mut lines = vec![margin];
    let mut layout = Layout::new(margin);
    let mut count = Count::default();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        let following = end.map_or(&[][..], |end| &rest[end + 1..]);
        let full = line.strip_suffix(b" ").unwrap_or(line);
        let spaced = full.len() < line.len();
        let skipped = skipped(&layout, full);
        let between = ends_in_word(full) && following.first().is_some_and(|&byte| is_black(byte));
        let foretold = between && layout.is_full(full.len(), following);
        let late = u8::try_from(skipped).ok().filter(|&late| late < NEVER);
        match late {
            Some(late) if foretold && spaced == layout.spaced => {
                joined.extend_from_slice(full);
                joined.push(b' ');
                lines.push(late);
                count.joined += 1;
            }
            _ => {
                joined.extend_from_slice(line);
                if skipped > 0 {
                    lines.push(NEVER);
                }
                if end.is_some() {
                    joined.push(b'\n');
                    layout.spaced = spaced;
                }
                count.early += usize::from(between && !foretold);
            }
        }
        if between {
            layout.learn(full.len());
        }
        start += line.len() + 1;
    }
    Ok((joined, lines, count))
}

fn ends_in_word(line: &[u8]) -> bool {
    line.last().is_some_and(|&byte| is_black(byte))
}

/// Number of single spaces in a line at which it was foretold to end.
fn skipped(layout: &Layout, line: &[u8]) -> usize {
    if line.len() <= layout.width {
        return 0;
    }
    (1..line.len())
        .filter(|&at| is_gap(line, at) && layout.is_full(at, &line[at + 1..]))
        .count()
}

/// Whether there is a single space between two words.
#[inline(always)]
fn is_gap(text: &[u8], at: usize) -> bool {
    text[at] == b' '
        && at > 0
        && is_black(text[at - 1])
        && text.get(at + 1).is_some_and(|&byte| is_black(byte))
}

/// Undoes [`join`].
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when `lines` does not fit the text.
pub fn split(joined: &[u8], lines: &[u8]) -> Result<Vec<u8>> {
    let Some((&margin, mut lines)) = lines.split_first() else {
        return Err(Error::Truncated {
            what: "ends of lines",
        });
    };
    // Each end that is put back is a byte longer at most.
    let mut text = reserved(joined.len() + lines.len())?;
    let mut layout = Layout::new(margin);
    let mut start = 0;
    let mut late = None;
    for (at, &byte) in joined.iter().enumerate() {
        let length = text.len() - start;
        if byte == b'\n' {
            let line = &text[start..];
            let full = line.strip_suffix(b" ").unwrap_or(line);
            layout.spaced = full.len() < line.len();
            if ends_in_word(full) && joined.get(at + 1).is_some_and(|&next| is_black(next)) {
                layout.learn(full.len());
            }
        } else if is_gap(joined, at) && layout.is_full(length, &joined[at + 1..]) {
            let left = match late {
                Some(left) => left,
                None => *lines.split_off_first().ok_or(Error::Truncated {
                    what: "ends of lines",
                })?,
            };
            if left == 0 {
                if layout.spaced {
                    text.push(b' ');
                }
                text.push(b'\n');
                layout.learn(length);
                start = text.len();
                late = None;
                continue;
            }
            late = Some(if left == NEVER { NEVER } else { left - 1 });
        }
        text.push(byte);
        if byte == b'\n' {
            start = text.len();
            late = None;
        }
    }
    if lines.is_empty() {
        Ok(text)
    } else {
        Err(Error::Corrupt {
            what: "ends of lines are left over",
        })
    }
}
