//! The choice of code by processor.
#![allow(unsafe_code)]

/// Calls `code`, compiled for AVX2 where the processor has it, and tells it so: the same source, so the same bits.
#[inline(always)]
pub fn with<R>(avx2: bool, code: impl FnOnce(bool) -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        // SAFETY: `avx2` is the result of `has_avx2`.
        return unsafe { with_avx2(code) };
    }
    let _ = avx2;
    code(false)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn with_avx2<R>(code: impl FnOnce(bool) -> R) -> R {
    code(true)
}
