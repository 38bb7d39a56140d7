//! Functions of floats that are the same on every machine: additions, multiplications and divisions in a fixed order.
//!
//! Loops are written so that the compiler may use vectors of any length: no value depends on another one's.

use super::dot::LANES;

/// Below it [`exp`] is zero: what comes next would soon be subnormal.
const LEAST: f32 = -87.0;
/// Above it [`exp`] does not grow.
const MOST: f32 = 88.0;

/// `e^x` within two units in the last place; zero below -87, not a number included.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    // Adding it leaves whole numbers only, in the lowest bits.
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23
                                     // ln 2 in two parts, the first of which has so few bits that its multiples are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Comparisons choose a bound where there is no number, as no function of the standard library promises to.
    let bounded = if x > LEAST { x } else { LEAST };
    let bounded = if bounded < MOST { bounded } else { MOST };
    let rounded = bounded * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = (bounded - whole * LN_2_HIGH) - whole * LN_2_LOW;
    // Taylor's series: what is left out is below 2^-26 for |rest| <= ln 2 / 2.
    let mut sum = 1.0 / 5040.0;
    for factor in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * rest + factor;
    }
    let exponent = (rounded.to_bits() << 23).wrapping_add(127 << 23);
    let value = sum * f32::from_bits(exponent);
    if x > LEAST {
        value
    } else {
        0.0
    }
}

/// `ln x` of a whole number from 1 to 2^24, within 2^-20 of one or of itself.
#[inline(always)]
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)] // of 24 bits; of 8
pub fn ln(x: u32) -> f32 {
    // Two thirds: from there the mantissa goes to four thirds.
    const LEAST: u32 = 0x3F2A_AAAB;
    let bits = (x as f32).to_bits().wrapping_sub(LEAST);
    let exponent = (bits as i32 >> 23) as f32;
    let value = f32::from_bits((bits & 0x007F_FFFF).wrapping_add(LEAST));
    // ln((1 + s) / (1 - s)) = 2 (s + s^3 / 3 + …), with |s| up to 1/5: what is left out is below 2^-26.
    let s = (value - 1.0) / (value + 1.0);
    let square = s * s;
    let mut sum = 1.0 / 11.0;
    for factor in [1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0] {
        sum = sum * square + factor;
    }
    exponent * std::f32::consts::LN_2 + 2.0 * s * sum
}

/// The largest of some values; minus infinity where there is none.
#[inline(always)]
#[must_use]
pub fn largest(values: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (many, rest) = values.as_chunks::<LANES>();
    for values in many {
        for (most, &value) in most.iter_mut().zip(values) {
            *most = if value > *most { value } else { *most };
        }
    }
    let all = most.iter().chain(rest);
    all.fold(
        f32::NEG_INFINITY,
        |most, &value| if value > most { value } else { most },
    )
}

/// The sum of `each` of some values, in the order of products: in lanes, and those as a tree.
#[inline(always)]
fn in_lanes(values: &[f32], each: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (many, rest) = values.as_chunks::<LANES>();
    for values in many {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane += each(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += each(value);
    }
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            lanes[j] += lanes[j + half];
        }
    }
    lanes[0]
}

/// The sum of values.
#[inline(always)]
#[must_use]
pub fn sum(values: &[f32]) -> f32 {
    in_lanes(values, |x| x)
}

/// The sum of squares of values.
#[inline(always)]
#[must_use]
pub fn squares(values: &[f32]) -> f32 {
    in_lanes(values, |x| x * x)
}

/// Replaces each value `x` by `e^(x - most)`.
#[inline(always)]
pub fn exponents(values: &mut [f32], most: f32) {
    for value in values {
        *value = exp(*value - most);
    }
}

/// The error function of Gauss, within a few units in the last place.
#[inline(always)]
#[must_use]
pub fn erf(x: f32) -> f32 {
    // Least squares, weighted until the largest relative error is least: of erf(x) / x in x² up to 1 (1.3e-9), and of
    // e^(x²) (1 - erf(x)) in t = 1 / (1 + x / 2) for x from 1 to 4 (3.7e-10). From 4 on it is one.
    const NEAR: [f32; 7] = [
        7.853_858e-5,
        -8.010_193e-4,
        5.188_327_7e-3,
        -2.685_381_3e-2,
        0.112_835_854,
        -0.376_126_26,
        std::f32::consts::FRAC_2_SQRT_PI,
    ];
    const FAR: [f32; 8] = [
        0.119_016_13,
        -0.470_152_05,
        0.561_873_56,
        -0.102_592_8,
        0.347_361_1,
        0.259_801_7,
        0.284_896_25,
        -1.531_879_4e-4,
    ];
    let size = x.abs();
    let size = if size < 4.0 { size } else { 4.0 };
    let square = size * size;
    let near = size * NEAR.iter().fold(0.0, |sum, factor| sum * square + factor);
    let t = 1.0 / (1.0 + 0.5 * size);
    let far = 1.0 - exp(-square) * FAR.iter().fold(0.0, |sum, factor| sum * t + factor);
    let value = if size < 1.0 { near } else { far };
    if x < 0.0 {
        -value
    } else {
        value
    }
}

