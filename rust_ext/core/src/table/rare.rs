//! Values that come again a few times only.
//!
//! To tell beforehand how often each of them comes takes more than it saves. They share one path, behind which they stand in
//! the order in which they came first; how often each came so far tells where the path goes on.

/// Numbers of a column in which values are told where they come first.
pub const NEW: usize = 0;
pub const RARE: usize = 1;
pub const FIRST: usize = 2;
/// A value that comes again so many times has a path of its own.
const OWN: u64 = 32;
/// What a value counts where it comes first and where it comes again: a quarter of one is left to others, since most never come
/// again (as in the process of Pitman and Yor, 1997).
const ONCE: u32 = 3;
const AGAIN: u32 = 4;

/// What paths are made for: what is new, what is rare, and each value that comes often, given how often each comes.
pub fn weights(counts: &[u32]) -> Vec<u64> {
    let mut weights = vec![counts.len() as u64, 0];
    for &count in counts {
        let more = u64::from(count) - 1;
        let often = more >= OWN;
        weights.push(if often { more } else { 0 });
        weights[RARE] += if often { 0 } else { more };
    }
    weights
}

/// The part of a code behind the path that rare values share.
#[derive(Debug, Clone)]
pub struct Rare {
    /// Decisions behind that path.
    depth: u32,
    /// Places of numbers that are here, in their order; [`NONE`] for others.
    places: Vec<u32>,
    numbers: Vec<u32>,
    /// How much was seen below each decision, the first of them at 1; last each number.
    seen: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Rare {
    /// Finds the numbers without paths of their own, given the lengths of these; none if they share no path.
    pub fn new(lengths: &[u8]) -> Option<Self> {
        if lengths.get(RARE).is_none_or(|&length| length == 0) {
            return None;
        }
        let mut numbers = Vec::new();
        let mut places = vec![NONE; lengths.len()];
        for number in (FIRST..lengths.len()).filter(|&number| lengths[number] == 0) {
            places[number] = numbers.len() as u32;
            numbers.push(number as u32);
        }
        let depth = numbers.len().next_power_of_two().ilog2();
        Some(Self {
            depth,
            places,
            numbers,
            seen: vec![0; 2 << depth],
        })
    }

    /// Decisions behind the path that all share.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The path of a number here.
    #[inline(always)]
    pub fn path(&self, number: usize) -> Option<u32> {
        self.places
            .get(number)
            .copied()
            .filter(|&place| place != NONE)
    }

    /// The number at the end of a path, if there is one.
    pub fn number(&self, path: u32) -> Option<usize> {
        self.numbers
            .get(path as usize)
            .map(|&number| number as usize)
    }

    /// How much was seen on both sides of a decision, which is numbered by those before after a leading one.
    #[inline(always)]
    pub fn sides(&self, at: usize) -> [u32; 2] {
        [self.seen[2 * at], self.seen[2 * at + 1]]
    }

    /// Whether any of them was seen.
    pub fn is_any(&self) -> bool {
        self.seen[1] > 0
    }

    /// Learns that a number came, for the first time or not.
    pub fn saw(&mut self, number: usize, first: bool) {
        let Some(place) = self.path(number) else {
            return;
        };
        let mut at = (place | 1 << self.depth) as usize;
        while at > 0 {
            self.seen[at] += if first { ONCE } else { AGAIN };
            at /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rare_shares_a_path() {
        let often = 1 + OWN as u32;
        assert_eq!(weights(&[1, often, 3, 2]), [4, 3, 0, OWN, 0, 0]);
        let mut rare = Rare::new(&[2, 2, 0, 1, 0, 0]).unwrap();
        assert_eq!(rare.depth(), 2);
        assert_eq!(
            [2, 3, 4, 5, 6].map(|n| rare.path(n)),
            [Some(0), None, Some(1), Some(2), None]
        );
        assert!(!rare.is_any());
        for (number, first) in [(2, true), (3, true), (5, true), (5, false)] {
            rare.saw(number, first);
        }
        assert_eq!(
            [rare.sides(1), rare.sides(2), rare.sides(3)],
            [[3, 7], [3, 0], [7, 0]]
        );
        assert_eq!((rare.number(2), rare.number(3)), (Some(5), None));
        assert!(Rare::new(&[1, 0, 1]).is_none() && Rare::new(&[1]).is_none());
    }
}
