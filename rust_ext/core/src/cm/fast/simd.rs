//! Chooses the kernel of the machine at run time.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::{kernel::Task, scalar::Scalar};

/// Runs `task` with the best kernel of this machine.
#[inline(always)]
pub fn dispatch<T: Task>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    if avx2::simd::is_there() {
        // SAFETY: the features are there.
        return unsafe { avx2::simd::run(task) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::fast::kernel::{
        Aligned, Bucket, Cells, Kernel, Line, Sources, EMPTY, INPUTS, LANES, PROB_ONE, SETS,
    };
    use crate::cm::fast::scalar::cell;
    use proptest::prelude::*;

    struct Everything {
        weights: [Line; SETS],
        inputs: Line,
        last: [i32; SETS],
        sources: Sources,
        error: i16,
        cells: Cells,
        shift: u32,
        bucket: Bucket,
        check: u8,
        target: i32,
        visits: [u16; SETS],
    }

    impl Task for Everything {
        type Output = (
            ([i32; SETS], i32),
            [i16; INPUTS],
            [i16; INPUTS],
            [u32; LANES],
            (usize, bool),
            Option<([i16; SETS], [u16; SETS])>,
        );

        fn run<K: Kernel>(self) -> Self::Output {
            let (mut weights, inputs) = (self.weights.map(|line| [line]), [self.inputs]);
            let mixed = K::mix(weights.each_ref(), &inputs, &self.last);
            K::train(&mut weights[0], &inputs, self.error);
            let mut made = Aligned([0; INPUTS]);
            let mut cells = K::gather(|lane| self.cells.0[lane]);
            K::inputs(&cells, &self.sources, &mut made);
            K::adapt(&mut cells, u32::from(self.target != 0), self.shift);
            let found = K::find(&self.bucket, self.check);
            let dots = |j: usize| self.last[j] & 0xFFFF;
            let rates = std::array::from_fn(|i| i as i32 + 66);
            let steps = K::steps(dots, self.target, 2000, self.visits, &rates);
            (mixed, weights[0][0].0, made.0, cells.0, found, steps)
        }
    }

    proptest! {
        #[test]
        fn vectors_equal_scalars(
            weights in prop::array::uniform4(prop::array::uniform32(any::<i16>())),
            inputs in prop::array::uniform32(-2047..2048_i16),
            last in prop::array::uniform4(-(1 << 18)..(1 << 18)),
            masks in prop::array::uniform3(prop::array::uniform16(-1..1_i16)),
            kinds in prop::array::uniform16(0..3),
            bit in 0..2,
            error in -32767..32767_i16,
            cells in prop::array::uniform16(1..PROB_ONE),
            shift in 1..12_u32,
            heads in prop::array::uniform4(prop::array::uniform2(0..4_u8)),
            check in 0..5_u8,
            visits in prop::array::uniform4(1000..1024_u16),
        ) {
            let cell = |i: usize| match kinds[i] {
                0 => EMPTY,
                kind => cell(cells[i], kind == 2),
            };
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
                cells: Aligned(std::array::from_fn(cell)),
                shift,
                bucket: heads.map(|head| std::array::from_fn(|i| head[i % 2])),
                check,
                target: bit << 16,
                visits,
            };
            prop_assert_eq!(dispatch(task()), task().run::<Scalar>());
        }
    }
}
