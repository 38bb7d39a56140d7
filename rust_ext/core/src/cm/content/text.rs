//! Contexts of text: words, gaps, lines, markup and character classes.

mod contexts;
mod seen;

use super::hashing::fold;
pub use seen::Seen;

/// Number of contexts that [`Text::contexts`] makes.
pub const CONTEXTS: usize = 45;

/// Tokens of a line that are told apart.
const FIELDS: usize = 64;

/// What is known of the text so far.
#[derive(Debug, Clone)]
pub struct Text {
    /// Hash of the letters and digits of the current word, 0 between words.
    word: u64,
    /// Words before the current one, newest first.
    words: [u64; 5],
    /// Hash of the bytes since the last word, and the same of the gap before.
    gap: u64,
    last_gap: u64,
    /// Letters only: current and previous words joined by plain blanks.
    phrase: [u64; 4],
    /// Last letters of the current word, folded.
    letters: u64,
    /// Last eight alphanumeric bytes, anything else left out.
    alphanumeric: u64,
    /// Word before the last ':' or '='.
    keyword: u64,
    first_word: u64,
    line: u64,
    /// Starts of the current and the three previous lines.
    starts: [usize; 4],
    first_char: u8,
    /// Length of the agreement with the line above, if it holds from the line's start.
    above_run: i32,
    /// Classes of the last eight bytes, one byte each.
    groups: u64,
    /// Coarser classes, three bits each.
    mask: u32,
    /// High nibbles, four bits each.
    nibbles: u32,
    /// Vowels and consonants of the current word.
    shape: u32,
    word_length: u32,
    last_word_length: u32,
    since_upper: u32,
    opened: u8,
    /// Open markup elements.
    tags: Vec<u64>,
    tag: u64,
    in_tag: bool,
    closing: bool,
    seen: Seen,
    /// Of the last token.
    follower_slot: usize,
    by_byte: Vec<u32>,
    /// Words since the end of the last sentence.
    sentence: u64,
    /// Last letters of the current and the previous words.
    suffixes: [u64; 3],
    first_letter: u8,
    /// Open brackets, innermost in the low byte.
    nest: u64,
    /// Tokens of the current and the previous line: hash and start of each.
    tokens: [[(u64, usize); FIELDS]; 2],
    field: usize,
    /// The last classes, each once however often it came in a row, one byte each: marks stand for themselves.
    runs: u64,
    /// The same with letters, digits and blanks in one class.
    marks: u64,
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

fn group(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => b'0',
        b'a'..=b'z' => b'a',
        b'A'..=b'Z' => b'A',
        b'\n' => b'\n',
        0..=31 => 6,
        0xF8..=0xFF => 5,
        0xF0..=0xF7 => 1,
        0xE0..=0xEF => 2,
        0xC0..=0xDF => 3,
        0x80..=0xBF => 4,
        _ => c,
    }
}

/// Adds a class to a history of runs.
fn push_run(history: &mut u64, class: u8) {
    if *history & 0xFF != u64::from(class) {
        *history = *history << 8 | u64::from(class);
    }
}

fn coarse(c: u8) -> u32 {
    match c {
        b'a'..=b'z' | b'A'..=b'Z' => 1,
        b' ' | b'\t' | b'\n' | b'\r' => 3,
        b'0'..=b'9' => 4,
        b'!'..=b'~' => 2,
        0 => 0,
        1..=31 => 5,
        255 => 6,
        _ => 7,
    }
}

impl Text {
    /// Starts a text.
    #[must_use]
    pub fn new() -> Self {
        Self::within(Seen::default())
    }

    /// Its memory, for the next text, if it could be brought back to the start.
    #[must_use]
    pub fn into_seen(self) -> Option<Seen> {
        self.seen.restored()
    }

    /// Starts a text in the memory of another one.
    #[must_use]
    pub fn within(seen: Seen) -> Self {
        Self {
            word: 0,
            words: [0; 5],
            gap: 0,
            last_gap: 0,
            phrase: [0; 4],
            letters: 0,
            alphanumeric: 0,
            keyword: 0,
            first_word: 0,
            line: 0,
            starts: [0; 4],
            first_char: 0,
            above_run: 0,
            groups: 0,
            mask: 0,
            nibbles: 0,
            shape: 0,
            word_length: 0,
            last_word_length: 0,
            since_upper: 255,
            opened: 0,
            tags: Vec::new(),
            tag: 0,
            in_tag: false,
            closing: false,
            seen,
            follower_slot: 0,
            by_byte: vec![0; 256],
            sentence: 0,
            suffixes: [0; 3],
            first_letter: 0,
            nest: 0,
            tokens: [[(0, 0); FIELDS]; 2],
            field: 0,
            runs: 0,
            marks: 0,
        }
    }