/// Replaces each value by its sigmoid linear unit, `x / (1 + e^-x)`.
#[inline(always)]
pub fn silu(values: &mut [f32]) {
    for x in values {
        *x /= 1.0 + exp(-*x);
    }
}

/// Replaces each value by `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`, which is `x / (1 + e^-2u)` where `tanh` is of `u`.
#[inline(always)]
pub fn gelu_tanh(values: &mut [f32]) {
    const TWICE: f32 = 1.595_769; // 2 √(2/π)
    for x in values {
        let twice = TWICE * (*x + 0.044_715 * (*x * *x * *x));
        *x /= 1.0 + exp(-twice);
    }
}

/// Replaces each value by `x (1 + erf(x / √2)) / 2`.
#[inline(always)]
pub fn gelu_erf(values: &mut [f32]) {
    for x in values {
        *x *= 0.5 + 0.5 * erf(*x * std::f32::consts::FRAC_1_SQRT_2);
    }
}

/// Functions of 64-bit floats, for tables.
pub mod wide {
    use std::f64::consts::{FRAC_2_PI, LN_2, LOG2_E, SQRT_2};

    /// Adding it leaves whole numbers only: 1.5 · 2^52.
    const ROUND: f64 = 6_755_399_441_055_744.0;

    /// `ln x`, for a normal number above zero.
    #[must_use]
    pub fn ln(x: f64) -> f64 {
        const FRACTION: u64 = (1 << 52) - 1;
        let bits = x.to_bits();
        #[allow(clippy::cast_precision_loss)] // of 11 bits
        let mut exponent = (bits >> 52) as f64 - 1023.0;
        let mut value = f64::from_bits((bits & FRACTION) | 1023 << 52);
        if value > SQRT_2 {
            value *= 0.5;
            exponent += 1.0;
        }
        // ln((1 + s) / (1 - s)) = 2 (s + s^3 / 3 + …), with s below 0.172.
        let s = (value - 1.0) / (value + 1.0);
        let square = s * s;
        let mut sum = 0.0;
        for odd in (1..=23).rev().step_by(2) {
            sum = sum * square + 1.0 / f64::from(odd);
        }
        exponent * LN_2 + 2.0 * s * sum
    }

    /// `e^x`, for |x| up to 700.
    #[must_use]
    pub fn exp(x: f64) -> f64 {
        let rounded = x * LOG2_E + ROUND;
        let whole = rounded - ROUND;
        let rest = x - whole * LN_2;
        let mut sum = 1.0;
        for n in (1..=16).rev() {
            sum = sum * rest / f64::from(n) + 1.0;
        }
        sum * f64::from_bits((rounded.to_bits() << 52).wrapping_add(1023 << 52))
    }

    /// Terms of the series of sine and cosine: for an eighth of a turn the next ones are below 2^-60.
    const TERMS: usize = 9;
    /// One over `n!`, with the signs of these series.
    #[allow(clippy::cast_precision_loss)] // of small numbers
    const FACTORS: [f64; 2 * TERMS] = {
        let mut factors = [1.0; 2 * TERMS];
        let mut n = 2;
        while n < 2 * TERMS {
            factors[n] = -factors[n - 2] / (n * (n - 1)) as f64;
            n += 1;
        }
        factors
    };

