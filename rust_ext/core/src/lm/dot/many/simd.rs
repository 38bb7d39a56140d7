//! The products of rows and many vectors, in pieces that fit the caches.
//!
//! A few rows and some of their columns are multiplied with all vectors, before the next columns and then the next rows
//! follow: so the rows stay in the first cache and the vectors in the second.
//!
//! Vectors are copied before, into the order in which they are read: what is worked on together comes after each other,
//! from the start of a cache line on, since a load that touches two lines takes twice as long. Rows are copied if they are
//! no floats, or lie so that they push each other out of the cache.
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc)] // that of the kernels
#![allow(clippy::needless_range_loop)] // as there
#![allow(clippy::cast_ptr_alignment)] // only rows that are floats are taken for such

use super::super::kernel::simd::{Out, Source, Sums, Vector};
use super::super::LANES;
use std::ops::Range;
use std::sync::atomic::{compiler_fence, Ordering};

/// The most columns that are worked on together.
const COLUMNS: usize = 768;
/// The most rows: with so many columns they take a little more than half of a first cache of 32 kB.
const ROWS: usize = 6;
/// Lanes that are worked on without a look at where the columns end.
const UNROLLED: usize = 4;
/// Bytes of a page.
const PAGE: usize = 4096;
/// Fewer groups of vectors than these are multiplied faster than memory is read, unless more is asked for in a turn.
const FEW: usize = 6;
/// Floats of a cache line.
const LINE: usize = 16;

/// Room for values, from the start of a cache line on; what was not written must not be read.
struct Scratch(Vec<f32>);

impl Scratch {
    #[inline(always)]
    fn new(count: usize) -> Self {
        Self(Vec::with_capacity(count + LINE))
    }

    #[inline(always)]
    fn start(&mut self) -> *mut f32 {
        let start = self.0.as_mut_ptr();
        // Values of four bytes are at multiples of four: there are so many of them before the next line.
        start.wrapping_add(start.addr().wrapping_neg() / 4 % LINE)
    }
}

/// How much is worked on together.
#[derive(Clone, Copy)]
struct Sizes {
    /// Length of rows and vectors.
    width: usize,
    columns: usize,
    rows: usize,
    vectors: usize,
    /// Groups of vectors, whose sizes differ by one at most.
    groups: usize,
}

impl Sizes {
    #[inline(always)]
    fn new(width: usize, vectors: usize, few: usize, multiple: usize) -> Self {
        let blocks = width.div_ceil(COLUMNS);
        let columns = width.div_ceil(blocks).next_multiple_of(UNROLLED * LANES);
        Self {
            width,
            columns: columns.min(width),
            rows: (ROWS / multiple * multiple).max(multiple),
            vectors,
            groups: vectors.div_ceil(few),
        }
    }

    /// The vectors of a group.
    #[inline(always)]
    fn group(self, index: usize) -> Range<usize> {
        self.vectors * index / self.groups..self.vectors * (index + 1) / self.groups
    }
}

/// Memory that will be read next, and is asked for while the processor is busy.
#[derive(Clone, Copy)]
struct Ahead {
    at: *const u8,
    step: usize,
}

impl Ahead {
    #[inline(always)]
    unsafe fn fetch<T: Vector, const LINES: usize>(&mut self) {
        for _ in 0..LINES {
            T::fetch(self.at);
            self.at = self.at.wrapping_add(self.step);
        }
    }
}

