//! Code lengths without code.

use crate::coder::binary::{BinaryDecoder, BinaryEncoder, Side, PROB_ONE};
use crate::Result;

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

/// Adds up code lengths.
#[derive(Debug, Default)]
pub struct Length {
    /// Bits of rows, of values, and of rows of the second half.
    bits: [f64; 3],
    /// Which of them come, and which rows.
    place: usize,
    rows: usize,
    /// Product of probabilities that are not added yet.
    product: f64,
}

impl Length {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self {
            product: 1.0,
            ..Self::default()
        }
    }

    fn add(&mut self) {
        self.bits[self.place] -= self.product.log2();
        self.product = 1.0;
    }

    /// Adds the last ones; returns bits of rows of the first half, of values, and of rows of the second half.
    pub fn finish(mut self) -> [f64; 3] {
        self.add();
        self.bits
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

    fn goes_on(&self, _what: &'static str) -> Result<()> {
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
