//! Rows of floats as integer weights: `floor(x · 2^(27 − e))`, `2^e` at or below the largest entry.
//!
//! 28 bits lose nothing that the slots would keep, and let 256 weights add up below 2^36, where the
//! keys of the quantizer fit in 64 bits at every precision.

use super::simd;
use super::sums::Weight;
use crate::{Error, Result};

/// Bits of the largest weight of a row.
const WEIGHT_BITS: i32 = 28;

/// A float type seen as sign, exponent and significand.
pub(super) trait Float: Copy {
    /// The bits, with minus zero replaced by zero: ordered as the values are, and every entry that is
    /// negative, infinite or NaN is at or above [`Float::INFINITY`].
    fn order(self) -> u64;
    /// The largest [`Float::order`] of a row, zero for an empty one.
    fn largest(row: &[Self]) -> u64;
    /// [`Float::order`] of infinity.
    const INFINITY: u64;
    /// Bits of the significand without its hidden bit.
    const SIGNIFICAND_BITS: u32;
    /// Added to the exponent of a normal number.
    const BIAS: i32;
    /// The product with a power of two whose result is below 2^28, without its fraction.
    fn scaled(self, factor: Self) -> u32;
    /// The power of two of this exponent, which must be that of a normal number.
    fn power(exponent: i32) -> Self;
}

macro_rules! float {
    ($float:ty, $bits:ty, $significand:expr) => {
        impl Float for $float {
            const INFINITY: u64 = <$float>::INFINITY.to_bits() as u64;
            const SIGNIFICAND_BITS: u32 = $significand;
            const BIAS: i32 = <$float>::MAX_EXP - 1;

            #[inline(always)]
            fn order(self) -> u64 {
                Self::largest(&[self])
            }

            #[inline(always)]
            fn largest(row: &[Self]) -> u64 {
                const MINUS_ZERO: $bits = 1 << (<$bits>::BITS - 1);
                let order = |x: &Self| match x.to_bits() {
                    MINUS_ZERO => 0,
                    bits => bits,
                };
                u64::from(row.iter().map(order).fold(0, <$bits>::max))
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 <= product < 2^28
            fn scaled(self, factor: Self) -> u32 {
                (self * factor) as i32 as u32
            }

            #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // of a normal number
            fn power(exponent: i32) -> Self {
                Self::from_bits(((exponent + Self::BIAS) as $bits) << $significand)
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

float!(f32, u32, 23);
float!(f64, u64, 52);

/// Significand and exponent: a finite `x >= 0` is `significand · 2^exponent`.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // exponents have at most 11 bits
fn parts<F: Float>(order: u64) -> (u64, i32) {
    let exponent = (order >> F::SIGNIFICAND_BITS) as i32;
    let hidden = u64::from(exponent > 0) << F::SIGNIFICAND_BITS;
    let significand = (order & ((1 << F::SIGNIFICAND_BITS) - 1)) | hidden;
    (
        significand,
        exponent.max(1) - F::BIAS - F::SIGNIFICAND_BITS as i32,
    )
}

/// The exponent `e` of the rule for a row whose largest entry is `order`, not zero.
#[allow(clippy::cast_possible_wrap)] // at most 63
fn top_exponent<F: Float>(order: u64) -> i32 {
    let (significand, exponent) = parts::<F>(order);
    exponent + significand.ilog2() as i32
}

/// The rule in integers alone.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the result has at most 28 bits
fn weight<F: Float>(x: F, top: i32) -> u32 {
    let (significand, exponent) = parts::<F>(x.order());
    let shift = exponent + WEIGHT_BITS - 1 - top;
    if shift >= 0 {
        (significand << shift) as u32
    } else {
        significand.checked_shr(-shift as u32).unwrap_or(0) as u32
    }
}

/// Fills `weights` with the integer weights of a row.
#[inline(always)]
#[allow(clippy::unnecessary_wraps)]
pub(super) fn integers<F: Float>(row: &[F], weights: &mut Vec<u32>) -> Result<()> {
    let largest = F::largest(row);
    if largest >= F::INFINITY {
        return Err(Error::Model {
            what: "an entry of a row of floats is negative, infinite or not a number",
        });
    }
    weights.clear();
    if largest == 0 {
        weights.resize(row.len(), 0);
        return Ok(());
    }
    let top = top_exponent::<F>(largest);
    // An entry that counts is at least 2^(top - 27). Where that and the factor are normal numbers the
    // product is exact, whatever the processor does with subnormal ones.
    if top - (WEIGHT_BITS - 1) > -F::BIAS {
        let factor = F::power(WEIGHT_BITS - 1 - top);
        weights.extend(row.iter().map(|x| x.scaled(factor)));
    } else {
        weights.extend(row.iter().map(|&x| weight(x, top)));
    }
    Ok(())
}

/// The integer weights of a row by the rule in integers alone: what the fast path must equal.
#[cfg(test)]
pub(super) fn integers_exact<F: Float>(row: &[F]) -> Vec<u32> {
    let largest = F::largest(row);
    if largest == 0 {
        return vec![0; row.len()];
    }
    let top = top_exponent::<F>(largest);
    row.iter().map(|&x| weight(x, top)).collect()
}
