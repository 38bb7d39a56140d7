//! Finds super-nodes: those of many links in common are joined, from the most alike on.
//!
//! Of two items that have no parent, a block between them is *wanted* if more of what is below wants it than not. Where both
//! want a block with a third item, one with their super-node takes its place.

use super::tree::{narrow, NONE};
use crate::{interrupt, Result};

/// Rounds; the share of links that must be saved falls from one to the next.
const ROUNDS: u32 = 16;
/// Items that are compared with each other.
const GROUP: usize = 64;
/// Steps for each link: far more than graphs of alike neighbours need.
const STEPS_EACH: u64 = 1 << 10;
/// What it takes to look at a pair of items, in steps along their links.
const STEPS_MORE: u64 = 16;
/// Children that are against a block, beyond those for it: more are not counted.
const AGAINST: i32 = -4;
/// Levels of super-nodes.
const MOST_LEVELS: u8 = 40;

/// An item without a parent.
#[derive(Debug, Default)]
struct Root {
    /// Other such items, ascending, and how much more of what is below both wants a block than not.
    near: Vec<(u32, i32)>,
    /// The same for a block with itself.
    own: i32,
    /// How many of `near` are wanted.
    wanted: u32,
    level: u8,
}

struct Search {
    nodes: usize,
    roots: Vec<Root>,
    /// Of each super-node.
    children: Vec<Vec<u32>>,
    steps: u64,
    state: u32,
}

/// Returns the parent of each item, nodes first, or [`NONE`].
///
/// `links` are pairs of nodes, the smaller first, each once.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn parents(nodes: usize, links: &[(u32, u32)]) -> Result<Vec<u32>> {
    let mut search = Search::new(nodes, links);
    for round in 1..=ROUNDS {
        let (share, least) = if round == ROUNDS {
            (0, 1)
        } else {
            (1, 1 + round)
        };
        for (number, group) in search.groups().into_iter().enumerate() {
            interrupt::check(number)?;
            search.join_alike(group, (i64::from(share), i64::from(least)));
        }
    }
    let mut parents = vec![NONE; search.roots.len()];
    for (number, children) in search.children.iter().enumerate() {
        for &child in children {
            parents[child as usize] = narrow(nodes + number);
        }
    }
    Ok(parents)
}

impl Search {
    fn new(nodes: usize, links: &[(u32, u32)]) -> Self {
        let mut roots: Vec<Root> = std::iter::repeat_with(Root::default).take(nodes).collect();
        for &(a, b) in links {
            roots[a as usize].near.push((b, 1));
            roots[b as usize].near.push((a, 1));
        }
        for root in &mut roots {
            root.near.sort_unstable();
            root.wanted = narrow(root.near.len());
        }
        Self {
            nodes,
            roots,
            children: Vec::new(),
            steps: STEPS_EACH * (links.len() as u64 + 64),
            state: 1,
        }
    }

    fn draw(&mut self) -> u32 {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.state >> 8
    }

    fn is_node(&self, item: u32) -> bool {
        (item as usize) < self.nodes
    }

    /// Groups of items of which some are likely to be alike: those of the same least hashes of what they are linked to.
    fn groups(&mut self) -> Vec<Vec<u32>> {
        let seeds = [self.draw(), self.draw(), self.draw()];
        let mut keyed = Vec::new();
        for (item, root) in self.roots.iter().enumerate() {
            if root.wanted == 0 {
                continue;
            }
            let item = narrow(item);
            let mut least = seeds.map(|seed| hash(item, seed));
            for &(near, votes) in &root.near {
                if votes >= 0 {
                    for (least, seed) in least.iter_mut().zip(seeds) {
                        *least = (*least).min(hash(near, seed));
                    }
                }
            }
            keyed.push((least, item));
        }
        keyed.sort_unstable();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut last = None;
        for (least, item) in keyed {
            match groups.last_mut() {
                Some(group) if last == Some(least[0]) && group.len() < GROUP => group.push(item),
                _ => groups.push(vec![item]),
            }
            last = Some(least[0]);
        }
        groups.retain(|group| group.len() > 1);
        groups
    }

