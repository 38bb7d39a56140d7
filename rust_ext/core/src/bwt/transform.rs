//! The Burrows–Wheeler transform and its inverse.
//!
//! The rows of the conceptual matrix are the suffixes of `text$` in order, `$` being smaller than all
//! symbols: row 0 is `$` itself. The last column without its `$` is what is coded. The *anchor* of a
//! text position is the row of the suffix that starts there; the anchor of position 0 is the row whose
//! last symbol is `$`.
//!
//! Walking back from a row gives the text from its position to the left, one dependent memory access a
//! symbol. So the text is cut into chains of about equal length, the anchor of each cut is stored, and
//! the chains are walked in step: their cache misses overlap.

use super::no_memory;
use crate::memory::Memory;
use crate::{Error, Result};
use libsais::bwt::AuxIndicesSamplingRate;
use libsais::BwtConstruction;

/// Chains of a long text.
pub const CHAINS: usize = 8;
/// Texts below this length are one chain: their tables fit into the cache.
const CHAINED_FROM: usize = 1 << 18;
/// Longest text whose rows, counted from 1, fit into 24 bits beside a symbol.
pub const PACKED_UP_TO: usize = 1 << 24;

/// Last column of the sorted matrix, and the anchors of the cuts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformed {
    /// Last column without the end mark: as long as the text.
    pub last: Vec<u8>,
    /// Row of each cut in `cuts`, in that order.
    pub anchors: Vec<u32>,
}

/// Distance of the positions whose rows the forward transform reports, a power of two: fine enough for
/// chains whose lengths differ by less than a hundredth, for what a chain has more is walked alone.
fn unit(len: usize) -> usize {
    1 << (len.max(1 << 11).ilog2() - 10)
}

/// Text positions where chains begin, the first of them 0.
pub fn cuts(len: usize) -> Vec<usize> {
    if len < CHAINED_FROM {
        return vec![0];
    }
    let units = len / unit(len);
    (0..CHAINS)
        .map(|chain| units * chain / CHAINS * unit(len))
        .collect()
}

/// Sorts the suffixes of `text`.
///
/// # Errors
/// [`Error::Limit`] when the work space of four bytes a symbol cannot be had.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // len < 2^31, unit is small
pub fn forward(text: &[u8]) -> Result<Transformed> {
    let len = text.len();
    let unit = unit(len);
    let mut last = filled(len, 0_u8)?;
    let mut rows = filled(len.div_ceil(unit).max(1), 0_i32)?;
    if len > 0 {
        let mut work = Memory::new(len)?;
        BwtConstruction::for_text(text)
            .in_borrowed_buffer(&mut last)
            .with_borrowed_temporary_array_buffer(work.values())
            .single_threaded()
            .with_aux_indices_in_buffer(AuxIndicesSamplingRate::new(unit as i32), &mut rows)
            .run()
            .map_err(|_| no_memory())?;
    }
    let anchors = cuts(len)
        .iter()
        .map(|cut| u32::try_from(rows[cut / unit]))
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| no_memory())?;
    Ok(Transformed { last, anchors })
}

/// Rebuilds the text.
///
/// # Errors
/// [`Error::Corrupt`] when the anchors do not fit the column, [`Error::Limit`] when the work space of
/// five bytes a symbol cannot be had.
pub fn inverse(column: &Transformed) -> Result<Vec<u8>> {
    let len = column.last.len();
    let cuts = cuts(len);
    if column.anchors.len() != cuts.len()
        || column.anchors.iter().any(|&row| row as usize > len)
        || (len > 0 && column.anchors[0] == 0)
    {
        return Err(Error::Corrupt {
            what: "row of the Burrows-Wheeler transform",
        });
    }
    if len == 0 {
        return Ok(Vec::new());
    }
    let mut text = filled(len, 0_u8)?;
    if len <= PACKED_UP_TO {
        let mut memory = Memory::new(len + 1)?;
        let table = packed(column, memory.values());
        walk(&mut text, &cuts, &column.anchors, &table)?;
    } else {
        let mut memory = Memory::new(len + 1)?;
        let table = separate(column, memory.values())?;
        walk(&mut text, &cuts, &column.anchors, &table)?;
    }
    Ok(text)
}

/// One step to the left: the symbol before a row's suffix, and the row of the suffix that starts there.
trait Step {
    fn step(&self, row: u32) -> (u8, u32);
}

/// The row less one in the upper 24 bits and the symbol in the lower 8: one access a step.
struct Packed<'a>(&'a [u32]);

