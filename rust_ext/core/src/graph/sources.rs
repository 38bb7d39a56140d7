//! The nodes whose lists come, in any order.

use crate::coder::binary::Side;
use crate::coder::counts::{Cells, Numbers};

/// As many nodes may be left out where lists go on in order.
const REACH: u32 = 16;

/// Codes one node after the other: mostly the next one that has not come, sometimes one that is out of order.
#[derive(Debug)]
pub struct Sources {
    fresh: Fresh,
    /// Up to here lists came in order.
    base: usize,
    last: usize,
    was_apart: bool,
    flags: Cells,
    numbers: Numbers,
}

impl Sources {
    /// Begins before the first node.
    pub fn new(nodes: usize) -> Self {
        Self {
            fresh: Fresh::new(nodes),
            base: 0,
            last: 0,
            was_apart: false,
            flags: Cells::new(2, 2, 2),
            numbers: Numbers::new(3),
        }
    }

    /// Codes a node; None when decoding finds that there is none.
    pub fn code(&mut self, node: usize, side: &mut impl Side) -> Option<usize> {
        let left_out = self.left_out(node);
        let context = usize::from(self.was_apart);
        let is_apart = self
            .flags
            .code(context, u32::from(left_out.is_none()), side)
            == 1;
        let found = if is_apart {
            // Nodes are below 2^24.
            let (node, last) = (i64::try_from(node).ok()?, i64::try_from(self.last).ok()?);
            let step = node - last;
            let folded = if step < 0 { -2 * step - 1 } else { 2 * step };
            let folded = self
                .numbers
                .code(1 + context, u32::try_from(folded).unwrap_or(0), side);
            let half = i64::from(folded >> 1);
            let step = if folded & 1 == 1 { -half - 1 } else { half };
            usize::try_from(last + step).ok()?
        } else {
            let skipped = self.numbers.code(0, left_out.unwrap_or(0), side);
            // No encoder leaves out more.
            if skipped >= REACH {
                return None;
            }
            let mut node = self.fresh.from(self.base)?;
            for _ in 0..skipped {
                node = self.fresh.from(node + 1)?;
            }
            node
        };
        self.fresh.take(found)?;
        let goes_on =
            self.was_apart && (self.last + 1..=self.last + REACH as usize).contains(&found);
        if !is_apart || goes_on {
            self.base = found + 1;
        }
        self.was_apart = is_apart && !goes_on;
        self.last = found;
        Some(found)
    }

    /// How many nodes that have not come are left out before a node, if it goes on in order.
    fn left_out(&mut self, node: usize) -> Option<u32> {
        let mut next = self.fresh.from(self.base)?;
        let mut many = 0;
        while next < node && many < REACH {
            many += 1;
            next = self.fresh.from(next + 1)?;
        }
        (next == node && many < REACH).then_some(many)
    }
}

/// Nodes that have not come, each of which is found in a few steps: a forest of ways to the next of them.
#[derive(Debug)]
struct Fresh {
    /// Of each node one that is not beyond the next of these; itself where it is one. There is one more at the end.
    next: Vec<u32>,
}

impl Fresh {
    fn new(nodes: usize) -> Self {
        Self {
            next: (0..=u32::try_from(nodes).unwrap_or(u32::MAX)).collect(),
        }
    }

    /// The first node that has not come, from one on.
    fn from(&mut self, node: usize) -> Option<usize> {
        let mut node = node;
        let end = self.next.len() - 1;
        while self.next.get(node).is_some_and(|&n| n as usize != node) {
            // Each step makes the way shorter for those that follow.
            let further = self.next[self.next[node] as usize];
            self.next[node] = further;
            node = further as usize;
        }
        (node < end).then_some(node)
    }

    /// Notes that a node has come; None where there is no such node.
    fn take(&mut self, node: usize) -> Option<()> {
        let next = u32::try_from(node + 1).ok()?;
        if next as usize >= self.next.len() {
            return None;
        }
        if self.next[node] as usize == node {
            self.next[node] = next;
        }
        Some(())
    }
}
