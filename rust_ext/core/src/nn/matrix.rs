//! Products of a matrix and a vector.

mod halves {
    pub mod simd;
}
#[cfg(target_arch = "aarch64")]
mod neon {
    pub mod simd;
}
mod simd;

use super::tensors::{Shape, Tensors};
use super::vectors::Vectors;
use super::{padded, UNIT, ZERO};
use crate::{Error, Result};
use std::ops::Range;
use std::sync::OnceLock;

/// Results are products times a scale, shifted right by this.
const SHIFT: i32 = 20;
/// Rows whose weights are beside each other: padded with zeros to a multiple of this many.
pub const ROWS: usize = 32;
/// Columns of a block.
const COLUMNS: usize = 4;
/// What is taken from a half of a byte: weights of 4 bits are from -8 to 7.
const HALF: i32 = 8;
/// Two weights of zero, and eight.
const HALVES_OF_ZERO: u8 = 0x88;
const HALVES_OF_ZEROS: u32 = 0x8888_8888;
/// Largest magnitude of a bias.
const MAX_BIAS: u32 = 1 << 24;

/// A matrix of weights of 8 or 4 bits with a scale for each row, and maybe a bias.
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    /// With padding.
    columns: usize,
    weights: Weights,
    tails: Vec<Tail>,
    reach: i64,
}

/// Of the first rows all blocks of columns, of the next the same, and so on.
#[derive(Debug, Clone)]
enum Weights {
    Bytes(Vec<Block>),
    Halves(Vec<HalfBlock>),
}

/// Weights of [`ROWS`] rows, of each [`COLUMNS`] values.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block([i8; ROWS * COLUMNS]);

/// The same of weights of 4 bits: in the lower halves of bytes those of the first half of the rows, [`HALF`] more than
/// they count, in the upper halves those of the others, with their sign.
///
/// With sign a byte is then 16 times the upper weight and the lower half more, so that products of whole bytes and of
/// lower halves are enough to know those of both.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct HalfBlock([u8; ROWS * COLUMNS / 2]);

impl HalfBlock {
    const EMPTY: Self = Self([HALF as u8; ROWS * COLUMNS / 2]);
}

/// Some of these blocks.
#[derive(Debug, Clone, Copy)]
enum Blocks<'a> {
    Bytes(&'a [Block]),
    Halves(&'a [HalfBlock]),
}

impl Weights {
    /// Those of a few groups of rows.
    fn part(&self, groups: Range<usize>, columns: usize) -> Blocks<'_> {
        let wide = columns / COLUMNS;
        let which = groups.start * wide..groups.end * wide;
        match self {
            Self::Bytes(blocks) => Blocks::Bytes(&blocks[which]),
            Self::Halves(blocks) => Blocks::Halves(&blocks[which]),
        }
    }
}

impl Blocks<'_> {
    fn to_weights(self) -> Weights {
        match self {
            Self::Bytes(blocks) => Weights::Bytes(blocks.to_vec()),
            Self::Halves(blocks) => Weights::Halves(blocks.to_vec()),
        }
    }
}

/// Some rows of a matrix.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    rows: usize,
    columns: usize,
    blocks: Blocks<'a>,
    tails: &'a [Tail],
}

impl Part<'_> {
    /// As [`Matrix::set`], of these rows.
    ///
    /// # Panics
    /// As there.
    #[inline]
    pub fn set(&self, steps: &[u8], out: &mut [i32]) {
        simd::multiply::<false>(proven(), self, steps, out);
    }

    /// As [`Matrix::add`], of these rows.
    ///
    /// # Panics
    /// As there.
    #[inline]
    pub fn add(&self, steps: &[u8], out: &mut [i32]) {
        simd::multiply::<true>(proven(), self, steps, out);
    }
}

/// What becomes of the sums of a few rows.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Tail {
    /// What they begin with, so that bytes may count from [`ZERO`].
    start: [i32; ROWS],
    scale: [i32; ROWS],
    bias: [i32; ROWS],
}

impl Tail {
    const EMPTY: Self = Self {
        start: [0; ROWS],
        scale: [0; ROWS],
        bias: [0; ROWS],
    };
}

/// Sums over the weights of a row.
struct Totals {
    sum: i32,
    /// Of magnitudes.
    size: i32,
}

