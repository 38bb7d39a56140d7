//! Direct counters: a probability for each node of a few contexts, beside their bit histories.
//!
//! A bit history forgets; a counter that has seen all bits of a context knows the long run, which pays where a text
//! is long. A line of 16 cells holds the nodes of a nibble; there is no check, so contexts can share a line.

use crate::cm::content::hashing::fold;
use crate::cm::tables::{Tables, CELL_HALF};
use crate::memory::Memory;
use crate::Result;

/// Contexts at most.
pub const MAX: usize = 8;
/// Mixer inputs of a context.
pub const INPUTS: usize = 2;
/// Cells of a line.
const CELLS: usize = 16;
/// Counters average over up to this many bits.
const LIMIT: u32 = 1023;

/// Logarithm of the lines of a context, from that of the number of symbols: 128 MiB for all at most.
#[must_use]
pub fn log2_lines(log2_size: u32) -> u32 {
    (log2_size - 2).clamp(8, 18)
}

/// Memory in bytes of `count` contexts.
#[must_use]
pub fn memory_bytes(count: usize, log2_size: u32) -> u64 {
    (count as u64 * 4 * CELLS as u64) << log2_lines(log2_size)
}

/// Where the contexts of the next byte of a lane are in the lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines {
    hashes: [u64; MAX],
    /// First cell of the line of each context.
    first: [usize; MAX],
}

/// The counters of some contexts.
#[derive(Debug)]
pub struct Direct {
    count: usize,
    log2_lines: u32,
    /// Adaptive probabilities, xor [`CELL_HALF`]: memory that is zero needs no writing.
    cells: Memory<u32>,
    lines: Lines,
    /// The cell of the node of each context.
    node: [usize; MAX],
}

impl Direct {
    /// Starts `count` contexts with `1 << log2_lines` lines each, perhaps in the cells of others of the same sizes.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(count: usize, log2_lines: u32, cells: Option<Memory<u32>>) -> Result<Self> {
        assert!(count <= MAX, "more contexts than there is room for");
        Ok(Self {
            count,
            log2_lines,
            cells: match cells {
                Some(cells) => cells,
                None => Memory::new((CELLS * count) << log2_lines)?,
            },
            lines: Lines::default(),
            node: [0; MAX],
        })
    }

    /// Its cells, for the next one.
    #[must_use]
    pub fn into_cells(mut self) -> Memory<u32> {
        self.cells.values().fill(0);
        self.cells
    }

    /// Sets the contexts of the next byte of a lane: those of `hashes` that `chosen` tells.
    #[inline(always)]
    pub fn set(&self, lines: &mut Lines, hashes: &[u64], chosen: &[usize]) {
        for (hash, &from) in lines.hashes.iter_mut().zip(chosen) {
            *hash = hashes[from];
        }
        self.find(lines, 1);
    }

    /// Begins a byte.
    #[inline(always)]
    pub fn start_byte(&mut self, lines: &Lines) {
        self.lines = *lines;
    }

    /// Goes on to the next nibble, after the bits in `partial`.
    #[inline(always)]
    pub fn start_nibble(&mut self, partial: u32) {
        let mut lines = self.lines;
        self.find(&mut lines, partial);
        self.lines = lines;
    }

    /// Asks for the lines of the nibble after the bits in `partial`.
    #[inline(always)]
    fn find(&self, lines: &mut Lines, partial: u32) {
        for i in 0..self.count {
            let hash =
                fold(lines.hashes[i], u64::from(partial)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let line = i << self.log2_lines | (hash >> (64 - self.log2_lines)) as usize;
            lines.first[i] = line * CELLS;
            super::simd::prefetch_row(self.cells.get(), lines.first[i], CELLS);
        }
    }

    /// Writes the inputs for the next bit.
    #[inline(always)]
    pub fn mix(&mut self, bit_position: u32, partial: u32, out: &mut [i16], tables: &Tables) {
        // The bits of the nibble so far after a leading one
        let first = 1 << (bit_position & 3);
        let node = (first | partial & (first - 1)) as usize;
        let cells = self.cells.get();
        for (i, out) in out.chunks_exact_mut(INPUTS).enumerate().take(self.count) {
            self.node[i] = self.lines.first[i] + node;
            let p = (cells[self.node[i]] ^ CELL_HALF) >> 10;
            out[0] = tables.stretch22(p) as i16;
            out[1] = ((p as i32 - (1 << 21)) >> 11) as i16;
        }
    }

    /// Learns a bit: `target` is 0 or 2^22 - 1.
    #[inline(always)]
    pub fn update(&mut self, target: i32, tables: &Tables) {
        let cells = self.cells.values();
        for &node in &self.node[..self.count] {
            let mut cell = cells[node] ^ CELL_HALF;
            tables.adapt(&mut cell, target, LIMIT);
            cells[node] = cell ^ CELL_HALF;
        }
    }
}
