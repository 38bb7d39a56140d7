//! The operations of the fast predictor in vectors of 256 bits.
#![allow(unsafe_code)]

use crate::cm::fast::kernel::{
    Aligned, Bucket, Cells, Kernel, Line, Sources, Task, BEND, DOT_MAX, EMPTY, LANES, LN_2,
    PROB_ONE, P_MASK, RATES, SETS, STRETCH, SURE, WEIGHT_BITS,
};
#[allow(clippy::wildcard_imports)] // intrinsics are known by their prefix
use core::arch::x86_64::*;

/// Whether this machine has what [`run`] needs.
pub fn is_there() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2")
}

/// Runs a task.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn run<T: Task>(task: T) -> T::Output {
    task.run::<Avx2>()
}

/// Only [`run`] names this type, so its methods run where AVX2 is there.
struct Avx2;

impl Kernel for Avx2 {
    #[inline(always)]
    fn gather(cell: impl Fn(usize) -> u32) -> Cells {
        let mut cells = Aligned([0; LANES]);
        // SAFETY: AVX2 is there; the cells are aligned to cache lines. Vectors are built in registers, since a
        // vector cannot be read at once from where its parts were just written.
        unsafe {
            let place: *mut __m256i = cells.0.as_mut_ptr().cast();
            for half in 0..2 {
                let cell = |lane| cell(8 * half + lane) as i32;
                let vector = _mm256_set_epi32(
                    cell(7),
                    cell(6),
                    cell(5),
                    cell(4),
                    cell(3),
                    cell(2),
                    cell(1),
                    cell(0),
                );
                _mm256_store_si256(place.add(half), vector);
            }
        }
        cells
    }

    #[inline(always)]
    fn inputs(cells: &Cells, sources: &Sources, inputs: &mut Line) {
        // SAFETY: AVX2 is there; all arrays are aligned to cache lines or halves of them and have the lengths of
        // their types.
        unsafe {
            let place: *const __m256i = cells.0.as_ptr().cast();
            let cells = [_mm256_load_si256(place), _mm256_load_si256(place.add(1))];
            let p_mask = _mm256_set1_epi32(P_MASK as i32);
            let p = cells.map(|cells| _mm256_and_si256(cells, p_mask));
            // The bit of a sure cell fills 16 bits.
            let sure = |cell| _mm256_srai_epi32::<31>(_mm256_slli_epi32::<11>(cell));
            let sure = _mm256_packs_epi32(sure(cells[0]), sure(cells[1]));
            let stretched = _mm256_packs_epi32(
                _mm256_srai_epi32::<{ STRETCH as i32 }>(cells[0]),
                _mm256_srai_epi32::<{ STRETCH as i32 }>(cells[1]),
            );
            let distance = _mm256_sub_epi16(
                _mm256_packs_epi32(_mm256_srli_epi32::<9>(p[0]), _mm256_srli_epi32::<9>(p[1])),
                _mm256_set1_epi16(1024),
            );
            // Packing works on halves of vectors: the quarters are put in order again.
            let ordered = |v| _mm256_permute4x64_epi64::<0xD8>(v);
            let source = |mask: &[i16; LANES]| _mm256_load_si256(mask.as_ptr().cast());
            let stretched = _mm256_and_si256(ordered(stretched), source(&sources.stretched));
            let distance = _mm256_and_si256(ordered(distance), source(&sources.distance));
            let sure = _mm256_and_si256(
                _mm256_and_si256(ordered(sure), source(&sources.sure)),
                stretched,
            );
            let second = _mm256_or_si256(_mm256_or_si256(distance, sure), source(&sources.bias));
            let to: *mut __m256i = inputs.0.as_mut_ptr().cast();
            _mm256_store_si256(to, stretched);
            _mm256_store_si256(to.add(1), second);
        }
    }