impl Totals {
    fn of(row: &[i8]) -> Self {
        Self {
            sum: row.iter().map(|&w| i32::from(w)).sum(),
            size: row.iter().map(|&w| i32::from(w).abs()).sum(),
        }
    }

    fn of_halves(row: &[u8]) -> Self {
        let (mut sum, mut size) = (0, 0);
        // So few that sums of bytes fit 16 bits.
        for few in row.chunks(1 << 10) {
            let halves = |b: u8| [b & 15, b >> 4];
            let total = |of: fn(u8) -> u8| -> u16 {
                let each = few.iter().map(|&b| halves(b).map(of));
                each.map(|[a, b]| u16::from(a + b)).sum()
            };
            sum += i32::from(total(|w| w)) - 2 * HALF * few.len() as i32;
            size += i32::from(total(|w| w.abs_diff(HALF as u8)));
        }
        Self { sum, size }
    }
}

impl Matrix {
    /// Takes the tensors `name.weight` of `rows` by `columns`, and `name.scale`. Inputs are steps.
    ///
    /// # Errors
    /// [`Error::Weights`] when one is missing, has another shape, or values that are out of range.
    pub fn take(
        tensors: &Tensors<'_>,
        name: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Self> {
        let weights = tensors.weights(&format!("{name}.weight"), Shape::Matrix(rows, columns))?;
        let totals = weights.chunks_exact(columns).map(Totals::of);
        let blocks = Weights::Bytes(blocks(weights, columns));
        Self::scaled(tensors, name, (rows, columns), totals, blocks)
    }

    /// The same, or, where `name.weight` is of bytes without a sign, of 4-bit weights: two in a byte, that of the even
    /// column in the lower half.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_either(
        tensors: &Tensors<'_>,
        name: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Self> {
        let weight = format!("{name}.weight");
        if !tensors.holds_bytes(&weight) {
            return Self::take(tensors, name, (rows, columns));
        }
        if columns % 2 != 0 {
            return Err(Error::Weights {
                what: "matrix of 4-bit weights has an odd number of columns",
            });
        }
        let weights = tensors.bytes_of(&weight, Shape::Matrix(rows, columns / 2))?;
        let totals = weights.chunks_exact(columns / 2).map(Totals::of_halves);
        let blocks = Weights::Halves(half_blocks(weights, columns));
        Self::scaled(tensors, name, (rows, columns), totals, blocks)
    }

    fn scaled(
        tensors: &Tensors<'_>,
        name: &str,
        (rows, columns): (usize, usize),
        totals: impl Iterator<Item = Totals>,
        weights: Weights,
    ) -> Result<Self> {
        let scale = tensors.numbers(&format!("{name}.scale"), rows)?;
        if scale.iter().any(|&scale| scale < 0) {
            return Err(Error::Weights {
                what: "scale of a matrix is negative",
            });
        }
        let mut tails = vec![Tail::EMPTY; rows.div_ceil(ROWS)];
        let mut reach = 0;
        for (i, Totals { sum, size }) in totals.enumerate() {
            let tail = &mut tails[i / ROWS];
            tail.start[i % ROWS] = -ZERO * sum;
            tail.scale[i % ROWS] = scale[i];
            reach = reach.max((i64::from(size * UNIT) * i64::from(scale[i])) >> SHIFT);
        }
        Ok(Self {
            rows,
            columns: padded(columns),
            weights,
            tails,
            reach,
        })
    }

    /// The same with the tensor `name.bias`.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn biased(mut self, tensors: &Tensors<'_>, name: &str) -> Result<Self> {
        let bias = tensors.numbers(&format!("{name}.bias"), self.rows)?;
        if bias.iter().any(|bias| bias.unsigned_abs() > MAX_BIAS) {
            return Err(Error::Weights {
                what: "bias of a matrix is too large",
            });
        }
        for (tail, bias) in self.tails.iter_mut().zip(bias.chunks(ROWS)) {
            tail.bias[..bias.len()].copy_from_slice(bias);
        }
        Ok(self)
    }

    /// The same for inputs that count from 0, and are up to 127.
    #[must_use]
    pub fn of_hidden(mut self) -> Self {
        for tail in &mut self.tails {
            tail.start = [0; ROWS];
        }
        self
    }

