//! The rANS stack: symbols as intervals, last in first out.
//!
//! Asymmetric numeral systems (J. Duda 2013, arXiv:1311.2540, the range variant) with states of 64 bits and
//! words of 32. A state `x` is in `[L, L << 32)`, `L = 1 << 31`. To push an interval of `f` slots from
//! `c` on, out of `T = 1 << B`:
//!
//! ```text
//! if x >= ((L >> B) << 32) · f   { push the low word of x; x >>= 32 }
//! x = (x / f) << B | (x mod f + c)
//! ```
//!
//! Pop is the exact inverse; `peek` gives the slot `x mod T` from which the model finds the symbol. Because
//! every pop can be undone by a push and the other way round, models with latent variables can pop a
//! latent from what is already on the stack and get those bits back (bits-back coding).
//!
//! One to [`MAX_LANES`] lanes, that is states, take turns and share one stack of words. More lanes let
//! the processor work on several symbols at once and cost 4 to 8 bytes each.
//!
//! A pop that needs a word when none is left is an error: the stack never invents bits. An encoder that
//! needs initial bits pushes them, as intervals of one slot.
//!
//! ```
//! use lmcodec_core::coder::rans::Stack;
//!
//! let symbols = [2, 0, 1, 2];
//! let rows = [1_u32, 1, 2].repeat(4);
//! let mut stack = Stack::new(1)?;
//! stack.push_rows(&symbols, &rows, 3, 24)?;
//! let payload = stack.to_bytes();
//!
//! let mut stack = Stack::from_bytes(&payload, 1)?;
//! assert_eq!(stack.pop_rows(&rows, 3, 24)?, symbols);
//! stack.finish()?;
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

mod payload;

use super::quantize::{rows_of, Quantizer, Weight};
use super::{check_precision, Interval};
use crate::{Error, Result};

/// The largest number of lanes.
pub const MAX_LANES: usize = 16;

/// The least state, and the one of an empty stack.
const BASE: u64 = 1 << 31;

/// A stack of symbols under intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    words: Vec<u32>,
    states: Vec<u64>,
    /// The lane of the next push; the next pop is of the lane before it.
    lane: usize,
}

/// The state that a pop leaves, before a word is read.
#[inline(always)]
fn popped(state: u64, slot: u32, interval: Interval, precision: u32) -> u64 {
    // At most f · (x >> B) + f - 1 < 2^63.
    u64::from(interval.freq) * (state >> precision) + u64::from(slot - interval.start)
}

impl Stack {
    /// Creates an empty stack.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `lanes` is `1..=MAX_LANES`.
    pub fn new(lanes: usize) -> Result<Self> {
        if !(1..=MAX_LANES).contains(&lanes) {
            return Err(Error::Parameter {
                what: "lanes: 1 to 16",
            });
        }
        Ok(Self {
            words: Vec::new(),
            states: vec![BASE; lanes],
            lane: 0,
        })
    }

