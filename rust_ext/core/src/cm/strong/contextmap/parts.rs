//! The larger memory of contexts, which serves one set of them after the other.

use super::{ContextMap, MAX, STATE_CELLS, VOTE_CELLS};
use crate::cm::tables::CELL_HALF;
use crate::memory::Memory;
use crate::Result;

/// What the counters of bit histories start from.
type Row = [u32; STATE_CELLS];
const NO_VOTES: [u32; VOTE_CELLS] = [CELL_HALF; VOTE_CELLS];

/// Counters of all contexts.
pub type Cells<const N: usize> = Box<[[u32; N]; MAX]>;

/// The larger memory of a set of contexts.
#[derive(Debug)]
pub struct Parts {
    /// Zeros.
    pub(super) table: Memory<u8>,
    /// Any values.
    pub(super) state_cells: Cells<STATE_CELLS>,
    pub(super) vote_cells: Cells<VOTE_CELLS>,
}

impl Parts {
    /// New memory, with a table of so many bytes, and `row` for each context.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(bytes: usize, row: &Row) -> Result<Self> {
        Ok(Self {
            table: Memory::new(bytes)?,
            state_cells: per_context(*row),
            vote_cells: per_context(NO_VOTES),
        })
    }

    /// The same again for so many contexts and polled ones.
    #[must_use]
    pub fn renewed(mut self, row: &Row, (count, polled): (usize, usize)) -> Self {
        self.state_cells[..count].fill(*row);
        self.vote_cells[..polled].fill(NO_VOTES);
        self
    }

    /// Memory in bytes besides the table.
    pub const FIXED_BYTES: usize = MAX * (4 * (STATE_CELLS + VOTE_CELLS) + 8);

    /// Memory in bytes of these.
    #[cfg(test)]
    #[must_use]
    pub fn bytes(&self) -> usize {
        let cells = size_of_val(&*self.state_cells) + size_of_val(&*self.vote_cells);
        self.table.get().len() + cells
    }
}

/// One copy of `row` for each context.
#[allow(clippy::unnecessary_box_returns)] // too large for the stack
fn per_context<const N: usize>(row: [u32; N]) -> Cells<N> {
    let rows = vec![row; MAX].into_boxed_slice();
    rows.try_into().expect("as many rows as contexts")
}

impl ContextMap {
    /// Its memory, for the next one.
    #[must_use]
    pub fn into_parts(mut self) -> Parts {
        self.table.values().fill(0);
        Parts {
            table: self.table,
            state_cells: self.state_cells,
            vote_cells: self.vote_cells,
        }
    }
}
