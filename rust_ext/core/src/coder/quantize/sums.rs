//! Sums of weights, written so that the compiler can vectorize them.

use super::simd;
use crate::{Error, Result};

/// Weights in a block of the two-level search.
pub(super) const BLOCK: usize = 16;

/// An integer type of weights.
pub trait Integer: Copy + Into<u64> + Send + Sync + 'static {
    /// Whether a sum of fewer than 2^32 weights can pass 2^64.
    const CAN_OVERFLOW: bool;
}

impl Integer for u8 {
    const CAN_OVERFLOW: bool = false;
}
impl Integer for u16 {
    const CAN_OVERFLOW: bool = false;
}
impl Integer for u32 {
    const CAN_OVERFLOW: bool = false;
}
impl Integer for u64 {
    const CAN_OVERFLOW: bool = true;
}

/// A type of the entries of a row: an unsigned integer or a float.
pub trait Weight: Copy + Send + Sync + 'static {
    /// The integer type that entries of this type become.
    type Int: Integer;
    /// Returns the row as integer weights, by way of `buffer` where they must be computed.
    ///
    /// # Errors
    /// [`Error::Model`] when an entry is negative, infinite or NaN.
    fn integers<'a>(row: &'a [Self], buffer: &'a mut Vec<u32>) -> Result<&'a [Self::Int]>;
    /// Returns the row as integer weights, fills `sums` with the sum of those before each block of [`BLOCK`],
    /// and returns the sum of all.
    ///
    /// # Errors
    /// [`Error::Model`] when an entry is negative, infinite or NaN, or the weights add up to 2^64 or more.
    fn blocks<'a>(
        row: &'a [Self],
        buffer: &'a mut Vec<u32>,
        sums: &mut Vec<u64>,
    ) -> Result<(&'a [Self::Int], u64)>;
}

impl<T: Integer> Weight for T {
    type Int = T;

    #[inline(always)]
    fn integers<'a>(row: &'a [Self], _: &'a mut Vec<u32>) -> Result<&'a [Self::Int]> {
        Ok(row)
    }

    #[inline(always)]
    fn blocks<'a>(
        row: &'a [Self],
        _: &'a mut Vec<u32>,
        sums: &mut Vec<u64>,
    ) -> Result<(&'a [Self::Int], u64)> {
        let total = simd::block_sums(row, sums)?;
        Ok((row, total))
    }
}

#[cold]
fn overflow() -> Error {
    Error::Model {
        what: "weights of a row add up to 2^64 or more",
    }
}

#[inline(always)]
pub(super) fn add(a: u64, b: u64) -> Result<u64> {
    a.checked_add(b).ok_or_else(overflow)
}

/// The sum of a row.
#[inline(always)]
pub(super) fn sum<W: Integer>(row: &[W]) -> Result<u64> {
    if W::CAN_OVERFLOW {
        return row.iter().try_fold(0, |sum, &w| add(sum, w.into()));
    }
    Ok(row.iter().map(|&w| -> u64 { w.into() }).sum())
}

/// Fills `sums` with the sum of the weights before each block, and returns the total.
#[inline(always)]
pub(super) fn block_sums<W: Integer>(row: &[W], sums: &mut Vec<u64>) -> Result<u64> {
    sums.clear();
    let mut before = 0;
    let blocks = row.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    for block in blocks {
        sums.push(before);
        before = add(before, sum(block)?)?;
    }
    if !rest.is_empty() {
        sums.push(before);
        before = add(before, sum(rest)?)?;
    }
    Ok(before)
}
