//! Rotary positions.

use super::config::{Config, RopeScaling};
use super::math::wide;
use std::f64::consts::TAU;

/// Sines and cosines of the angles of positions.
#[derive(Debug)]
pub struct Rope {
    /// Pairs of dimensions that are rotated.
    pairs: usize,
    /// Of each position the cosines and then the sines.
    table: Vec<f32>,
}

impl Rope {
    /// Computes the angles of so many positions.
    #[must_use]
    pub fn new(config: &Config, positions: usize) -> Self {
        let pairs = config.rope_width / 2;
        let frequencies: Vec<f64> = (0..pairs).map(|i| frequency(config, i)).collect();
        let mut table = Vec::with_capacity(positions * 2 * pairs);
        for position in 0..positions {
            #[allow(clippy::cast_precision_loss)] // at most 2^20
            let turned = frequencies
                .iter()
                .map(|&f| wide::sin_cos(position as f64 * f));
            let (sines, cosines): (Vec<_>, Vec<_>) = turned.unzip();
            #[allow(clippy::cast_possible_truncation)] // rounded to 32 bits
            table.extend(cosines.into_iter().chain(sines).map(|x| x as f32));
        }
        Self { pairs, table }
    }

    /// Rotates the first dimensions of a head: each of their first half with one of their second half.
    ///
    /// # Panics
    /// If the position is not in the table, or the head is too short.
    #[inline]
    pub fn rotate(&self, position: usize, head: &mut [f32]) {
        let angles = &self.table[position * 2 * self.pairs..][..2 * self.pairs];
        let (cosines, sines) = angles.split_at(self.pairs);
        let (first, second) = head[..2 * self.pairs].split_at_mut(self.pairs);
        let pairs = first.iter_mut().zip(second);
        for ((a, b), (cosine, sine)) in pairs.zip(cosines.iter().zip(sines)) {
            let (x, y) = (*a, *b);
            *a = x * cosine - y * sine;
            *b = y * cosine + x * sine;
        }
    }
}

/// How far a pair of dimensions turns from one position to the next.
fn frequency(config: &Config, pair: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)] // at most 2^10
    let exponent = (2 * pair) as f64 / config.rope_width as f64;
    let frequency = wide::exp(-exponent * wide::ln(config.rope_theta));
    match config.rope_scaling {
        None => frequency,
        Some(RopeScaling::Linear { factor }) => frequency / factor,
        Some(RopeScaling::Factors { ref factors }) => frequency / factors[pair],
        Some(RopeScaling::Llama3 {
            factor,
            low_frequency_factor: low,
            high_frequency_factor: high,
            original_context,
        }) => {
            let turns = f64::from(original_context) * frequency / TAU;
            if turns > high {
                frequency
            } else if turns < low {
                frequency / factor
            } else {
                let share = (turns - low) / (high - low);
                (1.0 - share) * (frequency / factor) + share * frequency
            }
        }
    }
}
