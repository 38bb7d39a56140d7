//! Cells of a table, column by column.

use super::format::Format;
use crate::{Error, Result};
use foldhash::{HashMap, HashMapExt};
use std::ops::Range;

/// Ranges of the values of a column, and values from which there are some.
const RANGES: u64 = 32;
const MANY: usize = 32;

/// How many bytes cells may still have, terminators apart. What a payload claims is taken off before anything is kept of it.
#[derive(Debug, Clone, Copy)]
pub struct Room(usize);

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// The bytes that are left.
    pub fn left(self) -> usize {
        self.0
    }

    /// Takes `bytes` off.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there are not so many.
    pub fn take(&mut self, bytes: usize) -> Result<()> {
        self.0 = self.0.checked_sub(bytes).ok_or(Error::Corrupt {
            what: "more bytes in cells than symbols",
        })?;
        Ok(())
    }
}

/// Byte strings, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Values {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// One of them.
    pub fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start as usize..self.ends[at] as usize]
    }

    /// Adds one.
    pub fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len() as u32);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// The cells of a column: different values in the order in which they come first, and which one each row has.
#[derive(Debug, Clone, Default)]
pub struct Column {
    pub ids: Vec<u32>,
    pub values: Values,
}

impl Column {
    /// Takes the next `rows` cells off, each of which ends in `terminator`.
    pub fn take(cells: &mut &[u8], rows: usize, terminator: u8) -> Self {
        let mut column = Self::default();
        let mut known: HashMap<&[u8], u32> = HashMap::new();
        let mut last: Option<(&[u8], u32)> = None;
        for _ in 0..rows {
            let length = cells
                .iter()
                .position(|&byte| byte == terminator)
                .unwrap_or(cells.len());
            let (cell, rest) = cells.split_at(length);
            *cells = rest.get(1..).unwrap_or_default();
            let id = match last {
                Some((before, id)) if before == cell => id,
                _ => *known.entry(cell).or_insert_with(|| {
                    column.values.push(cell);
                    column.values.len() as u32 - 1
                }),
            };
            last = Some((cell, id));
            column.ids.push(id);
        }
        column
    }

    /// Some rows alone.
    pub fn part(&self, rows: &[Range<usize>]) -> Self {
        let mut part = Self::default();
        let mut known = vec![u32::MAX; self.values.len()];
        for &id in rows.iter().flat_map(|rows| &self.ids[rows.clone()]) {
            let place = &mut known[id as usize];
            if *place == u32::MAX {
                *place = part.values.len() as u32;
                part.values.push(self.values.get(id as usize));
            }
            part.ids.push(*place);
        }
        part
    }

    /// Whether there are so many values that ranges of them are looked at.
    pub fn is_fine(&self) -> bool {
        self.values.len() > MANY
    }

    /// The number of each value, if it has one, and values in order: first those without one, by bytes, then by number.
    pub fn sorted(&self, format: Option<&Format>) -> (Vec<Option<i64>>, Vec<u32>) {
        let mut scratch = Vec::new();
        let number = |value: &[u8]| format.and_then(|format| format.parse(value, &mut scratch));
        let numbers: Vec<Option<i64>> = self.values.iter().map(number).collect();
        let mut order: Vec<u32> = (0..self.values.len() as u32).collect();
        order.sort_by_key(|&at| (numbers[at as usize], self.values.get(at as usize)));
        (numbers, order)
    }

    /// Puts values in the order in which they come first; those that never come are last.
    pub fn settle(&mut self) {
        const NONE: u32 = u32::MAX;
        let mut places = vec![NONE; self.values.len()];
        let mut values = Values::default();
        for id in &mut self.ids {
            let place = &mut places[*id as usize];
            if *place == NONE {
                *place = values.len() as u32;
                values.push(self.values.get(*id as usize));
            }
            *id = *place;
        }
        for at in (0..places.len()).filter(|&at| places[at] == NONE) {
            values.push(self.values.get(at));
        }
        self.values = values;
    }

    /// Ranges of values, each of about as many rows, in the order of numbers where they are some.
    pub fn coarse(&self, format: Option<&Format>) -> Vec<u32> {
        let counts = self.counts();
        let (_, order) = self.sorted(format);
        let mut ranges = vec![0; order.len()];
        let mut before = 0;
        for at in order {
            let at = at as usize;
            // The middle of the value's rows tells its range.
            let middle = before + u64::from(counts[at] / 2);
            ranges[at] = (middle * RANGES / self.ids.len() as u64) as u32;
            before += u64::from(counts[at]);
        }
        self.ids.iter().map(|&id| ranges[id as usize]).collect()
    }

    /// Stems of values: numbers of what is left of them without digits. A street is one of many addresses.
    pub fn stems(&self) -> Vec<u32> {
        let (mut stems, mut stem) = (Values::default(), Vec::new());
        for value in self.values.iter() {
            stem.clear();
            stem.extend(value.iter().filter(|byte| !byte.is_ascii_digit()));
            stems.push(&stem);
        }
        let mut known: HashMap<&[u8], u32> = HashMap::new();
        let number = |stem| {
            let next = known.len() as u32;
            *known.entry(stem).or_insert(next)
        };
        let stems: Vec<u32> = stems.iter().map(number).collect();
        self.ids.iter().map(|&id| stems[id as usize]).collect()
    }

    /// How often each value comes.
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.values.len()];
        for &id in &self.ids {
            counts[id as usize] += 1;
        }
        counts
    }

    /// Writes the cells.
    pub fn write(&self, terminator: u8, out: &mut Vec<u8>) {
        for &id in &self.ids {
            out.extend_from_slice(self.values.get(id as usize));
            out.push(terminator);
        }
    }
}
