//! Binary arithmetic coder with 22-bit probabilities.
//!
//! A carry-propagating range coder (G. N. N. Martin 1979; carry handling by walking back over the
//! output that is already written) with a 64-bit range that is renormalized by 32-bit words, so that
//! the renormalization branch is taken once in about 32 coded bits. First in, first out: an adaptive
//! model runs forward in both directions.
//!
//! The range stays in `[2^32, 2^64)` and the product is taken in 128 bits, so that the split is exact to
//! 2^-32 of the range. Bits and symbols may be mixed: an [`Interval`] narrows the range in the same way, and
//! costs a message fewer bytes than the final states of the [`super::rans`] stack. The encoder drops zero bytes at the end of its final state of eight bytes; the decoder
//! reads zeros past the end, and [`BinaryDecoder::finish`] checks that it has read exactly what the
//! encoder wrote.

mod side;
mod slices;

pub use side::{Ahead, Side};

use super::{carry_into, check_precision, Interval};
use crate::{Error, Result};

/// Number of bits of a probability.
pub const PROB_BITS: u32 = 22;
/// Probability one; probabilities given to the coder are in `1..PROB_ONE`.
pub const PROB_ONE: u32 = 1 << PROB_BITS;

const MIN_RANGE: u64 = 1 << 32;
const TRUNCATED: Error = Error::Truncated {
    what: "binary arithmetic coder",
};
/// Bytes that the final state occupies: the decoder starts by reading as many.
const STATE_BYTES: usize = 8;

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the product is below 2^86, so the shifted value is below `range`
fn split(range: u64, p1: u32) -> u64 {
    debug_assert!(p1 > 0 && p1 < PROB_ONE);
    ((u128::from(range) * u128::from(p1)) >> PROB_BITS) as u64
}

/// The part of `range` that lies below `slot` out of `1 << precision`.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // slot <= 1 << precision, so the result is at most `range`
fn below(range: u64, slot: u64, precision: u32) -> u64 {
    ((u128::from(range) * u128::from(slot)) >> precision) as u64
}

/// Encodes bits, each under a probability of its own.
#[derive(Debug, Clone)]
pub struct BinaryEncoder {
    low: u64,
    range: u64,
    out: Vec<u8>,
}

impl Default for BinaryEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryEncoder {
    /// Creates an encoder with an empty payload.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// Creates an encoder whose payload buffer holds `bytes` without growing.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            low: 0,
            range: u64::MAX,
            out: Vec::with_capacity(bytes),
        }
    }

    /// Encodes `bit` (0 or 1); `p1` is the probability of a one, `1..PROB_ONE`.
    #[inline(always)]
    pub fn encode(&mut self, bit: u32, p1: u32) {
        let bound = split(self.range, p1);
        if bit != 0 {
            self.range = bound;
        } else {
            self.advance_low(bound);
            self.range -= bound;
        }
        if self.range < MIN_RANGE {
            self.emit_word();
        }
    }

    /// Encodes a symbol as its interval of `1 << precision` slots.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the precision or the interval is out of range.
    #[inline]
    pub fn encode_interval(&mut self, interval: Interval, precision: u32) -> Result<()> {
        check_precision(precision)?;
        interval.check(precision)?;
        let start = u64::from(interval.start);
        // A range of at least 2^32 leaves at least 2^4 - 1 to one slot of 2^28: one word restores it.
        let low = below(self.range, start, precision);
        let high = below(self.range, start + u64::from(interval.freq), precision);
        self.advance_low(low);
        self.range = high - low;
        if self.range < MIN_RANGE {
            self.emit_word();
        }
        Ok(())
    }

    #[inline(always)]
    fn advance_low(&mut self, distance: u64) {
        let (low, carry) = self.low.overflowing_add(distance);
        self.low = low;
        if carry {
            self.propagate_carry();
        }
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the high word of a u64 fits in u32
    fn emit_word(&mut self) {
        self.out
            .extend_from_slice(&((self.low >> 32) as u32).to_be_bytes());
        self.low <<= 32;
        self.range <<= 32;
    }

    #[cold]
    fn propagate_carry(&mut self) {
        carry_into(&mut self.out);
    }

    /// Bytes written so far, without the final state.
    #[must_use]
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Ends the payload with as few bytes as identify the final interval.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let (value, carry) = roundest(self.low, self.range);
        if carry {
            self.propagate_carry();
        }
        self.out.extend_from_slice(&value.to_be_bytes());
        for _ in 0..STATE_BYTES {
            if self.out.last() == Some(&0) {
                self.out.pop();
            }
        }
        self.out
    }
}

/// The value in `low..low + range` with the most zero bits at its end, modulo 2^64, and whether it passed 2^64.
fn roundest(low: u64, range: u64) -> (u64, bool) {
    for zeros in (1..64).rev() {
        let mask = (1_u64 << zeros) - 1;
        let (sum, carry) = low.overflowing_add(mask);
        let value = sum & !mask;
        // `value - low` in the ring of 2^64 is exact because it is at most `mask`.
        if value.wrapping_sub(low) < range {
            return (value, carry);
        }
    }
    (low, false)
}

