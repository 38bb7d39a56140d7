//! The products of matrices of 4-bit weights, by vectors where the processor has them.
//!
//! Vectors take weights as they are in halves of bytes, from 0 to 15, so what that is too much is subtracted: it depends
//! on the steps only, and is the same for all rows.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment)] // blocks are aligned to 64 bytes

use super::super::simd::for_groups;
use super::super::{finish, Matrix, Pair, Tail, COLUMNS, HALF};
use crate::nn::vectors::{Kind, Vectors};

/// Vectors of steps that the weights of a group are used for before the next ones are read, at most.
const MANY: usize = 32;

/// As [`super::super::simd::multiply`], whose lengths fit.
#[inline]
pub fn multiply<const ADD: bool>(
    by: Vectors,
    matrix: &Matrix,
    pairs: &[Pair],
    steps: &[u8],
    out: &mut [i32],
) {
    match by.kind() {
        // SAFETY: the processor has what the kernels need, else there were no such value.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { x86::multiply_avx2::<ADD>(matrix, pairs, steps, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni => unsafe { x86::multiply_avx_vnni::<ADD>(matrix, pairs, steps, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => unsafe { x86::multiply_avx512::<ADD>(matrix, pairs, steps, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => unsafe {
            super::super::neon::simd::multiply_halves::<ADD>(matrix, pairs, steps, out);
        },
        _ => multiply_scalar::<ADD>(matrix, pairs, steps, out),
    }
}

