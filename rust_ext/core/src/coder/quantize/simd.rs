//! The loops over a row, compiled a second time for AVX2.
//!
//! The vector versions are the same source as the portable ones: the integer operations and the product
//! with a power of two give the same result in any width and order.
#![allow(unsafe_code)]

use super::float::{self, Float};
use super::sums::{self, Integer, BLOCK};
use crate::Result;

macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident<$generic:ident: $bound:ident>($($arg:ident: $type:ty),*) -> $result:ty, $module:ident) => {
        $(#[$doc])*
        #[inline]
        pub(super) fn $name<$generic: $bound>($($arg: $type),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<$generic: $bound>($($arg: $type),*) -> $result {
                    $module::$name($($arg),*)
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor was just found to have AVX2.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $module::$name($($arg),*)
        }
    };
}

dispatch! {
    /// The sum of a row.
    sum<W: Integer>(row: &[W]) -> Result<u64>, sums
}
dispatch! {
    /// Fills `block_sums` with the sum of the weights before each block, and returns the total.
    block_sums<W: Integer>(row: &[W], block_sums: &mut Vec<u64>) -> Result<u64>, sums
}
/// A float type with a conversion that the processor has an instruction for.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the portable loops have no use for it
pub(super) trait Truncate: Float {
    /// Drops the fraction.
    ///
    /// # Safety
    /// The number must be finite, at least 0 and less than 2^31.
    unsafe fn truncate(self) -> i32;
}

macro_rules! truncate {
    ($float:ty) => {
        impl Truncate for $float {
            #[inline(always)]
            unsafe fn truncate(self) -> i32 {
                // SAFETY: in range by the contract of the trait.
                unsafe { self.to_int_unchecked() }
            }
        }
    };
}

truncate!(f32);
truncate!(f64);

/// Fills `weights` with the integer weights of a row of floats.
#[inline]
pub(super) fn integers<F: Truncate>(row: &[F], weights: &mut Vec<u32>) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2<F: Truncate>(row: &[F], weights: &mut Vec<u32>) -> Result<()> {
            weights.clear();
            let largest = F::largest(row)?;
            if let Some(factor) = F::factor(largest) {
                // SAFETY: entries are finite, not negative and at most `largest`, whose product is below 2^28.
                let weight = |&x: &F| unsafe { (x * factor).truncate() }.cast_unsigned();
                weights.extend(row.iter().map(weight));
            } else {
                F::fill(row, largest, weights);
            }
            Ok(())
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was just found to have AVX2.
            return unsafe { avx2(row, weights) };
        }
    }
    float::integers(row, weights)
}

/// Fills `weights` with the integer weights of a row of floats and `block_sums` with the sum of those before
/// each block; returns the total.
///
/// Each block is added up while it is converted: weights are below 2^28, so that the sum of a block fits in
/// 32 bits, which takes half the vectors that [`block_sums`] needs for any weights.
#[inline]
pub(super) fn float_blocks<F: Truncate>(
    row: &[F],
    weights: &mut Vec<u32>,
    block_sums: &mut Vec<u64>,
) -> Result<u64> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2<F: Truncate>(
            row: &[F],
            weights: &mut Vec<u32>,
            block_sums: &mut Vec<u64>,
        ) -> Result<u64> {
            let Some(factor) = F::factor(F::largest(row)?) else {
                return float::blocks(row, weights, block_sums);
            };
            weights.resize(row.len(), 0);
            block_sums.clear();
            let mut before = 0;
            // SAFETY: entries are finite, not negative and at most the largest, whose product is below 2^28.
            let weight = |x: F| unsafe { (x * factor).truncate() }.cast_unsigned();
            let (blocks, rest) = row.as_chunks::<BLOCK>();
            let (outs, out_rest) = weights.as_chunks_mut::<BLOCK>();
            block_sums.extend(outs.iter_mut().zip(blocks).map(|(out, block)| {
                let mut sum = 0;
                for (weight_out, &x) in out.iter_mut().zip(block) {
                    *weight_out = weight(x);
                    sum += *weight_out;
                }
                let start = before;
                before += u64::from(sum);
                start
            }));
            if !rest.is_empty() {
                block_sums.push(before);
                for (weight_out, &x) in out_rest.iter_mut().zip(rest) {
                    *weight_out = weight(x);
                    before += u64::from(*weight_out);
                }
            }
            Ok(before)
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was just found to have AVX2.
            return unsafe { avx2(row, weights, block_sums) };
        }
    }
    float::blocks(row, weights, block_sums)
}
