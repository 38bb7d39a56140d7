//! Rows of floats as integer weights: `floor(x · 2^(27 − e))`, `2^e` at or below the largest entry.
//!
//! 28 bits lose nothing that the slots would keep, and let 256 weights add up below 2^36, where the
//! keys of the quantizer fit in 64 bits at every precision. The work is done on the bits of the floats, by
//! shifts: no rounding mode and no treatment of subnormal numbers can change the result.

use super::simd;
use super::sums::Weight;
use crate::{Error, Result};

/// Place of the highest bit of the largest weight of a row.
const TOP_BIT: u32 = 27;

/// A float type that can be turned into integer weights.
pub(super) trait Float: Copy {
    /// Fills `weights` with the integer weights of a row.
    fn fill(row: &[Self], weights: &mut Vec<u32>) -> Result<()>;
}

/// Fills `weights` with the integer weights of a row.
#[inline(always)]
pub(super) fn integers<F: Float>(row: &[F], weights: &mut Vec<u32>) -> Result<()> {
    F::fill(row, weights)
}

#[cold]
fn no_distribution() -> Error {
    Error::Model {
        what: "an entry of a row of floats is negative, infinite or not a number",
    }
}

macro_rules! float {
    ($float:ty, $bits:ty) => {
        impl Float for $float {
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation)] // a weight has at most 28 bits
            fn fill(row: &[Self], weights: &mut Vec<u32>) -> Result<()> {
                const FRACTION: u32 = <$float>::MANTISSA_DIGITS - 1;
                const HIDDEN: $bits = 1 << FRACTION;
                const MINUS_ZERO: $bits = 1 << (<$bits>::BITS - 1);
                // Bits are ordered as values are. Without the negative entries, only minus zero has a sign.
                let order = |x: &$float| x.to_bits().cast_signed().max(0).cast_unsigned();
                let negative = |x: &$float| x.to_bits() > MINUS_ZERO;
                // A number is `significand · 2^exponent`, up to a constant of the type.
                let exponent = |order: $bits| (order >> FRACTION).max(1);
                let significand = |order: $bits| {
                    let hidden = if order < HIDDEN { 0 } else { HIDDEN };
                    (order & (HIDDEN - 1)) | hidden
                };
                let largest = row.iter().map(order).fold(0, <$bits>::max);
                let any_negative = row.iter().fold(false, |any, x| any | negative(x));
                if any_negative || largest >= <$float>::INFINITY.to_bits() {
                    return Err(no_distribution());
                }
                weights.clear();
                let top = significand(largest).max(1).ilog2();
                let left = TOP_BIT.saturating_sub(top);
                let right = <$bits>::from(top.saturating_sub(TOP_BIT)) + exponent(largest);
                weights.extend(row.iter().map(|x| {
                    let order = order(x);
                    let shift = (right - exponent(order)).min(<$bits>::from(<$bits>::BITS - 1));
                    ((significand(order) << left) >> shift) as u32
                }));
                Ok(())
            }
        }

        impl Weight for $float {
            type Int = u32;

            #[inline]
            fn integers<'a>(row: &'a [Self], buffer: &'a mut Vec<u32>) -> Result<&'a [u32]> {
                simd::integers(row, buffer)?;
                Ok(buffer)
            }
        }
    };
}

float!(f32, u32);
float!(f64, u64);