impl Step for Packed<'_> {
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the low byte is the symbol
    fn step(&self, row: u32) -> (u8, u32) {
        let entry = self.0[row as usize];
        (entry as u8, (entry >> 8) + 1)
    }
}

/// The rows and the symbols apart, for texts above 16 MiB.
struct Separate<'a> {
    rows: &'a [u32],
    symbols: Vec<u8>,
}

impl Step for Separate<'_> {
    #[inline(always)]
    fn step(&self, row: u32) -> (u8, u32) {
        (self.symbols[row as usize], self.rows[row as usize])
    }
}

/// First row of each symbol: row 0 is the end mark's.
#[allow(clippy::cast_possible_truncation)] // the length is below 2^32
fn first_rows(last: &[u8]) -> [u32; 256] {
    let mut counts = [0_u32; 256];
    for &symbol in last {
        counts[usize::from(symbol)] += 1;
    }
    let mut row = 1;
    counts.map(|count| {
        let first = row;
        row += count;
        first
    })
}

fn packed<'a>(column: &Transformed, entries: &'a mut [u32]) -> Packed<'a> {
    let mut next = first_rows(&column.last);
    let (above, below) = column.last.split_at(column.anchors[0] as usize);
    let (entries_above, entries_below) = entries.split_at_mut(above.len());
    for (symbols, entries) in [(above, entries_above), (below, &mut entries_below[1..])] {
        for (&symbol, entry) in symbols.iter().zip(entries) {
            let row = &mut next[usize::from(symbol)];
            *entry = ((*row - 1) << 8) | u32::from(symbol);
            *row += 1;
        }
    }
    Packed(entries)
}

fn separate<'a>(column: &Transformed, rows: &'a mut [u32]) -> Result<Separate<'a>> {
    let mut next = first_rows(&column.last);
    let mark = column.anchors[0] as usize;
    let mut symbols = filled(column.last.len() + 1, 0_u8)?;
    symbols[..mark].copy_from_slice(&column.last[..mark]);
    symbols[mark + 1..].copy_from_slice(&column.last[mark..]);
    for (at, (&symbol, entry)) in symbols.iter().zip(rows.iter_mut()).enumerate() {
        if at != mark {
            let row = &mut next[usize::from(symbol)];
            *entry = *row;
            *row += 1;
        }
    }
    Ok(Separate { rows, symbols })
}

/// Walks all chains to the left, and checks that each ends in the row where the one before it began.
fn walk<S: Step>(text: &mut [u8], cuts: &[usize], anchors: &[u32], table: &S) -> Result<()> {
    // The chain of a cut starts at the anchor of the next cut; the last one at the end mark, row 0.
    let mut rows: Vec<u32> = anchors[1..].iter().copied().chain([0]).collect();
    let mut rest = text;
    let mut chains: Vec<&mut [u8]> = Vec::with_capacity(cuts.len());
    for pair in cuts.windows(2) {
        let (chain, after) = rest.split_at_mut(pair[1] - pair[0]);
        chains.push(chain);
        rest = after;
    }
    chains.push(rest);

    let common = chains.iter().map(|chain| chain.len()).min().unwrap_or(0);
    for (chain, row) in chains.iter_mut().zip(&mut rows) {
        let (head, tail) = std::mem::take(chain).split_at_mut(common);
        for symbol in tail.iter_mut().rev() {
            (*symbol, *row) = table.step(*row);
        }
        *chain = head;
    }
    if let Ok(chains) = <&mut [&mut [u8]; CHAINS]>::try_from(chains.as_mut_slice()) {
        let mut in_step = [0; CHAINS];
        in_step.copy_from_slice(&rows);
        for at in (0..common).rev() {
            for (chain, row) in chains.iter_mut().zip(&mut in_step) {
                (chain[at], *row) = table.step(*row);
            }
        }
        rows.copy_from_slice(&in_step);
    } else {
        for (chain, row) in chains.iter_mut().zip(&mut rows) {
            for symbol in chain.iter_mut().rev() {
                (*symbol, *row) = table.step(*row);
            }
        }
    }
    if rows == anchors {
        Ok(())
    } else {
        Err(Error::Corrupt {
            what: "cycle of the Burrows-Wheeler transform",
        })
    }
}

/// A vector of `len` copies of `value`, or an error when the memory cannot be had.
fn filled<T: Clone>(len: usize, value: T) -> Result<Vec<T>> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(len).map_err(|_| no_memory())?;
    vector.resize(len, value);
    Ok(vector)
}
