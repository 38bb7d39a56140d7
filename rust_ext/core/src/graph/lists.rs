//! Lists of links, in one description for both directions.

use super::links::{class, Links};
use super::mixing::Mixture;
use super::sources::Sources;
use crate::coder::binary::{Side, PROB_ONE};
use crate::coder::counts::Numbers;
use crate::{interrupt, Error, Result};

const WHAT: &str = "graph";
/// Nodes for each number that is coded, and in all.
const NODES_EACH: usize = 1 << 9;
const MAX_NODES: usize = 1 << 20;
/// Decisions for each number that is coded, and in all. Each takes some ten-thousandths of a millisecond: whoever claims many
/// must claim many numbers.
const WORK_EACH: u64 = 1 << 9;
const MAX_WORK: u64 = 1 << 27;
/// Cells of pairs of targets.
const PAIR_BITS: u32 = 22;
/// Classes of how many nodes there are for each link that is still to come.
const DENSITIES: usize = 24;
/// Classes of [`class`], of weighted sums, and of distances.
const CLASSES: usize = 16;
const FINE: usize = 41;
const DISTANCES: usize = 24;

/// Memory of cells that all graphs have, and of what is known of each node.
const CELLS_BYTES: usize = 4 * (1 << PAIR_BITS) + (4 << 20);
const NODE_BYTES: usize = 240;

const CONTEXTS: usize = 10;

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// Splits pairs into lists: of one source, with targets that ascend.
fn split(pairs: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = pairs;
    std::iter::from_fn(move || {
        if rest.len() < 2 {
            return None;
        }
        let mut end = 2;
        while end < rest.len() && rest[end] == rest[0] && rest[end + 1] > rest[end - 1] {
            end += 2;
        }
        let (list, after) = rest.split_at(end);
        rest = after;
        Some(list)
    })
}

/// Decisions that `count` numbers may take, for both directions.
fn most_work(count: usize) -> u64 {
    WORK_EACH.saturating_mul(count as u64).min(MAX_WORK)
}

/// Nodes that `count` numbers may have: memory is taken for each.
pub fn most_nodes(count: usize) -> usize {
    count.saturating_mul(NODES_EACH).min(MAX_NODES)
}

/// Bytes of memory for cells and nodes.
pub fn memory_bytes(count: usize) -> usize {
    CELLS_BYTES + most_nodes(count) * NODE_BYTES
}

/// Tells whether pairs are lists that can be coded here in bounded time.
pub fn suits(pairs: &[u32]) -> bool {
    let nodes = pairs.iter().max().map_or(0, |&most| most as usize + 1);
    if !pairs.len().is_multiple_of(2) || nodes > most_nodes(pairs.len()) {
        return false;
    }
    let upper = is_upper(pairs);
    let (mut work, most) = (0, most_work(pairs.len()));
    for list in split(pairs) {
        let first = if upper { list[0] + 1 } else { 0 };
        // The last target is the last that is decided.
        work += u64::from(list[list.len() - 1] - first) + 1;
        if work > most {
            return false;
        }
    }
    true
}

/// Whether each target is beyond its source, as where links have no direction.
fn is_upper(pairs: &[u32]) -> bool {
    pairs.chunks_exact(2).all(|pair| pair[0] < pair[1])
}

/// Codes lists.
pub struct Lists {
    nodes: usize,
    is_upper: bool,
}

/// What was decided in a list.
#[derive(Default)]
struct Course {
    /// Decisions before, the last one lowest.
    bits: usize,
    /// Decisions since the last link.
    since: usize,
    /// The last target, plus one.
    last: usize,
}

impl Lists {
    /// Describes pairs that [`suits`] takes.
    pub fn new(pairs: &[u32]) -> Self {
        Self {
            nodes: pairs.iter().max().map_or(0, |&most| most as usize) + 1,
            is_upper: is_upper(pairs),
        }
    }

    /// Begins with what a payload is yet to tell.
    pub fn claimed() -> Self {
        Self {
            nodes: 1,
            is_upper: false,
        }
    }

