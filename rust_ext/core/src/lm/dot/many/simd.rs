//! The products of rows and many vectors, in pieces that fit the caches.
//!
//! A few rows and some of their columns are multiplied with all vectors, before the next columns and then the next rows
//! follow: so the rows stay in the first cache and the vectors in the second. Rows that are no floats become floats before.
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc)] // that of the kernels
#![allow(clippy::needless_range_loop)] // as there

use super::super::kernel::simd::{put, tile, Out, Source, Sums, Vector, F32};
use super::super::LANES;
use std::ops::Range;

/// Bytes of the first cache that rows and vectors may have.
const CACHE: usize = 27 << 10;
/// The most columns that are worked on together.
const COLUMNS: usize = 768;
/// The most rows.
const ROWS: usize = 16;
/// Bytes of a cache line.
const LINE: usize = 64;

/// How much is worked on together.
#[derive(Clone, Copy)]
struct Sizes {
    /// Length of rows and vectors.
    width: usize,
    columns: usize,
    rows: usize,
    vectors: usize,
}

impl Sizes {
    #[inline(always)]
    fn new(width: usize, vectors: usize, few: usize, multiple: usize) -> Self {
        let blocks = width.div_ceil(COLUMNS);
        let columns = width.div_ceil(blocks).next_multiple_of(LANES);
        let rows = (CACHE / (4 * columns)).saturating_sub(few).min(ROWS);
        Self {
            width,
            columns,
            rows: (rows / multiple * multiple).max(multiple),
            vectors,
        }
    }
}

/// Memory that will be read next, and is asked for while the processor is busy.
#[derive(Clone, Copy)]
struct Ahead {
    at: *const u8,
    /// Cache lines that were not asked for.
    lines: usize,
    /// How many to ask for in a tile.
    step: usize,
}

impl Ahead {
    #[inline(always)]
    unsafe fn fetch<T: Vector>(&mut self) {
        let lines = self.step.min(self.lines);
        self.lines -= lines;
        for _ in 0..lines {
            T::fetch(self.at);
            self.at = self.at.wrapping_add(LINE);
        }
    }
}

/// The products of rows and more than three vectors, of which `V` or `W` are worked on together.
#[inline(always)]
pub unsafe fn products<
    T: Vector,
    S: Source,
    const PARTS: usize,
    const R: usize,
    const V: usize,
    const W: usize,
>(
    rows: S,
    (vectors, many): (*const f32, usize),
    width: usize,
    out: Out,
) {
    let sizes = Sizes::new(width, many, V, R);
    let count = out.stride;
    let mut sums = vec![0.0; sizes.rows * many * LANES];
    let mut floats = vec![0.0; if S::FLOATS { 0 } else { sizes.rows * width }];
    let mut first = 0;
    while first < count {
        let some = sizes.rows.min(count - first);
        let next = sizes.rows.min(count - first - some);
        let lines = (next * width * S::BYTES).div_ceil(LINE);
        let tiles = (some / R).max(1) * (many / V) * width.div_ceil(sizes.columns);
        let mut ahead = Ahead {
            at: rows.row(first + some, width).address(),
            lines,
            step: lines.div_ceil(tiles.max(1)),
        };
        let rows = rows.row(first, width);
        let panel = if S::FLOATS {
            F32(rows.address().cast())
        } else {
            let mut at = 0;
            while at < some * width {
                rows.load::<T>(at).store(floats.as_mut_ptr().add(at));
                at += T::WIDTH;
            }
            F32(floats.as_ptr())
        };
        let mut start = 0;
        while start < width {
            let columns = start..width.min(start + sizes.columns);
            let sums = sums.as_mut_ptr();
            let out = out.from(first, 0);
            block::<T, PARTS, R, V, W>(panel, some, vectors, sizes, columns, sums, out, &mut ahead);
            start += sizes.columns;
        }
        first += some;
    }
}

/// Some columns of some rows, with all vectors.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // pointers that a structure would hide
unsafe fn block<T: Vector, const PARTS: usize, const R: usize, const V: usize, const W: usize>(
    panel: F32,
    count: usize,
    vectors: *const f32,
    sizes: Sizes,
    columns: Range<usize>,
    sums: *mut f32,
    out: Out,
    ahead: &mut Ahead,
) {
    let mut v = 0;
    while v < sizes.vectors {
        let left = sizes.vectors - v;
        let x = vectors.add(v * sizes.width);
        let sums = sums.add(v * LANES);
        let (columns, out) = (columns.clone(), out.from(0, v));
        // Groups of two sizes leave no single vectors over, where there are enough of them.
        v += if left.is_multiple_of(V) {
            strip::<T, PARTS, R, V>(panel, count, x, sizes, columns, sums, out, ahead)
        } else if left >= W {
            strip::<T, PARTS, R, W>(panel, count, x, sizes, columns, sums, out, ahead)
        } else {
            strip::<T, PARTS, R, 1>(panel, count, x, sizes, columns, sums, out, ahead)
        };
    }
}

/// Some columns of some rows, with `V` vectors, which is returned.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // as above
unsafe fn strip<T: Vector, const PARTS: usize, const R: usize, const V: usize>(
    panel: F32,
    count: usize,
    vectors: *const f32,
    sizes: Sizes,
    columns: Range<usize>,
    sums: *mut f32,
    out: Out,
    ahead: &mut Ahead,
) -> usize {
    let mut r = 0;
    while r < count {
        ahead.fetch::<T>();
        let row = panel.row(r, sizes.width);
        let place = sums.add(r * sizes.vectors * LANES);
        let out = out.from(r, 0);
        if r + R <= count {
            resume::<T, PARTS, R, V>(row, vectors, sizes, columns.clone(), place, out);
            r += R;
        } else {
            resume::<T, PARTS, 1, V>(row, vectors, sizes, columns.clone(), place, out);
            r += 1;
        }
    }
    V
}

/// Goes on with the sums of a tile.
#[inline(always)]
unsafe fn resume<T: Vector, const PARTS: usize, const R: usize, const V: usize>(
    row: F32,
    vectors: *const f32,
    sizes: Sizes,
    columns: Range<usize>,
    place: *mut f32,
    out: Out,
) {
    let mut sums: Sums<T, PARTS, R, V> = [[[T::zero(); PARTS]; V]; R];
    let at = |r: usize, v: usize, part: usize| {
        place.wrapping_add((r * sizes.vectors + v) * LANES + part * T::WIDTH)
    };
    if columns.start > 0 {
        for r in 0..R {
            for v in 0..V {
                for part in 0..PARTS {
                    sums[r][v][part] = T::load(at(r, v, part));
                }
            }
        }
    }
    let last = columns.end == sizes.width;
    let sums = tile::<T, F32, PARTS, R, V, false>(row, vectors, sizes.width, columns, sums);
    if last {
        return put(sums, out);
    }
    for r in 0..R {
        for v in 0..V {
            for part in 0..PARTS {
                sums[r][v][part].store(at(r, v, part));
            }
        }
    }
}
