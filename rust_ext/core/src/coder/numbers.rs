//! Numbers and parts of payloads.

use crate::{Error, Result};

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// Writes a number in base 128, least significant digit first, the high bit set on all but the last, with
/// no zero digit at its end.
pub fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 128 {
        out.push(number.to_le_bytes()[0] | 128);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Reads what [`put_number`] wrote.
///
/// # Errors
/// [`Error::Truncated`] when `rest`, which is `what`, ends early; [`Error::Corrupt`] when there is no such number.
pub fn take_number(rest: &mut &[u8], what: &'static str) -> Result<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = take(rest, 1, what)?[0];
        number |= u64::from(byte & 127) << shift;
        if byte == 0 && shift > 0 {
            return Err(corrupt("number is not in its shortest form"));
        }
        if byte < 128 {
            return Ok(number);
        }
    }
    Err(corrupt("number of more than 63 bits"))
}

/// Reads a number of bytes or symbols; one that no memory holds becomes the largest.
///
/// # Errors
/// Those of [`take_number`].
pub fn take_length(rest: &mut &[u8], what: &'static str) -> Result<usize> {
    Ok(usize::try_from(take_number(rest, what)?).unwrap_or(usize::MAX))
}

/// Takes bytes from the front.
///
/// # Errors
/// [`Error::Truncated`] when there are too few in `rest`, which is `what`.
pub fn take<'a>(rest: &mut &'a [u8], length: usize, what: &'static str) -> Result<&'a [u8]> {
    let (taken, after) = rest
        .split_at_checked(length)
        .ok_or(Error::Truncated { what })?;
    *rest = after;
    Ok(taken)
}
