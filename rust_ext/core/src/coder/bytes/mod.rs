//! The bulk coder: bytes under static order-0 tables, by rANS with 32 lanes.
//!
//! States of 32 bits in `[L, L << 16)`, `L = 1 << 15`, words of 16 bits, frequencies of
//! [`COUNTS_PRECISION`] bits. Byte `i` of a block is coded by lane `i mod 32`, and the lanes share one
//! sequence of words in the order in which a decoder needs them; so eight lanes fit a vector of AVX2 and
//! nothing else is stored for them than their last states (the layout of 32 interleaved states is that of
//! J. Bonfield's htscodecs; interleaving: F. Giesen 2014, arXiv:1402.3392).
//!
//! The input is cut into blocks with a table each where that makes it smaller. A block that does not
//! gain is stored, so that the payload is at most a few bytes longer than the input.
//!
//! ```
//! use lmcodec_core::coder::bytes::{decode, encode};
//!
//! let data = b"abracadabra".repeat(100);
//! let payload = encode(&data);
//! assert!(payload.len() < data.len() * 3 / 10);
//! assert_eq!(decode(&payload, data.len())?, data);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

mod lanes;
mod simd;
mod split;
mod table;

use super::numbers::{put_number, take, take_length, take_number};
use super::quantize::{normalize_counts, COUNTS_PRECISION};
use crate::{Error, Result};
use table::{DecodeTable, EncodeTable};

/// The least state, and the one that a decoder must end in.
const BASE: u32 = 1 << 15;
/// Lanes of a large block.
const LANES: usize = 32;
/// Blocks below this size use one lane, because each costs four bytes.
const MANY_LANES_FROM: usize = 1 << 13;

const TOTAL: usize = 1 << COUNTS_PRECISION;

// How a block is coded: the low two bits of its first number.
const STORED: u64 = 0;
const RUN: u64 = 1;
const ONE_LANE: u64 = 2;
const MANY_LANES: u64 = 3;

/// What ends early, in messages.
const WHAT: &str = "block of bytes";

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// States and words of a coded block, ready to be written or just read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Coded {
    states: Vec<u32>,
    words: Vec<u16>,
}

/// Encodes `data`; [`decode`] needs its length.
#[must_use]
pub fn encode(data: &[u8]) -> Vec<u8> {
    encode_with(data, simd::encode_lanes)
}

/// Decodes `count` bytes.
///
/// The output never grows by more than a block whose head was read; a caller bounds memory by `count`.
///
/// # Errors
/// [`Error::Truncated`] when the payload ends early, [`Error::Corrupt`] when it contradicts itself.
pub fn decode(payload: &[u8], count: usize) -> Result<Vec<u8>> {
    decode_with(payload, count, simd::decode_lanes)
}

type EncodeLanes = fn(&[u8], &EncodeTable) -> Coded;
type DecodeLanes = fn(&Coded, &DecodeTable, usize, &mut Vec<u8>) -> Result<()>;

fn encode_with(data: &[u8], many: EncodeLanes) -> Vec<u8> {
    let mut out = Vec::new();
    for (block, counts) in split::blocks(data) {
        encode_block(block, &counts, many, &mut out);
    }
    out
}

fn encode_block(block: &[u8], counts: &[u32; 256], many: EncodeLanes, out: &mut Vec<u8>) {
    let size = block.len() as u64;
    if block.iter().all(|&b| b == block[0]) {
        put_number(size << 2 | RUN, out);
        out.push(block[0]);
        return;
    }
    let begin = out.len();
    let freqs = normalize_counts(counts);
    let table = EncodeTable::new(&freqs);
    let (kind, coded) = if block.len() < MANY_LANES_FROM {
        (ONE_LANE, lanes::encode::<1>(block, &table))
    } else {
        (MANY_LANES, many(block, &table))
    };
    let head = table::encode(&freqs);
    put_number(size << 2 | kind, out);
    put_number(head.len() as u64, out);
    put_number(coded.words.len() as u64, out);
    out.extend_from_slice(&head);
    out.extend(coded.states.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(coded.words.iter().flat_map(|w| w.to_le_bytes()));
    if out.len() - begin > block.len() {
        out.truncate(begin);
        put_number(size << 2 | STORED, out);
        out.extend_from_slice(block);
    }
}

fn decode_with(payload: &[u8], count: usize, many: DecodeLanes) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = payload;
    while out.len() < count {
        let head = take_number(&mut rest, WHAT)?;
        let size = usize::try_from(head >> 2).unwrap_or(usize::MAX);
        if size == 0 || size > count - out.len() {
            return Err(corrupt("block of bytes is empty or longer than the stream"));
        }
        match head & 3 {
            STORED => out.extend_from_slice(take(&mut rest, size, WHAT)?),
            RUN => {
                let byte = take(&mut rest, 1, WHAT)?[0];
                out.resize(out.len() + size, byte);
            }
            kind => {
                let lanes = if kind == ONE_LANE { 1 } else { LANES };
                let (table, coded) = take_coded(&mut rest, lanes)?;
                if lanes == 1 {
                    lanes::decode::<1>(&coded, &table, size, &mut out)?;
                } else {
                    many(&coded, &table, size, &mut out)?;
                }
            }
        }
    }
    if rest.is_empty() {
        Ok(out)
    } else {
        Err(corrupt("bytes after the last block"))
    }
}

fn take_coded(rest: &mut &[u8], lanes: usize) -> Result<(DecodeTable, Coded)> {
    let head_bytes = take_length(rest, WHAT)?;
    let words = take_length(rest, WHAT)?;
    let freqs = table::decode(take(rest, head_bytes, WHAT)?)?;
    let states: Vec<u32> = take(rest, 4 * lanes, WHAT)?
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if states.iter().any(|x| !(BASE..BASE << 16).contains(x)) {
        return Err(corrupt("state of a block of bytes is out of range"));
    }
    let words = take(rest, words.saturating_mul(2), WHAT)?
        .chunks_exact(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
        .collect();
    Ok((DecodeTable::new(&freqs), Coded { states, words }))
}

#[cfg(test)]
mod tests;
