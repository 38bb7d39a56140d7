//! Which columns a column needs to be decoded.

/// Columns up to which all that each needs is kept; among more, a column can need those to its left alone.
const MANY: usize = 1 << 10;
/// Cells from which a column must be decoded in a part of the time of the table.
const LARGE: usize = 1 << 20;
/// That part, and how much longer a column may take than it would alone, if it takes more.
const PART: f32 = 0.08;
const LONGER: f32 = 1.25;

/// Which columns each column needs, itself among them.
#[derive(Debug, Clone)]
pub struct Needs {
    of: Vec<Vec<u64>>,
    /// About how long each takes, and how long it may take with those that it needs.
    costs: Vec<f32>,
    most: Vec<f32>,
}

impl Needs {
    /// Starts with columns that need none but themselves; `costs` tells about how long each takes to decode.
    pub fn new(costs: Vec<f32>, rows: usize) -> Self {
        let many = costs.len();
        let one = |x: usize| {
            let mut needs = vec![0; many.div_ceil(64)];
            needs[x / 64] = 1 << (x % 64);
            needs
        };
        let part = if is_large(rows, many) {
            PART * costs.iter().sum::<f32>()
        } else {
            f32::INFINITY
        };
        Self {
            of: if many > MANY {
                Vec::new()
            } else {
                (0..many).map(one).collect()
            },
            most: costs.iter().map(|&cost| part.max(LONGER * cost)).collect(),
            costs,
        }
    }

    /// Whether all that each column needs is kept.
    pub fn is_kept(&self) -> bool {
        !self.of.is_empty()
    }

    fn has(needs: &[u64], x: usize) -> bool {
        needs[x / 64] >> (x % 64) & 1 == 1
    }

    fn cost(&self, words: impl Iterator<Item = u64>) -> f32 {
        let mut sum = 0.0;
        for (at, mut word) in words.enumerate() {
            while word != 0 {
                sum += self.costs[64 * at + word.trailing_zeros() as usize];
                word &= word - 1;
            }
        }
        sum
    }

    /// Whether `x` can come to need `y`.
    pub fn allows(&self, x: usize, y: usize) -> bool {
        if self.of.is_empty() {
            return y < x;
        }
        let of_y = &self.of[y];
        if Self::has(of_y, x) {
            return false;
        }
        if self.most[x].is_infinite() || Self::has(&self.of[x], y) {
            return true;
        }
        self.of
            .iter()
            .zip(&self.most)
            .filter(|(needs, _)| Self::has(needs, x))
            .all(|(needs, &most)| self.cost(needs.iter().zip(of_y).map(|(a, b)| a | b)) <= most)
    }

    /// Whether `x` needs `y`, another column.
    pub fn needs(&self, x: usize, y: usize) -> bool {
        x != y && !self.of.is_empty() && Self::has(&self.of[x], y)
    }

    /// Lets `x` need `y`, which [`Self::allows`] allowed.
    pub fn link(&mut self, x: usize, y: usize) {
        if self.of.is_empty() {
            return;
        }
        let of_y = self.of[y].clone();
        for needs in self.of.iter_mut().filter(|needs| Self::has(needs, x)) {
            for (has, more) in needs.iter_mut().zip(&of_y) {
                *has |= more;
            }
        }
    }
}

/// Whether a column must be decoded in a part of the time of the table.
pub fn is_large(rows: usize, columns: usize) -> bool {
    rows * columns >= LARGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_do_not_need_each_other() {
        let mut needs = Needs::new(vec![1.0; 3], 10);
        assert!(needs.allows(0, 1));
        needs.link(0, 1);
        assert!(needs.allows(1, 2));
        needs.link(1, 2);
        assert!(!needs.allows(1, 0) && !needs.allows(2, 0) && !needs.allows(2, 1));
        assert!(needs.allows(0, 2));
    }

    #[test]
    fn in_a_large_table_a_column_needs_a_part_of_it() {
        let mut needs = Needs::new(vec![1.0; 100], LARGE);
        let mut linked = 0;
        for y in 1..100 {
            if needs.allows(0, y) {
                needs.link(0, y);
                linked += 1;
            }
        }
        assert_eq!(linked, 7);
        // What needs column 0 needs all of these.
        needs.link(50, 0);
        assert!(!needs.allows(0, 20));
    }

    #[test]
    fn of_many_columns_those_to_the_left_can_be_needed() {
        let needs = Needs::new(vec![1.0; MANY + 1], 1);
        assert!(needs.allows(5, 4) && !needs.allows(4, 5));
    }
}
