//! The only place where a distribution becomes integers.
//!
//! A row of nonnegative integer weights `w_i`, `i < V`, with prefix sums `S_i` and total `W = S_V > 0`
//! becomes the intervals of the `T = 1 << precision` slots that start at
//!
//! ```text
//! cum(i) = floor(S_i · (T − V) / W) + i = floor((S_i · (T − V) + i · W) / W)
//! ```
//!
//! so that every symbol has at least one slot and the slots add up to `T` without a remainder pass. The
//! second form, `key_i / W`, needs no table to be searched: the symbol of a slot is the largest `i` with
//! `key_i < (slot + 1) · W`. A row whose weights are all zero means that nothing is known: it is coded
//! as if all weights were one.
//!
//! The formula costs each symbol at most `-log2(1 - V/T)` bits; a row of one symbol costs nothing.
//!
//! Floats (`f32`, `f64`) are first turned into integer weights: `floor(x · 2^(27 − e))`, where `2^e` is the
//! power of two at or below the largest entry of the row. The result does not depend on the machine,
//! for no rounding takes place before the floor. Negative, infinite and NaN entries are errors; minus zero
//! is zero.
//!
//! ```
//! use lmcodec_core::coder::quantize::Quantizer;
//!
//! let mut quantizer = Quantizer::new(8)?;
//! assert_eq!(quantizer.cum(&[1_u32, 0, 3])?, [0, 64, 65, 256]);
//! assert_eq!(quantizer.cum(&[0.25_f32, 0.0, 0.75])?, [0, 64, 65, 256]);
//! let (symbol, interval) = quantizer.find(&[1_u32, 0, 3], 64)?;
//! assert_eq!((symbol, interval.start, interval.freq), (1, 64, 1));
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

mod counts;
mod float;
mod simd;
mod sums;

pub use counts::{normalize_counts, COUNTS_PRECISION};
pub use float::bit_probabilities;
pub use sums::{Integer, Weight};

use std::hint::select_unpredictable;
use std::ops::{Add, Div, Mul};

use super::{check_precision, Interval};
use crate::{Error, Result};
use sums::BLOCK;

/// Turns rows of weights into intervals; keeps the scratch space between rows.
#[derive(Debug, Clone)]
pub struct Quantizer {
    precision: u32,
    /// Integer weights of a row of floats.
    weights: Vec<u32>,
    /// Sums of the weights before each block of [`BLOCK`] weights.
    sums: Vec<u64>,
}

/// The integer weights of a row of floats, each of at most 28 bits.
///
/// # Errors
/// [`Error::Model`] when an entry is negative, infinite or not a number.
pub fn weights(row: &[f32], weights: &mut Vec<u32>) -> Result<()> {
    float::integers(row, weights)
}

/// Product type in which `key_i` is exact.
trait Wide:
    Copy + Ord + From<u64> + Add<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn slot(self) -> u32;
}

impl Wide for u64 {
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // a quotient key / W is at most T = 2^28
    fn slot(self) -> u32 {
        self as u32
    }
}

impl Wide for u128 {
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // a quotient key / W is at most T = 2^28
    fn slot(self) -> u32 {
        self as u32
    }
}

/// What the formula needs of a row beside its weights.
#[derive(Clone, Copy)]
struct Scale {
    /// `W`, not zero.
    total: u64,
    /// `T - V`.
    spread: u64,
}

impl Scale {
    /// `key_i` from `S_i` and `i`; at most `W · T`.
    #[inline(always)]
    fn key<P: Wide>(self, sum: u64, index: u64) -> P {
        P::from(sum) * P::from(self.spread) + P::from(index) * P::from(self.total)
    }

    #[inline(always)]
    fn interval<P: Wide>(self, low: P, high: P) -> Interval {
        let start = (low / P::from(self.total)).slot();
        let end = (high / P::from(self.total)).slot();
        Interval {
            start,
            freq: end - start,
        }
    }
}

