//! Logistic tables and reciprocals, built from integer recurrences so that every CPU has the same bits.

use super::memory::filled;
use std::sync::OnceLock;

/// Fractional bits of the stretch domain: `stretch(p) = 256 · ln(p / (1 - p))`.
pub const STRETCH_BITS: u32 = 8;
/// Largest magnitude of a mixer input: ln(p / (1 - p)) of about 8.
pub const STRETCH_MAX: i32 = 2047;
/// Largest magnitude of a final sum: a probability of about 1 - 2^-17.
pub const FINAL_MAX: i32 = 3071;

/// A power of two above `2 * FINAL_MAX`.
const SQUASH_SIZE: usize = 8192;
/// `round(exp(-1 / 256) · 2^62)`.
const EXP_STEP: u64 = 4_593_706_758_521_714_574;

/// Adaptive probability that knows nothing: one half in the upper 22 bits, no bits seen in the lower 10.
pub const CELL_HALF: u32 = 1 << 31;

/// The logistic function, its inverse, and the reciprocals that drive adaptive probabilities.
#[derive(Debug, Clone)]
pub struct Tables {
    /// `round(2^22 / (1 + exp(-d / 256)))` at index `d + FINAL_MAX`.
    squash22: Box<[u32; SQUASH_SIZE]>,
    /// The same in 16 bits, never 0.
    squash16: Box<[u16; SQUASH_SIZE]>,
    /// Inverse of the logistic function for the 12 top bits of a probability.
    stretch: Box<[i16; 4096]>,
    /// The same for probabilities below one half, to `-FINAL_MAX`: first 4096 steps of 2^4 for those below 2^-6, then
    /// 2048 of 2^10.
    ends: Box<[i16; 4096 + 2048]>,
    /// `2^16 / (n + 1.5)`: step of a counter that has seen `n` bits.
    pub reciprocal: Box<[i32; 1024]>,
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    /// A copy of the tables. They are built once, since that takes longer than to code a short message.
    #[must_use]
    pub fn new() -> Self {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(Self::build).clone()
    }

    fn build() -> Self {
        let mut squash22: Box<[u32; SQUASH_SIZE]> = filled(0);
        let mut power: u64 = 1 << 62;
        for d in 0..=FINAL_MAX as usize {
            // 1 / (1 + e^-d), with e^-d in 62 fractional bits; below one half it is 1 - p.
            let p =
                (((1_u128 << 84) + (1_u128 << 61)) / (u128::from(power) + (1_u128 << 62))) as u32;
            squash22[FINAL_MAX as usize + d] = p.min((1 << 22) - 1);
            squash22[FINAL_MAX as usize - d] = (1 << 22) - p.min((1 << 22) - 1);
            power = ((u128::from(power) * u128::from(EXP_STEP)) >> 62) as u64;
        }
        let mut squash16: Box<[u16; SQUASH_SIZE]> = filled(0);
        for (i, entry) in squash16.iter_mut().enumerate() {
            *entry = (squash22[i] >> 6).clamp(1, 65535) as u16;
        }
        let mut stretch = Box::new([0_i16; 4096]);
        let mut d = -STRETCH_MAX;
        for (i, entry) in stretch.iter_mut().enumerate() {
            let p = (i as u32) * 1024 + 512;
            while d < STRETCH_MAX && squash22[(d + FINAL_MAX) as usize] < p {
                d += 1;
            }
            *entry = d as i16;
        }
        let mut ends = Box::new([0_i16; 4096 + 2048]);
        let mut d = -FINAL_MAX;
        for (i, entry) in ends.iter_mut().enumerate() {
            let p = match i as u32 {
                i @ 0..4096 => i * 16 + 8,
                i => (i - 4096) * 1024 + 512,
            };
            if i == 4096 {
                d = -FINAL_MAX;
            }
            while d < FINAL_MAX && squash22[(d + FINAL_MAX) as usize] < p {
                d += 1;
            }
            *entry = d as i16;
        }
        let mut reciprocal = Box::new([0_i32; 1024]);
        for (n, entry) in reciprocal.iter_mut().enumerate() {
            *entry = (1 << 17) / (2 * n as i32 + 3);
        }
        Self {
            squash22,
            squash16,
            stretch,
            ends,
            reciprocal,
        }
    }

