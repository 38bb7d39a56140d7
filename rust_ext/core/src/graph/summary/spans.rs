//! Blocks of each item in turn, in one description for both directions, and the links that come of them.
//!
//! Of each item, those behind it that are linked to it as far as is known are spans of places, which its own blocks then
//! switch. They tell, at a node, which links it has; so nothing is kept of pairs that are switched several times.

use super::gaps::{length, Count, Gaps, Next};
use super::tree::{narrow, Tree};
use super::WHAT;
use crate::coder::binary::Side;
use crate::coder::counts::Cells;
use crate::{interrupt, Error, Result};

/// Nodes below a super-node, by the number of bits.
const SIZES: usize = 24;
/// Ends of spans that are kept for the items above, for each link.
pub const KEPT_EACH: usize = 8;

/// A walk along the items of a forest.
pub struct Walk<'a> {
    tree: &'a Tree,
    /// The place from which on targets are, where they are another kind of nodes.
    targets_from: Option<u32>,
    /// Pairs of nodes that were found to be linked.
    pub links: Vec<(u32, u32)>,
    most_links: usize,
    /// Ends of spans that may still be looked at, and those that are kept.
    work: u64,
    kept: usize,
    gaps: Gaps,
    own: Cells,
    /// Numbers in the last lists, by kind.
    last: [u32; 4],
    own_last: usize,
}

/// A super-node that is being walked along.
struct Above {
    end: u32,
    /// Where what is linked to it begins and ends, in turn.
    ends: Vec<u32>,
    counts: [u32; 2],
}

/// Spans of places, with their lengths.
type Spans = Vec<(u32, u32)>;

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

impl<'a> Walk<'a> {
    /// Begins. From `first_target` on nodes are targets, those before it are sources; there are `most_links` at most.
    pub fn new(
        tree: &'a Tree,
        first_target: Option<usize>,
        most_links: usize,
        most_work: u64,
    ) -> Self {
        let targets_from = first_target.map(|first| {
            let mut place = tree.node.iter().position(|&node| node as usize == first);
            while let Some(above) = place.and_then(|at| tree.above(at)) {
                place = Some(above);
            }
            narrow(place.unwrap_or(tree.len()))
        });
        Self {
            tree,
            targets_from,
            links: Vec::new(),
            most_links,
            work: most_work,
            kept: 0,
            gaps: Gaps::new(),
            own: Cells::new(4 * SIZES, 2, 2),
            last: [0; 4],
            own_last: 0,
        }
    }

    /// Codes blocks, pairs of places that are sorted, and finds links.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Corrupt`], [`Error::Interrupted`].
    pub fn code(&mut self, blocks: &[(u32, u32)], side: &mut impl Side) -> Result<()> {
        let tree = self.tree;
        let mut blocks = blocks;
        let mut open: Vec<Above> = Vec::new();
        // Of what has no parent.
        let top = Above {
            end: narrow(tree.len()),
            ends: Vec::new(),
            counts: [0; 2],
        };
        for item in 0..tree.len() {
            interrupt::check(item)?;
            if item.is_multiple_of(64) {
                side.goes_on(WHAT)?;
            }
            let place = narrow(item);
            if self.targets_from.is_some_and(|from| place >= from) {
                break;
            }
            while open.last().is_some_and(|above| above.end <= place) {
                self.kept -= open.pop().map_or(0, |above| above.ends.len());
            }
            let above = open.last().unwrap_or(&top);
            let mut ends = from_on(&above.ends, place);
            self.pay(ends.len())?;
            let (own, rest) = blocks.split_at(blocks.partition_point(|block| block.0 == place));
            blocks = rest;
            let mut switched = Vec::new();
            let is_super = tree.is_super(item);
            let mut wanted = own;
            if is_super && self.targets_from.is_none() {
                let (itself, others) = own.split_at(own.partition_point(|block| block.1 == place));
                wanted = others;
                let size = tree.weight(item).ilog2() as usize;
                let was_on = usize::from(ends.first() == Some(&place));
                let context = (2 * was_on + self.own_last) * SIZES + size.min(SIZES - 1);
                let bit = self.own.code(context, u32::from(!itself.is_empty()), side);
                self.own_last = bit as usize;
                if bit == 1 {
                    switched.extend([place, tree.end[item]]);
                }
            }
            let from = tree.end[item].max(self.targets_from.unwrap_or(0));
            let spans = inside(&from_on(&ends, from));
            let around = outside(&spans, from, narrow(tree.len()));
            let mut counts = [0; 2];
            for (linked, spans) in [(0, &around), (1, &spans)] {
                let kind = 2 * usize::from(is_super) + linked;
                let known = (above.counts[linked], counts[0]);
                let found = self.list(kind, spans, known, wanted, side)?;
                counts[linked] = narrow(found.len());
                for other in found {
                    self.pay(1)?;
                    switched.extend([other, tree.end[other as usize]]);
                }
            }
            switch(&mut ends, switched);
            if is_super {
                self.kept += ends.len();
                if self.kept > KEPT_EACH * self.most_links {
                    return Err(corrupt("graph of too many blocks"));
                }
                open.push(Above {
                    end: tree.end[item],
                    ends,
                    counts,
                });
            } else {
                self.take(tree.node[item], &from_on(&ends, from))?;
            }
        }
        Ok(())
    }

