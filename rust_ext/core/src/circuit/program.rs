//! In which order variables are coded, and the walk through the tree that takes.
//!
//! A walk is a list of steps. [`Step::Down`] computes what is known from outside of a node, [`Step::Up`] what its subtree says
//! of its parent, [`Step::Code`] codes the variable of a node. Between two variables the walk goes up to the last common
//! ancestor of their nodes, and down from there.

use super::tree::wrong;
use super::Circuit;
use crate::Result;

/// The most steps of a walk. 65,536 variables in a balanced tree take about two millions.
const MAX_STEPS: usize = 1 << 23;

/// In which order variables are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By a depth-first search, large subtrees last: each edge is passed at most twice.
    Tree,
    /// As they are numbered.
    Variables,
}

/// A step of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the parent of a node to the node; for the root, to begin.
    Down {
        /// The node.
        node: usize,
        /// Whether the walk came up from here before, so that the parent already knows what it knows from below.
        again: bool,
    },
    /// From a node to its parent.
    Up {
        /// The node.
        node: usize,
        /// Whether the walk came up from here before.
        again: bool,
    },
    /// Code the variable of a node.
    Code {
        /// The node.
        node: usize,
    },
}

/// Where a node keeps its values while it needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The first of twice as many vectors as it has states: what is known from above, and from below.
    pub start: usize,
    /// The first of as many vectors as its parent has states: its message; and then as its own: its emission. Only where a
    /// walk comes again.
    pub kept: usize,
}

/// A walk through a circuit.
#[derive(Debug)]
pub struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) places: Vec<Place>,
    /// Children of each node from which the walk comes up, if it ever comes again.
    pub(super) children: Vec<Vec<usize>>,
    /// Vectors of all values.
    pub(super) room: usize,
    /// Whether it comes again to any node.
    pub(super) again: bool,
    products: usize,
}

/// Nodes in the order of a depth-first search: smaller subtrees first, so that few nodes wait for others.
fn depth_first(circuit: &Circuit) -> Vec<usize> {
    let nodes = &circuit.nodes;
    let mut sizes = vec![1_usize; nodes.len()];
    let mut children = vec![Vec::new(); nodes.len()];
    for (node, at) in nodes.iter().enumerate().skip(1).rev() {
        sizes[at.parent] += sizes[node];
        children[at.parent].push(node);
    }
    let mut order = Vec::with_capacity(nodes.len());
    let mut open = vec![0];
    while let Some(node) = open.pop() {
        order.push(node);
        let next = &mut children[node];
        // The last that is put is the first that is taken.
        next.sort_by_key(|&child| std::cmp::Reverse((sizes[child], child)));
        open.append(next);
    }
    order
}

impl Program {
    /// Plans a walk.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) when it would be longer than any circuit needs: a file may describe a tree
    /// through which variables in turn are far from each other.
    pub fn new(circuit: &Circuit, order: Order) -> Result<Self> {
        let homes: Vec<usize> = match order {
            Order::Tree => {
                let all = depth_first(circuit).into_iter();
                all.filter(|&node| circuit.nodes[node].emission.is_some())
                    .collect()
            }
            Order::Variables => circuit.homes.clone(),
        };
        Self::through(circuit, &homes)
    }

