//! Tries ways of coding a column on some of its rows.

use super::cells::{Column, Room};
use super::column::{Beside, Coder, Setting};
use super::meter::Length;
use super::plan::Plan;
use super::symbols::{Looking, Symbols};
use super::views::Views;
use super::{DEFAULT_LEVEL, STRONG_LEVEL};
use crate::Result;
use std::ops::Range;

/// Rows that are looked at.
const ROWS: usize = 1 << 13;
/// Cells of a row of the table for which as many rows are, if these are more.
const CELLS: usize = 1 << 17;
/// A part of all rows at most, but that many at least.
const PART: usize = 4;
const LEAST: usize = 1 << 11;
/// Parts of the table that they are taken from.
const SLICES: usize = 4;
/// Rows at the fast levels.
const FAST_ROWS: usize = 1 << 11;
/// Bits of a byte of a value that is told before the rows, about.
const VALUE_BITS: f64 = 4.0;

/// What ways are tried on.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    pub setting: Setting<'a>,
    pub columns: &'a [Column],
    pub views: &'a Views,
}

/// What ways of coding each column took: plans that differ in other columns try the same ones again.
#[derive(Debug)]
pub struct Tried(Vec<Vec<(Plan, f64)>>);

impl Tried {
    /// Starts with none of so many columns.
    pub fn new(columns: usize) -> Self {
        Self(vec![Vec::new(); columns])
    }
}

impl Trial<'_> {
    /// The best of a plan, the same without terms, and without numbers.
    ///
    /// # Errors
    /// Those of coding.
    pub fn best(&self, x: usize, plan: &Plan, tried: &mut Tried) -> Result<Plan> {
        let rows = self.setting.rows;
        let plain = Plan {
            open: Plan::is_open(rows, self.columns.len(), self.columns[x].values.len()),
            numeric: false,
            terms: Vec::new(),
            ..plan.clone()
        };
        let mut ways = vec![plain.clone()];
        if plain.open {
            ways.push(Plan {
                numeric: true,
                ..plain.clone()
            });
        }
        if plan.numeric {
            ways.push(plan.clone());
        }
        if ways.len() < 2 {
            return Ok(plain);
        }
        let slices = self.slices();
        let part = self.columns[x].part(&slices);
        let of_slices = |ids: &[u32]| -> Vec<u32> {
            let slices = slices.iter().flat_map(|rows| &ids[rows.clone()]);
            slices.copied().collect()
        };
        let parents = plan.parents.iter();
        let keys: Vec<Vec<u32>> = parents
            .map(|&parent| of_slices(self.views.key(parent, self.columns)))
            .collect();
        let keys: Vec<&[u32]> = keys.iter().map(|keys| &keys[..]).collect();
        let mut best = (f64::INFINITY, plain);
        for way in ways {
            let known = tried.0[x].iter().find(|(plan, _)| *plan == way);
            let bits = if let Some(&(_, bits)) = known {
                bits
            } else {
                let bits = self.bits(x, &way, &slices, &part, &keys)?;
                tried.0[x].push((way.clone(), bits));
                bits
            };
            if bits < best.0 {
                best = (bits, way);
            }
        }
        Ok(best.1)
    }

    fn slices(&self) -> Vec<Range<usize>> {
        let rows = self.setting.rows;
        let most = ROWS.max(CELLS / self.columns.len());
        let most = if self.setting.level < DEFAULT_LEVEL {
            FAST_ROWS
        } else {
            most.min((rows / PART).max(LEAST))
        };
        if self.setting.level >= STRONG_LEVEL || rows <= most {
            return std::iter::once(0..rows).collect();
        }
        let slice = most / SLICES;
        let first = |k: usize| (rows - slice) * k / (SLICES - 1);
        (0..SLICES).map(|k| first(k)..first(k) + slice).collect()
    }

    /// About how many bits a column takes, of which a part is tried.
    fn bits(
        &self,
        x: usize,
        way: &Plan,
        slices: &[Range<usize>],
        part: &Column,
        parents: &[&[u32]],
    ) -> Result<f64> {
        let column = &self.columns[x];
        let terms = self.views.looking(way).unwrap_or_default();
        let parts: Vec<_> = terms.iter().map(|term| term.part(slices)).collect();
        let terms_of_part: Vec<Looking<'_>> = parts.iter().map(Looking::of).collect();
        // How many values there are, here and in the whole column.
        let kinds = |column: &Column, terms: &[Looking<'_>]| match (&way.format, way.numeric) {
            (Some(format), true) => Symbols::new(column, format, terms).kinds.len(),
            _ => column.values.len(),
        };
        let more = kinds(column, &terms) as f64 / kinds(part, &terms_of_part) as f64;
        let mut side = Length::new();
        let (rows, tried) = (self.setting.rows, part.ids.len());
        let setting = Setting {
            rows: tried,
            ..self.setting
        };
        let beside = Beside {
            parents,
            terms: &terms_of_part,
            before: 1,
        };
        let mut coder = Coder::new(setting, Room::new(usize::MAX), false);
        coder.code(way, beside, &mut side, &mut part.clone())?;
        let [first, of_values, second] = side.finish();
        // Rows that are not looked at take as much as those of the second half.
        let others = (rows - tried) as f64 / (tried - tried / 2) as f64;
        let mut bits = first + second * (1.0 + others) + of_values * more;
        if !way.open && !way.numeric {
            let values = column.values.iter();
            let told: usize = values.map(|value| value.len() + 1).sum();
            bits += VALUE_BITS * told as f64;
        }
        Ok(bits)
    }
}
