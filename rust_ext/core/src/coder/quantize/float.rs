//! Rows of floats as integer weights: `floor(x · 2^(27 − e))`, `2^e` at or below the largest entry.
//!
//! 28 bits lose nothing that the slots would keep, and let 256 weights add up below 2^36, where the
//! keys of the quantizer fit in 64 bits at every precision. The portable code works on the bits of the
//! floats, by shifts: no rounding mode and no treatment of subnormal numbers can change the result.

use super::simd;
use super::sums::{self, Weight};
use crate::coder::binary::PROB_ONE;
use crate::{Error, Result};

/// Place of the highest bit of the largest weight of a row.
const TOP_BIT: u32 = 27;

/// A float type that can be turned into integer weights.
pub(super) trait Float: Copy + std::ops::Mul<Output = Self> {
    /// The bits, as a number.
    type Bits: Copy;
    /// Finds the bits of the largest entry, when all entries are finite and none is negative.
    fn largest(row: &[Self]) -> Result<Self::Bits>;
    /// Appends the weights of a row to `weights`, given its largest entry.
    fn fill(row: &[Self], largest: Self::Bits, weights: &mut Vec<u32>);
    /// The power of two that takes entries to weights, where it and every entry that does not become
    /// zero are normal numbers: then the product is exact but for what the floor drops.
    fn factor(largest: Self::Bits) -> Option<Self>;
}

/// Fills `weights` with the integer weights of a row.
#[inline(always)]
pub(super) fn integers<F: Float>(row: &[F], weights: &mut Vec<u32>) -> Result<()> {
    weights.clear();
    F::fill(row, F::largest(row)?, weights);
    Ok(())
}

/// Fills `weights` as [`integers`] does, and `sums` with the sum of the weights before each block; returns
/// the total.
#[inline(always)]
pub(super) fn blocks<F: Float>(
    row: &[F],
    weights: &mut Vec<u32>,
    sums: &mut Vec<u64>,
) -> Result<u64> {
    integers(row, weights)?;
    sums::block_sums(weights, sums)
}

#[cold]
fn no_distribution() -> Error {
    Error::Model {
        what: "an entry of a row of floats is negative, infinite or not a number",
    }
}

/// Turns probabilities of a one into the integers of the binary coder: `p · 2^22` without its fraction, but
/// at least 1 and at most `2^22 - 1`.
///
/// # Errors
/// [`Error::Model`] when a probability is below 0, above 1, or not a number.
pub fn bit_probabilities(p1s: &[f64]) -> Result<Vec<u32>> {
    p1s.iter()
        .map(|&p1| {
            if !(0.0..=1.0).contains(&p1) {
                return Err(Error::Model {
                    what: "probability of a bit is not from 0 to 1",
                });
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 2^22
            let p1 = (p1 * f64::from(PROB_ONE)) as u32;
            Ok(p1.clamp(1, PROB_ONE - 1))
        })
        .collect()
}

macro_rules! float {
    ($float:ty, $bits:ty) => {
        impl Float for $float {
            type Bits = $bits;

            #[inline(always)]
            fn largest(row: &[Self]) -> Result<$bits> {
                const MINUS_ZERO: $bits = 1 << (<$bits>::BITS - 1);
                // Bits are ordered as values are, but that those with a sign come last.
                let mut largest = row.iter().map(|x| x.to_bits()).fold(0, <$bits>::max);
                if largest == MINUS_ZERO {
                    let plus = row.iter().map(|x| x.to_bits()).filter(|&b| b != MINUS_ZERO);
                    largest = plus.fold(0, <$bits>::max);
                }
                if largest < <$float>::INFINITY.to_bits() {
                    Ok(largest)
                } else {
                    Err(no_distribution())
                }
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation)] // a weight has at most 28 bits
            fn fill(row: &[Self], largest: $bits, weights: &mut Vec<u32>) {
                const FRACTION: u32 = <$float>::MANTISSA_DIGITS - 1;
                const HIDDEN: $bits = 1 << FRACTION;
                // A number is `significand · 2^exponent`, up to a constant of the type.
                let exponent = |bits: $bits| (bits >> FRACTION).max(1);
                let significand = |bits: $bits| {
                    let hidden = if bits < HIDDEN { 0 } else { HIDDEN };
                    (bits & (HIDDEN - 1)) | hidden
                };
                // Nothing but minus zero has a sign here.
                let plus_zero = |x: &$float| x.to_bits().cast_signed().max(0).cast_unsigned();
                let top = significand(largest).max(1).ilog2();
                let left = TOP_BIT.saturating_sub(top);
                let right = <$bits>::from(top.saturating_sub(TOP_BIT)) + exponent(largest);
                weights.extend(row.iter().map(|x| {
                    let bits = plus_zero(x);
                    let shift = (right - exponent(bits)).min(<$bits>::from(<$bits>::BITS - 1));
                    ((significand(bits) << left) >> shift) as u32
                }));
            }

            #[inline(always)]
            fn factor(largest: $bits) -> Option<Self> {
                const FRACTION: u32 = <$float>::MANTISSA_DIGITS - 1;
                const BIAS: $bits = <$float>::MAX_EXP as $bits - 1;
                const TOP: $bits = TOP_BIT as $bits;
                let exponent = largest >> FRACTION;
                // An entry that does not become zero has an exponent of at least `exponent - TOP`.
                (exponent > TOP).then(|| Self::from_bits((2 * BIAS + TOP - exponent) << FRACTION))
            }
        }

        impl Weight for $float {
            type Int = u32;

            #[inline]
            fn integers<'a>(row: &'a [Self], buffer: &'a mut Vec<u32>) -> Result<&'a [u32]> {
                simd::integers(row, buffer)?;
                Ok(buffer)
            }

            #[inline]
            fn blocks<'a>(
                row: &'a [Self],
                buffer: &'a mut Vec<u32>,
                sums: &mut Vec<u64>,
            ) -> Result<(&'a [u32], u64)> {
                let total = simd::float_blocks(row, buffer, sums)?;
                Ok((buffer, total))
            }
        }
    };
}

float!(f32, u32);
float!(f64, u64);
