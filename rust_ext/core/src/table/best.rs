//! Encodes columns by the best plans that are found.
//!
//! Which parents a column has is chosen by estimates, so that other estimates choose others. At the last level columns are
//! coded in all these ways, and each has the shortest code that it can have: that of a column depends on its own plan alone.
//! Then plans are changed as long as codes become shorter.

use super::cells::{Column, Room};
use super::choose::{self, Choice};
use super::climb::climb;
use super::column::{Coder, Setting};
use super::needs;
use super::order::{each, order};
use super::parents::{Effort, MOST_MOVED};
use super::plan::Plan;
use super::trial::Tried;
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

/// The plan of a column and its code.
type Coded = (Plan, Vec<u8>);

/// Codes all columns; returns how, and the code of each.
///
/// # Errors
/// Those of coding.
pub fn code(
    setting: Setting<'_>,
    columns: &mut [Column],
    room: Room,
) -> Result<(Vec<Plan>, Vec<Vec<u8>>)> {
    let many = columns.len();
    let efforts = match setting.level {
        ALL_FROM.. if many <= MOST_MOVED => &EFFORTS[..],
        DEFAULT_LEVEL.. => &EFFORTS[..1],
        _ => &[FAST],
    };
    let mut coder = Coder::new(setting, room, false);
    let mut tried = Tried::new(many);
    let mut coded: Vec<Vec<Coded>> = vec![Vec::new(); many];
    // Which of these each column has, and the bytes of all.
    let mut best: Option<(Vec<usize>, usize)> = None;
    let mut last: Option<Choice> = None;
    for &effort in efforts {
        let mut choice = choose::plans(setting, columns, effort, &mut tried)?;
        let plans = &choice.plans;
        each(
            plans,
            columns,
            &mut choice.views,
            &order(plans)?,
            |x, beside, column| {
                if coded[x].iter().all(|(plan, _)| *plan != plans[x]) {
                    let mut side = BinaryEncoder::new();
                    coder.code(&plans[x], beside, &mut side, column)?;
                    coded[x].push((plans[x].clone(), side.finish()));
                }
                Ok(())
            },
        )?;
        let chosen: Vec<usize> = (0..many)
            .filter_map(|x| coded[x].iter().position(|(plan, _)| *plan == plans[x]))
            .collect();
        let bytes = chosen
            .iter()
            .zip(&coded)
            .map(|(&k, of)| of[k].1.len())
            .sum();
        if best.as_ref().is_none_or(|&(_, least)| bytes < least) {
            best = Some((chosen, bytes));
        }
        last = Some(choice);
    }
    let mut chosen = best.map(|(chosen, _)| chosen).unwrap_or_default();
    // In a large table what a column needs must stay a small part.
    if efforts.len() > 1 && !needs::is_large(setting.rows, many) {
        mix(&coded, &mut chosen);
    }
    let found = coded.into_iter().zip(chosen);
    let (mut plans, mut payloads): (Vec<Plan>, Vec<Vec<u8>>) =
        found.map(|(mut of, k)| of.swap_remove(k)).unzip();
    if let (true, Some(choice)) = (efforts.len() > 1, &mut last) {
        climb(
            setting,
            &mut coder,
            columns,
            choice,
            &mut plans,
            &mut payloads,
        )?;
    }
    choose::drop_formats(&mut plans, columns);
    Ok((plans, payloads))
}

/// Takes shorter codes of columns where none comes to need itself, those that save most first.
fn mix(coded: &[Vec<Coded>], chosen: &mut [usize]) {
    loop {
        let plans: Vec<Plan> = coded
            .iter()
            .zip(&*chosen)
            .map(|(of, &k)| of[k].0.clone())
            .collect();
        let mut swaps: Vec<(usize, usize, usize)> = Vec::new();
        for (x, of) in coded.iter().enumerate() {
            let now = of[chosen[x]].1.len();
            let shorter = of
                .iter()
                .enumerate()
                .filter(|(_, (_, code))| code.len() < now);
            swaps.extend(shorter.map(|(k, (_, code))| (now - code.len(), x, k)));
        }
        swaps.sort_unstable_by(|a, b| b.cmp(a));
        let found = swaps.into_iter().find(|&(_, x, k)| {
            let mut plans = plans.clone();
            plans[x] = coded[x][k].0.clone();
            order(&plans).is_ok()
        });
        let Some((_, x, k)) = found else { return };
        chosen[x] = k;
    }
}