    /// Joins items of a group as long as a share of their blocks is saved.
    fn join_alike(&mut self, mut group: Vec<u32>, (share, least): (i64, i64)) {
        while group.len() > 1 && self.steps > 0 {
            let place = self.draw() as usize % group.len();
            let item = group.swap_remove(place);
            let mut best: Option<(i64, i64, usize)> = None;
            for (place, &other) in group.iter().enumerate() {
                let saved = self.saved(item, other, share == 0);
                let of = 2 * (self.weight(item) + self.weight(other));
                if saved > 0
                    && saved * least >= share * of
                    && best.is_none_or(|(most, all, _)| saved * all > most * of)
                {
                    best = Some((saved, of, place));
                }
            }
            if let Some((_, _, place)) = best {
                let other = group[place];
                if let Some(joined) = self.join(item, other) {
                    group[place] = joined;
                }
            }
        }
    }

    /// Blocks of an item.
    fn weight(&self, item: u32) -> i64 {
        let root = &self.roots[item as usize];
        i64::from(root.wanted) + i64::from(root.own > 0)
    }

    fn pay(&mut self, steps: usize) {
        self.steps = self.steps.saturating_sub(steps as u64 + STEPS_MORE);
    }

    /// Blocks that are wanted by both of two items.
    fn common(&mut self, a: u32, b: u32) -> i64 {
        let (near_a, near_b) = (&self.roots[a as usize].near, &self.roots[b as usize].near);
        let (few, many) = if near_a.len() < near_b.len() {
            (near_a, near_b)
        } else {
            (near_b, near_a)
        };
        let mut common = 0;
        let steps;
        if few.len() * 8 < many.len() {
            steps = few.len() * many.len().ilog2() as usize;
            for &(item, votes) in few {
                if votes > 0 {
                    let place = many.binary_search_by_key(&item, |one| one.0);
                    common += i64::from(place.is_ok_and(|place| many[place].1 > 0));
                }
            }
        } else {
            steps = few.len() + many.len();
            let mut rest = many.iter();
            let mut other = rest.next();
            for &(item, votes) in few {
                while other.is_some_and(|one| one.0 < item) {
                    other = rest.next();
                }
                let Some(one) = other else { break };
                common += i64::from(one.0 == item && votes > 0 && one.1 > 0);
            }
        }
        self.pay(steps);
        common
    }

    /// Votes for a block between two items.
    fn votes(&self, a: u32, b: u32) -> Option<i32> {
        let near = &self.roots[a as usize].near;
        let place = near.binary_search_by_key(&b, |one| one.0).ok()?;
        Some(near[place].1)
    }

    /// How many blocks fewer there are when two items are joined, with what it costs to tell parents.
    fn saved(&mut self, a: u32, b: u32, is_last: bool) -> i64 {
        let common = self.common(a, b);
        let between = self.votes(a, b).unwrap_or(-1).clamp(-1, 1);
        let own = |item: u32| self.roots[item as usize].own.clamp(-1, 1);
        let within = i64::from((own(a) + own(b) + between - 1).max(0));
        let told = if self.is_node(a) && self.is_node(b) {
            4
        } else {
            2
        };
        // What remains of a group in which all are linked.
        let joins = i64::from(is_last && within > 0);
        2 * (common + within) - told + joins
    }

