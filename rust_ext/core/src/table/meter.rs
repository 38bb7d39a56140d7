//! Code lengths without code.

use crate::coder::binary::{BinaryDecoder, BinaryEncoder, Side, PROB_ONE};
use crate::{Error, Result};

/// Is told whether what comes tells of values, or of rows.
pub trait Meter {
    /// See [`Meter`].
    fn tell(&mut self, values: bool) {
        let _ = values;
    }

    /// Is told that half of the rows are coded.
    fn half(&mut self) {}

    /// Is told which row comes next.
    fn row(&mut self, at: usize) {
        let _ = at;
    }
}

impl Meter for BinaryEncoder {}

impl Meter for BinaryDecoder<'_> {}

/// A sum of code lengths.
#[derive(Debug, Clone, Copy)]
struct Bits {
    sum: f64,
    /// Product of probabilities that are not added yet: one logarithm for many of them.
    product: f64,
}

impl Bits {
    const NONE: Self = Self {
        sum: 0.0,
        product: 1.0,
    };

    #[inline(always)]
    fn add(&mut self, bit: u32, p1: u32) {
        let p1 = f64::from(p1) / f64::from(PROB_ONE);
        self.product *= if bit == 0 { 1.0 - p1 } else { p1 };
        if self.product < 1e-200 {
            self.sum = self.total();
            self.product = 1.0;
        }
    }

    fn total(self) -> f64 {
        self.sum - self.product.log2()
    }
}

/// Adds up code lengths, until they are longer than allowed.
#[derive(Debug)]
pub struct Length {
    /// Bits of rows, of values, and of rows of the second half.
    bits: [Bits; 3],
    /// How much each of these counts, and how much all of them may be.
    weights: [f64; 3],
    most: f64,
    /// Which of them come, and which rows.
    place: usize,
    rows: usize,
}

impl Length {
    /// Starts with nothing; ends in an error when the bits of rows, of values and of rows of the second half, each times its
    /// weight, are more than `most`.
    pub fn new(weights: [f64; 3], most: f64) -> Self {
        Self {
            bits: [Bits::NONE; 3],
            weights,
            most,
            place: 0,
            rows: 0,
        }
    }

    /// The bits so far, each times its weight.
    pub fn total(&self) -> f64 {
        let sums = self.bits.iter().zip(self.weights);
        sums.map(|(bits, weight)| bits.total() * weight).sum()
    }

    /// Whether they are more than they may be.
    pub fn is_over(&self) -> bool {
        self.total() > self.most
    }
}

impl Side for Length {
    #[inline(always)]
    fn code(&mut self, bit: u32, p1: u32) -> u32 {
        self.bits[self.place].add(bit, p1);
        bit
    }

    fn goes_on(&self, what: &'static str) -> Result<()> {
        if self.is_over() {
            return Err(Error::Limit { what });
        }
        Ok(())
    }
}

impl Meter for Length {
    fn tell(&mut self, values: bool) {
        self.place = if values { 1 } else { self.rows };
    }

    fn half(&mut self) {
        self.rows = 2;
    }
}

/// Places at which ways are compared, about, and the bits that one may be behind the other before the end.
const LOOKS: usize = 128;
const BEHIND: f64 = 8.0;

/// Adds up code lengths beside those of another way, until they fall behind.
#[derive(Debug)]
pub struct Race<'a> {
    bits: Bits,
    /// Rows from one look to the next, and those that were coded.
    step: usize,
    rows: usize,
    /// Bits at each look, of this way and of the other.
    past: Vec<f64>,
    other: &'a [f64],
    is_behind: bool,
}

impl<'a> Race<'a> {
    /// Starts a way of coding so many rows, against another that took `other`; alone where that is empty.
    pub fn new(rows: usize, other: &'a [f64]) -> Self {
        Self {
            bits: Bits::NONE,
            step: rows.div_ceil(LOOKS).max(1),
            rows: 0,
            past: Vec::with_capacity(LOOKS + 1),
            other,
            is_behind: false,
        }
    }

    fn look(&mut self, behind: f64) {
        let bits = self.bits.total();
        let other = self.other.get(self.past.len());
        self.is_behind |= other.is_some_and(|&other| bits > other + behind);
        self.past.push(bits);
    }

    /// Rows that were coded.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether it fell behind.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Bits at each look and at the end; none if it fell behind.
    pub fn finish(mut self) -> Option<Vec<f64>> {
        self.look(0.0);
        (!self.is_behind).then_some(self.past)
    }
}

impl Side for Race<'_> {
    #[inline(always)]
    fn code(&mut self, bit: u32, p1: u32) -> u32 {
        self.bits.add(bit, p1);
        bit
    }

    fn goes_on(&self, what: &'static str) -> Result<()> {
        if self.is_behind {
            return Err(Error::Limit { what });
        }
        Ok(())
    }
}

impl Meter for Race<'_> {
    fn row(&mut self, at: usize) {
        self.rows = at;
        if at > 0 && at.is_multiple_of(self.step) {
            self.look(BEHIND);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends() {
        // One bit of rows, two of values with half the weight, one of the second half with three times.
        let mut side = Length::new([1.0, 0.5, 3.0], 4.0);
        side.code(1, PROB_ONE / 2);
        side.tell(true);
        side.code(0, 3 * (PROB_ONE / 4));
        assert!((side.total() - 2.0).abs() < 1e-6 && side.goes_on("").is_ok());
        side.half();
        side.tell(false);
        side.code(1, PROB_ONE / 2);
        assert!((side.total() - 5.0).abs() < 1e-6);
        assert!(side.is_over() && side.goes_on("").is_err());
    }

    /// Rows of one decision each, which is as likely as `p1` of 4.
    fn run(rows: usize, p1: u32, other: &[f64]) -> (usize, Option<Vec<f64>>) {
        let mut side = Race::new(rows, other);
        for at in 0..rows {
            side.row(at);
            if side.goes_on("").is_err() {
                break;
            }
            side.code(1, p1 * (PROB_ONE / 4));
        }
        (side.rows(), side.finish())
    }

    #[test]
    fn what_falls_behind_ends() {
        let (rows, first) = run(1000, 2, &[]);
        let first = first.unwrap();
        assert!(rows == 999 && (first.last().unwrap() - 1000.0).abs() < 1e-6);
        let (_, better) = run(1000, 3, &first);
        assert!((better.unwrap().last().unwrap() - 415.04).abs() < 0.01);
        let (rows, worse) = run(1000, 1, &first);
        assert!((8..=16).contains(&rows) && worse.is_none());
        // As good as the other is good enough; a little worse is not, though it does not end before.
        assert_eq!(run(1000, 2, &first).1.unwrap(), first);
        let less: Vec<f64> = first.iter().map(|bits| bits - 1.0).collect();
        assert_eq!(run(1000, 2, &less), (999, None));
    }
}
