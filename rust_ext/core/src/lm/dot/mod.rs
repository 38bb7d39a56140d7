//! Dot products in one fixed order of additions.
//!
//! A row of weights `w` and a vector `x`, both padded with zeros to a multiple of [`LANES`], give
//!
//! ```text
//! acc[j] = (((0 + w[j]·x[j]) + w[16+j]·x[16+j]) + w[32+j]·x[32+j]) + …      0 <= j < 16
//! a[j] = acc[j] + acc[j+8]   b[j] = a[j] + a[j+4]   c[j] = b[j] + b[j+2]   c[0] + c[1]
//! ```
//!
//! where every product is rounded, and then every sum. So the bits depend neither on the processor nor on how many
//! rows and vectors are worked on together, nor on which thread does it.

mod kernel {
    pub mod simd;
}
mod many {
    pub mod simd;
}
#[cfg(target_arch = "aarch64")]
mod neon {
    pub mod simd;
}
mod proven;
pub mod simd;
#[cfg(target_arch = "x86_64")]
mod x86 {
    pub mod simd;
}

pub use proven::proven;
pub use simd::Simd;

/// Sums that run beside each other.
pub const LANES: usize = 16;

/// A length, padded to whole lanes.
#[must_use]
pub const fn padded(length: usize) -> usize {
    length.div_ceil(LANES) * LANES
}

/// Weights of a row as they are stored, whose length is a multiple of [`LANES`].
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 16-bit floats of IEEE 754.
    F16(&'a [u16]),
    /// The upper halves of 32-bit floats.
    Bf16(&'a [u16]),
    /// Integers; what they are multiplied with is left to the caller.
    I8(&'a [i8]),
    /// Integers, and a factor for each [`BLOCK`] of them.
    Q8(&'a [i8], &'a [f32]),
}

/// Weights that share a factor.
pub const BLOCK: usize = 32;

impl Rows<'_> {
    /// The weights in `first..first + count`, whole lanes, and of [`Rows::Q8`] whole blocks.
    ///
    /// # Panics
    /// If these are not there.
    #[must_use]
    pub fn part(self, first: usize, count: usize) -> Self {
        let all = first..first + count;
        match self {
            Self::F32(values) => Self::F32(&values[all]),
            Self::F16(values) => Self::F16(&values[all]),
            Self::Bf16(values) => Self::Bf16(&values[all]),
            Self::I8(values) => Self::I8(&values[all]),
            Self::Q8(values, factors) => {
                let blocks = first / BLOCK..(first + count) / BLOCK;
                Self::Q8(&values[all], &factors[blocks])
            }
        }
    }

    /// How many weights there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) | Self::Bf16(values) => values.len(),
            Self::I8(values) | Self::Q8(values, _) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The number that 16 bits of IEEE 754 stand for, where it is finite.
#[inline(always)]
#[must_use]
pub fn half(bits: u16) -> f32 {
    // 2^112: the difference of the biases of the exponents. The product is exact, for subnormal numbers too.
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = f32::from_bits(u32::from(bits & 0x7FFF) << 13) * SCALE;
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// The number that the upper half of a 32-bit float stands for.
#[inline(always)]
#[must_use]
pub fn upper_half(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
