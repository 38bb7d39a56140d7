//! Columns in the order in which they are coded, and what each knows of others.

use super::cells::Column;
use super::column::Beside;
use super::needs::{is_large, Needs};
use super::past::Joint;
use super::plan::Plan;
use super::views::Views;
use crate::{Error, Result};

/// An order in which columns come behind those that they need.
#[derive(Debug)]
pub struct Order {
    rows: usize,
    sequence: Vec<usize>,
    /// Whether each column knows all columns before it, as in tables that are not large.
    is_chain: bool,
    /// What it knows otherwise: the columns that it needs, and what these need. Among too many columns none are kept.
    known: Needs,
}

impl Order {
    /// Finds an order for a table of so many rows.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when columns need each other.
    pub fn new(plans: &[Plan], rows: usize) -> Result<Self> {
        let many = plans.len();
        let mut left: Vec<usize> = plans.iter().map(|plan| plan.needs().count()).collect();
        let mut children = vec![Vec::new(); many];
        for (x, plan) in plans.iter().enumerate() {
            for y in plan.needs() {
                children[y].push(x);
            }
        }
        let mut sequence: Vec<usize> = (0..many).filter(|&x| left[x] == 0).collect();
        let mut at = 0;
        while at < sequence.len() {
            for &x in &children[sequence[at]] {
                left[x] -= 1;
                if left[x] == 0 {
                    sequence.push(x);
                }
            }
            at += 1;
        }
        if sequence.len() < many {
            return Err(Error::Corrupt {
                what: "columns that need each other",
            });
        }
        let mut known = Needs::new(vec![0.0; many], rows);
        let is_chain = !is_large(rows, many) && known.is_kept();
        if !is_chain {
            for &x in &sequence {
                plans[x].needs().for_each(|y| known.link(x, y));
            }
        }
        Ok(Self {
            rows,
            sequence,
            is_chain,
            known,
        })
    }

    /// All columns, those that are needed first.
    pub fn sequence(&self) -> &[usize] {
        &self.sequence
    }

    /// The columns that must be decoded for those that are wanted.
    pub fn needed(&self, plans: &[Plan], mut wanted: Vec<bool>) -> Vec<usize> {
        let mut below = false;
        for &x in self.sequence.iter().rev() {
            wanted[x] |= below;
            if wanted[x] {
                below = self.is_chain;
                plans[x].needs().for_each(|y| wanted[y] = true);
            }
        }
        let columns = self.sequence.iter().copied();
        columns.filter(|&x| wanted[x]).collect()
    }

    /// Calls back for some columns, which are in this order and have all before them that they need, with what each is coded
    /// beside.
    pub fn each(
        &self,
        plans: &[Plan],
        columns: &mut [Column],
        views: &mut Views,
        some: &[usize],
        mut code: impl FnMut(usize, Beside<'_>, &mut Column) -> Result<()>,
    ) -> Result<()> {
        let mut cells = 0;
        let mut joint = Joint::new(self.rows);
        // Columns of a chain that are joined already.
        let mut joined = 0;
        for &x in some {
            if plans[x].is_constant(&columns[x]) {
                // It has no code, and nothing to look at.
            } else if self.is_chain {
                for &y in self.sequence[joined..].iter().take_while(|&&y| y != x) {
                    joint.add(&columns[y]);
                    joined += 1;
                }
            } else if self.known.is_kept() {
                joint = Joint::new(self.rows);
                for y in (0..columns.len()).filter(|&y| self.known.needs(x, y)) {
                    joint.add(&columns[y]);
                }
            }
            views.make(&plans[x], plans, columns);
            let terms = views.looking(&plans[x]).ok_or(Error::Corrupt {
                what: "columns that cannot be compared",
            })?;
            let mut column = std::mem::take(&mut columns[x]);
            let parents: Vec<&[u32]> = plans[x]
                .parents
                .iter()
                .map(|&parent| views.key(parent, columns))
                .collect();
            let crowd: Vec<&[u32]> = plans[x]
                .crowd()
                .into_iter()
                .map(|y| views.heard(y, columns))
                .collect();
            code(
                x,
                Beside {
                    parents: &parents,
                    crowd: &crowd,
                    echo: plans[x].echo.map(|y| &columns[y].ids[..]),
                    terms: &terms,
                    joint: &joint,
                    before: cells,
                },
                &mut column,
            )?;
            cells += column.ids.len();
            columns[x] = column;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Parent, View};
    use super::*;

    /// Plans of columns, each of which needs these.
    fn plans(needs: &[&[usize]]) -> Vec<Plan> {
        let plan = |needs: &&[usize]| Plan {
            parents: needs
                .iter()
                .map(|&column| Parent {
                    column,
                    view: View::Value,
                })
                .collect(),
            ..Plan::default()
        };
        needs.iter().map(plan).collect()
    }

    #[test]
    fn columns_come_behind_those_that_they_need() {
        let plans = plans(&[&[2], &[], &[3], &[]]);
        let order = Order::new(&plans, 10).unwrap();
        assert_eq!(order.sequence(), [1, 3, 2, 0]);
        // In a small table all before a column are needed, in a large one those that it needs.
        let wanted = vec![false, false, true, false];
        assert_eq!(order.needed(&plans, wanted.clone()), [1, 3, 2]);
        let order = Order::new(&plans, 1 << 20).unwrap();
        assert_eq!(order.needed(&plans, wanted), [3, 2]);
        assert!(order.known.needs(0, 3) && !order.known.needs(0, 1));
    }

    #[test]
    fn columns_that_need_each_other_have_no_order() {
        assert!(Order::new(&plans(&[&[1], &[0]]), 10).is_err());
    }
}
