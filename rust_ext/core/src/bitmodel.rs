//! The interface between a binary model and the loops that code with it.

use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
use crate::Result;

/// A model of bits: predicts, then learns the bit that came.
pub trait BitModel {
    /// Probability that the next bit is a one: `1..PROB_ONE`, 22 bits.
    fn p(&self) -> u32;
    /// Learns the bit (0 or 1) and prepares the next prediction.
    fn update(&mut self, bit: u32);
}

/// Encodes `symbols`, most significant bit first, under `model`.
#[must_use]
pub fn encode_bytes<M: BitModel>(model: &mut M, symbols: &[u8]) -> Vec<u8> {
    let mut encoder = BinaryEncoder::with_capacity(symbols.len() / 4);
    for &symbol in symbols {
        for shift in (0..8).rev() {
            let bit = u32::from(symbol >> shift) & 1;
            encoder.encode(bit, model.p());
            model.update(bit);
        }
    }
    encoder.finish()
}

/// Decodes `count` bytes; the output grows as it is decoded, never by the claim alone.
///
/// # Errors
/// Those of [`BinaryDecoder::finish`]; a payload that ends early is noticed within a few symbols.
pub fn decode_bytes<M: BitModel>(model: &mut M, payload: &[u8], count: usize) -> Result<Vec<u8>> {
    let mut decoder = BinaryDecoder::new(payload);
    let mut symbols = Vec::with_capacity(count.min(1 << 20));
    while symbols.len() < count && !decoder.is_exhausted() {
        let mut symbol = 0;
        for _ in 0..8 {
            let bit = decoder.decode(model.p());
            model.update(bit);
            symbol = (symbol << 1) | u8::from(bit != 0);
        }
        symbols.push(symbol);
    }
    decoder.finish()?;
    Ok(symbols)
}
