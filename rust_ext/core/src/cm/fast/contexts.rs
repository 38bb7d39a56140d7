//! The contexts of the fast predictor: what a byte is predicted from.
//!
//! Each list is in order of usefulness, so that a level takes as many from its head as it affords. The orders were
//! chosen by leaving one out at a time on mixed text and on binaries.

use crate::cm::prior::keys::KINDS;
use crate::cm::probe::Kind;

/// Most contexts of the lists here; levels that take more have those of [`super::wide`].
pub const NARROW: usize = 13;
/// Which kind of context of a prior the contexts of text are, in their order.
pub const KNOWN: [Option<usize>; NARROW] = [
    Some(0),
    Some(1),
    Some(2),
    Some(3),
    None,
    Some(5),
    Some(4),
    None,
    Some(6),
    None,
    None,
    None,
    None,
];
/// Columns of a line that are compared with the line above.
const MAX_COLUMN: usize = 400;

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const MULTIPLIER_2: u64 = 0xD6E8_FEB8_6659_FD93;

/// Mixes two numbers to a hash with good upper bits.
#[inline(always)]
#[must_use]
pub fn hash(a: u64, b: u64) -> u64 {
    let mixed = (a.wrapping_mul(MULTIPLIER) ^ b).wrapping_mul(MULTIPLIER_2);
    mixed ^ (mixed >> 32)
}

/// What the contexts are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Contexts {
    kind: Kind,
    record: usize,
    /// The last eight bytes, the latest lowest.
    recent: u64,
    /// Hash of the letters of the word so far, 0 outside words; then of the words before.
    word: u32,
    previous_word: u32,
    word_before_previous: u32,
    /// Hash of the first word of the line.
    first_word: u32,
    line: usize,
    line_above: usize,
}

impl Contexts {
    /// Starts before the first symbol.
    #[must_use]
    pub fn new(kind: Kind, record: usize) -> Self {
        Self {
            kind,
            record,
            recent: 0,
            word: 0,
            previous_word: 0,
            word_before_previous: 0,
            first_word: 0,
            line: 0,
            line_above: 0,
        }
    }

    /// The last byte.
    #[inline(always)]
    #[must_use]
    pub fn last_byte(&self) -> usize {
        (self.recent & 255) as usize
    }

    /// The last eight bytes as a number.
    #[inline(always)]
    #[must_use]
    pub fn recent(&self) -> u64 {
        self.recent
    }

    /// The last `count` bytes, fewer than eight, as a number.
    #[inline(always)]
    #[must_use]
    pub fn last(&self, count: u32) -> u64 {
        self.recent & ((1 << (8 * count)) - 1)
    }

    /// Takes in the byte that was appended to `history`.
    #[inline(always)]
    pub fn update(&mut self, history: &[u8], byte: u8) {
        self.recent = self.recent << 8 | u64::from(byte);
        let folded = byte.to_ascii_lowercase();
        if folded.is_ascii_lowercase() || byte >= 128 {
            self.word = (self.word.wrapping_add(u32::from(folded) + 1)).wrapping_mul(0x2F0B_4C47);
        } else if self.word != 0 {
            if self.first_word == 0 {
                self.first_word = self.word;
            }
            self.word_before_previous = self.previous_word;
            self.previous_word = self.word;
            self.word = 0;
        }
        if byte == b'\n' {
            self.line_above = self.line;
            self.line = history.len();
            self.first_word = 0;
        }
    }

    /// The contexts that priors know, see [`crate::cm::prior::keys::NAMES`].
    #[inline(always)]
    #[must_use]
    pub fn known(&self) -> [u64; KINDS] {
        let last = |count| self.last(count);
        let (word, previous) = (u64::from(self.word), u64::from(self.previous_word));
        [
            last(2),
            last(3),
            last(4),
            word << 8 | if self.word == 0 { last(1) } else { 0 },
            last(6),
            word << 32 | previous,
            word.wrapping_mul(MULTIPLIER_2)
                ^ (previous << 20).wrapping_add(u64::from(self.word_before_previous)),
        ]
    }

    /// Hashes the first `N` contexts of the next byte.
    #[inline(always)]
    #[must_use]
    pub fn hashes<const N: usize>(&self, history: &[u8]) -> [u32; N] {
        let contexts = match self.kind {
            Kind::Text => self.text(history),
            _ => self.binary(history),
        };
        let mut hashes = [0; N];
        let mut salt = 0_u64;
        for (hash, context) in hashes.iter_mut().zip(contexts) {
            salt += 1 << 58;
            let mixed = (context
                .wrapping_add(salt)
                .wrapping_mul(MULTIPLIER)
                .wrapping_add(context)
                .wrapping_mul(MULTIPLIER_2)
                >> 32) as u32;
            *hash = mixed;
        }
        hashes
    }

    #[inline(always)]
    fn text(&self, history: &[u8]) -> [u64; NARROW] {
        let last = |count| self.last(count);
        let [order2, order3, order4, word_or_last, order6, pair, triple] = self.known();
        let word = u64::from(self.word);
        let column = history.len() - self.line;
        let line_above = |column: usize| {
            if column < MAX_COLUMN && self.line_above + column < self.line {
                u64::from(history[self.line_above + column])
            } else {
                10
            }
        };
        let above = line_above(column);
        [
            order2,
            order3,
            order4,
            word_or_last,
            (column as u64).min(255) << 16 | last(1),
            pair,
            order6,
            above << 16 | last(2),
            triple,
            last(1),
            hash(word, u64::from(self.word_before_previous)),
            self.recent >> 8 & 0xFFFF,
            last(5),
        ]
    }

    #[inline(always)]
    fn binary(&self, history: &[u8]) -> [u64; NARROW] {
        let last = |count| self.last(count);
        let end = history.len();
        let at = |back: usize| {
            if back <= end {
                u64::from(history[end - back])
            } else {
                0
            }
        };
        let above = at(self.record);
        let column = (end % self.record) as u64;
        [
            last(1),
            last(2),
            above | column << 8,
            last(4),
            above | last(1) << 8,
            self.recent >> 8 & 255,
            last(6),
            self.recent >> 8 & 0xFFFF,
            above | at(2 * self.record) << 8 | last(1) << 16,
            column << 8 | last(1),
            above | at(self.record + 1) << 8 | at(self.record.max(2) - 1) << 16,
            last(3),
            self.recent >> 16 & 0xFFFF,
        ]
    }
}
