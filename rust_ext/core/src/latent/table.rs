//! One description of a table for both directions.

use super::{Labels, COLUMN_ROOM, MAX_LABELS, MAX_ROOM, MAX_SYMBOLS, WHAT};
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
    symbols: Vec<u8>,
    cells: Cells,
}

/// What stands before the entries of a table, and the counts.
pub struct Table {
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
    alphabet: Vec<u8>,
    /// Of each column the numbers of its symbols, where columns are kept.
    present: Vec<Vec<u8>>,
    parts: Vec<Part>,
}

/// A number of labels, symbols or steps: small.
fn size(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

/// A number of a symbol.
fn byte(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A label; there are none where all are the same.
fn label_of(labels: &[u8], place: usize) -> usize {
    labels.get(place).copied().unwrap_or_default().into()
}

/// Names as numbers in their order, without those that are left out, and how many there are.
fn numbered(names: &[u8]) -> (Vec<u8>, u32) {
    let mut places = [0; MAX_SYMBOLS];
    let mut seen = [false; MAX_SYMBOLS];
    for &name in names {
        seen[usize::from(name)] = true;
    }
    let mut many = 0;
    for (place, _) in places.iter_mut().zip(seen).filter(|(_, seen)| *seen) {
        *place = byte(many);
        many += 1;
    }
    let numbers = names.iter().map(|&name| places[usize::from(name)]);
    (numbers.collect(), size(many.max(1)))
}

impl Table {
    /// Describes what is to be encoded, and returns the numbers of its symbols; where labels need too many counts, all
    /// rows and columns are alike.
    pub fn describe(symbols: &[u8], labels: &Labels<'_>) -> (Self, Vec<u8>) {
        let mut alphabet = symbols.to_vec();
        alphabet.sort_unstable();
        alphabet.dedup();
        let (numbers, _) = numbered(symbols);
        let mut table = Self {
            step: labels.step,
            alphabet,
            ..Self::claimed(labels.columns.len(), symbols.len())
        };
        (table.row_label, table.row_labels) = numbered(labels.rows);
        // A row that is not whole may be all.
        (table.column_label, table.column_labels) = numbered(&labels.columns[..table.columns]);
        table.is_kept = labels.is_kept && table.can_tell_symbols();
        if table.is_kept {
            let width = table.alphabet.len();
            let mut seen = vec![false; table.columns * width];
            for (i, &number) in numbers.iter().enumerate() {
                seen[i % table.columns * width + usize::from(number)] = true;
            }
            let present = |row: &[bool]| {
                let places = row.iter().enumerate().filter(|(_, &seen)| seen);
                places.map(|(number, _)| byte(number)).collect()
            };
            table.present = seen.chunks(width).map(present).collect();
        }
        if labels.is_kept && !(table.is_kept && table.room() <= MAX_ROOM) {
            (table.is_kept, table.row_labels, table.column_labels) = (false, 1, 1);
            table.present.clear();
            table.row_label.fill(0);
            table.column_label.fill(0);
        }
        (table, numbers)
    }

    /// Begins with what a payload is claimed to be of.
    pub fn claimed(columns: usize, count: usize) -> Self {
        Self {
            columns: columns.min(count),
            rows: count.div_ceil(columns),
            is_kept: false,
            step: 1,
            row_labels: 1,
            column_labels: 1,
            row_label: Vec::new(),
            column_label: Vec::new(),
            alphabet: Vec::new(),
            present: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Where columns are kept, their symbols are told one by one, and each column takes some memory.
    fn can_tell_symbols(&self) -> bool {
        let each = self.alphabet.len() + COLUMN_ROOM;
        self.columns.saturating_mul(each) <= MAX_ROOM
    }

    /// How many counts there are.
    fn room(&self) -> usize {
        let (k, l) = (self.row_labels as usize, self.column_labels as usize);
        if !self.is_kept {
            return Cells::room(k * l, size(self.alphabet.len()));
        }
        let rooms = self.present.iter().map(|p| Cells::room(k, size(p.len())));
        rooms.fold(0, usize::saturating_add)
    }

    /// Codes what stands before the entries.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Corrupt`].
    pub fn code_head(&mut self, count: usize, side: &mut impl Side) -> Result<()> {
        let mut numbers = Numbers::new(4);
        self.is_kept = numbers.code(0, self.is_kept.into(), side) == 1;
        self.step = numbers.code(0, self.step - 1, side).saturating_add(1);
        if u64::from(self.step) > MAX_STEP {
            return Err(corrupt("weight of a count"));
        }
        // No memory is taken for labels and symbols that so many entries cannot have.
        for (labels, of) in [
            (&mut self.row_labels, self.rows),
            (&mut self.column_labels, self.columns),
        ] {
            *labels = numbers.code(1, *labels - 1, side).saturating_add(1);
            if *labels > size(of.min(MAX_LABELS)) {
                return Err(corrupt("number of labels"));
            }
        }
        self.code_alphabet(count, &mut numbers, side)?;
        if self.is_kept {
            self.code_present(side)?;
        }
        if self.room() > MAX_ROOM {
            return Err(corrupt("counts of a table"));
        }
        self.make_parts();
        let columns = self.columns;
        code_labels(&mut self.column_label, columns, self.column_labels, side)?;
        let rows = self.rows;
        code_labels(&mut self.row_label, rows, self.row_labels, side)
    }

    /// Codes the symbols of the table: how many there are, and the distances between them.
    fn code_alphabet(
        &mut self,
        count: usize,
        numbers: &mut Numbers,
        side: &mut impl Side,
    ) -> Result<()> {
        let given = std::mem::take(&mut self.alphabet);
        let last = size(given.len().saturating_sub(1));
        let many = numbers.code(2, last, side) as usize + 1;
        if many > count.min(MAX_SYMBOLS) {
            return Err(corrupt("number of symbols"));
        }
        let mut next = 0_u32;
        for i in 0..many {
            side.goes_on(WHAT)?;
            let gap = given.get(i).map_or(0, |&symbol| u32::from(symbol) - next);
            let symbol = next.saturating_add(numbers.code(3, gap, side));
            let known = u8::try_from(symbol).map_err(|_| corrupt("symbol beyond the largest"))?;
            self.alphabet.push(known);
            next = symbol + 1;
        }
        Ok(())
    }

    /// Codes which symbols each column has: each by how many columns before had it.
    fn code_present(&mut self, side: &mut impl Side) -> Result<()> {
        if !self.can_tell_symbols() {
            return Err(corrupt("symbols of columns that have their own counts"));
        }
        let given = std::mem::take(&mut self.present);
        let mut cells = Cells::new(self.alphabet.len(), 2, 2);
        for column in 0..self.columns {
            let mut wanted = given.get(column).into_iter().flatten().copied().peekable();
            let mut found = Vec::new();
            for number in 0..self.alphabet.len() {
                side.goes_on(WHAT)?;
                let bit = u32::from(wanted.next_if_eq(&byte(number)).is_some());
                if cells.code(number, bit, side) == 1 {
                    found.push(byte(number));
                }
            }
            if !(1..=self.rows).contains(&found.len()) {
                return Err(corrupt("number of symbols of a column"));
            }
            self.present.push(found);
        }
        Ok(())
    }

    fn make_parts(&mut self) {
        let (k, l) = (self.row_labels as usize, self.column_labels as usize);
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
                cells: Cells::new(k * l, size(self.alphabet.len()), step),
            }]
        };
    }

    /// Codes `count` entries, row by row: their numbers when encoding; appends what they are to `out` when decoding.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Interrupted`].
    pub fn code(
        &mut self,
        numbers: &[u8],
        count: usize,
        out: &mut Vec<u8>,
        side: &mut impl Side,
    ) -> Result<()> {
        let l = self.column_labels as usize;
        let mut at = 0;
        for row in 0..self.rows {
            let label = label_of(&self.row_label, row);
            for column in 0..self.columns.min(count - at) {
                interrupt::check(at)?;
                side.goes_on(WHAT)?;
                let number = numbers.get(at).copied();
                let (part, cell) = if self.is_kept {
                    (column, label)
                } else {
                    (0, label * l + label_of(&self.column_label, column))
                };
                let Part { symbols, cells } = &mut self.parts[part];
                let known = number.unwrap_or_default();
                let wanted = if symbols.is_empty() {
                    known.into()
                } else {
                    symbols.partition_point(|&symbol| symbol < known)
                };
                let found = cells.code(cell, size(wanted), side) as usize;
                if number.is_none() {
                    let found = symbols.get(found).map_or(found, |&s| s.into());
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
