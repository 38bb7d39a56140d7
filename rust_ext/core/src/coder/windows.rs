//! Windows: stretches of a text that each take the same number of bits, so that each one is a single integer.
//!
//! A window is an interval of its own: `0..2^bits`, in fixed point with 64 bits in all. Each symbol narrows it by its
//! own intervals, and fits as long as a whole number is left inside. The first symbol that does not fit opens the next
//! window, which begins anew; the model, and what it has seen, go on. The value of a window is the least whole number
//! inside, and its count says how many symbols it has.
//!
//! A symbol that fits into no window, because it alone costs more than one has, is an *escape*: windows of count 0,
//! whose values are the digits of the symbol, the first one the most significant.
//!
//! Source: B. Lester et al., Training LLMs over Neurally Compressed Text (2024), arXiv:2404.03626, Equal-Info Windows.
//! Counts and escapes are our own.
//!
//! ```
//! use lmcodec_core::coder::windows::{Decoder, Encoder, Next};
//! use lmcodec_core::coder::Interval;
//!
//! // Two bits, then one bit, and so on: five of them have 8 bits at most.
//! let intervals = [Interval { start: 1, freq: 1 }, Interval { start: 2, freq: 2 }];
//! let mut encoder = Encoder::new(8, 4, 2)?;
//! for i in 0..10 {
//!     encoder.push(i % 2 + 1, &intervals[i as usize % 2..][..1])?;
//! }
//! let coded = encoder.finish();
//! assert_eq!(coded.counts, [5, 5]);
//! let mut decoder = Decoder::new(&coded.values, &coded.counts, 8, 4)?;
//! assert_eq!(decoder.begin(), Some(Next::Coded));
//! assert_eq!(decoder.slot(2), 1);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

use super::{check_precision, Interval};
use crate::{Error, Result};

/// The fewest bits of a window.
pub const MIN_BITS: u32 = 8;
/// The most bits of a window.
pub const MAX_BITS: u32 = 32;
/// The most symbols of a window: one that is sure costs nothing.
pub const MAX_COUNT: u16 = u16::MAX;

/// Bits of an end of an interval.
const FIXED_BITS: u32 = 64;
/// The interval of a window without symbols.
const WHOLE: u128 = 1 << FIXED_BITS;

/// The part of `range`, at most [`WHOLE`], that lies below `slot` out of `1 << precision`.
#[inline(always)]
fn below(range: u128, slot: u32, precision: u32) -> u128 {
    // At most 65 bits times 29.
    (range * u128::from(slot)) >> precision
}

/// Windows of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coded {
    /// The value of each window.
    pub values: Vec<u32>,
    /// How many symbols each has, 0 for a part of an escape.
    pub counts: Vec<u16>,
}

/// What windows have in common.
#[derive(Debug, Clone, Copy)]
struct Shape {
    bits: u32,
    alphabet: u32,
}

impl Shape {
    fn new(bits: u32, alphabet: u32) -> Result<Self> {
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(Error::Parameter {
                what: "bits of a window: 8 to 32",
            });
        }
        if alphabet == 0 {
            return Err(Error::Parameter {
                what: "alphabet: at least 1",
            });
        }
        Ok(Self { bits, alphabet })
    }

    /// Windows of an escape.
    fn digits(self) -> u32 {
        let bits = u32::BITS - (self.alphabet - 1).leading_zeros();
        bits.div_ceil(self.bits).max(1)
    }

    /// The values of an escape.
    #[allow(clippy::cast_possible_truncation)] // a digit has at most 32 bits
    fn escape(self, symbol: u32) -> impl Iterator<Item = u32> {
        let digit = move |place| u64::from(symbol) >> (place * self.bits) & ((1 << self.bits) - 1);
        (0..self.digits())
            .rev()
            .map(move |place| digit(place) as u32)
    }

    /// Undoes [`Self::escape`].
    fn unescape(self, digits: &[u32]) -> Option<u32> {
        // At most four digits, of 32 bits where there is one, and of 16 where there are two.
        let joined = digits.iter().fold(0_u64, |joined, &digit| {
            joined << self.bits | u64::from(digit)
        });
        u32::try_from(joined)
            .ok()
            .filter(|&symbol| symbol < self.alphabet)
    }
}

/// The numbers that symbols of a window leave.
#[derive(Debug, Clone, Copy)]
struct Span {
    low: u64,
    /// At least 1; `low + range` is at most [`WHOLE`].
    range: u128,
}

impl Span {
    const NEW: Self = Self {
        low: 0,
        range: WHOLE,
    };

    /// What an interval leaves, if anything.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // what lies below a part that is not empty is less than WHOLE
    fn narrowed(self, interval: Interval, precision: u32) -> Option<Self> {
        let start = below(self.range, interval.start, precision);
        let end = below(self.range, interval.start + interval.freq, precision);
        (end > start).then(|| Self {
            low: self.low + start as u64,
            range: end - start,
        })
    }

    /// The least whole number inside, if there is one.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // it is less than WHOLE without its fraction
    fn value(self, bits: u32) -> Option<u32> {
        let fraction = FIXED_BITS - bits;
        let low = u128::from(self.low);
        let value = low.div_ceil(1 << fraction);
        (value << fraction < low + self.range).then_some(value as u32)
    }
}

/// Makes windows of symbols.
#[derive(Debug, Clone)]
pub struct Encoder {
    shape: Shape,
    precision: u32,
    /// Of the open window, which is written when it is closed.
    span: Span,
    value: u32,
    count: u16,
    coded: Coded,
}

