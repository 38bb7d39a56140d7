//! The contexts of the fast predictor: what a byte is predicted from.
//!
//! Each list is in order of usefulness, so that a level takes as many from its head as it affords. The orders were
//! chosen by leaving one out at a time on mixed text and on binaries.

use crate::cm::probe::Kind;

/// Most contexts that a level can take.
pub const MAX_CONTEXTS: usize = 27;
/// Levels with more contexts than this keep what [`Wide`] knows.
const NARROW: usize = 16;
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
#[derive(Debug)]
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
    wide: Wide,
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
            wide: Wide::new(),
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

    /// Takes in the byte that was appended to `history`, for `N` contexts.
    #[inline(always)]
    pub fn update<const N: usize>(&mut self, history: &[u8], byte: u8) {
        if N > NARROW {
            self.wide.update(self.recent, byte);
        }
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

    /// Three small numbers, below 512, 256 and 1024, that select weight sets of the larger levels.
    #[inline(always)]
    #[must_use]
    pub fn selectors(&self) -> [usize; 3] {
        let wide = &self.wide;
        let inner = match (wide.brackets & 255) as u8 {
            b'(' => 1,
            b'[' | b'{' => 2,
            b'<' => 3,
            _ => 0,
        };
        [
            (wide.classes & 0x1FF) as usize,
            (wide.word_length.min(15) << 4 | wide.previous_length.min(15)) as usize,
            ((wide.classes >> 9 & 7) << 7 | inner << 5 | wide.column.min(31)) as usize,
        ]
    }

    /// Hashes the first `N` contexts of the next byte.
    #[inline(always)]
    #[must_use]
    pub fn hashes<const N: usize>(&self, history: &[u8]) -> [u32; N] {
        let contexts = match self.kind {
            Kind::Text => self.text(history),
            Kind::Binary | Kind::Bilevel => self.binary(history),
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
    fn text(&self, history: &[u8]) -> [u64; MAX_CONTEXTS] {
        let last = |count| self.last(count);
        let (word, previous) = (u64::from(self.word), u64::from(self.previous_word));
        let column = history.len() - self.line;
        let line_above = |column: usize| {
            if column < MAX_COLUMN && self.line_above + column < self.line {
                u64::from(history[self.line_above + column])
            } else {
                10
            }
        };
        let (above, above_next) = (line_above(column), line_above(column + 1));
        let wide = &self.wide;
        let triple = word.wrapping_mul(MULTIPLIER_2)
            ^ (previous << 20).wrapping_add(u64::from(self.word_before_previous));
        [
            last(1),
            last(2),
            last(3),
            last(4),
            word << 8 | if self.word == 0 { last(1) } else { 0 },
            (column as u64).min(255) << 16 | last(1),
            word << 32 | previous,
            last(6),
            hash(word, u64::from(self.word_before_previous)),
            triple,
            above << 16 | last(2),
            self.recent >> 8 & 0xFFFF,
            last(5),
            self.recent,
            word << 8 | last(1),
            u64::from(self.first_word) << 32 | word,
            wide.runs & 0xFF_FFFF | last(1) << 24,
            wide.runs,
            u64::from(wide.classes & 0x3FFF_FFFF) | last(1) << 32,
            wide.brackets & 0xFFFF | last(1) << 16,
            wide.after_two(self.recent) & 0xFFFF | last(1) << 16,
            wide.after_one(self.recent) & 0xFF_FFFF | last(1) << 24,
            self.recent & 0xFF_00FF,
            self.recent >> 8 & 0xFF_FFFF,
            previous << 8 | last(1),
            above << 16 | above_next << 8 | last(1),
            last(7),
        ]
    }

    #[inline(always)]
    fn binary(&self, history: &[u8]) -> [u64; MAX_CONTEXTS] {
        let last = |count| self.last(count);
        let wide = &self.wide;
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
            above | at(self.record + 1) << 8 | at(self.record.max(2) - 1) << 16,
            above | at(2 * self.record) << 8 | last(1) << 16,
            column << 8 | last(1),
            self.recent >> 8 & 255,
            self.recent >> 8 & 0xFFFF,
            last(6),
            last(3),
            self.recent >> 16 & 0xFFFF,
            self.recent >> 8 & 0xFF_FFFF,
            self.recent & 0xF0F0_F0F0,
            last(5),
            (last(1) + above).wrapping_sub(at(self.record + 1)) & 255,
            column,
            above | last(2) << 8,
            self.recent & 0xFF_00FF,
            self.recent & 0xFF00_00FF,
            self.recent >> 16 & 255,
            self.recent >> 24 & 255,
            self.recent & 0xF8_F8F8,
            wide.after_one(self.recent) & 0xFFFF | last(1) << 16,
            wide.after_two(self.recent) & 0xFFFF | last(1) << 16,
            // The last two words of two bytes, as far as they are whole.
            if end.is_multiple_of(2) {
                last(4)
            } else {
                last(5)
            },
        ]
    }
}

/// What only the larger levels keep.
#[derive(Debug)]
struct Wide {
    /// Runs of bytes of one class, the latest lowest: eight bits each, class and length.
    runs: u64,
    /// Coarser classes of the last bytes, three bits each.
    classes: u32,
    /// Bytes since the start of the line.
    column: u32,
    /// Letters of the word at hand and of the one before.
    word_length: u32,
    previous_length: u32,
    /// Open brackets, the innermost lowest.
    brackets: u64,
    /// The bytes that followed each byte and each two bytes, the latest lowest.
    followers: Box<[u32; 256]>,
    pair_followers: Box<[u32]>,
}

impl Wide {
    fn new() -> Self {
        Self {
            runs: 0,
            classes: 0,
            column: 0,
            word_length: 0,
            previous_length: 0,
            brackets: 0,
            followers: Box::new([0; 256]),
            pair_followers: vec![0; 1 << 16].into_boxed_slice(),
        }
    }

    /// Takes in the byte after `recent`.
    #[inline(always)]
    fn update(&mut self, recent: u64, byte: u8) {
        let learn = |bytes: &mut u32| *bytes = *bytes << 8 | u32::from(byte);
        learn(&mut self.followers[(recent & 255) as usize]);
        learn(&mut self.pair_followers[(recent & 0xFFFF) as usize]);
        let class = match byte {
            b'a'..=b'z' | 128.. => 1,
            b'A'..=b'Z' => 2,
            b'0'..=b'9' => 3,
            _ => byte & 31 | 32,
        };
        let last = (self.runs & 0x3F) as u8;
        if last == class {
            // The length is counted up to 3.
            let longer = (self.runs >> 6 & 3).saturating_add(1).min(3);
            self.runs = self.runs & !0xC0 | longer << 6;
        } else {
            self.runs = self.runs << 8 | u64::from(class);
        }
        let coarse = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => 1,
            b' ' | b'\t' | b'\n' | b'\r' => 2,
            b'0'..=b'9' => 3,
            0..=31 => 4,
            33..=127 => 5,
            128..=191 => 6,
            192.. => 7,
        };
        self.classes = self.classes << 3 | coarse;
        self.column = if byte == b'\n' { 0 } else { self.column + 1 };
        if class <= 2 {
            self.word_length += 1;
        } else if self.word_length > 0 {
            self.previous_length = self.word_length;
            self.word_length = 0;
        }
        match byte {
            b'(' | b'[' | b'{' | b'<' => self.brackets = self.brackets << 8 | u64::from(byte),
            b')' | b']' | b'}' | b'>' => self.brackets >>= 8,
            _ => {}
        }
    }

    /// What followed the last byte before.
    #[inline(always)]
    fn after_one(&self, recent: u64) -> u64 {
        u64::from(self.followers[(recent & 255) as usize])
    }

    /// What followed the last two bytes before.
    #[inline(always)]
    fn after_two(&self, recent: u64) -> u64 {
        u64::from(self.pair_followers[(recent & 0xFFFF) as usize & 0xFFFF])
    }
}
