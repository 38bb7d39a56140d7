//! Starts the histories of new contexts from a prior.

use super::kernel::Slot;
use super::states::StateTable;
use crate::cm::nearest::{Nearest, WEIGHTS};
use crate::prior::lookup::Lookup;
use crate::prior::table::Table;
use std::sync::OnceLock;

/// A prior, and the states that stand for what it says.
#[derive(Debug)]
pub struct Primed<'a> {
    /// What it says about the byte at hand.
    pub lookup: Lookup<'a>,
    nearest: &'static Nearest,
}

impl<'a> Primed<'a> {
    /// Starts before the first byte.
    #[must_use]
    pub fn new(table: &'a Table) -> Self {
        static NEAREST: OnceLock<Nearest> = OnceLock::new();
        Self {
            lookup: Lookup::new(table),
            // Takes longer to make than a short message to code.
            nearest: NEAREST.get_or_init(|| {
                let states = StateTable::new();
                Nearest::new(&states.counts[..states.used])
            }),
        }
    }

    /// Fills the slot of a context that is new with what its kind of context predicts: for the upper nibble of the
    /// byte, or for the lower one after `upper`. Returns whether anything was known.
    #[inline(always)]
    pub fn fill(&mut self, kind: usize, upper: Option<u8>, slot: &mut Slot) -> bool {
        let Some(entry) = self.lookup.entry(kind) else {
            return false;
        };
        let mut counts = [[0_u32; 2]; 16];
        for (symbol, weight) in entry.symbols(&WEIGHTS) {
            let nibble = match upper {
                None => symbol >> 4,
                Some(upper) if symbol >> 4 == upper => symbol & 15,
                Some(_) => continue,
            };
            let mut node = 1;
            for step in (0..4).rev() {
                let bit = usize::from(nibble >> step & 1);
                counts[node & 15][bit] += weight;
                node = node << 1 | bit;
            }
        }
        for (state, counts) in slot.iter_mut().zip(counts).skip(1) {
            *state = self.nearest.state(counts);
        }
        true
    }
}
