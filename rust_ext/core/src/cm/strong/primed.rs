//! Starts the groups of new contexts from a prior.

use super::contextmap::GROUP_BYTES;
use super::states::StateTable;
use crate::cm::nearest::{Nearest, WEIGHTS};
use crate::prior::lookup::Lookup;
use crate::prior::table::{Entry, Table};
use std::sync::OnceLock;

/// Runs of a byte that a prior knows alone count as so long.
const RUN: u8 = 8;

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
            nearest: NEAREST.get_or_init(|| {
                let states = StateTable::new();
                Nearest::new(&states.counts[..states.used])
            }),
        }
    }

    /// Fills a new group of nodes of `kind`: the one that follows the bits in `partial`, after a leading one, of which
    /// there are none, two or five. The first group also holds the byte history.
    #[inline(always)]
    pub fn fill(&mut self, kind: usize, partial: u32, group: &mut [u8; GROUP_BYTES]) {
        let Some(entry) = self.lookup.entry(kind) else {
            return;
        };
        let done = partial.ilog2();
        let bits = if done == 0 { 2 } else { 3 };
        let mut counts = [[0_u32; 2]; GROUP_BYTES];
        for (symbol, weight) in entry.symbols(&WEIGHTS) {
            let symbol = u32::from(symbol) | 256;
            if symbol >> (8 - done) != partial {
                continue;
            }
            let mut node = 1;
            for step in (8 - done - bits..8 - done).rev() {
                let bit = (symbol >> step & 1) as usize;
                if let Some(count) = counts.get_mut(node - 1) {
                    count[bit] += weight;
                }
                node = node << 1 | bit;
            }
        }
        let nodes = (1 << bits) - 1;
        for (state, counts) in group.iter_mut().zip(counts).take(nodes) {
            *state = self.nearest.state(counts);
        }
        if done == 0 {
            group[3..].copy_from_slice(&byte_history(entry));
        }
    }
}

/// Run length and the last three distinct bytes, as if the symbols had been seen, the likeliest last.
fn byte_history(entry: &Entry) -> [u8; 4] {
    let mut symbols = entry.symbols(&WEIGHTS).map(|(symbol, _)| symbol);
    let first = symbols.next().unwrap_or(0);
    let second = symbols.next();
    let third = symbols.next().or(second).unwrap_or(first);
    let run = if second.is_some() { 1 } else { RUN };
    [run, first, second.unwrap_or(first), third]
}
