//! What all columns beside one say together: a linear model over their values and over pairs of these.
//!
//! Contexts of three or four parents see too little of each combination. Here each value, and each pair of values, adds what
//! it says for itself to a logistic sum (logistic regression, with the adaptive steps of Duchi et al., 2011), which the mixer
//! weighs beside the contexts.

use crate::cm::content::hashing::{fold, start};
use crate::cm::strong::simd::prefetch_row;
use crate::cm::tables::Tables;
use crate::memory::Memory;
use crate::Result;

/// Columns that are listened to.
pub const MOST: usize = 8;
/// One for all rows, one for each column, one for each pair.
const FEATURES: usize = 1 + MOST + MOST * (MOST - 1) / 2;
/// Weights at most, as a power of two.
const MAX_LOG2_CELLS: u32 = 20;
/// Fractional bits of a weight, in nats, and the largest one.
const WEIGHT_BITS: u32 = 16;
const WEIGHT_MAX: i32 = 32 << WEIGHT_BITS;
/// The step for an error of one is `STEP / sqrt(SEEN + errors)`, errors squared, in units of 2^-16.
const STEP: u32 = 1 << 21;
const SEEN: u32 = 6554;
/// Largest sum, in the stretch domain.
const SUM_MAX: i32 = 2047;

/// What is said of the next decision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said {
    /// In the stretch domain.
    pub sum: i16,
    /// Distance of the probability from one half, 2^11 for one.
    pub distance: i16,
}

/// Learns what values say.
#[derive(Debug)]
pub struct Crowd {
    log2: u32,
    /// Weights, and squares of the errors that they were changed by.
    cells: Memory<[u32; 2]>,
    /// Steps by quarter octaves of these squares.
    rates: [u32; 128],
    is_fresh: bool,
    features: Vec<u64>,
    at: [usize; FEATURES],
    sum: i32,
}

/// Logarithm of the number of weights.
fn log2_cells(rows: usize) -> u32 {
    let cells = rows.saturating_mul(16).checked_next_power_of_two();
    cells
        .map_or(MAX_LOG2_CELLS, usize::ilog2)
        .clamp(8, MAX_LOG2_CELLS)
}

/// Memory in bytes of what listens in a table of so many rows.
pub fn memory_bytes(rows: usize) -> u64 {
    8 << log2_cells(rows)
}

impl Crowd {
    /// Starts with nothing known, for so many rows.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(rows: usize) -> Result<Self> {
        let log2 = log2_cells(rows);
        Ok(Self {
            log2,
            cells: Memory::new(1 << log2)?,
            rates: std::array::from_fn(|class| {
                let octave = class as u32 / 4;
                let least = ((4 + class as u64 % 4) << octave) / 4;
                (u64::from(STEP) / (u64::from(SEEN) + least).isqrt()) as u32
            }),
            is_fresh: true,
            features: Vec::with_capacity(FEATURES),
            at: [0; FEATURES],
            sum: 0,
        })
    }

    /// Becomes as it was at first.
    pub fn restart(&mut self) {
        if !self.is_fresh {
            self.cells.values().fill([0; 2]);
            self.is_fresh = true;
        }
        self.features.clear();
    }

    /// Listens to these values of the columns of a row.
    pub fn listen(&mut self, values: impl Iterator<Item = u32>) {
        self.features.clear();
        let values = values.take(MOST).enumerate();
        self.features
            .extend(values.map(|(k, value)| fold(start(100 + k as u64), value.into())));
        let many = self.features.len();
        for k in 0..many {
            for other in k + 1..many {
                let pair = fold(self.features[k], self.features[other]);
                self.features.push(pair);
            }
        }
        if many > 0 {
            self.features.push(1);
        }
    }

    /// Whether there is anyone to listen to.
    #[inline(always)]
    pub fn speaks(&self) -> bool {
        !self.features.is_empty()
    }

    /// Tells what the next decision will be, given those before.
    #[inline(always)]
    pub fn say(&mut self, path: u64, tables: &Tables) -> Said {
        let cells = self.cells.get();
        for (at, &feature) in self.at.iter_mut().zip(&self.features) {
            *at = (fold(feature, path) >> (64 - self.log2)) as usize;
            prefetch_row(cells, *at, 1);
        }
        let weights = self.at[..self.features.len()].iter();
        let sum: i32 = weights.map(|&at| cells[at][0] as i32).sum();
        self.sum = (sum >> (WEIGHT_BITS - 8)).clamp(-SUM_MAX, SUM_MAX);
        let p = tables.squash22(self.sum) as i32;
        Said {
            sum: self.sum as i16,
            distance: ((p - (1 << 21)) >> 11) as i16,
        }
    }

    /// Learns what it was.
    #[inline(always)]
    pub fn learn(&mut self, bit: u32, tables: &Tables) {
        self.is_fresh = false;
        let target = (bit << 16) as i32 - bit as i32;
        let err = target - (tables.squash22(self.sum) >> 6) as i32;
        let square = ((i64::from(err) * i64::from(err)) >> 16) as u32;
        let cells = self.cells.values();
        for &at in &self.at[..self.features.len()] {
            let [weight, seen] = &mut cells[at];
            *seen = seen.saturating_add(square);
            let octave = (*seen | 1).ilog2();
            let class = 4 * octave + ((u64::from(*seen) << 2 >> octave) & 3) as u32;
            // At most 2^16 · 2^21 / 80, which is below 2^31.
            let step = (err * self.rates[class as usize % 128] as i32) >> 16;
            *weight = (*weight as i32 + step).clamp(-WEIGHT_MAX, WEIGHT_MAX) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pairs_say_is_learnt() {
        let tables = Tables::new();
        let mut crowd = Crowd::new(1000).unwrap();
        for row in 0..4000_u32 {
            let (a, b) = (row % 2, row / 2 % 2);
            crowd.listen([a, b, row % 7].into_iter());
            assert_eq!(crowd.features.len(), 7);
            let said = crowd.say(1, &tables);
            if row > 3000 {
                let [sum, distance] =
                    [said.sum, said.distance].map(|x| if a == b { -x } else { x });
                assert!(sum > 400 && distance > 600, "{said:?}");
            }
            crowd.learn(a ^ b, &tables);
        }
        crowd.restart();
        assert!(!crowd.speaks());
        crowd.listen([0, 1].into_iter());
        assert_eq!(crowd.say(1, &tables).sum, 0);
        crowd.listen(std::iter::empty());
        assert!(!crowd.speaks());
        crowd.listen(0..20);
        assert_eq!(crowd.features.len(), FEATURES);
    }

    #[test]
    fn weights_stay_bounded() {
        let tables = Tables::new();
        let mut crowd = Crowd::new(1).unwrap();
        crowd.listen(0..8);
        for k in 0..20_000_u32 {
            crowd.say(1, &tables);
            crowd.learn(u32::from(k < 10_000), &tables);
        }
        assert!(crowd
            .cells
            .get()
            .iter()
            .all(|cell| (cell[0] as i32).abs() <= WEIGHT_MAX));
    }
}
