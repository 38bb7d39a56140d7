//! Guesses single bits, so that look-ups can be sent for one or two bits early.

use super::contexts::{hash, Contexts};
use crate::cm::memory::filled;

/// Contexts in which a bit is remembered.
const CONTEXTS: usize = 1 << 15;

/// What a bit was when the two bytes before and the bits before it were last the same.
#[derive(Debug, Clone)]
pub struct Foresight {
    bits: Box<[u8; CONTEXTS]>,
    /// Hash of the two bytes before.
    base: usize,
    /// The guessed byte, with the contexts after it.
    pub ahead: Option<(u8, Contexts)>,
}

impl Foresight {
    /// Guesses zeros.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bits: filled(0),
            base: 0,
            ahead: None,
        }
    }

    /// Begins a byte after the two bytes in `last`.
    #[inline(always)]
    pub fn begin(&mut self, last: u64) {
        self.base = (hash(last, 3) >> 40) as usize;
    }

    #[inline(always)]
    fn at(&self, partial: u32) -> usize {
        // Odd, so that bytes that begin alike are apart.
        self.base.wrapping_add(partial as usize * 0x9E5) % CONTEXTS
    }

    /// Guesses the next `count` bits of a byte whose bits so far are in `partial`, after a leading one; returns all
    /// of them.
    #[inline(always)]
    #[must_use]
    pub fn guess(&self, mut partial: u32, count: u32) -> u32 {
        for _ in 0..count {
            partial = partial << 1 | u32::from(self.bits[self.at(partial)]);
        }
        partial
    }

    /// Learns the last bit of `partial`.
    #[inline(always)]
    pub fn learn(&mut self, partial: u32) {
        let at = self.at(partial >> 1);
        self.bits[at] = partial as u8 & 1;
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
