//! The loops over a row, compiled a second time for AVX2.
//!
//! The vector versions are the same source as the portable ones: the integer operations and the product
//! with a power of two give the same result in any width and order.
#![allow(unsafe_code)]

use super::float::{self, Float};
use super::sums::{self, Integer};
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
dispatch! {
    /// Fills `weights` with the integer weights of a row of floats.
    integers<F: Float>(row: &[F], weights: &mut Vec<u32>) -> Result<()>, float
}
