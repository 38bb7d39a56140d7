//! Runs of the last column and the ranks of their symbols.
//!
//! All symbols stand in a list, in the order of their next occurrence: the symbol of the run at hand in
//! front, then the symbol of the next run, and so on. When a run ends, its symbol moves back to the place
//! of its next occurrence: that place is the *rank* which is coded. So the symbol whose rank is coded is
//! known, and so is the symbol of the next run, whatever the rank. (Binder and Grebnov call the scheme
//! quantized local frequency coding.)

use super::no_memory;
use super::simd::{to_front, HEAD};
use crate::Result;

/// What a decoder needs beside the lengths of the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// Symbols that occur, in the order of their first occurrence.
    pub order: Vec<u8>,
    /// One rank for each run; 0 only for the last run. A symbol that does not occur again takes the
    /// place behind all symbols that do.
    pub ranks: Vec<u8>,
}

/// Length of the run at the front of `symbols`, which must not be empty.
#[inline]
pub fn run_length(symbols: &[u8]) -> usize {
    let symbol = symbols[0];
    symbols
        .iter()
        .position(|&other| other != symbol)
        .unwrap_or(symbols.len())
}

/// All symbols, the ones that were moved last in front.
struct List {
    head: [u8; HEAD],
    rest: [u8; 256 - HEAD],
}

impl List {
    #[allow(clippy::cast_possible_truncation)] // byte values
    fn new() -> Self {
        Self {
            head: std::array::from_fn(|place| place as u8),
            rest: std::array::from_fn(|place| (HEAD + place) as u8),
        }
    }

    /// Moves a symbol to the front, and returns the place where it was.
    #[inline(always)]
    fn move_to_front(&mut self, symbol: u8) -> usize {
        to_front(&mut self.head, symbol).unwrap_or_else(|| self.move_far_to_front(symbol))
    }

    fn move_far_to_front(&mut self, symbol: u8) -> usize {
        let places = self.rest.iter().position(|&other| other == symbol);
        let place = places.unwrap_or_default();
        self.rest.copy_within(..place, 1);
        self.rest[0] = self.head[HEAD - 1];
        self.head.copy_within(..HEAD - 1, 1);
        self.head[0] = symbol;
        HEAD + place
    }
}

/// Finds the ranks of all runs of `last`.
///
/// # Errors
/// [`Error::Limit`](crate::Error::Limit) when memory cannot be had.
#[allow(clippy::cast_possible_truncation)] // a rank is below 256
pub fn rank(last: &[u8]) -> Result<Ranked> {
    // Backwards, so that the order of the next occurrences is a move-to-front list. Symbols that were
    // not seen yet stand behind all others.
    let mut list = List::new();
    let mut distinct = 0;
    let mut ranks = Vec::new();
    let mut next_symbol = None;
    for &symbol in last.iter().rev() {
        if next_symbol == Some(symbol) {
            continue;
        }
        next_symbol = Some(symbol);
        let mut rank = list.move_to_front(symbol);
        if rank >= distinct {
            rank = distinct;
            distinct += 1;
        }
        if ranks.len() == ranks.capacity() {
            ranks.try_reserve(1 << 16).map_err(|_| no_memory())?;
        }
        ranks.push(rank as u8);
    }
    ranks.reverse();
    let order = list.head.iter().chain(&list.rest).copied();
    Ok(Ranked {
        order: order.take(distinct).collect(),
        ranks,
    })
}
