//! Contexts of binary data: records of a fixed width, sparse and indirect contexts, machine code.

use super::hashing::{fold, hash};

/// Number of contexts that [`Binary::contexts`] makes.
pub const CONTEXTS: usize = 56;

/// What is known of binary data so far.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Record width in bytes, at least 1.
    width: usize,
    /// Distance of like records, at least 1.
    row: usize,
    /// Which of the last bytes were as the byte above, and as that of the like record.
    hits: [u32; 2],
    by_byte: Vec<u32>,
    by_pair: Vec<u32>,
    /// What followed (byte, byte above).
    by_above: Vec<u32>,
    /// Last position of each byte and pair.
    at_byte: Vec<u32>,
    at_pair: Vec<u32>,
    above_slot: usize,
    word: u64,
    last_word: u64,
    /// Which of the last bytes were zero, and equal to the byte four before.
    zeros: u32,
    kinds: u32,
}

impl Binary {
    /// Starts data with records of `width` bytes.
    #[must_use]
    pub fn new(width: usize, row: usize) -> Self {
        Self {
            width: width.max(1),
            row: row.max(1),
            hits: [0; 2],
            by_byte: vec![0; 256],
            by_pair: vec![0; 1 << 16],
            by_above: vec![0; 1 << 16],
            at_byte: vec![0; 256],
            at_pair: vec![0; 1 << 16],
            above_slot: 0,
            word: 0,
            last_word: 0,
            zeros: 0,
            kinds: 0,
        }
    }

    fn back(history: &[u8], k: usize) -> u8 {
        history
            .len()
            .checked_sub(k)
            .and_then(|i| history.get(i))
            .copied()
            .unwrap_or(0)
    }

    /// Learns the last byte of `history`.
    pub fn update(&mut self, history: &[u8]) {
        let n = history.len();
        let [c1, c2, c3] = [1, 2, 3].map(|k| Self::back(history, k));
        for (hits, distance) in self.hits.iter_mut().zip([self.width, self.row]) {
            *hits = *hits << 1 | u32::from(c1 == Self::back(history, distance + 1));
        }
        let push = |slot: &mut u32| *slot = (*slot << 8) | u32::from(c1);
        push(&mut self.by_byte[usize::from(c2)]);
        push(&mut self.by_pair[usize::from(c3) << 8 | usize::from(c2)]);
        push(&mut self.by_above[self.above_slot]);
        self.above_slot = usize::from(c1) << 8 | usize::from(Self::back(history, self.width));
        self.at_byte[usize::from(c1)] = n as u32;
        self.at_pair[usize::from(c2) << 8 | usize::from(c1)] = n as u32;
        self.zeros =
            (self.zeros << 2) | u32::from(c1 == 0) | u32::from(c1 == Self::back(history, 5)) << 1;
        let kind = match c1 {
            0 => 0,
            1..=15 => 1,
            16..=31 => 2,
            32..=47 => 3,
            48..=57 => 4,
            58..=127 => 5,
            128..=254 => 6,
            255 => 7,
        };
        self.kinds = (self.kinds << 3) | kind;
        if c1.is_ascii_alphanumeric() || c1 >= 192 {
            self.word = fold(self.word, u64::from(c1.to_ascii_lowercase()));
        } else if self.word != 0 {
            self.last_word = self.word;
            self.word = 0;
        }
    }

    /// Byte above the next one and the one before it.
    #[must_use]
    pub fn above(&self, history: &[u8]) -> u8 {
        Self::back(history, self.width)
    }

    /// Column of the next byte.
    #[must_use]
    pub fn column(&self, history: &[u8]) -> usize {
        history.len() % self.width
    }

    /// How the bytes above and in the like record have fared: whether the last three were right, whether they agree
    /// with the bits of this byte so far, and their next bits. 10 bits.
    #[inline(always)]
    #[must_use]
    pub fn agreement(&self, history: &[u8], bit_position: u32, partial: u32) -> u32 {
        let guesses = [self.width, self.row].map(|distance| Self::back(history, distance));
        let mut result = (self.hits[0] & 7) << 3 | (self.hits[1] & 7);
        for byte in guesses.map(u32::from) {
            let agrees = (byte | 256) >> (8 - bit_position) == partial;
            result = result << 1 | u32::from(agrees);
        }
        for byte in guesses.map(u32::from) {
            result = result << 1 | (byte >> (7 - bit_position) & 1);
        }
        result
    }

    /// Small numbers that select mixer weights.
    #[must_use]
    pub fn selectors(&self, history: &[u8]) -> [u32; 4] {
        let n = history.len();
        let column = self.column(history);
        let coarse = if self.width <= 256 {
            column
        } else {
            column * 256 / self.width
        };
        [
            self.kinds & 0x1FF,
            (self.zeros & 0xFF) | ((n as u32 & 3) << 8),
            coarse as u32,
            u32::from(self.above(history)),
        ]
    }

