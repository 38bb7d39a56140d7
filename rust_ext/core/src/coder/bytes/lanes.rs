//! The loops over a block, portable: the vector versions give the same words.

use super::table::{DecodeTable, EncodeTable};
use super::{corrupt, Coded, BASE};
use crate::coder::quantize::COUNTS_PRECISION;
use crate::{Error, Result};

const SLOT_MASK: u32 = (1 << COUNTS_PRECISION) - 1;

/// Words on their way out: they are made in the reverse of the order in which they are read.
pub(super) struct Backward<'a> {
    pub words: &'a mut [u16],
    /// Everything from here on is written.
    pub at: usize,
}

/// Pushes `block[index]` for each index of `range`, the last first.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the low word of the state is what is meant
pub(super) fn push<const N: usize>(
    block: &[u8],
    range: std::ops::Range<usize>,
    table: &EncodeTable,
    states: &mut [u32; N],
    out: &mut Backward,
) {
    for index in range.rev() {
        let state = &mut states[index % N];
        let push = table.0[usize::from(block[index])];
        if *state > push.limit {
            // There is room for one word for each byte.
            out.at -= 1;
            out.words[out.at] = *state as u16;
            *state >>= 16;
        }
        *state = push.apply(*state);
    }
}

/// Encodes a block with `N` lanes.
pub(super) fn encode<const N: usize>(block: &[u8], table: &EncodeTable) -> Coded {
    let mut states = [BASE; N];
    let mut words = vec![0; block.len()];
    let mut out = Backward {
        at: words.len(),
        words: &mut words,
    };
    push(block, 0..block.len(), table, &mut states, &mut out);
    let at = out.at;
    words.drain(..at);
    Coded {
        states: states.to_vec(),
        words,
    }
}

/// Pops bytes `first..size` of a block; words are taken from the front of `words`.
#[inline(always)]
pub(super) fn pop<const N: usize>(
    table: &DecodeTable,
    range: std::ops::Range<usize>,
    states: &mut [u32; N],
    words: &mut &[u16],
    out: &mut Vec<u8>,
) -> Result<()> {
    for index in range {
        let state = &mut states[index % N];
        let entry = table.0[(*state & SLOT_MASK) as usize];
        *state = (entry >> 8 & SLOT_MASK) * (*state >> COUNTS_PRECISION) + (entry >> 20);
        if *state < BASE {
            let Some((&word, after)) = words.split_first() else {
                return Err(Error::Truncated {
                    what: "words of a block of bytes",
                });
            };
            *state = *state << 16 | u32::from(word);
            *words = after;
        }
        out.push(entry.to_le_bytes()[0]);
    }
    Ok(())
}

/// Checks that a block ended as its encoder began.
pub(super) fn finish(states: &[u32], words: &[u16]) -> Result<()> {
    if !words.is_empty() {
        return Err(corrupt("words after the last byte of a block"));
    }
    if states.iter().any(|&x| x != BASE) {
        return Err(corrupt("lane is not in its base state after a block"));
    }
    Ok(())
}

/// Decodes a block of `size` bytes with `N` lanes.
pub(super) fn decode<const N: usize>(
    coded: &Coded,
    table: &DecodeTable,
    size: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut states = first_states(coded)?;
    let mut words = coded.words.as_slice();
    out.reserve(size.min(CLAIM));
    pop::<N>(table, 0..size, &mut states, &mut words, out)?;
    finish(&states, words)
}

/// Bytes of output that are set aside on the word of a block's head alone.
pub(super) const CLAIM: usize = 1 << 20;

pub(super) fn first_states<const N: usize>(coded: &Coded) -> Result<[u32; N]> {
    coded
        .states
        .as_slice()
        .try_into()
        .map_err(|_| corrupt("number of lanes of a block"))
}
