//! Bilevel images: one bit is one pixel, predicted from templates of neighbouring pixels.

use super::states::StateTable;
use crate::cm::content::hashing::hash;
use crate::cm::tables::{Tables, CELL_HALF};
use crate::memory::Memory;
use crate::Result;

/// Byte contexts that [`Bilevel::contexts`] makes.
pub const CONTEXTS: usize = 8;
/// Mixer inputs of the templates.
pub const INPUTS: usize = TEMPLATES.len() * 3;

const ROWS: usize = 9;

/// Pixels of a template: the number left of the pixel, then `(row above, first, last)` relative to its column.
pub type Template = (u32, &'static [(usize, i32, i32)]);

pub const TEMPLATES: [Template; 14] = [
    (4, &[(1, -3, 3), (2, -2, 2)]),
    (6, &[(1, -4, 4), (2, -3, 3)]),
    (8, &[(1, -5, 5), (2, -4, 4), (3, -1, 1)]),
    (12, &[(1, -2, 6)]),
    (
        2,
        &[(1, -1, 1), (2, -1, 1), (3, -1, 1), (4, -1, 1), (5, -1, 1)],
    ),
    (3, &[(1, -2, 2), (2, -2, 2), (3, -2, 2), (4, -1, 1)]),
    (16, &[(1, -1, 1)]),
    (1, &[(1, -8, 8)]),
    (
        4,
        &[
            (1, -1, 1),
            (2, -1, 1),
            (3, 0, 0),
            (4, 0, 0),
            (5, 0, 0),
            (6, 0, 0),
            (7, 0, 0),
            (8, 0, 0),
        ],
    ),
    (10, &[(1, -7, 7)]),
    (10, &[(1, -7, 7), (2, -5, 5), (3, -3, 3)]),
    (5, &[(1, -4, 4), (2, -4, 4), (3, -3, 3), (4, -2, 2)]),
    (24, &[(1, -12, 12)]),
    (3, &[(1, -1, 3), (2, 0, 4), (3, 1, 5), (4, 2, 6)]),
];

/// Logarithm of the cells of a template, from that of the number of symbols.
#[must_use]
pub fn log2_cells(log2_size: u32) -> u32 {
    (log2_size + 2).clamp(12, 21)
}

/// Template statistics of an image whose rows are whole bytes.
#[derive(Debug, Clone)]
pub struct Bilevel {
    /// Bytes in a row.
    width: usize,
    /// Eight bytes of each row around the current byte; row 0 is the current one, ending in the current bit.
    rows: [u64; ROWS],
    bit_position: u32,
    log2_cells: u32,
    cells: Memory<u32>,
    histories: Vec<u8>,
    state_cells: Vec<[u32; 256]>,
    at: [usize; TEMPLATES.len()],
}

impl Bilevel {
    /// Starts an image with `width` bytes in a row and `1 << log2_cells` cells for each template.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(width: usize, log2_cells: u32) -> Result<Self> {
        let size = TEMPLATES.len() << log2_cells;
        Ok(Self {
            width: width.max(1),
            log2_cells,
            rows: [0; ROWS],
            bit_position: 0,
            cells: Memory::rows(&[CELL_HALF], size)?,
            histories: vec![0; size],
            state_cells: vec![[CELL_HALF; 256]; TEMPLATES.len()],
            at: [0; TEMPLATES.len()],
        })
    }

    /// Learns the last byte of `history`.
    pub fn update(&mut self, history: &[u8]) {
        let n = history.len();
        let byte = |i: Option<usize>| i.and_then(|i| history.get(i)).copied().unwrap_or(0);
        for (k, row) in self.rows.iter_mut().enumerate().skip(1) {
            *row = (0..8).fold(0, |v, j| {
                v << 8 | u64::from(byte((n + j).checked_sub(k * self.width + 4)))
            });
        }
    }

    /// Pixels `first..=last` relative to the next one, in a row above.
    #[inline(always)]
    fn pixels(&self, row: usize, first: i32, last: i32) -> u64 {
        (self.rows[row] >> (31 - self.bit_position as i32 - last)) & ((1 << (last - first + 1)) - 1)
    }

    /// Learns the bit that came.
    #[inline(always)]
    pub fn update_bit(&mut self, bit: u32, states: &StateTable, tables: &Tables) {
        let target = ((bit << 22) - bit) as i32;
        let cells = self.cells.values();
        for (k, &at) in self.at.iter().enumerate() {
            let state = self.histories[at];
            tables.adapt(&mut self.state_cells[k][usize::from(state)], target, 1023);
            self.histories[at] = states.next(state, bit, 0);
            tables.adapt(&mut cells[at], target, 255);
        }
        self.rows[0] = self.rows[0] << 1 | u64::from(bit);
    }

    /// Looks the templates up for the next bit.
    #[inline(always)]
    pub fn select(&mut self, bit_position: u32) -> [u32; 4] {
        self.bit_position = bit_position;
        for (k, (left, parts)) in TEMPLATES.iter().enumerate() {
            let mut value = self.rows[0] & ((1 << left) - 1);
            for &(row, first, last) in *parts {
                value = value << (last - first + 1) | self.pixels(row, first, last);
            }
            let h = hash([value, k as u64]);
            self.at[k] = (k << self.log2_cells) | (h >> (64 - self.log2_cells)) as usize;
        }
        let left = self.rows[0] as u32;
        [
            (left & 7) << 6 | (self.pixels(1, -2, 2) << 1 | self.pixels(2, 0, 0)) as u32,
            (left & 31) << 5 | self.pixels(1, -2, 2) as u32,
            (left & 1) << 7
                | (self.pixels(1, -1, 1) << 4 | self.pixels(2, -1, 1) << 1 | self.pixels(3, 0, 0))
                    as u32,
            self.pixels(1, -3, 3) as u32,
        ]
    }

    /// Writes the inputs for the next bit.
    #[inline(always)]
    pub fn mix(&self, out: &mut [i16], tables: &Tables) {
        let cells = self.cells.get();
        for (k, (&at, out)) in self.at.iter().zip(out.chunks_exact_mut(3)).enumerate() {
            let p = cells[at] >> 10;
            out[0] = tables.stretch22(p) as i16;
            out[1] = ((p as i32 - (1 << 21)) >> 11) as i16;
            let state = self.histories[at];
            let p = self.state_cells[k][usize::from(state)] >> 10;
            out[2] = if state == 0 {
                0
            } else {
                tables.stretch22(p) as i16
            };
        }
    }

    /// Writes the hashes of the byte contexts of the next byte.
    pub fn contexts(&self, history: &[u8], out: &mut Vec<u64>) {
        let n = history.len();
        let back = |k: usize| {
            n.checked_sub(k)
                .and_then(|i| history.get(i))
                .copied()
                .map_or(0, u64::from)
        };
        let w = self.width;
        let column = (n % w) as u64;
        out.push(hash([back(w), back(1), 1]));
        out.push(hash([back(w), back(2 * w), 2]));
        out.push(hash([back(w), back(2 * w), back(1), back(w - 1)]));
        out.push(hash([back(w), back(w - 1), back(w + 1), 3]));
        out.push(hash([column, back(w), 4]));
        out.push(hash([back(w), back(2 * w), back(3 * w), back(1)]));
        out.push(hash([back(w), back(w - 1), back(1), back(2)]));
        out.push(hash([column, 5]));
    }
}
