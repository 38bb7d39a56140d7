//! What columns are to others: values, ranges of values, numbers.

use super::cells::Column;
use super::plan::{Parent, Plan, View};
use super::symbols::{Looking, Series};

/// Of each column ranges of its values, their stems and its numbers, where something looks at them.
#[derive(Debug)]
pub struct Views {
    pub coarse: Vec<Option<Vec<u32>>>,
    pub stems: Vec<Option<Vec<u32>>>,
    pub numbers: Vec<Option<Series>>,
}

impl Views {
    /// Starts with nothing of `many` columns.
    pub fn new(many: usize) -> Self {
        Self {
            coarse: vec![None; many],
            stems: vec![None; many],
            numbers: vec![None; many],
        }
    }

    /// Makes what a column looks at, unless it was made before.
    pub fn make(&mut self, plan: &Plan, plans: &[Plan], columns: &[Column]) {
        for &Parent { column: y, view } in &plan.parents {
            match view {
                View::Value => {}
                View::Range => self.make_coarse(y, plans, columns),
                View::Stem => {
                    self.stems[y].get_or_insert_with(|| columns[y].stems());
                }
            }
        }
        for y in plan.crowd() {
            if columns[y].is_fine() {
                self.make_coarse(y, plans, columns);
            }
        }
        for y in plan.terms.iter().filter_map(|term| term.column()) {
            if let (None, Some(format)) = (&self.numbers[y], &plans[y].format) {
                self.numbers[y] = Some(Series::new(&columns[y], format));
            }
        }
    }

    fn make_coarse(&mut self, y: usize, plans: &[Plan], columns: &[Column]) {
        self.coarse[y].get_or_insert_with(|| columns[y].coarse(plans[y].format.as_ref()));
    }

    /// What is heard of a column that is listened to: its values, or their ranges where they are many.
    pub fn heard<'a>(&'a self, column: usize, columns: &'a [Column]) -> &'a [u32] {
        let view = if columns[column].is_fine() {
            View::Range
        } else {
            View::Value
        };
        self.key(Parent { column, view }, columns)
    }

    /// Values of a parent, or what counts of them.
    pub fn key<'a>(&'a self, parent: Parent, columns: &'a [Column]) -> &'a [u32] {
        let made = match parent.view {
            View::Value => &None,
            View::Range => &self.coarse[parent.column],
            View::Stem => &self.stems[parent.column],
        };
        made.as_deref().unwrap_or(&columns[parent.column].ids)
    }

    /// The terms of a plan with the numbers that they look at; none where these cannot be compared.
    pub fn looking(&self, plan: &Plan) -> Option<Vec<Looking<'_>>> {
        let Some(format) = &plan.format else {
            return plan.terms.is_empty().then(Vec::new);
        };
        plan.terms
            .iter()
            .map(|&term| {
                let other = term
                    .column()
                    .and_then(|column| self.numbers[column].as_ref());
                Looking::new(term, format, other)
            })
            .collect()
    }
}