/// Decodes what [`BinaryEncoder`] wrote, given the same probabilities.
#[derive(Debug, Clone)]
pub struct BinaryDecoder<'a> {
    /// Distance of the code value from the low end of the interval.
    code: u64,
    range: u64,
    payload: &'a [u8],
    position: usize,
}

/// A [`BinaryDecoder`] without its payload.
#[derive(Debug, Clone, Copy)]
pub struct Paused {
    code: u64,
    range: u64,
    position: usize,
}

impl Paused {
    /// Goes on decoding; `payload` must be the one that was decoded before.
    #[must_use]
    pub fn resume(self, payload: &[u8]) -> BinaryDecoder<'_> {
        BinaryDecoder {
            code: self.code,
            range: self.range,
            payload,
            position: self.position,
        }
    }
}

impl<'a> BinaryDecoder<'a> {
    /// Starts at the first byte of `payload`.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        let mut decoder = Self {
            code: 0,
            range: u64::MAX,
            payload,
            position: 0,
        };
        for _ in 0..2 {
            decoder.code = (decoder.code << 32) | u64::from(decoder.next_word());
        }
        decoder
    }

    #[inline(always)]
    fn next_word(&mut self) -> u32 {
        let position = self.position;
        self.position += 4;
        if let Some(bytes) = self.payload.get(position..position + 4) {
            u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        } else {
            self.last_word(position)
        }
    }

    #[cold]
    fn last_word(&self, position: usize) -> u32 {
        let mut word = [0; 4];
        for (slot, &byte) in word
            .iter_mut()
            .zip(self.payload.get(position..).unwrap_or_default())
        {
            *slot = byte;
        }
        u32::from_be_bytes(word)
    }

    /// Decodes one bit; `p1` is the probability of a one, `1..PROB_ONE`.
    #[inline(always)]
    pub fn decode(&mut self, p1: u32) -> u32 {
        let bound = split(self.range, p1);
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        self.refill();
        u32::from(bit)
    }

    /// Sets the payload aside, for an owner that cannot keep a reference to it.
    #[must_use]
    pub fn pause(self) -> Paused {
        Paused {
            code: self.code,
            range: self.range,
            position: self.position,
        }
    }

    #[inline(always)]
    fn refill(&mut self) {
        if self.range < MIN_RANGE {
            self.code = (self.code << 32) | u64::from(self.next_word());
            self.range <<= 32;
        }
    }

    /// The slot of the symbol that comes next.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the precision is out of range.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the minimum has at most 28 bits
    pub fn peek(&self, precision: u32) -> Result<u32> {
        check_precision(precision)?;
        // The largest slot whose part of the range lies at or below the code: (slot · range) >> B <= code.
        let scaled = ((u128::from(self.code) + 1) << precision) - 1;
        let slot = scaled / u128::from(self.range.max(1));
        // Only a payload that no encoder wrote has a code outside the range.
        Ok(slot.min((1 << precision) - 1) as u32)
    }

    /// Takes the symbol off; `interval` must hold the slot that [`BinaryDecoder::peek`] gave.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the precision or the interval is out of range, [`Error::Truncated`] when
    /// more was read than the encoder can have written, so that a loop over symbols ends.
    #[inline]
    pub fn advance(&mut self, interval: Interval, precision: u32) -> Result<()> {
        check_precision(precision)?;
        interval.check(precision)?;
        let start = u64::from(interval.start);
        let low = below(self.range, start, precision);
        let high = below(self.range, start + u64::from(interval.freq), precision);
        if self.code < low || (high..self.range).contains(&self.code) {
            return Err(Error::Parameter {
                what: "interval: must hold the slot that comes next",
            });
        }
        self.code -= low;
        self.range = high - low;
        self.refill();
        if self.is_exhausted() {
            return Err(TRUNCATED);
        }
        Ok(())
    }

    /// Tells whether more words were read than the encoder can have written: a decoder of a long
    /// stream asks now and then, so that a truncated payload ends the work early.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.position > self.payload.len() + STATE_BYTES
    }

    /// Checks that the payload is the one that the encoder writes for what was decoded: the second check
    /// beside the checksum.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the payload is too short, [`Error::Corrupt`] when bytes are left over, the
    /// last bytes are not the shortest ones, or the payload ends in a zero byte that an encoder drops.
    pub fn finish(self) -> Result<()> {
        if self.is_exhausted() {
            return Err(TRUNCATED);
        }
        if self.position < self.payload.len() {
            return Err(Error::Corrupt {
                what: "bytes after the last bit",
            });
        }
        let dropped_less_than_state = self.position < self.payload.len() + STATE_BYTES;
        if dropped_less_than_state && self.payload.last() == Some(&0) {
            return Err(Error::Corrupt {
                what: "zero byte at the end of the payload",
            });
        }
        // The last eight bytes that were read, seen as a number, are `low + code`.
        let last = self.payload.get(self.position - STATE_BYTES..);
        let mut state = [0; STATE_BYTES];
        for (slot, &byte) in state.iter_mut().zip(last.unwrap_or_default()) {
            *slot = byte;
        }
        let value = u64::from_be_bytes(state);
        if roundest(value.wrapping_sub(self.code), self.range).0 != value {
            return Err(Error::Corrupt {
                what: "last bytes are not those of the last interval",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