    /// Plans a walk through nodes with variables.
    fn through(circuit: &Circuit, homes: &[usize]) -> Result<Self> {
        let nodes = &circuit.nodes;
        let mut depths = vec![0_usize; nodes.len()];
        for node in 1..nodes.len() {
            depths[node] = depths[nodes[node].parent] + 1;
        }
        let mut risen = vec![false; nodes.len()];
        let mut children = vec![Vec::new(); nodes.len()];
        let (mut steps, mut again) = (Vec::new(), false);
        let mut here = None;
        let mut way = Vec::new();
        for &home in homes {
            let mut there = home;
            way.clear();
            let mut from = here;
            // Until both are the last common ancestor.
            while from != Some(there) {
                let rise = from.is_some_and(|from| depths[from] >= depths[there]);
                let sink = from.is_none_or(|from| depths[there] >= depths[from]);
                if let Some(node) = from.filter(|_| rise) {
                    let before = std::mem::replace(&mut risen[node], true);
                    again |= before;
                    steps.push(Step::Up {
                        node,
                        again: before,
                    });
                    if !before {
                        children[nodes[node].parent].push(node);
                    }
                    from = Some(nodes[node].parent);
                }
                if sink {
                    way.push(there);
                    if there == 0 {
                        break;
                    }
                    there = nodes[there].parent;
                }
            }
            for &node in way.iter().rev() {
                again |= risen[node];
                steps.push(Step::Down {
                    node,
                    again: risen[node],
                });
            }
            steps.push(Step::Code { node: home });
            here = Some(home);
            if steps.len() > MAX_STEPS {
                return Err(wrong("walk through a circuit is too long"));
            }
        }
        let product = |step: &Step| match *step {
            Step::Down { node, .. } => nodes[node].down.cost(),
            Step::Up { node, .. } => nodes[node].up.cost(),
            Step::Code { node } => nodes[node].emission.as_ref().map_or(0, |e| {
                e.first.cost()
                    + if e.groups() > 1 {
                        nodes[node].states * super::GROUP
                    } else {
                        0
                    }
            }),
        };
        let products = steps.iter().map(product).sum();
        let (places, room) = if again {
            apart(circuit)
        } else {
            shared(circuit, &steps)
        };
        Ok(Self {
            steps,
            places,
            children,
            room,
            again,
            products,
        })
    }

    /// Memory in bytes, about.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&self.steps[..]) + size_of_val(&self.places[..])
    }

    /// Multiplications that a sample takes, but for those of single values.
    #[must_use]
    pub fn products(&self) -> usize {
        self.products
    }

    /// Edges that a sample passes, each time counted.
    #[must_use]
    pub fn passed(&self) -> usize {
        let edges = self.steps.iter();
        edges
            .filter(|step| !matches!(step, Step::Code { .. }))
            .count()
    }
}

/// A place of its own for each node.
fn apart(circuit: &Circuit) -> (Vec<Place>, usize) {
    let mut room = 0;
    let places = circuit.nodes.iter().map(|node| {
        let start = room;
        let kept = start + 2 * node.states;
        room = kept + circuit.nodes[node.parent].states + node.states;
        Place { start, kept }
    });
    (places.collect(), room)
}

/// Places that nodes take over from those that are done, so that all stay in the cache of the processor.
fn shared(circuit: &Circuit, steps: &[Step]) -> (Vec<Place>, usize) {
    let nodes = &circuit.nodes;
    let largest = nodes.iter().map(|node| node.states).max().unwrap_or(1);
    let touched = |step: &Step| match *step {
        Step::Down { node, .. } | Step::Up { node, .. } => [node, nodes[node].parent],
        Step::Code { node } => [node, node],
    };
    let mut last = vec![0; nodes.len()];
    for (time, step) in steps.iter().enumerate() {
        for node in touched(step) {
            last[node] = time;
        }
    }
    let mut places = vec![Place { start: 0, kept: 0 }; nodes.len()];
    let (mut free, mut count) = (Vec::new(), 0);
    for (time, step) in steps.iter().enumerate() {
        if let Step::Down { node, .. } = *step {
            let place = free.pop().unwrap_or_else(|| {
                count += 1;
                count - 1
            });
            places[node].start = place * 2 * largest;
        }
        let [node, parent] = touched(step);
        for node in [Some(node), Some(parent).filter(|&p| p != node)]
            .into_iter()
            .flatten()
        {
            if last[node] == time {
                free.push(places[node].start / (2 * largest));
            }
        }
    }
    (places, count * 2 * largest)
}
