//! The products of matrices, by vectors where the processor has them.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // blocks are aligned to 64 bytes, and other loads allow any address

use super::halves::simd as halves;
use super::{finish, Block, Blocks, Part, Tail, COLUMNS, ROWS};
use crate::nn::vectors::{Kind, Vectors};

/// Sets `out` to the products of a matrix and each of some vectors of `steps`, or adds them.
///
/// # Panics
/// If the lengths do not fit each other.
#[inline]
pub fn multiply<const ADD: bool>(by: Vectors, matrix: &Part<'_>, steps: &[u8], out: &mut [i32]) {
    let vectors = steps.len() / matrix.columns;
    assert!(steps.len() == matrix.columns * vectors && out.len() == matrix.rows * vectors);
    let blocks = match matrix.blocks {
        Blocks::Bytes(blocks) => blocks,
        Blocks::Halves(blocks) => return halves::multiply::<ADD>(by, matrix, blocks, steps, out),
    };
    match by.kind() {
        // SAFETY: the processor has what the kernels need, else there were no such value.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { x86::multiply_avx2::<ADD>(matrix, blocks, steps, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni => unsafe { x86::multiply_avx_vnni::<ADD>(matrix, blocks, steps, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => unsafe { x86::multiply_avx512::<ADD>(matrix, blocks, steps, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => unsafe { super::neon::simd::multiply::<ADD>(matrix, blocks, steps, out) },
        _ => multiply_scalar::<ADD>(matrix, blocks, steps, out),
    }
}

/// Calls back with the rows that are kept together, their blocks and what becomes of sums, for each vector of steps, by
/// its number, and its results. The weights of a group are used for all vectors before the next ones are read.
#[inline(always)]
pub fn for_groups<'a, B>(
    matrix: &Part<'a>,
    blocks: &'a [B],
    steps: &[u8],
    out: &mut [i32],
    mut each: impl FnMut(usize, &'a [B], &'a Tail, &[u8], &mut [i32]),
) {
    // By numbers: not every build inlines nested iterators here.
    let wide = blocks.len() / matrix.tails.len().max(1);
    let vectors = steps.len() / matrix.columns;
    for (group, tail) in matrix.tails.iter().enumerate() {
        let blocks = &blocks[group * wide..][..wide];
        let first = group * ROWS;
        let rows = ROWS.min(matrix.rows - first);
        for vector in 0..vectors {
            let steps = &steps[vector * matrix.columns..][..matrix.columns];
            let out = &mut out[vector * matrix.rows + first..][..rows];
            each(vector, blocks, tail, steps, out);
        }
    }
}

/// One product after the other.
fn multiply_scalar<const ADD: bool>(
    matrix: &Part<'_>,
    blocks: &[Block],
    steps: &[u8],
    out: &mut [i32],
) {
    for_groups(matrix, blocks, steps, out, |_, blocks, tail, steps, out| {
        let (steps, _) = steps.as_chunks::<COLUMNS>();
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = tail.start[i];
            for (block, steps) in blocks.iter().zip(steps) {
                let weights = &block.0[COLUMNS * i..][..COLUMNS];
                for (&w, &x) in weights.iter().zip(steps) {
                    sum += i32::from(w) * i32::from(x);
                }
            }
            let value = finish(sum, tail.scale[i], tail.bias[i]);
            *out = if ADD { out.wrapping_add(value) } else { value };
        }
    });
}

