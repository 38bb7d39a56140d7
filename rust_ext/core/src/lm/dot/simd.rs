//! The choice of kernels by processor, and their scalar twins.
#![allow(unsafe_code)]

use super::{half, upper_half, Rows, BLOCK, LANES};

/// Vector instructions that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
pub struct Simd(Kind);

impl Simd {
    /// All, the slowest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Scalar)];
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
        *Self::all().last().unwrap_or(&Self(Kind::Scalar))
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
    ($($(#[$doc:meta])* $name:ident = $module:ident::$body:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(by: Simd, $($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) $(-> $result)? {
                    $module::$body($($arg),*)
                }
                #[target_feature(enable = "avx2,avx512f")]
                fn avx512($($arg: $type),*) $(-> $result)? {
                    $module::$body($($arg),*)
                }
                match by.0 {
                    Kind::Scalar => {}
                    // SAFETY: the processor has these instructions, else there were no such value.
                    Kind::Avx2 => return unsafe { avx2($($arg),*) },
                    // SAFETY: as above.
                    Kind::Avx512 => return unsafe { avx512($($arg),*) },
                }
            }
            let _ = by;
            $module::$body($($arg),*)
        }
    )*};
}

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
