//! Changes plans, one step after the other, as long as codes become shorter (hill climbing).
//!
//! Estimates by counts, on a sample of the rows, do not know all that contexts are worth together. Here a column is coded in
//! ways that differ by one parent from the best so far, each beside it row by row, so that those which fall behind end early.

use super::cells::Column;
use super::choose::Choice;
use super::column::{Coder, Setting, MAX_PARENTS};
use super::crowd;
use super::meter::Race;
use super::needs::Needs;
use super::order::Order;
use super::parents::LEAST_ECHOED;
use super::plan::{Parent, Plan, View};
use crate::Result;

/// Rows that are coded, for each row of the table.
const EFFORT: usize = 12;
/// Rows that take as long as it does to start with nothing known.
const START: usize = 256;
/// Bytes of a column for which nothing is tried.
const LITTLE: usize = 64;
/// Bits of a column in a plan, about, and those that a step must save beside them.
const ENTRY_BITS: f64 = 6.0;
const WORTH: f64 = 8.0;

/// Bits of a way of coding a column, from look to look, and what its plan takes.
struct Way {
    plan: Plan,
    bits: Vec<f64>,
}

impl Way {
    fn total(&self) -> f64 {
        let plan = &self.plan;
        let entries = plan.parents.len() + plan.more.len() + usize::from(plan.echo.is_some());
        self.bits.last().unwrap_or(&0.0) + ENTRY_BITS * entries as f64
    }
}

/// What is changed, and how long that may still take.
struct Climb<'a, 's> {
    setting: Setting<'s>,
    coder: &'a mut Coder<'s>,
    plans: &'a mut [Plan],
    columns: &'a mut [Column],
    choice: &'a mut Choice,
    needs: Needs,
    /// Rows that may be coded.
    left: usize,
}

/// Changes plans of columns, of which the codes have these lengths.
///
/// # Errors
/// Those of coding.
pub fn climb<'s>(
    setting: Setting<'s>,
    coder: &mut Coder<'s>,
    columns: &mut [Column],
    choice: &mut Choice,
    plans: &mut [Plan],
    lengths: &[usize],
) -> Result<()> {
    // Longer columns have more to save, but not as much more as they are longer.
    let weight = |length: usize| (length as f64).sqrt();
    let mut order: Vec<usize> = (0..plans.len())
        .filter(|&x| lengths[x] > LITTLE && !choice.keys[x].is_empty())
        .collect();
    order.sort_by_key(|&x| std::cmp::Reverse(lengths[x]));
    let mut weights: f64 = order.iter().map(|&x| weight(lengths[x])).sum();
    let mut climb = Climb {
        left: EFFORT * setting.rows * plans.len(),
        needs: Needs::new(choice.costs.clone(), setting.rows),
        setting,
        coder,
        plans,
        columns,
        choice,
    };
    climb.link()?;
    for x in order {
        let share = climb.left as f64 * weight(lengths[x]) / weights;
        weights -= weight(lengths[x]);
        climb.column(x, share as usize)?;
    }
    Ok(())
}

impl Climb<'_, '_> {
    /// Finds out what needs what.
    fn link(&mut self) -> Result<()> {
        self.needs = Needs::new(self.choice.costs.clone(), self.setting.rows);
        for &x in Order::new(self.plans, self.setting.rows)?.sequence() {
            for y in self.plans[x].needs() {
                self.needs.link(x, y);
            }
        }
        Ok(())
    }

    /// Codes a column, in a race against another way; none if that is shorter.
    fn race(&mut self, x: usize, plan: Plan, other: &[f64]) -> Result<Option<Way>> {
        let before = std::mem::replace(&mut self.plans[x], plan.clone());
        let (coder, rows) = (&mut *self.coder, self.setting.rows);
        let (mut coded, mut found) = (0, None);
        let order = Order::new(self.plans, rows)?;
        let result = order.each(
            self.plans,
            self.columns,
            &mut self.choice.views,
            &[x],
            |_, beside, column| {
                let mut side = Race::new(rows, other);
                match coder.code(&plan, beside, &mut side, column) {
                    Err(_) if side.is_behind() => {}
                    result => result?,
                }
                coded = side.rows();
                found = side.finish();
                Ok(())
            },
        );
        self.plans[x] = before;
        self.left = self.left.saturating_sub(coded + START);
        result?;
        Ok(found.map(|bits| Way { plan, bits }))
    }

