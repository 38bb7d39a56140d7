//! Chooses how columns are coded.

use super::cells::Column;
use super::column::{self, Beside, Setting};
use super::format::Format;
use super::parents::{self, Graph, Seen};
use super::plan::{Parent, Plan};
use super::symbols::{Looking, Numbers, Symbols};
use super::terms;
use crate::coder::binary::BinaryEncoder;
use crate::Result;

/// Rows on which ways of coding are tried.
const TRIAL: usize = 4096;
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
            let format = (values > 8).then(|| Format::find(column.values.iter(), &column.counts())).flatten();
            Plan { open: Plan::is_open(rows, values), format, ..Plan::default() }
        })
        .collect();
    let numbers: Vec<Option<Numbers>> = columns
        .iter()
        .zip(&plans)
        .map(|(column, plan)| plan.format.as_ref().map(|format| Numbers::new(column, format)))
        .collect();
    let values: Vec<usize> = columns.iter().map(|column| column.values.len()).collect();
    let mut graph = Graph::new(columns.len());
    let terms = terms::find(&numbers, &values, rows, &mut graph);
    let mut symbols: Vec<Option<Symbols>> = Vec::new();
    for ((plan, terms), column) in plans.iter_mut().zip(terms).zip(columns) {
        let looking = looking(&Plan { terms: terms.clone(), ..plan.clone() }, &numbers);
        symbols.push(match (&plan.format, looking) {
            (Some(format), Some(looking)) if !terms.is_empty() => {
                let found = Symbols::new(column, format, &looking);
                plan.open = Plan::is_open(rows, found.kinds.len());
                plan.numeric = true;
                plan.terms = terms;
                Some(found)
            }
            _ => None,
        });
    }
    let coarse: Vec<Option<Vec<u32>>> = columns
        .iter()
        .zip(&plans)
        .map(|(column, plan)| (column.values.len() > MANY).then(|| column.coarse(plan.format.as_ref())))
        .collect();
    let seen: Vec<Seen<'_>> = (0..columns.len())
        .map(|x| Seen {
            target: symbols[x].as_ref().map_or(&columns[x].ids, |symbols| &symbols.rows),
            ids: &columns[x].ids,
            values: values[x],
            coarse: coarse[x].as_deref(),
        })
        .collect();
    let parents = parents::find(&seen, rows, &mut graph);
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
        let number = Plan { numeric: true, ..plain.clone() };
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
        let head = columns[x].head(TRIAL);
        let keys: Vec<&[u32]> =
            plans[x].parents.iter().map(|parent| key(*parent, columns, &coarse)).collect();
        let mut best: Option<(usize, Plan)> = None;
        for way in ways {
            let looking = looking(&way, &numbers).unwrap_or_default();
            let mut side = BinaryEncoder::new();
            let setting = Setting { rows: head.ids.len(), ..setting };
            let beside = Beside { parents: &keys, terms: &looking };
            column::code(setting, &way, beside, &mut side, &mut head.clone(), false)?;
            let mut size = side.finish().len();
            if !way.open && !way.numeric {
                size += head.values.iter().map(|value| value.len() / 2 + 1).sum::<usize>();
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
                        || plan.parents.contains(&Parent { column: x, coarse: true })
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
