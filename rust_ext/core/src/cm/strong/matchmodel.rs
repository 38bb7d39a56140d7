//! Match models: the byte that followed the last occurrence of a long context.

use crate::cm::tables::{Tables, CELL_HALF};

/// Mixer inputs of one match model.
pub const INPUTS: usize = 4;
const MAX_LENGTH: u32 = 400;
/// Mismatches in the last eight bytes after which a match is given up.
const MAX_MISSES: u32 = 8;

/// Base of the polynomial hash, and what spreads it over the heads: any odd numbers.
const HASH_STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const HASH_MIX: u64 = 0xD6E8_FEB8_6659_FD93;

/// How many bytes the ends of two strings have in common, up to [`MAX_LENGTH`].
fn agreement(a: &[u8], b: &[u8]) -> u32 {
    let (mut words_a, mut words_b) = (a.rchunks_exact(8), b.rchunks_exact(8));
    let mut length = 0;
    while length < MAX_LENGTH {
        let (Some(a), Some(b)) = (words_a.next(), words_b.next()) else {
            let rest = words_a.remainder().iter().rev();
            let same = rest.zip(b[..b.len() - length as usize].iter().rev());
            return length + same.take_while(|(a, b)| a == b).count() as u32;
        };
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let differing = word(a) ^ word(b);
        if differing != 0 {
            return length + differing.leading_zeros() / 8;
        }
        length += 8;
    }
    MAX_LENGTH
}

/// Follows the last occurrence of a context of at least `min_length` bytes.
#[derive(Debug)]
pub struct MatchModel {
    min_length: usize,
    /// Polynomial hash of the last `min_length` bytes.
    hash: u64,
    /// What the byte that leaves the hash was multiplied by.
    leaving_step: u64,
    /// Place of that hash in the heads, which tell where the bytes were last seen.
    head: usize,
    heads: Vec<u32>,
    shift: u32,
    /// Position of the expected byte in the history; 0 if there is none.
    pointer: usize,
    /// Verified length, 0 after a mismatch.
    pub length: u32,
    /// One bit for each recent byte: mispredicted.
    misses: u32,
    expected: u32,
    /// The bits of this byte so far agree with the expected byte.
    agrees: bool,
    cells: Vec<u32>,
    byte_cells: Vec<u32>,
    cell: usize,
    byte_cell: usize,
}

impl MatchModel {
    /// Creates a match model with `1 << log2` hash heads.
    #[must_use]
    pub fn new(min_length: usize, log2: u32) -> Self {
        Self {
            min_length,
            hash: 0,
            leaving_step: (0..min_length).fold(1, |power: u64, _| power.wrapping_mul(HASH_STEP)),
            head: 0,
            heads: vec![0; 1 << log2],
            shift: 64 - log2,
            pointer: 0,
            length: 0,
            misses: 0,
            expected: 0,
            agrees: false,
            cells: vec![CELL_HALF; 32 * 16 * 2 + 1],
            byte_cells: vec![CELL_HALF; 256 * 8 * 4],
            cell: 32 * 16 * 2,
            byte_cell: 0,
        }
    }

    /// Quantized length, 0 if no match.
    fn length_class(&self) -> u32 {
        match self.length {
            0 => 0,
            n @ 1..=15 => n,
            n @ 16..=31 => 12 + n / 4,
            n @ 32..=63 => 16 + n / 8,
            n @ 64..=255 => 23 + n / 64,
            256..=399 => 27,
            _ => 28,
        }
    }

    /// The expected byte, if the match model has one that agrees so far.
    #[must_use]
    pub fn expected_byte(&self) -> Option<u8> {
        (self.pointer != 0 && self.agrees).then_some(self.expected as u8)
    }

