//! Vector kernels of the fast predictor, chosen at run time, with bit-equal scalar twins.
#![allow(unsafe_code)]

/// Cells of a group: as many counters as two vectors of 32-bit numbers hold.
pub const LANES: usize = 16;
/// Inputs of a group: each cell gives two.
pub const INPUTS: usize = 2 * LANES;

/// An array that starts at a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Aligned<T>(pub T);

/// Inputs or weights of a group: one cache line.
pub type Line = Aligned<[i16; INPUTS]>;
/// Adaptive probabilities of a group: 22 bits, and [`SURE`].
pub type Cells = Aligned<[u32; LANES]>;
/// How fast each cell of a group adapts.
pub type Shifts = Aligned<[u32; LANES]>;
/// A check byte, then the states of the 15 nodes of a nibble, the root first.
pub type Slot = [u8; 16];
/// Four slots, one cache line: their check bytes, their roots, then 14 states of each.
pub type Bucket = [u8; 64];
/// Where the states of a bucket begin, and how many there are of each slot besides the root.
pub const STATES: usize = 8;
/// See [`STATES`].
pub const SLOT_STATES: usize = 14;

/// Fractional bits of the weights.
pub const WEIGHT_BITS: u32 = 14;
/// Weight sets that are mixed at a time.
pub const SETS: usize = 4;
/// Dot products are clamped to this magnitude, in units of 1/256.
pub const DOT_MAX: i32 = 2047;
/// One half.
pub const HALF: u32 = 1 << 21;
/// The bit of a cell which tells that its state has seen one value of the bit only.
pub const SURE: u32 = 1 << 31;
/// The bits of a cell that are its probability.
const P_MASK: u32 = (1 << 22) - 1;

/// What the inputs of a group are made from: all bits set where a source is let through.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Sources {
    /// Stretched probabilities.
    pub stretched: [i16; LANES],
    /// Distances from one half.
    pub distance: [i16; LANES],
    /// Stretched probabilities of sure states.
    pub sure: [i16; LANES],
    /// What is an input without being made from a cell.
    pub bias: [i16; LANES],
}
/// `0.3437 · 2^16`: what makes `m + 0.3437 m (1 - m)` close to `log2(1 + m)`.
const BEND: u32 = 22_525;
/// `ln(2) / 4 · 2^15`: from 10 fractional bits of a logarithm to base 2 to 8 of a natural one.
const LN_2: i32 = 5678;

