//! Guesses single bits, so that look-ups can be sent for one bit early.

use super::contexts::{hash, Contexts};
use crate::cm::memory::filled;

/// Contexts in which a bit is remembered.
const CONTEXTS: usize = 1 << 15;

/// What a bit was when the two bytes before and the bits before it were last the same.
#[derive(Debug)]
pub struct Foresight {
    bits: Box<[u8; CONTEXTS]>,
    at: usize,
    /// The guessed byte, with the contexts after it.
    pub ahead: Option<(u8, Contexts)>,
}

impl Foresight {
    /// Guesses zeros.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bits: filled(0),
            at: 0,
            ahead: None,
        }
    }

    /// Guesses the next bit of a byte whose bits so far are in `partial`, after a leading one.
    #[inline(always)]
    pub fn guess(&mut self, last_two: u64, partial: u32) -> u32 {
        self.at = (hash(last_two << 8 | u64::from(partial), 3) >> 40) as usize & (CONTEXTS - 1);
        u32::from(self.bits[self.at])
    }

    /// Learns the bit that was guessed at.
    #[inline(always)]
    pub fn learn(&mut self, bit: u32) {
        self.bits[self.at] = bit as u8 & 1;
    }

    /// Returns the contexts after `byte` if it was foreseen.
    #[inline(always)]
    pub fn came(&mut self, byte: u8) -> Option<Contexts> {
        let (guess, contexts) = self.ahead.take()?;
        (guess == byte).then_some(contexts)
    }
}

impl Default for Foresight {
    fn default() -> Self {
        Self::new()
    }
}
