//! The choice of vector instructions.

use super::simd::{mix, products};
use super::{Rows, Simd, BLOCK, LANES};
use std::sync::OnceLock;

/// The fastest vector instructions of this processor whose results equal those of the scalar twins. They are tried once
/// in a process, since a kernel that is wrong on one processor would write streams that no other one decodes.
#[must_use]
pub fn proven() -> Simd {
    static PROVEN: OnceLock<Simd> = OnceLock::new();
    *PROVEN.get_or_init(|| {
        let all = Simd::all();
        let expected = trial(Simd::SCALAR);
        let equal = all.iter().rev().find(|&&by| trial(by) == expected);
        equal.copied().unwrap_or(Simd::SCALAR)
    })
}

/// The bits of some results: of all kinds of rows, with few vectors and many.
#[allow(clippy::cast_possible_truncation)] // parts of numbers are what is meant
fn trial(by: Simd) -> Vec<u32> {
    const ROWS: usize = 9;
    const MANY: usize = 7;
    const WIDTH: usize = 3 * BLOCK;
    let number = |i: usize| (i as u32).wrapping_mul(2_654_435_769) ^ 0x5DEE_CE66;
    // Exponents near one, of either sign.
    let float = |i: usize| f32::from_bits(number(i) & 0x81FF_FFFF | 0x3E00_0000);
    let floats: Vec<f32> = (0..ROWS * WIDTH).map(float).collect();
    let shorts: Vec<u16> = (0..ROWS * WIDTH)
        .map(|i| (number(i) >> 16) as u16 & 0xBFFF)
        .collect();
    let bytes: Vec<i8> = (0..ROWS * WIDTH).map(|i| (number(i) >> 24) as i8).collect();
    let rows = [
        Rows::F32(&floats),
        Rows::F16(&shorts),
        Rows::Bf16(&shorts),
        Rows::I8(&bytes),
        Rows::Q8(&bytes, &floats[..bytes.len() / BLOCK]),
    ];
    let mut results = Vec::new();
    for vectors in 1..=MANY {
        let vectors = &floats[..vectors * WIDTH];
        for rows in rows {
            let mut out = vec![0.0; vectors.len() / WIDTH * ROWS];
            products(by, rows, WIDTH, vectors, &mut out);
            results.extend(out);
        }
    }
    let mut mixed = [0.0; 5 * LANES];
    mix(
        by,
        &floats[..ROWS],
        &floats[..ROWS * mixed.len()],
        &mut mixed,
    );
    results.extend(mixed);
    results.iter().map(|x| x.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_instructions_are_proven() {
        assert_eq!(proven(), Simd::best());
        let results = trial(Simd::SCALAR);
        assert!(results.iter().all(|&bits| f32::from_bits(bits).is_finite()));
        let zeros = results.iter().filter(|&&bits| bits << 1 == 0).count();
        assert!(zeros < results.len() / 100);
    }
}
