//! Counts of items and distances between them, under mixtures of adaptive contexts.

use super::super::links::class;
use super::super::mixing::Mixture;
use crate::coder::binary::{Side, PROB_ONE};

/// Places of decisions of a number: lengths in bits, then the two bits below the highest one.
const SLOTS: usize = 128;
const LENGTHS: usize = 24;
/// Classes of [`class`], and of the distance that is to be expected, two for each power of two.
const CLASSES: usize = 16;
const DENSITIES: usize = 48;
/// Lists of nodes and of super-nodes, within blocks and elsewhere.
pub const KINDS: usize = 4;
/// What a code of 2^24 items has at most.
const MOST_BITS: u32 = 23;

const CONTEXTS: usize = 5;

/// Codes numbers of items, and the items themselves.
#[derive(Debug)]
pub struct Gaps {
    counts: Mixture<CONTEXTS>,
    gaps: Mixture<CONTEXTS>,
}

/// How many there are in a list, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// Below [`KINDS`].
    pub kind: usize,
    /// Items of which they are some.
    pub room: u32,
    /// Of the last such list.
    pub last: u32,
    /// Of the list of the parent.
    pub above: u32,
    /// Of the last list of a sibling, or the like.
    pub other: u32,
}

/// An item of a list.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    /// Below [`KINDS`].
    pub kind: usize,
    /// Items that are left, and how many of them are in the list.
    pub room: u32,
    pub left: u32,
    /// Length in bits of the last distance.
    pub last: usize,
    /// How many there are in all.
    pub many: u32,
    /// Whether it is the first.
    pub is_first: bool,
}

/// Two classes for each power of two of an eighth.
fn density(room: u32, left: u32) -> usize {
    let eighths = (u64::from(room) * 8 / u64::from(left.max(1))).max(1);
    let bits = eighths.ilog2() as usize;
    let half = if bits > 0 {
        eighths >> (bits - 1) & 1
    } else {
        0
    };
    (2 * bits + usize::from(half != 0)).min(DENSITIES - 1)
}

impl Gaps {
    /// Begins without knowledge.
    pub fn new() -> Self {
        Self {
            counts: Mixture::new(
                [
                    KINDS * CLASSES * SLOTS,
                    KINDS * DENSITIES * SLOTS,
                    KINDS * CLASSES * CLASSES * SLOTS,
                    KINDS * CLASSES * SLOTS,
                    KINDS * CLASSES * CLASSES * SLOTS,
                ],
                KINDS * SLOTS,
            ),
            gaps: Mixture::new(
                [
                    KINDS * DENSITIES * SLOTS,
                    DENSITIES * LENGTHS * SLOTS,
                    KINDS * LENGTHS * SLOTS,
                    KINDS * 2 * CLASSES * SLOTS,
                    KINDS * CLASSES * CLASSES * SLOTS,
                ],
                KINDS * SLOTS,
            ),
        }
    }

    /// Codes how many there are; it may be more than there is room for.
    pub fn count(&mut self, known: Count, number: u32, side: &mut impl Side) -> u32 {
        let kind = known.kind;
        let at = [
            kind * CLASSES + class(known.last),
            kind * DENSITIES + density(known.room, 1),
            (kind * CLASSES + class(known.last)) * CLASSES + class(known.above),
            kind * CLASSES + class(known.other),
            (kind * CLASSES + class(known.other)) * CLASSES + class(known.last),
        ];
        code(&mut self.counts, at, kind, number, side)
    }

    /// Codes how many are passed by before the next one; it may be more than there are.
    pub fn next(&mut self, known: Next, number: u32, side: &mut impl Side) -> u32 {
        let kind = known.kind;
        let density = density(known.room, known.left);
        let at = [
            kind * DENSITIES + density,
            density * LENGTHS + known.last,
            kind * LENGTHS + known.last,
            (kind * 2 + usize::from(known.is_first)) * CLASSES + class(known.left),
            (kind * CLASSES + class(known.many)) * CLASSES + class(known.left),
        ];
        code(&mut self.gaps, at, kind, number, side)
    }
}

/// Length in bits of a number plus one.
pub fn length(number: u32) -> usize {
    (number.saturating_add(1).ilog2() as usize).min(LENGTHS - 1)
}

/// Codes a number below 2^23.
fn code(
    mixture: &mut Mixture<CONTEXTS>,
    at: [usize; CONTEXTS],
    kind: usize,
    number: u32,
    side: &mut impl Side,
) -> u32 {
    let value = number.saturating_add(1);
    let wanted = value.ilog2();
    let mut decide = |slot: usize, bit: u32, side: &mut _| {
        mixture.code(
            at.map(|at| at * SLOTS + slot),
            kind * SLOTS + slot,
            bit,
            side,
        )
    };
    let mut bits = 0;
    while bits < MOST_BITS && decide(bits as usize, u32::from(wanted > bits), side) == 1 {
        bits += 1;
    }
    let mut found: u32 = 1;
    for place in (0..bits).rev() {
        let bit = value >> place & 1;
        let bit = match bits - place {
            1 => decide(LENGTHS + bits as usize, bit, side),
            2 => {
                let slot = 2 * LENGTHS + 2 * bits as usize + (found & 1) as usize;
                decide(slot, bit, side)
            }
            _ => side.code(bit, PROB_ONE / 2),
        };
        found = found << 1 | bit;
    }
    found - 1
}
