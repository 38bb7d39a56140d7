//! Runs of the last column and the ranks of their symbols.
//!
//! All symbols stand in a list, in the order of their next occurrence: the symbol of the run at hand in
//! front, then the symbol of the next run, and so on. When a run ends, its symbol moves back to the place
//! of its next occurrence: that place is the *rank* which is coded. So the symbol whose rank is coded is
//! known, and so is the symbol of the next run, whatever the rank. (Binder and Grebnov call the scheme
//! quantized local frequency coding.)

use super::no_memory;
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

/// Finds the ranks of all runs of `last`.
///
/// # Errors
/// [`Error::Limit`](crate::Error::Limit) when memory cannot be had.
#[allow(clippy::cast_possible_truncation)] // a rank is below 256
pub fn rank(last: &[u8]) -> Result<Ranked> {
    // Backwards, so that the order of the next occurrences is a move-to-front list.
    let mut list = [0_u8; 256];
    let mut distinct = 0;
    let mut ranks = Vec::new();
    let mut next_symbol = None;
    for &symbol in last.iter().rev() {
        if next_symbol == Some(symbol) {
            continue;
        }
        next_symbol = Some(symbol);
        // Shifts the list while searching: most ranks are small.
        let mut rank = 0;
        let mut shifted = symbol;
        while rank < distinct {
            std::mem::swap(&mut list[rank], &mut shifted);
            if shifted == symbol {
                break;
            }
            rank += 1;
        }
        if rank == distinct {
            list[distinct] = shifted;
            distinct += 1;
        }
        if ranks.len() == ranks.capacity() {
            ranks.try_reserve(1 << 16).map_err(|_| no_memory())?;
        }
        ranks.push(rank as u8);
    }
    ranks.reverse();
    Ok(Ranked {
        order: list[..distinct].to_vec(),
        ranks,
    })
}