    /// The same in parts of so many rows each, a multiple of [`ROWS`]; the last may have fewer.
    ///
    /// # Panics
    /// If `rows` is no such number.
    #[must_use]
    pub fn split(&self, rows: usize) -> Vec<Self> {
        assert!(rows > 0 && rows.is_multiple_of(ROWS));
        let part = |first: usize| {
            let part = self.part(first..self.rows.min(first + rows));
            Self {
                rows: part.rows,
                columns: part.columns,
                weights: part.blocks.to_weights(),
                tails: part.tails.to_vec(),
                reach: self.reach,
            }
        };
        (0..self.rows).step_by(rows).map(part).collect()
    }

    /// Some of the rows: from a multiple of [`ROWS`] to one, or to the last.
    ///
    /// # Panics
    /// If they are others.
    #[inline]
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Part<'_> {
        assert!(rows.start.is_multiple_of(ROWS) && rows.end <= self.rows);
        assert!(rows.end.is_multiple_of(ROWS) || rows.end == self.rows);
        let groups = rows.start / ROWS..rows.end.div_ceil(ROWS);
        Part {
            rows: rows.len(),
            columns: self.columns,
            blocks: self.weights.part(groups.clone(), self.columns),
            tails: &self.tails[groups],
        }
    }

    /// The largest magnitude of a result, without the bias.
    #[must_use]
    pub fn reach(&self) -> i64 {
        self.reach
    }

    /// Rows, without padding.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Weights, with those of columns that are padding.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.rows * self.columns
    }

    /// Sets `out`, of as many values as there are rows, to the product with `steps`, which are padded. There may be
    /// several vectors of steps, one after the other: so are the results.
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    #[inline]
    pub fn set(&self, steps: &[u8], out: &mut [i32]) {
        self.part(0..self.rows).set(steps, out);
    }

    /// Adds the products with `steps` to `out`.
    ///
    /// # Panics
    /// As [`Self::set`].
    #[inline]
    pub fn add(&self, steps: &[u8], out: &mut [i32]) {
        self.part(0..self.rows).add(steps, out);
    }
}

/// The vectors of this processor whose products equal those of the scalar twin: the fastest of them. It is tried once
/// in a process, since a kernel that is wrong on one processor would write streams that no other one decodes.
fn proven() -> Vectors {
    static PROVEN: OnceLock<Vectors> = OnceLock::new();
    *PROVEN.get_or_init(|| {
        let all = Vectors::all();
        let expected = trial(all[0]);
        let equal = all.iter().rev().find(|&&by| trial(by) == expected);
        equal.copied().unwrap_or(all[0])
    })
}

/// Products of small matrices, of both kinds, that have the largest magnitudes, and rows and columns that are padded.
fn trial(by: Vectors) -> Vec<i32> {
    // Sums of 16 bits are largest after 32 columns.
    let (rows, columns) = (ROWS + 5, 9 * COLUMNS + 2);
    let weight = |i: usize| [127, -127, (i * 89 % 255) as i32 - 127][i % 3] as i8;
    let weights: Vec<i8> = (0..rows * columns).map(weight).collect();
    let half = |i: usize| [255, 0, (i * 89 % 256) as u8][i / (columns / 2) % 3];
    let halves: Vec<u8> = (0..rows * columns / 2).map(half).collect();
    let mut tails = vec![Tail::EMPTY; rows.div_ceil(ROWS)];
    for (n, tail) in tails.iter_mut().enumerate() {
        for i in 0..ROWS {
            tail.start[i] = (n * 7919 + i) as i32 - ZERO * i as i32;
            tail.scale[i] = 1 << (i % 27);
            tail.bias[i] = -(i as i32);
        }
    }
    let kinds = [
        Weights::Bytes(blocks(&weights, columns)),
        Weights::Halves(half_blocks(&halves, columns)),
    ];
    let mut all = Vec::new();
    for weights in kinds {
        let matrix = Matrix {
            rows,
            columns: padded(columns),
            weights,
            tails: tails.clone(),
            reach: 0,
        };
        let mixed = (0..matrix.columns).map(|i| [127, 0, 64, 1][i % 4]);
        let largest = (0..matrix.columns).map(|_| 127);
        let steps: Vec<u8> = mixed.chain(largest).collect();
        let mut out = vec![0; 2 * rows];
        let matrix = matrix.part(0..rows);
        simd::multiply::<false>(by, &matrix, &steps, &mut out);
        simd::multiply::<true>(by, &matrix, &steps, &mut out);
        all.extend(out);
    }
    all
}