    /// The number of lanes.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.states.len()
    }

    /// Tells whether nothing is on the stack.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.lane == 0 && self.states.iter().all(|&x| x == BASE)
    }

    /// Checks that everything was popped: the second check beside the checksum.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the stack is not in its base state.
    pub fn finish(self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Error::Corrupt {
                what: "rANS stack is not in its base state after the last symbol",
            })
        }
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the low word of the state is what is meant
    fn push_checked(&mut self, interval: Interval, precision: u32) {
        let state = &mut self.states[self.lane];
        let freq = u64::from(interval.freq);
        let mut x = *state;
        if x >= ((BASE >> precision) << 32) * freq {
            self.words.push(x as u32);
            x >>= 32;
        }
        *state = ((x / freq) << precision) + x % freq + u64::from(interval.start);
        self.lane += 1;
        if self.lane == self.states.len() {
            self.lane = 0;
        }
    }

    #[inline(always)]
    fn last_lane(&self) -> usize {
        self.lane.checked_sub(1).unwrap_or(self.states.len() - 1)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the slot has at most 28 bits
    fn peek_checked(&self, precision: u32) -> u32 {
        self.states[self.last_lane()] as u32 & ((1 << precision) - 1)
    }

    #[inline(always)]
    fn pop_checked(&mut self, slot: u32, interval: Interval, precision: u32) -> Result<()> {
        let lane = self.last_lane();
        let mut x = popped(self.states[lane], slot, interval, precision);
        if x < BASE {
            let Some(word) = self.words.pop() else {
                return Err(Error::Truncated { what: "rANS stack" });
            };
            x = (x << 32) | u64::from(word);
        }
        self.states[lane] = x;
        self.lane = lane;
        Ok(())
    }

    /// Pushes one symbol.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the precision or the interval is out of range.
    #[inline]
    pub fn push(&mut self, interval: Interval, precision: u32) -> Result<()> {
        check_precision(precision)?;
        interval.check(precision)?;
        self.push_checked(interval, precision);
        Ok(())
    }

    /// The slot of the symbol that comes off next.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the precision is out of range.
    #[inline]
    pub fn peek(&self, precision: u32) -> Result<u32> {
        check_precision(precision)?;
        Ok(self.peek_checked(precision))
    }

    /// Takes one symbol off; `interval` must hold the slot that [`Stack::peek`] gave.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the stack has run out of bits, [`Error::Parameter`] when the precision or
    /// the interval is not the right one. The stack is then unchanged.
    #[inline]
    pub fn pop(&mut self, interval: Interval, precision: u32) -> Result<()> {
        check_precision(precision)?;
        interval.check(precision)?;
        let slot = self.peek_checked(precision);
        if !interval.contains(slot) {
            return Err(Error::Parameter {
                what: "interval: must hold the slot that is on top of the stack",
            });
        }
        self.pop_checked(slot, interval, precision)
    }

    /// Pushes the last interval first, so that pops give them in the order of the slice.
    ///
    /// An adaptive model runs forward, gathers its intervals, and pushes them here.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the precision or an interval is out of range; the stack is then unchanged.
    pub fn push_intervals(&mut self, intervals: &[Interval], precision: u32) -> Result<()> {
        check_precision(precision)?;
        intervals.iter().try_for_each(|i| i.check(precision))?;
        self.push_all(intervals, precision);
        Ok(())
    }

    fn push_all(&mut self, intervals: &[Interval], precision: u32) {
        for &interval in intervals.iter().rev() {
            self.push_checked(interval, precision);
        }
    }

    /// Pushes `symbols`, the last first, each under its own row of `alphabet` weights.
    ///
    /// # Errors
    /// Those of [`Quantizer::intervals`]. The stack is then unchanged.
    pub fn push_rows<W: Weight>(
        &mut self,
        symbols: &[u32],
        rows: &[W],
        alphabet: usize,
        precision: u32,
    ) -> Result<()> {
        let intervals = Quantizer::new(precision)?.intervals(symbols, rows, alphabet)?;
        self.push_all(&intervals, precision);
        Ok(())
    }

    /// Pops one symbol for each row of `alphabet` weights, in the order of the rows.
    ///
    /// # Errors
    /// Those of [`Quantizer::find`], and [`Error::Truncated`] when the stack runs out of bits. The symbols
    /// before the one in error are then off the stack.
    pub fn pop_rows<W: Weight>(
        &mut self,
        rows: &[W],
        alphabet: usize,
        precision: u32,
    ) -> Result<Vec<u32>> {
        let mut quantizer = Quantizer::new(precision)?;
        let rows = rows_of(rows, alphabet)?;
        let mut symbols = Vec::with_capacity(rows.len());
        for row in rows {
            let slot = self.peek_checked(precision);
            let (symbol, interval) = quantizer.find(row, slot)?;
            self.pop_checked(slot, interval, precision)?;
            symbols.push(symbol);
        }
        Ok(symbols)
    }
}

#[cfg(test)]
mod tests;
