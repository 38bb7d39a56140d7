//! The products of matrices of 4-bit weights, by vectors where the processor has them.
//!
//! Vectors take the lower halves of bytes as they are, from 0 to 15, so what that is too much is subtracted: it depends
//! on the steps only, and is the same for all rows. Of the products of whole bytes they subtract those of the lower
//! halves, and what is left is 16 times those of the upper ones.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // blocks are aligned to 64 bytes

use super::super::simd::for_groups;
use super::super::{finish, HalfBlock, Part, Tail, COLUMNS, HALF, ROWS};
use crate::nn::vectors::{Kind, Vectors};

/// Vectors of steps that the weights of a group are used for before the next ones are read, at most.
const MANY: usize = 32;
/// The first row of those in upper halves.
const HIGH: usize = ROWS / 2;

/// As [`super::super::simd::multiply`], whose lengths fit.
#[inline]
pub fn multiply<const ADD: bool>(
    by: Vectors,
    matrix: &Part<'_>,
    blocks: &[HalfBlock],
    steps: &[u8],
    out: &mut [i32],
) {
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
        Kind::Neon => unsafe {
            super::super::neon::simd::multiply_halves::<ADD>(matrix, blocks, steps, out);
        },
        _ => multiply_scalar::<ADD>(matrix, blocks, steps, out),
    }
}

/// One product after the other.
fn multiply_scalar<const ADD: bool>(
    matrix: &Part<'_>,
    blocks: &[HalfBlock],
    steps: &[u8],
    out: &mut [i32],
) {
    for_groups(matrix, blocks, steps, out, |_, blocks, tail, steps, out| {
        let (steps, _) = steps.as_chunks::<COLUMNS>();
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = tail.start[i];
            for (block, steps) in blocks.iter().zip(steps) {
                let weights = &block.0[COLUMNS * (i % HIGH)..][..COLUMNS];
                for (&w, &x) in weights.iter().zip(steps) {
                    let w = if i < HIGH {
                        i32::from(w & 15) - HALF
                    } else {
                        i32::from(w as i8 >> 4)
                    };
                    sum += w * i32::from(x);
                }
            }
            let value = finish(sum, tail.scale[i], tail.bias[i]);
            *out = if ADD { out.wrapping_add(value) } else { value };
        }
    });
}