    /// Writes the hashes of the contexts of the next byte.
    #[allow(clippy::too_many_lines)] // a list
    pub fn contexts(&self, history: &[u8], out: &mut Vec<u64>) {
        let n = history.len();
        let start = out.len();
        let at = |k: usize| u64::from(Self::back(history, k));
        let (c1, c2, c3, c4) = (at(1), at(2), at(3), at(4));
        let w = self.width;
        let column = (n % w) as u64;
        let (above, above2, above3) = (at(w), at(2 * w), at(3 * w));
        let corner = at(w + 1);
        let next = at(w - 1);
        let gap = |position: u32| n as u64 - u64::from(position);
        let byte_gap = gap(self.at_byte[c1 as usize]).min(255);
        let pair_gap = u64::from((gap(self.at_pair[(c2 << 8 | c1) as usize]) + 1).ilog2());
        // sparse
        out.push(hash([c2, 1]));
        out.push(hash([c3, 2]));
        out.push(hash([c1, c4, 5]));
        out.push(hash([c2, c3, 6]));
        out.push(hash([c3, c4, 7]));
        out.push(hash([c1, at(5), 9]));
        out.push(hash([c4, at(8), 11]));
        out.push(hash([at(5), at(6), 12]));
        out.push(hash([c1 & 0xF0, c2 & 0xF0, c3 & 0xF0, c4 & 0xF0, 16]));
        out.push(hash([c1 & 0xF8, c2 & 0xF8, c3 & 0xF8, 17]));
        out.push(hash([u64::from(self.zeros & 0xFFFF), 18]));
        out.push(hash([u64::from(self.kinds & 0xFFFF), 19]));
        // records
        out.push(hash([c1, column, 22]));
        out.push(hash([column, 23]));
        out.push(hash([above, above2, column, 27]));
        out.push(hash([above, above2 & 0xF0, above3 & 0xE0, column & 0xF]));
        out.push(hash([above, c1 ^ corner, 28]));
        out.push(hash([(c1 + above).wrapping_sub(corner) & 255, 30]));
        out.push(hash([(2 * above).wrapping_sub(above2) & 255, column, 32]));
        out.push(hash([above, next, c1, 33]));
        out.push(hash([c1, c2, column, 34]));
        // distances
        out.push(hash([c1, byte_gap, 36]));
        out.push(hash([c1, c2, pair_gap, 51]));
        // indirect
        let by_byte = u64::from(self.by_byte[c1 as usize]);
        let by_pair = u64::from(self.by_pair[(c2 << 8 | c1) as usize]);
        let by_above = u64::from(self.by_above[self.above_slot]);
        out.push(hash([by_byte & 0xFF_FFFF, c1, 37]));
        out.push(hash([by_byte & 0xFF, c1, 39]));
        out.push(hash([by_pair & 0xFFFF, c1, 40]));
        out.push(hash([by_pair & 0xFFFF, c1, c2, 41]));
        out.push(hash([by_pair & 0xFF, 42]));
        out.push(hash([by_above & 0xFFFF, c1, 45]));
        // text in binaries
        out.push(hash([self.word, c1, 46]));
        out.push(hash([self.word, self.last_word, 47]));
        // code: opcode-like masks
        out.push(hash([c1 & 0xF8, c2, c3 & 0xC0, 48]));
        out.push(hash([c1, c2 & 0xF8, c3, 49]));
        // words of two bytes, as far as they are whole
        let odd = if n % 2 == 1 { c1 } else { 256 };
        let pair = |k: usize| at(k) | at(k + 1) << 8;
        let words = [0, 2, 4].map(|k| pair(k + 1 + n % 2));
        out.push(hash([odd, words[0], words[1], 65]));
        out.push(hash([odd, words[1], 66]));
        out.push(hash([
            odd,
            words[0] & 0xF8C0,
            words[1] & 0xF8C0,
            words[2] & 0xF800,
            67,
        ]));
        // what followed, beside the byte above or each other
        out.push(hash([by_pair & 0xFF, above, 63]));
        out.push(hash([by_pair & 0xFF, by_byte & 0xFF, 69]));
        out.push(hash([c1, at(6), 72]));
        // classes of the last bytes
        out.push(hash([u64::from(self.kinds & 0xFF_FFFF), 75]));
        out.push(hash([u64::from(self.kinds & 0x3F), c2, c3, 77]));
        // like records
        let r = self.row;
        let (far, far2, far_next) = (at(r), at(2 * r), at(r - 1));
        out.push(hash([far, c1, 80]));
        out.push(hash([far, above, 81]));
        out.push(hash([far, far_next, c1, 82]));
        out.push(hash([far, far2, 83]));
        out.push(hash([far, above, c1, c2, 84]));
        out.push(hash([(c1 + far).wrapping_sub(at(r + 1)) & 255, 85]));
        // and how the bytes at both distances have fared
        let [hits, far_hits] = self.hits.map(u64::from);
        out.push(hash([far, above, hits & 15, far_hits & 15, 86]));
        out.push(hash([far, column, far_hits & 7, 87]));
        out.push(hash([hits & 0xFFF, far_hits & 0xFFF, above, 94]));
        out.push(hash([hits & 0xFF, far_hits & 0xFF, far, 98]));
        out.push(hash([hits & 0xFF, far_hits & 0xFF, c1, above, 99]));
        out.push(hash([hits & 15, far_hits & 15, column, above, far, 100]));
        // for predictors with room for them
        out.push(hash([c2, c4, 102]));
        out.push(hash([odd, words[0], words[2], 112]));
        out.push(hash([above, above2, c1, 115]));
        debug_assert_eq!(out.len() - start, CONTEXTS);
    }
}