    /// Learns the last byte of `history`.
    #[allow(clippy::too_many_lines)] // one pass over what a byte can be
    pub fn update(&mut self, history: &[u8]) {
        let n = history.len();
        let c1 = history[n - 1];
        let c2 = if n > 1 { history[n - 2] } else { 0 };
        let c3 = if n > 2 { history[n - 3] } else { 0 };
        let lower = c1.to_ascii_lowercase();
        let letter = lower.is_ascii_lowercase() || c1 >= 128;
        let digit = c1.is_ascii_digit();
        let pair = u16::from_be_bytes([c3, c2]);
        self.seen.learn(self.follower_slot, lower, pair, c1);
        self.by_byte[usize::from(c2)] = (self.by_byte[usize::from(c2)] << 8) | u32::from(c1);
        self.since_upper = if c1.is_ascii_uppercase() {
            0
        } else {
            (self.since_upper + 1).min(255)
        };

        if letter || digit {
            if self.word_length == 0 {
                self.tokens[0][self.field].1 = n - 1;
                self.last_gap = self.gap;
                self.gap = 0;
                self.shape = 0;
            }
            if self.word_length == 0 {
                self.first_letter = lower;
                self.suffixes.copy_within(0..2, 1);
                self.suffixes[0] = 0;
            }
            self.suffixes[0] = (self.suffixes[0] << 8 | u64::from(lower)) & 0xFF_FFFF;
            self.word = fold(self.word, u64::from(lower));
            self.word_length = (self.word_length + 1).min(63);
            self.alphanumeric = (self.alphanumeric << 8) | u64::from(lower);
            let kind = match lower {
                b'e' => 1,
                b'a' | b'i' | b'o' | b'u' => 2,
                b'y' => 3,
                b'0' => 4,
                b'1'..=b'9' => 5,
                128..=255 => 6,
                _ => 7,
            };
            self.shape = (self.shape << 4) | kind;
        } else {
            if self.word_length != 0 {
                self.seen.end_word(self.word, n);
                if c1 == b':' || c1 == b'=' {
                    self.keyword = self.word;
                }
                if self.first_word == 0 {
                    self.first_word = self.word;
                }
                self.tokens[0][self.field].0 = self.word;
                self.field = (self.field + 1) % FIELDS;
                self.tokens[0][self.field] = (0, n);
                self.words.copy_within(0..4, 1);
                self.words[0] = self.word;
                self.last_word_length = self.word_length;
                self.sentence = self.sentence.wrapping_add(1);
                self.shape = 0;
            }
            self.word = 0;
            self.word_length = 0;
            self.gap = fold(self.gap, u64::from(if c1 == b'\n' { b' ' } else { c1 }));
            let mark = match c1 {
                b'.' | b'!' | b'?' => 1,
                b',' | b';' | b':' => 2,
                b'(' | b'[' | b'{' | b'<' => 3,
                b')' | b']' | b'}' | b'>' => 4,
                b'"' | b'\'' => 5,
                b' ' => 6,
                b'\n' => 7,
                _ => 8 + u32::from(c1 & 7),
            };
            self.shape = (self.shape << 4) | mark;
            match c1 {
                b'.' | b'!' | b'?' => {
                    self.sentence = 0;
                    self.words[1..].fill(0);
                }
                b'(' | b'[' | b'{' | b'<' => self.opened = c1,
                b')' | b']' | b'}' | b'>' => self.opened = 0,
                b'"' | b'\'' => self.opened = if self.opened == c1 { 0 } else { c1 },
                _ => {}
            }
        }
        if letter {
            self.phrase[0] = fold(self.phrase[0], u64::from(lower));
            self.letters = (self.letters << 8) | u64::from(lower);
        } else {
            self.letters = 0;
            if c1 == b' ' || c1 == b'\n' {
                if c2.is_ascii_alphabetic() || c2 >= 128 {
                    self.phrase.copy_within(0..3, 1);
                    self.phrase[0] = 0;
                }
            } else if c1 != b'\'' && c1 != b'\r' {
                self.phrase = [0; 4];
            }
        }
        self.groups = (self.groups << 8) | u64::from(group(c1));
        self.mask = (self.mask << 3) | coarse(c1);
        let class = match c1 {
            b'a'..=b'z' | 128.. => 1,
            b'A'..=b'Z' => 2,
            b'0'..=b'9' => 3,
            _ => c1,
        };
        push_run(&mut self.runs, class);
        push_run(
            &mut self.marks,
            if class <= 3 || c1 == b' ' { 1 } else { c1 },
        );
        self.nibbles = (self.nibbles << 4) | if c1 == b' ' { 0 } else { u32::from(c1 >> 4) };
        match c1 {
            b'(' | b'[' | b'{' | b'<' => self.nest = self.nest << 8 | u64::from(c1),
            b')' | b']' | b'}' | b'>' => self.nest >>= 8,
            _ => {}
        }
        self.markup(c1);
        self.lines(history, c1);
        let token = if self.word_length != 0 {
            self.word
        } else {
            self.gap
        };
        self.follower_slot = (fold(token, 77) >> 46) as usize;
    }

