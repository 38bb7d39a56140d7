//! Weights as they are stored: rows whole or without their zeros, emissions as tables or as shares of shapes.

use super::tree::wrong;
use crate::Result;

/// Shapes are at most so many; sums of products of 16 bits are below 2^42 then.
const MAX_SHAPES: usize = 1024;

/// Rows of whole numbers as parts of their sums. Both become floats of 32 bits first.
pub fn parts<N: Copy + Into<u64>>(rows: &[N], width: usize) -> Result<Vec<f32>> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(width) {
        // Exact: at most 2^10 values, each below 2^42.
        let sum: u64 = row.iter().map(|&q| q.into()).sum();
        if sum == 0 {
            return Err(wrong("row of a circuit has no weight"));
        }
        #[allow(clippy::cast_precision_loss)]
        let part = |q: u64| q as f32 / sum as f32;
        out.extend(row.iter().map(|&q| part(q.into())));
    }
    Ok(out)
}

/// Takes the first values of a slice.
fn take<'a>(rest: &mut &'a [u16], count: usize) -> Result<&'a [u16]> {
    let (taken, after) = rest
        .split_at_checked(count)
        .ok_or_else(|| wrong("circuit has too few weights"))?;
    *rest = after;
    Ok(taken)
}

/// Transitions that were not taken yet.
pub enum Transitions<'a> {
    /// All of each row.
    Whole(&'a [u16]),
    /// Those that are not zero.
    Edges {
        /// How many there are in each row.
        counts: &'a [u16],
        /// The state that each leads to; in a row they ascend.
        targets: &'a [u16],
        /// Weights.
        weights: &'a [u16],
    },
}

/// Places for edges that a file without zeros may have: so many, and so many more for each edge, since all are looked at.
const FREE_PLACES: usize = 1 << 22;
const PLACES_AN_EDGE: usize = 1 << 8;

impl Transitions<'_> {
    /// How many places for edges there may be.
    pub fn most(&self) -> usize {
        match self {
            Self::Whole(weights) => weights.len(),
            Self::Edges { targets, .. } => FREE_PLACES + PLACES_AN_EDGE * targets.len(),
        }
    }

    /// All weights of the next rows.
    pub fn next(&mut self, rows: usize, width: usize) -> Result<Vec<u16>> {
        match self {
            Self::Whole(rest) => Ok(take(rest, rows * width)?.to_vec()),
            Self::Edges {
                counts,
                targets,
                weights,
            } => {
                let mut whole = vec![0; rows * width];
                for (row, &count) in whole.chunks_exact_mut(width).zip(take(counts, rows)?) {
                    let count = usize::from(count);
                    let mut next = 0;
                    let edges = take(targets, count)?.iter().zip(take(weights, count)?);
                    for (&target, &weight) in edges {
                        let target = usize::from(target);
                        if weight == 0 || !(next..width).contains(&target) {
                            return Err(wrong("edge of a circuit has no weight, or no place"));
                        }
                        row[target] = weight;
                        next = target + 1;
                    }
                }
                Ok(whole)
            }
        }
    }

    /// Whether all were taken.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Whole(rest) => rest.is_empty(),
            Self::Edges {
                counts,
                targets,
                weights,
            } => counts.is_empty() && targets.is_empty() && weights.is_empty(),
        }
    }
}

/// Emissions that were not taken yet.
pub enum Emissions<'a> {
    /// A weight of each value.
    Tables(&'a [u16]),
    /// A share of each shape.
    Shapes {
        /// Weights of the values in each.
        shapes: &'a [u16],
        /// Shares of each state.
        shares: &'a [u16],
    },
}

impl Emissions<'_> {
    /// What the next states have of each value.
    pub fn next(&mut self, states: usize, categories: usize) -> Result<Vec<f32>> {
        let impossible = || wrong("value of a variable of a circuit is impossible");
        match self {
            Self::Tables(rest) => {
                let rows = take(rest, states * categories)?;
                if rows.contains(&0) {
                    return Err(impossible());
                }
                parts(rows, categories)
            }
            Self::Shapes { shapes, shares } => {
                let count = shapes.len() / categories;
                if !shapes.len().is_multiple_of(categories) || !(1..=MAX_SHAPES).contains(&count) {
                    return Err(wrong(
                        "shapes of a circuit have other values than a variable",
                    ));
                }
                let shares = take(shares, states * count)?;
                if shares.contains(&0) {
                    return Err(impossible());
                }
                let mut rows = vec![0_u64; states * categories];
                let each = rows
                    .chunks_exact_mut(categories)
                    .zip(shares.chunks_exact(count));
                for (row, shares) in each {
                    for (shape, &share) in shapes.chunks_exact(categories).zip(shares) {
                        for (value, &weight) in row.iter_mut().zip(shape) {
                            *value += u64::from(share) * u64::from(weight);
                        }
                    }
                }
                if rows.contains(&0) {
                    return Err(impossible());
                }
                parts(&rows, categories)
            }
        }
    }

    /// Whether all were taken.
    pub fn is_empty(&self) -> bool {
        let (Self::Tables(rest) | Self::Shapes { shares: rest, .. }) = self;
        rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges<'a>(counts: &'a [u16], targets: &'a [u16], weights: &'a [u16]) -> Transitions<'a> {
        Transitions::Edges {
            counts,
            targets,
            weights,
        }
    }

    #[test]
    fn edges_are_rows_with_zeros_between() {
        let mut stored = edges(&[1, 2, 1], &[2, 0, 2, 0], &[5, 6, 7, 8]);
        assert_eq!(stored.next(2, 3).unwrap(), [0, 0, 5, 6, 0, 7]);
        assert!(!stored.is_empty());
        assert_eq!(stored.next(1, 1).unwrap(), [8]);
        assert!(stored.is_empty());
    }

    #[test]
    fn edges_without_weight_or_place_are_refused() {
        for (targets, weights) in [
            (&[0, 3], &[1, 1]),
            (&[1, 1], &[1, 1]),
            (&[1, 0], &[1, 1]),
            (&[0, 1], &[1, 0]),
        ] {
            assert!(edges(&[2], targets, weights).next(1, 3).is_err());
        }
        assert!(edges(&[2], &[0], &[1]).next(1, 3).is_err());
        assert!(edges(&[2], &[0, 1], &[1]).next(1, 3).is_err());
        assert!(edges(&[], &[], &[]).next(1, 3).is_err());
    }

    #[test]
    fn emissions_of_shapes_are_sums_of_products() {
        let mut stored = Emissions::Shapes {
            shapes: &[1, 2, 0, 0, 3, 4],
            shares: &[5, 7],
        };
        let sums = [5.0_f32, 31.0, 28.0].map(|sum| sum / 64.0);
        assert_eq!(stored.next(1, 3).unwrap(), sums);
        assert!(stored.is_empty());
        for (shapes, shares) in [
            (&[1_u16, 2, 0, 0, 3, 4][..], &[5, 0]),
            (&[1, 2, 0, 0, 3, 0], &[5, 7]),
            (&[1, 2, 1, 1], &[5, 7]),
            (&[], &[5, 7]),
        ] {
            let mut stored = Emissions::Shapes { shapes, shares };
            assert!(stored.next(1, 3).is_err());
        }
    }
}
