//! Guesses at whole bytes in long matches, where they are hardly ever wrong.

use super::contexts::hash;
use crate::cm::memory::{copied, filled};
use crate::cm::tables::Tables;
use crate::coder::binary::PROB_ONE;

/// Matches from this length on are guessed at before the byte is coded bit by bit.
pub const SURE_LENGTH: u32 = 16;
/// Contexts in which guesses are judged.
const CONTEXTS: usize = 1 << 16;
/// How often a match went on in a context before anything was seen there, 22 bits.
const START: u32 = PROB_ONE / 2;
/// A guess is made where it is right at least this often.
const SURE: u32 = PROB_ONE - PROB_ONE / 512;
/// Guesses are averaged over up to this many.
const LIMIT: u32 = 1023;
/// No guess is surer than 1 - 2^-17.
const MAX_P: u32 = PROB_ONE - 32;

/// Judges guesses by the byte that is expected and the last two bytes.
#[derive(Debug)]
pub struct Guesses {
    /// How often a long match went on: 22 bits p, 10 bits count.
    cells: Box<[u32; CONTEXTS]>,
    /// The cell at hand and the byte that it is about.
    judged: Option<(usize, u8)>,
}

impl Clone for Guesses {
    fn clone(&self) -> Self {
        Self {
            cells: copied(&self.cells),
            ..*self
        }
    }
}

impl Guesses {
    /// Knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cells: filled(START << 10),
            judged: None,
        }
    }

    /// Judges the byte that a long match expects after the two bytes in `last`; returns it with the probability that
    /// it comes, 22 bits, if that is sure enough to be coded.
    #[inline(always)]
    pub fn make(&mut self, expected: Option<u8>, last: u64) -> Option<(u8, u32)> {
        self.judged = expected.map(|byte| {
            let context = hash(last << 8 | u64::from(byte), 2);
            ((context >> 20) as usize & (CONTEXTS - 1), byte)
        });
        let (at, byte) = self.judged?;
        let p = self.cells[at] >> 10;
        (p >= SURE).then(|| (byte, p.min(MAX_P)))
    }

    /// Learns the byte that came.
    #[inline(always)]
    pub fn learn(&mut self, byte: u8, tables: &Tables) {
        if let Some((at, guess)) = self.judged {
            let right = i32::from(guess == byte);
            let target = (right << 22) - right;
            tables.adapt(&mut self.cells[at], target, LIMIT);
        }
    }
}

impl Default for Guesses {
    fn default() -> Self {
        Self::new()
    }
}