    /// State for selecting weights: 0 none, else by length and recent misses, `1..16`.
    #[must_use]
    pub fn state(&self) -> u32 {
        if self.pointer == 0 || !self.agrees {
            return 0;
        }
        let recent = (self.misses & 0xFF).count_ones().min(3);
        1 + match self.length {
            0 => recent.min(2),
            1..=7 => 3 + recent.min(1),
            8..=15 => 5 + recent.min(1),
            16..=23 => 7 + recent.min(1),
            24..=31 => 9,
            32..=63 => 10,
            64..=399 => 11 + recent.min(1),
            _ => 13,
        }
    }

    /// Learns `bit` of the current byte.
    pub fn update_bit(&mut self, bit: u32, bit_position: u32, tables: &Tables) {
        let target = ((bit << 22) - bit) as i32;
        if self.agrees {
            let right = bit == (self.expected >> (7 - bit_position)) & 1;
            let hit = i32::from(right) * ((1 << 22) - 1);
            tables.adapt(&mut self.cells[self.cell], hit, 1023);
            tables.adapt(&mut self.byte_cells[self.byte_cell], target, 1023);
            self.agrees = right;
        }
    }

    /// Hashes the last byte of `history` in and asks for the cache line of its head; call before `end_byte`.
    #[inline(always)]
    pub fn start_byte(&mut self, history: &[u8]) {
        let n = history.len();
        let leaving = n
            .checked_sub(self.min_length + 1)
            .map_or(0, |i| u64::from(history[i]) + 1);
        self.hash = self
            .hash
            .wrapping_mul(HASH_STEP)
            .wrapping_add(u64::from(history[n - 1]) + 1)
            .wrapping_sub(leaving.wrapping_mul(self.leaving_step));
        self.head = (self.hash.wrapping_mul(HASH_MIX) >> self.shift) as usize;
        super::simd::prefetch_row(&self.heads, self.head, 1);
    }

    /// Ends a byte: advances the pointer or looks for a new match in `history`, whose last byte is the new one.
    pub fn end_byte(&mut self, history: &[u8]) {
        let n = history.len();
        if self.pointer != 0 {
            let right = history[self.pointer] == history[n - 1];
            self.misses = (self.misses << 1) | u32::from(!right);
            self.length = if right {
                (self.length + 1).min(MAX_LENGTH)
            } else {
                0
            };
            self.pointer += 1;
            if (self.misses & 0xFF).count_ones() >= MAX_MISSES {
                self.pointer = 0;
            }
        }
        self.agrees = false;
        if n < self.min_length {
            return;
        }
        let head = self.head;
        if self.pointer == 0 || self.length < self.min_length as u32 {
            let candidate = self.heads[head] as usize;
            if candidate != 0 {
                let length = agreement(&history[..candidate], history);
                if length >= self.min_length as u32 {
                    self.pointer = candidate;
                    self.length = length;
                    self.misses = 0;
                }
            }
        }
        self.heads[head] = n as u32;
        if self.pointer != 0 {
            self.expected = u32::from(history[self.pointer]);
            self.agrees = true;
        }
    }

    /// Writes the inputs for the next bit.
    pub fn mix(&mut self, bit_position: u32, out: &mut [i16], tables: &Tables) {
        if !self.agrees {
            out[..INPUTS].fill(0);
            return;
        }
        let bit = (self.expected >> (7 - bit_position)) & 1;
        let sign = if bit == 1 { 1 } else { -1 };
        let recent =
            (self.misses & 0xF).count_ones().min(3) + 4 * u32::from(self.misses & 0xF0 != 0);
        self.cell =
            ((self.length_class() * 8 + recent) * 2 + u32::from(bit_position == 0)) as usize;
        self.byte_cell = ((self.expected << 5)
            | ((self.length_class() / 8).min(3) << 3)
            | bit_position) as usize;
        let p = self.cells[self.cell] >> 10;
        out[0] = (sign * tables.stretch22(p)) as i16;
        out[1] = (sign * ((p as i32 - (1 << 21)) >> 10)) as i16;
        let p = self.byte_cells[self.byte_cell] >> 10;
        out[2] = tables.stretch22(p) as i16;
        out[3] = if self.length == 0 {
            0
        } else {
            (sign * (self.length.min(32) << 5) as i32) as i16
        };
    }
}
