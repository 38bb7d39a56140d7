//! The logistic function, its inverse, from an integer recurrence.

/// Largest magnitude of a value in the stretch domain, in units of 1/256 nat.
pub const STRETCH_MAX: i32 = 2047;

/// `round(exp(-1 / 256) * 2^62)`.
const EXP_STEP: u128 = 4_593_706_758_521_714_574;
const TABLE: usize = 4096;

/// Lookup tables, built once for each block.
#[derive(Debug)]
pub struct Tables {
    /// `2^16 / (1 + exp(-d / 256))` at `d + 2048`.
    squash: Box<[u16; TABLE]>,
    /// `256 * ln(p / (1 - p))` of the middle of each of 4096 intervals of p, those above one half first.
    stretch: Box<[i16; TABLE]>,
}

impl Tables {
    /// Builds the tables.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // clamped to the width of their table
    pub fn new() -> Self {
        let mut squash = Box::new([0_u16; TABLE]);
        // e^-d in 62 fractional bits, for d = 0, 1/256, 2/256, ...
        let mut power: u128 = 1 << 62;
        for d in 0..=TABLE / 2 {
            let p = ((1_u128 << 78) / (power + (1 << 62))).clamp(1, 65535) as u16;
            if d < TABLE / 2 {
                squash[TABLE / 2 + d] = p;
            }
            squash[TABLE / 2 - d] = (65536 - u32::from(p)).clamp(1, 65535) as u16;
            power = (power * EXP_STEP) >> 62;
        }
        let mut stretch = Box::new([0_i16; TABLE]);
        let mut d = 1;
        for i in 0..TABLE {
            let middle = 16 * i + 8;
            while d < TABLE - 1 && usize::from(squash[d]) < middle {
                d += 1;
            }
            stretch[i ^ (TABLE / 2)] = d as i16 - (TABLE / 2) as i16;
        }
        Self { squash, stretch }
    }

    /// The 16-bit probability of `d`, which must be in `-2048..2048`.
    #[inline(always)]
    #[must_use]
    #[allow(clippy::cast_sign_loss)] // the mask keeps the low bits alone
    pub fn squash(&self, d: i32) -> u16 {
        self.squash[(d + 2048) as usize & (TABLE - 1)]
    }

    /// The logit of a 16-bit probability less one half.
    #[inline(always)]
    #[must_use]
    pub fn stretch(&self, p: i16) -> i16 {
        self.stretch[usize::from(p.cast_unsigned() >> 4)]
    }
}
