//! The products by vectors: one source for all processors.
#![allow(unsafe_code)]
// Every function of this file has one contract: the processor has the instructions of the vector type, and pointers
// point to as many values as lengths say, which `super::super::simd` has checked.
#![allow(clippy::missing_safety_doc)]
#![allow(clippy::needless_range_loop)] // which registers are meant; and closures might not be inlined, for they lack the instructions

use super::super::many::simd as many;
use super::super::{Rows, BLOCK, LANES};
use std::ops::Range;

/// A few floats in one register.
pub trait Vector: Copy {
    /// Values in it, a divisor of [`LANES`].
    const WIDTH: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Asks for a cache line; has no effect on results, whatever the address.
    unsafe fn fetch(from: *const u8);
    unsafe fn load_f16(from: *const u16) -> Self;
    unsafe fn load_bf16(from: *const u16) -> Self;
    unsafe fn load_i8(from: *const i8) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// Adds up all lanes, in the order that [`super::super`] gives.
    unsafe fn sum<const PARTS: usize>(lanes: [Self; PARTS]) -> f32;
    /// Begins the sum of all lanes: what is stored is for [`Vector::sums`], and takes no more room than the lanes.
    unsafe fn fold<const PARTS: usize>(lanes: [Self; PARTS], to: *mut f32);
    /// Goes on with as many sums as a register has values, each [`LANES`] values after the one before.
    unsafe fn sums(lanes: *const f32) -> Self;
}

/// Rows whose weights become floats when they are read.
pub trait Source: Copy {
    /// Whether weights are 32-bit floats already.
    const FLOATS: bool;
    /// Bytes of a weight, without what it shares with others.
    const BYTES: usize;
    /// Where weights are.
    fn address(self) -> *const u8;
    /// The rows from one on.
    unsafe fn row(self, index: usize, width: usize) -> Self;
    /// A few weights from one on.
    unsafe fn load<T: Vector>(self, at: usize) -> T;
}

#[derive(Clone, Copy)]
pub struct F32(pub *const f32);
#[derive(Clone, Copy)]
pub struct F16(pub *const u16);
#[derive(Clone, Copy)]
pub struct Bf16(pub *const u16);
#[derive(Clone, Copy)]
pub struct I8(pub *const i8);
#[derive(Clone, Copy)]
pub struct Q8(pub *const i8, pub *const f32);

macro_rules! source {
    ($source:ident, $load:ident, $bytes:literal) => {
        impl Source for $source {
            const FLOATS: bool = $bytes == 4;
            const BYTES: usize = $bytes;
            #[inline(always)]
            fn address(self) -> *const u8 {
                self.0.cast()
            }
            #[inline(always)]
            unsafe fn row(self, index: usize, width: usize) -> Self {
                Self(self.0.add(index * width))
            }
            #[inline(always)]
            unsafe fn load<T: Vector>(self, at: usize) -> T {
                T::$load(self.0.add(at))
            }
        }
    };
}

source!(F32, load, 4);
source!(F16, load_f16, 2);
source!(Bf16, load_bf16, 2);
source!(I8, load_i8, 1);

impl Source for Q8 {
    const FLOATS: bool = false;
    const BYTES: usize = 1;
    #[inline(always)]
    fn address(self) -> *const u8 {
        self.0.cast()
    }
    #[inline(always)]
    unsafe fn row(self, index: usize, width: usize) -> Self {
        Self(self.0.add(index * width), self.1.add(index * width / BLOCK))
    }
    #[inline(always)]
    unsafe fn load<T: Vector>(self, at: usize) -> T {
        // A weight of 8 bits times a factor of 11 is exact.
        T::load_i8(self.0.add(at)).mul(T::splat(*self.1.add(at / BLOCK)))
    }
}

/// Places of results: of row `r` and vector `v` the one at `v * stride + r`.
#[derive(Clone, Copy)]
pub struct Out {
    pub start: *mut f32,
    pub stride: usize,
}

impl Out {
    #[inline(always)]
    pub unsafe fn from(self, r: usize, v: usize) -> Self {
        Self {
            start: self.start.add(v * self.stride + r),
            stride: self.stride,
        }
    }
}

/// Sums of `R` rows and `V` vectors.
pub type Sums<T, const PARTS: usize, const R: usize, const V: usize> = [[[T; PARTS]; V]; R];

/// How far ahead memory is asked for, in bytes: without it rows of 8 bits take a third more time.
const DISTANCE: usize = 8 << 10;

/// Adds to sums the products of columns, and asks for the rows that come next.
#[inline(always)]
pub unsafe fn tile<T: Vector, S: Source, const PARTS: usize, const R: usize, const V: usize>(
    rows: S,
    vectors: *const f32,
    width: usize,
    columns: Range<usize>,
    mut sums: Sums<T, PARTS, R, V>,
) -> Sums<T, PARTS, R, V> {
    let mut row = [rows; R];
    for r in 1..R {
        row[r] = rows.row(r, width);
    }
    let mut at = columns.start;
    while at < columns.end {
        for r in 0..R {
            T::fetch(row[r].address().wrapping_add(at * S::BYTES + DISTANCE));
        }
        // One part after the other, so that the registers suffice.
        for part in 0..PARTS {
            let at = at + part * T::WIDTH;
            let mut weights = [T::zero(); R];
            for r in 0..R {
                weights[r] = row[r].load::<T>(at);
            }
            for v in 0..V {
                let x = T::load(vectors.add(v * width + at));
                for r in 0..R {
                    sums[r][v][part] = sums[r][v][part].add(weights[r].mul(x));
                }
            }
        }
        at += LANES;
    }
    sums
}