    /// Codes pairs, which are `count` numbers, and returns what was decoded; encoding returns them, too.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Corrupt`], [`Error::Interrupted`].
    pub fn code(&mut self, pairs: &[u32], count: usize, side: &mut impl Side) -> Result<Vec<u32>> {
        let mut lengths = Numbers::new(2 * CLASSES);
        // Below 2^20.
        let most = u32::try_from(self.nodes - 1).unwrap_or(u32::MAX);
        self.nodes = lengths.code(0, most, side) as usize + 1;
        self.is_upper = side.code(self.is_upper.into(), PROB_ONE / 2) == 1;
        if self.nodes > most_nodes(count) {
            return Err(corrupt("nodes of a graph"));
        }
        let mut mixture = self.mixture();
        let mut links = Links::new(self.nodes, count);
        let mut sources = Sources::new(self.nodes);
        let mut out = Vec::new();
        let (mut lists, mut work, most_work) = (split(pairs), 0_u64, most_work(count));
        let mut targets = Vec::new();
        while out.len() < count {
            side.goes_on(WHAT)?;
            let list = lists.next().unwrap_or_default();
            let source = list.first().copied().unwrap_or_default();
            let source = sources
                .code(source as usize, side)
                .ok_or_else(|| corrupt("source of a link"))?;
            let wanted = u32::try_from(list.len() / 2)
                .unwrap_or(u32::MAX)
                .saturating_sub(1);
            let many = lengths.code(1 + links.incoming(source), wanted, side) as usize + 1;
            let first = if self.is_upper { source + 1 } else { 0 };
            let room = self.nodes.saturating_sub(first);
            if many > room || many > (count - out.len()) / 2 {
                return Err(corrupt("length of a list"));
            }
            links.begin(source);
            targets.clear();
            let mut course = Course::default();
            let mut node = first;
            while targets.len() < many {
                interrupt::check(usize::try_from(work).unwrap_or(0))?;
                work += 1;
                if work > most_work {
                    return Err(corrupt("graph of too many decisions"));
                }
                if node.is_multiple_of(64) {
                    side.goes_on(WHAT)?;
                }
                let left = (many - targets.len(), self.nodes - node);
                let wanted = list
                    .get(2 * targets.len() + 1)
                    .is_some_and(|&t| t as usize == node);
                let bit = if left.0 == left.1 {
                    // All that are left are in the list.
                    1
                } else {
                    let (at, set) = places(&links, source, node, many, left, &course);
                    mixture.code(at, set, wanted.into(), side)
                };
                course.bits = course.bits << 1 & 3 | usize::from(bit != 0);
                course.since += 1;
                if bit != 0 {
                    links.found(node);
                    course.since = 0;
                    course.last = node + 1;
                    targets.push(u32::try_from(node).unwrap_or(u32::MAX));
                }
                node += 1;
            }
            let source = u32::try_from(source).unwrap_or(u32::MAX);
            links.end(source, &targets);
            out.extend(targets.iter().flat_map(|&target| [source, target]));
        }
        Ok(out)
    }

    fn mixture(&self) -> Mixture<CONTEXTS> {
        let sizes = [
            DENSITIES * CLASSES,
            FINE * CLASSES,
            CLASSES,
            CLASSES * CLASSES * CLASSES,
            32 * CLASSES,
            DISTANCES * CLASSES * CLASSES,
            CLASSES * FINE * DENSITIES,
            self.nodes * 4,
            8 * FINE * CLASSES,
            1 << PAIR_BITS,
        ];
        Mixture::new(sizes, CLASSES * DENSITIES)
    }
}

/// Places of the cells of a decision, and of its weights.
#[inline]
fn places(
    links: &Links,
    source: usize,
    node: usize,
    many: usize,
    (wanted, left): (usize, usize),
    course: &Course,
) -> ([usize; CONTEXTS], usize) {
    let known = links.evidence(node);
    let size = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    // Two classes for each power of two of the nodes for a link.
    let density = left.saturating_mul(8) / wanted;
    let bits = density.ilog2() as usize;
    let density = (2 * (bits - 3) + (density >> (bits - 1) & 1)).min(DENSITIES - 1);
    let apart = size(node.abs_diff(source));
    let distance = (apart.checked_ilog2().map_or(0, |bits| bits as usize + 1)).min(DISTANCES - 1);
    let next = links.was_before(node + 1);
    let length = class(size(many));
    let pair = size(course.last)
        .wrapping_mul(7919)
        .wrapping_add(size(node))
        .wrapping_mul(0x9E37_79B1)
        >> (32 - PAIR_BITS);
    let at = [
        density * CLASSES + known.shared,
        known.weighted * CLASSES + length,
        known.shared,
        (known.incoming * CLASSES + known.shared) * CLASSES + length,
        (course.bits * 4 + known.before * 2 + next) * 2 * CLASSES
            + known.linked * CLASSES
            + known.shared,
        (distance * CLASSES + known.shared) * CLASSES + course.since.min(15),
        (known.further * FINE + known.weighted) * DENSITIES + density,
        node * 4 + known.shared.min(3),
        ((known.before * 2 + next) * 2 + (course.bits & 1)) * FINE * CLASSES
            + known.weighted * CLASSES
            + known.incoming,
        pair as usize,
    ];
    (at, known.shared * DENSITIES + density)
}
