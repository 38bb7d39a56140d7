//! Whole slices of bits and symbols.

use super::{BinaryDecoder, BinaryEncoder, PROB_ONE, TRUNCATED};
use crate::coder::quantize::{rows_of, Quantizer, Weight};
use crate::{Error, Result};

fn check_probabilities(p1s: &[u32]) -> Result<()> {
    if p1s.iter().all(|p1| (1..PROB_ONE).contains(p1)) {
        return Ok(());
    }
    Err(Error::Parameter {
        what: "probabilities: above 0 and below 1 << 22",
    })
}

impl BinaryEncoder {
    /// Encodes bits (0 or 1), each under its own probability.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the slices differ in length, a bit is above 1, or a probability is
    /// not `1..PROB_ONE`. Nothing is encoded then.
    pub fn encode_all(&mut self, bits: &[u8], p1s: &[u32]) -> Result<()> {
        check_probabilities(p1s)?;
        if bits.len() != p1s.len() || bits.iter().any(|&b| b > 1) {
            return Err(Error::Parameter {
                what: "bits: zeros and ones, as many as probabilities",
            });
        }
        for (&bit, &p1) in bits.iter().zip(p1s) {
            self.encode(bit.into(), p1);
        }
        Ok(())
    }

    /// Encodes each symbol under its own row of `alphabet` weights.
    ///
    /// # Errors
    /// Those of [`Quantizer::intervals`]. Nothing is encoded then.
    pub fn encode_rows<W: Weight>(
        &mut self,
        symbols: &[u32],
        rows: &[W],
        alphabet: usize,
        precision: u32,
    ) -> Result<()> {
        let intervals = Quantizer::new(precision)?.intervals(symbols, rows, alphabet)?;
        intervals
            .into_iter()
            .try_for_each(|interval| self.encode_interval(interval, precision))
    }
}

impl BinaryDecoder<'_> {
    /// Decodes a bit for each probability.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a probability is not `1..PROB_ONE`, [`Error::Truncated`] when more was
    /// read than the encoder can have written.
    pub fn decode_all(&mut self, p1s: &[u32]) -> Result<Vec<u8>> {
        check_probabilities(p1s)?;
        let mut bits = Vec::with_capacity(p1s.len());
        bits.extend(p1s.iter().map(|&p1| self.decode(p1).to_le_bytes()[0]));
        if self.is_exhausted() {
            return Err(TRUNCATED);
        }
        Ok(bits)
    }

    /// Decodes a symbol for each row of `alphabet` weights.
    ///
    /// # Errors
    /// Those of [`Quantizer::find`], and [`Error::Truncated`] when more was read than the encoder can have
    /// written.
    pub fn decode_rows<W: Weight>(
        &mut self,
        rows: &[W],
        alphabet: usize,
        precision: u32,
    ) -> Result<Vec<u32>> {
        let mut quantizer = Quantizer::new(precision)?;
        rows_of(rows, alphabet)?
            .map(|row| {
                let (symbol, interval) = quantizer.find(row, self.peek(precision)?)?;
                self.advance(interval, precision)?;
                Ok(symbol)
            })
            .collect()
    }
}