    /// Changes the plan of a column, for which so many rows may be coded.
    fn column(&mut self, x: usize, share: usize) -> Result<()> {
        let end = self.left.saturating_sub(share);
        let keys = self.choice.keys[x].clone();
        let plan = self.plans[x].clone();
        let Some(mut best) = self.race(x, plan, &[])? else {
            return Ok(());
        };
        // Keys are looked at one after the other, until all were and none was of use.
        let mut idle = 0;
        for &key in keys.iter().cycle() {
            if idle == keys.len() {
                break;
            }
            idle += 1;
            for plan in self.steps(x, &best.plan, key) {
                if self.left <= end {
                    break;
                }
                if let Some(way) = self.race(x, plan, &best.bits)? {
                    if way.total() < best.total() - WORTH {
                        best = way;
                        idle = 0;
                    }
                }
            }
            if self.left <= end {
                break;
            }
        }
        if best.plan != self.plans[x] {
            self.plans[x] = best.plan;
            self.link()?;
        }
        Ok(())
    }

    /// Plans that make something else of a key.
    fn steps(&self, x: usize, plan: &Plan, key: Parent) -> Vec<Plan> {
        let mut steps = Vec::new();
        let mut add = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan.clone();
            change(&mut plan);
            plan.parents.truncate(MAX_PARENTS);
            if !steps.contains(&plan) {
                steps.push(plan);
            }
        };
        let many = plan.parents.len();
        if let Some(at) = plan.parents.iter().position(|&parent| parent == key) {
            if at > 0 {
                add(&|plan| plan.parents.swap(at - 1, at));
            }
            add(&|plan| plan.parents.retain(|parent| *parent != key));
        } else if self.needs.allows(x, key.column) {
            // As the first, the last and the second one, then in place of others.
            for at in [0, many.min(MAX_PARENTS - 1), many.min(1)] {
                add(&|plan| plan.parents.insert(at, key));
            }
            for at in 0..many {
                add(&|plan| plan.parents[at] = key);
            }
        }
        if !self.needs.allows(x, key.column) {
            return steps;
        }
        let crowd = plan.crowd();
        if crowd.len() < crowd::MOST && !crowd.contains(&key.column) {
            add(&|plan| plan.more.push(key.column));
        }
        let is_echo = plan.echo == Some(key.column);
        let values = self.columns[key.column].values.len();
        if key.view == View::Value && values >= LEAST_ECHOED && !is_echo {
            add(&|plan| plan.echo = Some(key.column));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::Room;
    use super::super::choose;
    use super::super::parents::Effort;
    use super::super::tools::Tools;
    use super::super::trial::Tried;
    use super::*;

    const ROWS: usize = 900;

    /// Cells of three columns: numbers below 60, zeros and ones, and the first one, 30 more, modulo 60, beside a one. The first
    /// and the last have too many values to be known as a part of their rows.
    fn columns() -> Vec<Column> {
        let mut state = 1_u64;
        let mut draw = |most: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (state >> 33) % most
        };
        let mut cells = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROWS {
            let (a, b) = (draw(60), draw(2));
            for (cells, value) in cells.iter_mut().zip([a, b, (a + 30 * b) % 60]) {
                cells.extend_from_slice(format!("v{value},").as_bytes());
            }
        }
        let take = |cells: &Vec<u8>| Column::take(&mut &cells[..], ROWS, b',');
        cells.iter().map(take).collect()
    }

    #[test]
    fn parents_that_tell_nothing_alone_are_found() {
        let tools = Tools::new();
        let setting = Setting {
            tools: &tools,
            level: 9,
            terminator: b',',
            rows: ROWS,
        };
        let mut columns = columns();
        let effort = Effort {
            rows: 1 << 8,
            near: 12,
        };
        let mut tried = Tried::new(3);
        let mut choice = choose::plans(setting, &columns, effort, &mut tried).unwrap();
        let mut plans = vec![Plan::default(); 3];
        // The second column tells nothing of the last one but beside the first.
        let of = |column: usize| Parent {
            column,
            view: View::Value,
        };
        plans[2].parents = vec![of(0)];
        let mut coder = Coder::new(setting, Room::new(usize::MAX), false);
        climb(
            setting,
            &mut coder,
            &mut columns,
            &mut choice,
            &mut plans,
            &[1000; 3],
        )
        .unwrap();
        assert!(Order::new(&plans, ROWS).is_ok());
        let mut parents: Vec<usize> = plans[2].parents.iter().map(|p| p.column).collect();
        parents.sort_unstable();
        parents.dedup();
        assert_eq!(parents, [0, 1]);
    }
}