impl Quantizer {
    /// Creates a quantizer of `1 << precision` slots.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `precision` is `1..=MAX_PRECISION`.
    pub fn new(precision: u32) -> Result<Self> {
        check_precision(precision)?;
        Ok(Self {
            precision,
            weights: Vec::new(),
            sums: Vec::new(),
        })
    }

    /// The precision in bits.
    #[must_use]
    pub fn precision(&self) -> u32 {
        self.precision
    }

    /// Computes the table `cum(0), …, cum(V)` of a row.
    ///
    /// # Errors
    /// Those of [`Quantizer::interval`].
    pub fn cum<W: Weight>(&mut self, row: &[W]) -> Result<Vec<u32>> {
        let mut table = Vec::with_capacity(row.len() + 1);
        self.cum_into(row, &mut table)?;
        Ok(table)
    }

    /// Appends the table of a row, `V + 1` entries, to `table`.
    ///
    /// # Errors
    /// Those of [`Quantizer::interval`]; `table` is then unchanged.
    pub fn cum_into<W: Weight>(&mut self, row: &[W], table: &mut Vec<u32>) -> Result<()> {
        check_alphabet(row.len(), self.precision)?;
        let row = W::integers(row, &mut self.weights)?;
        let total = simd::sum(row)?;
        let uniform = total == 0;
        let scale = scale(total, row.len(), self.precision);
        let mut sum = 0;
        table.push(0);
        for (i, weight) in (1..).zip(row) {
            sum += if uniform { 1 } else { (*weight).into() };
            let key: u128 = scale.key(sum, i);
            table.push((key / u128::from(scale.total)).slot());
        }
        Ok(())
    }

    /// Computes the interval of one symbol without a table.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the row is empty or longer than `1 << precision`, or `symbol` is outside
    /// the row; [`Error::Model`] when an entry is negative, infinite or NaN, or the weights add up
    /// to 2^64 or more.
    #[inline]
    pub fn interval<W: Weight>(&mut self, row: &[W], symbol: usize) -> Result<Interval> {
        check_alphabet(row.len(), self.precision)?;
        let row = W::integers(row, &mut self.weights)?;
        let Some(&weight) = row.get(symbol) else {
            return Err(Error::Parameter {
                what: "symbol: less than the length of its row",
            });
        };
        let weight: u64 = weight.into();
        let before = simd::sum(&row[..symbol])?;
        let after = simd::sum(&row[symbol + 1..])?;
        let total = sums::add(sums::add(before, weight)?, after)?;
        let scale = scale(total, row.len(), self.precision);
        let index = symbol as u64;
        let (before, weight) = if total == 0 {
            (index, 1)
        } else {
            (before, weight)
        };
        Ok(if fits_u64(scale.total, self.precision) {
            let low: u64 = scale.key(before, index);
            scale.interval(low, low + scale.key::<u64>(weight, 1))
        } else {
            let low: u128 = scale.key(before, index);
            scale.interval(low, low + scale.key::<u128>(weight, 1))
        })
    }

    /// Computes the interval of each symbol under its own row of `alphabet` weights.
    ///
    /// # Errors
    /// Those of [`Quantizer::interval`], and [`Error::Parameter`] when `rows` does not hold one row for each
    /// symbol.
    pub fn intervals<W: Weight>(
        &mut self,
        symbols: &[u32],
        rows: &[W],
        alphabet: usize,
    ) -> Result<Vec<Interval>> {
        let rows = rows_of(rows, alphabet)?;
        if symbols.len() != rows.len() {
            return Err(Error::Parameter {
                what: "rows: one for each symbol",
            });
        }
        let pairs = symbols.iter().zip(rows);
        pairs
            .map(|(&symbol, row)| self.interval(row, symbol as usize))
            .collect()
    }

