//! Tries ways of coding a column on some of its rows.

use super::cells::{Column, Room};
use super::column::{Beside, Coder, Setting};
use super::format::Format;
use super::meter::Length;
use super::past::Joint;
use super::plan::Plan;
use super::symbols::{Looking, Symbols};
use super::views::Views;
use super::{DEFAULT_LEVEL, STRONG_LEVEL};
use crate::Result;
use std::ops::Range;

/// Rows that are looked at.
const ROWS: usize = 1 << 11;
/// Cells of a row of the table for which as many rows are, if these are more.
const CELLS: usize = 1 << 15;
/// A part of all rows at most, but that many at least.
const PART: usize = 8;
const LEAST: usize = 1 << 11;
/// Parts of the table that they are taken from.
const SLICES: usize = 4;
/// Rows at the fast levels.
const FAST_ROWS: usize = 1 << 11;
/// Of so many rows and more, that part comes first, and leaves ways out that take so much more than the best.
const ROUGH_FROM: usize = 3 << 10;
const ROUGH_PART: usize = 4;
const ROUGH_WORTH: f64 = 1.15;
/// Bits of a byte of a value that is told before the rows, about.
const VALUE_BITS: f64 = 4.0;
/// Bits of what a number is more than the one before, beside its own.
const GAP_BITS: f64 = 3.0;

/// About how many bits it takes to tell all values of a column before the rows.
fn told_bits(column: &Column, format: Option<&Format>) -> f64 {
    let (numbers, order) = column.sorted(format);
    let values = column.values.iter().zip(&numbers);
    let text = values.filter(|(_, number)| number.is_none());
    let bytes: usize = text.map(|(value, _)| value.len() + 1).sum();
    let numbers: Vec<i64> = order
        .iter()
        .filter_map(|&at| numbers[at as usize])
        .collect();
    let gaps = numbers.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
    let bits: f64 = gaps.map(|gap| (gap as f64).log2() + GAP_BITS).sum();
    VALUE_BITS * bytes as f64 + bits
}

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
        // Those that are longer than one before are left early: the likely ones come first.
        let mut ways = Vec::new();
        if plan.numeric {
            ways.push(plan.clone());
        }
        if plain.open {
            ways.push(Plan {
                numeric: true,
                ..plain.clone()
            });
        }
        // Many numbers may be known before the rows all the same: paths are in their order then.
        if plain.open && Plan::may_be_ordered(rows, self.columns[x].values.len()) {
            ways.push(Plan {
                open: false,
                ..plain.clone()
            });
        }
        ways.push(plain.clone());
        if ways.len() < 2 {
            return Ok(plain);
        }
        let slices = self.slices();
        let tried_rows: usize = slices.iter().map(Range::len).sum();
        if tried_rows >= ROUGH_FROM && self.setting.level < STRONG_LEVEL {
            let rough: Vec<Range<usize>> = slices
                .iter()
                .map(|rows| rows.start..rows.start + rows.len() / ROUGH_PART)
                .collect();
            let bits = self.all(x, &ways, &rough, ROUGH_WORTH, &mut Vec::new())?;
            let least = bits.iter().copied().fold(f64::INFINITY, f64::min);
            let mut bits = bits.iter();
            ways.retain(|_| bits.next().is_some_and(|&bits| bits <= ROUGH_WORTH * least));
        }
        if ways.len() < 2 {
            return Ok(ways.swap_remove(0));
        }
        let bits = self.all(x, &ways, &slices, 1.0, &mut tried.0[x])?;
        let least = (0..ways.len()).min_by(|&a, &b| bits[a].total_cmp(&bits[b]));
        Ok(ways.swap_remove(least.unwrap_or_default()))
    }

    /// About how many bits each way takes, tried on some rows; where it is more than `worth` times another, something between.
    fn all(
        &self,
        x: usize,
        ways: &[Plan],
        slices: &[Range<usize>],
        worth: f64,
        tried: &mut Vec<(Plan, f64)>,
    ) -> Result<Vec<f64>> {
        let part = self.columns[x].part(slices);
        let of_slices = |ids: &[u32]| -> Vec<u32> {
            let slices = slices.iter().flat_map(|rows| &ids[rows.clone()]);
            slices.copied().collect()
        };
        let parents = ways[0].parents.iter();
        let keys: Vec<Vec<u32>> = parents
            .map(|&parent| of_slices(self.views.key(parent, self.columns)))
            .collect();
        let keys: Vec<&[u32]> = keys.iter().map(|keys| &keys[..]).collect();
        let echo = ways[0].echo.map(|y| of_slices(&self.columns[y].ids));
        let parents = (&keys[..], echo.as_deref());
        let mut least = f64::INFINITY;
        let mut all = Vec::with_capacity(ways.len());
        for way in ways {
            let known = tried.iter().find(|(plan, _)| plan == way);
            let bits = if let Some(&(_, bits)) = known {
                bits
            } else {
                let bits = self.bits(x, way, slices, &part, parents, worth * least)?;
                tried.push((way.clone(), bits));
                bits
            };
            least = least.min(bits);
            all.push(bits);
        }
        Ok(all)
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

    /// About how many bits a column takes, of which a part is tried; where it is more than `most`, something between.
    fn bits(
        &self,
        x: usize,
        way: &Plan,
        slices: &[Range<usize>],
        part: &Column,
        (parents, echo): (&[&[u32]], Option<&[u32]>),
        most: f64,
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
        let (rows, tried) = (self.setting.rows, part.ids.len());
        // Rows that are not looked at take as much as those of the second half.
        let others = (rows - tried) as f64 / (tried - tried / 2) as f64;
        let told = if way.open || way.numeric {
            0.0
        } else {
            told_bits(column, way.format.as_ref())
        };
        let mut side = Length::new([1.0, more, 1.0 + others], most - told);
        // Fewer contexts tell enough about more.
        let level = match self.setting.level {
            level @ STRONG_LEVEL.. => level,
            level => level.min(DEFAULT_LEVEL - 1),
        };
        let setting = Setting {
            rows: tried,
            level,
            ..self.setting
        };
        let beside = Beside {
            parents,
            crowd: &[],
            echo,
            terms: &terms_of_part,
            joint: &Joint::new(0),
            before: 1,
        };
        let mut coder = Coder::new(setting, Room::new(usize::MAX), false);
        match coder.code(way, beside, &mut side, &mut part.clone()) {
            Err(_) if side.is_over() => {}
            result => result?,
        }
        Ok(side.total() + told)
    }
}
