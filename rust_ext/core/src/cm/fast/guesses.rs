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

/// Wrong guesses that are noted.
pub const MOST_NOTED: usize = 1 << 12;

/// Judges guesses by the byte that is expected and the last two bytes.
#[derive(Debug)]
pub struct Guesses {
    /// How often a long match went on: 22 bits p, 10 bits count.
    cells: Box<[u32; CONTEXTS]>,
    /// The cell at hand and the byte that it is about.
    judged: Option<(usize, u8)>,
    /// Cells of guesses that were wrong.
    wrong: Vec<u32>,
}

impl Clone for Guesses {
    fn clone(&self) -> Self {
        Self {
            cells: copied(&self.cells),
            judged: self.judged,
            wrong: self.wrong.clone(),
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
            wrong: Vec::new(),
        }
    }

    /// Goes back to what it was, where a byte came after the two bytes in `last`.
    #[inline(always)]
    pub fn restore(&mut self, start: &Self, byte: u8, last: u64) {
        let at = context(byte, last);
        self.cells[at] = start.cells[at];
    }

    /// Takes note anew of wrong guesses: of the first [`MOST_NOTED`].
    pub fn note(&mut self) {
        self.wrong.clear();
    }

    /// Goes back to what it was when it began to take note, where other bytes came than were expected.
    pub fn restore_wrong(&mut self, start: &Self) {
        for at in self.wrong.drain(..) {
            let at = at as usize % CONTEXTS;
            self.cells[at] = start.cells[at];
        }
        self.judged = start.judged;
    }

    /// Judges the byte that a long match expects after the two bytes in `last`; returns it with the probability that
    /// it comes, 22 bits, if that is sure enough to be coded.
    #[inline(always)]
    pub fn make(&mut self, expected: Option<u8>, last: u64) -> Option<(u8, u32)> {
        self.judged = expected.map(|byte| (context(byte, last), byte));
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
            if guess != byte && self.wrong.len() < MOST_NOTED {
                self.wrong.push(at as u32);
            }
        }
    }
}

/// The cell of an expected byte after two others.
#[inline(always)]
fn context(byte: u8, last: u64) -> usize {
    (hash(last << 8 | u64::from(byte), 2) >> 20) as usize & (CONTEXTS - 1)
}

impl Default for Guesses {
    fn default() -> Self {
        Self::new()
    }
}
