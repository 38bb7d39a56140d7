//! Match model: predicts that what followed the last occurrence of the recent bytes follows again.

use super::simd::prefetch;
use crate::cm::tables::Tables;

/// Verified lengths are counted up to this when a match is found.
const VERIFY: usize = 40;
/// A match is taken from this verified length on.
const TAKE: usize = 5;
/// A longer candidate is looked for while the match is shorter than this.
const SEEK: u32 = 16;
/// Mismatches since the last long run, as a shift register, at which a match is given up.
const GIVE_UP: u32 = 8;
/// Counters: 32 length classes, 4 classes of recent misses, expected bit.
const COUNTERS: usize = 32 * 4 * 2;
/// Adaptive probabilities of matches average over up to this many bits.
const LIMIT: u32 = 1023;

/// Follows one earlier occurrence.
#[derive(Debug)]
pub struct MatchModel {
    heads: Box<[u32]>,
    counters: Box<[u32; COUNTERS]>,
    /// Place of the byte that is expected, or 0.
    pointer: usize,
    length: u32,
    misses: u32,
    /// 256 and the expected byte, or 0 when there is none or a bit of it was wrong.
    expected: u32,
    context: usize,
    head: usize,
}

impl MatchModel {
    /// Creates a model with `heads` entries, a power of two.
    #[must_use]
    pub fn new(heads: usize) -> Self {
        Self {
            heads: vec![0; heads].into_boxed_slice(),
            counters: Box::new([1 << 31; COUNTERS]),
            pointer: 0,
            length: 0,
            misses: 0,
            expected: 0,
            context: 0,
            head: 0,
        }
    }

    /// Length of the match, 0 while it recovers from a mismatch; meaningful where [`Self::expects`].
    #[inline(always)]
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Tells whether there is an expected bit.
    #[inline(always)]
    #[must_use]
    pub fn expects(&self) -> bool {
        self.expected != 0
    }

    /// The expected byte of a match that is at least `length` long.
    #[inline(always)]
    #[must_use]
    pub fn sure(&self, length: u32) -> Option<u8> {
        (self.expected != 0 && self.length >= length).then_some(self.expected as u8)
    }

    /// Says where the next [`Self::find`] will look, so that it is there by then.
    #[inline(always)]
    pub fn prefetch(&mut self, hash: u32) {
        self.head = hash as usize & (self.heads.len() - 1);
        prefetch(&self.heads[self.head]);
    }

    #[inline(always)]
    fn counter(&self, bit_position: u32) -> usize {
        let bit = (self.expected >> (7 - bit_position)) & 1;
        (self.context | bit as usize) & (COUNTERS - 1)
    }

    /// Two inputs for the mixer: stretched probability and its distance from one half.
    #[inline(always)]
    #[must_use]
    pub fn inputs(&self, bit_position: u32, tables: &Tables) -> [i32; 2] {
        let mask = -i32::from(self.expected != 0);
        let p = self.counters[self.counter(bit_position)] >> 10;
        [
            tables.stretch22(p) & mask,
            ((p >> 10) as i32 - 2048) >> 1 & mask,
        ]
    }

    /// Learns a bit.
    #[inline(always)]
    pub fn update(&mut self, bit: u32, bit_position: u32, tables: &Tables) {
        if self.expected == 0 {
            return;
        }
        let at = self.counter(bit_position);
        tables.adapt(
            &mut self.counters[at],
            (bit << 22) as i32 - bit as i32,
            LIMIT,
        );
        if (self.expected >> (7 - bit_position)) & 1 != bit {
            self.expected = 0;
            self.length = 0;
            self.misses = self.misses << 1 | 1;
        }
    }

    /// Learns a whole byte whose bits were not coded.
    #[inline(always)]
    pub fn follow(&mut self, byte: u8) {
        if self.expected != 0 && self.expected as u8 != byte {
            self.expected = 0;
            self.length = 0;
            self.misses = self.misses << 1 | 1;
        }
    }

    /// Goes on to the next byte: follows the match, or looks for a longer one.
    #[inline(always)]
    pub fn find(&mut self, history: &[u8]) {
        if self.pointer > 0 {
            self.pointer += 1;
            self.length += u32::from(self.expected != 0);
        }
        let end = history.len();
        if self.length < SEEK {
            let candidate = self.heads[self.head] as usize;
            if candidate > 0 && candidate != self.pointer {
                let longest = VERIFY.min(candidate);
                let length = (1..=longest)
                    .take_while(|&back| history[candidate - back] == history[end - back])
                    .count();
                if length >= TAKE && length > self.length as usize {
                    self.length = length as u32;
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
        self.heads[self.head] = end as u32;
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
            self.context = (class << 3 | self.misses.min(3) << 1) as usize;
        } else {
            self.expected = 0;
            self.pointer = 0;
            self.length = 0;
        }
    }
}
