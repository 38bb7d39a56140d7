//! Hashing of contexts.

/// Folds one more value into a hash.
#[inline(always)]
#[must_use]
pub fn fold(hash: u64, value: u64) -> u64 {
    (hash ^ value.wrapping_add(0x9E37_79B9))
        .wrapping_mul(0x9FB2_1C65_1E98_DF25)
        .rotate_left(31)
}

/// What values are folded into: as one of the first numbers itself it would be made equal to another by a small value.
#[inline(always)]
#[must_use]
pub fn start(number: u64) -> u64 {
    fold(0, number)
}

/// Hash of a few values.
#[inline(always)]
#[must_use]
pub fn hash<const N: usize>(values: [u64; N]) -> u64 {
    values.iter().fold(N as u64, |h, &v| fold(h, v))
}
