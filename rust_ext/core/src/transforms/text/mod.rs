//! The transform `text`: line ends, capitals and frequent words of a text, so that a sort by context sees more.
//!
//! Three rewritings, each undone exactly: breaks of lines that were broken where they were full become spaces, a
//! capital letter at the beginning of a word becomes a mark before the small letter, and the words that take most
//! room become bytes that the text does not use otherwise.
//!
//! ```
//! use lmcodec_core::transforms::text::{forward, inverse, Parts};
//!
//! let text = b"The cat saw the other cat.\nTHE OTHER cat saw the cat.\n".repeat(20);
//! let parts = Parts { lines: false, capitals: true, words: true };
//! let streams = forward(&text, parts)?;
//! assert!(streams.text.len() < text.len());
//! assert_eq!(inverse(&streams.text, &streams.lines, parts)?, text);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```
//!
//! `docs/transforms/text.md` is the specification.

mod lines;
#[cfg(test)]
mod tests;
mod words;

use super::count;
use crate::{Error, Result};

/// What is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Line ends.
    pub lines: bool,
    /// Capital letters.
    pub capitals: bool,
    /// Frequent words.
    pub words: bool,
}

/// What a block becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streams {
    /// The words, then the text.
    pub text: Vec<u8>,
    /// Where lines end; empty without [`Parts::lines`].
    pub lines: Vec<u8>,
}

/// Set in the first byte where most lines end in `\r\n`.
const FLAG_RETURNS: u8 = 1;
/// Blocks below this size have too few words that come again.
const MIN_BYTES: usize = 1 << 12;

/// What is known of a block before it is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// Whether a third of it or more are letters.
    pub is_text: bool,
    /// Whether its lines are as long as those that were broken to fit a width.
    pub has_lines: bool,
}

/// Looks at a block: is it text?
#[must_use]
pub fn survey(raw: &[u8]) -> Survey {
    let letters = raw.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let ends = count(raw, b'\n');
    Survey {
        is_text: raw.len() >= MIN_BYTES && letters > raw.len() / 3,
        has_lines: (raw.len() / 256..raw.len() / 16).contains(&ends),
    }
}

/// Rewrites a block.
///
/// # Errors
/// [`Error::Limit`] when memory cannot be had.
pub fn forward(raw: &[u8], parts: Parts) -> Result<Streams> {
    let swapped;
    let (flags, content) = if has_returns(raw) {
        swapped = swap_returns(raw)?;
        (FLAG_RETURNS, &swapped[..])
    } else {
        (0, raw)
    };
    let mut streams = Streams::default();
    let joined;
    let content = if parts.lines {
        (joined, streams.lines) = lines::join(content)?;
        &joined[..]
    } else {
        content
    };
    streams.text = words::forward(content, flags, parts)?;
    Ok(streams)
}

/// Undoes [`forward`]; without [`Parts::lines`], `lines` is ignored.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when the streams do not fit together, [`Error::Limit`] when memory
/// cannot be had.
pub fn inverse(text: &[u8], lines: &[u8], parts: Parts) -> Result<Vec<u8>> {
    let (flags, mut content) = words::inverse(text, parts)?;
    if flags & !FLAG_RETURNS != 0 {
        return Err(Error::Corrupt {
            what: "unknown flag of the transform text",
        });
    }
    if parts.lines {
        content = lines::split(&content, lines)?;
    }
    if flags & FLAG_RETURNS != 0 {
        content = swap_returns(&content)?;
    }
    Ok(content)
}

/// Whether more ends of lines than not have one `\r`.
fn has_returns(raw: &[u8]) -> bool {
    let ends = count(raw, b'\n');
    let returns = raw.windows(2).filter(|pair| pair == b"\r\n").count();
    returns > ends / 2
}

/// Takes the `\r` before each `\n` away where there is one, and puts one where there is none: its own inverse.
fn swap_returns(content: &[u8]) -> Result<Vec<u8>> {
    let lines = content.split_inclusive(|&byte| byte == b'\n');
    let mut swapped = reserved(content.len() + lines.clone().count())?;
    for line in lines {
        match line {
            [.., b'\r', b'\r', b'\n'] => swapped.extend_from_slice(line),
            [before @ .., b'\r', b'\n'] => {
                swapped.extend_from_slice(before);
                swapped.push(b'\n');
            }
            [before @ .., b'\n'] => {
                swapped.extend_from_slice(before);
                swapped.extend_from_slice(b"\r\n");
            }
            _ => swapped.extend_from_slice(line),
        }
    }
    Ok(swapped)
}

fn reserved(capacity: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve(capacity).map_err(|_| Error::Limit {
        what: "memory for the transform text",
    })?;
    Ok(bytes)
}
