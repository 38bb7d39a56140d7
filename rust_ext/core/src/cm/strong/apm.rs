//! Adaptive probability maps: a last correction of the mixed probability by small contexts.

use super::spare::Spare;
use crate::cm::tables::{Tables, FINAL_MAX};
use crate::memory::Memory;
use crate::Result;
use std::sync::Arc;

/// Distance of the buckets in the stretch domain: the whole range is a row of one cache line.
const STEP: usize = 410;
pub const BUCKETS: usize = 16;
const _: () = assert!(2 * FINAL_MAX as usize / STEP + 1 < BUCKETS);

/// Logarithm of the rows of a hashed map.
pub const LOG2_ROWS: u32 = 15;

/// The row of a hashed map for what a byte has in common, whose low bits are zero, and its bits so far.
#[inline(always)]
#[must_use]
pub fn row(base: u64, partial: u32) -> usize {
    let h = (base ^ u64::from(partial)).wrapping_mul(0x9FB2_1C65_1E98_DF25);
    (h >> (64 - LOG2_ROWS)) as usize
}

/// What a map makes of the probabilities in one context.
pub type Row = [u32; BUCKETS];

/// A row that returns its input.
#[must_use]
pub fn start(tables: &Tables) -> Row {
    std::array::from_fn(|i| (tables.squash22(place(i)) << 10) | 6)
}

/// Where an entry is in the stretch domain.
#[must_use]
pub fn place(entry: usize) -> i32 {
    (entry * STEP) as i32 - FINAL_MAX
}

/// Changes of entries after which a map no longer goes back to its start: those of some thousand bytes.
const MOST_CHANGES: usize = 1 << 15;

/// What a map starts from, and maps that start so.
#[derive(Debug)]
pub struct Start {
    /// Cells of some rows, by number.
    rows: Vec<(u32, Row)>,
    spare: Spare<Memory<u32>>,
}

impl Start {
    /// Takes rows that were learnt elsewhere, by number.
    #[must_use]
    pub fn new(rows: &[(u32, Row)], tables: &Tables) -> Arc<Self> {
        let start = start(tables);
        let cells = |row: &Row| std::array::from_fn(|i| row[i] ^ start[i]);
        Arc::new(Self {
            rows: rows.iter().map(|(at, row)| (*at, cells(row))).collect(),
            spare: Spare::default(),
        })
    }

    /// Cells of a map of so many contexts that starts so.
    fn cells(&self, contexts: usize) -> Result<Memory<u32>> {
        let count = contexts * BUCKETS;
        if let Some(cells) = self.spare.get(|cells| cells.get().len() == count) {
            return Ok(cells);
        }
        let mut memory = Memory::new(count)?;
        let (cells, _) = memory.values().as_chunks_mut::<BUCKETS>();
        for (at, row) in &self.rows {
            cells[*at as usize] = *row;
        }
        Ok(memory)
    }
}

/// What cells were before they changed, the latest last.
#[derive(Debug)]
struct Undo {
    changes: Vec<(u32, u32)>,
    start: Arc<Start>,
}

/// A map from (context, stretched probability) to probability, interpolated between buckets.
#[derive(Debug)]
pub struct Apm {
    /// Adaptive probabilities, xor those of the start: memory that is zero needs no writing.
    cells: Memory<u32>,
    start: Row,
    row: usize,
    index: usize,
    limit: u32,
    undo: Option<Undo>,
}

impl Apm {
    /// Creates the map of `contexts` contexts: the identity, or what was learnt elsewhere for as many.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(
        contexts: usize,
        limit: u32,
        tables: &Tables,
        learnt: Option<&Arc<Start>>,
    ) -> Result<Self> {
        let cells = match learnt {
            Some(learnt) => learnt.cells(contexts)?,
            None => Memory::new(contexts * BUCKETS)?,
        };
        Ok(Self {
            cells,
            start: start(tables),
            row: 0,
            index: 0,
            limit,
            undo: learnt.map(|learnt| Undo {
                changes: Vec::new(),
                start: Arc::clone(learnt),
            }),
        })
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        let (rows, _) = self.cells.get().as_chunks::<BUCKETS>();
        rows.iter().map(|row| self.changed(row))
    }

    fn changed(&self, row: &Row) -> Row {
        std::array::from_fn(|i| row[i] ^ self.start[i])
    }

    #[inline(always)]
    fn cell(&self, at: usize) -> u32 {
        self.cells.get()[at] ^ self.start[at % BUCKETS]
    }

    /// Notes that the cell at hand changes.
    #[cold]
    fn note(&mut self) {
        if let Some(undo) = &mut self.undo {
            let before = self.cells.get()[self.index];
            undo.changes.push((self.index as u32, before));
            if undo.changes.len() >= MOST_CHANGES {
                self.undo = None;
            }
        }
    }

    /// Goes on from another one.
    pub fn inherit(&mut self, other: &Self) {
        self.undo = None;
        self.cells.values().copy_from_slice(other.cells.get());
    }

    /// Selects a context and asks for the cache lines of its row.
    #[inline(always)]
    pub fn select(&mut self, context: usize) {
        self.ask(context);
        self.row = context * BUCKETS;
    }

    /// Asks for the cache lines of a context that may be selected.
    #[inline(always)]
    pub fn ask(&self, context: usize) {
        super::simd::prefetch_row(self.cells.get(), context * BUCKETS, BUCKETS);
    }

    /// Refines `d` (stretch domain, Q8) in the selected context; returns 22 bits.
    #[inline(always)]
    pub fn refine(&mut self, d: i32) -> u32 {
        let at = (d.clamp(-FINAL_MAX, FINAL_MAX) + FINAL_MAX) as usize;
        let low = self.row + at / STEP;
        let share = (at % STEP) as u32;
        self.index = low + usize::from(share >= STEP as u32 / 2);
        let (a, b) = (self.cell(low) >> 10, self.cell(low + 1) >> 10);
        (a * (STEP as u32 - share) + b * share) / STEP as u32
    }

    /// Learns `target` (0 or 2^22 - 1) in the nearer bucket.
    #[inline(always)]
    pub fn update(&mut self, target: i32, tables: &Tables) {
        if self.undo.is_some() {
            self.note();
        }
        let mut cell = self.cell(self.index);
        tables.adapt(&mut cell, target, self.limit);
        self.cells.values()[self.index] = cell ^ self.start[self.index % BUCKETS];
    }
}

impl Drop for Apm {
    fn drop(&mut self) {
        let Some(Undo { changes, start }) = self.undo.take() else {
            return;
        };
        for &(at, cell) in changes.iter().rev() {
            self.cells.values()[at as usize] = cell;
        }
        if let Ok(cells) = self.cells.take() {
            start.spare.put(cells);
        }
    }
}