    /// Sine and cosine of an angle of at most 2^20.
    #[must_use]
    pub fn sin_cos(x: f64) -> (f64, f64) {
        // A quarter turn in three parts, the first two of 33 bits, whose multiples here are exact.
        const PARTS: [f64; 3] = [
            f64::from_bits(0x3FF9_21FB_5440_0000),
            f64::from_bits(0x3DD0_B461_1A60_0000),
            f64::from_bits(0x3BA3_198A_2E03_7073),
        ];
        let rounded = x * FRAC_2_PI + ROUND;
        let whole = rounded - ROUND;
        let rest = ((x - whole * PARTS[0]) - whole * PARTS[1]) - whole * PARTS[2];
        let square = rest * rest;
        let (mut sine, mut cosine) = (0.0, 0.0);
        for n in (0..TERMS).rev() {
            sine = sine * square + FACTORS[2 * n + 1];
            cosine = cosine * square + FACTORS[2 * n];
        }
        sine *= rest;
        match rounded.to_bits() & 3 {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)] // values are chosen so that these are right
mod tests {
    use super::*;

    /// The distance of a value from the exact one, in units of the last place of that one.
    fn ulps(value: f32, exact: f64) -> f64 {
        let place = f64::from((exact as f32).abs()).max(f64::from(f32::MIN_POSITIVE));
        let unit =
            f64::from(f32::from_bits((place as f32).to_bits() + 1)) - f64::from(place as f32);
        ((f64::from(value) - exact) / unit).abs()
    }

    fn steps(from: f64, to: f64) -> impl Iterator<Item = f32> {
        (0..=200_000).map(move |i| (from + (to - from) * f64::from(i) / 200_000.0) as f32)
    }

    #[test]
    fn exponents_are_close() {
        for x in steps(-86.9, 87.9) {
            assert!(ulps(exp(x), f64::from(x).exp()) < 2.0, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-87.1), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::NAN), 0.0);
        assert_eq!(exp(f32::INFINITY), exp(88.0));
    }

    #[test]
    fn logarithms_are_close() {
        for x in (1..1 << 24).step_by(97).chain([1, 2, 3, 1 << 22, 1 << 24]) {
            let exact = f64::from(x).ln();
            let error = (f64::from(ln(x)) - exact).abs();
            assert!(error < 1e-6 * exact.max(1.0), "{x}");
        }
        assert_eq!(ln(1), 0.0);
    }

    #[test]
    fn the_error_function_is_close() {
        // Of the normal distribution's integral: a sum that converges everywhere.
        let exact = |x: f64| {
            let (mut term, mut sum) = (x, x);
            for n in 1..200 {
                term *= 2.0 * x * x / f64::from(2 * n + 1);
                sum += term;
            }
            sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
        };
        for x in steps(-4.5, 4.5).step_by(7) {
            assert!(ulps(erf(x), exact(f64::from(x))) < 4.0, "{x}");
        }
        assert_eq!(erf(f32::INFINITY), 1.0);
        assert_eq!(erf(-100.0), -1.0);
        assert_eq!(erf(0.0), 0.0);
    }

    #[test]
    fn units_are_what_their_formulas_say() {
        for x in steps(-9.0, 9.0).step_by(11) {
            let wide = f64::from(x);
            let sum = 0.797_884_560_802_865_4 * (wide + 0.044715 * wide.powi(3));
            let expected = [
                wide / (1.0 + (-wide).exp()),
                0.5 * wide * (1.0 + sum.tanh()),
                0.5 * wide * (1.0 + f64::from(erf((wide / std::f64::consts::SQRT_2) as f32))),
            ];
            for (function, expected) in [silu, gelu_tanh, gelu_erf].into_iter().zip(expected) {
                let mut values = [x];
                function(&mut values);
                assert!(
                    (f64::from(values[0]) - expected).abs() < 1e-6 * (1.0 + wide.abs()),
                    "{x}"
                );
            }
        }
    }

    #[test]
    fn wide_functions_are_close() {
        for i in 1..20_000 {
            let x = f64::from(i) * 0.37;
            assert!(
                (wide::ln(x) - x.ln()).abs() < 1e-15 * (1.0 + x.ln().abs()) * 4.0,
                "{x}"
            );
            let y = f64::from(i - 10_000) * 0.003;
            assert!((wide::exp(y) / y.exp() - 1.0).abs() < 1e-14, "{y}");
            for angle in [x, f64::from(i) * 52.0, f64::from(i) * 1e-6] {
                let (sine, cosine) = wide::sin_cos(angle);
                assert!((sine - angle.sin()).abs() < 1e-15, "{angle}");
                assert!((cosine - angle.cos()).abs() < 1e-15, "{angle}");
            }
        }
        assert_eq!(wide::sin_cos(0.0), (0.0, 1.0));
        assert_eq!(wide::ln(1.0), 0.0);
    }
}
