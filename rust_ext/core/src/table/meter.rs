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
}

impl Meter for BinaryEncoder {}

impl Meter for BinaryDecoder<'_> {}

/// Adds up code lengths, until they are longer than allowed.
#[derive(Debug, Default)]
pub struct Length {
    /// Bits of rows, of values, and of rows of the second half.
    bits: [f64; 3],
    /// How much each of these counts, and how much all of them may be.
    weights: [f64; 3],
    most: f64,
    /// Which of them come, and which rows.
    place: usize,
    rows: usize,
    /// Product of probabilities that are not added yet.
    product: f64,
}

impl Length {
    /// Starts with nothing; ends in an error when the bits of rows, of values and of rows of the second half, each times its
    /// weight, are more than `most`.
    pub fn new(weights: [f64; 3], most: f64) -> Self {
        Self {
            weights,
            most,
            product: 1.0,
            ..Self::default()
        }
    }

    fn add(&mut self) {
        self.bits[self.place] -= self.product.log2();
        self.product = 1.0;
    }

    /// The bits so far, each times its weight.
    pub fn total(&self) -> f64 {
        let last = self.weights[self.place] * -self.product.log2();
        let sums = self.bits.iter().zip(self.weights);
        sums.map(|(bits, weight)| bits * weight).sum::<f64>() + last
    }

    /// Whether they are more than they may be.
    pub fn is_over(&self) -> bool {
        self.total() > self.most
    }
}

impl Side for Length {
    #[inline(always)]
    fn code(&mut self, bit: u32, p1: u32) -> u32 {
        let p1 = f64::from(p1) / f64::from(PROB_ONE);
        self.product *= if bit == 0 { 1.0 - p1 } else { p1 };
        if self.product < 1e-200 {
            self.add();
        }
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
        self.add();
        self.place = if values { 1 } else { self.rows };
    }

    fn half(&mut self) {
        self.rows = 2;
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
}
