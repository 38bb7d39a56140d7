//! Graphs as blocks between super-nodes, in one description for both directions.
//!
//! Nodes of many links in common have a super-node, and so have these. A block links, or parts, all pairs of what is below
//! two items; what remains are blocks of pairs of nodes. This is the hierarchical summarization of K. Lee, J. Ko, K. Shin,
//! SLUGGER (ICDE 2022). Their edges have signs; here a block switches its pairs, so that the sign is what they are not yet.

mod fitting;
mod forest;
mod gaps;
mod search;
mod spans;
#[cfg(test)]
mod tests;
mod tree;

use super::lists::most_nodes;
use super::sources::Sources;
use crate::coder::binary::{Side, PROB_ONE};
use crate::coder::counts::Numbers;
use crate::{interrupt, Error, Result};
use spans::Walk;
use tree::{narrow, Tree, NONE};

const WHAT: &str = "graph";
/// Ends of blocks that are looked at, for each number.
const WORK_EACH: u64 = 1 << 5;
/// Contexts of numbers: nodes, super-nodes.
const NODES: usize = 0;
const SUPERS: usize = 1;
/// Super-nodes are taken away until all pay, so many times at most.
const ROUNDS: usize = 4;

/// How links and pairs without order belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Each target is beyond its source,
    Up,
    /// or before it.
    Down,
    /// Each link has its reverse.
    Both,
    /// Sources and targets are two kinds of nodes.
    None,
}

const DIRECTIONS: [Direction; 4] = [
    Direction::Up,
    Direction::Down,
    Direction::Both,
    Direction::None,
];

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// Links as pairs of nodes, and the super-nodes that were found.
pub struct Summary {
    nodes: usize,
    direction: usize,
    /// Sources in the order of their lists, if they do not ascend.
    sources: Option<Vec<u32>>,
    parents: Vec<u32>,
    /// Pairs of places.
    blocks: Vec<(u32, u32)>,
}

