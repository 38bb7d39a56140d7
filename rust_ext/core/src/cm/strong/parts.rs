//! The memory of predictors of short text that have done their work, for the next ones.
//!
//! It goes back to what it was at the start, before anything that was learnt elsewhere is taken: so nothing of one
//! message is known to the next one.

use super::contextmap;
use super::direct;
use super::plan::{log2_size, log2_table};
use super::predictor::Strong;
use crate::cm::content::text::Seen;
use crate::cm::tables::CELL_HALF;
use crate::cm::Kind;
use crate::memory::Memory;

/// Logarithm of the largest table of contexts that is kept: that of messages of 8 KiB.
const LOG2_MOST: u32 = 20;

/// Logarithms of the table of contexts and of the lines of direct counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    table: u32,
    lines: u32,
}

impl Sizes {
    /// Those for so many symbols of text.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            table: log2_table(count, Kind::Text),
            lines: direct::log2_lines(log2_size(count)),
        }
    }
}

/// The memory of a predictor of text.
#[derive(Debug)]
pub struct Parts {
    /// Of which it is.
    pub sizes: Sizes,
    /// Of the contexts.
    pub contexts: contextmap::Parts,
    /// Of order 1, all one half.
    pub order1: Vec<u32>,
    /// Of direct counters, zeros.
    pub direct: Memory<u32>,
    /// What was seen of a text: nothing.
    pub seen: Seen,
}

impl Parts {
    /// Memory in bytes of the largest ones.
    pub const BYTES: usize = (1 << LOG2_MOST)
        + contextmap::Parts::FIXED_BYTES
        + (4 << 16)
        + direct::MAX * (64 << (LOG2_MOST - 9))
        + Seen::BYTES;

    /// Memory in bytes of these.
    #[cfg(test)]
    #[must_use]
    pub fn bytes(&self) -> usize {
        let cells = size_of_val(&self.order1[..]) + size_of_val(self.direct.get());
        self.contexts.bytes() + cells + self.seen.bytes()
    }
}

impl Strong<'_> {
    /// Ends; the memory is kept for the next predictor beside the same network, where that pays.
    pub fn retire(mut self) {
        let shared = self.shared;
        let Some(home) = shared.home else {
            return;
        };
        let sizes = Sizes::new(shared.history.get().len());
        let (Some(lane), true) = (self.lanes.pop(), self.lanes.is_empty()) else {
            return;
        };
        if sizes.table > LOG2_MOST {
            return;
        }
        let Some(seen) = lane.content.into_seen() else {
            return;
        };
        let mut order1 = shared.order1;
        // Only rows of bytes that came before a bit were used.
        let mut came = [false; 256];
        came[0] = true;
        for &byte in &shared.history.get()[..lane.position] {
            came[usize::from(byte)] = true;
        }
        for (row, came) in order1.as_chunks_mut::<256>().0.iter_mut().zip(came) {
            if came {
                row.fill(CELL_HALF);
            }
        }
        home.put(Parts {
            sizes,
            contexts: shared.contexts.into_parts(),
            order1,
            direct: shared.direct.into_cells(),
            seen,
        });
    }
}