/// The products of rows and more than three vectors, of which up to `V` are worked on together.
#[inline(always)]
pub unsafe fn products<T: Vector, S: Source, const PARTS: usize, const R: usize, const V: usize>(
    rows: S,
    (vectors, many): (*const f32, usize),
    width: usize,
    out: Out,
) {
    let sizes = Sizes::new(width, many, V, R);
    let count = out.stride;
    let mut x = Scratch::new(many * width);
    let x = x.start();
    pack_vectors::<T, PARTS>(vectors, sizes, x);
    // As many as registers have room for are written, of which some may not be of rows.
    let rest = sizes.rows.next_multiple_of(T::WIDTH) - sizes.rows;
    let mut sums = vec![0.0; (sizes.rows * many + rest) * LANES];
    let sums = sums.as_mut_ptr();
    // Rows that are a multiple of pages apart push each other out of the cache.
    let packed = !S::FLOATS || (4 * width).is_multiple_of(PAGE);
    let mut panel = Scratch::new(if packed {
        sizes.rows * sizes.columns
    } else {
        0
    });
    let panel = panel.start();
    let few = sizes.groups < FEW;
    let lines = if few { 8 } else { 2 };
    let tiles = sizes.groups * sizes.rows.div_ceil(R);
    let turns = tiles * width.div_ceil(UNROLLED * LANES);
    let mut first = 0;
    while first < count {
        let some = sizes.rows.min(count - first);
        let rows = rows.row(first, width);
        let mut ahead = Ahead {
            at: rows.row(some, width).address(),
            step: (sizes.rows * width * S::BYTES).div_ceil(turns * lines),
        };
        let mut start = 0;
        while start < width {
            let mut block = Block {
                start,
                columns: sizes.columns.min(width - start),
                rows: some,
                panel: rows.address().cast::<f32>().wrapping_add(start),
                stride: width,
                sums,
                sizes,
            };
            if packed {
                block.pack::<T, S>(rows, panel);
                block.panel = panel;
                block.stride = block.columns;
            }
            let x = x.add(start * many);
            if few {
                block.all::<T, PARTS, R, V, 8>(x, &mut ahead);
            } else {
                block.all::<T, PARTS, R, V, 2>(x, &mut ahead);
            }
            start += sizes.columns;
        }
        for v in 0..many {
            put::<T>(
                sums.add(v * sizes.rows * LANES),
                some,
                out.from(first, v).start,
            );
        }
        first += some;
    }
}

/// Copies vectors: block after block of columns, in each group after group.
#[inline(always)]
unsafe fn pack_vectors<T: Vector, const PARTS: usize>(
    vectors: *const f32,
    sizes: Sizes,
    mut to: *mut f32,
) {
    let mut start = 0;
    while start < sizes.width {
        let columns = start..sizes.width.min(start + sizes.columns);
        for group in 0..sizes.groups {
            let group = sizes.group(group);
            for at in columns.clone().step_by(LANES) {
                for part in 0..PARTS {
                    for v in group.clone() {
                        T::load(vectors.add(v * sizes.width + at + part * T::WIDTH)).store(to);
                        to = to.add(T::WIDTH);
                    }
                }
            }
        }
        start += sizes.columns;
    }
}

/// Writes sums of lanes.
#[inline(always)]
unsafe fn put<T: Vector>(folded: *const f32, count: usize, out: *mut f32) {
    let mut r = 0;
    while r < count {
        let sums = T::sums(folded.add(r * LANES));
        if r + T::WIDTH <= count {
            sums.store(out.add(r));
        } else {
            let mut some = [0.0; LANES];
            sums.store(some.as_mut_ptr());
            for i in r..count {
                *out.add(i) = some[i - r];
            }
        }
        r += T::WIDTH;
    }
}

/// Some columns of some rows.
#[derive(Clone, Copy)]
struct Block {
    start: usize,
    columns: usize,
    rows: usize,
    panel: *const f32,
    /// From one row to the next.
    stride: usize,
    /// Sums that have begun: of each vector those of all rows.
    sums: *mut f32,
    sizes: Sizes,
}

impl Block {
    /// Copies the rows.
    #[inline(always)]
    unsafe fn pack<T: Vector, S: Source>(self, rows: S, to: *mut f32) {
        for r in 0..self.rows {
            let (row, to) = (rows.row(r, self.sizes.width), to.add(r * self.columns));
            let mut at = 0;
            while at < self.columns {
                row.load::<T>(self.start + at).store(to.add(at));
                at += T::WIDTH;
            }
        }
    }

    /// The products with all vectors.
    #[inline(always)]
    unsafe fn all<
        T: Vector,
        const PARTS: usize,
        const R: usize,
        const V: usize,
        const LINES: usize,
    >(
        self,
        mut x: *const f32,
        ahead: &mut Ahead,
    ) {
        for group in 0..self.sizes.groups {
            let group = self.sizes.group(group);
            let sums = self.sums.add(group.start * self.sizes.rows * LANES);
            match group.len() {
                4 if V >= 4 => self.strip::<T, PARTS, R, 4, LINES>(x, sums, ahead),
                3 if V >= 3 => self.strip::<T, PARTS, R, 3, LINES>(x, sums, ahead),
                2 => self.strip::<T, PARTS, R, 2, LINES>(x, sums, ahead),
                _ => self.strip::<T, PARTS, R, 1, LINES>(x, sums, ahead),
            }
            x = x.add(group.len() * self.columns);
        }
    }

