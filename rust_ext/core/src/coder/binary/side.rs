//! One description for both directions: bits are coded under their probabilities, whichever side does it.

use super::{BinaryDecoder, BinaryEncoder};
use crate::{Error, Result};

/// Codes bits, which are known when encoding.
pub trait Side {
    /// Codes a bit that is a one with a probability of `p1`; returns it. When decoding, `bit` does not count.
    fn code(&mut self, bit: u32, p1: u32) -> u32;

    /// Checks that a payload, which is `what`, has not ended.
    ///
    /// # Errors
    /// [`Error::Truncated`] when it has.
    fn goes_on(&self, what: &'static str) -> Result<()>;
}

impl Side for BinaryEncoder {
    #[inline(always)]
    fn code(&mut self, bit: u32, p1: u32) -> u32 {
        self.encode(bit, p1);
        bit
    }

    fn goes_on(&self, _what: &'static str) -> Result<()> {
        Ok(())
    }
}

impl Side for BinaryDecoder<'_> {
    #[inline(always)]
    fn code(&mut self, _bit: u32, p1: u32) -> u32 {
        self.decode(p1)
    }

    fn goes_on(&self, what: &'static str) -> Result<()> {
        if self.is_exhausted() {
            return Err(Error::Truncated { what });
        }
        Ok(())
    }
}

/// Learns, and codes nothing.
pub struct Ahead;

impl Side for Ahead {
    fn code(&mut self, bit: u32, _p1: u32) -> u32 {
        bit
    }

    fn goes_on(&self, _what: &'static str) -> Result<()> {
        Ok(())
    }
}
