//! What each level uses of the contexts, weight sets and maps.

use super::{binary, image, text};
use crate::cm::Kind;

/// What a level uses; lists are indices into the whole.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Lengths of the plain contexts, in bytes.
    pub orders: &'static [usize],
    /// Shortest lengths of the match models.
    pub matches: &'static [usize],
    /// Contexts of the data kind, or all of them.
    pub contexts: Option<&'static [usize]>,
    /// Weight sets of layer 1.
    pub sets: &'static [usize],
    /// How many weight sets of layer 2.
    pub finals: usize,
    /// How many probability maps.
    pub maps: usize,
}

const TEXT_24: [usize; 16] = [0, 1, 2, 5, 14, 18, 22, 26, 30, 34, 36, 38, 39, 40, 41, 42];
const BINARY_24: [usize; 17] = [
    0, 4, 13, 15, 18, 20, 21, 24, 27, 30, 33, 38, 39, 40, 42, 44, 45,
];

const _: () = assert!(text::CONTEXTS == 46 && binary::CONTEXTS == 46 && image::CONTEXTS == 8);

impl Plan {
    /// The plan of a level, 8 or 9, for a kind of content.
    #[must_use]
    pub fn new(level: u32, kind: Kind) -> Self {
        let contexts = match (kind, level) {
            (Kind::Text, 8) => Some(&TEXT_24[..]),
            (Kind::Binary, 8) => Some(&BINARY_24[..]),
            _ => None,
        };
        match (level, kind) {
            (8, Kind::Text) => Self {
                orders: &[1, 2, 3, 4, 5, 6],
                matches: &[24, 6],
                contexts,
                sets: &[0, 1, 3, 10],
                finals: 2,
                maps: 3,
            },
            (8, _) => Self {
                orders: &[1, 2, 3, 4, 6],
                matches: &[24, 11, 5],
                contexts,
                sets: &[1, 2, 3, 4, 6, 9, 10, 11],
                finals: 4,
                maps: 3,
            },
            _ => Self {
                orders: &[1, 2, 3, 4, 5, 6, 8, 14],
                matches: &[24, 11, 5],
                contexts,
                sets: match kind {
                    Kind::Text => &[0, 1, 3, 4, 5, 6, 10, 12],
                    Kind::Binary | Kind::Bilevel => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                },
                finals: 4,
                maps: 6,
            },
        }
    }
}

/// Logarithm of the number of symbols, rounded up: sizes the tables.
#[must_use]
pub fn log2_size(count: usize) -> u32 {
    count.max(1).next_power_of_two().ilog2().clamp(8, 30)
}

/// Logarithm of the heads of a match model, of four bytes each.
#[must_use]
pub fn log2_heads(log2_size: u32) -> u32 {
    log2_size.clamp(12, 22)
}

/// Logarithm of the bytes of bit histories: 256 for each symbol to come, 1 GiB at most.
#[must_use]
pub fn log2_table(count: usize) -> u32 {
    (log2_size(count) + 8).clamp(18, 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_of_a_plan_fit_the_lanes() {
        for kind in [Kind::Text, Kind::Binary, Kind::Bilevel] {
            for level in 8..=9 {
                let plan = Plan::new(level, kind);
                let own = plan.contexts.map_or(46, <[usize]>::len);
                assert!(plan.orders.len() + 2 + own <= 56);
                assert!(plan.contexts.unwrap_or(&[]).iter().all(|&i| i < 46));
            }
        }
    }

    #[test]
    fn tables_grow_with_the_count() {
        assert_eq!(log2_size(0), 8);
        assert_eq!(log2_size(1 << 20), 20);
        assert_eq!(log2_size((1 << 20) + 1), 21);
        assert_eq!(log2_table(1 << 30), 30);
    }
}
