//! From logits to weights: powers of two, of which the fraction is by table.

mod simd;

use super::tensors::Tensors;
use super::vectors::Vectors;
use crate::{Error, Result};

/// Bits of the fraction of a logit: logits count 1/1024 bit.
const FRACTION: i32 = 10;
/// The largest weight.
const MAX_WEIGHT: i32 = 1 << 23;
/// Nothing is left of a weight behind so many bits.
const MAX_SHIFT: i32 = 31;

/// The table of powers: weights for logits that are a fraction below the largest.
#[derive(Debug, Clone)]
pub struct Exp2(Box<[i32; 1 << FRACTION]>);

impl Exp2 {
    /// Takes the tensor `exp2`.
    ///
    /// # Errors
    /// [`Error::Weights`] when it is missing, has another length, or values out of range.
    pub fn take(tensors: &Tensors<'_>) -> Result<Self> {
        let powers = Self(tensors.table("exp2")?);
        if powers.0.iter().all(|p| (1..=MAX_WEIGHT).contains(p)) {
            Ok(powers)
        } else {
            Err(Error::Weights {
                what: "table of a function",
            })
        }
    }

    /// Sets `weights` by logits, from 1 on.
    #[inline]
    pub fn weigh(&self, logits: &[i32], weights: &mut [u32]) {
        let most = logits.iter().copied().max().unwrap_or(0);
        simd::weigh(Vectors::best(), self, (logits, most), weights);
    }
}