    /// Joins two items and returns their super-node; None where there are too many levels.
    fn join(&mut self, a: u32, b: u32) -> Option<u32> {
        // Whatever is the larger one takes the other, if most of its blocks stay wanted.
        let (a, b) = if self.size(a) >= self.size(b) {
            (a, b)
        } else {
            (b, a)
        };
        let mut common = self.common(a, b);
        let own = |item: u32| i64::from(self.roots[item as usize].own > 0);
        if self.votes(a, b).is_some_and(|votes| votes > 0) {
            common += 1 + (own(a) + own(b)).min(1);
        }
        let stays = |item: u32| 5 * common >= 3 * self.weight(item);
        let (is_a, is_b) = (!self.is_node(a), !self.is_node(b));
        let level = self.roots[a as usize]
            .level
            .max(self.roots[b as usize].level);
        let takes = is_a && stays(a);
        let merges = takes && is_b && stays(b);
        if level >= MOST_LEVELS {
            return None;
        }
        let (size_a, size_b) = if merges {
            (self.size(a), self.size(b))
        } else if takes {
            (self.size(a), 1)
        } else {
            (1, 1)
        };
        let one = |votes: i32, whole: bool| if whole { votes } else { votes.clamp(-1, 1) };
        let root_a = std::mem::take(&mut self.roots[a as usize]);
        let root_b = std::mem::take(&mut self.roots[b as usize]);
        let between = root_a
            .near
            .binary_search_by_key(&b, |near| near.0)
            .map_or(-1, |place| root_a.near[place].1.clamp(-1, 1));
        let joined = if takes {
            a
        } else {
            let new = narrow(self.roots.len());
            self.roots.push(Root::default());
            self.children.push(vec![a, b]);
            new
        };
        let number = joined as usize - self.nodes;
        if merges {
            let moved = std::mem::take(&mut self.children[b as usize - self.nodes]);
            self.children[number].extend(moved);
        } else if takes {
            self.children[number].push(b);
        }
        let cross = i64::from(between) * i64::from(size_a) * i64::from(size_b);
        let own = i64::from(one(root_a.own, takes)) + i64::from(one(root_b.own, merges)) + cross;
        let own = i32::try_from(own.clamp(-1 << 30, 1 << 30)).unwrap_or(0);
        let mut near = Vec::with_capacity(root_a.near.len().max(root_b.near.len()));
        let (mut at_a, mut at_b) = (0, 0);
        loop {
            let key = |near: &[(u32, i32)], at: usize| near.get(at).map_or(NONE, |one| one.0);
            let (key_a, key_b) = (key(&root_a.near, at_a), key(&root_b.near, at_b));
            let item = key_a.min(key_b);
            if item == NONE {
                break;
            }
            let (mut votes_a, mut votes_b) = (-size_a, -size_b);
            let (has_a, has_b) = (key_a == item, key_b == item);
            if has_a {
                votes_a = one(root_a.near[at_a].1, takes);
                at_a += 1;
            }
            if has_b {
                votes_b = one(root_b.near[at_b].1, merges);
                at_b += 1;
            }
            if item == a || item == b {
                continue;
            }
            let votes = votes_a.saturating_add(votes_b);
            let kept = (votes >= AGAINST).then_some(votes);
            self.change(item, (a, has_a), (b, has_b), joined, kept);
            if let Some(votes) = kept {
                near.push((item, votes));
            }
        }
        self.pay(near.len());
        let wanted = near.iter().filter(|one| one.1 > 0).count();
        self.roots[joined as usize] = Root {
            near,
            own,
            wanted: narrow(wanted),
            level: if takes { level } else { level + 1 },
        };
        Some(joined)
    }

    /// Children of an item, 1 for a node.
    fn size(&self, item: u32) -> i32 {
        let number = (item as usize).checked_sub(self.nodes);
        number.map_or(1, |number| {
            i32::try_from(self.children[number].len()).unwrap_or(i32::MAX)
        })
    }

    /// Tells an item that two others were joined, and votes for a block with what they have become.
    fn change(
        &mut self,
        item: u32,
        (a, has_a): (u32, bool),
        (b, has_b): (u32, bool),
        joined: u32,
        votes: Option<i32>,
    ) {
        let root = &mut self.roots[item as usize];
        let mut steps = 0;
        let mut remove = |root: &mut Root, key: u32| {
            if let Ok(place) = root.near.binary_search_by_key(&key, |one| one.0) {
                steps += (root.near.len() - place) / 8;
                let (_, votes) = root.near.remove(place);
                root.wanted -= u32::from(votes > 0);
            }
        };
        if has_b {
            remove(root, b);
        }
        if has_a && (a != joined || votes.is_none()) {
            remove(root, a);
        }
        if let Some(votes) = votes {
            match root.near.binary_search_by_key(&joined, |one| one.0) {
                Ok(place) => {
                    root.wanted -= u32::from(root.near[place].1 > 0);
                    root.near[place].1 = votes;
                }
                Err(place) => {
                    steps += (root.near.len() - place) / 8;
                    root.near.insert(place, (joined, votes));
                }
            }
            root.wanted += u32::from(votes > 0);
        }
        self.pay(steps);
    }
}

/// A number that looks random.
fn hash(item: u32, seed: u32) -> u32 {
    let mixed = (item ^ seed).wrapping_mul(0x9E37_79B1);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA6B);
    mixed ^ mixed >> 13
}
