//! Arithmetic on samples side by side.
//!
//! Loops count: iterators of two slices might not be inlined into code for longer vectors, for they lack the instructions.
#![allow(clippy::needless_range_loop)]

use super::GROUP;

/// Columns that are worked on together.
const COLUMNS: usize = 4;
/// What is less than this part of the largest value becomes zero. Products of two values and a weight are then normal, but
/// for weights below 2^-46, as sums of shapes may have; with subnormal ones results are the same, only slower.
const LEAST: f32 = f32::from_bits((127 - 40) << 23);

/// A matrix; where few weights are not zero, only these are kept.
#[derive(Debug)]
pub enum Matrix {
    /// Four columns at a time, all their rows one after the other. Zeros fill the last.
    Dense {
        /// Weights.
        weights: Vec<[f32; COLUMNS]>,
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// Of each column, where its weights end, and row and weight of each.
    Sparse {
        /// Behind the last weight of each column.
        ends: Vec<usize>,
        /// Rows and weights.
        weights: Vec<(u16, f32)>,
    },
}

impl Matrix {
    /// Takes rows one after the other.
    pub fn new(values: &[f32], rows: usize, columns: usize) -> Self {
        Self::build(rows, columns, |row, column| values[row * columns + column])
    }

    /// Takes the rows of the transposed matrix, which has `rows` rows and `columns` columns.
    pub fn transposed(values: &[f32], rows: usize, columns: usize) -> Self {
        Self::build(columns, rows, |row, column| values[column * columns + row])
    }

    fn build(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let some = (0..columns)
            .map(|column| (0..rows).filter(|&row| at(row, column) != 0.0).count())
            .sum::<usize>();
        if 3 * some < rows * columns {
            let mut weights = Vec::with_capacity(some);
            let mut ends = Vec::with_capacity(columns);
            for column in 0..columns {
                #[allow(clippy::cast_possible_truncation)] // at most 1024 states
                weights.extend(
                    (0..rows)
                        .map(|row| (row as u16, at(row, column)))
                        .filter(|x| x.1 != 0.0),
                );
                ends.push(weights.len());
            }
            return Self::Sparse { ends, weights };
        }
        let get = |row, column| {
            if column < columns {
                at(row, column)
            } else {
                0.0
            }
        };
        let weights = (0..columns)
            .step_by(COLUMNS)
            .flat_map(|first| (0..rows).map(move |row| (first, row)))
            .map(|(first, row)| std::array::from_fn(|j| get(row, first + j)))
            .collect();
        Self::Dense {
            weights,
            rows,
            columns,
        }
    }

    /// Columns.
    pub fn columns(&self) -> usize {
        match self {
            Self::Dense { columns, .. } => *columns,
            Self::Sparse { ends, .. } => ends.len(),
        }
    }

    /// Multiplications that a product takes.
    pub fn cost(&self) -> usize {
        match self {
            Self::Dense { rows, columns, .. } => rows * columns,
            Self::Sparse { weights, .. } => weights.len(),
        }
    }

    /// Bytes of the weights.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Dense { weights, .. } => size_of_val(weights.as_slice()),
            Self::Sparse { ends, weights } => {
                size_of_val(ends.as_slice()) + size_of_val(weights.as_slice())
            }
        }
    }
}

/// Sets `out[j]` to `((0 + input[0]·w[0][j]) + input[1]·w[1][j]) + …`. A weight of zero changes nothing.
#[inline(always)]
pub fn mix<const L: usize>(matrix: &Matrix, input: &[[f32; L]], out: &mut [[f32; L]]) {
    match matrix {
        Matrix::Dense { weights, rows, .. } => {
            let (rows, input) = (*rows, &input[..*rows]);
            let mut first = 0;
            let mut column = 0;
            while column < out.len() {
                let weights = &weights[first..first + rows];
                let mut sums = [[0.0; L]; COLUMNS];
                for row in 0..rows {
                    let (weights, input) = (&weights[row], &input[row]);
                    for j in 0..COLUMNS {
                        for lane in 0..L {
                            sums[j][lane] += weights[j] * input[lane];
                        }
                    }
                }
                let some = COLUMNS.min(out.len() - column);
                out[column..column + some].copy_from_slice(&sums[..some]);
                first += rows;
                column += COLUMNS;
            }
        }
        Matrix::Sparse { ends, weights } => {
            let mut at = 0;
            for column in 0..out.len() {
                let mut sums = [0.0; L];
                while at < ends[column] {
                    let (row, weight) = weights[at];
                    let input = &input[usize::from(row)];
                    for lane in 0..L {
                        sums[lane] += weight * input[lane];
                    }
                    at += 1;
                }
                out[column] = sums;
            }
        }
    }
}

/// Multiplies the values of each sample by a power of two, so that the largest is from one to two; those that are far less
/// become zero. Where all are zero, all become one: what is known contradicts itself then, up to rounding.
#[inline(always)]
pub fn rescale<const L: usize>(values: &mut [[f32; L]]) {
    let mut most = [0.0_f32; L];
    for at in 0..values.len() {
        let values = &values[at];
        for lane in 0..L {
            most[lane] = if values[lane] > most[lane] {
                values[lane]
            } else {
                most[lane]
            };
        }
    }
    let mut scale = [0.0_f32; L];
    let mut floor = [0.0_f32; L];
    for lane in 0..L {
        // The exponent with its sign turned; zero has none.
        scale[lane] = f32::from_bits((254 << 23) - (most[lane].to_bits() & 0xFF << 23));
        floor[lane] = if most[lane] > 0.0 { 0.0 } else { 1.0 };
    }
    for at in 0..values.len() {
        let values = &mut values[at];
        for lane in 0..L {
            let scaled = values[lane] * scale[lane];
            values[lane] = if scaled < LEAST { floor[lane] } else { scaled };
        }
    }
}

/// Multiplies values.
#[inline(always)]
pub fn multiply<const L: usize>(values: &mut [[f32; L]], by: &[[f32; L]]) {
    let by = &by[..values.len()];
    for at in 0..values.len() {
        let (values, by) = (&mut values[at], &by[at]);
        for lane in 0..L {
            values[lane] *= by[lane];
        }
    }
}

/// Sums of the values of a group over the states of one sample, by their weights.
#[inline(always)]
pub fn group<const L: usize>(
    values: &[[f32; GROUP]],
    weights: &[[f32; L]],
    lane: usize,
) -> [f32; GROUP] {
    let weights = &weights[..values.len()];
    let mut sums = [0.0; GROUP];
    for at in 0..values.len() {
        let (values, weight) = (&values[at], weights[at][lane]);
        for place in 0..GROUP {
            sums[place] += weight * values[place];
        }
    }
    sums
}
