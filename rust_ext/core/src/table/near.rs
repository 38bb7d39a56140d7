//! Numbers that are likely near another one.
//!
//! Where paths are in the order of numbers, each decision asks whether a number lies below or above a middle. How far that is
//! from another number, the one above for instance, tells the same whatever that number is: so what was learnt of all of them
//! counts for each.

use crate::cm::tables::{Tables, CELL_HALF};

/// Classes of how far a middle is, on each side; of how many numbers are left, by half octaves; and of where these are.
const FAR: usize = 32;
const WIDTHS: usize = 16;
const EDGES: usize = 3;
const SLOTS: usize = 1 + WIDTHS * EDGES * 2 * FAR;
const LIMIT: u32 = 1020;

/// The class of a distance: exact below four, then four to an octave.
fn far(distance: u32) -> usize {
    let octave = (distance | 1).ilog2();
    if octave < 2 {
        return distance as usize;
    }
    (4 * octave + (distance >> (octave - 2) & 3))
        .saturating_sub(4)
        .min(FAR as u32 - 1) as usize
}

/// Where `number` lies to a decision between numbers of a [span](super::tree::Tree::span).
fn slot(number: u32, [first, middle, end]: [u32; 3]) -> usize {
    let width = (end - first).max(2);
    let octave = width.ilog2();
    let width = ((2 * octave + (width >> (octave - 1) & 1)) as usize).min(WIDTHS - 1);
    let edge = usize::from(number >= first) + usize::from(number >= end);
    let side = if number < middle {
        FAR - 1 - far(middle - 1 - number)
    } else {
        FAR + far(number - middle)
    };
    1 + (width * EDGES + edge) * 2 * FAR + side
}

/// What decisions are, given where one number lies.
#[derive(Debug, Clone)]
pub struct Near {
    cells: Vec<u32>,
    at: usize,
}

impl Near {
    /// Starts with nothing known.
    pub fn new() -> Self {
        Self {
            cells: vec![CELL_HALF; SLOTS],
            at: 0,
        }
    }

    /// Becomes as it was at first.
    pub fn restart(&mut self) {
        self.cells.fill(CELL_HALF);
        self.at = 0;
    }

    /// Tells, in the stretch domain, what a decision will be, given a number that may be near.
    #[inline(always)]
    pub fn look(&mut self, number: Option<u32>, span: [u32; 3], tables: &Tables) -> i16 {
        self.at = number.map_or(0, |number| slot(number, span));
        tables.stretch22(self.cells[self.at] >> 10) as i16
    }

    /// Learns what it was, 0 or 2^22 − 1.
    #[inline(always)]
    pub fn learn(&mut self, target: i32, tables: &Tables) {
        tables.adapt(&mut self.cells[self.at], target, LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_distances_grow() {
        let classes: Vec<usize> = (0..5000).map(far).collect();
        assert_eq!(classes[..9], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(classes.windows(2).all(|w| w[0] <= w[1] && w[1] - w[0] <= 1));
        assert_eq!(classes[4999], FAR - 1);
    }

    #[test]
    fn places_are_within_the_table() {
        for width in [1, 2, 3, 7, 100, 1 << 20] {
            for first in [0, 5, 1 << 30] {
                let span = [first, first + width / 2, first + width];
                for number in [0, first, first + width / 2, first + width, u32::MAX] {
                    assert!((1..SLOTS).contains(&slot(number, span)));
                }
            }
        }
        assert_ne!(slot(4, [0, 5, 10]), slot(5, [0, 5, 10]));
    }
}
