//! Whether this processor, as it is set, computes what every other one does.

use crate::{Error, Result};
use std::hint::black_box;

/// Checks that subnormal numbers count and that results are rounded to nearest. A library may have changed that for
/// the whole process.
///
/// # Errors
/// [`Error::Machine`] when it did.
pub fn check() -> Result<()> {
    let least = f32::from_bits(1);
    let made = black_box(f32::MIN_POSITIVE) * black_box(0.5);
    let read = black_box(least) * black_box(1e30);
    if made == 0.0 || read == 0.0 {
        return Err(Error::Machine {
            what: "subnormal numbers are taken for zero",
        });
    }
    // Three quarters and one quarter of the distance between one and the next number.
    let up = black_box(1.0) + black_box(0.75 * f32::EPSILON);
    let down = black_box(1.0) + black_box(0.25 * f32::EPSILON);
    if up <= 1.0 || down > 1.0 {
        return Err(Error::Machine {
            what: "results are not rounded to nearest",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_processor_is_set_right_by_default() {
        assert_eq!(super::check(), Ok(()));
    }
}