/// One product after the other.
fn multiply_scalar<const ADD: bool>(
    matrix: &Matrix,
    pairs: &[Pair],
    steps: &[u8],
    out: &mut [i32],
) {
    for_groups(matrix, pairs, steps, out, |_, pairs, tail, steps, out| {
        let (steps, _) = steps.as_chunks::<{ 2 * COLUMNS }>();
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = tail.start[i];
            for (pair, steps) in pairs.iter().zip(steps) {
                let (few, more) = steps.split_at(COLUMNS);
                let weights = &pair.0[COLUMNS * i..][..COLUMNS];
                for ((&w, &x), &y) in weights.iter().zip(few).zip(more) {
                    sum += (i32::from(w & 15) - HALF) * i32::from(x);
                    sum += (i32::from(w >> 4) - HALF) * i32::from(y);
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
    matrix: &'a Matrix,
    pairs: &'a [Pair],
    steps: &[u8],
    out: &mut [i32],
    mut each: impl FnMut(i32, &'a [Pair], &'a Tail, &[u8], &mut [i32]),
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
            pairs,
            steps,
            out,
            |vector, pairs, tail, steps, out| {
                each(more[vector], pairs, tail, steps, out);
            },
        );
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::super::simd::put;
    use super::super::super::simd::x86::{eight, finish, first, quarters, starts, PARTS};
    use super::{for_halves, Matrix, Pair, Tail, COLUMNS};
    use crate::nn::simd::load;
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256,
        _mm256_dpbusd_avx_epi32, _mm256_load_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi8, _mm256_setzero_si256,
        _mm256_srli_epi16, _mm256_sub_epi32, _mm512_add_epi32, _mm512_and_si512,
        _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512,
        _mm512_srli_epi32, _mm512_sub_epi32,
    };

    /// Pairs of which sums of products fit 16 bits: four times four products of magnitudes up to 15 and 127.
    const SHORT: usize = 4;

    #[target_feature(enable = "avx2")]
    pub fn multiply_avx2<const ADD: bool>(
        matrix: &Matrix,
        pairs: &[Pair],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_halves(
            matrix,
            pairs,
            steps,
            out,
            |more, pairs, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<{ 2 * COLUMNS }>();
                let mut sums = begin(tail, more);
                for (pairs, steps) in pairs.chunks(SHORT).zip(steps.chunks(SHORT)) {
                    let mut short = [_mm256_setzero_si256(); PARTS];
                    for (pair, steps) in pairs.iter().zip(steps) {
                        let [a, b] = [first(steps), first(&steps[COLUMNS..])];
                        for (part, short) in short.iter_mut().enumerate() {
                            let [low, high] = halves(pair, part);
                            let low = _mm256_maddubs_epi16(low, a);
                            let high = _mm256_maddubs_epi16(high, b);
                            *short = _mm256_add_epi16(*short, _mm256_add_epi16(low, high));
                        }
                    }
                    for (sum, short) in sums.iter_mut().zip(short) {
                        let few = _mm256_madd_epi16(short, _mm256_set1_epi16(1));
                        *sum = _mm256_add_epi32(*sum, few);
                    }
                }
                put::<ADD>(finish(sums, tail), out);
            },
        );
    }

    #[target_feature(enable = "avx2,avxvnni")]
    pub fn multiply_avx_vnni<const ADD: bool>(
        matrix: &Matrix,
        pairs: &[Pair],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_halves(
            matrix,
            pairs,
            steps,
            out,
            |more, pairs, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<{ 2 * COLUMNS }>();
                // Sums of both halves: enough of them to hide how long one takes.
                let mut lows = begin(tail, more);
                let mut highs = [_mm256_setzero_si256(); PARTS];
                for (pair, steps) in pairs.iter().zip(steps) {
                    let [a, b] = [first(steps), first(&steps[COLUMNS..])];
                    for part in 0..PARTS {
                        let [low, high] = halves(pair, part);
                        lows[part] = _mm256_dpbusd_avx_epi32(lows[part], low, a);
                        highs[part] = _mm256_dpbusd_avx_epi32(highs[part], high, b);
                    }
                }
                for (low, high) in lows.iter_mut().zip(highs) {
                    *low = _mm256_add_epi32(*low, high);
                }
                put::<ADD>(finish(lows, tail), out);
            },
        );
    }

    /// What the sums of a group begin with.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn begin(tail: &Tail, more: i32) -> [__m256i; PARTS] {
        let mut sums = [_mm256_setzero_si256(); PARTS];
        for (part, sum) in sums.iter_mut().enumerate() {
            *sum = _mm256_sub_epi32(load(eight(&tail.start, part)), _mm256_set1_epi32(more));
        }
        sums
    }

    /// The lower and upper halves of bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(pair: &Pair, part: usize) -> [__m256i; 2] {
        let bytes: &[u8; 32] = &pair.0.as_chunks().0[part];
        // SAFETY: the array is as long as the vector, and so aligned in its block.
        let bytes = unsafe { _mm256_load_si256(bytes.as_ptr().cast()) };
        let low = _mm256_set1_epi8(15);
        let upper = _mm256_srli_epi16::<4>(bytes);
        [_mm256_and_si256(bytes, low), _mm256_and_si256(upper, low)]
    }

    #[target_feature(enable = "avx2,avx512f,avx512vnni")]
    pub fn multiply_avx512<const ADD: bool>(
        matrix: &Matrix,
        pairs: &[Pair],
        steps: &[u8],
        out: &mut [i32],
    ) {
        for_halves(
            matrix,
            pairs,
            steps,
            out,
            |more, pairs, tail, steps, out| {
                let (steps, _) = steps.as_chunks::<{ 4 * COLUMNS }>();
                let low = _mm512_set1_epi32(0x0F0F_0F0F);
                let mut sums = [[_mm512_setzero_si512(); 2]; 4];
                for (to, start) in sums[0].iter_mut().zip(starts(tail)) {
                    *to = _mm512_sub_epi32(start, _mm512_set1_epi32(more));
                }
                for (pairs, steps) in pairs.as_chunks::<2>().0.iter().zip(steps) {
                    let (steps, _) = steps.as_chunks::<COLUMNS>();
                    for (n, &few) in steps.iter().enumerate() {
                        let x = _mm512_set1_epi32(i32::from_le_bytes(few));
                        for (half, sum) in sums[n].iter_mut().enumerate() {
                            let bytes = &pairs[n / 2].0;
                            // SAFETY: a block has two vectors, and is aligned as they are.
                            let mut w = unsafe {
                                _mm512_load_si512(bytes.as_ptr().add(half * 64).cast::<__m512i>())
                            };
                            if n % 2 == 1 {
                                w = _mm512_srli_epi32::<4>(w);
                            }
                            *sum = _mm512_dpbusd_epi32(*sum, _mm512_and_si512(w, low), x);
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
            },
        );
    }
}
