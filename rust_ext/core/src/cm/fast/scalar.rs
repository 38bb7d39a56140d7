//! The operations of the fast predictor in plain integer code: what every vector kernel must equal.

use super::kernel::{
    Aligned, Bucket, Cells, Kernel, Line, Sources, BEND, DOT_MAX, EMPTY, LANES, LN_2, PROB_ONE,
    P_MASK, RATES, SETS, STRETCH, SURE, WAYS, WEIGHT_BITS,
};

/// Plain integer code.
#[derive(Debug)]
pub struct Scalar;

/// A cell of a probability in `1..PROB_ONE`, which is made odd.
#[inline(always)]
#[must_use]
pub fn cell(p: u32, sure: bool) -> u32 {
    let p = p | 1;
    let stretched = i32::from(stretched(p)) & !1;
    (stretched << STRETCH) as u32 | (u32::from(sure) * SURE) | p
}

/// `256 · ln(p / (1 - p))` for `p` of 20 bits, within 3 of it and clamped to ±2047.
///
/// The logarithm to base 2 of a number `2^e · (1 + m)` is nearly `e + m + 0.3437 m (1 - m)`, and the conversion of a
/// number below 2^24 to floating point, which is exact on every machine, puts `e` and `m` side by side.
#[inline(always)]
#[allow(clippy::cast_precision_loss)] // 20 bits fit in the 24 of f32
fn stretched(p: u32) -> i16 {
    let (one, zero) = ((p as f32).to_bits(), ((PROB_ONE - p) as f32).to_bits());
    // A product of fractions of 15 bits, rounded to nearest.
    let product = |a: i32, b: i32| (a * b + (1 << 14)) >> 15;
    let bend = |bits: u32| {
        let m = (bits >> 8 & 0x7FFF) as i32;
        product(product(m, 0x7FFF - m), BEND)
    };
    let linear = (one as i32 - zero as i32) >> 13;
    let stretched = product(linear + bend(one) - bend(zero), LN_2);
    stretched.clamp(-2047, 2047) as i16
}

impl Kernel for Scalar {
    #[inline(always)]
    fn gather(cell: impl Fn(usize) -> u32) -> Cells {
        Aligned(std::array::from_fn(cell))
    }

    #[inline(always)]
    fn inputs(cells: &Cells, sources: &Sources, inputs: &mut Line) {
        for (i, &cell) in cells.0.iter().enumerate() {
            let stretched = (cell as i32 >> STRETCH) as i16 & sources.stretched[i];
            let distance = ((cell & P_MASK) >> 9) as i16 - 1024;
            let distance = distance & sources.distance[i];
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
            let products = weights
                .zip(inputs)
                .map(|(w, x)| i32::from(w) * i32::from(x));
            // Of several groups the weights of a made-up start may be so large that sums wrap around.
            let sum = products.fold(0, i32::wrapping_add);
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
    fn adapt(cells: &mut Cells, bit: u32, shift: u32) {
        let target = (bit * P_MASK) as i32;
        let half = (1 << shift) >> 1;
        for place in &mut cells.0 {
            if *place != EMPTY {
                let p = (*place & P_MASK) as i32;
                let p = p + ((target - p + half) >> shift);
                *place = cell(p as u32, *place & SURE != 0);
            }
        }
    }

    #[inline(always)]
    fn steps(
        squashed: impl Fn(usize) -> i32,
        target: i32,
        small: i32,
        mut visits: [u16; SETS],
        rates: &[i32; RATES],
    ) -> Option<([i16; SETS], [u16; SETS])> {
        let mut steps = [0; SETS];
        let mut any = false;
        for (j, (step, visits)) in steps.iter_mut().zip(&mut visits).enumerate() {
            let error = target - squashed(j);
            if error.abs() >= small {
                any = true;
                let rate = rates[usize::from(*visits) % RATES];
                let exact = (error * rate + (1 << 9)) >> 10;
                *step = exact.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
                *visits = (*visits + 1).min(RATES as u16 - 1);
            }
        }
        any.then_some((steps, visits))
    }

    #[inline(always)]
    fn find(bucket: &Bucket, check: u8) -> (usize, bool) {
        if let Some(way) = bucket.iter().position(|slot| slot[0] == check) {
            return (way, true);
        }
        let mut least = 0;
        for way in 1..WAYS {
            if bucket[way][1] < bucket[least][1] {
                least = way;
            }
        }
        (least, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretched_is_close_to_the_logarithm_of_odds() {
        for p in (1..PROB_ONE).step_by(97) {
            let odds = f64::from(p) / f64::from(PROB_ONE - p);
            let exact = (256.0 * odds.ln()).clamp(-2047.0, 2047.0);
            assert!((f64::from(stretched(p)) - exact).abs() < 4.0);
        }
        assert_eq!(stretched(EMPTY), 0);
    }
}
