//! The loops over a block of 32 lanes with AVX2, eight lanes to a vector.
//!
//! Words are read and written in the order of the lanes, so the result is that of `lanes.rs` bit by bit.
#![allow(unsafe_code)]

use super::table::{DecodeTable, EncodeTable};
use super::{lanes, Coded, LANES};
use crate::Result;

/// Encodes a block with 32 lanes.
pub(super) fn encode_lanes(block: &[u8], table: &EncodeTable) -> Coded {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor was just found to have AVX2 and POPCNT.
        return unsafe { avx2::encode(block, table) };
    }
    lanes::encode::<LANES>(block, table)
}

/// Decodes a block with 32 lanes.
pub(super) fn decode_lanes(
    coded: &Coded,
    table: &DecodeTable,
    size: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor was just found to have AVX2 and POPCNT.
        return unsafe { avx2::decode(coded, table, size, out) };
    }
    lanes::decode::<LANES>(coded, table, size, out)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_blend_epi32,
        _mm256_blendv_epi8, _mm256_castsi128_si256, _mm256_castsi256_ps, _mm256_castsi256_si128,
        _mm256_cmpgt_epi32, _mm256_cvtepu16_epi32, _mm256_i32gather_epi32, _mm256_inserti128_si256,
        _mm256_loadu_si256, _mm256_movemask_ps, _mm256_mul_epu32, _mm256_mullo_epi32,
        _mm256_or_si256, _mm256_packus_epi16, _mm256_packus_epi32, _mm256_permute4x64_epi64,
        _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_slli_epi32,
        _mm256_srli_epi32, _mm256_srli_epi64, _mm256_srlv_epi32, _mm256_storeu_si256,
        _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
        _mm_load_si128, _mm_loadu_si128, _mm_shuffle_epi8, _mm_storeu_si128,
    };

    use super::super::table::{DecodeTable, EncodeTable, Push};
    use super::super::{lanes, Coded, BASE, LANES};
    use crate::coder::quantize::COUNTS_PRECISION;
    use crate::Result;

    /// Lanes of a vector.
    const WIDTH: usize = 8;
    const VECTORS: usize = LANES / WIDTH;
    const PRECISION: i32 = COUNTS_PRECISION.cast_signed();

    type Shuffles = [[u8; 16]; 256];

    /// For each mask: moves the words of the lanes in the mask to the end, in order.
    static COMPACT: Shuffles = shuffles(true);
    /// For each mask: moves the first words to the lanes in the mask, in order.
    static EXPAND: Shuffles = shuffles(false);

    #[allow(clippy::cast_possible_truncation)] // lanes are below 8
    const fn shuffles(compact: bool) -> Shuffles {
        let mut table = [[0x80; 16]; 256];
        let mut mask = 0;
        while mask < 256 {
            let mut word = if compact {
                WIDTH - (mask as u32).count_ones() as usize
            } else {
                0
            };
            let mut lane = 0;
            while lane < WIDTH {
                if mask >> lane & 1 == 1 {
                    let (to, from) = if compact { (word, lane) } else { (lane, word) };
                    table[mask][2 * to] = 2 * from as u8;
                    table[mask][2 * to + 1] = 2 * from as u8 + 1;
                    word += 1;
                }
                lane += 1;
            }
            mask += 1;
        }
        table
    }

    #[target_feature(enable = "avx2")]
    fn load_states(states: &[u32; LANES]) -> [__m256i; VECTORS] {
        let mut vectors = [_mm256_set1_epi32(0); VECTORS];
        for (vector, chunk) in vectors.iter_mut().zip(states.chunks_exact(WIDTH)) {
            // SAFETY: a chunk is 32 readable bytes; the load needs no alignment.
            *vector = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
        }
        vectors
    }

    #[target_feature(enable = "avx2")]
    fn store_states(vectors: &[__m256i; VECTORS], states: &mut [u32; LANES]) {
        for (&vector, chunk) in vectors.iter().zip(states.chunks_exact_mut(WIDTH)) {
            // SAFETY: a chunk is 32 writable bytes; the store needs no alignment.
            unsafe { _mm256_storeu_si256(chunk.as_mut_ptr().cast(), vector) };
        }
    }

    #[target_feature(enable = "avx2")]
    fn mask_of(vector: __m256i) -> usize {
        usize::from(_mm256_movemask_ps(_mm256_castsi256_ps(vector)).to_le_bytes()[0])
    }

    #[target_feature(enable = "avx2")]
    fn shuffle(words: __m128i, table: &Shuffles, mask: usize) -> __m128i {
        // SAFETY: a row of the table is 16 readable bytes; the load needs no alignment.
        let order = unsafe { _mm_loadu_si128(table[mask].as_ptr().cast()) };
        _mm_shuffle_epi8(words, order)
    }

    #[target_feature(enable = "avx2")]
    fn pair(low: &Push, high: &Push) -> __m256i {
        // SAFETY: `Push` is 16 bytes without padding, aligned to 16.
        let (low, high) = unsafe {
            (
                _mm_load_si128(std::ptr::from_ref(low).cast()),
                _mm_load_si128(std::ptr::from_ref(high).cast()),
            )
        };
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
    }

    /// Limits, reciprocals, offsets, and complements with shifts of eight bytes.
    #[target_feature(enable = "avx2")]
    fn lookup(bytes: [u8; WIDTH], table: &EncodeTable) -> [__m256i; 4] {
        let entry = |i: usize| &table.0[usize::from(bytes[i])];
        let rows = [
            pair(entry(0), entry(4)),
            pair(entry(1), entry(5)),
            pair(entry(2), entry(6)),
            pair(entry(3), entry(7)),
        ];
        // A 4 x 4 transposition in each half.
        let a = _mm256_unpacklo_epi32(rows[0], rows[1]);
        let b = _mm256_unpacklo_epi32(rows[2], rows[3]);
        let c = _mm256_unpackhi_epi32(rows[0], rows[1]);
        let d = _mm256_unpackhi_epi32(rows[2], rows[3]);
        [
            _mm256_unpacklo_epi64(a, b),
            _mm256_unpackhi_epi64(a, b),
            _mm256_unpacklo_epi64(c, d),
            _mm256_unpackhi_epi64(c, d),
        ]
    }

    /// The low words of the lanes.
    #[target_feature(enable = "avx2")]
    fn low_words(states: __m256i) -> __m128i {
        let low = _mm256_and_si256(states, _mm256_set1_epi32(0xFFFF));
        let packed = _mm256_packus_epi32(low, low);
        _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(packed))
    }

    #[target_feature(enable = "avx2")]
    fn push(states: __m256i, [_, reciprocals, offsets, complements]: [__m256i; 4]) -> __m256i {
        let even = _mm256_srli_epi64::<32>(_mm256_mul_epu32(states, reciprocals));
        let odd = _mm256_mul_epu32(
            _mm256_srli_epi64::<32>(states),
            _mm256_srli_epi64::<32>(reciprocals),
        );
        let high = _mm256_blend_epi32::<0b1010_1010>(even, odd);
        let quotients = _mm256_srlv_epi32(high, _mm256_srli_epi32::<16>(complements));
        let complements = _mm256_and_si256(complements, _mm256_set1_epi32(0xFFFF));
        _mm256_add_epi32(
            _mm256_add_epi32(states, offsets),
            _mm256_mullo_epi32(quotients, complements),
        )
    }

    #[target_feature(enable = "avx2,popcnt")]
    pub(in super::super) fn encode(block: &[u8], table: &EncodeTable) -> Coded {
        let mut states = [BASE; LANES];
        // Eight words more than there can be: a store of eight may reach below the words it is for.
        let mut words = vec![0; block.len() + WIDTH];
        let whole = block.len() / LANES * LANES;
        let mut out = lanes::Backward {
            at: words.len(),
            words: &mut words,
        };
        lanes::push(block, whole..block.len(), table, &mut states, &mut out);
        let mut vectors = load_states(&states);
        let mut at = out.at;
        for group in block[..whole].chunks_exact(LANES).rev() {
            for (state, bytes) in vectors.iter_mut().zip(group.chunks_exact(WIDTH)).rev() {
                let Ok(bytes) = bytes.try_into() else {
                    continue;
                };
                let entries = lookup(bytes, table);
                let full = _mm256_cmpgt_epi32(*state, entries[0]);
                let mask = mask_of(full);
                let chosen = shuffle(low_words(*state), &COMPACT, mask);
                debug_assert!(at >= WIDTH);
                // SAFETY: at most one word a byte was written below `words.len()`, so `at` is at least the
                // number of bytes that are left, plus 8: eight words below it are inside the buffer.
                unsafe { _mm_storeu_si128(words.as_mut_ptr().add(at - WIDTH).cast(), chosen) };
                at -= mask.count_ones() as usize;
                let shifted = _mm256_srli_epi32::<16>(*state);
                *state = push(_mm256_blendv_epi8(*state, shifted, full), entries);
            }
        }
        store_states(&vectors, &mut states);
        words.drain(..at);
        Coded {
            states: states.to_vec(),
            words,
        }
    }

    #[target_feature(enable = "avx2,popcnt")]
    pub(in super::super) fn decode(
        coded: &Coded,
        table: &DecodeTable,
        size: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut states: [u32; LANES] = lanes::first_states(coded)?;
        let mut vectors = load_states(&states);
        let words = coded.words.as_slice();
        let mut at = 0;
        let mut done = 0;
        // A group reads at most 32 words, so that every load of eight below stays inside while as many are left.
        while done + LANES <= size && at + LANES <= words.len() {
            if out.capacity() - out.len() < LANES {
                out.reserve((size - done).min(lanes::CLAIM));
            }
            let mut symbols = [_mm256_set1_epi32(0); VECTORS];
            for (state, symbol) in vectors.iter_mut().zip(&mut symbols) {
                let slots = _mm256_and_si256(*state, _mm256_set1_epi32((1 << PRECISION) - 1));
                // SAFETY: slots are below the length of the table.
                let entries =
                    unsafe { _mm256_i32gather_epi32::<4>(table.0.as_ptr().cast(), slots) };
                let freqs = _mm256_and_si256(
                    _mm256_srli_epi32::<8>(entries),
                    _mm256_set1_epi32((1 << PRECISION) - 1),
                );
                let popped = _mm256_add_epi32(
                    _mm256_mullo_epi32(freqs, _mm256_srli_epi32::<PRECISION>(*state)),
                    _mm256_srli_epi32::<20>(entries),
                );
                let empty = _mm256_cmpgt_epi32(_mm256_set1_epi32(BASE.cast_signed()), popped);
                let mask = mask_of(empty);
                debug_assert!(at + WIDTH <= words.len());
                // SAFETY: at most 8 words were read for each vector before this one of the group, and 32
                // were left when it began; the load needs no alignment.
                let next = unsafe { _mm_loadu_si128(words.as_ptr().add(at).cast()) };
                let next = _mm256_cvtepu16_epi32(shuffle(next, &EXPAND, mask));
                let filled = _mm256_or_si256(_mm256_slli_epi32::<16>(popped), next);
                *state = _mm256_blendv_epi8(popped, filled, empty);
                *symbol = _mm256_and_si256(entries, _mm256_set1_epi32(0xFF));
                at += mask.count_ones() as usize;
            }
            let halves = _mm256_packus_epi16(
                _mm256_packus_epi32(symbols[0], symbols[1]),
                _mm256_packus_epi32(symbols[2], symbols[3]),
            );
            // Packing works in each half of a vector, so the groups of four come out as 0 2 4 6 1 3 5 7.
            let bytes =
                _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
            let length = out.len();
            // SAFETY: there are 32 spare bytes, checked above, and all are written before they count.
            unsafe {
                _mm256_storeu_si256(out.as_mut_ptr().add(length).cast(), bytes);
                out.set_len(length + LANES);
            }
            done += LANES;
        }
        store_states(&vectors, &mut states);
        let mut rest = &words[at..];
        lanes::pop(table, done..size, &mut states, &mut rest, out)?;
        lanes::finish(&states, rest)
    }
}
