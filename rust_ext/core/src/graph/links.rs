//! What is known of a graph while it is coded, and what speaks for a link.

/// Links of a node that are looked at, and nodes that are counted for one new link.
const MOST: usize = 1 << 12;
/// Nodes of more links say little of what else has them.
const MOST_SHARED: usize = 200;
/// Nodes that are counted for each number that is coded, and in all: then counts stay as they are. Each takes a
/// millionth of a millisecond; graphs of friends and votes need a thousand a number.
const BUDGET_EACH: u64 = 1 << 12;
const BUDGET: u64 = 1 << 31;

/// Links in both directions, as far as they are known.
#[derive(Debug)]
pub struct Links {
    /// Of each node.
    near: Vec<Vec<u32>>,
    /// Links to each node.
    incoming: Vec<u32>,
    /// Of the node whose list is being coded: how many nodes lead from it to each other one,
    shared: Vec<u32>,
    /// the same with those of fewer links counting more,
    weighted: Vec<u32>,
    /// and how many lead from those that were coded by two steps.
    further: Vec<u32>,
    /// Nodes that are linked to it already, so many of them, and those in the list before.
    linked: Vec<bool>,
    marked: usize,
    before: Vec<bool>,
    /// Nodes with counts, each once.
    touched: Vec<u32>,
    last: Vec<u32>,
    budget: u64,
}

/// What is known of a node as the end of a link.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Class of the nodes between: below 16.
    pub shared: usize,
    /// Class of the same with weights: below 41.
    pub weighted: usize,
    /// Class of ways of three steps: below 16.
    pub further: usize,
    /// Class of links to it: below 16.
    pub incoming: usize,
    /// Whether it is linked already.
    pub linked: usize,
    /// Whether it was in the list before.
    pub before: usize,
}

/// Class of a number: exact up to 3, then two for each power of two, at most 15.
pub fn class(number: u32) -> usize {
    if number < 4 {
        return number as usize;
    }
    let bits = number.ilog2();
    ((2 * bits + (number >> (bits - 1) & 1)) as usize).min(15)
}

/// Class of a sum of [`weight`]s, finer: at most 40.
fn fine_class(sum: u32) -> usize {
    let quarters = sum / 128;
    if quarters < 16 {
        return quarters as usize;
    }
    let bits = quarters.ilog2();
    ((16 + 4 * (bits - 4) + (quarters >> (bits - 2) & 3)) as usize).min(40)
}

/// About 512 by the logarithm of the number of links.
fn weight(links: usize) -> u32 {
    let links = u32::try_from(links).unwrap_or(u32::MAX - 2) + 2;
    let bits = links.ilog2();
    1024 / (2 * bits + (links >> (bits - 1) & 1))
}

impl Links {
    /// Begins without links; `count` numbers of nodes are to come.
    pub fn new(nodes: usize, count: usize) -> Self {
        Self {
            near: vec![Vec::new(); nodes],
            incoming: vec![0; nodes],
            shared: vec![0; nodes],
            weighted: vec![0; nodes],
            further: vec![0; nodes],
            linked: vec![false; nodes],
            marked: 0,
            before: vec![false; nodes],
            touched: Vec::new(),
            last: Vec::new(),
            budget: BUDGET_EACH.saturating_mul(count as u64).min(BUDGET),
        }
    }

    /// Class of the links to a node.
    pub fn incoming(&self, node: usize) -> usize {
        class(self.incoming[node])
    }

    /// Begins the list of a node.
    pub fn begin(&mut self, source: usize) {
        for node in self.touched.drain(..) {
            let node = node as usize;
            (self.shared[node], self.weighted[node], self.further[node]) = (0, 0, 0);
        }
        let many = self.near[source].len().min(MOST);
        self.marked = if self.pay(many) { many } else { 0 };
        let near = std::mem::take(&mut self.near[source]);
        for &node in &near[..self.marked] {
            self.linked[node as usize] = true;
            self.count(node as usize);
        }
        self.near[source] = near;
    }

    /// Notes that the node whose list is coded is linked to another.
    pub fn found(&mut self, target: usize) {
        self.count(target);
        let mut steps = 0;
        for i in 0..self.near[target].len() {
            let between = self.near[target][i] as usize;
            let many = self.near[between].len();
            let many = if many < MOST_SHARED { many } else { 0 };
            // To look at a node is a step as well.
            steps += 1 + many;
            if steps > MOST || !self.pay(1 + many) {
                break;
            }
            for &node in &self.near[between][..many] {
                let place = node as usize;
                if self.further[place] == 0 && self.shared[place] == 0 {
                    self.touched.push(node);
                }
                // Below the budget.
                self.further[place] += 1;
            }
        }
    }

    /// Counts what is linked to a node between.
    fn count(&mut self, between: usize) {
        let many = self.near[between].len().min(MOST);
        if !self.pay(many) {
            return;
        }
        let weight = weight(self.near[between].len());
        for &node in &self.near[between][..many] {
            let place = node as usize;
            if self.further[place] == 0 && self.shared[place] == 0 {
                self.touched.push(node);
            }
            self.shared[place] += 1;
            // The same link may come again and again.
            self.weighted[place] = self.weighted[place].saturating_add(weight);
        }
    }

    fn pay(&mut self, steps: usize) -> bool {
        let left = self.budget.checked_sub(steps as u64);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    /// Ends a list.
    pub fn end(&mut self, source: u32, targets: &[u32]) {
        // Nodes of many lists are not walked along for each.
        for &node in &self.near[source as usize][..self.marked] {
            self.linked[node as usize] = false;
        }
        for node in self.last.drain(..) {
            self.before[node as usize] = false;
        }
        for &target in targets {
            self.near[source as usize].push(target);
            if target != source {
                self.near[target as usize].push(source);
            }
            self.incoming[target as usize] += 1;
            self.before[target as usize] = true;
        }
        self.last.extend_from_slice(targets);
    }

    /// How many nodes have counts.
    #[cfg(test)]
    pub fn counted(&self) -> usize {
        self.touched.len()
    }

    /// What speaks for a link to a node.
    #[inline]
    pub fn evidence(&self, node: usize) -> Evidence {
        Evidence {
            shared: class(self.shared[node]),
            weighted: fine_class(self.weighted[node]),
            further: class(self.further[node]),
            incoming: class(self.incoming[node]),
            linked: usize::from(self.linked[node]),
            before: usize::from(self.before[node]),
        }
    }

    /// Whether a node was in the list before; there is none beyond the last one.
    #[inline]
    pub fn was_before(&self, node: usize) -> usize {
        usize::from(self.before.get(node).copied().unwrap_or_default())
    }
}
