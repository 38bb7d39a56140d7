//! Match model: predicts that what followed the last occurrence of the recent bytes follows again.

use super::simd::prefetch;
use crate::memory::Memory;

/// Verified lengths are counted up to this when a match is found.
const VERIFY: usize = 40;
/// A match is taken from this verified length on.
const TAKE: u32 = 5;
/// A longer candidate is looked for while the match is shorter than this.
const SEEK: u32 = 16;
/// Mismatches since the last long run, as a shift register, at which a match is given up.
const GIVE_UP: u32 = 8;

/// Classes of the lengths of the longer match, by its context without the expected bit.
const CLASSES: [u8; 128] = classes();

/// 0 without a match, then growing with its length.
const fn classes() -> [u8; 128] {
    let mut classes = [7; 128];
    let mut at = 0;
    while at < 72 {
        classes[at] = match at >> 2 {
            0 => (at > 0) as u8,
            1..=7 => 2,
            8..=11 => 3,
            12..=15 => 4,
            16 => 5,
            _ => 6,
        };
        at += 1;
    }
    classes
}

/// Class of the longer of two matches, below 8.
#[inline(always)]
#[must_use]
pub fn class([a, b]: &[MatchModel; 2]) -> usize {
    usize::from(CLASSES[(a.context.max(b.context) >> 1) as usize % CLASSES.len()])
}

/// Follows one earlier occurrence.
#[derive(Debug, Clone)]
pub struct MatchModel {
    heads: Memory<u32>,
    /// Place of the byte that is expected, or 0.
    pointer: usize,
    length: u32,
    misses: u32,
    /// 256 and the expected byte, or 0 when there is none or a bit of it was wrong.
    expected: u32,
    /// What is still to come of the expected byte, from bit 7 on.
    rest: u32,
    /// Class of the length and misses, above the bit that is expected; 0 where none is.
    context: u32,
    head: usize,
    /// Where the recent bytes were before.
    candidate: usize,
}

impl MatchModel {
    /// Creates a model that keeps its hash heads in `heads`, zeros whose number is a power of two.
    #[must_use]
    pub fn new(heads: Memory<u32>) -> Self {
        debug_assert!(heads.get().len().is_power_of_two());
        Self {
            heads,
            pointer: 0,
            length: 0,
            misses: 0,
            expected: 0,
            rest: 0,
            context: 0,
            head: 0,
            candidate: 0,
        }
    }

    /// The heads, to be exchanged for others of the same number.
    pub fn memory(&mut self) -> &mut Memory<u32> {
        &mut self.heads
    }

    /// Length of the match, 0 while it recovers from a mismatch.
    #[inline(always)]
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// The expected byte of a match that is at least `length` long.
    #[inline(always)]
    #[must_use]
    pub fn sure(&self, length: u32) -> Option<u8> {
        (self.expected != 0 && self.length >= length).then_some(self.expected as u8)
    }

    /// Says where the next [`Self::look`] is, so that it is there by then.
    #[inline(always)]
    pub fn prefetch(&mut self, hash: u32) {
        self.head = self.head_of(hash);
        prefetch(self.heads.get(), self.head);
    }

    /// Where the next [`Self::look`] is.
    #[must_use]
    pub fn head(&self) -> usize {
        self.head
    }

    /// Where it is for a hash.
    #[inline(always)]
    #[must_use]
    pub fn head_of(&self, hash: u32) -> usize {
        hash as usize & (self.heads.get().len() - 1)
    }

    /// Goes back to what it was, but for the heads.
    pub fn restore(&mut self, start: &Self) {
        let Self {
            heads: _,
            pointer,
            length,
            misses,
            expected,
            rest,
            context,
            head,
            candidate,
        } = self;
        (*pointer, *length, *misses) = (start.pointer, start.length, start.misses);
        (*expected, *rest, *context) = (start.expected, start.rest, start.context);
        (*head, *candidate) = (start.head, start.candidate);
    }

    /// Takes one head from others.
    pub fn restore_head(&mut self, head: usize, heads: &[u32]) {
        self.heads.values()[head] = heads[head];
    }

    /// The state of the match as the context of its counter: 0 when there is no expected bit.
    #[inline(always)]
    #[must_use]
    pub fn state(&self) -> u8 {
        (self.context | self.rest >> 7 & 1) as u8
    }

    /// Takes in a bit.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        if self.context != 0 && self.rest >> 7 & 1 != bit {
            self.miss();
        }
        self.rest <<= 1;
    }

    /// Learns a whole byte whose bits were not coded.
    #[inline(always)]
    pub fn learn(&mut self, byte: u8) {
        if self.expected != 0 && self.expected as u8 != byte {
            self.miss();
        }
    }

    #[inline(always)]
    fn miss(&mut self) {
        self.expected = 0;
        self.rest = 0;
        self.context = 0;
        self.length = 0;
        self.misses = self.misses << 1 | 1;
    }

    /// Remembers the place of the byte at hand, and asks for the history at the place that it takes: by the end of
    /// the byte it is there.
    #[inline(always)]
    pub fn look(&mut self, history: &[u8]) {
        let head = &mut self.heads.values()[self.head];
        self.candidate = *head as usize;
        *head = history.len() as u32;
        if self.length < SEEK {
            prefetch(history, self.candidate);
        }
    }

    /// Goes on to the next byte: follows the match, or takes the candidate if it is longer.
    #[inline(always)]
    pub fn next(&mut self, history: &[u8]) {
        if self.pointer > 0 {
            self.pointer += 1;
            self.length += u32::from(self.expected != 0);
        }
        if self.length < SEEK {
            // The candidate came before the last byte.
            let candidate = self.candidate + 1;
            if candidate > 1 && candidate != self.pointer {
                let length = common_end(history, candidate);
                if length >= TAKE && length > self.length {
                    self.length = length;
                    self.pointer = candidate;
                    self.misses = 0;
                }
            }
            if self.length == 0 && self.misses >= GIVE_UP {
                self.pointer = 0;
                self.misses = 0;
            }
        } else {
            self.misses = 0;
        }
        if self.pointer > 0 && (self.length > 0 || self.misses > 0) {
            self.expected = 256 | u32::from(history[self.pointer]);
            let class = match self.length {
                length @ 0..=15 => length,
                16..=23 => 16,
                24..=31 => 17,
                32..=47 => 18,
                48..=63 => 19,
                64..=127 => 20,
                128..=511 => 21,
                _ => 22,
            };
            self.context = class << 3 | self.misses.min(3) << 1;
            self.rest = self.expected;
        } else {
            self.expected = 0;
            self.rest = 0;
            self.context = 0;
            self.pointer = 0;
            self.length = 0;
        }
    }
}

/// How many bytes before `candidate` equal those at the end of `history`, up to [`VERIFY`]; whole words of them.
#[inline(always)]
fn common_end(history: &[u8], candidate: usize) -> u32 {
    let end = history.len();
    let mut length = 0;
    while length < VERIFY {
        let (Some(a), Some(b)) = (
            word_before(history, candidate.wrapping_sub(length)),
            word_before(history, end - length),
        ) else {
            // Close to the start of the history matches are not worth a loop over single bytes.
            return length as u32;
        };
        if a != b {
            return length as u32 + (a ^ b).leading_zeros() / 8;
        }
        length += 8;
    }
    VERIFY as u32
}

/// The eight bytes before `end`, the last one highest.
#[inline(always)]
fn word_before(history: &[u8], end: usize) -> Option<u64> {
    let bytes = history.get(end.checked_sub(8)?..end)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}
