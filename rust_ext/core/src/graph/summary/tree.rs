//! Super-nodes over nodes, as a forest whose items lie in the order of a walk, parents first.

/// No item.
pub const NONE: u32 = u32::MAX;

/// A forest; each item, a node or a super-node, has a place in the walk.
#[derive(Debug)]
pub struct Tree {
    /// The node at each place, [`NONE`] for super-nodes.
    pub node: Vec<u32>,
    /// The place behind the last one below each.
    pub end: Vec<u32>,
    /// The place of the parent, or [`NONE`].
    pub parent: Vec<u32>,
    /// Nodes at places before each; one more at the end.
    pub before: Vec<u32>,
    /// Nodes in the order of their places.
    pub nodes: Vec<u32>,
}

impl Tree {
    /// Walks a forest of `nodes`, which are the first items; `parents` has the parent of each item or [`NONE`].
    ///
    /// Children, and items without parents, come in the order of their least nodes. None where items go in circles, or
    /// a super-node has no node.
    pub fn new(parents: &[u32], nodes: usize) -> Option<Self> {
        let least = least_nodes(parents, nodes)?;
        // Of each item its first child and the next item of its parent.
        let (mut first, mut next) = (vec![NONE; parents.len()], vec![NONE; parents.len()]);
        let mut roots = NONE;
        for item in by_least(&least, nodes).into_iter().rev() {
            let parent = parents[item as usize];
            let list = if parent == NONE {
                &mut roots
            } else {
                &mut first[parent as usize]
            };
            next[item as usize] = *list;
            *list = item;
        }
        let mut tree = Self {
            node: Vec::with_capacity(parents.len()),
            end: vec![0; parents.len()],
            parent: Vec::with_capacity(parents.len()),
            before: Vec::with_capacity(parents.len() + 1),
            nodes: Vec::with_capacity(nodes),
        };
        // Items whose children are being walked along, with their places.
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut item = roots;
        loop {
            while item == NONE {
                let Some((above, place)) = open.pop() else {
                    tree.before.push(narrow(tree.nodes.len()));
                    return Some(tree);
                };
                tree.end[place as usize] = narrow(tree.node.len());
                item = next[above as usize];
            }
            let place = narrow(tree.node.len());
            tree.parent
                .push(open.last().map_or(NONE, |&(_, place)| place));
            tree.before.push(narrow(tree.nodes.len()));
            if (item as usize) < nodes {
                tree.node.push(item);
                tree.nodes.push(item);
                tree.end[place as usize] = place + 1;
                item = next[item as usize];
            } else {
                tree.node.push(NONE);
                open.push((item, place));
                item = first[item as usize];
            }
        }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.node.len()
    }

    /// Whether there is a super-node at a place.
    pub fn is_super(&self, place: usize) -> bool {
        self.node[place] == NONE
    }

    /// How many nodes there are at a place and below it.
    pub fn weight(&self, place: usize) -> u32 {
        self.before[self.end[place] as usize] - self.before[place]
    }

    /// The place of the parent of what is at a place.
    pub fn above(&self, place: usize) -> Option<usize> {
        let parent = self.parent[place];
        (parent != NONE).then_some(parent as usize)
    }

    /// The places of the children of a super-node.
    pub fn children(&self, place: usize) -> impl Iterator<Item = u32> + '_ {
        let end = self.end[place];
        let mut at = narrow(place) + 1;
        std::iter::from_fn(move || {
            let child = at;
            (child < end).then(|| {
                at = self.end[child as usize];
                child
            })
        })
    }
}

/// Items are below 2^23.
pub fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}

/// The least node of each item; None where there is none.
fn least_nodes(parents: &[u32], nodes: usize) -> Option<Vec<u32>> {
    let mut waiting = vec![0_u32; parents.len()];
    for &parent in parents {
        if parent != NONE {
            *waiting.get_mut(parent as usize)? += 1;
        }
    }
    let mut least = vec![NONE; parents.len()];
    for (node, slot) in least.iter_mut().enumerate().take(nodes) {
        *slot = narrow(node);
    }
    if waiting[..nodes].iter().any(|&many| many > 0) {
        return None;
    }
    let mut ready: Vec<u32> = (0..narrow(nodes)).collect();
    let mut done = 0;
    while let Some(item) = ready.pop() {
        done += 1;
        let parent = parents[item as usize] as usize;
        if parent == NONE as usize {
            continue;
        }
        least[parent] = least[parent].min(least[item as usize]);
        waiting[parent] -= 1;
        if waiting[parent] == 0 {
            ready.push(narrow(parent));
        }
    }
    (done == parents.len()).then_some(least)
}

/// Items in the order of their least nodes.
fn by_least(least: &[u32], nodes: usize) -> Vec<u32> {
    let mut starts = vec![0_u32; nodes + 1];
    for &node in least {
        starts[node as usize + 1] += 1;
    }
    for i in 0..nodes {
        starts[i + 1] += starts[i];
    }
    let mut order = vec![0; least.len()];
    for (item, &node) in least.iter().enumerate() {
        let start = &mut starts[node as usize];
        order[*start as usize] = narrow(item);
        *start += 1;
    }
    order
}
