//! Rows as far as they are known: what many columns before have together, and what came beside it.
//!
//! A row that is like another in all columns so far is mostly like it in the next. Where a table has no row twice, it is not:
//! the last column then has a value that it did not have beside all others. Both are told by what came in such rows.

use super::cells::Column;
use crate::cm::content::hashing::{fold, start};

/// Kinds of hashes of a row.
pub const KINDS: usize = 2;
/// Rows that a column must have for each of its values, in the mean, to count in a hash of each kind: a column of nearly as many
/// values as rows would make each row its own.
const ROWS: [usize; KINDS] = [16, 128];

/// Slots for what came beside keys in so many rows.
pub fn slots(rows: usize) -> usize {
    (2 * rows).next_power_of_two().clamp(2, 1 << 18)
}

/// The slot of a key.
#[inline(always)]
pub fn slot(key: u64, slots: usize) -> usize {
    (fold(key, 77) >> 40) as usize & (slots - 1)
}

/// Hashes of what columns have in each row, by kind.
#[derive(Debug, Clone)]
pub struct Joint([Vec<u64>; KINDS]);

impl Joint {
    /// Starts with no columns and so many rows.
    pub fn new(rows: usize) -> Self {
        Self(std::array::from_fn(|_| vec![0; rows]))
    }

    /// Adds a column. One of a single value tells nothing.
    pub fn add(&mut self, column: &Column) {
        for (hashes, rows) in self.0.iter_mut().zip(ROWS) {
            let values = column.values.len();
            if values > 1 && values.saturating_mul(rows) <= column.ids.len() {
                for (hash, &id) in hashes.iter_mut().zip(&column.ids) {
                    *hash = fold(*hash, id.into());
                }
            }
        }
    }

    /// The hashes of a row; none of a row that is not there.
    pub fn row(&self, at: usize) -> [u64; KINDS] {
        std::array::from_fn(|kind| self.0[kind].get(at).copied().unwrap_or(0))
    }
}

/// What came last, and before that, beside a key: numbers of values, plus 1.
type Pair = [u32; 2];

/// What came in rows that were alike.
#[derive(Debug)]
pub struct Past {
    /// Sums of hashes of all that came beside the first kind: the same whichever came first.
    sums: Vec<u64>,
    /// What came beside the second kind, and beside a value of the first parent.
    pairs: [Vec<Pair>; 2],
}

/// What [`Past`] tells before a row.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub sum: u64,
    pub pairs: [Pair; 2],
}

/// Memory in bytes of the past of so many rows, and of their hashes.
pub fn memory_bytes(rows: usize) -> u64 {
    let slots = slots(rows) * (size_of::<u64>() + 2 * size_of::<Pair>());
    (slots + KINDS * size_of::<u64>() * rows) as u64
}

impl Past {
    /// Starts before the first of so many rows.
    pub fn new(rows: usize) -> Self {
        let slots = slots(rows);
        Self {
            sums: vec![0; slots],
            pairs: std::array::from_fn(|_| vec![[0; 2]; slots]),
        }
    }

    /// Becomes as it was at first.
    pub fn restart(&mut self) {
        self.sums.fill(0);
        self.pairs.iter_mut().for_each(|pairs| pairs.fill([0; 2]));
    }

    fn slot(&self, key: u64) -> usize {
        slot(key, self.sums.len())
    }

    /// Tells what came in rows like one of which these are the hashes, and the value of the first parent.
    pub fn look(&self, joint: [u64; KINDS], parent: u64) -> Told {
        let [first, second] = joint.map(|key| self.slot(key));
        Told {
            sum: self.sums[first],
            pairs: [self.pairs[0][second], self.pairs[1][self.slot(parent)]],
        }
    }

    /// Learns which value such a row has.
    pub fn learn(&mut self, joint: [u64; KINDS], parent: u64, id: u32) {
        let [first, second] = joint.map(|key| self.slot(key));
        let parent = self.slot(parent);
        self.sums[first] = self.sums[first].wrapping_add(fold(start(id.into()), id.into()));
        for (pairs, at) in self.pairs.iter_mut().zip([second, parent]) {
            pairs[at] = [id + 1, pairs[at][0]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column with as many rows for each of its values.
    fn column(values: u32, rows: u32) -> Column {
        let mut cells = Vec::new();
        for row in 0..rows {
            cells.extend_from_slice(format!("{},", row % values).as_bytes());
        }
        Column::take(&mut &cells[..], rows as usize, b',')
    }

    #[test]
    fn columns_are_joined_unless_they_tell_much() {
        let mut joint = Joint::new(300);
        for values in [2, 1, 5, 200] {
            joint.add(&column(values, 300));
        }
        // Of the first kind rows are alike where both columns are, of the second where the first one is.
        for (row, like, unlike) in [(0, 10, 5), (3, 13, 1)] {
            assert_eq!(joint.row(row)[0], joint.row(like)[0]);
            assert_ne!(joint.row(row)[0], joint.row(unlike)[0]);
        }
        assert_eq!(joint.row(0)[1], joint.row(2)[1]);
        assert_ne!(joint.row(0)[1], joint.row(1)[1]);
        assert_eq!(joint.row(300), [0; KINDS]);
    }

    #[test]
    fn what_came_beside_rows_that_are_alike_is_told() {
        let mut past = Past::new(100);
        let keys = ([fold(0, 7), fold(0, 8)], fold(0, 9));
        for id in [3, 4] {
            past.learn(keys.0, keys.1, id);
        }
        let told = past.look(keys.0, keys.1);
        assert_eq!(told.pairs, [[5, 4]; 2]);
        // Which of them came first is not told by the sum.
        let mut other = Past::new(100);
        for id in [4, 3] {
            other.learn(keys.0, keys.1, id);
        }
        assert_eq!(other.look(keys.0, keys.1).sum, told.sum);
        assert_ne!(told.sum, 0);
        past.restart();
        let told = past.look(keys.0, keys.1);
        assert_eq!((told.sum, told.pairs), (0, [[0; 2]; 2]));
    }
}
