//! The products by vectors: one source for all processors.
#![allow(unsafe_code)]
// Every function of this file has one contract: the processor has the instructions of the vector type, and pointers
// point to as many values as lengths say, which `super::super::simd` has checked.
#![allow(clippy::missing_safety_doc)]
#![allow(clippy::needless_range_loop)] // indices say which registers are meant

use super::super::{Rows, BLOCK, LANES};

/// A few floats in one register.
pub trait Vector: Copy {
    /// Values in it, a divisor of [`LANES`].
    const WIDTH: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn load_f16(from: *const u16) -> Self;
    unsafe fn load_bf16(from: *const u16) -> Self;
    unsafe fn load_i8(from: *const i8) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// Adds up all lanes, in the order that [`super::super`] gives.
    unsafe fn sum<const PARTS: usize>(lanes: [Self; PARTS]) -> f32;
}

/// Rows whose weights become floats when they are read.
trait Source: Copy {
    /// The rows from one on.
    unsafe fn row(self, index: usize, width: usize) -> Self;
    /// A few weights from one on.
    unsafe fn load<T: Vector>(self, at: usize) -> T;
}

#[derive(Clone, Copy)]
struct F32(*const f32);
#[derive(Clone, Copy)]
struct F16(*const u16);
#[derive(Clone, Copy)]
struct Bf16(*const u16);
#[derive(Clone, Copy)]
struct I8(*const i8);
#[derive(Clone, Copy)]
struct Q8(*const i8, *const f32);

macro_rules! source {
    ($source:ident, $load:ident) => {
        impl Source for $source {
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

source!(F32, load);
source!(F16, load_f16);
source!(Bf16, load_bf16);
source!(I8, load_i8);

impl Source for Q8 {
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

/// Vectors that are worked on together.
const FEW: usize = 3;
/// Bytes of rows, as floats, that are worked on together: they stay in the second cache.
const PANEL_BYTES: usize = 1 << 16;

/// Places of results: of row `r` and vector `v` the one at `v * stride + r`.
#[derive(Clone, Copy)]
struct Out {
    start: *mut f32,
    stride: usize,
}

impl Out {
    #[inline(always)]
    unsafe fn from(self, r: usize, v: usize) -> Self {
        Self {
            start: self.start.add(v * self.stride + r),
            stride: self.stride,
        }
    }
}

/// The products of `R` rows and `V` vectors.
#[inline(always)]
unsafe fn tile<T: Vector, S: Source, const PARTS: usize, const R: usize, const V: usize>(
    rows: S,
    vectors: *const f32,
    width: usize,
    out: Out,
) {
    let mut row = [rows; R];
    for (r, row) in row.iter_mut().enumerate() {
        *row = rows.row(r, width);
    }
    let mut acc = [[[T::zero(); PARTS]; V]; R];
    let mut at = 0;
    while at < width {
        // One part after the other, so that the registers suffice.
        for part in 0..PARTS {
            let at = at + part * T::WIDTH;
            let weights = row.map(|row| row.load::<T>(at));
            for v in 0..V {
                let x = T::load(vectors.add(v * width + at));
                for r in 0..R {
                    acc[r][v][part] = acc[r][v][part].add(weights[r].mul(x));
                }
            }
        }
        at += LANES;
    }
    for (r, acc) in acc.into_iter().enumerate() {
        for (v, lanes) in acc.into_iter().enumerate() {
            *out.from(r, v).start = T::sum(lanes);
        }
    }
}

/// The products of rows and `V` vectors, `R` rows at a time.
#[inline(always)]
unsafe fn strip<T: Vector, S: Source, const PARTS: usize, const R: usize, const V: usize>(
    rows: S,
    count: usize,
    vectors: *const f32,
    width: usize,
    out: Out,
) {
    let mut r = 0;
    while r + R <= count {
        tile::<T, S, PARTS, R, V>(rows.row(r, width), vectors, width, out.from(r, 0));
        r += R;
    }
    while r < count {
        tile::<T, S, PARTS, 1, V>(rows.row(r, width), vectors, width, out.from(r, 0));
        r += 1;
    }
}

/// The products of rows and any number of vectors, [`FEW`] at a time.
#[inline(always)]
unsafe fn strips<T: Vector, S: Source, const PARTS: usize>(
    rows: S,
    count: usize,
    (vectors, many): (*const f32, usize),
    width: usize,
    out: Out,
) {
    let mut v = 0;
    while v < many {
        let (x, out) = (vectors.add(v * width), out.from(0, v));
        match many - v {
            1 => strip::<T, S, PARTS, 4, 1>(rows, count, x, width, out),
            2 => strip::<T, S, PARTS, 2, 2>(rows, count, x, width, out),
            _ => strip::<T, S, PARTS, 2, FEW>(rows, count, x, width, out),
        }
        v += FEW;
    }
}

/// The products of some rows after the other; where there are many vectors, of rows that were made floats before.
#[inline(always)]
unsafe fn panels<T: Vector, S: Source, const PARTS: usize, const WIDEN: bool>(
    rows: S,
    width: usize,
    vectors: &[f32],
    out: &mut [f32],
) {
    let many = vectors.len() / width;
    let Some(count) = out.len().checked_div(many) else {
        return;
    };
    let vectors = (vectors.as_ptr(), many);
    let out = Out {
        start: out.as_mut_ptr(),
        stride: count,
    };
    if many <= FEW {
        return strips::<T, S, PARTS>(rows, count, vectors, width, out);
    }
    let step = (PANEL_BYTES / (4 * width)).max(2) & !1;
    let mut floats = vec![0.0; if WIDEN { step * width } else { 0 }];
    let mut first = 0;
    while first < count {
        let some = step.min(count - first);
        let (rows, out) = (rows.row(first, width), out.from(first, 0));
        if WIDEN {
            let mut at = 0;
            while at < some * width {
                rows.load::<T>(at).store(floats.as_mut_ptr().add(at));
                at += T::WIDTH;
            }
            strips::<T, F32, PARTS>(F32(floats.as_ptr()), some, vectors, width, out);
        } else {
            strips::<T, S, PARTS>(rows, some, vectors, width, out);
        }
        first += some;
    }
}

/// As [`super::super::simd::products`].
#[inline(always)]
pub unsafe fn products<T: Vector, const PARTS: usize>(
    rows: Rows<'_>,
    width: usize,
    vectors: &[f32],
    out: &mut [f32],
) {
    match rows {
        Rows::F32(rows) => panels::<T, _, PARTS, false>(F32(rows.as_ptr()), width, vectors, out),
        Rows::F16(rows) => panels::<T, _, PARTS, true>(F16(rows.as_ptr()), width, vectors, out),
        Rows::Bf16(rows) => panels::<T, _, PARTS, true>(Bf16(rows.as_ptr()), width, vectors, out),
        Rows::I8(rows) => panels::<T, _, PARTS, true>(I8(rows.as_ptr()), width, vectors, out),
        Rows::Q8(rows, factors) => {
            let rows = Q8(rows.as_ptr(), factors.as_ptr());
            panels::<T, _, PARTS, true>(rows, width, vectors, out);
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
        for (part, acc) in acc.iter_mut().enumerate() {
            *acc = acc.add(weight.mul(T::load(values.add(part * T::WIDTH))));
        }
        // Behind the last row there may be nothing.
        values = values.wrapping_add(width);
    }
    for (part, acc) in acc.into_iter().enumerate() {
        acc.store(out.as_mut_ptr().add(part * T::WIDTH));
    }
}