    /// The products with `V` vectors.
    #[inline(always)]
    unsafe fn strip<
        T: Vector,
        const PARTS: usize,
        const R: usize,
        const V: usize,
        const LINES: usize,
    >(
        self,
        x: *const f32,
        sums: *mut f32,
        ahead: &mut Ahead,
    ) {
        let mut r = 0;
        while r < self.rows {
            let rows = self.panel.add(r * self.stride);
            let sums = sums.add(r * LANES);
            r += if r + R <= self.rows {
                self.tile::<T, PARTS, R, V, LINES>(rows, x, sums, ahead)
            } else {
                self.tile::<T, PARTS, 1, V, LINES>(rows, x, sums, ahead)
            };
        }
    }

    /// Goes on with the sums of `R` rows, which is returned, and `V` vectors.
    #[inline(always)]
    unsafe fn tile<
        T: Vector,
        const PARTS: usize,
        const R: usize,
        const V: usize,
        const LINES: usize,
    >(
        self,
        rows: *const f32,
        x: *const f32,
        place: *mut f32,
        ahead: &mut Ahead,
    ) -> usize {
        let stride = self.sizes.rows * LANES;
        let mut sums: Sums<T, PARTS, R, V> = [[[T::zero(); PARTS]; V]; R];
        if self.start > 0 {
            for r in 0..R {
                for v in 0..V {
                    for part in 0..PARTS {
                        sums[r][v][part] =
                            T::load(place.add(v * stride + r * LANES + part * T::WIDTH));
                    }
                }
            }
        }
        // A copy, so that it is in registers.
        let mut lines = *ahead;
        let mut at = 0;
        while at + UNROLLED * LANES <= self.columns {
            lines.fetch::<T, LINES>();
            for _ in 0..UNROLLED {
                sums = lanes::<T, PARTS, R, V>((rows.add(at), self.stride), x.add(at * V), sums);
                at += LANES;
                // Else instructions of several turns are mixed, for which there are not enough registers.
                compiler_fence(Ordering::SeqCst);
            }
        }
        while at < self.columns {
            sums = lanes::<T, PARTS, R, V>((rows.add(at), self.stride), x.add(at * V), sums);
            at += LANES;
        }
        *ahead = lines;
        let last = self.start + self.columns == self.sizes.width;
        for r in 0..R {
            for v in 0..V {
                let place = place.add(v * stride + r * LANES);
                if last {
                    T::fold(sums[r][v], place);
                } else {
                    for part in 0..PARTS {
                        sums[r][v][part].store(place.add(part * T::WIDTH));
                    }
                }
            }
        }
        R
    }
}

/// Adds the products of one value for each lane.
#[inline(always)]
unsafe fn lanes<T: Vector, const PARTS: usize, const R: usize, const V: usize>(
    (rows, stride): (*const f32, usize),
    x: *const f32,
    mut sums: Sums<T, PARTS, R, V>,
) -> Sums<T, PARTS, R, V> {
    // One part after the other, so that the registers suffice; and for the same reason those of what there is less of.
    for part in 0..PARTS {
        let (rows, x) = (rows.add(part * T::WIDTH), x.add(part * V * T::WIDTH));
        if R > V {
            let mut values = [T::zero(); V];
            for v in 0..V {
                values[v] = T::load(x.add(v * T::WIDTH));
            }
            for r in 0..R {
                let weight = T::load(rows.add(r * stride));
                for v in 0..V {
                    sums[r][v][part] = sums[r][v][part].add(weight.mul(values[v]));
                }
            }
        } else {
            let mut weights = [T::zero(); R];
            for r in 0..R {
                weights[r] = T::load(rows.add(r * stride));
            }
            for v in 0..V {
                let value = T::load(x.add(v * T::WIDTH));
                for r in 0..R {
                    sums[r][v][part] = sums[r][v][part].add(weights[r].mul(value));
                }
            }
        }
    }
    sums
}