/// Writes products.
#[inline(always)]
pub unsafe fn put<T: Vector, const PARTS: usize, const R: usize, const V: usize>(
    sums: Sums<T, PARTS, R, V>,
    out: Out,
) {
    for r in 0..R {
        for v in 0..V {
            *out.from(r, v).start = T::sum(sums[r][v]);
        }
    }
}

/// The products of all rows and `V` vectors, `R` rows at a time.
#[inline(always)]
unsafe fn few<T: Vector, S: Source, const PARTS: usize, const R: usize, const V: usize>(
    rows: S,
    vectors: *const f32,
    width: usize,
    out: Out,
) {
    let count = out.stride;
    let mut r = 0;
    while r + R <= count {
        let sums = [[[T::zero(); PARTS]; V]; R];
        let sums = tile::<T, S, PARTS, R, V>(rows.row(r, width), vectors, width, 0..width, sums);
        put(sums, out.from(r, 0));
        r += R;
    }
    while r < count {
        let sums = [[[T::zero(); PARTS]; V]; 1];
        let sums = tile::<T, S, PARTS, 1, V>(rows.row(r, width), vectors, width, 0..width, sums);
        put(sums, out.from(r, 0));
        r += 1;
    }
}

/// The products of rows and any number of vectors.
#[inline(always)]
unsafe fn any<T: Vector, S: Source, const PARTS: usize, const R: usize, const V: usize>(
    rows: S,
    width: usize,
    vectors: &[f32],
    out: &mut [f32],
) {
    let all = vectors.len() / width;
    let Some(count) = out.len().checked_div(all) else {
        return;
    };
    let x = vectors.as_ptr();
    let out = Out {
        start: out.as_mut_ptr(),
        stride: count,
    };
    match all {
        1 => few::<T, S, PARTS, 4, 1>(rows, x, width, out),
        2 => few::<T, S, PARTS, 2, 2>(rows, x, width, out),
        3 => few::<T, S, PARTS, 2, 3>(rows, x, width, out),
        _ => many::products::<T, S, PARTS, R, V>(rows, (x, all), width, out),
    }
}

/// As [`super::super::simd::products`], with `R` rows and up to `V` vectors at a time, where there are many.
#[inline(always)]
pub unsafe fn products<T: Vector, const PARTS: usize, const R: usize, const V: usize>(
    rows: Rows<'_>,
    width: usize,
    vectors: &[f32],
    out: &mut [f32],
) {
    match rows {
        Rows::F32(rows) => any::<T, _, PARTS, R, V>(F32(rows.as_ptr()), width, vectors, out),
        Rows::F16(rows) => any::<T, _, PARTS, R, V>(F16(rows.as_ptr()), width, vectors, out),
        Rows::Bf16(rows) => any::<T, _, PARTS, R, V>(Bf16(rows.as_ptr()), width, vectors, out),
        Rows::I8(rows) => any::<T, _, PARTS, R, V>(I8(rows.as_ptr()), width, vectors, out),
        Rows::Q8(rows, factors) => {
            let rows = Q8(rows.as_ptr(), factors.as_ptr());
            any::<T, _, PARTS, R, V>(rows, width, vectors, out);
        }
    }
}

/// As [`super::super::simd::mix`], `PARTS` registers of results at a time.
#[inline(always)]
pub unsafe fn mix<T: Vector, const PARTS: usize>(weights: &[f32], values: &[f32], out: &mut [f32]) {
    let width = out.len();
    let mut at = 0;
    while at + PARTS * T::WIDTH <= width {
        mix_some::<T, PARTS>(weights, values.as_ptr().add(at), width, &mut out[at..]);
        at += PARTS * T::WIDTH;
    }
    while at < width {
        mix_some::<T, 1>(weights, values.as_ptr().add(at), width, &mut out[at..]);
        at += T::WIDTH;
    }
}

#[inline(always)]
unsafe fn mix_some<T: Vector, const PARTS: usize>(
    weights: &[f32],
    mut values: *const f32,
    width: usize,
    out: &mut [f32],
) {
    let mut acc = [T::zero(); PARTS];
    for &weight in weights {
        let weight = T::splat(weight);
        for part in 0..PARTS {
            let value = T::load(values.add(part * T::WIDTH));
            acc[part] = acc[part].add(weight.mul(value));
        }
        // Behind the last row there may be nothing.
        values = values.wrapping_add(width);
    }
    for part in 0..PARTS {
        acc[part].store(out.as_mut_ptr().add(part * T::WIDTH));
    }
}
