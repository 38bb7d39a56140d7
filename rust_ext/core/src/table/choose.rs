//! Chooses how columns are coded.

use super::cells::Column;
use super::column::Setting;
use super::format::Format;
use super::needs::Needs;
use super::parents::{Effort, Search, Seen};
use super::plan::{Parent, Plan, View};
use super::symbols::{Series, Symbols};
use super::terms;
use super::trial::{Trial, Tried};
use super::views::Views;
use crate::Result;

/// How columns are coded, and what that was chosen by.
#[derive(Debug)]
pub struct Choice {
    /// Formats are told whether they are needed or not.
    pub plans: Vec<Plan>,
    pub views: Views,
    /// See [`Search::keys`].
    pub keys: Vec<Vec<Parent>>,
    /// About how long each column takes to decode.
    pub costs: Vec<f32>,
}

/// Chooses for all columns.
///
/// # Errors
/// Those of coding.
pub fn plans(
    setting: Setting<'_>,
    columns: &[Column],
    effort: Effort,
    tried: &mut Tried,
) -> Result<Choice> {
    let rows = setting.rows;
    let mut plans: Vec<Plan> = columns
        .iter()
        .map(|column| {
            let values = column.values.len();
            let format = (values > 8)
                .then(|| Format::find(&column.values.iter(), &column.counts()))
                .flatten();
            Plan {
                open: Plan::is_open(rows, columns.len(), values),
                format,
                ..Plan::default()
            }
        })
        .collect();
    let mut views = Views::new(columns.len());
    for (x, (column, plan)) in columns.iter().zip(&plans).enumerate() {
        let format = plan.format.as_ref();
        views.numbers[x] = format.map(|format| Series::new(column, format));
        views.coarse[x] = column.is_fine().then(|| column.coarse(format));
        if format.is_none() && column.is_fine() {
            let stems = column.stems();
            let kinds = stems.iter().max().map_or(0, |&most| most as usize + 1);
            views.stems[x] = (kinds > 1 && kinds * 2 <= column.values.len()).then_some(stems);
        }
    }
    let values: Vec<usize> = columns.iter().map(|column| column.values.len()).collect();
    let seen: Vec<Seen<'_>> = (0..columns.len())
        .map(|x| Seen {
            target: &columns[x].ids,
            ids: &columns[x].ids,
            values: values[x],
            coarse: views.coarse[x].as_deref(),
            stems: views.stems[x].as_deref(),
        })
        .collect();
    let mut replaced: Vec<(usize, Vec<u32>)> = Vec::new();
    let mut search = Search::new(&seen, rows, effort);
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
    let costs: Vec<f32> = costs.collect();
    let mut needs = Needs::new(costs.clone(), rows);
    let terms = terms::find(
        &views.numbers,
        &values,
        |x| search.bits(x),
        rows,
        &mut needs,
    );
    for (x, (plan, terms)) in plans.iter_mut().zip(terms).enumerate() {
        let looking = views.looking(&Plan {
            terms: terms.clone(),
            ..plan.clone()
        });
        if let (Some(format), Some(looking), false) = (&plan.format, looking, terms.is_empty()) {
            let found = Symbols::new(&columns[x], format, &looking);
            plan.open = Plan::is_open(rows, columns.len(), found.kinds.len());
            plan.numeric = true;
            plan.terms = terms;
            replaced.push((x, found.rows));
        }
    }
    for (x, symbols) in &replaced {
        search.replace(*x, symbols);
    }
    let keys = search.keys();
    let chosen = search.find(&mut needs);
    for (plan, chosen) in plans.iter_mut().zip(chosen) {
        plan.parents = chosen.parents;
        plan.echo = chosen.echo;
        plan.more = chosen.more;
    }
    let trial = Trial {
        setting,
        columns,
        views: &views,
    };
    for (x, plan) in plans.iter_mut().enumerate() {
        if plan.format.is_some() && values[x] > 1 {
            *plan = trial.best(x, plan, tried)?;
        }
    }
    Ok(Choice {
        plans,
        views,
        keys,
        costs,
    })
}

/// Leaves formats where they are needed.
pub fn drop_formats(plans: &mut [Plan], columns: &[Column]) {
    let told =
        |(plan, column): (&Plan, &Column)| plan.numeric || !plan.open && column.values.len() > 1;
    let mut needed: Vec<bool> = plans.iter().zip(columns).map(told).collect();
    for plan in plans.iter() {
        for column in plan.crowd() {
            needed[column] |= columns[column].is_fine();
        }
        for parent in &plan.parents {
            needed[parent.column] |= parent.view == View::Range;
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
