//! The logistic function, its inverse and the rates of counters, from integer recurrences alone.

/// Probability one of a mixed prediction.
pub const ONE16: i32 = 1 << 16;
/// Largest magnitude of a value in the stretch domain, in units of 1/256 nat.
pub const STRETCH_MAX: i32 = 2047;
/// Visits after which the fastest falling rate stops falling.
pub const COUNT_MAX: u32 = 1023;

/// `round(exp(-1 / 256) * 2^62)`.
const EXP_STEP: u128 = 4_593_706_758_521_714_574;
const TABLE: usize = 4096;

/// Lookup tables, built once for each block.
#[derive(Debug)]
pub struct Tables {
    /// `2^16 / (1 + exp(-d / 256))` at `d + 2048`.
    squash: Box<[u16; TABLE]>,
    /// `256 * ln(p / (1 - p))` of the middle of each of 4096 intervals of p.
    stretch: Box<[i16; TABLE]>,
    /// `2^16 / (n + 1.5)`: what a counter moves after n visits.
    rates: Box<[u32; COUNT_MAX as usize + 1]>,
}

impl Tables {
    /// Builds the tables.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // values are clamped to the width of their table
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
        for (i, entry) in stretch.iter_mut().enumerate() {
            let middle = 16 * i + 8;
            while d < TABLE - 1 && usize::from(squash[d]) < middle {
                d += 1;
            }
            *entry = d as i16 - (TABLE / 2) as i16;
        }
        let mut rates = Box::new([0; COUNT_MAX as usize + 1]);
        for (n, rate) in (0_u32..).zip(rates.iter_mut()) {
            *rate = (1 << 17) / (2 * n + 3);
        }
        Self {
            squash,
            stretch,
            rates,
        }
    }

    /// The 16-bit probability of `d`, which is clamped to `±STRETCH_MAX`.
    #[inline(always)]
    #[must_use]
    #[allow(clippy::cast_sign_loss)] // 1..=4095 after the clamp
    pub fn squash(&self, d: i32) -> i32 {
        let index = d.clamp(-STRETCH_MAX, STRETCH_MAX) + 2048;
        i32::from(self.squash[index as usize & (TABLE - 1)])
    }

    /// The logit of a 22-bit probability that stands in the upper bits of a counter.
    #[inline(always)]
    #[must_use]
    pub fn stretch(&self, counter: u32) -> i32 {
        i32::from(self.stretch[(counter >> 20) as usize])
    }

    /// Moves a counter (22 bits probability, 10 bits visits) towards `bit` and counts the visit up to `limit`.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
    pub fn adapt(&self, counter: &mut u32, bit: u32, limit: u32) {
        let visits = *counter & COUNT_MAX;
        let p = i64::from(*counter >> 10);
        let target = i64::from(bit) * ((1 << 22) - 1);
        let p = p + (((target - p) * i64::from(self.rates[visits as usize])) >> 16);
        *counter = ((p as u32) << 10) | (visits + u32::from(visits < limit));
    }
}
