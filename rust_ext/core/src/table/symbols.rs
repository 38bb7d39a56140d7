//! What is coded in place of cells: cells themselves, or what numbers are more than expected.

use super::cells::{Column, Values};
use super::format::Format;
use super::plan::Term;
use foldhash::{HashMap, HashMapExt};
use std::ops::Range;

/// Series of a column, row by row.
#[derive(Debug, Clone)]
pub struct Series {
    /// Where a cell is no number, the one above stands.
    pub rows: Vec<i64>,
    pub format: Format,
}

impl Series {
    /// Reads the cells of a column.
    pub fn new(column: &Column, format: &Format) -> Self {
        let each = parse(&column.values, format);
        let mut last = 0;
        let rows = column.ids.iter().map(|&id| {
            last = each[id as usize].unwrap_or(last);
            last
        });
        Self {
            rows: rows.collect(),
            format: format.clone(),
        }
    }
}

/// The numbers of values.
pub fn parse(values: &Values, format: &Format) -> Vec<Option<i64>> {
    let mut scratch = Vec::new();
    values
        .iter()
        .map(|value| format.parse(value, &mut scratch))
        .collect()
}

/// Series of a column, with their factor and divisor.
pub type Scaled = (Vec<i64>, i64, i64);

/// A term, and the numbers that it looks at.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'a> {
    term: Term,
    /// Of another column: numbers, and factor and divisor of them.
    other: Option<(&'a [i64], i64, i64)>,
}

impl<'a> Looking<'a> {
    /// Joins a term to the numbers of its column; none where these cannot be compared.
    pub fn new(term: Term, format: &Format, other: Option<&'a Series>) -> Option<Self> {
        let other = match (term.column(), other) {
            (None, _) => None,
            (Some(_), Some(other)) => {
                let (factor, divisor) = format.step(&other.format)?;
                Some((&other.rows[..], factor, divisor))
            }
            (Some(_), None) => return None,
        };
        Some(Self { term, other })
    }

    /// The same of some rows alone.
    pub fn part(&self, rows: &[Range<usize>]) -> (Term, Option<Scaled>) {
        let of = |numbers: &[i64]| {
            rows.iter()
                .flat_map(|rows| &numbers[rows.clone()])
                .copied()
                .collect()
        };
        (
            self.term,
            self.other
                .map(|(numbers, factor, divisor)| (of(numbers), factor, divisor)),
        )
    }

    /// Looks at numbers that were taken out by [`Self::part`].
    pub fn of((term, other): &'a (Term, Option<Scaled>)) -> Self {
        let other = other
            .as_ref()
            .map(|(numbers, factor, divisor)| (&numbers[..], *factor, *divisor));
        Self { term: *term, other }
    }

    /// What it takes off at a row, given the numbers above.
    #[inline]
    pub fn at(&self, row: usize, own: &[i64]) -> i64 {
        let above = |k: usize| if row >= k { own[row - k] } else { 0 };
        let (numbers, factor, divisor) = self.other.unwrap_or((&[], 1, 1));
        let other = |k: usize| {
            if row >= k {
                numbers[row - k].wrapping_mul(factor) / divisor
            } else {
                0
            }
        };
        match self.term {
            Term::Above => above(1),
            Term::Slope if row >= 2 => above(1).wrapping_sub(above(2)),
            Term::Other { negative, .. } => {
                if negative {
                    other(0).wrapping_neg()
                } else {
                    other(0)
                }
            }
            Term::OtherSlope { .. } if row >= 1 => other(0).wrapping_sub(other(1)),
            Term::Slope | Term::OtherSlope { .. } => 0,
        }
    }
}

/// What is taken off at a row.
pub fn base(terms: &[Looking<'_>], row: usize, own: &[i64]) -> i64 {
    terms
        .iter()
        .fold(0, |sum, term| sum.wrapping_add(term.at(row, own)))
}

/// What stands for a cell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// The cell is a number, so much more than what was taken off.
    Number(i64),
    /// The cell is text.
    Text(Vec<u8>),
}

/// The symbols of a column: different ones in the order in which they are told, and which one each row has.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    pub kinds: Vec<Symbol>,
    pub rows: Vec<u32>,
}

impl Symbols {
    /// Finds the symbols of a column that is coded as numbers.
    pub fn new(column: &Column, format: &Format, terms: &[Looking<'_>]) -> Self {
        let each = parse(&column.values, format);
        let mut found = Self::default();
        let mut known: HashMap<Symbol, u32> = HashMap::new();
        let (mut own, mut last) = (Vec::with_capacity(column.ids.len()), 0);
        for (row, &id) in column.ids.iter().enumerate() {
            let symbol = match each[id as usize] {
                Some(number) => {
                    last = number;
                    Symbol::Number(number.wrapping_sub(base(terms, row, &own)))
                }
                None => Symbol::Text(column.values.get(id as usize).to_vec()),
            };
            own.push(last);
            let next = found.kinds.len() as u32;
            let at = *known.entry(symbol).or_insert_with_key(|symbol| {
                found.kinds.push(symbol.clone());
                next
            });
            found.rows.push(at);
        }
        found
    }

    /// Puts symbols in order: text by bytes, then numbers.
    pub fn sort(&mut self) {
        let key = |symbol: &Symbol| match symbol {
            Symbol::Text(text) => (None, text.clone()),
            Symbol::Number(number) => (Some(*number), Vec::new()),
        };
        let mut order: Vec<usize> = (0..self.kinds.len()).collect();
        order.sort_by_cached_key(|&at| key(&self.kinds[at]));
        let mut places = vec![0; order.len()];
        for (place, &at) in order.iter().enumerate() {
            places[at] = place as u32;
        }
        self.kinds = order.iter().map(|&at| self.kinds[at].clone()).collect();
        for at in &mut self.rows {
            *at = places[*at as usize];
        }
    }

    /// How often each symbol comes.
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.kinds.len()];
        for &at in &self.rows {
            counts[at as usize] += 1;
        }
        counts
    }
}
