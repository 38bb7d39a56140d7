//! Moves columns in the order in which they are coded.
//!
//! Parents that were found one by one may leave a column alone that much could be told of, since all that tells something of
//! it came to need it. Such a column is put behind those that it would have for parents, and those between find other
//! parents, as long as all together become shorter (insertion, as in searches over orders of Bayesian networks: Teyssier and
//! Koller, 2005).

use super::super::needs::Needs;
use super::{Chosen, Mixed, Search, WORTH};

/// Columns that may be looked at anew, for each one.
const EFFORT: usize = 8;

/// Columns behind those that they need; none of more columns than needs are kept of.
pub(super) fn order(needs: &Needs, many: usize) -> Option<Vec<usize>> {
    let mut order = Vec::with_capacity(many);
    let mut placed = vec![false; many];
    while order.len() < many {
        let before = order.len();
        for x in 0..many {
            if !placed[x] && (0..many).all(|y| placed[y] || !needs.needs(x, y)) {
                placed[x] = true;
                order.push(x);
            }
        }
        if order.len() == before {
            return None;
        }
    }
    Some(order)
}

/// Where a column goes, and what becomes of those whose parents change.
struct Move {
    gain: f32,
    order: Vec<usize>,
    changes: Vec<(usize, Chosen<usize>, f32)>,
}

