//! The fewest blocks that say which nodes are linked, given super-nodes.
//!
//! A block switches all pairs of what is below two items. Each pair of items is split at the item with more nodes, down to pairs
//! of nodes, so that above each pair of nodes there is one chain; along it, the fewest switches with and without one
//! above differ by one at most.

use super::tree::{narrow, Tree, NONE};

/// A pair of items with links between them.
struct Pair {
    x: u32,
    y: u32,
    /// What is below is shorter by so many blocks if it has been switched from above.
    gain: i64,
    /// The first pair below, and the next one of the pair above, in the order in which they were made.
    first: u32,
    next: u32,
}

const NO_PAIR: u32 = u32::MAX;

/// Finds blocks: pairs of places, the smaller first, sorted.
///
/// `links` are pairs of places, the smaller first.
pub fn blocks(tree: &Tree, links: &mut [(u32, u32)]) -> Vec<(u32, u32)> {
    let mut roots = vec![0_u32; tree.len()];
    let mut root = 0;
    for (place, slot) in roots.iter_mut().enumerate() {
        if place >= tree.end[root] as usize {
            root = place;
        }
        *slot = narrow(root);
    }
    let top = |&(x, y): &(u32, u32)| (roots[x as usize], roots[y as usize]);
    links.sort_unstable_by_key(|link| (top(link), *link));
    let mut fit = Fit::new(tree);
    let mut rest = links;
    while let Some(first) = rest.first() {
        let pair = top(first);
        let many = rest.partition_point(|link| top(link) == pair);
        let (links, after) = rest.split_at_mut(many);
        rest = after;
        fit.pairs.clear();
        let made = fit.visit(pair.0, pair.1, links);
        fit.trace(made);
    }
    let mut blocks = fit.blocks;
    blocks.sort_unstable();
    blocks
}

struct Fit<'a> {
    tree: &'a Tree,
    /// Of each place: children, and those of them that are super-nodes.
    children: Vec<(u32, u32)>,
    pairs: Vec<Pair>,
    blocks: Vec<(u32, u32)>,
}

