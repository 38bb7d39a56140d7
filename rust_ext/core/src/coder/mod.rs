//! Entropy coders: the only place where intervals become bits.
//!
//! | module | kind | for |
//! |---|---|---|
//! | [`binary`] | arithmetic coder, first in first out | models of bits, and short adaptive messages of symbols |
//! | [`message`] | arithmetic coder whose payload tells where it ends | short messages of bits |
//! | [`rans`] | rANS stack, last in first out | symbols under rows of weights; bits-back |
//! | [`bytes`] | static rANS on bytes, vectorized | bulk: columns, weights, anything that order 0 suits |
//! | [`windows`] | arithmetic coder, begun anew for each integer | texts as integers of equal information |
//! | [`counts`] | | adaptive counters of symbols and numbers, for the first |
//! | [`quantize`] | | turns weights into the [`Interval`]s of the first two, and counts into the tables of the third |

pub mod binary;
pub mod bytes;
pub mod counts;
pub mod message;
pub(crate) mod numbers;
pub mod quantize;
pub mod rans;
pub mod windows;

use crate::{Error, Result};

/// The largest precision of an interval: a power of two of `1 << 28` slots.
///
/// With a state of at least 2^31 the rANS coder then loses about 1e-5 of the code length; at 31 bits
/// it would lose 6e-4.
pub const MAX_PRECISION: u32 = 28;

/// Slots `start..start + freq` out of `1 << precision`: all that a coder knows of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// The first slot.
    pub start: u32,
    /// The number of slots, at least 1; the symbol costs `precision - log2(freq)` bits.
    pub freq: u32,
}

impl Interval {
    /// Checks that the interval is not empty and lies in `0..1 << precision`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when it does not.
    #[inline]
    pub fn check(self, precision: u32) -> Result<()> {
        let end = u64::from(self.start) + u64::from(self.freq);
        if self.freq == 0 || end > 1 << precision {
            return Err(Error::Parameter {
                what: "interval: start and freq with 1 <= freq and start + freq <= 1 << precision",
            });
        }
        Ok(())
    }

    #[inline(always)]
    fn contains(self, slot: u32) -> bool {
        slot.wrapping_sub(self.start) < self.freq
    }
}

/// Checks a precision that comes from outside.
///
/// # Errors
/// [`Error::Parameter`] unless it is `1..=MAX_PRECISION`.
#[inline]
pub fn check_precision(precision: u32) -> Result<()> {
    if (1..=MAX_PRECISION).contains(&precision) {
        Ok(())
    } else {
        Err(Error::Parameter {
            what: "precision: 1 to 28 bits",
        })
    }
}

/// Adds one to the number that bytes are, the last one its lowest.
fn carry_into(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}
