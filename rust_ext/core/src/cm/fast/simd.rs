//! Vector kernels of the fast predictor, chosen at run time, with bit-equal scalar twins.
#![allow(unsafe_code)]

/// Lanes of the counters: contexts are padded to this.
pub const LANES: usize = 16;
/// Inputs of a mixer.
pub const INPUTS: usize = 24;

/// An array that starts at a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Aligned<T>(pub T);

/// Inputs or weights of a mixer.
pub type Row = Aligned<[i32; INPUTS]>;
/// One number for each context.
pub type Counters = Aligned<[u32; LANES]>;
/// A check byte, then the states of the 15 nodes of a nibble.
pub type Slot = [u8; 16];
/// Slots of one hash bucket: one cache line.
pub type Bucket = [Slot; 4];

/// The operations that vectors speed up. Every implementation returns the same bits.
pub trait Kernel {
    /// `sum(weights * inputs >> 8)`.
    fn dot(weights: &Row, inputs: &Row) -> i32;
    /// `weights += (inputs * error + 2^13) >> 14`.
    fn train(weights: &mut Row, inputs: &Row, error: i32);
    /// Moves every counter to `target` by `1 / 2^shift` of the distance; all are below 2^31.
    fn adapt(counters: &mut Counters, target: i32, shift: u32);
    /// Returns the slot whose check byte is `check` and true, or else the slot whose first state is the smallest
    /// and false, in both cases the first such.
    fn find(bucket: &Bucket, check: u8) -> (usize, bool);
}

/// A computation that is compiled once for each kernel.
pub trait Task {
    /// What it returns.
    type Output;
    /// Runs it.
    fn run<K: Kernel>(self) -> Self::Output;
}

/// Runs `task` with the best kernel of this machine.
#[inline(always)]
pub fn dispatch<T: Task>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the features are there.
        return unsafe { avx2::run(task) };
    }
    task.run::<Scalar>()
}