/// The operations that vectors speed up. Every implementation returns the same bits.
pub trait Kernel {
    /// The cells of a group of counters that belong to `states`.
    fn gather(counters: &[[u32; 256]; LANES], states: &[u8; LANES], cells: &mut Cells);
    /// The inputs of a group: about `stretch(p)` of all cells (see [`stretched`]), then, or-ed together, `(p - 1/2) /
    /// 2^11`, `stretch(p)` again where the cell is sure, and the bias; each where its source is let through.
    /// Probabilities are in `1..2^22`.
    fn inputs(cells: &Cells, sources: &Sources, inputs: &mut Line);
    /// `sum(weights * inputs) >> WEIGHT_BITS` for each row, clamped to ±2047, and the sum of these times `last`
    /// over 2^16. Inputs are at most 2047, so that no sum of products overflows.
    fn mix<const V: usize>(
        rows: [&[Line; V]; SETS],
        inputs: &[Line; V],
        last: &[i32; SETS],
    ) -> ([i32; SETS], i32);
    /// `weights += (inputs * error + 2^14) >> 15`, saturating.
    fn train<const V: usize>(weights: &mut [Line; V], inputs: &[Line; V], error: i16);
    /// Moves the probability of every cell to `target` by `1 / 2^shift` of the distance, rounded to nearest; cells
    /// whose state is 0 are one half instead. Sure cells stay so.
    fn adapt(cells: &mut Cells, states: &[u8; LANES], target: i32, shifts: &Shifts);
    /// Returns the slot whose check byte is `check` and true, or else the slot whose root is the smallest and false,
    /// in both cases the first such.
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

/// Asks for the cache line of `values[at]`; has no effect on results, whatever `at` is.
#[inline(always)]
pub fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can see and cannot fault, whatever the address.
    unsafe {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(at).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

/// `256 · ln(p / (1 - p))` for `p` of 22 bits, within 3 of it and clamped to ±2047.
///
/// The logarithm to base 2 of a number `2^e · (1 + m)` is nearly `e + m + 0.3437 m (1 - m)`, and the conversion of a
/// number below 2^24 to floating point, which is exact on every machine, puts `e` and `m` side by side.
#[inline(always)]
#[allow(clippy::cast_precision_loss)] // 22 bits fit in the 24 of f32
fn stretched(p: u32) -> i16 {
    let (one, zero) = ((p as f32).to_bits(), (((1 << 22) - p) as f32).to_bits());
    let bend = |bits: u32| {
        let m = bits >> 7 & 0xFFFE;
        (((m * (0xFFFF - m)) >> 16) * BEND) >> 22
    };
    let linear = (one as i32 - zero as i32) >> 13;
    let log2 = linear + bend(one) as i32 - bend(zero) as i32;
    let stretched = (log2 * LN_2 + (1 << 14)) >> 15;
    stretched.clamp(-2047, 2047) as i16
}

/// Plain integer code.
#[derive(Debug)]
pub struct Scalar;

impl Kernel for Scalar {
    #[inline(always)]
    fn gather(counters: &[[u32; 256]; LANES], states: &[u8; LANES], cells: &mut Cells) {
        for ((cell, counters), &state) in cells.0.iter_mut().zip(counters).zip(states) {
            *cell = counters[usize::from(state)];
        }
    }

    #[inline(always)]
    fn inputs(cells: &Cells, sources: &Sources, inputs: &mut Line) {
        for (i, &cell) in cells.0.iter().enumerate() {
            let p = cell & P_MASK;
            let stretched = stretched(p) & sources.stretched[i];
            let distance = ((p >> 11) as i32 - 1024) as i16 & sources.distance[i];
            let sure = stretched & sources.sure[i] & -i16::from(cell & SURE != 0);
            inputs.0[i] = stretched;
            inputs.0[LANES + i] = distance | sure | sources.bias[i];
        }
    }

    #[inline(always)]
    fn mix<const V: usize>(
        rows: [&[Line; V]; SETS],
        inputs: &[Line; V],
        last: &[i32; SETS],
    ) -> ([i32; SETS], i32) {
        let mut dots = [0; SETS];
        let mut mixed = 0_i32;
        for ((dot, row), last) in dots.iter_mut().zip(rows).zip(last) {
            let weights = row.iter().flat_map(|line| line.0);
            let inputs = inputs.iter().flat_map(|line| line.0);
            let sum: i32 = weights
                .zip(inputs)
                .map(|(w, x)| i32::from(w) * i32::from(x))
                .sum();
            *dot = (sum >> WEIGHT_BITS).clamp(-DOT_MAX, DOT_MAX);
            mixed = mixed.wrapping_add(last.wrapping_mul(*dot) >> 8);
        }
        (dots, mixed >> 8)
    }

    #[inline(always)]
    fn train<const V: usize>(weights: &mut [Line; V], inputs: &[Line; V], error: i16) {
        for (weights, inputs) in weights.iter_mut().zip(inputs) {
            for (w, x) in weights.0.iter_mut().zip(inputs.0) {
                let step = (i32::from(x) * i32::from(error) + (1 << 14)) >> 15;
                *w = w.saturating_add(step as i16);
            }
        }
    }

    #[inline(always)]
    fn adapt(cells: &mut Cells, states: &[u8; LANES], target: i32, shifts: &Shifts) {
        for ((cell, &state), shift) in cells.0.iter_mut().zip(states).zip(shifts.0) {
            let p = (*cell & P_MASK) as i32;
            let half = (1 << shift) >> 1;
            *cell = if state == 0 {
                HALF
            } else {
                (p + ((target - p + half) >> shift)) as u32 | *cell & SURE
            };
        }
    }

    #[inline(always)]
    fn find(bucket: &Bucket, check: u8) -> (usize, bool) {
        if let Some(slot) = bucket[..4].iter().position(|&other| other == check) {
            return (slot, true);
        }
        let mut least = 0;
        for slot in 1..4 {
            if bucket[4 + slot] < bucket[4 + least] {
                least = slot;
            }
        }
        (least, false)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{
        Bucket, Cells, Kernel, Line, Shifts, Sources, Task, BEND, DOT_MAX, HALF, LANES, LN_2,
        P_MASK, SETS, SURE, WEIGHT_BITS,
    };
    #[allow(clippy::wildcard_imports)] // intrinsics are known by their prefix
    use core::arch::x86_64::*;

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn run<T: Task>(task: T) -> T::Output {
        task.run::<Avx2>()
    }

    /// Only [`run`] names this type, so its methods run where AVX2 is there.
    pub(super) struct Avx2;

    impl Kernel for Avx2 {
        #[inline(always)]
        fn gather(counters: &[[u32; 256]; LANES], states: &[u8; LANES], cells: &mut Cells) {
            let cell = |lane: usize| counters[lane][usize::from(states[lane])] as i32;
            // SAFETY: AVX2 is there; the cells are aligned to cache lines. Vectors are built in registers, since a
            // vector cannot be read at once from where its parts were just written.
            unsafe {
                let place: *mut __m256i = cells.0.as_mut_ptr().cast();
                for half in 0..2 {
                    let at = 8 * half;
                    let vector = _mm256_set_epi32(
                        cell(at + 7),
                        cell(at + 6),
                        cell(at + 5),
                        cell(at + 4),
                        cell(at + 3),
                        cell(at + 2),
                        cell(at + 1),
                        cell(at),
                    );
                    _mm256_store_si256(place.add(half), vector);
                }
            }
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
                // The sign of a sure cell fills its 16 bits.
                let sure = _mm256_packs_epi32(
                    _mm256_srai_epi32::<31>(cells[0]),
                    _mm256_srai_epi32::<31>(cells[1]),
                );
                let bits = |v| _mm256_castps_si256(_mm256_cvtepi32_ps(v));
                let one = [bits(p[0]), bits(p[1])];
                let whole = _mm256_set1_epi32(1 << 22);
                let zero = [
                    bits(_mm256_sub_epi32(whole, p[0])),
                    bits(_mm256_sub_epi32(whole, p[1])),
                ];
                let bend = |v: [__m256i; 2]| {
                    let low = _mm256_set1_epi32(0xFFFE);
                    let m = _mm256_packus_epi32(
                        _mm256_and_si256(_mm256_srli_epi32::<7>(v[0]), low),
                        _mm256_and_si256(_mm256_srli_epi32::<7>(v[1]), low),
                    );
                    let rest = _mm256_xor_si256(m, _mm256_set1_epi16(-1));
                    let product = _mm256_mulhi_epu16(m, rest);
                    let bent = _mm256_mulhi_epu16(product, _mm256_set1_epi16(BEND as i16));
                    _mm256_srli_epi16::<6>(bent)
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
                let distance = _mm256_sub_epi16(
                    _mm256_packs_epi32(
                        _mm256_srli_epi32::<11>(p[0]),
                        _mm256_srli_epi32::<11>(p[1]),
                    ),
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
                let second =
                    _mm256_or_si256(_mm256_or_si256(distance, sure), source(&sources.bias));
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
        fn adapt(cells: &mut Cells, states: &[u8; LANES], target: i32, shifts: &Shifts) {
            // SAFETY: as in `inputs`; the states may have any address.
            unsafe {
                let target = _mm256_set1_epi32(target);
                let place: *mut __m256i = cells.0.as_mut_ptr().cast();
                let shifts: *const __m256i = shifts.0.as_ptr().cast();
                let states = _mm_loadu_si128(states.as_ptr().cast());
                let empty = _mm_cmpeq_epi8(states, _mm_setzero_si128());
                let empty = [empty, _mm_srli_si128::<8>(empty)];
                for at in 0..2 {
                    let shift = _mm256_load_si256(shifts.add(at));
                    let half =
                        _mm256_srli_epi32::<1>(_mm256_sllv_epi32(_mm256_set1_epi32(1), shift));
                    let cell = _mm256_load_si256(place.add(at));
                    let p = _mm256_and_si256(cell, _mm256_set1_epi32(P_MASK as i32));
                    let distance = _mm256_add_epi32(_mm256_sub_epi32(target, p), half);
                    let p = _mm256_add_epi32(p, _mm256_srav_epi32(distance, shift));
                    let sure = _mm256_and_si256(cell, _mm256_set1_epi32(SURE as i32));
                    let p = _mm256_or_si256(p, sure);
                    let empty = _mm256_cvtepi8_epi32(empty[at]);
                    let one_half = _mm256_set1_epi32(HALF as i32);
                    _mm256_store_si256(place.add(at), _mm256_blendv_epi8(p, one_half, empty));
                }
            }
        }

        #[inline(always)]
        fn find(bucket: &Bucket, check: u8) -> (usize, bool) {
            // SAFETY: SSE4.1 is part of AVX2; the load reads 8 of the 64 bytes.
            unsafe {
                let bytes = _mm_loadl_epi64(bucket.as_ptr().cast());
                let fits = _mm_cvtepi8_epi16(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(check as i8)));
                // The key is the slot where the check fits, or else 4 + 4 * root + slot: the least wins. The upper
                // half is the largest 16-bit number, so that it never does.
                let slots = _mm_set_epi16(-1, -1, -1, -1, 3, 2, 1, 0);
                let roots = _mm_cvtepu8_epi16(_mm_srli_si128::<4>(bytes));
                let misfit = _mm_add_epi16(_mm_slli_epi16::<2>(roots), _mm_set1_epi16(4));
                let keys = _mm_or_si128(_mm_andnot_si128(fits, misfit), slots);
                let key = _mm_cvtsi128_si32(_mm_minpos_epu16(keys)) as usize & 0xFFFF;
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
        weights: [Line; SETS],
        inputs: Line,
        last: [i32; SETS],
        sources: Sources,
        error: i16,
        cells: Cells,
        states: [u8; LANES],
        shifts: Shifts,
        bucket: Bucket,
        check: u8,
    }

    impl Task for Everything {
        type Output = (
            ([i32; SETS], i32),
            [i16; INPUTS],
            [i16; INPUTS],
            [u32; LANES],
            (usize, bool),
        );

        fn run<K: Kernel>(mut self) -> Self::Output {
            let (mut weights, inputs) = (self.weights.map(|line| [line]), [self.inputs]);
            let mixed = K::mix(weights.each_ref(), &inputs, &self.last);
            K::train(&mut weights[0], &inputs, self.error);
            let mut made = Aligned([0; INPUTS]);
            K::inputs(&self.cells, &self.sources, &mut made);
            K::adapt(&mut self.cells, &self.states, (1 << 22) - 1, &self.shifts);
            let counters = std::array::from_fn(|lane| [lane as u32 ^ self.cells.0[lane]; 256]);
            K::gather(&counters, &self.states, &mut self.cells);
            let found = K::find(&self.bucket, self.check);
            (mixed, weights[0][0].0, made.0, self.cells.0, found)
        }
    }

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            weights in prop::array::uniform4(prop::array::uniform32(any::<i16>())),
            inputs in prop::array::uniform32(-2047..2048_i16),
            last in prop::array::uniform4(-(1 << 18)..(1 << 18)),
            masks in prop::array::uniform3(prop::array::uniform16(-1..1_i16)),
            sure in prop::array::uniform16(0..2_u32),
            error in -32767..32767_i16,
            cells in prop::array::uniform16(1..(1_u32 << 22)),
            states in prop::array::uniform16(0..4_u8),
            shifts in prop::array::uniform16(1..12_u32),
            heads in prop::array::uniform8(0..4_u8),
            check in 0..5_u8,
        ) {
            let task = || Everything {
                weights: weights.map(Aligned),
                inputs: Aligned(inputs),
                last,
                sources: Sources {
                    stretched: masks[0],
                    distance: masks[1],
                    sure: masks[2],
                    bias: std::array::from_fn(|i| inputs[i]),
                },
                error,
                cells: Aligned(std::array::from_fn(|i| cells[i] | sure[i] << 31)),
                states,
                shifts: Aligned(shifts),
                bucket: std::array::from_fn(|i| if i < 8 { heads[i] } else { 0 }),
                check,
            };
            prop_assert_eq!(dispatch(task()), task().run::<Scalar>());
        }
    }

    #[test]
    fn stretched_is_close_to_the_logarithm_of_odds() {
        for p in (1..1 << 22).step_by(997) {
            let odds = f64::from(p) / f64::from((1 << 22) - p);
            let exact = (256.0 * odds.ln()).clamp(-2047.0, 2047.0);
            assert!((f64::from(stretched(p)) - exact).abs() < 4.0);
        }
        assert_eq!(stretched(HALF), 0);
    }
}
