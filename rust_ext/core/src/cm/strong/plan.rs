//! What is used of the weight sets and maps for each kind of content.

use super::apm::LOG2_ROWS;
use super::contextmap::{padded, STATE_CELLS, VOTE_CELLS};
use super::neural::Part;
use super::{direct, image, matchmodel};
use crate::cm::content::{binary, pixels, text};

use crate::cm::Kind;

/// What is used; lists are indices into the whole.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Lengths of the plain contexts, in bytes.
    pub orders: &'static [usize],
    /// Shortest lengths of the match models.
    pub matches: &'static [usize],
    /// Contexts that have bit histories: indices into the orders, the two of matches and those of the kind.
    pub contexts: &'static [usize],
    /// How many of them, from the first, vote with their byte histories too.
    pub polled: usize,
    /// How many of them, the last ones, are known only when the network has said what it expects.
    pub late: usize,
    /// Contexts that have direct counters: indices as above.
    pub direct: &'static [usize],
    /// Weight sets of layer 1.
    pub sets: &'static [usize],
    /// How many weight sets of layer 2.
    pub finals: usize,
    /// How many probability maps.
    pub maps: usize,
    /// Weight sets of layer 1 that slow down in long texts.
    pub slow: &'static [usize],
}

/// Contexts of text. Left out are those that were missed least, and two that have direct counters.
const TEXT: [usize; 48] = [
    2, 3, 4, 6, 12, 18, 20, 24, 25, 30, 32, 34, 37, 40, 44, 46, 0, 1, 9, 10, 13, 15, 16, 17, 19,
    21, 22, 23, 26, 27, 28, 29, 31, 33, 36, 38, 39, 41, 43, 45, 47, 48, 49, 50, 51, 52, 53, 54,
];
/// The same and two of the likeliest bytes beside a network.
const TEXT_BESIDE: [usize; 50] = {
    let mut contexts = [ALL_OF_TEXT; 50];
    contexts[49] += 1;
    let (own, _) = contexts.split_at_mut(TEXT.len());
    own.copy_from_slice(&TEXT);
    contexts
};
/// Orders, those of matches, those of text.
const ALL_OF_TEXT: usize = 9 + 2 + text::CONTEXTS;
/// Contexts of binary data. Left out are those that were missed least.
const BINARY: [usize; 56] = [
    2, 3, 4, 6, 7, 9, 10, 11, 12, 16, 18, 21, 22, 24, 30, 31, 36, 38, 40, 42, 46, 48, 50, 53, 55,
    58, 60, 61, 62, 63, 54, 56, 57, 59, 64, 65, 66, 34, 35, 45, 0, 1, 5, 8, 14, 15, 17, 19, 20, 23,
    25, 26, 27, 29, 49, 51,
];
/// Contexts of bilevel images.
const BILEVEL: [usize; 16] = [0, 1, 2, 3, 4, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
/// Contexts of pixels of one byte.
const GREY: [usize; 48] = [
    9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56,
];
/// Contexts of pixels of three colours.
const COLOUR: [usize; 48] = [
    9, 10, 12, 13, 14, 17, 18, 19, 20, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
    40, 41, 42, 43, 44, 45, 46, 47, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72,
];
/// Of pixels of one byte: pixels to the left and above, all around, the gradient, templates, the place with one.
const DIRECT_GREY: [usize; 8] = [11, 12, 13, 15, 18, 21, 22, 23];
/// Orders 2 to 5, the word, the word and the one before, the open bracket, markup.
const DIRECT: [usize; 8] = [2, 3, 4, 5, 11, 12, 30, 40];
const _: () = assert!(text::CONTEXTS == 45 && binary::CONTEXTS == 56 && image::CONTEXTS == 8);
const _: () = assert!(pixels::CONTEXTS == 62);

impl Plan {
    /// Which kind of context of a prior each context is; of text the orders, the word, the word and the one before,
    /// and the last three words.
    pub fn known_as(&self, kind: Kind) -> impl Iterator<Item = Option<usize>> + use<'_> {
        let text = kind == Kind::Text;
        let first = self.orders.len() + 2;
        self.contexts.iter().map(move |&at| {
            let order = self.orders.get(at).filter(|_| text);
            match order {
                Some(order @ 2..=4) => Some(order - 2),
                Some(6) => Some(4),
                _ if text && at == first => Some(3),
                _ if text && at == first + 1 => Some(5),
                _ if text && at == first + 8 => Some(6),
                _ => None,
            }
        })
    }

    /// The plan for a kind of content, beside a network or alone.
    #[must_use]
    pub fn new(kind: Kind, part: Option<Part>) -> Self {
        let alone = Self::alone(kind);
        match part {
            Some(Part::Second) => Self {
                contexts: &TEXT_BESIDE,
                late: TEXT_BESIDE.len() - TEXT.len(),
                maps: MAPS.len(),
                // Matches, classes, columns, tops of bytes, runs; the likeliest byte, how likely it is, the way to it.
                slow: &[2, 3, 5, 6, 7, 9, 10, 11],
                ..alone
            },
            Some(Part::First) | None => alone,
        }
    }

    fn alone(kind: Kind) -> Self {
        Self {
            orders: &[0, 1, 2, 3, 4, 5, 6, 8, 14],
            matches: &[24, 11, 5],
            contexts: match kind {
                Kind::Text => &TEXT,
                Kind::Binary => &BINARY,
                Kind::Bilevel => &BILEVEL,
                Kind::Grey => &GREY,
                Kind::Colour => &COLOUR,
            },
            polled: match kind {
                Kind::Text => 8,
                Kind::Binary => 40,
                Kind::Bilevel | Kind::Grey | Kind::Colour => 0,
            },
            direct: match kind {
                Kind::Text => &DIRECT,
                Kind::Grey => &DIRECT_GREY,
                Kind::Binary | Kind::Bilevel | Kind::Colour => &[],
            },
            late: 0,
            sets: match kind {
                Kind::Text => &[0, 1, 3, 4, 5, 6, 10, 12],
                Kind::Bilevel => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                Kind::Grey | Kind::Colour => &[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14],
                Kind::Binary => &[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13],
            },
            finals: 4,
            maps: 6,
            slow: &[],
        }
    }
}