impl Summary {
    /// Finds super-nodes; None where links are not one list of each source, or of too many nodes.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn of(pairs: &[u32]) -> Result<Option<Self>> {
        let Some(sources) = sources(pairs) else {
            return Ok(None);
        };
        let nodes = pairs.iter().max().map_or(0, |&most| most as usize + 1);
        let direction = direction(pairs);
        let links = links(pairs, nodes, direction);
        let items = items(nodes, direction);
        let mut parents = search::parents(items, &links)?;
        let mut blocks = Vec::new();
        for round in 0..ROUNDS {
            interrupt::check(0)?;
            parents = forest::in_order(&parents, items);
            let Some(tree) = Tree::new(&parents, items) else {
                return Ok(None);
            };
            let mut place = vec![0; items];
            for (at, &node) in tree.node.iter().enumerate() {
                if node != NONE {
                    place[node as usize] = narrow(at);
                }
            }
            let mut links: Vec<(u32, u32)> = links
                .iter()
                .map(|&(a, b)| {
                    let (a, b) = (place[a as usize], place[b as usize]);
                    (a.min(b), a.max(b))
                })
                .collect();
            blocks = fitting::blocks(&tree, &mut links);
            // Blocks are those of the forest that is kept.
            match fitting::without_idle(&tree, &blocks) {
                Some(fewer) if round + 1 < ROUNDS => parents = fewer,
                _ => break,
            }
        }
        Ok(Some(Self {
            nodes,
            direction: DIRECTIONS
                .iter()
                .position(|&one| one == direction)
                .unwrap_or(0),
            sources: (!sources.is_sorted()).then_some(sources),
            parents,
            blocks,
        }))
    }

    /// Whether blocks, and the parents that are told for them, are three quarters of the links or less.
    pub fn pays(&self, links: usize) -> bool {
        let direction = DIRECTIONS[self.direction];
        let links = if direction == Direction::Both {
            links / 2
        } else {
            links
        };
        let told = self.parents.iter().filter(|&&parent| parent != NONE);
        4 * (self.blocks.len() + told.count()) <= 3 * links
    }

    /// Begins with what a payload is yet to tell.
    pub fn claimed() -> Self {
        Self {
            nodes: 1,
            direction: 0,
            sources: None,
            parents: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Codes links, which are `count` numbers, and returns them.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Corrupt`], [`Error::Interrupted`].
    pub fn code(&self, count: usize, side: &mut impl Side) -> Result<Vec<u32>> {
        let mut numbers = Numbers::new(2);
        let nodes = numbers.code(NODES, narrow(self.nodes - 1), side) as usize + 1;
        if nodes > most_nodes(count) {
            return Err(corrupt("nodes of a graph"));
        }
        let high = side.code(narrow(self.direction >> 1), PROB_ONE / 2);
        let low = side.code(narrow(self.direction & 1), PROB_ONE / 2);
        let direction = DIRECTIONS[(2 * high + low) as usize];
        let items = items(nodes, direction);
        let supers = self.parents.len().saturating_sub(items);
        let supers = numbers.code(SUPERS, narrow(supers), side) as usize;
        // Each has two children or more.
        if supers >= items {
            return Err(corrupt("super-nodes of a graph"));
        }
        let parents = forest::code(&self.parents, items, supers, side)?;
        let tree = Tree::new(&parents, items).ok_or_else(|| corrupt("parents of a graph"))?;
        drop(parents);
        let from = (direction == Direction::None).then_some(nodes);
        let most = WORK_EACH.saturating_mul(count as u64);
        let mut walk = Walk::new(&tree, from, count / 2, most);
        walk.code(&self.blocks, side)?;
        let lists = lists(&walk.links, nodes, count / 2, direction)?;
        self.ordered(&lists, count, side)
    }

    /// Puts lists into their order.
    fn ordered(&self, lists: &Lists, count: usize, side: &mut impl Side) -> Result<Vec<u32>> {
        let in_order = side.code(self.sources.is_none().into(), PROB_ONE / 2) == 1;
        let mut out = Vec::with_capacity(count);
        if in_order {
            for source in 0..lists.starts.len() - 1 {
                out.extend(lists.of(source).flat_map(|t| [narrow(source), t]));
            }
            return Ok(out);
        }
        let mut order = Sources::new(lists.starts.len() - 1);
        let mut came = vec![false; lists.starts.len() - 1];
        let mut wanted = self.sources.iter().flatten();
        while out.len() < count {
            side.goes_on(WHAT)?;
            let source = wanted.next().copied().unwrap_or(0) as usize;
            let source = order
                .code(source, side)
                .filter(|&source| !std::mem::replace(&mut came[source], true))
                .ok_or_else(|| corrupt("source of a link"))?;
            let list = lists.of(source);
            if list.len() == 0 {
                return Err(corrupt("source of a link"));
            }
            out.extend(list.flat_map(|t| [narrow(source), t]));
        }
        Ok(out)
    }
}

/// Targets of each source, ascending.
struct Lists {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Lists {
    fn of(&self, source: usize) -> std::iter::Copied<std::slice::Iter<'_, u32>> {
        let (from, to) = (self.starts[source], self.starts[source + 1]);
        self.targets[from as usize..to as usize].iter().copied()
    }
}

/// Items of the forest that are nodes: both kinds of them.
fn items(nodes: usize, direction: Direction) -> usize {
    if direction == Direction::None {
        2 * nodes
    } else {
        nodes
    }
}

/// Sources in their order; None where one has several lists, or targets that do not ascend, or there are too many nodes.
fn sources(pairs: &[u32]) -> Option<Vec<u32>> {
    let nodes = pairs.iter().max().map_or(0, |&most| most as usize + 1);
    if pairs.is_empty() || nodes > most_nodes(pairs.len()) || !pairs.len().is_multiple_of(2) {
        return None;
    }
    let mut came = vec![false; nodes];
    let mut sources = Vec::new();
    let mut last = [NONE, 0];
    for pair in pairs.chunks_exact(2) {
        if pair[0] != last[0] {
            if std::mem::replace(&mut came[pair[0] as usize], true) {
                return None;
            }
            sources.push(pair[0]);
        } else if pair[1] <= last[1] {
            return None;
        }
        last = [pair[0], pair[1]];
    }
    Some(sources)
}

fn direction(pairs: &[u32]) -> Direction {
    let all = |test: fn(&[u32]) -> bool| pairs.chunks_exact(2).all(test);
    if all(|pair| pair[0] < pair[1]) {
        return Direction::Up;
    }
    if all(|pair| pair[0] > pair[1]) {
        return Direction::Down;
    }
    let sorted = |from: usize| {
        let ends = pairs.chunks_exact(2);
        let mut ends: Vec<_> = ends.map(|pair| (pair[from], pair[1 - from])).collect();
        ends.sort_unstable();
        ends
    };
    if all(|pair| pair[0] != pair[1]) && sorted(0) == sorted(1) {
        Direction::Both
    } else {
        Direction::None
    }
}

/// Links as pairs of items, the smaller first, each once.
fn links(pairs: &[u32], nodes: usize, direction: Direction) -> Vec<(u32, u32)> {
    let pairs = pairs.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    match direction {
        Direction::Up => pairs.collect(),
        Direction::Down => pairs.map(|(a, b)| (b, a)).collect(),
        Direction::Both => pairs.filter(|(a, b)| a < b).collect(),
        Direction::None => pairs.map(|(a, b)| (a, b + narrow(nodes))).collect(),
    }
}

/// Lists of links, from pairs of items.
fn lists(links: &[(u32, u32)], nodes: usize, many: usize, direction: Direction) -> Result<Lists> {
    let each = |take: &mut dyn FnMut(u32, u32)| {
        for &(a, b) in links {
            let (low, high) = (a.min(b), a.max(b));
            match direction {
                Direction::Up => take(low, high),
                Direction::Down => take(high, low),
                Direction::Both => {
                    take(low, high);
                    take(high, low);
                }
                Direction::None => take(low, high.wrapping_sub(narrow(nodes))),
            }
        }
    };
    let is_valid = |a: u32, b: u32| (a as usize) < nodes && (b as usize) < nodes;
    let mut starts = vec![0_u32; nodes + 1];
    let (mut all, mut valid) = (0, true);
    each(&mut |a, b| {
        all += 1;
        valid &= is_valid(a, b);
        if valid {
            starts[a as usize + 1] += 1;
        }
    });
    if !valid || all != many {
        return Err(corrupt("links of a graph"));
    }
    for i in 0..nodes {
        starts[i + 1] += starts[i];
    }
    let mut targets = vec![0_u32; many];
    let mut filled = starts.clone();
    each(&mut |a, b| {
        let slot = &mut filled[a as usize];
        targets[*slot as usize] = b;
        *slot += 1;
    });
    for source in 0..nodes {
        targets[starts[source] as usize..starts[source + 1] as usize].sort_unstable();
    }
    Ok(Lists { starts, targets })
}