impl Encoder {
    /// Begins with no symbol.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `bits` is [`MIN_BITS`] to [`MAX_BITS`], `alphabet` at least 1, and `precision`, that
    /// of all intervals, one that coders have.
    pub fn new(bits: u32, alphabet: u32, precision: u32) -> Result<Self> {
        check_precision(precision)?;
        Ok(Self {
            shape: Shape::new(bits, alphabet)?,
            precision,
            span: Span::NEW,
            value: 0,
            count: 0,
            coded: Coded::default(),
        })
    }

    /// Appends a symbol, which is coded by one interval after the other: one of a symbol, or one for each of its bits.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the symbol or an interval is out of range.
    pub fn push(&mut self, symbol: u32, intervals: &[Interval]) -> Result<()> {
        if symbol >= self.shape.alphabet {
            return Err(Error::Parameter {
                what: "symbol: less than the alphabet",
            });
        }
        for interval in intervals {
            interval.check(self.precision)?;
        }
        if self.takes(intervals) {
            return Ok(());
        }
        self.close();
        if !self.takes(intervals) {
            self.coded.values.extend(self.shape.escape(symbol));
            self.coded.counts.resize(self.coded.values.len(), 0);
        }
        Ok(())
    }

    /// Puts a symbol into the open window, if it fits.
    #[inline]
    fn takes(&mut self, intervals: &[Interval]) -> bool {
        let narrow = |span: Span, &interval| span.narrowed(interval, self.precision);
        let Some(span) = intervals.iter().try_fold(self.span, narrow) else {
            return false;
        };
        let Some(value) = span.value(self.shape.bits) else {
            return false;
        };
        if self.count == MAX_COUNT {
            return false;
        }
        self.span = span;
        self.value = value;
        self.count += 1;
        true
    }

    /// Ends the open window, if it has symbols.
    fn close(&mut self) {
        if self.count > 0 {
            self.coded.values.push(self.value);
            self.coded.counts.push(self.count);
        }
        self.span = Span::NEW;
        self.count = 0;
    }

    /// Ends the last window.
    #[must_use]
    pub fn finish(mut self) -> Coded {
        self.close();
        self.coded
    }
}

/// How the next symbol is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// As itself, in an escape.
    Raw(u32),
    /// By its intervals: each is found by [`Decoder::slot`] and given to [`Decoder::narrow`].
    Coded,
}

/// Undoes an [`Encoder`], given the same intervals.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    shape: Shape,
    values: &'a [u32],
    counts: &'a [u16],
    /// The window that is opened next.
    at: usize,
    /// Symbols to come in the open one.
    left: u16,
    /// Distance of its value from the low end; less than `range`.
    code: u64,
    range: u128,
    symbols: usize,
}

impl<'a> Decoder<'a> {
    /// Begins with the first symbol.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the first arguments differ in length, or those of [`Encoder::new`] are out of range;
    /// [`Error::Corrupt`] when a value is too large, or an escape is none.
    pub fn new(values: &'a [u32], counts: &'a [u16], bits: u32, alphabet: u32) -> Result<Self> {
        let shape = Shape::new(bits, alphabet)?;
        if values.len() != counts.len() {
            return Err(Error::Parameter {
                what: "counts: one for each window",
            });
        }
        if values.iter().any(|&value| u64::from(value) >> bits != 0) {
            return Err(Error::Corrupt {
                what: "value of a window is too large",
            });
        }
        let mut decoder = Self {
            shape,
            values,
            counts,
            at: 0,
            left: 0,
            code: 0,
            range: WHOLE,
            symbols: 0,
        };
        let mut at = 0;
        while let Some(&count) = counts.get(at) {
            decoder.symbols += usize::from(count.max(1));
            at += if count == 0 {
                decoder.raw(at).ok_or(Error::Corrupt {
                    what: "window without symbols is no escape",
                })?;
                shape.digits() as usize
            } else {
                1
            };
        }
        Ok(decoder)
    }

    /// The symbol of the escape that begins with that window.
    fn raw(&self, at: usize) -> Option<u32> {
        let windows = at..at + self.shape.digits() as usize;
        let counts = self.counts.get(windows.clone())?;
        let digits = self.values.get(windows)?;
        let empty = counts.iter().all(|&count| count == 0);
        empty.then(|| self.shape.unescape(digits)).flatten()
    }

    /// How many symbols there are in all.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.symbols
    }

    /// Begins the next symbol, if there is one.
    pub fn begin(&mut self) -> Option<Next> {
        if self.left == 0 {
            let (&value, &count) = (self.values.get(self.at)?, self.counts.get(self.at)?);
            if count == 0 {
                let raw = self.raw(self.at)?;
                self.at += self.shape.digits() as usize;
                return Some(Next::Raw(raw));
            }
            self.at += 1;
            self.left = count;
            self.code = u64::from(value) << (FIXED_BITS - self.shape.bits);
            self.range = WHOLE;
        }
        self.left -= 1;
        Some(Next::Coded)
    }

    /// The slot out of `1 << precision` that the interval of the symbol holds; at most 28 bits.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // a slot is less than 1 << precision, for code is less than range
    pub fn slot(&self, precision: u32) -> u32 {
        // The last one with `below(range, slot) <= code`.
        let limit = (u128::from(self.code) + 1) << precision;
        ((limit - 1) / self.range) as u32
    }

    /// Goes on inside of the interval that holds the slot.
    ///
    /// # Errors
    /// [`Error::Parameter`] when it does not, or precision or interval are out of range.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // what lies below the code fits as the code does
    pub fn narrow(&mut self, interval: Interval, precision: u32) -> Result<()> {
        check_precision(precision)?;
        interval.check(precision)?;
        let start = below(self.range, interval.start, precision);
        let end = below(self.range, interval.start + interval.freq, precision);
        if !(start..end).contains(&u128::from(self.code)) {
            return Err(Error::Parameter {
                what: "interval: the one that holds the slot",
            });
        }
        self.code -= start as u64;
        self.range = end - start;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
