//! Binary arithmetic coder with 22-bit probabilities.
//!
//! A carry-propagating range coder (G. N. N. Martin 1979; carry handling by walking back over the
//! output that is already written) with a 64-bit range that is renormalized by 32-bit words, so that
//! the renormalization branch is taken once in about 32 coded bits. First in, first out: an adaptive
//! model runs forward in both directions.
//!
//! The range stays in `[2^32, 2^64)` and the product is taken in 128 bits, so that the split is exact to
//! 2^-32 of the range. The encoder drops zero bytes at the end of its final state of eight bytes; the decoder
//! reads zeros past the end, and [`BinaryDecoder::finish`] checks that it has read exactly what the
//! encoder wrote.

use crate::{Error, Result};

/// Number of bits of a probability.
pub const PROB_BITS: u32 = 22;
/// Probability one; probabilities given to the coder are in `1..PROB_ONE`.
pub const PROB_ONE: u32 = 1 << PROB_BITS;

const MIN_RANGE: u64 = 1 << 32;
/// Bytes that the final state occupies: the decoder starts by reading as many.
const STATE_BYTES: usize = 8;

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the product is below 2^86, so the shifted value is below `range`
fn split(range: u64, p1: u32) -> u64 {
    debug_assert!(p1 > 0 && p1 < PROB_ONE);
    ((u128::from(range) * u128::from(p1)) >> PROB_BITS) as u64
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
            let (low, carry) = self.low.overflowing_add(bound);
            self.low = low;
            self.range -= bound;
            if carry {
                self.propagate_carry();
            }
        }
        if self.range < MIN_RANGE {
            self.emit_word();
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
        for byte in self.out.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }

    /// Bytes written so far, without the final state.
    #[must_use]
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Ends the payload with as few bytes as identify the final interval.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        // The value in [low, low + range) with the most zero bits at its end: the decoder supplies zeros.
        for zeros in (0..64).rev() {
            let mask = (1_u64 << zeros) - 1;
            let (sum, carry) = self.low.overflowing_add(mask);
            let value = sum & !mask;
            // `value - low` in the ring of 2^64 is exact because it is at most `mask`.
            if value.wrapping_sub(self.low) < self.range {
                if carry {
                    self.propagate_carry();
                }
                self.out.extend_from_slice(&value.to_be_bytes());
                break;
            }
        }
        for _ in 0..STATE_BYTES {
            if self.out.last() == Some(&0) {
                self.out.pop();
            }
        }
        self.out
    }
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
        if self.range < MIN_RANGE {
            self.code = (self.code << 32) | u64::from(self.next_word());
            self.range <<= 32;
        }
        u32::from(bit)
    }

    /// Tells whether more words were read than the encoder can have written: a decoder of a long
    /// stream asks now and then, so that a truncated payload ends the work early.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.position > self.payload.len() + STATE_BYTES
    }

    /// Checks that the payload was used up: the second check beside the checksum.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the payload is too short, [`Error::Corrupt`] when bytes are left over or
    /// the payload ends in a zero byte, which no encoder writes.
    pub fn finish(self) -> Result<()> {
        if self.is_exhausted() {
            return Err(Error::Truncated {
                what: "binary arithmetic coder",
            });
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
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(bits: &[(u32, u32)]) -> usize {
        let mut encoder = BinaryEncoder::new();
        for &(bit, p1) in bits {
            encoder.encode(bit, p1);
        }
        let payload = encoder.finish();
        let mut decoder = BinaryDecoder::new(&payload);
        for (i, &(bit, p1)) in bits.iter().enumerate() {
            assert_eq!(decoder.decode(p1), bit, "bit {i}");
        }
        decoder.finish().unwrap();
        payload.len()
    }

    proptest! {
        #[test]
        fn round_trips(bits in prop::collection::vec((0_u32..2, prop_oneof![
            1..PROB_ONE, Just(1), Just(PROB_ONE - 1)
        ]), 0..2000)) {
            round_trip(&bits);
        }
    }

    #[test]
    fn certain_bits_cost_almost_nothing() {
        let bits = vec![(1, PROB_ONE - 1); 1_000_000];
        assert!(round_trip(&bits) <= 2);
    }

    #[test]
    fn empty_payload_holds_no_bits() {
        assert_eq!(round_trip(&[]), 0);
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let mut encoder = BinaryEncoder::new();
        for i in 0..100 {
            encoder.encode(i & 1, PROB_ONE / 2);
        }
        let mut payload = encoder.finish();
        payload.extend_from_slice(&[1; 9]);
        let mut decoder = BinaryDecoder::new(&payload);
        for _ in 0..100 {
            decoder.decode(PROB_ONE / 2);
        }
        assert!(matches!(decoder.finish(), Err(Error::Corrupt { .. })));
    }
}
