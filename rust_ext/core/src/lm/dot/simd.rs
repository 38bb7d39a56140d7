//! The choice of kernels by processor, and their scalar twins.
#![allow(unsafe_code)]

use super::{half, upper_half, Rows, BLOCK, LANES};

/// Vector instructions that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// None: the scalar twins.
    Scalar,
    /// x86 of 2013 and later.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86 with registers of 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Every 64-bit Arm.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// Vector instructions that this processor has: a value is only made where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simd(pub(crate) Kind);

impl Simd {
    /// None: the scalar twins.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// All, the slowest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c");
            if avx2 {
                all.push(Self(Kind::Avx2));
            }
            if avx2 && is_x86_feature_detected!("avx512f") {
                all.push(Self(Kind::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self(Kind::Neon));
        all
    }

    /// The fastest.
    #[must_use]
    pub fn best() -> Self {
        *Self::all().last().unwrap_or(&Self::SCALAR)
    }
}

/// Sets `out[v * rows + r]` to the product of row `r` and vector `v`, where rows and vectors have `width` values.
///
/// # Panics
/// If the lengths do not fit each other, or `width` is not a multiple of [`LANES`], for [`Rows::Q8`] of [`BLOCK`].
pub fn products(by: Simd, rows: Rows<'_>, width: usize, vectors: &[f32], out: &mut [f32]) {
    let unit = if let Rows::Q8(values, factors) = rows {
        assert!(factors.len() * BLOCK == values.len());
        BLOCK
    } else {
        LANES
    };
    assert!(width > 0 && width.is_multiple_of(unit));
    let (count, few) = (rows.len() / width, vectors.len() / width);
    assert!(rows.len() == count * width && vectors.len() == few * width);
    assert!(out.len() == count * few);
    match by.0 {
        Kind::Scalar => products_scalar(rows, width, vectors, out),
        // SAFETY: the processor has what the kernels need, else there were no such value; lengths were checked.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { super::x86::simd::products_avx2(rows, width, vectors, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { super::x86::simd::products_avx512(rows, width, vectors, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => unsafe { super::neon::simd::products(rows, width, vectors, out) },
    }
}

/// Sets `out[j]` to `((0 + weights[0]·values[0][j]) + weights[1]·values[1][j]) + …`, where rows of values are as long
/// as `out`.
///
/// # Panics
/// If the lengths do not fit each other, or that of `out` is not a multiple of [`LANES`].
pub fn mix(by: Simd, weights: &[f32], values: &[f32], out: &mut [f32]) {
    assert!(out.len().is_multiple_of(LANES) && values.len() == weights.len() * out.len());
    match by.0 {
        Kind::Scalar => mix_scalar(weights, values, out),
        // SAFETY: the processor has what the kernels need, else there were no such value; lengths were checked.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { super::x86::simd::mix_avx2(weights, values, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { super::x86::simd::mix_avx512(weights, values, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => unsafe { super::neon::simd::mix(weights, values, out) },
    }
}

/// One product after the other.
fn products_scalar(rows: Rows<'_>, width: usize, vectors: &[f32], out: &mut [f32]) {
    let count = rows.len() / width;
    for (v, x) in vectors.chunks_exact(width).enumerate() {
        for r in 0..count {
            let row = rows.part(r * width, width);
            let mut acc = [0.0; LANES];
            for (i, &x) in x.iter().enumerate() {
                acc[i % LANES] += value(row, i) * x;
            }
            for half in [8, 4, 2, 1] {
                for j in 0..half {
                    acc[j] += acc[j + half];
                }
            }
            out[v * count + r] = acc[0];
        }
    }
}

/// A weight as a float.
#[inline(always)]
fn value(row: Rows<'_>, i: usize) -> f32 {
    match row {
        Rows::F32(values) => values[i],
        Rows::F16(values) => half(values[i]),
        Rows::Bf16(values) => upper_half(values[i]),
        Rows::I8(values) => f32::from(values[i]),
        Rows::Q8(values, factors) => f32::from(values[i]) * factors[i / BLOCK],
    }
}

/// Writes a row as floats.
///
/// # Panics
/// If there are fewer weights than `out` has room for.
pub fn widen(row: Rows<'_>, out: &mut [f32]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(row, i);
    }
}

