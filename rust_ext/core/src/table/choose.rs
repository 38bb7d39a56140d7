//! Chooses how columns are coded.

use super::cells::Column;
use super::column::Setting;
use super::format::Format;
use super::graph::Graph;
use super::parents::{Search, Seen};
use super::plan::{Parent, Plan};
use super::symbols::{Looking, Numbers, Symbols};
use super::terms;
use super::trial::Trial;
use crate::Result;

/// Values from which a column has ranges.
const MANY: usize = 32;

/// Chooses for all columns.
///
/// # Errors
/// Those of coding.
pub fn plans(setting: Setting<'_>, columns: &[Column]) -> Result<Vec<Plan>> {
    let rows = setting.rows;
    let mut plans: Vec<Plan> = columns
        .iter()
        .map(|column| {
            let values = column.values.len();
            let format = (values > 8)
                .then(|| Format::find(&column.values.iter(), &column.counts()))
                .flatten();
            Plan {
                open: Plan::is_open(rows, values),
                format,
                ..Plan::default()
            }
        })
        .collect();
    let numbers: Vec<Option<Numbers>> = columns
        .iter()
        .zip(&plans)
        .map(|(column, plan)| {
            plan.format
                .as_ref()
                .map(|format| Numbers::new(column, format))
        })
        .collect();
    let values: Vec<usize> = columns.iter().map(|column| column.values.len()).collect();
    let coarse: Vec<Option<Vec<u32>>> = columns
        .iter()
        .zip(&plans)
        .map(|(column, plan)| {
            (column.values.len() > MANY).then(|| column.coarse(plan.format.as_ref()))
        })
        .collect();
    let seen: Vec<Seen<'_>> = (0..columns.len())
        .map(|x| Seen {
            target: &columns[x].ids,
            ids: &columns[x].ids,
            values: values[x],
            coarse: coarse[x].as_deref(),
        })
        .collect();
    let mut search = Search::new(&seen, rows);
    let costs = columns.iter().enumerate().map(|(x, column)| {
        // A row takes as long as a few bits, and new values one for each of theirs.
        let new = 8
            * (column
                .values
                .iter()
                .map(|value| value.len() + 1)
                .sum::<usize>())
            / rows;
        2.0 + search.bits(x) + new as f32
    });
    let mut graph = Graph::new(costs.collect(), rows);
    let terms = terms::find(&numbers, &values, |x| search.bits(x), rows, &mut graph);
    for (x, (plan, terms)) in plans.iter_mut().zip(terms).enumerate() {
        let looking = looking(
            &Plan {
                terms: terms.clone(),
                ..plan.clone()
            },
            &numbers,
        );
        if let (Some(format), Some(looking), false) = (&plan.format, looking, terms.is_empty()) {
            let found = Symbols::new(&columns[x], format, &looking);
            plan.open = Plan::is_open(rows, found.kinds.len());
            plan.numeric = true;
            plan.terms = terms;
            search.replace(x, &found.rows);
        }
    }
    let parents = search.find(&mut graph);
    for (plan, parents) in plans.iter_mut().zip(parents) {
        plan.parents = parents;
    }
    let trial = Trial {
        setting,
        columns,
        coarse: &coarse,
        numbers: &numbers,
    };
    for (x, plan) in plans.iter_mut().enumerate() {
        if plan.format.is_some() && values[x] > 1 {
            *plan = trial.best(x, plan)?;
        }
    }
    drop_formats(&mut plans);
    Ok(plans)
}

/// Leaves formats where they are needed.
fn drop_formats(plans: &mut [Plan]) {
    let mut needed: Vec<bool> = plans.iter().map(|plan| plan.numeric).collect();
    for plan in plans.iter() {
        let coarse = plan.parents.iter().filter(|parent| parent.coarse);
        for parent in coarse {
            needed[parent.column] = true;
        }
        for column in plan.terms.iter().filter_map(|term| term.column()) {
            needed[column] = true;
        }
    }
    for (plan, needed) in plans.iter_mut().zip(needed) {
        if !needed {
            plan.format = None;
        }
    }
}

/// Values of a parent, or their ranges.
pub fn key<'a>(parent: Parent, columns: &'a [Column], coarse: &'a [Option<Vec<u32>>]) -> &'a [u32] {
    match (&coarse[parent.column], parent.coarse) {
        (Some(coarse), true) => coarse,
        _ => &columns[parent.column].ids,
    }
}

/// The terms of a plan with the numbers that they look at; none where these cannot be compared.
pub fn looking<'a>(plan: &Plan, numbers: &'a [Option<Numbers>]) -> Option<Vec<Looking<'a>>> {
    let Some(format) = &plan.format else {
        return plan.terms.is_empty().then(Vec::new);
    };
    plan.terms
        .iter()
        .map(|&term| {
            let other = term.column().and_then(|column| numbers[column].as_ref());
            Looking::new(term, format, other)
        })
        .collect()
}
