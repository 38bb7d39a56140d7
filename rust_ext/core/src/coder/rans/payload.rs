//! The bytes of a rANS stack.
//!
//! Words first, in the order in which they were pushed, four bytes each, least significant first; then the
//! states, 4 to 8 bytes each, then what is needed to read them from the end. `docs/coders.md` is the
//! specification.

use super::{Stack, BASE};
use crate::{Error, Result};

const MIN_BYTES: usize = 4;
const MAX_BYTES: usize = 8;

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// Bytes of a state without zero bytes at its end.
fn state_bytes(state: u64) -> usize {
    MAX_BYTES - state.leading_zeros() as usize / 8
}

impl Stack {
    /// Writes the stack; an empty one takes no bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let lanes = self.lanes();
        let mut out = Vec::with_capacity(4 * self.words.len() + 9 * lanes + 1);
        out.extend(self.words.iter().flat_map(|w| w.to_le_bytes()));
        for &state in &self.states {
            out.extend_from_slice(&state.to_le_bytes()[..state_bytes(state)]);
        }
        if lanes > 1 {
            for pair in self.states.chunks(2) {
                let nibble = |i: usize| pair.get(i).map_or(0, |&x| state_bytes(x) - MIN_BYTES);
                out.push(low_byte(nibble(0) | nibble(1) << 4));
            }
            out.push(low_byte(self.lane));
        }
        out
    }

    /// Reads what [`Stack::to_bytes`] wrote; `lanes` must be the same.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the payload is too short to be one, [`Error::Corrupt`] when it is none that
    /// a stack of so many lanes writes, [`Error::Parameter`] when `lanes` is out of range.
    pub fn from_bytes(payload: &[u8], lanes: usize) -> Result<Self> {
        let mut stack = Self::new(lanes)?;
        if payload.is_empty() {
            return Ok(stack);
        }
        let mut rest = payload;
        let mut lengths = vec![0; lanes];
        if lanes == 1 {
            // Words take whole fours, so the length modulo four tells that of the state; a state of four bytes
            // has its highest bit set, one of eight has it clear.
            let long = payload.last().is_some_and(|&b| b < 0x80);
            lengths[0] = match payload.len() % 4 {
                0 if long => MAX_BYTES,
                length => length + MIN_BYTES,
            };
        } else {
            stack.lane = usize::from(take(&mut rest, 1)?[0]);
            if stack.lane >= lanes {
                return Err(corrupt("rANS lane is not below the number of lanes"));
            }
            let nibbles = take(&mut rest, lanes.div_ceil(2))?;
            for (i, length) in lengths.iter_mut().enumerate() {
                *length = usize::from(nibbles[i / 2] >> (4 * (i % 2)) & 15) + MIN_BYTES;
            }
            let unused = if lanes % 2 == 1 { 4 } else { 8 };
            if u32::from(nibbles[nibbles.len() - 1]) >> unused != 0
                || lengths.iter().any(|&l| l > MAX_BYTES)
            {
                return Err(corrupt("length of a rANS state is not 4 to 8 bytes"));
            }
        }
        for (state, &length) in stack.states.iter_mut().zip(&lengths).rev() {
            let bytes = take(&mut rest, length)?;
            *state = bytes.iter().rev().fold(0, |x, &b| x << 8 | u64::from(b));
            if !(BASE..BASE << 32).contains(state) || state_bytes(*state) != length {
                return Err(corrupt("rANS state is out of range"));
            }
        }
        if !rest.len().is_multiple_of(4) {
            return Err(corrupt("rANS payload is not a whole number of words"));
        }
        stack.words = rest
            .chunks_exact(4)
            .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
            .collect();
        if stack.is_empty() {
            return Err(corrupt("an empty rANS stack takes no bytes"));
        }
        Ok(stack)
    }
}

/// Takes `length` bytes off the end.
fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let at = rest.len().checked_sub(length).ok_or(Error::Truncated {
        what: "rANS states",
    })?;
    let (before, taken) = rest.split_at(at);
    *rest = before;
    Ok(taken)
}

#[allow(clippy::cast_possible_truncation)] // lanes and pairs of nibbles are below 256
fn low_byte(value: usize) -> u8 {
    value as u8
}