/// Brings rows of weights to the order in which kernels want them.
fn blocks(weights: &[i8], columns: usize) -> Vec<Block> {
    let groups = (weights.len() / columns).div_ceil(ROWS);
    let wide = padded(columns) / COLUMNS;
    let mut blocks = vec![Block([0; ROWS * COLUMNS]); groups * wide];
    let groups = weights.chunks(ROWS * columns);
    for (group, blocks) in groups.zip(blocks.chunks_exact_mut(wide)) {
        for (i, row) in group.chunks_exact(columns).enumerate() {
            let place = COLUMNS * i..COLUMNS * (i + 1);
            let (few, rest) = row.as_chunks::<COLUMNS>();
            for (block, few) in blocks.iter_mut().zip(few) {
                block.0[place.clone()].copy_from_slice(few);
            }
            if !rest.is_empty() {
                blocks[few.len()].0[place][..rest.len()].copy_from_slice(rest);
            }
        }
    }
    blocks
}

/// The same for weights of 4 bits, two of which are in a byte.
fn half_blocks(weights: &[u8], columns: usize) -> Vec<HalfBlock> {
    /// Bytes of a row that are in two blocks.
    const FEW: usize = COLUMNS;
    let bytes = columns / 2;
    let groups = (weights.len() / bytes).div_ceil(ROWS);
    let wide = padded(columns) / COLUMNS;
    let mut blocks = vec![HalfBlock::EMPTY; groups * wide];
    let none = vec![HALVES_OF_ZERO; bytes];
    let groups = weights.chunks(ROWS * bytes);
    for (group, blocks) in groups.zip(blocks.chunks_exact_mut(wide)) {
        let mut rows = [&none[..]; ROWS];
        for (to, row) in rows.iter_mut().zip(group.chunks_exact(bytes)) {
            *to = row;
        }
        let (low, high) = rows.split_at(ROWS / 2);
        let (blocks, _) = blocks.as_chunks_mut::<2>();
        for (n, [a, b]) in blocks.iter_mut().enumerate() {
            let few = |row: &[u8]| {
                let row = row.get(n * FEW..).unwrap_or_default();
                let few = row.first_chunk().copied().unwrap_or_else(|| {
                    let mut few = [HALVES_OF_ZERO; FEW];
                    few[..row.len()].copy_from_slice(row);
                    few
                });
                spread(u32::from_le_bytes(few))
            };
            let [a, b] = [a, b].map(|block| block.0.as_chunks_mut::<COLUMNS>().0);
            let to = a.iter_mut().zip(b);
            for ((a, b), (low, high)) in to.zip(low.iter().zip(high)) {
                // The upper ones lose what they are more than they count.
                let both = few(low) | (few(high) ^ spread(HALVES_OF_ZEROS)) << 4;
                [*a, *b] = bytemuck::cast(both.to_le_bytes());
            }
        }
    }
    blocks
}

/// The halves of bytes, each in a byte.
#[inline(always)]
const fn spread(halves: u32) -> u64 {
    let mut x = halves as u64;
    x = (x | x << 16) & 0x0000_FFFF_0000_FFFF;
    x = (x | x << 8) & 0x00FF_00FF_00FF_00FF;
    (x | x << 4) & 0x0F0F_0F0F_0F0F_0F0F
}

