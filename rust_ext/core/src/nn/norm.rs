//! Normalisation by the root of the mean square (B. Zhang, R. Sennrich, Root Mean Square Layer Normalization, 2019).

mod simd;

use super::vectors::Vectors;

/// Inputs are clipped to this magnitude.
const MAX: i32 = 1 << 24;
/// Steps of one: values up to 6.3 times the root are told apart.
const STEPS: i64 = 10;
/// Added to the mean square, so that silence stays near zero.
const LEAST: i64 = 4096;

/// Sets `steps` to `values` over the root of their mean square, in tenths. What is behind them stays.
#[inline]
pub fn norm(values: &[i32], steps: &mut [u8]) {
    let by = Vectors::best();
    // Below 2^49, so the root is below 2^25.
    let mean = simd::squares(by, values) / values.len().max(1) as i64 + LEAST;
    let inverse = (STEPS << 32) / (mean as u64).isqrt() as i64;
    simd::scale(by, values, inverse as i32, &mut steps[..values.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_equal_size_are_ten_steps() {
        let mut steps = [9; 5];
        norm(&[1 << 20, -(1 << 20), 1 << 20, 1 << 20], &mut steps);
        assert_eq!(steps, [74, 54, 74, 74, 9]);
    }

    #[test]
    fn extremes_are_clipped() {
        let mut steps = [0; 64];
        let mut values = [0; 64];
        values[3] = i32::MIN;
        norm(&values, &mut steps);
        // The root of 1/64 is 1/8, so eight times ten, and that is cut.
        assert_eq!(steps[3], 0);
        norm(&[0; 64], &mut steps);
        assert_eq!(steps, [64; 64]);
    }
}
