//! How a column is coded.

use super::cells::Column;
use super::format::Format;
use super::{crowd, rare, tree};

/// A column whose values are a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub column: usize,
    pub view: View,
}

/// What of the values of a parent is a context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum View {
    /// All of it.
    #[default]
    Value,
    /// The range that it is in.
    Range,
    /// Its stem, what it is without digits.
    Stem,
}

impl View {
    /// As they are numbered.
    pub const ALL: [Self; 3] = [Self::Value, Self::Range, Self::Stem];
}

/// What is taken off a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// The number above.
    Above,
    /// What the number above is more than that above it.
    Slope,
    /// The number of another column, or its negative.
    Other { column: usize, negative: bool },
    /// What the number of another column is more than that above it.
    OtherSlope { column: usize },
}

impl Term {
    /// The column that it looks at beside its own.
    pub fn column(self) -> Option<usize> {
        match self {
            Self::Above | Self::Slope => None,
            Self::Other { column, .. } | Self::OtherSlope { column } => Some(column),
        }
    }
}

/// What the encoder chose for a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whether values are told where they come first; otherwise all before the first row.
    pub open: bool,
    /// Whether cells are coded as numbers.
    pub numeric: bool,
    /// How cells are numbers.
    pub format: Option<Format>,
    /// What is taken off numbers.
    pub terms: Vec<Term>,
    /// Columns that are contexts.
    pub parents: Vec<Parent>,
    /// The column whose echo is a context: what this one had where its value last came.
    pub echo: Option<usize>,
    /// Columns that are listened to, beside those of parents.
    pub more: Vec<usize>,
}

/// Values of a column of numbers that are told before the rows, at most.
const MOST_ORDERED: usize = 1 << 11;
/// Rows up to which values are told before them, together with those of other columns, if there are more columns than rows.
const FEW: usize = 32;

impl Plan {
    /// Whether values are to be told where they come first.
    pub fn is_open(rows: usize, columns: usize, values: usize) -> bool {
        (rows > FEW || rows >= columns) && values > 1 && (values > 256 || values * 8 > rows)
    }

    /// Whether numbers may be told before the rows where values are to be told as they come.
    pub fn may_be_ordered(rows: usize, values: usize) -> bool {
        values <= MOST_ORDERED && values * 4 <= rows
    }

    /// Whether values are told in the order of their numbers, and paths are in this order.
    pub fn is_ordered(&self) -> bool {
        !self.open && self.format.is_some()
    }

    /// Lengths of the paths of numbers, given how often each value comes.
    pub fn lengths(&self, counts: &[u32]) -> Vec<u8> {
        if self.open {
            return tree::lengths(&rare::weights(counts));
        }
        let weights: Vec<u64> = counts.iter().map(|&n| n.into()).collect();
        if self.is_ordered() {
            tree::ordered_lengths(&weights)
        } else {
            tree::lengths(&weights)
        }
    }

    /// Whether a column of this plan has one value, told before the rows, and so no code.
    pub fn is_constant(&self, column: &Column) -> bool {
        !self.open && !self.numeric && column.values.len() == 1
    }

    /// Columns that are listened to, parents first.
    pub fn crowd(&self) -> Vec<usize> {
        let mut crowd = Vec::new();
        let parents = self.parents.iter().map(|parent| parent.column);
        for column in parents.chain(self.more.iter().copied()) {
            if crowd.len() < crowd::MOST && !crowd.contains(&column) {
                crowd.push(column);
            }
        }
        crowd
    }

    /// Columns that must be known before.
    pub fn needs(&self) -> impl Iterator<Item = usize> + '_ {
        let parents = self.parents.iter().map(|parent| parent.column);
        let parents = parents.chain(self.echo).chain(self.more.iter().copied());
        parents.chain(self.terms.iter().filter_map(|term| term.column()))
    }
}