/// Inputs that belong to no family: bias, order 0, order 1 twice.
pub const SINGLE_INPUTS: usize = 4;
/// Numbers of contexts of the weight sets of layer 1, see [`super::Strong::select`].
pub const SETS: [usize; 15] = [
    512,
    2048,
    256,
    512,
    1024,
    1024,
    1024,
    1024,
    KNOWN_SET_SIZE,
    256,
    2048,
    2048,
    2048,
    4096,
    256,
];
/// The set selected by how many of the first contexts are known: only after the contexts were looked up.
pub const KNOWN_SET: usize = 8;
const KNOWN_SET_SIZE: usize = 10 * 8;
/// Numbers of contexts of the weight sets of layer 2.
const FINALS: [usize; 4] = [256, 16 * 8, 256, 512];
/// Rows and limits of the maps.
pub const MAPS: [(usize, u32); 8] = [
    (1 << 16, 1023),
    (1 << LOG2_ROWS, 1023),
    (1 << LOG2_ROWS, 1023),
    (1 << LOG2_ROWS, 1023),
    (1 << LOG2_ROWS, 255),
    (1 << LOG2_ROWS, 255),
    (1 << LOG2_ROWS, 1023),
    (1 << LOG2_ROWS, 1023),
];

/// How large the parts are that learn.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Counters of bit histories, and of votes.
    pub states: usize,
    /// See `states`.
    pub votes: usize,
    /// Inputs of the mixer, and lines of them.
    pub inputs: usize,
    /// See `inputs`.
    pub lines: usize,
    /// Sets of layer 1 that slow down in long texts.
    pub slow: &'static [usize],
    /// Weight vectors of the sets of layer 1 and of layer 2.
    pub sets: Vec<usize>,
    /// See `sets`.
    pub finals: &'static [usize],
    /// Rows of the maps, those of a network last.
    pub maps: Vec<usize>,
}

