//! The vector operations of the mixer and of the list of symbols, with bit-equal scalar twins.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, _mm_add_epi16, _mm_add_epi32, _mm_adds_epi16, _mm_and_si128, _mm_andnot_si128,
    _mm_cmpeq_epi8, _mm_cvtsi128_si32, _mm_cvtsi32_si128, _mm_madd_epi16, _mm_movemask_epi8,
    _mm_mulhi_epi16, _mm_mullo_epi16, _mm_or_si128, _mm_set1_epi16, _mm_set1_epi8,
    _mm_shuffle_epi32, _mm_slli_si128, _mm_srli_epi16,
};

/// Inputs of the mixer, or their weights: one vector register; a predictor leaves some of them zero.
pub const LANES: usize = 8;
/// See [`LANES`].
pub type Lanes = [i16; LANES];

/// Sum of the products, which must stay below 2^31.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn dot(weights: &Lanes, inputs: &Lanes) -> i32 {
    // SAFETY: every processor of x86-64 has SSE2.
    unsafe {
        let pairs = _mm_madd_epi16(bytemuck::cast(*weights), bytemuck::cast(*inputs));
        let pairs = _mm_add_epi32(pairs, _mm_shuffle_epi32::<0b01_00_11_10>(pairs));
        let pairs = _mm_add_epi32(pairs, _mm_shuffle_epi32::<0b10_11_00_01>(pairs));
        _mm_cvtsi128_si32(pairs)
    }
}

/// Adds `inputs * step / 2^16`, rounded to nearest, to the weights, which saturate.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn train(weights: &mut Lanes, inputs: &Lanes, step: i16) {
    // SAFETY: every processor of x86-64 has SSE2.
    unsafe {
        let (inputs, step) = (bytemuck::cast(*inputs), _mm_set1_epi16(step));
        let low = _mm_mullo_epi16(inputs, step);
        let change = _mm_add_epi16(_mm_mulhi_epi16(inputs, step), _mm_srli_epi16::<15>(low));
        *weights = bytemuck::cast(_mm_adds_epi16(bytemuck::cast(*weights), change));
    }
}

/// The front of a list of symbols: one vector register.
pub const HEAD: usize = 16;

/// Moves `symbol` to the front of `head` and returns where it was, or does nothing where it was not there.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
#[allow(clippy::cast_possible_wrap)] // bytes as the intrinsics have them
pub fn to_front(head: &mut [u8; HEAD], symbol: u8) -> Option<usize> {
    /// The bytes up to each place.
    const UP_TO: [[u8; HEAD]; HEAD] = {
        let mut masks = [[0; HEAD]; HEAD];
        let mut at = 0;
        while at < HEAD * HEAD {
            if at % HEAD <= at / HEAD {
                masks[at / HEAD][at % HEAD] = 0xff;
            }
            at += 1;
        }
        masks
    };
    let list: __m128i = bytemuck::cast(*head);
    // SAFETY: every processor of x86-64 has SSE2.
    unsafe {
        let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(list, _mm_set1_epi8(symbol as i8)));
        if equal == 0 {
            return None;
        }
        let at = equal.trailing_zeros() as usize;
        let up_to = bytemuck::cast(UP_TO[at]);
        let symbol = _mm_cvtsi32_si128(i32::from(symbol));
        let moved = _mm_or_si128(_mm_slli_si128::<1>(list), symbol);
        let list = _mm_or_si128(_mm_and_si128(up_to, moved), _mm_andnot_si128(up_to, list));
        *head = bytemuck::cast(list);
        Some(at)
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub use scalar::{dot, to_front, train};

/// Plain integer code.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod scalar {
    use super::{Lanes, HEAD};

    #[inline(always)]
    pub fn to_front(head: &mut [u8; HEAD], symbol: u8) -> Option<usize> {
        let at = head.iter().position(|&other| other == symbol)?;
        head[..=at].rotate_right(1);
        Some(at)
    }

    #[inline(always)]
    pub fn dot(weights: &Lanes, inputs: &Lanes) -> i32 {
        let products = weights.iter().zip(inputs);
        products.map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // below 2^15 after the shift
    pub fn train(weights: &mut Lanes, inputs: &Lanes, step: i16) {
        for (weight, &input) in weights.iter_mut().zip(inputs) {
            let change = (i32::from(input) * i32::from(step) + (1 << 15)) >> 16;
            *weight = weight.saturating_add(change as i16);
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::{scalar, Lanes};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_and_scalars_agree(
            weights: Lanes, inputs in prop::array::uniform8(-2047_i16..=2047), step: i16,
        ) {
            prop_assert_eq!(super::dot(&weights, &inputs), scalar::dot(&weights, &inputs));
            let (mut ours, mut theirs) = (weights, weights);
            super::train(&mut ours, &inputs, step);
            scalar::train(&mut theirs, &inputs, step);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn lists_agree(head in prop::array::uniform16(0_u8..24), symbol in 0_u8..24) {
            let (mut ours, mut theirs) = (head, head);
            prop_assert_eq!(super::to_front(&mut ours, symbol), scalar::to_front(&mut theirs, symbol));
            prop_assert_eq!(ours, theirs);
        }
    }
}