/// As [`for_groups`], with what sums of products have too much in place of numbers of vectors.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn for_halves<'a>(
    matrix: &Part<'a>,
    blocks: &'a [HalfBlock],
    steps: &[u8],
    out: &mut [i32],
    mut each: impl FnMut(i32, &'a [HalfBlock], &'a Tail, &[u8], &mut [i32]),
) {
    let steps = steps.chunks(MANY * matrix.columns);
    for (steps, out) in steps.zip(out.chunks_mut(MANY * matrix.rows)) {
        let mut more = [0; MANY];
        for (more, steps) in more.iter_mut().zip(steps.chunks_exact(matrix.columns)) {
            let sum: u32 = steps.iter().map(|&x| u32::from(x)).sum();
            *more = HALF * sum as i32;
        }
        for_groups(
            matrix,
            blocks,
            steps,
            out,
            |vector, blocks, tail, steps, out| {
                each(more[vector], blocks, tail, steps, out);
            },
        );
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::super::simd::put;
    use super::super::super::simd::x86::{eight, finish, first, quarters, starts, PARTS};
    use super::{for_halves, HalfBlock, Part, Tail, COLUMNS};
    use crate::nn::simd::load;
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_dpbusd_avx_epi32,
        _mm256_load_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16,
        _mm256_set1_epi32, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_srai_epi32,
        _mm256_sub_epi32, _mm512_add_epi32, _mm512_and_si512, _mm512_dpbusd_epi32,
        _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_srai_epi32,
        _mm512_sub_epi32,
    };

    /// Vectors of a block.
    const HALF_PARTS: usize = PARTS / 2;
    /// Blocks of which sums of products of lower halves fit 16 bits: eight times two of magnitudes up to 15 and 127.
    const SHORT: usize = 8;

    #[target_feature(enable = "avx2")]
    pub fn multiply_avx2<const ADD: bool>(
        matrix: &Part<'_>,
        blocks: &[HalfBlock],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_halves(
            matrix,
            blocks,
            steps,
            out,
            |more, blocks, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<COLUMNS>();
                let ones = _mm256_set1_epi16(1);
                let mut lows = [_mm256_setzero_si256(); HALF_PARTS];
                let mut wholes = [_mm256_setzero_si256(); HALF_PARTS];
                for (blocks, steps) in blocks.chunks(SHORT).zip(steps.chunks(SHORT)) {
                    let mut short = [_mm256_setzero_si256(); HALF_PARTS];
                    for (block, steps) in blocks.iter().zip(steps) {
                        let x = first(steps);
                        for part in 0..HALF_PARTS {
                            let bytes = load_part(block, part);
                            let low = _mm256_maddubs_epi16(lower(bytes), x);
                            short[part] = _mm256_add_epi16(short[part], low);
                            // Two products of magnitudes up to 127 and 128 fit 16 bits.
                            let whole = _mm256_madd_epi16(_mm256_maddubs_epi16(x, bytes), ones);
                            wholes[part] = _mm256_add_epi32(wholes[part], whole);
                        }
                    }
                    for (low, short) in lows.iter_mut().zip(short) {
                        *low = _mm256_add_epi32(*low, _mm256_madd_epi16(short, ones));
                    }
                }
                put::<ADD>(finish(apart(lows, wholes, tail, more), tail), out);
            },
        );
    }

    #[target_feature(enable = "avx2,avxvnni")]
    pub fn multiply_avx_vnni<const ADD: bool>(
        matrix: &Part<'_>,
        blocks: &[HalfBlock],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_halves(
            matrix,
            blocks,
            steps,
            out,
            |more, blocks, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<{ 2 * COLUMNS }>();
                // Sums of even and odd blocks: enough of them to hide how long one takes.
                let mut lows = [[_mm256_setzero_si256(); HALF_PARTS]; 2];
                let mut wholes = lows;
                for (blocks, steps) in blocks.as_chunks::<2>().0.iter().zip(steps) {
                    let (steps, _) = steps.as_chunks::<COLUMNS>();
                    for n in 0..2 {
                        let x = first(&steps[n]);
                        for part in 0..HALF_PARTS {
                            let bytes = load_part(&blocks[n], part);
                            let (low, whole) = (&mut lows[n][part], &mut wholes[n][part]);
                            *low = _mm256_dpbusd_avx_epi32(*low, lower(bytes), x);
                            *whole = _mm256_dpbusd_avx_epi32(*whole, x, bytes);
                        }
                    }
                }
                let [lows, wholes] = [lows, wholes].map(|[mut even, odd]| {
                    for (even, odd) in even.iter_mut().zip(odd) {
                        *even = _mm256_add_epi32(*even, odd);
                    }
                    even
                });
                put::<ADD>(finish(apart(lows, wholes, tail, more), tail), out);
            },
        );
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_part(block: &HalfBlock, part: usize) -> __m256i {
        let bytes: &[u8; 32] = &block.0.as_chunks().0[part];
        // SAFETY: the array is as long as the vector, and so aligned in its block.
        unsafe { _mm256_load_si256(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn lower(bytes: __m256i) -> __m256i {
        _mm256_and_si256(bytes, _mm256_set1_epi8(15))
    }

    /// The sums of all rows of a group, with what they begin with.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn apart(
        lows: [__m256i; HALF_PARTS],
        wholes: [__m256i; HALF_PARTS],
        tail: &Tail,
        more: i32,
    ) -> [__m256i; PARTS] {
        let mut sums = [_mm256_setzero_si256(); PARTS];
        for (part, (low, whole)) in lows.into_iter().zip(wholes).enumerate() {
            sums[part] = _mm256_sub_epi32(low, _mm256_set1_epi32(more));
            sums[part + HALF_PARTS] = _mm256_srai_epi32::<4>(_mm256_sub_epi32(whole, low));
        }
        for (part, sum) in sums.iter_mut().enumerate() {
            *sum = _mm256_add_epi32(*sum, load(eight(&tail.start, part)));
        }
        sums
    }

    #[target_feature(enable = "avx2,avx512f,avx512vnni")]
    pub fn multiply_avx512<const ADD: bool>(
        matrix: &Part<'_>,
        blocks: &[HalfBlock],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_halves(
            matrix,
            blocks,
            steps,
            out,
            |more, blocks, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<{ 4 * COLUMNS }>();
                let half = _mm512_set1_epi32(0x0F0F_0F0F);
                let mut lows = [_mm512_setzero_si512(); 4];
                let mut wholes = lows;
                for (blocks, steps) in blocks.as_chunks::<4>().0.iter().zip(steps) {
                    let (steps, _) = steps.as_chunks::<COLUMNS>();
                    let sums = lows.iter_mut().zip(&mut wholes);
                    for (((low, whole), block), &few) in sums.zip(blocks).zip(steps) {
                        let x = _mm512_set1_epi32(i32::from_le_bytes(few));
                        // SAFETY: a block is as long as the vector, and aligned as it is.
                        let bytes = unsafe { _mm512_load_si512(block.0.as_ptr().cast()) };
                        *low = _mm512_dpbusd_epi32(*low, _mm512_and_si512(bytes, half), x);
                        *whole = _mm512_dpbusd_epi32(*whole, x, bytes);
                    }
                }
                let [low, whole] = [lows, wholes].map(|[a, b, c, d]| {
                    _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d))
                });
                let high = _mm512_srai_epi32::<4>(_mm512_sub_epi32(whole, low));
                let low = _mm512_sub_epi32(low, _mm512_set1_epi32(more));
                let [low_start, high_start] = starts(tail);
                let sums = [
                    _mm512_add_epi32(low, low_start),
                    _mm512_add_epi32(high, high_start),
                ];
                put::<ADD>(finish(quarters(sums), tail), out);
            },
        );
    }
}