fn mix_scalar(weights: &[f32], values: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (p, &weight) in weights.iter().enumerate() {
        let values = &values[p * out.len()..];
        for (out, value) in out.iter_mut().zip(values) {
            *out += weight * value;
        }
    }
}

/// Compiles functions a second and third time, for processors with longer vectors: the same source, so the same bits.
macro_rules! compiled {
    ($(
        $(#[$doc:meta])*
        $name:ident $([$count:ident])? = $module:ident::$body:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;
    )*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name $(<const $count: usize>)? (by: Simd, $($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2 $(<const $count: usize>)? ($($arg: $type),*) $(-> $result)? {
                    $module::$body($($arg),*)
                }
                #[target_feature(enable = "avx2,avx512f")]
                fn avx512 $(<const $count: usize>)? ($($arg: $type),*) $(-> $result)? {
                    $module::$body($($arg),*)
                }
                match by.0 {
                    Kind::Scalar => {}
                    // SAFETY: the processor has these instructions, else there were no such value.
                    Kind::Avx2 => return unsafe { avx2 $(::<$count>)? ($($arg),*) },
                    // SAFETY: as above.
                    Kind::Avx512 => return unsafe { avx512 $(::<$count>)? ($($arg),*) },
                }
            }
            let _ = by;
            $module::$body($($arg),*)
        }
    )*};
}

pub(crate) use compiled;

use crate::lm::math;