/// Brings the sum of products of one row to the unit of the result.
#[inline(always)]
fn finish(sum: i32, scale: i32, bias: i32) -> i32 {
    let product = i64::from(sum) * i64::from(scale) + (1 << (SHIFT - 1));
    // The upper bits are those of the sign: results fit 32 bits.
    ((product as u64 >> SHIFT) as i32).wrapping_add(bias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use safetensors::tensor::{serialize, Dtype, TensorView};

    /// A matrix `m` of a file with weights of one type.
    fn taken(dtype: Dtype, weights: &[u8], (rows, columns): (usize, usize)) -> Result<Matrix> {
        let scale: Vec<u8> = (0..rows)
            .flat_map(|i| (1_i32 << (20 + i % 3)).to_le_bytes())
            .collect();
        let shape = vec![rows, weights.len() / rows];
        let views = [
            ("m.weight", TensorView::new(dtype, shape, weights).unwrap()),
            (
                "m.scale",
                TensorView::new(Dtype::I32, vec![rows], &scale).unwrap(),
            ),
        ];
        let file = serialize(views, None).unwrap();
        Matrix::take_either(&Tensors::parse(&file)?, "m", (rows, columns))
    }

    proptest! {
        #[test]
        fn halves_of_bytes_are_the_same_as_bytes(
            rows in 1..100_usize,
            columns in 1..70_usize,
            seed in prop::collection::vec(-8..8_i8, 1..400),
            large in 0..300_usize,
        ) {
            // Some rows have many columns.
            let columns = 2 * if large == 0 { 2000 + columns } else { columns };
            let weights: Vec<i8> = (0..rows * columns).map(|i| seed[i * 7 % seed.len()]).collect();
            let (both, _) = weights.as_chunks::<2>();
            let halves: Vec<u8> = both.iter().map(|[a, b]| (a + 8) as u8 | ((b + 8) as u8) << 4).collect();
            let bytes: Vec<u8> = weights.iter().map(|&w| w as u8).collect();
            let of_bytes = taken(Dtype::I8, &bytes, (rows, columns)).unwrap();
            let of_halves = taken(Dtype::U8, &halves, (rows, columns)).unwrap();
            prop_assert!(matches!(of_halves.weights, Weights::Halves(_)));
            prop_assert_eq!(of_bytes.reach(), of_halves.reach());
            let steps: Vec<u8> = (0..padded(columns)).map(|i| (i * 7 % 128) as u8).collect();
            let (mut expected, mut found) = (vec![0; rows], vec![0; rows]);
            of_bytes.set(&steps, &mut expected);
            of_halves.set(&steps, &mut found);
            prop_assert_eq!(&found, &expected);
            let mut found = Vec::new();
            for part in of_halves.split(ROWS) {
                let mut out = vec![0; part.rows()];
                part.set(&steps, &mut out);
                found.extend(out);
            }
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn halves_of_bytes_are_of_even_columns() {
        let refused = |shape| taken(Dtype::U8, &[0; 12], shape).unwrap_err().to_string();
        assert!(refused((2, 13)).contains("odd number of columns"));
        assert!(refused((2, 14)).contains("another shape"));
        assert!(taken(Dtype::U8, &[0; 12], (2, 12)).is_ok());
    }

    #[test]
    fn parts_give_what_the_whole_gives() {
        let (rows, columns) = (3 * ROWS + 7, 20);
        let weights: Vec<i8> = (0..rows * columns)
            .map(|i| (i * 89 % 255) as i8 ^ 0x55)
            .map(|w| w.max(-127))
            .collect();
        let mut tails = vec![Tail::EMPTY; rows.div_ceil(ROWS)];
        for (n, tail) in tails.iter_mut().enumerate() {
            for i in 0..ROWS {
                tail.scale[i] = 1 << 20;
                tail.bias[i] = (n * ROWS + i) as i32;
            }
        }
        let matrix = Matrix {
            rows,
            columns: padded(columns),
            weights: Weights::Bytes(blocks(&weights, columns)),
            tails,
            reach: 5,
        };
        let steps: Vec<u8> = (0..matrix.columns).map(|i| (i * 7 % 128) as u8).collect();
        let mut expected = vec![0; rows];
        matrix.set(&steps, &mut expected);
        for size in [ROWS, 2 * ROWS, 5 * ROWS] {
            let parts = matrix.split(size);
            assert_eq!(parts.len(), rows.div_ceil(size));
            let mut found = Vec::new();
            for part in &parts {
                let mut out = vec![0; part.rows()];
                part.set(&steps, &mut out);
                found.extend(out);
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_fastest_vectors_are_proven() {
        assert_eq!(proven(), Vectors::best());
        let products = trial(Vectors::all()[0]);
        assert!(products.iter().any(|&p| p > 1 << 16) && products.iter().any(|&p| p < -(1 << 16)));
    }
}
