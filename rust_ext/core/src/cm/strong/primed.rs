//! Starts the groups of new contexts from a prior.

use super::contextmap::GROUP_BYTES;
use crate::cm::primed::{Primed, WEIGHTS};
use crate::cm::prior::table::Entry;

/// Runs of a byte that a prior knows alone count as so long.
const RUN: u8 = 8;

/// Fills a new group from a prior, if there is one that knows its kind of context: the group that follows the bits in
/// `partial`, after a leading one, of which there are none, two or five. The first group also holds the byte history.
#[inline(always)]
pub fn fill(
    primed: &mut Option<Primed<'_>>,
    known_as: Option<usize>,
    partial: u32,
    table: &mut [u8],
) {
    let (Some(primed), Some(kind)) = (primed, known_as) else {
        return;
    };
    let group = &mut table[..GROUP_BYTES];
    if partial > 1 {
        primed.fill(kind, partial, 3, group);
    } else if let Some(entry) = primed.fill(kind, partial, 2, &mut group[..3]) {
        group[3..].copy_from_slice(&byte_history(entry));
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