    #[inline(always)]
    fn mix<const V: usize>(
        rows: [&[Line; V]; SETS],
        inputs: &[Line; V],
        last: &[i32; SETS],
    ) -> ([i32; SETS], i32) {
        // SAFETY: as in `inputs`; the last load and store allow any address.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); SETS];
            for (group, line) in inputs.iter().enumerate() {
                let x: *const __m256i = line.0.as_ptr().cast();
                let (low, high) = (_mm256_load_si256(x), _mm256_load_si256(x.add(1)));
                for (sum, row) in sums.iter_mut().zip(rows) {
                    let w: *const __m256i = row[group].0.as_ptr().cast();
                    let product = _mm256_add_epi32(
                        _mm256_madd_epi16(_mm256_load_si256(w), low),
                        _mm256_madd_epi16(_mm256_load_si256(w.add(1)), high),
                    );
                    *sum = _mm256_add_epi32(*sum, product);
                }
            }
            let sum = _mm256_hadd_epi32(
                _mm256_hadd_epi32(sums[0], sums[1]),
                _mm256_hadd_epi32(sums[2], sums[3]),
            );
            let sum = _mm_add_epi32(
                _mm256_castsi256_si128(sum),
                _mm256_extracti128_si256::<1>(sum),
            );
            let dots = _mm_max_epi32(
                _mm_min_epi32(
                    _mm_srai_epi32::<{ WEIGHT_BITS as i32 }>(sum),
                    _mm_set1_epi32(DOT_MAX),
                ),
                _mm_set1_epi32(-DOT_MAX),
            );
            let last = _mm_loadu_si128(last.as_ptr().cast());
            let parts = _mm_srai_epi32::<8>(_mm_mullo_epi32(dots, last));
            let pairs = _mm_add_epi32(parts, _mm_shuffle_epi32::<0xEE>(parts));
            let mixed = _mm_add_epi32(pairs, _mm_shuffle_epi32::<0x55>(pairs));
            let mut stored = [0; SETS];
            _mm_storeu_si128(stored.as_mut_ptr().cast(), dots);
            (stored, _mm_cvtsi128_si32(mixed) >> 8)
        }
    }

    #[inline(always)]
    fn train<const V: usize>(weights: &mut [Line; V], inputs: &[Line; V], error: i16) {
        // SAFETY: as in `inputs`.
        unsafe {
            let error = _mm256_set1_epi16(error);
            for (weights, inputs) in weights.iter_mut().zip(inputs) {
                let (w, x): (*mut __m256i, *const __m256i) =
                    (weights.0.as_mut_ptr().cast(), inputs.0.as_ptr().cast());
                for half in 0..2 {
                    let step = _mm256_mulhrs_epi16(_mm256_load_si256(x.add(half)), error);
                    let sum = _mm256_adds_epi16(_mm256_load_si256(w.add(half)), step);
                    _mm256_store_si256(w.add(half), sum);
                }
            }
        }
    }

    #[inline(always)]
    fn adapt(cells: &mut Cells, bit: u32, shift: u32) {
        // SAFETY: as in `inputs`.
        unsafe {
            let target = _mm256_set1_epi32((bit * P_MASK) as i32 + ((1 << shift) >> 1));
            let shift = _mm_cvtsi32_si128(shift as i32);
            let place: *mut __m256i = cells.0.as_mut_ptr().cast();
            let before = [_mm256_load_si256(place), _mm256_load_si256(place.add(1))];
            let p = before.map(|cell| {
                let p = _mm256_and_si256(cell, _mm256_set1_epi32(P_MASK as i32));
                let step = _mm256_sra_epi32(_mm256_sub_epi32(target, p), shift);
                _mm256_or_si256(_mm256_add_epi32(p, step), _mm256_set1_epi32(1))
            });
            // What `stretched` of the scalar code does.
            let bits = |v| _mm256_castps_si256(_mm256_cvtepi32_ps(v));
            let whole = _mm256_set1_epi32(PROB_ONE as i32);
            let one = p.map(bits);
            let zero = p.map(|p| bits(_mm256_sub_epi32(whole, p)));
            let bend = |v: [__m256i; 2]| {
                let low = _mm256_set1_epi32(0x7FFF);
                let m = _mm256_packs_epi32(
                    _mm256_and_si256(_mm256_srli_epi32::<8>(v[0]), low),
                    _mm256_and_si256(_mm256_srli_epi32::<8>(v[1]), low),
                );
                let rest = _mm256_xor_si256(m, _mm256_set1_epi16(0x7FFF));
                let product = _mm256_mulhrs_epi16(m, rest);
                _mm256_mulhrs_epi16(product, _mm256_set1_epi16(BEND as i16))
            };
            let linear = _mm256_packs_epi32(
                _mm256_srai_epi32::<13>(_mm256_sub_epi32(one[0], zero[0])),
                _mm256_srai_epi32::<13>(_mm256_sub_epi32(one[1], zero[1])),
            );
            let log2 = _mm256_add_epi16(linear, _mm256_sub_epi16(bend(one), bend(zero)));
            let stretched = _mm256_mulhrs_epi16(log2, _mm256_set1_epi16(LN_2 as i16));
            let stretched = _mm256_max_epi16(
                _mm256_min_epi16(stretched, _mm256_set1_epi16(2047)),
                _mm256_set1_epi16(-2047),
            );
            // To the upper twelve bits; unpacking undoes the order of packing.
            let stretched = _mm256_and_si256(stretched, _mm256_set1_epi16(-2));
            let stretched = _mm256_slli_epi16::<{ STRETCH as i32 - 16 }>(stretched);
            let nothing = _mm256_setzero_si256();
            let stretched = [
                _mm256_unpacklo_epi16(nothing, stretched),
                _mm256_unpackhi_epi16(nothing, stretched),
            ];
            for half in 0..2 {
                let sure = _mm256_and_si256(before[half], _mm256_set1_epi32(SURE as i32));
                let after = _mm256_or_si256(_mm256_or_si256(stretched[half], p[half]), sure);
                let empty = _mm256_cmpeq_epi32(before[half], _mm256_set1_epi32(EMPTY as i32));
                let after = _mm256_blendv_epi8(after, before[half], empty);
                _mm256_store_si256(place.add(half), after);
            }
        }
    }

    #[inline(always)]
    fn steps(
        squashed: impl Fn(usize) -> i32,
        target: i32,
        small: i32,
        visits: [u16; SETS],
        rates: &[i32; RATES],
    ) -> Option<([i16; SETS], [u16; SETS])> {
        let rate = |j: usize| rates[usize::from(visits[j]) % RATES];
        // SAFETY: SSE4.1 is part of AVX2.
        unsafe {
            let squashed = _mm_setr_epi32(squashed(0), squashed(1), squashed(2), squashed(3));
            let error = _mm_sub_epi32(_mm_set1_epi32(target), squashed);
            let large = _mm_cmpgt_epi32(_mm_abs_epi32(error), _mm_set1_epi32(small - 1));
            if _mm_testz_si128(large, large) != 0 {
                return None;
            }
            let rate = _mm_setr_epi32(rate(0), rate(1), rate(2), rate(3));
            let exact = _mm_add_epi32(_mm_mullo_epi32(error, rate), _mm_set1_epi32(1 << 9));
            let step = _mm_and_si128(_mm_srai_epi32::<10>(exact), large);
            let steps = _mm_cvtsi128_si64(_mm_packs_epi32(step, step)) as u64;
            let visits = visits.map(i32::from);
            let visits = _mm_setr_epi32(visits[0], visits[1], visits[2], visits[3]);
            let visits = _mm_min_epi32(
                _mm_sub_epi32(visits, large),
                _mm_set1_epi32(RATES as i32 - 1),
            );
            let visits = _mm_cvtsi128_si64(_mm_packus_epi32(visits, visits)) as u64;
            let part = |of: u64, j: usize| (of >> (16 * j)) as u16;
            Some((
                std::array::from_fn(|j| part(steps, j) as i16),
                std::array::from_fn(|j| part(visits, j)),
            ))
        }
    }

    #[inline(always)]
    fn find(bucket: &Bucket, check: u8) -> (usize, bool) {
        // SAFETY: SSE4.1 is part of AVX2.
        unsafe {
            let slot = |way: usize| _mm_loadu_si128(bucket[way].as_ptr().cast());
            // Check and root of each slot.
            let heads = _mm_unpacklo_epi32(
                _mm_unpacklo_epi16(slot(0), slot(1)),
                _mm_unpacklo_epi16(slot(2), slot(3)),
            );
            // The key is the slot where the check fits, or else 4 + 4 * root + slot: the least wins. The upper half is
            // the largest 16-bit number, so that it never does.
            let ways = _mm_set_epi16(-1, -1, -1, -1, 3, 2, 1, 0);
            let checks = _mm_and_si128(heads, _mm_set1_epi16(255));
            let fits = _mm_cmpeq_epi16(checks, _mm_set1_epi16(i16::from(check)));
            let roots = _mm_slli_epi16::<2>(_mm_srli_epi16::<8>(heads));
            let misfit = _mm_add_epi16(roots, _mm_set1_epi16(4));
            let keys = _mm_or_si128(_mm_andnot_si128(fits, misfit), ways);
            let key = _mm_cvtsi128_si32(_mm_minpos_epu16(keys)) as usize & 0xFFFF;
            (key & 3, key < 4)
        }
    }
}
