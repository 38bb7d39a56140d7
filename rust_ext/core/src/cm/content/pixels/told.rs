//! What is foretold from the pixels around, and how surely.

use super::least_squares::{LeastSquares, MAX};
use super::residuals::Residuals;
use super::{Pixels, OTHERS};
use crate::cm::tables::Tables;
use std::array::from_fn;

/// Pixels of the same colour from which the first prediction is made, to the right and above; the second one takes
/// [`FEW`] of them.
const AROUND: [(isize, usize); 18] = [
    (-1, 0),
    (0, 1),
    (-1, 1),
    (1, 1),
    (-2, 0),
    (0, 2),
    (-2, 1),
    (2, 1),
    (-1, 2),
    (1, 2),
    (-3, 0),
    (0, 3),
    (-2, 2),
    (2, 2),
    (-3, 1),
    (3, 1),
    (-1, 3),
    (1, 3),
];
const FEW: usize = 6;
/// Pixels of each other colour from which they are made: the first of [`super::PLACES`].
const OF_OTHERS: [usize; 2] = [5, 3];
const _: () = assert!(AROUND.len() + 2 * OF_OTHERS[0] <= MAX && OF_OTHERS[0] <= OTHERS);
/// What remains of the past with each pixel: the first prediction remembers some hundred pixels, the second a few.
const KEPT: [f64; 2] = [0.998, 0.96];

/// Classes of uncertainty: two for each doubling.
const CLASSES: usize = 16;
/// Distributions of differences: from both predictions, and from their mean.
const RESIDUALS: usize = 3;
/// Mixer inputs of them.
pub const INPUTS: usize = 2 * RESIDUALS;

/// Predictions, and what became of them.
#[derive(Debug, Clone)]
pub struct Told {
    /// Linear predictions, for each colour.
    linear: Vec<[LeastSquares; 2]>,
    /// What they foretell, in quarters: up to 1020.
    pub quarters: [i32; 2],
    /// How far the first one was off, in quarters, for more than the last row: by place in the history.
    errors: Vec<u16>,
    /// How uncertain it is, by class.
    pub doubt: usize,
    residuals: [Residuals; RESIDUALS],
    /// Probabilities of the next bit by them.
    p: [u32; RESIDUALS],
}

impl Told {
    /// Starts rows of `row` bytes, `channels` for each pixel.
    pub fn new(row: usize, channels: usize) -> Self {
        let linear = |channel: usize| {
            let others = channel.min(2);
            let counts = [AROUND.len(), FEW];
            from_fn(|i| LeastSquares::new(counts[i] + others * OF_OTHERS[i], KEPT[i]))
        };
        Self {
            linear: (0..channels).map(linear).collect(),
            quarters: [0; 2],
            errors: vec![0; 2 * row + 2 * channels],
            doubt: 0,
            residuals: from_fn(|_| Residuals::new(CLASSES * channels, CLASSES)),
            p: [1 << 21; RESIDUALS],
        }
    }

    /// Learns the byte of a colour that came at a place of the history.
    pub fn learn(&mut self, byte: u8, channel: usize, place: usize) {
        for linear in &mut self.linear[channel] {
            linear.learn(i32::from(byte));
        }
        let size = self.errors.len();
        let error = 4 * i32::from(byte) - self.quarters[0];
        self.errors[place % size] = error.unsigned_abs() as u16;
        for residuals in &mut self.residuals {
            residuals.learn(byte);
        }
    }
}

impl Pixels {
    /// Foretells the byte at place `n` of the history, and makes distributions of that.
    pub(super) fn foretell(&mut self, n: usize) {
        let channel = self.channel();
        let others = channel.min(2);
        let mut terms = [[0; MAX]; 2];
        for (i, terms) in terms.iter_mut().enumerate() {
            let own = [AROUND.len(), FEW][i];
            let (around, rest) = terms.split_at_mut(own);
            for (term, (right, above)) in around.iter_mut().zip(AROUND) {
                *term = self.at(right, above);
            }
            let colours = self.colours[..others].iter();
            let colours = colours.flat_map(|colour| &colour[..OF_OTHERS[i]]);
            for (term, &byte) in rest.iter_mut().zip(colours) {
                *term = i32::from(byte);
            }
        }
        let linear = &mut self.told.linear[channel];
        let told: [f64; 2] = from_fn(|i| linear[i].predict(&terms[i]));
        // The conversion saturates, and rounds towards zero.
        self.told.quarters = told.map(|told| ((told * 4.0 + 0.5) as i32).clamp(0, 1020));
        self.told.doubt = self.doubt(n);
        let context = channel * CLASSES + self.told.doubt;
        let [many, few] = self.told.quarters;
        let centres = [many, few, i32::midpoint(many, few)];
        for (residuals, quarters) in self.told.residuals.iter_mut().zip(centres) {
            residuals.aim(context, ((quarters + 2) / 4).min(255) as u8);
        }
    }

    /// How uncertain what is foretold is, by the errors and slopes around.
    fn doubt(&self, n: usize) -> usize {
        let (channels, row) = (self.channels, self.row);
        let (column, columns) = (self.x / channels, row / channels);
        let (left, above) = (column > 0, self.y > 0);
        let error = |there: bool, back: usize| match n.checked_sub(back) {
            Some(place) if there => u32::from(self.told.errors[place % self.told.errors.len()]),
            _ => 0,
        };
        let errors = 2 * error(left, channels)
            + 2 * error(above, row)
            + error(above && column + 1 < columns, row.saturating_sub(channels))
            + error(above && left, row + channels)
            + 2 * error(self.channel() > 0, 1);
        let at = |right, above| self.at(right, above);
        let [w, n, nw, ne] = [at(-1, 0), at(0, 1), at(-1, 1), at(1, 1)];
        let slopes = [w - nw, n - nw, n - ne, w - at(-2, 0), n - at(0, 2)];
        let slopes: u32 = slopes.iter().map(|slope| slope.unsigned_abs()).sum();
        let sum = errors + 2 * slopes + 4;
        let doubled = sum.ilog2();
        let half = sum >> (doubled - 1) & 1;
        ((2 * doubled + half) as usize - 4).min(CLASSES - 1)
    }

    /// Looks at the next bit, after those in `partial`; returns what selects weights: eight bits.
    #[inline(always)]
    pub fn select(&mut self, partial: u32, tables: &Tables) -> u32 {
        for (p, residuals) in self.told.p.iter_mut().zip(&self.told.residuals) {
            *p = residuals.p(partial);
        }
        let step = (tables.stretch22(self.told.p[0]) + 2048) >> 7;
        (step as u32) << 3 | partial.ilog2()
    }

    /// Writes the inputs for the next bit.
    #[inline(always)]
    pub fn mix(&self, out: &mut [i16], tables: &Tables) {
        for (p, out) in self.told.p.iter().zip(out.chunks_exact_mut(2)) {
            out[0] = tables.stretch22(*p) as i16;
            out[1] = ((*p as i32 - (1 << 21)) >> 11) as i16;
        }
    }
}
