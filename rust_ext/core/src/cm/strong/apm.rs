//! Adaptive probability maps: a last correction of the mixed probability by small contexts.

use crate::cm::tables::{Tables, FINAL_MAX};
use crate::memory::Memory;
use crate::Result;

/// Distance of the buckets in the stretch domain: the whole range is a row of one cache line.
const STEP: usize = 410;
const BUCKETS: usize = 16;
const _: () = assert!(2 * FINAL_MAX as usize / STEP + 1 < BUCKETS);

/// A map from (context, stretched probability) to probability, interpolated between buckets.
#[derive(Debug)]
pub struct Apm {
    cells: Memory<u32>,
    row: usize,
    index: usize,
    limit: u32,
}

impl Apm {
    /// Creates the identity for `contexts` contexts.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(contexts: usize, limit: u32, tables: &Tables) -> Result<Self> {
        let row: Vec<u32> = (0..BUCKETS as i32)
            .map(|i| (tables.squash22(i * STEP as i32 - FINAL_MAX) << 10) | 6)
            .collect();
        Ok(Self {
            cells: Memory::rows(&row, contexts)?,
            row: 0,
            index: 0,
            limit,
        })
    }

    /// Selects a context and asks for the cache lines of its row.
    #[inline(always)]
    pub fn select(&mut self, context: usize) {
        self.row = context * BUCKETS;
        super::simd::prefetch_row(self.cells.get(), self.row, BUCKETS);
    }

    /// Refines `d` (stretch domain, Q8) in the selected context; returns 22 bits.
    #[inline(always)]
    pub fn refine(&mut self, d: i32) -> u32 {
        let at = (d.clamp(-FINAL_MAX, FINAL_MAX) + FINAL_MAX) as usize;
        let low = self.row + at / STEP;
        let share = (at % STEP) as u32;
        self.index = low + usize::from(share >= STEP as u32 / 2);
        let cells = self.cells.get();
        let (a, b) = (cells[low] >> 10, cells[low + 1] >> 10);
        (a * (STEP as u32 - share) + b * share) / STEP as u32
    }

    /// Learns `target` (0 or 2^22 - 1) in the nearer bucket.
    #[inline(always)]
    pub fn update(&mut self, target: i32, tables: &Tables) {
        tables.adapt(&mut self.cells.values()[self.index], target, self.limit);
    }
}
