//! Cells as text: bytes in the contexts of their cell, of the row, and of cells before.

use super::cells::Room;
use super::decider::{Decider, Expected, Place, Sizes};
use super::guesses::{self, Guesses};
use super::lines::line_bytes;
use super::simd;
use super::tools::Tools;
use super::{DEFAULT_LEVEL, STRONG_LEVEL};
use crate::cm::content::hashing::{fold, start};
use crate::coder::binary::Side;
use crate::Result;

/// Contexts at the strong levels, and below these.
const CONTEXTS: usize = 17;
const FEWER: usize = 13;
/// Which one is that of two bytes.
const ORDER2: usize = 1;
/// Those of the fast levels.
const FAST: [usize; 7] = [0, 1, 3, 5, 8, 11, 12];
/// The first ones have counters: those of which all comes often. Then lines of the others, which are many, are small.
const COUNTED: usize = 4;
const FAST_COUNTED: usize = 3;
/// Those that guess bytes, and in which it is decided whether a guess is right.
const GUESSING: [usize; guesses::KINDS] = [11, 6, 15, 9];
const JUDGING: [usize; guesses::CONTEXTS] = [1, 12, 6, 15];
/// Bytes that are looked up together, and must have come before for the next one to be expected.
const MATCH: usize = 5;
/// Like bytes before the expected one are counted up to that.
const MAX_LIKE: usize = 32;
/// Positions in a cell, and in its words, that are told apart.
const POSITIONS: usize = 16;
const LETTERS: usize = 4;
const MAX_LOG2_HEADS: u32 = 16;

/// What is known beside a cell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// Hashes of values of the row.
    pub parents: [u64; 2],
    /// The cell above.
    pub above: &'a [u8],
    /// Bytes that the cell may have.
    pub most: usize,
}

/// Parts of a cell between marks that are neither letters nor digits.
#[derive(Debug, Default)]
struct Fields {
    /// How many there were before this one.
    number: u64,
    /// Hash of this one so far, of the one before, and of the first one with digits.
    so_far: u64,
    last: u64,
    first: u64,
    has_digits: bool,
}

impl Fields {
    fn push(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || byte >= 128 || byte == b'.' {
            self.so_far = fold(self.so_far, byte.into());
            self.has_digits |= byte.is_ascii_digit();
            return;
        }
        if self.first == 0 && self.has_digits {
            self.first = self.so_far;
        }
        if self.has_digits {
            self.last = self.so_far;
        }
        self.number += 1;
        self.so_far = 0;
        self.has_digits = false;
    }
}

/// Contexts of a level, those of them that have counters, and lines at most, with counters and without, as powers of two.
const fn contexts(level: u32) -> ([usize; 2], [u32; 2]) {
    match level {
        ..DEFAULT_LEVEL => ([FAST.len(), FAST_COUNTED], [18, 21]),
        DEFAULT_LEVEL..STRONG_LEVEL => ([FEWER, COUNTED], [18, 22]),
        _ => ([CONTEXTS, CONTEXTS], [22, 8]),
    }
}

/// Logarithms of the numbers of lines, with counters and without, for so many bytes.
fn log2_lines(bytes: usize, level: u32) -> [u32; 2] {
    let ([contexts, counted], most) = contexts(level);
    let log2 = |contexts: usize, most: u32| {
        let lines = bytes.saturating_mul(contexts).max(1);
        let lines = lines.checked_next_power_of_two();
        lines.map_or(most, usize::ilog2).clamp(8, most)
    };
    [log2(counted, most[0]), log2(contexts - counted, most[1])]
}

/// Memory in bytes of what codes so many bytes of text at most.
pub fn memory_bytes(bytes: usize, level: u32) -> u64 {
    let [counted, others] = log2_lines(bytes, level);
    let lines = (line_bytes(true) << counted) + (line_bytes(false) << others);
    lines + guesses::MOST_BYTES + 2 * bytes as u64
}

/// Codes cells one after the other.
#[derive(Debug)]
pub struct Text {
    decider: Decider,
    terminator: u8,
    history: Vec<u8>,
    heads: Vec<u32>,
    /// Where the expected byte stands, 0 if none is, and how many bytes before it are like those before the next one.
    pointer: usize,
    like: usize,
    /// How the last three expected bytes turned out.
    trust: usize,
    /// Bytes of the cell so far, and of its last word.
    position: usize,
    letters: usize,
    guesses: Guesses,
}