/// Sets the results of a group, of whose rows the last may be padding, or adds to them.
#[inline(always)]
pub fn put<const ADD: bool>(values: [i32; ROWS], out: &mut [i32]) {
    let sum = |out: i32, value| if ADD { out.wrapping_add(value) } else { value };
    // Where the length is known the compiler uses vectors.
    if let Some(all) = out.first_chunk_mut::<ROWS>() {
        for (out, value) in all.iter_mut().zip(values) {
            *out = sum(*out, value);
        }
    } else {
        for (out, value) in out.iter_mut().zip(values) {
            *out = sum(*out, value);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    use super::{for_groups, put, Block, Part, Tail, COLUMNS, ROWS};
    use crate::nn::matrix::SHIFT;
    use crate::nn::simd::{load, load_bytes, scaled, store, WIDE};
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_add_epi32, _mm256_dpbusd_avx_epi32, _mm256_madd_epi16,
        _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm512_add_epi32, _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64,
        _mm512_load_si512, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    };

    /// Vectors of a block.
    pub const PARTS: usize = ROWS / WIDE;

    /// Writes a kernel of 256 bits: the sum of four products of bytes, which is `$dot`, is what differs.
    macro_rules! kernel {
        ($name:ident, $features:literal, $dot:ident) => {
            #[target_feature(enable = $features)]
            pub fn $name<const ADD: bool>(
                matrix: &Part<'_>,
                blocks: &[Block],
                steps: &[u8],
                out: &mut [i32],
            ) {
                for_groups(matrix, blocks, steps, out, |_, blocks, tail, steps, out| {
                    let (steps, _) = steps.as_chunks::<{ 2 * COLUMNS }>();
                    // Sums of even and odd blocks: enough of them to hide how long one takes.
                    let mut even = [_mm256_setzero_si256(); PARTS];
                    for (part, sum) in even.iter_mut().enumerate() {
                        *sum = load(eight(&tail.start, part));
                    }
                    let mut odd = [_mm256_setzero_si256(); PARTS];
                    for (blocks, steps) in blocks.as_chunks::<2>().0.iter().zip(steps) {
                        let [a, b] = [first(steps), first(&steps[COLUMNS..])];
                        for part in 0..PARTS {
                            even[part] = $dot(even[part], a, weights(&blocks[0], part));
                            odd[part] = $dot(odd[part], b, weights(&blocks[1], part));
                        }
                    }
                    for (even, odd) in even.iter_mut().zip(odd) {
                        *even = _mm256_add_epi32(*even, odd);
                    }
                    put::<ADD>(finish(even, tail), out);
                });
            }
        };
    }

    kernel!(multiply_avx2, "avx2", dot);
    kernel!(multiply_avx_vnni, "avx2,avxvnni", _mm256_dpbusd_avx_epi32);

    /// Adds to each sum four products of steps and weights.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn dot(sum: __m256i, steps: __m256i, weights: __m256i) -> __m256i {
        // Two products of magnitudes up to 127 fit 16 bits.
        let pairs = _mm256_maddubs_epi16(steps, weights);
        _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }

    /// The first few steps, repeated.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn first(steps: &[u8]) -> __m256i {
        _mm256_set1_epi32(i32::from_le_bytes(steps.as_chunks().0[0]))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn weights(block: &Block, part: usize) -> __m256i {
        load_bytes(&block.0.as_chunks().0[part])
    }

    #[inline(always)]
    pub fn eight(values: &[i32; ROWS], part: usize) -> &[i32; WIDE] {
        &values.as_chunks().0[part]
    }

    /// Brings sums to the unit of the result.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn finish(sums: [__m256i; PARTS], tail: &Tail) -> [i32; ROWS] {
        let mut values = [0; ROWS];
        for (part, to) in values.as_chunks_mut().0.iter_mut().enumerate() {
            let scale = load(eight(&tail.scale, part));
            let value = scaled::<SHIFT>(sums[part], scale, 1 << (SHIFT - 1));
            store(to, _mm256_add_epi32(value, load(eight(&tail.bias, part))));
        }
        values
    }

    /// What the sums of a group begin with.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn starts(tail: &Tail) -> [__m512i; 2] {
        let [low, high] = [0, 1].map(|half| {
            let start: &[i32; ROWS / 2] = &tail.start.as_chunks().0[half];
            // SAFETY: the array is as long as the vector.
            unsafe { _mm512_loadu_si512(start.as_ptr().cast()) }
        });
        [low, high]
    }

    /// Sums in shorter vectors.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn quarters([low, high]: [__m512i; 2]) -> [__m256i; PARTS] {
        [
            _mm512_castsi512_si256(low),
            _mm512_extracti64x4_epi64::<1>(low),
            _mm512_castsi512_si256(high),
            _mm512_extracti64x4_epi64::<1>(high),
        ]
    }

    #[target_feature(enable = "avx2,avx512f,avx512vnni")]
    pub fn multiply_avx512<const ADD: bool>(
        matrix: &Part<'_>,
        blocks: &[Block],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_groups(matrix, blocks, steps, out, |_, blocks, tail, steps, out| {
            let (steps, _) = steps.as_chunks::<{ 4 * COLUMNS }>();
            let mut sums = [[_mm512_setzero_si512(); 2]; 4];
            sums[0] = starts(tail);
            for (blocks, steps) in blocks.as_chunks::<4>().0.iter().zip(steps) {
                let (steps, _) = steps.as_chunks::<COLUMNS>();
                for ((sums, block), &few) in sums.iter_mut().zip(blocks).zip(steps) {
                    let x = _mm512_set1_epi32(i32::from_le_bytes(few));
                    for (half, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: a block has two vectors, and is aligned as they are.
                        let w = unsafe {
                            _mm512_load_si512(block.0.as_ptr().add(half * 64).cast::<__m512i>())
                        };
                        *sum = _mm512_dpbusd_epi32(*sum, x, w);
                    }
                }
            }
            let [mut all, more @ ..] = sums;
            for [low, high] in more {
                all = [
                    _mm512_add_epi32(all[0], low),
                    _mm512_add_epi32(all[1], high),
                ];
            }
            put::<ADD>(finish(quarters(all), tail), out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{blocks, half_blocks, Matrix, Weights, MAX_BIAS};
    use super::*;
    use crate::nn::{padded, LANES, ZERO};
    use proptest::prelude::*;

    proptest! {
        /// Kernels are compared where the processor has what they need. Those for AVX-512 were run on one that has it;
        /// those for AVX-VNNI were not, which is why kernels are tried before they are used.
        #[test]
        fn vectors_equal_scalars(
            rows in 1..100_usize,
            columns in 1..5 * LANES,
            zero in prop::bool::ANY,
            half in prop::bool::ANY,
            vectors in prop::sample::select(vec![1, 3, 40]),
            seed in prop::collection::vec(-127..=127_i8, 1..400),
            scales in prop::collection::vec(0..1_i32 << 26, 1..9),
            biases in prop::collection::vec(-(MAX_BIAS as i32)..MAX_BIAS as i32, 1..9),
        ) {
            let columns = if half { columns.next_multiple_of(2) } else { columns };
            let weight = |i: usize| seed[i * 7 % seed.len()] >> if half { 4 } else { 0 };
            let weights: Vec<i8> = (0..rows * columns).map(weight).collect();
            let steps: Vec<u8> =
                (0..padded(columns)).map(|i| seed[i % seed.len()].unsigned_abs()).collect();
            let zero = if zero { ZERO } else { 0 };
            let mut tails = vec![Tail::EMPTY; rows.div_ceil(ROWS)];
            let mut expected = Vec::new();
            for (i, row) in weights.chunks_exact(columns).enumerate() {
                let (scale, bias) = (scales[i % scales.len()], biases[i % biases.len()]);
                let tail = &mut tails[i / ROWS];
                tail.start[i % ROWS] = -zero * row.iter().map(|&w| i32::from(w)).sum::<i32>();
                tail.scale[i % ROWS] = scale;
                tail.bias[i % ROWS] = bias;
                let products = row.iter().zip(&steps).map(|(&w, &x)| i32::from(w) * (i32::from(x) - zero));
                expected.push(finish(products.sum(), scale, bias));
            }
            let columns_padded = padded(columns);
            let weights = if half {
                let (both, _) = weights.as_chunks::<2>();
                let bytes: Vec<u8> = both.iter().map(|[a, b]| (a + 8) as u8 | ((b + 8) as u8) << 4).collect();
                Weights::Halves(half_blocks(&bytes, columns))
            } else {
                Weights::Bytes(blocks(&weights, columns))
            };
            let matrix = Matrix { rows, columns: columns_padded, weights, tails, reach: 0 };
            let matrix = matrix.part(0..rows);
            let none = vec![0; columns_padded];
            let many: Vec<u8> =
                (0..vectors).flat_map(|i| if i % 3 == 1 { &none } else { &steps }).copied().collect();
            let mut all = vec![5; rows * vectors];
            multiply::<false>(Vectors::all()[0], &matrix, &many, &mut all);
            prop_assert_eq!(&all[..rows], &expected);
            for by in Vectors::all() {
                let mut out = vec![7; rows * vectors];
                multiply::<false>(by, &matrix, &many, &mut out);
                prop_assert_eq!(&out, &all, "{:?}", by);
                let mut out = vec![5; rows];
                multiply::<false>(by, &matrix, &steps, &mut out);
                prop_assert_eq!(&out, &expected, "{:?}", by);
                multiply::<true>(by, &matrix, &steps, &mut out);
                let twice: Vec<i32> = expected.iter().map(|&v| v.wrapping_mul(2)).collect();
                prop_assert_eq!(&out, &twice, "{:?}", by);
            }
        }
    }
}
