//! One description of a table for both directions.

use super::{Labels, Symbol, MAX_LABELS, MAX_ROOM, WHAT};
use crate::coder::binary::Side;
use crate::coder::counts::{Cells, Numbers, MAX_STEP};
use crate::{interrupt, Error, Result};

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

/// A column, or all of them: which symbols come, and the counts.
#[derive(Debug)]
struct Part {
    /// Numbers of its symbols in the alphabet of the table, ascending; empty for all.
    symbols: Vec<u32>,
    cells: Cells,
}

/// What stands before the entries of a table, and the counts.
pub struct Table<S> {
    columns: usize,
    rows: usize,
    is_kept: bool,
    step: u32,
    /// How many labels there are.
    row_labels: u32,
    column_labels: u32,
    /// When decoding, they are known as far as they were read; where all are the same, there are none.
    row_label: Vec<u8>,
    column_label: Vec<u8>,
    /// All symbols of the table, ascending.
    alphabet: Vec<S>,
    /// Of each column the numbers of its symbols, where columns are kept.
    present: Vec<Vec<u32>>,
    parts: Vec<Part>,
}

/// How many values of 32 bits there are at most, as one of them.
fn size(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

/// A label; there are none where all are the same.
fn label_of(labels: &[u8], place: usize) -> usize {
    labels.get(place).copied().unwrap_or_default().into()
}

fn labels_of(labels: &[u8]) -> u32 {
    labels.iter().max().map_or(1, |&most| u32::from(most) + 1)
}

impl<S: Symbol> Table<S> {
    /// Describes what is to be encoded.
    ///
    /// # Errors
    /// [`Error::Limit`] when there would be too many counts.
    pub fn describe(symbols: &[S], labels: &Labels<'_>) -> Result<Self> {
        // A row that is not whole may be all.
        let columns = labels.columns.len().min(symbols.len());
        let mut alphabet = symbols.to_vec();
        alphabet.sort_unstable();
        alphabet.dedup();
        let mut table = Self {
            columns,
            rows: labels.rows.len(),
            is_kept: labels.is_kept,
            step: labels.step,
            row_labels: labels_of(labels.rows),
            column_labels: labels_of(&labels.columns[..columns]),
            row_label: labels.rows.to_vec(),
            column_label: labels.columns[..columns].to_vec(),
            alphabet,
            present: Vec::new(),
            parts: Vec::new(),
        };
        if table.is_kept {
            table.check_room()?;
            let width = table.alphabet.len();
            let mut seen = vec![false; columns * width];
            for (i, &symbol) in symbols.iter().enumerate() {
                seen[i % columns * width + table.number(symbol)?] = true;
            }
            table.present = seen
                .chunks(width)
                .map(|row| {
                    (0_u32..)
                        .zip(row)
                        .filter_map(|(n, &s)| s.then_some(n))
                        .collect()
                })
                .collect();
        }
        Ok(table)
    }

    /// Begins with what a payload is claimed to be of.
    pub fn claimed(columns: usize, count: usize) -> Self {
        Self {
            columns: columns.min(count),
            rows: count.div_ceil(columns),
            is_kept: false,
            step: 1,
            row_labels: 0,
            column_labels: 0,
            row_label: Vec::new(),
            column_label: Vec::new(),
            alphabet: Vec::new(),
            present: Vec::new(),
            parts: Vec::new(),
        }
    }

    fn number(&self, symbol: S) -> Result<usize> {
        // All symbols are in it: this is of an encoder.
        self.alphabet
            .binary_search(&symbol)
            .map_err(|_| corrupt("symbol outside of the alphabet"))
    }

    /// Where columns are kept, their symbols are told one by one.
    fn check_room(&self) -> Result<()> {
        if self.columns.saturating_mul(self.alphabet.len()) > MAX_ROOM {
            return Err(Error::Limit {
                what: "symbols of columns that have their own counts",
            });
        }
        Ok(())
    }

    /// Codes what stands before the entries.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Corrupt`], [`Error::Limit`].
    pub fn code_head(&mut self, side: &mut impl Side) -> Result<()> {
        let mut numbers = Numbers::new(4);
        self.is_kept = numbers.code(0, self.is_kept.into(), side) == 1;
        self.step = numbers.code(0, self.step - 1, side).saturating_add(1);
        if u64::from(self.step) > MAX_STEP {
            return Err(corrupt("weight of a count"));
        }
        let most = size(MAX_LABELS);
        for labels in [&mut self.row_labels, &mut self.column_labels] {
            *labels = numbers
                .code(1, labels.saturating_sub(1), side)
                .saturating_add(1);
            if *labels > most {
                return Err(corrupt("number of labels"));
            }
        }
        self.code_alphabet(&mut numbers, side)?;
        if self.is_kept {
            self.code_present(side)?;
        }
        self.make_parts()?;
        let columns = self.columns;
        code_labels(&mut self.column_label, columns, self.column_labels, side)?;
        let rows = self.rows;
        code_labels(&mut self.row_label, rows, self.row_labels, side)
    }

    /// Codes the symbols of the table: how many there are, and the distances between them.
    fn code_alphabet(&mut self, numbers: &mut Numbers, side: &mut impl Side) -> Result<()> {
        let given = std::mem::take(&mut self.alphabet);
        let last = size(given.len().saturating_sub(1));
        let last = numbers.code(2, last, side);
        let mut next = 0_u32;
        for i in 0..=last as usize {
            side.goes_on(WHAT)?;
            let gap = given.get(i).map_or(0, |&s| s.into() - next);
            let symbol = next.checked_add(numbers.code(3, gap, side));
            let symbol = symbol.filter(|&s| s < u32::MAX);
            let known = symbol.and_then(S::of);
            let (Some(symbol), Some(known)) = (symbol, known) else {
                return Err(corrupt("symbol beyond the largest one"));
            };
            self.alphabet.push(known);
            next = symbol + 1;
        }
        Ok(())
    }

    /// Codes which symbols each column has: each by how many columns before had it.
    fn code_present(&mut self, side: &mut impl Side) -> Result<()> {
        self.check_room()
            .map_err(|_| corrupt("symbols of columns that have their own counts"))?;
        let given = std::mem::take(&mut self.present);
        let mut cells = Cells::new(self.alphabet.len(), 2, 2);
        for column in 0..self.columns {
            let mut wanted = given.get(column).into_iter().flatten().copied().peekable();
            let mut found = Vec::new();
            for number in 0..size(self.alphabet.len()) {
                side.goes_on(WHAT)?;
                let bit = u32::from(wanted.next_if_eq(&number).is_some());
                if cells.code(number as usize, bit, side) == 1 {
                    found.push(number);
                }
            }
            if found.is_empty() {
                return Err(corrupt("column without symbols"));
            }
            self.present.push(found);
        }
        Ok(())
    }

    fn make_parts(&mut self) -> Result<()> {
        let (k, l) = (self.row_labels as usize, self.column_labels as usize);
        let all = size(self.alphabet.len());
        let room = if self.is_kept {
            let rooms = self.present.iter().map(|p| Cells::room(k, size(p.len())));
            rooms.fold(0, usize::saturating_add)
        } else {
            Cells::room(k * l, all)
        };
        if room > MAX_ROOM {
            return Err(Error::Limit {
                what: "counts of a table",
            });
        }
        let step = self.step.into();
        self.parts = if self.is_kept {
            let parts = std::mem::take(&mut self.present).into_iter();
            parts
                .map(|symbols| Part {
                    cells: Cells::new(k, size(symbols.len()), step),
                    symbols,
                })
                .collect()
        } else {
            vec![Part {
                symbols: Vec::new(),
                cells: Cells::new(k * l, all, step),
            }]
        };
        Ok(())
    }

    /// Codes `count` entries, row by row, and appends what they are to `out` when decoding.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Interrupted`].
    pub fn code(
        &mut self,
        symbols: &[S],
        count: usize,
        out: &mut Vec<S>,
        side: &mut impl Side,
    ) -> Result<()> {
        let is_known = !symbols.is_empty();
        let l = self.column_labels as usize;
        let mut at = 0;
        for row in 0..self.rows {
            let label = label_of(&self.row_label, row);
            for column in 0..self.columns.min(count - at) {
                interrupt::check(at)?;
                side.goes_on(WHAT)?;
                let number = if is_known {
                    self.number(symbols[at])?
                } else {
                    0
                };
                let (part, cell) = if self.is_kept {
                    (column, label)
                } else {
                    (0, label * l + label_of(&self.column_label, column))
                };
                let Part { symbols, cells } = &mut self.parts[part];
                let number = if symbols.is_empty() {
                    number
                } else {
                    symbols.partition_point(|&s| (s as usize) < number)
                };
                let found = cells.code(cell, size(number), side) as usize;
                if !is_known {
                    let found = symbols.get(found).map_or(found, |&s| s as usize);
                    out.push(self.alphabet[found]);
                }
                at += 1;
            }
        }
        Ok(())
    }
}

/// Codes labels, each by how often those before were the same.
fn code_labels(labels: &mut Vec<u8>, count: usize, many: u32, side: &mut impl Side) -> Result<()> {
    let given = std::mem::take(labels);
    if many == 1 {
        // Nothing is to be told, and no memory to be taken for what is but claimed.
        return Ok(());
    }
    let mut cells = Cells::new(1, many, 2);
    for i in 0..count {
        side.goes_on(WHAT)?;
        let label = given.get(i).copied().unwrap_or_default();
        let label = cells.code(0, label.into(), side);
        labels.push(label.to_le_bytes()[0]);
    }
    Ok(())
}