impl Text {
    /// Starts with about `bytes` bytes to come.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(bytes: usize, terminator: u8, level: u32, tools: &Tools) -> Result<Self> {
        let ([contexts, counted], _) = contexts(level);
        let log2_bytes = bytes.next_power_of_two().ilog2().max(8);
        let sizes = Sizes {
            contexts,
            counted,
            expected: 2,
            log2_lines: log2_lines(bytes, level),
            places: 256,
            rows: 1 << log2_bytes.min(12),
            classes: 1,
            fine: 8 * POSITIONS * LETTERS,
            told: [0; 2],
        };
        Ok(Self {
            decider: Decider::new(sizes, tools)?,
            terminator,
            history: vec![terminator],
            heads: vec![0; 1 << log2_bytes.min(MAX_LOG2_HEADS)],
            pointer: 0,
            like: 0,
            trust: 0,
            position: 0,
            letters: 0,
            guesses: Guesses::new(log2_bytes, level, tools)?,
        })
    }

    /// Codes a cell; when decoding, `cell` does not count.
    ///
    /// # Errors
    /// [`crate::Error::Truncated`] when the payload ended, [`crate::Error::Corrupt`] when the cell has too many bytes.
    pub fn code<S: Side>(
        &mut self,
        tools: &Tools,
        side: &mut S,
        cell: &[u8],
        around: Around<'_>,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut room = Room::new(around.most);
        let (mut prefix, mut word, mut before) = (0, 0, 0);
        let mut fields = Fields::default();
        (self.position, self.letters) = (0, 0);
        loop {
            side.goes_on("cells of a table")?;
            let wanted = cell.get(out.len()).copied().unwrap_or(self.terminator);
            let above = around
                .above
                .get(out.len())
                .copied()
                .unwrap_or(self.terminator);
            let hashes = self.hashes(prefix, word, before, above, around.parents, &fields);
            let byte = simd::with(tools.avx2, |avx2| {
                self.byte(tools, avx2, side, wanted, &hashes)
            });
            self.guesses.learn(tools, byte);
            self.follow(byte);
            if byte == self.terminator {
                return Ok(out);
            }
            room.take(1)?;
            out.push(byte);
            self.position += 1;
            prefix = fold(prefix, u64::from(byte));
            fields.push(byte);
            if byte.is_ascii_alphanumeric() || byte >= 128 {
                word = fold(word, u64::from(byte | 32));
                self.letters += 1;
            } else if word != 0 {
                (before, word) = (word, 0);
                self.letters = 0;
            }
        }
    }

    fn head(&self) -> usize {
        let n = self.history.len();
        if n < MATCH {
            return 0;
        }
        let hash = self.history[n - MATCH..]
            .iter()
            .fold(0, |hash, &b| fold(hash, u64::from(b)));
        (hash >> (64 - self.heads.len().ilog2())) as usize
    }

    /// Takes in a byte, and finds what is expected behind it: what came last behind the same bytes.
    fn follow(&mut self, byte: u8) {
        if self.pointer > 0 {
            let right = self.history[self.pointer] == byte;
            self.trust = (self.trust << 1 | usize::from(right)) & 7;
            if right {
                self.pointer += 1;
                self.like = MAX_LIKE.min(self.like + 1);
            } else {
                self.pointer = 0;
            }
        }
        self.history.push(byte);
        let (n, head) = (self.history.len(), self.head());
        if self.pointer == 0 {
            let before = self.heads[head] as usize;
            let pairs = self.history[..before]
                .iter()
                .rev()
                .zip(self.history.iter().rev());
            let like = pairs.take(MAX_LIKE).take_while(|(a, b)| a == b).count();
            if like >= MATCH {
                (self.pointer, self.like) = (before, like);
            }
        }
        self.heads[head] = n as u32;
    }

    /// The byte that is expected, and how far to trust it.
    fn expected(&self) -> Option<(u8, usize)> {
        if self.pointer == 0 {
            return None;
        }
        let length = match self.like {
            ..=5 => 0,
            6..=7 => 1,
            8..=11 => 2,
            12..=15 => 3,
            16..=23 => 4,
            24..=30 => 5,
            _ => 6,
        };
        Some((self.history[self.pointer], length << 3 | self.trust))
    }

    #[allow(clippy::too_many_arguments)] // all that is known of a cell
    fn hashes(
        &self,
        prefix: u64,
        word: u64,
        before: u64,
        above: u8,
        parents: [u64; 2],
        fields: &Fields,
    ) -> [u64; CONTEXTS] {
        let n = self.history.len();
        let back = |k: usize| u64::from(if k <= n { self.history[n - k] } else { 0 });
        let position = self.position.min(255) as u64;
        let [c1, c2, c3, c4] = [1, 2, 3, 4].map(back);
        let two = c1 | c2 << 8;
        let four = two | c3 << 16 | c4 << 24;
        let six = four | back(5) << 32 | back(6) << 40;
        let above = u64::from(above);
        let hash = |i: u64, a: u64, b: u64| fold(fold(start(i), a), b);
        // Those with counters first, then those of the lower levels; weaker ones before stronger ones.
        [
            hash(1, c1, position.min(2)),
            hash(4, two, 0),
            hash(2, position, above),
            hash(3, position, c1),
            hash(14, fields.so_far, fields.number),
            hash(6, four & 0xFF_FFFF, 0),
            hash(16, fields.so_far, fold(fields.number, fields.last)),
            hash(8, four, 0),
            hash(9, word, c1),
            hash(11, word, fold(before, c1)),
            hash(10, six, 0),
            hash(17, prefix, 0),
            hash(13, prefix, parents[0]),
            hash(5, above, two),
            hash(7, two, parents[0]),
            hash(15, fields.so_far, fold(fields.number, fields.first)),
            hash(12, prefix, parents[1]),
        ]
    }

    /// Codes a byte: whether it is the one that is guessed, if there is one, and what it is, if it is not.
    #[inline(always)]
    fn byte<S: Side>(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut S,
        wanted: u8,
        hashes: &[u64; CONTEXTS],
    ) -> u8 {
        let last = usize::from(*self.history.last().unwrap_or(&0));
        let mut missed = None;
        if let Some(guess) = self.guesses.find(GUESSING.map(|k| hashes[k])) {
            let is_right = wanted == guess.byte;
            let judging = JUDGING.map(|k| hashes[k]);
            let guesses = &mut self.guesses;
            if guesses.code(tools, avx2, side, is_right, guess, judging, last) {
                return guess.byte;
            }
            missed = Some(guess.byte);
        }
        let beside = hashes[ORDER2];
        let fast = FAST.map(|k| hashes[k]);
        let hashes = if self.decider.contexts() == FAST.len() {
            &fast[..]
        } else {
            &hashes[..]
        };
        let expected = self.expected();
        let within = self.position.min(POSITIONS - 1) * LETTERS + self.letters.min(LETTERS - 1);
        let mut partial = 1_usize;
        for depth in 0..8 {
            if depth % 4 == 0 {
                self.decider.aim(tools, avx2, hashes, partial as u64);
            }
            let node = if depth < 4 {
                partial
            } else {
                partial & ((1 << (depth - 4)) - 1) | 1 << (depth - 4)
            };
            let says = |byte: Option<u8>, trust| Expected {
                bit: match byte {
                    Some(byte) if (usize::from(byte) | 256) >> (8 - depth) == partial => {
                        u32::from(byte >> (7 - depth) & 1)
                    }
                    _ => 2,
                },
                trust,
            };
            let (byte, trust) = expected.map_or((None, 0), |(byte, trust)| (Some(byte), trust));
            // A guess that was wrong is expected, too, and learnt to be wrong again.
            let says = [says(byte, trust), says(missed, depth)];
            let bit = u32::from(wanted >> (7 - depth) & 1);
            let place = Place {
                node,
                set: partial,
                row: (last * 256 + partial).wrapping_mul(0x9E3D) >> 4 & (self.decider.rows() - 1),
                depth,
                class: 0,
                beside: fold(beside, partial as u64) as usize & (self.decider.rows() - 1),
                fine: depth * POSITIONS * LETTERS + within,
                told: 0,
            };
            let bit = self.decider.code(tools, avx2, side, bit, place, &says, &[]);
            partial = partial << 1 | bit as usize;
        }
        partial as u8
    }
}
