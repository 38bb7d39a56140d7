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
    /// Contexts that have direct counters too: indices into the orders, the two of matches and those of the kind.
    pub direct: &'static [usize],
    /// Weight sets of layer 1.
    pub sets: &'static [usize],
    /// How many weight sets of layer 2.
    pub finals: usize,
    /// How many probability maps.
    pub maps: usize,
}

const TEXT_24: [usize; 16] = [0, 1, 3, 4, 13, 17, 21, 25, 29, 33, 35, 37, 38, 39, 40, 41];
/// Orders 2 to 5, the word, the word and the one before, the open bracket, markup.
const DIRECT: [usize; 8] = [2, 3, 4, 5, 11, 12, 30, 40];
const BINARY_24: [usize; 17] = [
    0, 3, 15, 16, 19, 22, 25, 28, 33, 34, 35, 37, 39, 40, 41, 42, 47,
];

const _: () = assert!(text::CONTEXTS == 45 && binary::CONTEXTS == 53 && image::CONTEXTS == 8);

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
                direct: &[],
                sets: &[0, 1, 3, 10],
                finals: 2,
                maps: 3,
            },
            (8, _) => Self {
                orders: &[1, 2, 3, 4, 6],
                matches: &[24, 11, 5],
                contexts,
                direct: &[],
                sets: &[1, 2, 3, 4, 6, 9, 10, 11],
                finals: 4,
                maps: 3,
            },
            _ => Self {
                orders: &[0, 1, 2, 3, 4, 5, 6, 8, 14],
                matches: &[24, 11, 5],
                contexts,
                direct: match kind {
                    Kind::Text => &DIRECT,
                    Kind::Binary | Kind::Bilevel => &[],
                },
                sets: match kind {
                    Kind::Text => &[0, 1, 3, 4, 5, 6, 10, 12],
                    Kind::Bilevel => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                    Kind::Binary => &[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13],
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

/// Logarithm of the bytes of bit histories: 128 for each symbol to come, 1 GiB at most.
#[must_use]
pub fn log2_table(count: usize) -> u32 {
    (log2_size(count) + 7).clamp(18, 30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::strong::contextmap;

    #[test]
    fn contexts_of_a_plan_fit_the_lanes() {
        for kind in [Kind::Text, Kind::Binary, Kind::Bilevel] {
            for level in 8..=9 {
                let plan = Plan::new(level, kind);
                let all = match kind {
                    Kind::Text => text::CONTEXTS,
                    Kind::Binary => binary::CONTEXTS,
                    Kind::Bilevel => image::CONTEXTS,
                };
                let own = plan.contexts.map_or(all, <[usize]>::len);
                let contexts = plan.orders.len() + 2 + own;
                assert!(contexts <= contextmap::MAX);
                assert!(plan.contexts.unwrap_or(&[]).iter().all(|&i| i < all));
                assert!(plan.direct.iter().all(|&i| i < contexts));
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
