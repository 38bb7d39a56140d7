//! Encodes columns by the best plans that are found.
//!
//! Which parents a column has is chosen by estimates, so that other estimates choose others. At the last level columns are
//! coded in all these ways, and each takes the plan of its shortest code. Then plans are changed as long as codes become shorter.
//! What a column knows depends on the plans of others, so all are coded once more, and the shortest of all is kept.

use super::cells::{Column, Room};
use super::choose::{self, Choice};
use super::climb::climb;
use super::column::{Coder, Setting};
use super::needs;
use super::order::Order;
use super::parents::{Effort, MOST_MOVED};
use super::plan::Plan;
use super::trial::Tried;
use super::views::Views;
use super::DEFAULT_LEVEL;
use crate::coder::binary::BinaryEncoder;
use crate::Result;

/// What parents are chosen by at the fast levels.
const FAST: Effort = Effort {
    rows: 1 << 11,
    near: 6,
};
/// What parents are chosen by at others: at the last level all of them, else the first.
const EFFORTS: [Effort; 3] = [
    Effort {
        rows: 1 << 12,
        near: 12,
    },
    Effort {
        rows: 1 << 14,
        near: 12,
    },
    Effort {
        rows: 1 << 15,
        near: 16,
    },
];
/// The last level.
const ALL_FROM: u32 = 9;

/// Plans of all columns and their codes.
type Coded = (Vec<Plan>, Vec<Vec<u8>>);

fn bytes(codes: &[Vec<u8>]) -> usize {
    codes.iter().map(Vec::len).sum()
}

/// Keeps what is shortest.
fn keep(best: &mut Option<Coded>, found: Coded) {
    let is_shorter = |best: &Coded| bytes(&found.1) < bytes(&best.1);
    if best.as_ref().is_none_or(is_shorter) {
        *best = Some(found);
    }
}

/// Codes all columns; returns how, and the code of each.
///
/// # Errors
/// Those of coding.
pub fn code(setting: Setting<'_>, columns: &mut [Column], room: Room) -> Result<Coded> {
    let many = columns.len();
    let efforts = match setting.level {
        ALL_FROM.. if many <= MOST_MOVED => &EFFORTS[..],
        DEFAULT_LEVEL.. => &EFFORTS[..1],
        _ => &[FAST],
    };
    let mut coder = Coder::new(setting, room, false);
    let mut tried = Tried::new(many);
    let mut best: Option<Coded> = None;
    // Plans of each column, and the lengths of their codes.
    let mut ways: Vec<Vec<(Plan, usize)>> = vec![Vec::new(); many];
    let mut last: Option<Choice> = None;
    for &effort in efforts {
        let mut choice = choose::plans(setting, columns, effort, &mut tried)?;
        let codes = all(
            setting,
            &mut coder,
            columns,
            &mut choice.views,
            &choice.plans,
        )?;
        for ((ways, plan), code) in ways.iter_mut().zip(&choice.plans).zip(&codes) {
            ways.push((plan.clone(), code.len()));
        }
        keep(&mut best, (choice.plans.clone(), codes));
        last = Some(choice);
    }
    if let (true, Some(choice), Some((plans, codes))) = (efforts.len() > 1, &mut last, &best) {
        let mut lengths: Vec<usize> = codes.iter().map(Vec::len).collect();
        let mut plans = plans.clone();
        // In a large table what a column needs must stay a small part.
        if !needs::is_large(setting.rows, many) {
            mix(&ways, &mut plans, &mut lengths, setting.rows);
        }
        climb(setting, &mut coder, columns, choice, &mut plans, &lengths)?;
        let codes = all(setting, &mut coder, columns, &mut choice.views, &plans)?;
        keep(&mut best, (plans, codes));
    }
    let (mut plans, codes) = best.unwrap_or_default();
    choose::drop_formats(&mut plans, columns);
    Ok((plans, codes))
}

/// Codes all columns by these plans.
fn all(
    setting: Setting<'_>,
    coder: &mut Coder<'_>,
    columns: &mut [Column],
    views: &mut Views,
    plans: &[Plan],
) -> Result<Vec<Vec<u8>>> {
    let order = Order::new(plans, setting.rows)?;
    let mut codes = vec![Vec::new(); columns.len()];
    order.each(
        plans,
        columns,
        views,
        order.sequence(),
        |x, beside, column| {
            let mut side = BinaryEncoder::new();
            coder.code(&plans[x], beside, &mut side, column)?;
            codes[x] = side.finish();
            Ok(())
        },
    )?;
    Ok(codes)
}

/// Takes plans of columns that had shorter codes where none comes to need itself, those that save most first.
fn mix(ways: &[Vec<(Plan, usize)>], plans: &mut [Plan], lengths: &mut [usize], rows: usize) {
    loop {
        let mut swaps: Vec<(usize, usize, usize)> = Vec::new();
        for (x, ways) in ways.iter().enumerate() {
            let shorter = ways
                .iter()
                .enumerate()
                .filter(|(_, (_, length))| *length < lengths[x]);
            swaps.extend(shorter.map(|(k, (_, length))| (lengths[x] - length, x, k)));
        }
        swaps.sort_unstable_by(|a, b| b.cmp(a));
        let found = swaps.into_iter().find(|&(_, x, k)| {
            let before = std::mem::replace(&mut plans[x], ways[x][k].0.clone());
            let is_ordered = Order::new(plans, rows).is_ok();
            if !is_ordered {
                plans[x] = before;
            }
            is_ordered
        });
        let Some((_, x, k)) = found else { return };
        lengths[x] = ways[x][k].1;
    }
}