compiled! {
    /// As [`math::exponents`].
    exponents = math::exponents(values: &mut [f32], most: f32);
    /// As [`math::largest`].
    largest = math::largest(values: &[f32]) -> f32;
    /// As [`math::sum`].
    sum = math::sum(values: &[f32]) -> f32;
    /// As [`math::squares`].
    squares = math::squares(values: &[f32]) -> f32;
    /// As [`math::silu`].
    silu = math::silu(values: &mut [f32]);
    /// As [`math::gelu_tanh`].
    gelu_tanh = math::gelu_tanh(values: &mut [f32]);
    /// As [`math::gelu_erf`].
    gelu_erf = math::gelu_erf(values: &mut [f32]);
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)] // values are chosen so that these are right
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bits of floats, to be compared.
    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|x| x.to_bits()).collect()
    }

    /// Rows of each kind, made of the same bytes.
    struct Stored {
        floats: Vec<f32>,
        halves: Vec<u16>,
        upper: Vec<u16>,
        bytes: Vec<i8>,
        factors: Vec<f32>,
    }

    impl Stored {
        fn new(seed: &[u32], count: usize) -> Self {
            let number = |i: usize| seed[i % seed.len()].wrapping_mul(i as u32 * 2 + 1);
            let all = |count: usize| (0..count).map(number);
            // Not infinite, nor without a number: the highest bit of the exponent is clear.
            Self {
                floats: all(count)
                    .map(|x| f32::from_bits(x & 0xBFFF_FFFF) * 1e3)
                    .collect(),
                halves: all(count).map(|x| (x >> 16) as u16 & 0xBFFF).collect(),
                upper: all(count).map(|x| (x >> 16) as u16 & 0xBFFF).collect(),
                bytes: all(count).map(|x| (x >> 24) as i8).collect(),
                factors: all(count / BLOCK)
                    .map(|x| half((x >> 16) as u16 & 0xBFFF))
                    .collect(),
            }
        }

        fn rows(&self) -> [Rows<'_>; 5] {
            [
                Rows::F32(&self.floats),
                Rows::F16(&self.halves),
                Rows::Bf16(&self.upper),
                Rows::I8(&self.bytes),
                Rows::Q8(&self.bytes, &self.factors),
            ]
        }
    }

    proptest! {
        #[test]
        fn products_equal_those_of_the_scalar_twin(
            count in 0..40_usize,
            blocks in 1..60_usize,
            many in 0..20_usize,
            seed in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let width = blocks * BLOCK;
            let stored = Stored::new(&seed, count * width);
            let x: Vec<f32> = Stored::new(&seed[..1], many * width + 7).floats[7..].to_vec();
            for rows in stored.rows() {
                let mut expected = vec![1.0; count * many];
                products_scalar(rows, width, &x, &mut expected);
                for by in Simd::all() {
                    let mut out = vec![2.0; count * many];
                    products(by, rows, width, &x, &mut out);
                    prop_assert_eq!(bits(&out), bits(&expected), "{:?}", by);
                }
            }
        }

        /// Rows that lie pages apart are copied, and columns are worked on in blocks, the last of which is shorter.
        #[test]
        fn products_of_long_rows_equal_those_of_the_scalar_twin(
            width in prop::sample::select(vec![1024_usize, 2048, 1568, 3072, 4096]),
            count in 1..14_usize,
            many in 4..18_usize,
            seed in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let stored = Stored::new(&seed, count * width);
            let x: Vec<f32> = Stored::new(&seed[..1], many * width + 5).floats[5..].to_vec();
            for rows in stored.rows() {
                let mut expected = vec![1.0; count * many];
                products_scalar(rows, width, &x, &mut expected);
                for by in Simd::all() {
                    let mut out = vec![2.0; count * many];
                    products(by, rows, width, &x, &mut out);
                    prop_assert_eq!(bits(&out), bits(&expected), "{:?}", by);
                }
            }
        }

        /// Sixteen columns, and not thirty-two, with more than the cache has room for.
        #[test]
        fn products_do_not_depend_on_how_many_there_are(
            count in 1..9_usize,
            lanes in 1..200_usize,
            many in 1..9_usize,
            seed in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let width = lanes * LANES;
            let stored = Stored::new(&seed, (count + many) * width);
            let (rows, x) = stored.floats.split_at(count * width);
            for by in Simd::all() {
                let mut all = vec![0.0; count * many];
                products(by, Rows::F32(rows), width, x, &mut all);
                for (v, x) in x.chunks_exact(width).enumerate() {
                    for (r, row) in rows.chunks_exact(width).enumerate() {
                        let mut one = [0.0];
                        products(by, Rows::F32(row), width, x, &mut one);
                        prop_assert_eq!(one[0].to_bits(), all[v * count + r].to_bits());
                    }
                }
            }
        }

        #[test]
        fn mixtures_equal_those_of_the_scalar_twin(
            positions in 0..50_usize,
            lanes in 1..12_usize,
            seed in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let width = lanes * LANES;
            let stored = Stored::new(&seed, positions * (width + 1));
            let (weights, values) = stored.floats.split_at(positions);
            let mut expected = vec![1.0; width];
            mix_scalar(weights, values, &mut expected);
            for by in Simd::all() {
                let mut out = vec![2.0; width];
                mix(by, weights, values, &mut out);
                prop_assert_eq!(bits(&out), bits(&expected), "{:?}", by);
            }
        }

        #[test]
        fn functions_equal_those_of_the_scalar_twin(
            values in prop::collection::vec(prop_oneof![-100.0..100_f32, any::<f32>()], 0..70),
        ) {
            let values: Vec<f32> = values.iter().map(|&x| if x.is_nan() { 0.0 } else { x }).collect();
            let scalar = Simd::SCALAR;
            for by in Simd::all() {
                prop_assert_eq!(sum(by, &values).to_bits(), sum(scalar, &values).to_bits());
                prop_assert_eq!(squares(by, &values).to_bits(), squares(scalar, &values).to_bits());
                prop_assert_eq!(largest(by, &values).to_bits(), largest(scalar, &values).to_bits());
                for function in [silu, gelu_tanh, gelu_erf, |by, x: &mut [f32]| exponents(by, x, 1.5)] {
                    let (mut a, mut b) = (values.clone(), values.clone());
                    function(by, &mut a);
                    function(scalar, &mut b);
                    // What is no number has no fixed bits.
                    for x in a.iter_mut().chain(&mut b) {
                        *x = if x.is_nan() { 0.0 } else { *x };
                    }
                    prop_assert_eq!(bits(&a), bits(&b), "{:?}", by);
                }
            }
        }
    }

    #[test]
    fn halves_are_what_their_definition_says() {
        for bits in (0..=u16::MAX).filter(|bits| bits & 0x7C00 != 0x7C00) {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3FF));
            let magnitude = if exponent == 0 {
                fraction * 2.0_f32.powi(-24)
            } else {
                (1024.0 + fraction) * 2.0_f32.powi(exponent - 25)
            };
            let expected = if bits >> 15 == 1 {
                -magnitude
            } else {
                magnitude
            };
            assert_eq!(half(bits).to_bits(), expected.to_bits());
        }
    }
}
