//! The contexts that priors know.

use crate::cm::fast::contexts::Contexts;

/// How many kinds of contexts there are.
pub const KINDS: usize = 7;
/// Their names, from the most general to the most special.
pub const NAMES: [&str; KINDS] = [
    "order 2",
    "order 3",
    "order 4",
    "word",
    "order 6",
    "word pair",
    "word triple",
];

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const MULTIPLIER_2: u64 = 0xD6E8_FEB8_6659_FD93;

/// The key in a table of a context of one kind.
#[inline(always)]
#[must_use]
pub fn key(kind: usize, context: u64) -> u64 {
    let salted = context.wrapping_add((kind as u64 + 1) << 58);
    let mixed = salted
        .wrapping_mul(MULTIPLIER)
        .wrapping_add(context)
        .wrapping_mul(MULTIPLIER_2);
    mixed ^ (mixed >> 29)
}

/// The keys of what follows a text.
#[inline(always)]
#[must_use]
pub fn keys(contexts: &Contexts) -> [u64; KINDS] {
    let contexts = contexts.known();
    std::array::from_fn(|kind| key(kind, contexts[kind]))
}