    /// Logistic function: 16-bit probability of `d`, which must be in `±FINAL_MAX`.
    #[inline(always)]
    #[must_use]
    pub fn squash16(&self, d: i32) -> i32 {
        i32::from(self.squash16[((d + FINAL_MAX) & (SQUASH_SIZE as i32 - 1)) as usize])
    }

    /// Logistic function: 22-bit probability of `d`, clamped to `±FINAL_MAX`.
    #[inline(always)]
    #[must_use]
    pub fn squash22(&self, d: i32) -> u32 {
        self.squash22
            [((d.clamp(-FINAL_MAX, FINAL_MAX) + FINAL_MAX) & (SQUASH_SIZE as i32 - 1)) as usize]
    }

    /// `256 · ln(p / (1 - p))` of a 22-bit probability.
    #[inline(always)]
    #[must_use]
    pub fn stretch22(&self, p: u32) -> i32 {
        i32::from(self.stretch[((p >> 10) & 4095) as usize])
    }

    /// `256 · ln(p / (1 - p))` of a 22-bit probability, exact also for those near 0 and 1.
    #[inline(always)]
    #[must_use]
    pub fn stretch_ends(&self, p: u32) -> i32 {
        // Without branches, since probabilities are as unpredictable as the data.
        let mirrored = 0_u32.wrapping_sub(p >> 21);
        let p = (p ^ mirrored) & ((1 << 22) - 1);
        let coarse = 0_u32.wrapping_sub(u32::from(p >> 16 != 0));
        let at = (p >> 4) & !coarse | (4096 + (p >> 10)) & coarse;
        let d = i32::from(self.ends[at as usize % (4096 + 2048)]);
        (d ^ mirrored as i32) - mirrored as i32
    }

    /// Moves an adaptive probability (22 bits p, 10 bits n) to the bit `target22` (0 or 2^22 - 1).
    #[inline(always)]
    pub fn adapt(&self, cell: &mut u32, target22: i32, limit: u32) {
        let n = *cell & 1023;
        let p = (*cell >> 10) as i32;
        let delta =
            ((i64::from(target22 - p) * i64::from(self.reciprocal[n as usize])) >> 16) as i32;
        *cell = (((p + delta) as u32) << 10) | (n + u32::from(n < limit));
    }

    /// The same for many cells, in 32-bit arithmetic: probabilities end at about 2^-15 from 0 and 1.
    #[inline(always)]
    pub fn adapt_all(&self, cells: &mut [u32], bit: u32, limit: u32) {
        // The lower target keeps p positive although the shift rounds down.
        let target = if bit == 0 { 127 } else { (1 << 22) - 1 };
        for cell in cells {
            let n = *cell & 1023;
            let p = (*cell >> 10) as i32;
            // 2^15 · 2^15.5 at most
            let delta = (((target - p) >> 7) * self.reciprocal[n as usize]) >> 9;
            *cell = (((p + delta) as u32) << 10) | (n + u32::from(n < limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretch_inverts_squash() {
        let t = Tables::new();
        assert_eq!(t.squash22(0), 1 << 21);
        // 2^22 / (1 + e^-1), 2^22 / (1 + e^-8)
        assert_eq!(t.squash22(256), 3_066_282);
        assert_eq!(t.squash22(2048), 4_192_897);
        for d in -FINAL_MAX..FINAL_MAX {
            assert!(t.squash22(d) <= t.squash22(d + 1));
            assert_eq!(t.squash22(d) + t.squash22(-d), 1 << 22);
        }
        for d in -FINAL_MAX..=FINAL_MAX {
            assert!((t.stretch_ends(t.squash22(d).min((1 << 22) - 1)) - d).abs() <= 110);
        }
        for d in -1200..1200 {
            assert!((t.stretch22(t.squash22(d)) - d).abs() <= 16);
        }
    }

    #[test]
    fn cells_stay_in_range() {
        let t = Tables::new();
        for bit in 0..2 {
            let mut cells = vec![CELL_HALF; 4];
            let mut single = CELL_HALF;
            for i in 0..5000 {
                let bit = if i == 4000 { 1 - bit } else { bit };
                t.adapt_all(&mut cells, bit, 255);
                t.adapt(&mut single, ((bit << 22) - bit) as i32, 1023);
                assert!(cells[0] >> 10 > 0 && cells[0] & 1023 <= 255);
            }
            assert_eq!(single & 1023, 1023);
            let p = f64::from(cells[0] >> 10) / f64::from(1 << 22);
            assert!((p - f64::from(bit)).abs() < 0.01);
        }
    }
}