/// Asks for the cache line of `value`; has no effect on results.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can see, and the address is that of a live value.
    unsafe {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Plain integer code.
#[derive(Debug)]
pub struct Scalar;

impl Kernel for Scalar {
    #[inline(always)]
    fn dot(weights: &Row, inputs: &Row) -> i32 {
        weights
            .0
            .iter()
            .zip(&inputs.0)
            .fold(0_i32, |sum, (&w, &x)| {
                sum.wrapping_add(w.wrapping_mul(x) >> 8)
            })
    }

    #[inline(always)]
    fn train(weights: &mut Row, inputs: &Row, error: i32) {
        for (w, &x) in weights.0.iter_mut().zip(&inputs.0) {
            *w = w.wrapping_add(x.wrapping_mul(error).wrapping_add(1 << 13) >> 14);
        }
    }

    #[inline(always)]
    fn adapt(counters: &mut Counters, target: i32, shift: u32) {
        for counter in &mut counters.0 {
            let p = *counter as i32;
            *counter = p.wrapping_add(target.wrapping_sub(p) >> shift) as u32;
        }
    }

    #[inline(always)]
    fn find(bucket: &Bucket, check: u8) -> (usize, bool) {
        if let Some(slot) = bucket.iter().position(|slot| slot[0] == check) {
            return (slot, true);
        }
        let mut least = 0;
        for slot in 1..bucket.len() {
            if bucket[slot][1] < bucket[least][1] {
                least = slot;
            }
        }
        (least, false)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Bucket, Counters, Kernel, Row, Task, INPUTS, LANES};
    use core::arch::x86_64::{
        __m128i, __m256i, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256,
        _mm256_load_si256, _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_sra_epi32, _mm256_srai_epi32, _mm256_store_si256, _mm256_sub_epi32, _mm_add_epi32,
        _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi32, _mm_cvtsi128_si32, _mm_cvtsi32_si128,
        _mm_minpos_epu16, _mm_or_si128, _mm_set1_epi32, _mm_set_epi32, _mm_shuffle_epi32,
        _mm_srli_epi32,
    };

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn run<T: Task>(task: T) -> T::Output {
        task.run::<Avx2>()
    }

    /// Only [`run`] names this type, so its methods run where AVX2 is there.
    pub(super) struct Avx2;

    impl Kernel for Avx2 {
        #[inline(always)]
        fn dot(weights: &Row, inputs: &Row) -> i32 {
            // SAFETY: AVX2 is there; both arrays are aligned and hold INPUTS numbers, a multiple of 8.
            unsafe {
                let (w, x) = (weights.0.as_ptr(), inputs.0.as_ptr());
                let mut sum = _mm256_setzero_si256();
                for at in (0..INPUTS).step_by(8) {
                    let product = _mm256_mullo_epi32(
                        _mm256_load_si256(w.add(at).cast()),
                        _mm256_load_si256(x.add(at).cast()),
                    );
                    sum = _mm256_add_epi32(sum, _mm256_srai_epi32::<8>(product));
                }
                let half: __m128i = _mm_add_epi32(
                    _mm256_castsi256_si128(sum),
                    _mm256_extracti128_si256::<1>(sum),
                );
                let pair = _mm_add_epi32(half, _mm_shuffle_epi32::<0xEE>(half));
                _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32::<0x55>(pair)))
            }
        }

        #[inline(always)]
        fn train(weights: &mut Row, inputs: &Row, error: i32) {
            // SAFETY: as in `dot`.
            unsafe {
                let (w, x) = (weights.0.as_mut_ptr(), inputs.0.as_ptr());
                let (error, half) = (_mm256_set1_epi32(error), _mm256_set1_epi32(1 << 13));
                for at in (0..INPUTS).step_by(8) {
                    let product = _mm256_mullo_epi32(_mm256_load_si256(x.add(at).cast()), error);
                    let step = _mm256_srai_epi32::<14>(_mm256_add_epi32(product, half));
                    let place: *mut __m256i = w.add(at).cast();
                    _mm256_store_si256(place, _mm256_add_epi32(_mm256_load_si256(place), step));
                }
            }
        }

        #[inline(always)]
        fn adapt(counters: &mut Counters, target: i32, shift: u32) {
            // SAFETY: as in `dot`, with LANES numbers.
            unsafe {
                let target = _mm256_set1_epi32(target);
                let shift = _mm_cvtsi32_si128(shift as i32);
                for at in (0..LANES).step_by(8) {
                    let place: *mut __m256i = counters.0.as_mut_ptr().add(at).cast();
                    let p = _mm256_load_si256(place);
                    let step = _mm256_sra_epi32(_mm256_sub_epi32(target, p), shift);
                    _mm256_store_si256(place, _mm256_add_epi32(p, step));
                }
            }
        }

        #[inline(always)]
        fn find(bucket: &Bucket, check: u8) -> (usize, bool) {
            let head = |slot: usize| {
                let slot = &bucket[slot];
                i32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]])
            };
            // SAFETY: SSE4.1 is part of AVX2; no memory is touched here.
            unsafe {
                let heads = _mm_set_epi32(head(3), head(2), head(1), head(0));
                // The key is the slot where the check fits, or else 4 + 4 * state + slot: the least wins. The upper
                // half of each lane is the largest 16-bit number, so that it never does.
                let slots = _mm_set_epi32(!0xFFFF | 3, !0xFFFF | 2, !0xFFFF | 1, !0xFFFF);
                let fits = _mm_cmpeq_epi32(
                    _mm_and_si128(heads, _mm_set1_epi32(255)),
                    _mm_set1_epi32(i32::from(check)),
                );
                let state = _mm_and_si128(_mm_srli_epi32::<6>(heads), _mm_set1_epi32(0x3FC));
                let misfit = _mm_andnot_si128(fits, _mm_add_epi32(state, _mm_set1_epi32(4)));
                let least = _mm_minpos_epu16(_mm_or_si128(misfit, slots));
                let key = _mm_cvtsi128_si32(least) as usize & 0xFFFF;
                (key & 3, key < 4)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Everything {
        weights: [i32; INPUTS],
        inputs: [i32; INPUTS],
        error: i32,
        counters: [u32; LANES],
        shift: u32,
        bucket: Bucket,
        check: u8,
    }

    impl Task for Everything {
        type Output = (i32, [i32; INPUTS], [u32; LANES], (usize, bool));

        fn run<K: Kernel>(self) -> Self::Output {
            let (mut weights, inputs) = (Aligned(self.weights), Aligned(self.inputs));
            let mut counters = Aligned(self.counters);
            let dot = K::dot(&weights, &inputs);
            K::train(&mut weights, &inputs, self.error);
            K::adapt(&mut counters, (1 << 22) - 1, self.shift);
            let found = K::find(&Aligned(self.bucket).0, self.check);
            (dot, weights.0, counters.0, found)
        }
    }

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            weights in prop::array::uniform24(any::<i32>()),
            inputs in prop::array::uniform24(-4096..4096_i32),
            error in -65536..65536_i32,
            counters in prop::array::uniform16(0..(1_u32 << 22)),
            shift in 1..12_u32,
            bucket in prop::array::uniform4(prop::array::uniform16(0..4_u8)),
            check in 0..5_u8,
        ) {
            let task = || Everything { weights, inputs, error, counters, shift, bucket, check };
            prop_assert_eq!(dispatch(task()), task().run::<Scalar>());
        }
    }
}