impl<'a> Fit<'a> {
    fn new(tree: &'a Tree) -> Self {
        let mut children = vec![(0, 0); tree.len()];
        for place in 0..tree.len() {
            if let Some((all, supers)) = children.get_mut(tree.parent[place] as usize) {
                *all += 1;
                *supers += u32::from(tree.is_super(place));
            }
        }
        Self {
            tree,
            children,
            pairs: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// The child of an item at or above a place.
    fn child(&self, item: u32, mut place: u32) -> u32 {
        while self.tree.parent[place as usize] != item {
            place = self.tree.parent[place as usize];
        }
        place
    }

    /// Whether it is the first of two items that is split.
    fn splits_first(&self, x: u32, y: u32) -> bool {
        self.tree.weight(x as usize) >= self.tree.weight(y as usize)
    }

    /// Makes the pair of two items with the links between them, and those below. Depth is that of the forest, twice.
    fn visit(&mut self, x: u32, y: u32, links: &mut [(u32, u32)]) -> u32 {
        let (is_x, is_y) = (
            self.tree.is_super(x as usize),
            self.tree.is_super(y as usize),
        );
        let mut pair = Pair {
            x,
            y,
            gain: 1,
            first: NO_PAIR,
            next: NO_PAIR,
        };
        if is_x || is_y {
            let below = |link: &(u32, u32)| -> (u32, u32) {
                if x == y {
                    (self.child(x, link.0), self.child(x, link.1))
                } else if is_x && (!is_y || self.splits_first(x, y)) {
                    (self.child(x, link.0), y)
                } else {
                    (x, self.child(y, link.1))
                }
            };
            let mut keyed: Vec<((u32, u32), (u32, u32))> =
                links.iter().map(|link| (below(link), *link)).collect();
            keyed.sort_unstable();
            for (slot, (_, link)) in links.iter_mut().zip(&keyed) {
                *slot = *link;
            }
            let split = if x == y || is_x && (!is_y || self.splits_first(x, y)) {
                x
            } else {
                y
            };
            let (all, supers) = self.children[split as usize];
            let (all, supers) = (i64::from(all), i64::from(supers));
            // Where there is no link, switching costs one.
            pair.gain = if x == y {
                -(all * (all - 1) / 2) - supers
            } else {
                -all
            };
            let mut last = NO_PAIR;
            let mut begin = 0;
            while begin < keyed.len() {
                let key = keyed[begin].0;
                let end = begin + keyed[begin..].partition_point(|one| one.0 == key);
                let made = self.visit(key.0, key.1, &mut links[begin..end]);
                pair.gain += self.pairs[made as usize].gain.clamp(-1, 1) + 1;
                if last == NO_PAIR {
                    pair.first = made;
                } else {
                    self.pairs[last as usize].next = made;
                }
                last = made;
                begin = end;
            }
        }
        self.pairs.push(pair);
        narrow(self.pairs.len() - 1)
    }

    /// Takes the blocks of a pair that nothing above has switched.
    fn trace(&mut self, top: u32) {
        let mut open = vec![(top, false)];
        while let Some((at, was_on)) = open.pop() {
            let Pair {
                x, y, gain, first, ..
            } = self.pairs[at as usize];
            let is_leaf = first == NO_PAIR;
            // Where both ways are equally short, the block stands further below.
            let is_on = is_leaf || if was_on { gain > -2 } else { gain > 1 };
            if is_on != was_on {
                self.blocks.push((x, y));
            }
            if is_leaf {
                continue;
            }
            let mut present = Vec::new();
            let mut below = first;
            while below != NO_PAIR {
                open.push((below, is_on));
                let pair = &self.pairs[below as usize];
                present.push((pair.x, pair.y));
                below = pair.next;
            }
            if is_on {
                self.switch_off(x, y, &present);
            }
        }
    }

    /// Switches pairs below a pair that have no links, once more.
    fn switch_off(&mut self, x: u32, y: u32, present: &[(u32, u32)]) {
        let mut present = present.iter().peekable();
        let tree = self.tree;
        let mut take = |pair: (u32, u32)| {
            if present.peek() == Some(&&pair) {
                present.next();
            } else {
                self.blocks.push(pair);
            }
        };
        let is_super = |place: u32| tree.is_super(place as usize);
        if x == y {
            for a in tree.children(x as usize) {
                if is_super(a) {
                    take((a, a));
                }
                let from = tree.end[a as usize];
                let mut b = from;
                while b < tree.end[x as usize] {
                    take((a, b));
                    b = tree.end[b as usize];
                }
            }
        } else if is_super(x)
            && (!is_super(y) || tree.weight(x as usize) >= tree.weight(y as usize))
        {
            for a in tree.children(x as usize) {
                take((a, y));
            }
        } else {
            for b in tree.children(y as usize) {
                take((x, b));
            }
        }
    }
}

/// Parents of items without the super-nodes that save less than it costs to tell them, or None if all pay.
///
/// A block of a super-node of k children takes the place of k; each child is told its parent.
pub fn without_idle(tree: &Tree, blocks: &[(u32, u32)]) -> Option<Vec<u32>> {
    let mut many = vec![(0_i64, 0_i64); tree.len()];
    for &(x, y) in blocks {
        if x == y {
            many[x as usize].1 += 1;
        } else {
            many[x as usize].0 += 1;
            many[y as usize].0 += 1;
        }
    }
    // Children that there are when those below that do not pay are left out.
    let mut children = vec![0_i64; tree.len()];
    let mut kept = vec![false; tree.len()];
    for place in (0..tree.len()).rev() {
        let (all, (others, own)) = (children[place], many[place]);
        let saved = others * (all - 1) + own * (all * (all - 1) / 2 - 1);
        kept[place] = tree.is_super(place) && saved >= all;
        if let Some(above) = tree.above(place) {
            children[above] += if kept[place] || !tree.is_super(place) {
                1
            } else {
                all
            };
        }
    }
    let nodes = tree.nodes.len();
    // The item of each place, itself or the next one above that stays.
    let mut item = vec![NONE; tree.len()];
    let mut above = vec![NONE; tree.len()];
    let mut parents = vec![NONE; nodes];
    for place in 0..tree.len() {
        let parent = tree.parent[place] as usize;
        let over = item.get(parent).copied().unwrap_or(NONE);
        above[place] = over;
        if !tree.is_super(place) {
            parents[tree.node[place] as usize] = over;
        } else if kept[place] {
            item[place] = narrow(parents.len());
            parents.push(over);
        } else {
            item[place] = over;
        }
    }
    (parents.len() < tree.len()).then_some(parents)
}
