//! Columns in the order in which they are coded.

use super::cells::Column;
use super::column::Beside;
use super::plan::Plan;
use super::views::Views;
use crate::{Error, Result};

/// An order in which columns come behind those that they need.
pub fn order(plans: &[Plan]) -> Result<Vec<usize>> {
    let mut left: Vec<usize> = plans.iter().map(|plan| plan.needs().count()).collect();
    let mut children = vec![Vec::new(); plans.len()];
    for (x, plan) in plans.iter().enumerate() {
        for y in plan.needs() {
            children[y].push(x);
        }
    }
    let mut order: Vec<usize> = (0..plans.len()).filter(|&x| left[x] == 0).collect();
    let mut at = 0;
    while at < order.len() {
        for &x in &children[order[at]] {
            left[x] -= 1;
            if left[x] == 0 {
                order.push(x);
            }
        }
        at += 1;
    }
    if order.len() < plans.len() {
        return Err(Error::Corrupt {
            what: "columns that need each other",
        });
    }
    Ok(order)
}

/// Calls back for some columns, those that are needed first, with what each is coded beside.
pub fn each(
    plans: &[Plan],
    columns: &mut [Column],
    views: &mut Views,
    order: &[usize],
    mut code: impl FnMut(usize, Beside<'_>, &mut Column) -> Result<()>,
) -> Result<()> {
    let mut cells = 0;
    for &x in order {
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
                before: cells,
            },
            &mut column,
        )?;
        cells += column.ids.len();
        columns[x] = column;
    }
    Ok(())
}
