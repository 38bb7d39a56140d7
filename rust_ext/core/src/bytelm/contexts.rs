//! Contexts of the last bytes, by which rows of tables are selected.

/// Contexts that there are.
pub const CONTEXTS: usize = 6;
/// Numbers, in pairs, that tell what is kept of the bytes so far.
const NUMBERS: usize = 8;

/// What a byte selects: a value for each context, and the number of a word where one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected {
    /// Of each context.
    pub values: [u32; CONTEXTS],
    /// Of the word or the stretch that ended with this byte.
    pub word: Option<u32>,
}

impl Selected {
    /// The row of a context in a table of `2^bits` rows. Context 0 is not hashed.
    #[inline(always)]
    #[must_use]
    pub fn row(&self, context: usize, bits: u32) -> usize {
        match context {
            0 => self.values[0] as usize,
            _ => row(self.values[context], bits),
        }
    }
}

/// What is kept of the bytes so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Contexts {
    history: u32,
    word: u32,
    last: u32,
    gap: u32,
    pair: u32,
    length: u32,
    inside: bool,
}

impl Contexts {
    /// As numbers, to be told.
    #[must_use]
    pub fn to_numbers(self) -> [i32; NUMBERS] {
        let Self {
            history,
            word,
            last,
            gap,
            pair,
            length,
            inside,
        } = self;
        let inside = u32::from(inside);
        [history, word, last, gap, pair, length, inside, 0].map(u32::cast_signed)
    }

    /// Undoes [`Self::to_numbers`].
    #[must_use]
    pub fn of_numbers(numbers: [i32; NUMBERS]) -> Self {
        let [history, word, last, gap, pair, length, inside, _] = numbers.map(i32::cast_unsigned);
        Self {
            history,
            word,
            last,
            gap,
            pair,
            length,
            inside: inside != 0,
        }
    }

    /// Takes a byte. Stretches end after `most` bytes.
    #[inline]
    pub fn push(&mut self, byte: u8, most: u32) -> Selected {
        let letter = byte.is_ascii_alphabetic();
        let inside = letter || byte >= 128;
        let ends = self.inside && !inside;
        self.history = self.history << 8 | u32::from(byte);
        self.length += 1;
        let (key, before) = if inside {
            if !self.inside {
                self.word = 0;
            }
            let byte = u32::from(if letter { byte | 32 } else { byte });
            self.word = self.word.wrapping_add(byte + 1).wrapping_mul(0x2C1B_3C6D);
            (self.word, self.last)
        } else {
            if ends {
                self.pair = self.last;
                self.last = self.word;
                self.gap = self.word ^ 0x5BD1_E995;
            }
            let next = self.gap.wrapping_add(u32::from(byte) + 1);
            self.gap = next.wrapping_mul(0x297A_2D39);
            (self.gap, self.pair)
        };
        self.inside = inside;
        let word = if ends {
            Some(self.last)
        } else {
            (self.length == most).then_some(key ^ 0x3849_5AB5)
        };
        if word.is_some() {
            self.length = 0;
        }
        Selected {
            values: [
                u32::from(byte),
                (self.history & 0xFFFF) + 0x1_0000,
                (self.history & 0xFF_FFFF) + 0x300_0000,
                self.history ^ 0x6C8E_9CF5,
                key,
                key.wrapping_add(before.wrapping_mul(0x1B87_3593))
                    .wrapping_add(1),
            ],
            word,
        }
    }
}

/// The row of a value in a table of `2^bits` rows, of 1 to 31.
#[inline(always)]
#[must_use]
pub fn row(value: u32, bits: u32) -> usize {
    let value = value.wrapping_mul(0x9E37_79B1);
    let value = (value ^ value >> 15).wrapping_mul(0x85EB_CA77);
    (value >> (32 - bits)) as usize
}

/// Tables: the logarithms of their rows for each context and for words, and the most bytes of a stretch.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// Of each context.
    pub bits: [u32; CONTEXTS],
    /// Of words.
    pub words: u32,
    /// Stretches end after so many bytes.
    pub most: u32,
}

impl Tables {
    /// The rows that each byte of a text selects, one for each context, and those of words, -1 where none ends.
    #[must_use]
    pub fn rows(&self, text: &[u8]) -> (Vec<i32>, Vec<i32>) {
        // Tables have at most 2^31 rows.
        let number = |row: usize| i32::try_from(row).unwrap_or(i32::MAX);
        let mut contexts = Contexts::default();
        let mut rows = Vec::with_capacity(text.len() * CONTEXTS);
        let mut words = Vec::with_capacity(text.len());
        for &byte in text {
            let selected = contexts.push(byte, self.most);
            let bits = self.bits.iter().enumerate();
            rows.extend(bits.map(|(context, &bits)| number(selected.row(context, bits))));
            words.push(
                selected
                    .word
                    .map_or(-1, |word| number(row(word, self.words))),
            );
        }
        (rows, words)
    }
}
