//! How far pixels are from what was foretold, by how uncertain that was: a distribution of the next byte.

use crate::bytelm::tree::Tree;

/// Differences of two bytes, 255 of each sign and zero; one more is never used.
const DIFFERENCES: usize = 512;
const ZERO: usize = DIFFERENCES / 2;
/// What a difference counts, and what those next to it count as well, on each side.
const COUNTS: [u32; 3] = [1 << 11, 1 << 8, 1 << 6];
/// A histogram is halved when it has more than so much.
const MOST: u32 = 1 << 20;
/// The largest count at the start: two pixels.
const FIRST: u64 = 1 << 12;

/// Histograms of differences.
#[derive(Debug, Clone)]
pub struct Residuals {
    histograms: Vec<[u32; DIFFERENCES]>,
    totals: Vec<u32>,
    selected: usize,
    centre: usize,
    tree: Tree,
}

impl Residuals {
    /// Starts with a histogram for each of some contexts, each `classes` of them being ever more uncertain.
    #[must_use]
    pub fn new(contexts: usize, classes: usize) -> Self {
        let histogram = |context: usize| {
            let class = context % classes;
            // The square of the width of a bell, which doubles with each class.
            let width = 1_u64 << class;
            let mut histogram = [0; DIFFERENCES];
            for (i, count) in histogram.iter_mut().enumerate() {
                let square = i.abs_diff(ZERO).pow(2) as u64;
                *count = (FIRST * width / (width + square)) as u32 >> (class / 2);
            }
            histogram
        };
        let histograms: Vec<_> = (0..contexts).map(histogram).collect();
        let totals = histograms.iter().map(|histogram| histogram.iter().sum());
        Self {
            totals: totals.collect(),
            histograms,
            selected: 0,
            centre: 0,
            tree: Tree::default(),
        }
    }

    /// Makes the distribution of the next byte, which is foretold to be `centre`.
    #[inline(always)]
    pub fn aim(&mut self, context: usize, centre: u8) {
        self.selected = context;
        self.centre = usize::from(centre);
        let counts = &self.histograms[context][ZERO - self.centre..];
        for (leaf, count) in self.tree.leaves().iter_mut().zip(counts) {
            *leaf = 4 * count + 1;
        }
        self.tree.add_up();
    }

    /// Probability in 22 bits that the bits in `partial` are followed by a one.
    #[inline(always)]
    #[must_use]
    pub fn p(&self, partial: u32) -> u32 {
        self.tree.p(partial).clamp(1, (1 << 22) - 1)
    }

    /// Learns the byte that came.
    #[inline(always)]
    pub fn learn(&mut self, byte: u8) {
        let came = ZERO + usize::from(byte) - self.centre;
        let histogram = &mut self.histograms[self.selected];
        let total = &mut self.totals[self.selected];
        for (distance, count) in COUNTS.into_iter().enumerate() {
            // At the ends there is nothing on one side.
            for at in [came.saturating_sub(distance), came + distance] {
                if let Some(to) = histogram.get_mut(at) {
                    let count = if distance == 0 { count / 2 } else { count };
                    *to += count;
                    *total += count;
                }
            }
        }
        if *total > MOST {
            for count in histogram.iter_mut() {
                *count /= 2;
            }
            *total = histogram.iter().sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of code for a byte.
    fn cost(residuals: &Residuals, byte: u8) -> f64 {
        let bit = |shift: u32| {
            let p = f64::from(residuals.p((u32::from(byte) | 256) >> (shift + 1)));
            let p = p / f64::from(1 << 22);
            if byte >> shift & 1 == 1 {
                -p.log2()
            } else {
                -(1.0 - p).log2()
            }
        };
        (0..8).map(bit).sum()
    }

    #[test]
    fn differences_are_learnt_for_any_centre() {
        let mut residuals = Residuals::new(2, 2);
        for i in 0..2000_u32 {
            let centre = (i * 77 % 250) as u8;
            residuals.aim(1, centre);
            residuals.learn(centre + 5);
        }
        residuals.aim(1, 100);
        assert!(cost(&residuals, 105) < 0.6);
        assert!(cost(&residuals, 90) > 6.0);
        residuals.aim(0, 100);
        assert!(cost(&residuals, 100) < cost(&residuals, 105));
    }

    #[test]
    fn the_ends_are_inside() {
        let mut residuals = Residuals::new(1, 1);
        for (centre, byte) in [(0, 255), (255, 0), (0, 0), (255, 255)].repeat(300) {
            residuals.aim(0, centre);
            residuals.learn(byte);
        }
        assert!(residuals.totals[0] <= MOST);
        assert_eq!(
            residuals.totals[0],
            residuals.histograms[0].iter().sum::<u32>()
        );
    }
}
