//! What is used of the weight sets and maps for each kind of content.

use super::image;
use crate::cm::content::{binary, text};

use crate::cm::Kind;

/// What is used; lists are indices into the whole.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Lengths of the plain contexts, in bytes.
    pub orders: &'static [usize],
    /// Shortest lengths of the match models.
    pub matches: &'static [usize],
    /// Contexts that have direct counters too: indices into the orders, the two of matches and those of the kind.
    pub direct: &'static [usize],
    /// Weight sets of layer 1.
    pub sets: &'static [usize],
    /// How many weight sets of layer 2.
    pub finals: usize,
    /// How many probability maps.
    pub maps: usize,
}

/// Orders 2 to 5, the word, the word and the one before, the open bracket, markup.
const DIRECT: [usize; 8] = [2, 3, 4, 5, 11, 12, 30, 40];
const _: () = assert!(text::CONTEXTS == 45 && binary::CONTEXTS == 53 && image::CONTEXTS == 8);

impl Plan {
    /// The plan for a kind of content.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            orders: &[0, 1, 2, 3, 4, 5, 6, 8, 14],
            matches: &[24, 11, 5],
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
            let plan = Plan::new(kind);
            let all = match kind {
                Kind::Text => text::CONTEXTS,
                Kind::Binary => binary::CONTEXTS,
                Kind::Bilevel => image::CONTEXTS,
            };
            let contexts = plan.orders.len() + 2 + all;
            assert!(contexts <= contextmap::MAX);
            assert!(plan.direct.iter().all(|&i| i < contexts));
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