impl Search<'_> {
    /// The best parents of a column among those that are allowed, and the bits that are left.
    fn chosen(&mut self, x: usize, allowed: impl Fn(usize) -> bool) -> (Chosen<usize>, f32) {
        let first = self.gains[x].iter().find(|&&(gain, y)| {
            gain > WORTH && !self.sample.keys[y].rare && allowed(self.column(y))
        });
        let first = first.map(|&(_, y)| y);
        let mut mixed: Mixed = self.start(x, first);
        let mut parents: Vec<usize> = first.into_iter().collect();
        while let Some(y) = self.more(&parents, &allowed, &mut mixed) {
            parents.push(y);
        }
        let echo = self.echo(first, &allowed, &mut mixed);
        (
            Chosen {
                parents,
                echo,
                more: Vec::new(),
            },
            mixed.bits,
        )
    }

    /// Changes what is `chosen`, with which columns take `bits`, and what is needed, where that saves something; `base` is needed
    /// however parents are chosen.
    pub(super) fn reorder(
        &mut self,
        base: &Needs,
        needs: &mut Needs,
        chosen: &mut Vec<Chosen<usize>>,
        mut bits: Vec<f32>,
    ) {
        let many = chosen.len();
        let Some(mut order) = order(needs, many) else {
            return;
        };
        // What each would have if it came last.
        let wished: Vec<(Chosen<usize>, f32)> = (0..many)
            .map(|x| {
                if self.gains[x].is_empty() {
                    (Chosen::default(), bits[x])
                } else {
                    self.chosen(x, |y| !base.needs(y, x))
                }
            })
            .collect();
        let mut left = EFFORT * many;
        for x in self.sample.echoes.clone() {
            let found = self.first(x, base, &order, &bits, &mut left);
            self.take(found, base, needs, chosen, &mut bits, &mut order);
        }
        let mut tried = vec![false; many];
        while left > 0 {
            let loss = |x: usize| bits[x] - wished[x].1;
            let worst = (0..many)
                .filter(|&x| !tried[x] && loss(x) > 2.0 * WORTH)
                .max_by(|&a, &b| loss(a).total_cmp(&loss(b)));
            let Some(x) = worst else { break };
            tried[x] = true;
            let found = self.moved(x, &wished[x].0, base, &order, chosen, &bits, &mut left);
            for y in self.take(found, base, needs, chosen, &mut bits, &mut order) {
                tried[y] = y == x;
            }
        }
    }

    /// Makes a move, if there is one and all that is needed then is allowed; returns the columns whose parents changed.
    fn take(
        &self,
        found: Option<Move>,
        base: &Needs,
        needs: &mut Needs,
        chosen: &mut Vec<Chosen<usize>>,
        bits: &mut [f32],
        order: &mut Vec<usize>,
    ) -> Vec<usize> {
        let Some(found) = found else {
            return Vec::new();
        };
        let mut next = chosen.clone();
        for (y, of, _) in &found.changes {
            next[*y].clone_from(of);
        }
        let Some(all) = self.linked(base, &found.order, &next) else {
            return Vec::new();
        };
        (*chosen, *needs, *order) = (next, all, found.order);
        let changed = found.changes.into_iter().map(|(y, _, after)| {
            bits[y] = after;
            y
        });
        changed.collect()
    }

    /// A column that others may have an echo of as the first of all, if that saves something: one after the other they would
    /// not come behind it.
    fn first(
        &mut self,
        x: usize,
        base: &Needs,
        order: &[usize],
        bits: &[f32],
        left: &mut usize,
    ) -> Option<Move> {
        let at = order.iter().position(|&y| y == x)?;
        let stays = order[..at].iter().any(|&y| base.needs(x, y));
        if stays || at == 0 || *left < at {
            return None;
        }
        let mut next = order.to_vec();
        next[..=at].rotate_right(1);
        let (mut changes, mut gain) = (Vec::new(), 0.0);
        for (position, &y) in next[..=at].iter().enumerate() {
            let (of, after) = self.chosen(y, |z| next[..position].contains(&z));
            *left = left.saturating_sub(1);
            gain += bits[y] - after;
            changes.push((y, of, after));
        }
        (gain > WORTH).then_some(Move {
            gain,
            order: next,
            changes,
        })
    }

    /// The best place of a column behind one of those that it wishes for, if that saves something.
    #[allow(clippy::too_many_arguments)] // all that is known of the order
    fn moved(
        &mut self,
        x: usize,
        wished: &Chosen<usize>,
        base: &Needs,
        order: &[usize],
        chosen: &[Chosen<usize>],
        bits: &[f32],
        left: &mut usize,
    ) -> Option<Move> {
        let at = order.iter().position(|&y| y == x)?;
        let mut places: Vec<usize> = self
            .columns_of(wished)
            .filter_map(|y| order.iter().position(|&z| z == y))
            .chain([order.len() - 1])
            .filter(|&place| place > at)
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut best: Option<Move> = None;
        for place in places {
            if *left == 0 || order[at + 1..=place].iter().any(|&y| base.needs(y, x)) {
                break;
            }
            let mut next = order.to_vec();
            next[at..=place].rotate_left(1);
            let mut positions = vec![0; next.len()];
            for (position, &y) in next.iter().enumerate() {
                positions[y] = position;
            }
            let mut changes = Vec::new();
            let mut gain = 0.0;
            for &y in &next[at..=place] {
                if y == x || self.columns_of(&chosen[y]).any(|p| p == x) {
                    let (of, after) = self.chosen(y, |z| positions[z] < positions[y]);
                    *left = left.saturating_sub(1);
                    gain += bits[y] - after;
                    changes.push((y, of, after));
                }
            }
            if gain > best.as_ref().map_or(WORTH, |best| best.gain) {
                best = Some(Move {
                    gain,
                    order: next,
                    changes,
                });
            }
        }
        best
    }

    /// Columns that a column is coded beside.
    fn columns_of<'s>(&'s self, chosen: &'s Chosen<usize>) -> impl Iterator<Item = usize> + 's {
        let parents = chosen.parents.iter().map(|&y| self.column(y));
        parents.chain(chosen.echo)
    }

    /// What is needed with some parents, if all of them are allowed.
    fn linked(&self, base: &Needs, order: &[usize], chosen: &[Chosen<usize>]) -> Option<Needs> {
        let mut needs = base.clone();
        for &x in order {
            for column in self.columns_of(&chosen[x]) {
                if !needs.allows(x, column) {
                    return None;
                }
                needs.link(x, column);
            }
        }
        Some(needs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::needs::Needs;
    use super::super::{Chosen, Effort, Search, Seen};

    const ROWS: usize = 2000;

    /// Numbers below 8, the same twice, and others.
    fn columns() -> [Vec<u32>; 3] {
        let mut state = 1_u64;
        let mut draw = || -> Vec<u32> {
            std::iter::repeat_with(|| {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                (state >> 61) as u32
            })
            .take(ROWS)
            .collect()
        };
        let (first, other) = (draw(), draw());
        [first.clone(), first, other]
    }

    fn search(columns: &[Vec<u32>]) -> Search<'_> {
        let seen = |ids| Seen {
            target: ids,
            ids,
            values: 8,
            coarse: None,
            stems: None,
        };
        let columns: Vec<Seen<'_>> = columns.iter().map(|ids| seen(ids)).collect();
        let effort = Effort {
            rows: ROWS,
            near: 12,
        };
        Search::new(&columns, ROWS, effort)
    }

    /// Parents of columns that had none, where some are needed anyway.
    fn reordered(base: &Needs) -> (Vec<Vec<usize>>, Needs) {
        let columns = columns();
        let mut search = search(&columns);
        let (mut needs, mut chosen) = (base.clone(), vec![Chosen::default(); 3]);
        let bits = (0..3).map(|x| search.chosen(x, |_| false).1).collect();
        search.reorder(base, &mut needs, &mut chosen, bits);
        let columns = chosen
            .iter()
            .map(|of| search.columns_of(of).collect())
            .collect();
        (columns, needs)
    }

    #[test]
    fn a_column_is_put_behind_one_that_tells_it() {
        let (parents, needs) = reordered(&Needs::new(vec![1.0; 3], ROWS));
        assert_eq!(parents, [vec![], vec![0], vec![]]);
        assert!(needs.needs(1, 0) && !needs.needs(0, 1) && !needs.needs(2, 0));
    }

    #[test]
    fn a_column_stays_before_those_that_need_it_anyway() {
        let mut base = Needs::new(vec![1.0; 3], ROWS);
        base.link(0, 1);
        let (parents, needs) = reordered(&base);
        assert!(parents[1].is_empty());
        assert!(needs.needs(0, 1) && !needs.needs(1, 0));
    }
}