    /// Finds the symbol whose interval holds `slot`.
    ///
    /// # Errors
    /// Those of [`Quantizer::interval`], with `slot` in the place of `symbol`.
    #[inline]
    pub fn find<W: Weight>(&mut self, row: &[W], slot: u32) -> Result<(u32, Interval)> {
        check_alphabet(row.len(), self.precision)?;
        if slot >> self.precision != 0 {
            return Err(Error::Parameter {
                what: "slot: less than 1 << precision",
            });
        }
        let (row, total) = W::blocks(row, &mut self.weights, &mut self.sums)?;
        let scale = scale(total, row.len(), self.precision);
        Ok(if total == 0 {
            find_uniform(scale, slot, self.precision)
        } else if fits_u64(total, self.precision) {
            find_in::<u64, _>(row, &self.sums, scale, slot)
        } else {
            find_in::<u128, _>(row, &self.sums, scale, slot)
        })
    }
}

/// Cuts rows of `alphabet` weights apart.
///
/// # Errors
/// [`Error::Parameter`] when they are not a whole number of rows, or `alphabet` is zero.
pub fn rows_of<W>(rows: &[W], alphabet: usize) -> Result<std::slice::ChunksExact<'_, W>> {
    if alphabet == 0 || !rows.len().is_multiple_of(alphabet) {
        return Err(Error::Parameter {
            what: "rows: a whole number of rows of the alphabet's length",
        });
    }
    Ok(rows.chunks_exact(alphabet))
}

#[inline]
fn check_alphabet(length: usize, precision: u32) -> Result<()> {
    if length == 0 || length > 1 << precision {
        return Err(Error::Parameter {
            what: "alphabet: 1 to 1 << precision symbols",
        });
    }
    Ok(())
}

/// Tells whether `W · T` and with it every key fits in 64 bits.
#[inline(always)]
fn fits_u64(total: u64, precision: u32) -> bool {
    total.leading_zeros() >= precision
}

/// The formula's constants; a total of zero stands for weights that are all one.
#[inline(always)]
fn scale(total: u64, length: usize, precision: u32) -> Scale {
    let length = length as u64;
    Scale {
        total: if total == 0 { length } else { total },
        spread: (1 << precision) - length,
    }
}

/// The case of weights that are all one: `key_i = i · T`, so the symbol follows by a shift.
#[allow(clippy::cast_possible_truncation)] // the symbol is less than V <= 2^28
fn find_uniform(scale: Scale, slot: u32, precision: u32) -> (u32, Interval) {
    let symbol = ((u64::from(slot) + 1) * scale.total - 1) >> precision;
    let low: u64 = scale.key(symbol, symbol);
    let high = low + (1 << precision);
    (symbol as u32, scale.interval(low, high))
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the symbol is less than V <= 2^28
fn find_in<P: Wide, W: Integer>(
    row: &[W],
    sums: &[u64],
    scale: Scale,
    slot: u32,
) -> (u32, Interval) {
    let total = P::from(scale.total);
    let spread = P::from(scale.spread);
    let limit = P::from(u64::from(slot) + 1) * total;
    let block_key = |b: usize| scale.key::<P>(sums[b], (b * BLOCK) as u64);
    // The number of blocks b >= 1 that begin at or before the slot. A branch here would go either way
    // equally often: a fresh row would cost a mispredicted branch or two.
    let (mut block, mut length) = (0, sums.len());
    while length > 1 {
        let half = length / 2;
        let under = block_key(block + half) < limit;
        block = select_unpredictable(under, block + half, block);
        length -= half;
    }
    let first = block * BLOCK;
    let mut key = block_key(block);
    let (mut low, mut step) = (key, P::from(0));
    let mut count = 0;
    // Keys ascend, so `low` ends as the last key under the limit, and `step` as the way to the next.
    for &weight in &row[first..row.len().min(first + BLOCK)] {
        let width = P::from(weight.into()) * spread + total;
        let under = key < limit;
        low = if under { key } else { low };
        step = if under { width } else { step };
        count += u32::from(under);
        key = key + width;
    }
    let symbol = first as u32 + count - 1;
    (symbol, scale.interval(low, low + step))
}

#[cfg(test)]
mod tests;