    /// Takes the links of a node to what is within spans.
    fn take(&mut self, node: u32, ends: &[u32]) -> Result<()> {
        let tree = self.tree;
        for (begin, many) in inside(ends) {
            let (first, last) = (
                tree.before[begin as usize] as usize,
                tree.before[(begin + many) as usize] as usize,
            );
            if last - first > self.most_links - self.links.len() {
                return Err(corrupt("links of a graph"));
            }
            let others = &tree.nodes[first..last];
            self.links.extend(others.iter().map(|&other| (node, other)));
        }
        Ok(())
    }

    fn pay(&mut self, steps: usize) -> Result<()> {
        let left = self.work.checked_sub(steps as u64);
        self.work = left.ok_or_else(|| corrupt("graph of too many blocks"))?;
        Ok(())
    }

    /// Codes which places of some spans have blocks with an item.
    fn list(
        &mut self,
        kind: usize,
        spans: &Spans,
        (above, other): (u32, u32),
        wanted: &[(u32, u32)],
        side: &mut impl Side,
    ) -> Result<Vec<u32>> {
        let room: u32 = spans.iter().map(|span| span.1).sum();
        if room == 0 {
            return Ok(Vec::new());
        }
        let wanted = ranks(spans, wanted);
        let known = Count {
            kind,
            room,
            last: self.last[kind],
            above,
            other,
        };
        let many = self.gaps.count(known, narrow(wanted.len()), side);
        self.last[kind] = many;
        if many > room {
            return Err(corrupt("blocks of a graph"));
        }
        let mut found = Vec::new();
        let (mut at, mut last) = (0, 0);
        let mut span = spans.iter();
        let mut current = span.next();
        let mut behind = 0;
        for number in 0..many {
            if number.is_multiple_of(64) {
                side.goes_on(WHAT)?;
            }
            let (room, left) = (room - at, many - number);
            let gap = if room == left {
                0
            } else {
                let wanted = wanted.get(number as usize).map_or(0, |rank| rank - at);
                let known = Next {
                    kind,
                    room,
                    left,
                    last,
                    many,
                    is_first: number == 0,
                };
                self.gaps.next(known, wanted, side)
            };
            if gap > room - left {
                return Err(corrupt("blocks of a graph"));
            }
            last = length(gap);
            let rank = at + gap;
            while let Some(&(_, many)) = current {
                if rank < behind + many {
                    break;
                }
                behind += many;
                current = span.next();
            }
            if let Some(&(begin, _)) = current {
                found.push(begin + rank - behind);
            }
            at = rank + 1;
        }
        Ok(found)
    }
}

/// The part of spans that lies at a place and behind it; `ends` has where they begin and end.
fn from_on(ends: &[u32], place: u32) -> Vec<u32> {
    let before = ends.partition_point(|&end| end <= place);
    let mut left = Vec::with_capacity(ends.len() - before + 1);
    if before % 2 == 1 {
        left.push(place);
    }
    left.extend(&ends[before..]);
    left
}

fn inside(ends: &[u32]) -> Spans {
    let spans = ends.chunks_exact(2);
    spans.map(|span| (span[0], span[1] - span[0])).collect()
}

fn outside(spans: &Spans, from: u32, to: u32) -> Spans {
    let mut at = from;
    let mut around = Vec::with_capacity(spans.len() + 1);
    for &(begin, many) in spans {
        if begin > at {
            around.push((at, begin - at));
        }
        at = begin + many;
    }
    if to > at {
        around.push((at, to - at));
    }
    around
}

/// How many places of spans come before each of those that are wanted and lie in them.
fn ranks(spans: &Spans, wanted: &[(u32, u32)]) -> Vec<u32> {
    let mut wanted = wanted.iter().map(|block| block.1).peekable();
    let mut found = Vec::new();
    let mut behind = 0;
    for &(begin, many) in spans {
        while let Some(place) = wanted.next_if(|&place| place < begin + many) {
            if place >= begin {
                found.push(behind + place - begin);
            }
        }
        behind += many;
    }
    found
}

/// Switches spans: where two of them begin or end at one place, neither does.
fn switch(ends: &mut Vec<u32>, other: Vec<u32>) {
    if other.is_empty() {
        return;
    }
    ends.extend(other);
    ends.sort_unstable();
    let mut left = 0;
    let mut at = 0;
    while at < ends.len() {
        if ends.get(at + 1) == Some(&ends[at]) {
            at += 2;
        } else {
            ends[left] = ends[at];
            left += 1;
            at += 1;
        }
    }
    ends.truncate(left);
}
