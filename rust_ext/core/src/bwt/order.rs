//! Codes which symbols occur, and in what order they occur first.

use super::predictor::BitCoder;
use crate::coder::binary::PROB_ONE;
use crate::{Error, Result};

/// Codes `order`, or decodes and returns it: then the argument is ignored.
///
/// First one bit for each byte value, under the share of bits equal to the one before; then the index of
/// each symbol among those that are left, all equally likely.
///
/// # Errors
/// [`Error::Corrupt`] when no symbol occurs.
#[allow(clippy::cast_possible_truncation)] // byte values
pub fn code<C: BitCoder>(coder: &mut C, order: &[u8]) -> Result<Vec<u8>> {
    let mut present = [false; 256];
    for &symbol in order {
        present[usize::from(symbol)] = true;
    }
    let mut left = Vec::with_capacity(256);
    // Changes and repetitions seen: starts as if the first values were eight.
    let (mut changes, mut total) = (1_u32, 8_u32);
    let mut last = 0;
    for symbol in 0..=255_u8 {
        let changed = u32::from(present[usize::from(symbol)]) ^ last;
        let changed = coder.code(changed, changes * PROB_ONE / total);
        last ^= changed;
        changes += changed;
        total += 1;
        if last != 0 {
            left.push(symbol);
        }
    }
    if left.is_empty() {
        return Err(Error::Corrupt {
            what: "alphabet without a symbol",
        });
    }
    let mut coded = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let wanted = order
            .get(coded.len())
            .and_then(|&symbol| left.iter().position(|&other| other == symbol))
            .unwrap_or(0);
        coded.push(left.remove(uniform(coder, left.len(), wanted)));
    }
    Ok(coded)
}

/// Codes `value` out of `0..bound` by halving the range; `bound` is at most 256.
#[allow(clippy::cast_possible_truncation)]
fn uniform<C: BitCoder>(coder: &mut C, bound: usize, value: usize) -> usize {
    let mut range = 0..bound;
    while range.len() > 1 {
        let middle = range.start + range.len() / 2;
        let upper = (range.end - middle) as u32 * PROB_ONE / range.len() as u32;
        if coder.code(u32::from(value >= middle), upper) != 0 {
            range.start = middle;
        } else {
            range.end = middle;
        }
    }
    range.start
}
