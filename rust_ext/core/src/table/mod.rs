//! The model `table`: cells of a table, column by column, each in the contexts of columns before.

// Fixed-point arithmetic: values are bounded by the tables they come from, and mixed signedness is its nature.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
#![allow(missing_docs)]

mod cells;
mod choose;
mod column;
mod decider;
mod directory;
mod format;
mod number;
mod numbers;
mod parents;
mod plan;
mod symbols;
mod terms;
mod text;
mod tools;
mod tree;

use crate::coder::binary::{BinaryDecoder, BinaryEncoder, Side};
use crate::coder::numbers::{put_number, take, take_length};
use crate::{Error, Result};
use cells::Column;
use column::Setting;
use column::Beside;
use plan::Plan;
use symbols::Numbers;
use tools::Tools;

const WHAT: &str = "table";

/// Parameters.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    pub terminator: u8,
    pub columns: usize,
    pub level: u32,
}

/// An order in which parents come first.
fn order(plans: &[Plan]) -> Result<Vec<usize>> {
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
        return Err(Error::Corrupt { what: "columns are parents of each other" });
    }
    Ok(order)
}

/// Calls back for each column, parents first, with what it is coded beside.
fn each(
    setting: Setting<'_>,
    plans: &[Plan],
    columns: &mut [Column],
    mut code: impl FnMut(usize, Beside<'_>, &mut Column) -> Result<()>,
) -> Result<()> {
    let mut coarse: Vec<Option<Vec<u32>>> = vec![None; plans.len()];
    let mut numbers: Vec<Option<Numbers>> = vec![None; plans.len()];
    for x in order(plans)? {
        for parent in plans[x].parents.iter().filter(|parent| parent.coarse) {
            let y = parent.column;
            if coarse[y].is_none() {
                coarse[y] = Some(columns[y].coarse(plans[y].format.as_ref()));
            }
        }
        for y in plans[x].terms.iter().filter_map(|term| term.column()) {
            if let (None, Some(format)) = (&numbers[y], &plans[y].format) {
                numbers[y] = Some(Numbers::new(&columns[y], format));
            }
        }
        let looking = choose::looking(&plans[x], &numbers)
            .ok_or(Error::Corrupt { what: "columns that cannot be compared" })?;
        let mut column = std::mem::take(&mut columns[x]);
        let parents: Vec<&[u32]> =
            plans[x].parents.iter().map(|parent| choose::key(*parent, columns, &coarse)).collect();
        code(x, Beside { parents: &parents, terms: &looking }, &mut column)?;
        columns[x] = column;
    }
    let _ = setting;
    Ok(())
}

/// Encodes cells.
///
/// # Errors
/// [`Error::Limit`], [`Error::Interrupted`].
pub fn encode(cells: &[u8], params: &Params) -> Result<Vec<u8>> {
    let tools = Tools::new();
    let many = params.columns.max(1);
    let all = cells.iter().filter(|&&byte| byte == params.terminator).count();
    let rows = all / many;
    let mut rest = cells;
    let mut columns: Vec<Column> =
        (0..many).map(|_| Column::take(&mut rest, rows, params.terminator)).collect();
    let setting = Setting { tools: &tools, terminator: params.terminator, rows };
    let mut plans = choose::plans(setting, &columns)?;
    let mut side = BinaryEncoder::new();
    directory::code(setting, &mut side, &mut plans, &mut columns, false)?;
    let head = side.finish();
    let mut payloads = vec![Vec::new(); many];
    each(setting, &plans, &mut columns, |x, beside, column| {
        let mut side = BinaryEncoder::new();
        column::code(setting, &plans[x], beside, &mut side, column, false)?;
        payloads[x] = side.finish();
        Ok(())
    })?;
    if std::env::var("SHOW").is_ok() {
        println!("directory {}", head.len());
        for (x, payload) in payloads.iter().enumerate() {
            println!("{x}: open {} num {} {:?} T {:?} P {:?} K {} {} first {:?} {:?}", plans[x].open, plans[x].numeric, plans[x].format.as_ref().map(|f| f.kind), plans[x].terms, plans[x].parents.iter().map(|p| (p.column, p.coarse as u8)).collect::<Vec<_>>(), columns[x].values.len(), payload.len(),
                String::from_utf8_lossy(columns[x].values.get(0)),
                columns[x].values.iter().nth(1).map(String::from_utf8_lossy));
        }
    }
    let mut out = Vec::new();
    put_number(rows as u64, &mut out);
    put_number(rest.len() as u64, &mut out);
    out.extend_from_slice(rest);
    put_number(head.len() as u64, &mut out);
    out.extend_from_slice(&head);
    for payload in &payloads {
        put_number(payload.len() as u64, &mut out);
    }
    out.extend(payloads.into_iter().flatten());
    Ok(out)
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload; those of [`encode`].
pub fn decode(payload: &[u8], count: usize, params: &Params) -> Result<Vec<u8>> {
    let tools = Tools::new();
    let many = params.columns.max(1);
    let mut rest = payload;
    let rows = take_length(&mut rest, WHAT)?;
    let length = take_length(&mut rest, WHAT)?;
    let tail = take(&mut rest, length, WHAT)?;
    let length = take_length(&mut rest, WHAT)?;
    let head = take(&mut rest, length, WHAT)?;
    let mut parts = Vec::new();
    for _ in 0..many {
        parts.push(take_length(&mut rest, WHAT)?);
    }
    let setting = Setting { tools: &tools, terminator: params.terminator, rows };
    let mut columns = vec![Column::default(); many];
    let mut plans = vec![Plan::default(); many];
    let mut side = BinaryDecoder::new(head);
    directory::code(setting, &mut side, &mut plans, &mut columns, true)?;
    side.finish()?;
    let payloads: Vec<&[u8]> =
        parts.into_iter().map(|length| take(&mut rest, length, WHAT)).collect::<Result<_>>()?;
    each(setting, &plans, &mut columns, |x, beside, column| {
        let mut side = BinaryDecoder::new(payloads[x]);
        column::code(setting, &plans[x], beside, &mut side, column, true)?;
        side.finish()
    })?;
    let mut out = Vec::new();
    for column in &columns {
        column.write(params.terminator, &mut out);
    }
    out.extend_from_slice(tail);
    if out.len() != count {
        return Err(Error::Corrupt { what: "number of symbols" });
    }
    Ok(out)
}
