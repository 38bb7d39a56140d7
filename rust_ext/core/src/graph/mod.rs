//! Graphs as lists of links, each of which is a decision in the context of what is known of the graph, or as blocks
//! between super-nodes, whichever is shorter.
//!
//! Links come as pairs of source and target. Pairs of one source with targets that ascend are a list. Of each list its source is
//! coded, where the order of sources costs little if they ascend, then its length; then for one node after the
//! other whether it is in the list, until all are found. What speaks for a link is how many nodes lead from the source
//! to the target already, by links of both directions and of the list itself, what was in the list before, how often
//! the target came, and how far it is: references, copies and gaps of P. Boldi, S. Vigna, The `WebGraph` Framework I
//! (WWW 2004), as contexts of one mixture in the place of static codes; common neighbours weigh as those of
//! L. A. Adamic, E. Adar, Friends and Neighbors on the Web (2003).
//!
//! ```
//! use lmcodec_core::graph::{decode, encode};
//!
//! let pairs = [0, 1, 0, 2, 1, 2, 1, 3, 4, 0];
//! let payload = encode(&pairs)?;
//! assert_eq!(decode(&payload, pairs.len())?, pairs);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

mod links;
mod lists;
mod mixing;
mod sources;
mod summary;
#[cfg(test)]
mod tests;

use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
use crate::coder::bytes;
use crate::{Error, Result};
use lists::{suits, Lists};
use summary::Summary;

/// Numbers that are no links of a graph of some size.
const PLAIN: u8 = 0;
/// Lists.
const LISTS: u8 = 1;
/// Blocks between super-nodes.
const BLOCKS: u8 = 2;

/// Encodes pairs of source and target.
///
/// What would need too many decisions is coded as bytes, if it is no shorter as blocks between super-nodes.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn encode(pairs: &[u32]) -> Result<Vec<u8>> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let mut out = if let Some(lists) = as_lists(pairs)? {
        lists
    } else {
        let raw: Vec<u8> = pairs.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mut out = vec![PLAIN];
        out.extend(bytes::encode(&raw));
        out
    };
    if let Some(blocks) = as_blocks(pairs)? {
        if blocks.len() < out.len() {
            out = blocks;
        }
    }
    Ok(out)
}

/// Bytes of both ways of [`encode`], lists and blocks, where they can be taken.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn lengths(pairs: &[u32]) -> Result<(Option<usize>, Option<usize>)> {
    let bytes = |payload: Option<Vec<u8>>| payload.map(|payload| payload.len());
    Ok((bytes(as_lists(pairs)?), bytes(as_blocks(pairs)?)))
}

/// Encodes pairs as lists, if that takes no more decisions than it may.
fn as_lists(pairs: &[u32]) -> Result<Option<Vec<u8>>> {
    if !is_graph(pairs) {
        return Ok(None);
    }
    let mut encoder = BinaryEncoder::with_capacity(pairs.len());
    Lists::new(pairs).code(pairs, pairs.len(), &mut encoder)?;
    let mut out = vec![LISTS];
    out.extend(encoder.finish());
    Ok(Some(out))
}

/// Encodes pairs as blocks between super-nodes, if that can be done.
fn as_blocks(pairs: &[u32]) -> Result<Option<Vec<u8>>> {
    let Some(summary) = Summary::of(pairs)? else {
        return Ok(None);
    };
    let mut encoder = BinaryEncoder::new();
    match summary.code(pairs.len(), &mut encoder) {
        Ok(decoded) if decoded == pairs => {}
        // What would take too long to decode is no summary.
        Ok(_) | Err(Error::Corrupt { .. }) => return Ok(None),
        Err(other) => return Err(other),
    }
    let mut out = vec![BLOCKS];
    out.extend(encoder.finish());
    Ok(Some(out))
}

/// Tells whether numbers are links that [`encode`] codes as lists.
#[must_use]
pub fn is_graph(pairs: &[u32]) -> bool {
    !pairs.is_empty() && suits(pairs)
}

/// Tells whether numbers are links that [`encode`] codes as lists, or whose super-nodes save much.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn pays(pairs: &[u32]) -> Result<bool> {
    if is_graph(pairs) {
        return Ok(true);
    }
    Ok(Summary::of(pairs)?.is_some_and(|summary| summary.pays(pairs.len() / 2)))
}

/// Decodes `count` numbers.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when the payload is none of so many numbers, [`Error::Interrupted`].
pub fn decode(payload: &[u8], count: usize) -> Result<Vec<u32>> {
    let Some((&kind, rest)) = payload.split_first() else {
        if count == 0 {
            return Ok(Vec::new());
        }
        return Err(Error::Truncated { what: "graph" });
    };
    match kind {
        PLAIN if count > 0 => {
            let raw = bytes::decode(rest, count.saturating_mul(4))?;
            let words = raw.chunks_exact(4);
            Ok(words
                .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
                .collect())
        }
        LISTS if count > 0 && count.is_multiple_of(2) => {
            let mut decoder = BinaryDecoder::new(rest);
            let pairs = Lists::claimed().code(&[], count, &mut decoder)?;
            decoder.finish()?;
            Ok(pairs)
        }
        BLOCKS if count > 0 && count.is_multiple_of(2) => {
            let mut decoder = BinaryDecoder::new(rest);
            let pairs = Summary::claimed().code(count, &mut decoder)?;
            decoder.finish()?;
            Ok(pairs)
        }
        _ => Err(Error::Corrupt {
            what: "kind of a graph",
        }),
    }
}

/// Bytes of memory that coding takes at most, besides symbols.
#[must_use]
pub fn memory_bytes(count: usize) -> usize {
    // Each number is one end of a link, which the other end knows.
    lists::memory_bytes(count) + count.saturating_mul(32)
}
