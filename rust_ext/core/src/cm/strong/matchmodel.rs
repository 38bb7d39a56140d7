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
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
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

/// Knows where contexts of at least `min_length` bytes were last seen, and how far to trust what followed them.
#[derive(Debug)]
pub struct MatchModel {
    min_length: usize,
    /// What the byte that leaves the hash was multiplied by.
    leaving_step: u64,
    /// Where the bytes of a hash were last seen.
    heads: Vec<u32>,
    shift: u32,
    cells: Vec<u32>,
    byte_cells: Vec<u32>,
}

/// Follows the last occurrence of what a lane ends with.
#[derive(Debug, Clone, Default)]
pub struct Match {
    /// Where the lane begins.
    first: usize,
    /// Polynomial hash of the last `min_length` bytes, and its place in the heads.
    hash: u64,
    head: usize,
    /// Position of the expected byte in the history; 0 if there is none.
    pointer: usize,
    /// Verified length, 0 after a mismatch.
    length: u32,
    /// One bit for each recent byte: mispredicted.
    misses: u32,
    expected: u32,
    /// The bits of this byte so far agree with the expected byte.
    agrees: bool,
    cell: usize,
    byte_cell: usize,
}

impl Match {
    /// Follows nothing yet, in a lane that begins at a position.
    #[must_use]
    pub fn new(first: usize) -> Self {
        Self {
            first,
            ..Self::default()
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

    /// The expected byte, if there is one that agrees so far.
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
}

impl MatchModel {
    /// Creates a match model with `1 << log2` hash heads.
    #[must_use]
    pub fn new(min_length: usize, log2: u32) -> Self {
        Self {
            min_length,
            leaving_step: (0..min_length).fold(1, |power: u64, _| power.wrapping_mul(HASH_STEP)),
            heads: vec![0; 1 << log2],
            shift: 64 - log2,
            cells: vec![CELL_HALF; 32 * 16 * 2 + 1],
            byte_cells: vec![CELL_HALF; 256 * 8 * 4],
        }
    }

    /// Learns `bit` of the current byte.
    pub fn update_bit(&mut self, at: &mut Match, bit: u32, bit_position: u32, tables: &Tables) {
        let target = ((bit << 22) - bit) as i32;
        if at.agrees {
            let right = bit == (at.expected >> (7 - bit_position)) & 1;
            let hit = i32::from(right) * ((1 << 22) - 1);
            tables.adapt(&mut self.cells[at.cell], hit, 1023);
            tables.adapt(&mut self.byte_cells[at.byte_cell], target, 1023);
            at.agrees = right;
        }
    }

    /// Hashes the last byte of `history` in and asks for the cache line of its head; call before `end_byte`.
    #[inline(always)]
    pub fn start_byte(&mut self, at: &mut Match, history: &[u8]) {
        let (n, last) = (history.len(), self.min_length + 1);
        // What followed the bytes before is known only now: other lanes may go there.
        if n - at.first >= last {
            self.heads[at.head] = n as u32 - 1;
        }
        let leaving = if n - at.first >= last {
            u64::from(history[n - last]) + 1
        } else {
            0
        };
        at.hash = at
            .hash
            .wrapping_mul(HASH_STEP)
            .wrapping_add(u64::from(history[n - 1]) + 1)
            .wrapping_sub(leaving.wrapping_mul(self.leaving_step));
        at.head = (at.hash.wrapping_mul(HASH_MIX) >> self.shift) as usize;
        super::simd::prefetch_row(&self.heads, at.head, 1);
    }

    /// Ends a byte: advances the pointer or looks for a new match in `history`, of which `n` bytes end with the new
    /// one.
    pub fn end_byte(&self, at: &mut Match, history: &[u8], n: usize) {
        if at.pointer != 0 {
            let right = history[at.pointer] == history[n - 1];
            at.misses = (at.misses << 1) | u32::from(!right);
            at.length = if right {
                (at.length + 1).min(MAX_LENGTH)
            } else {
                0
            };
            at.pointer += 1;
            // Other lanes may have ended.
            if (at.misses & 0xFF).count_ones() >= MAX_MISSES || at.pointer >= history.len() {
                at.pointer = 0;
            }
        }
        at.agrees = false;
        if n - at.first < self.min_length {
            return;
        }
        if at.pointer == 0 || at.length < self.min_length as u32 {
            let candidate = self.heads[at.head] as usize;
            if candidate != 0 {
                let length = agreement(&history[..candidate], &history[..n]);
                if length >= self.min_length as u32 {
                    at.pointer = candidate;
                    at.length = length;
                    at.misses = 0;
                }
            }
        }
        if at.pointer != 0 {
            at.expected = u32::from(history[at.pointer]);
            at.agrees = true;
        }
    }

    /// Writes the inputs for the next bit.
    pub fn mix(&self, at: &mut Match, bit_position: u32, out: &mut [i16], tables: &Tables) {
        if !at.agrees {
            out[..INPUTS].fill(0);
            return;
        }
        let bit = (at.expected >> (7 - bit_position)) & 1;
        let sign = if bit == 1 { 1 } else { -1 };
        let recent = (at.misses & 0xF).count_ones().min(3) + 4 * u32::from(at.misses & 0xF0 != 0);
        at.cell = ((at.length_class() * 8 + recent) * 2 + u32::from(bit_position == 0)) as usize;
        at.byte_cell =
            ((at.expected << 5) | ((at.length_class() / 8).min(3) << 3) | bit_position) as usize;
        let p = self.cells[at.cell] >> 10;
        out[0] = (sign * tables.stretch22(p)) as i16;
        out[1] = (sign * ((p as i32 - (1 << 21)) >> 10)) as i16;
        let p = self.byte_cells[at.byte_cell] >> 10;
        out[2] = tables.stretch22(p) as i16;
        out[3] = if at.length == 0 {
            0
        } else {
            (sign * (at.length.min(32) << 5) as i32) as i16
        };
    }
}
