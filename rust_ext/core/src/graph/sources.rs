//! The nodes whose lists come, in any order.

use crate::coder::binary::Side;
use crate::coder::counts::{Cells, Numbers};

/// As many nodes may be left out where lists go on in order.
const REACH: u32 = 16;

/// Codes one node after the other: mostly the next one that has not come, sometimes one that is out of order.
#[derive(Debug)]
pub struct Sources {
    came: Vec<bool>,
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
            came: vec![false; nodes],
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
            let fresh = (self.base..self.came.len()).filter(|&node| !self.came[node]);
            fresh.take(skipped as usize + 1).nth(skipped as usize)?
        };
        *self.came.get_mut(found)? = true;
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
    fn left_out(&self, node: usize) -> Option<u32> {
        if node < self.base || self.came.get(node).is_none_or(|&came| came) {
            return None;
        }
        let between = self.came[self.base..node].iter().filter(|&&came| !came);
        u32::try_from(between.take(REACH as usize + 1).count())
            .ok()
            .filter(|&many| many < REACH)
    }
}
