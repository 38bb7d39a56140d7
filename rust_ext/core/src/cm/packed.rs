//! Values in few bytes, as what was learnt is stored.

use crate::{Error, Result};

/// Drops fractional bits, rounded to nearest, and saturates.
pub fn narrow(value: i32, shift: u32) -> i8 {
    let rounded = if shift == 0 {
        value
    } else {
        (value + (1 << (shift - 1))) >> shift
    };
    rounded.clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8
}

/// Appends a bit each, the lowest of a byte first.
pub fn pack_flags(flags: &[bool], bytes: &mut Vec<u8>) {
    let packed = flags.chunks(8).map(|flags| {
        let set = flags.iter().enumerate().filter(|(_, &flag)| flag);
        set.fold(0, |byte, (i, _)| byte | 1 << i)
    });
    bytes.extend(packed);
}

/// Appends for each row whether it is there, then those that are.
pub fn pack_rows<const N: usize>(rows: &[Option<[i8; N]>], bytes: &mut Vec<u8>) {
    let there: Vec<bool> = rows.iter().map(Option::is_some).collect();
    pack_flags(&there, bytes);
    let values = rows.iter().flatten().flatten();
    bytes.extend(values.map(|value| value.cast_unsigned()));
}

/// Appends a vector of weights of 8 bits, behind the smallest shift by which they fit.
pub fn pack_vector(weights: impl Iterator<Item = i16> + Clone, bytes: &mut Vec<u8>) {
    let most = weights.clone().map(i16::unsigned_abs).max().unwrap_or(0);
    let shift = (0..7).find(|&shift| most >> shift < 127).unwrap_or(7);
    bytes.push(shift as u8);
    let packed = weights.map(|w| narrow(i32::from(w), shift));
    bytes.extend(packed.map(i8::cast_unsigned));
}

/// Takes a vector of so many weights.
pub fn take_vector(rest: &mut &[u8], count: usize) -> Result<Vec<i16>> {
    let [shift] = take(rest)?;
    let (packed, others) = rest.split_at_checked(count).ok_or_else(corrupt)?;
    *rest = others;
    let wide = |w: &u8| i16::from(w.cast_signed()) << (shift & 7);
    Ok(packed.iter().map(wide).collect())
}

/// What bytes that are too short or too long are called.
pub fn corrupt() -> Error {
    Error::Weights {
        what: "what was learnt in tuning is too short or too long",
    }
}

/// Takes so many bytes.
pub fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (taken, others) = rest.split_first_chunk::<N>().ok_or_else(corrupt)?;
    *rest = others;
    Ok(*taken)
}

/// Takes the bytes of so many flags.
pub fn take_flags<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (flags, others) = rest
        .split_at_checked(count.div_ceil(8))
        .ok_or_else(corrupt)?;
    *rest = others;
    Ok(flags)
}

/// One of them.
pub fn flag(flags: &[u8], i: usize) -> bool {
    flags[i / 8] >> (i % 8) & 1 != 0
}
