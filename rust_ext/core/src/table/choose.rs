//! Chooses how columns are coded.

use super::cells::Column;
use super::column::{self, Beside, Setting};
use super::format::Format;
use super::graph::Graph;
use super::meter::Length;
use super::parents::{Search, Seen};
use super::plan::{Parent, Plan};
use super::symbols::{Looking, Numbers, Symbols};
use super::terms;
use crate::Result;
use std::ops::Range;

/// Rows on which ways of coding are tried.
const TRIAL: usize = 1 << 13;
/// Cells on which they are tried, if these are more.
const TRIAL_CELLS: usize = 1 << 17;
/// The first level at which all rows are.
const STRONG: u32 = 8;
/// Parts of the table that they are taken from.
const SLICES: usize = 4;
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
                .then(|| Format::find(column.values.iter(), &column.counts()))
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
    for x in 0..columns.len() {
        if plans[x].format.is_none() || values[x] < 2 {
            continue;
        }
        let plain = Plan {
            open: Plan::is_open(rows, values[x]),
            numeric: false,
            terms: Vec::new(),
            ..plans[x].clone()
        };
        let number = Plan {
            numeric: true,
            ..plain.clone()
        };
        let mut ways = vec![plain];
        if ways[0].open {
            ways.push(number);
        }
        if plans[x].numeric {
            ways.push(plans[x].clone());
        }
        if ways.len() < 2 {
            continue;
        }
        let trial = if setting.level >= STRONG {
            rows
        } else {
            TRIAL.max(TRIAL_CELLS / columns.len())
        };
        let slice = rows.min(trial) / SLICES;
        let first = |k: usize| (rows - slice) * k / (SLICES - 1);
        let slices: Vec<Range<usize>> = if rows <= trial {
            vec![0..rows]
        } else {
            (0..SLICES).map(|k| first(k)..first(k) + slice).collect()
        };
        let part = columns[x].part(&slices);
        let keys: Vec<Vec<u32>> = plans[x]
            .parents
            .iter()
            .map(|&parent| {
                let ids = key(parent, columns, &coarse);
                slices
                    .iter()
                    .flat_map(|rows| &ids[rows.clone()])
                    .copied()
                    .collect()
            })
            .collect();
        let keys: Vec<&[u32]> = keys.iter().map(|keys| &keys[..]).collect();
        let mut best: Option<(f64, Plan)> = None;
        for way in ways {
            let terms = looking(&way, &numbers).unwrap_or_default();
            let parts: Vec<_> = terms.iter().map(|term| term.part(&slices)).collect();
            let looking: Vec<Looking<'_>> = parts.iter().map(Looking::of).collect();
            // How many values there are, here and in the whole column.
            let kinds = |column: &Column, terms: &[Looking<'_>]| match (&way.format, way.numeric) {
                (Some(format), true) => Symbols::new(column, format, terms).kinds.len(),
                _ => column.values.len(),
            };
            let more = kinds(&columns[x], &terms) as f64 / kinds(&part, &looking) as f64;
            let mut side = Length::new();
            let setting = Setting {
                rows: part.ids.len(),
                ..setting
            };
            let beside = Beside {
                parents: &keys,
                terms: &looking,
                before: 1,
            };
            column::code(setting, &way, beside, &mut side, &mut part.clone(), false)?;
            let [first, of_values, second] = side.finish();
            // Rows that are not looked at take as much as those of the second half.
            let others =
                (rows - part.ids.len()) as f64 / (part.ids.len() - part.ids.len() / 2) as f64;
            let mut size = first + second * (1.0 + others) + of_values * more;
            if !way.open && !way.numeric {
                // Values are told before, about 4 bits a byte.
                size += columns[x]
                    .values
                    .iter()
                    .map(|value| 4.0 * (value.len() + 1) as f64)
                    .sum::<f64>();
            }
            if best.as_ref().is_none_or(|(least, _)| size < *least) {
                best = Some((size, way));
            }
        }
        if let Some((_, way)) = best {
            plans[x] = way;
        }
    }
    // Formats are told only where they are needed.
    let needed: Vec<bool> = (0..columns.len())
        .map(|x| {
            plans[x].numeric
                || plans.iter().any(|plan| {
                    plan.terms.iter().any(|term| term.column() == Some(x))
                        || plan.parents.contains(&Parent {
                            column: x,
                            coarse: true,
                        })
                })
        })
        .collect();
    for (plan, needed) in plans.iter_mut().zip(needed) {
        if !needed {
            plan.format = None;
        }
    }
    Ok(plans)
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