impl Layout {
    /// The layout of a plan, beside a network or alone.
    #[must_use]
    pub fn new(plan: &Plan, kind: Kind, part: Option<Part>) -> Self {
        let contexts = plan.contexts.len();
        let of_contexts = if kind == Kind::Text { 2 } else { 3 } * padded(contexts) + plan.polled;
        let of_image = if kind == Kind::Bilevel {
            image::INPUTS
        } else if kind.channels().is_some() {
            pixels::INPUTS
        } else {
            0
        };
        let inputs = of_contexts
            + plan.matches.len() * matchmodel::INPUTS
            + SINGLE_INPUTS
            + of_image
            + direct::INPUTS * plan.direct.len()
            + part.map_or(0, Part::inputs);
        let mut sets: Vec<usize> = plan.sets.iter().map(|&set| SETS[set]).collect();
        let mut maps: Vec<usize> = MAPS[..plan.maps].iter().map(|&(rows, _)| rows).collect();
        if let Some(part) = part {
            sets.extend(part.sets());
            maps.extend(part.maps());
        }
        Self {
            states: contexts * STATE_CELLS,
            votes: plan.polled * VOTE_CELLS,
            inputs,
            lines: inputs.div_ceil(32),
            slow: plan.slow,
            sets,
            finals: &FINALS[..plan.finals],
            maps,
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

/// Logarithm of the bytes of bit histories: 128 for each symbol to come, 256 of binary data, where more contexts are
/// new; 512 MiB at most.
#[must_use]
pub fn log2_table(count: usize, kind: Kind) -> u32 {
    (log2_size(count) + 7 + u32::from(kind == Kind::Binary)).clamp(18, 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::probe::KINDS;
    use crate::cm::strong::contextmap;
    use crate::cm::strong::mixer::simd::MAX_SETS;

    #[test]
    fn contexts_of_a_plan_fit_the_lanes() {
        for kind in KINDS {
            let plan = Plan::new(kind, None);
            let all = match kind {
                Kind::Text => text::CONTEXTS,
                Kind::Binary => binary::CONTEXTS,
                Kind::Bilevel => image::CONTEXTS,
                Kind::Grey | Kind::Colour => pixels::CONTEXTS,
            };
            let made = plan.orders.len() + 2 + all;
            assert!(plan.contexts.len() <= contextmap::MAX);
            assert!(plan.polled <= plan.contexts.len());
            assert!(plan.contexts.iter().chain(plan.direct).all(|&i| i < made));
        }
        assert!(Plan::new(Kind::Text, None).orders.len() + 2 + text::CONTEXTS == ALL_OF_TEXT);
    }

    #[test]
    fn what_stands_beside_a_network_is_added() {
        let alone = Plan::new(Kind::Text, None);
        for part in [Part::First, Part::Second] {
            let plan = Plan::new(Kind::Text, Some(part));
            let (own, late) = plan.contexts.split_at(plan.contexts.len() - plan.late);
            assert_eq!(own, alone.contexts);
            assert!(late.iter().all(|&at| at >= ALL_OF_TEXT));
            let [before, layout] = [(&alone, None), (&plan, Some(part))]
                .map(|(plan, part)| Layout::new(plan, Kind::Text, part));
            // Inputs of text and network fit five cache lines, and sets fit a row.
            assert_eq!((before.lines, layout.lines), (5, 5));
            assert!(layout.sets.starts_with(&before.sets) && layout.sets.len() <= MAX_SETS);
            assert!(plan.slow.iter().all(|&set| set < layout.sets.len()));
        }
    }

    #[test]
    fn tables_grow_with_the_count() {
        assert_eq!(log2_size(0), 8);
        assert_eq!(log2_size(1 << 20), 20);
        assert_eq!(log2_size((1 << 20) + 1), 21);
        assert_eq!(log2_table(1 << 20, Kind::Text), 27);
        assert_eq!(log2_table(1 << 30, Kind::Binary), 29);
    }
}