    fn markup(&mut self, c1: u8) {
        match c1 {
            b'<' => {
                self.in_tag = true;
                self.closing = false;
                self.tag = 0;
            }
            b'/' if self.in_tag && self.tag == 0 => self.closing = true,
            b'/' if self.in_tag => self.closing = true,
            b'>' if self.in_tag => {
                self.in_tag = false;
                if self.closing {
                    self.tags.pop();
                } else if self.tags.len() < 64 {
                    self.tags.push(self.tag | 1 << 63);
                }
            }
            b' ' if self.in_tag => self.tag |= 1 << 63,
            c if self.in_tag && self.tag >> 63 == 0 => {
                self.tag = fold(self.tag, u64::from(c)) >> 1;
                self.closing = false;
            }
            _ => {}
        }
    }

    fn lines(&mut self, history: &[u8], c1: u8) {
        let n = history.len();
        if c1 == b'\n' {
            self.new_line(n);
            return;
        }
        self.line = fold(self.line, u64::from(c1));
        let column = n - self.starts[0];
        if column == 1 {
            self.first_char = group(c1);
        }
        let above = self.starts[1] + column - 1;
        if self.above_run >= 0 && above < self.starts[0] && history[above] == c1 {
            self.above_run = (self.above_run + 1).min(255);
        } else {
            self.above_run = -1;
        }
    }

    /// Begins a line at a position.
    pub fn new_line(&mut self, position: usize) {
        self.tokens[1] = self.tokens[0];
        self.tokens[0] = [(0, 0); FIELDS];
        self.tokens[0][0].1 = position;
        self.field = 0;
        self.starts.copy_within(0..3, 1);
        self.starts[0] = position;
        self.line = 0;
        self.first_word = 0;
        self.first_char = 0;
        self.above_run = 0;
    }

    /// Byte above the next one, 0 if the line above is shorter.
    #[must_use]
    pub fn above(&self, history: &[u8], rows: usize) -> u8 {
        let column = history.len() - self.starts[0];
        let at = self.starts[rows] + column;
        if at < self.starts[rows - 1] {
            history[at]
        } else {
            0
        }
    }

    /// Bytes since the start of the line.
    #[must_use]
    pub fn column(&self, history: &[u8]) -> usize {
        history.len() - self.starts[0]
    }

    /// Small numbers that select mixer weights: class history, word shape, line state.
    #[must_use]
    pub fn selectors(&self, history: &[u8]) -> [u32; 4] {
        let column = self.column(history);
        let above = self.above(history, 1);
        [
            self.mask & 0x1FF,
            (self.shape & 0xFF) | (self.word_length.min(3) << 8),
            (column.min(31) as u32)
                | (u32::from(self.above_run >= 0) << 5)
                | (u32::from(group(above) & 0x60) << 1),
            (self.word_length.min(15))
                | (u32::from(self.since_upper < self.word_length) << 4)
                | (u32::from(self.in_tag) << 5)
                | (u32::from(self.opened != 0) << 6),
        ]
    }

    /// The last three runs of classes.
    #[must_use]
    pub fn shape(&self) -> u64 {
        self.runs & 0xFF_FFFF
    }

    /// All runs of classes that are kept.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }
}
