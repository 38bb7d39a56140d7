//! Priors: what the contexts of [`crate::cm`] predicted in other text, for streams to start from.
//!
//! A prior is a file that is read only: a header, and a [`table::Table`] from contexts to the symbols that follow
//! them. It is data, never code, and any bytes behind a right header are a valid table. What a stream was coded with
//! is part of what it means: changing one entry changes bytes, so that streams name their prior by its SHA-256.
//!
//! ```
//! use lmcodec_core::cm::prior::{train::{Settings, Trainer}, Prior};
//!
//! let text = b"the quick brown fox jumps over the lazy dog; ".repeat(50);
//! let mut trainer = Trainer::new(vec![text], Settings { buckets: 64, segment: 256, ..Settings::default() });
//! while trainer.step().is_some() {}
//! let (table, entries) = trainer.finish();
//! assert!(entries > 10);
//! let file = Prior::new("fox", table)?.to_bytes();
//! assert_eq!(Prior::parse(&file)?.name(), "fox");
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

// Statistics of training are floats, which no coding path sees; sizes are far below 2^32.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

pub mod keys;
pub mod lookup;
mod spread;
pub mod table;
pub mod train;

use crate::cm::fast::learnt::Learnt;
use crate::cm::tables::Tables;
use crate::{Error, Result};
use std::sync::OnceLock;
use table::{Table, BUCKET};

/// What a file begins with; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"\xb5LMPRI\n\x01";
/// Bytes of the name, padded with zeros.
const NAME_BYTES: usize = 48;
/// Bytes before the table: one bucket. After the name come the number of buckets and the number of starts.
const HEADER_BYTES: usize = MAGIC.len() + NAME_BYTES + 8;

/// What predictors of a level start from.
#[derive(Debug, Clone)]
struct Start {
    level: u32,
    packed: Vec<u8>,
    /// Unpacked when it is first asked for.
    learnt: OnceLock<Box<Learnt>>,
}

/// A prior.
#[derive(Debug, Clone)]
pub struct Prior {
    name: String,
    table: Table,
    starts: Vec<Start>,
}

impl Prior {
    /// Gives a table a name.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the name is empty, longer than 48 bytes, or has characters other than lower-case
    /// letters, digits, `-`, `_` and `.`.
    pub fn new(name: &str, table: Table) -> Result<Self> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(plain) {
            return Err(Error::Parameter {
                what: "name of a prior: 1 to 48 lower-case letters, digits, - _ or .",
            });
        }
        Ok(Self {
            name: name.to_owned(),
            table,
            starts: Vec::new(),
        })
    }

    /// Adds what predictors of a level start from, see [`crate::cm::fast::learn`].
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is not that, or there is one of the level.
    pub fn add_start(&mut self, level: u32, packed: Vec<u8>) -> Result<()> {
        let known = self.starts.iter().any(|start| start.level == level);
        if known || !(3..=6).contains(&level) {
            return Err(corrupt("prior is damaged: the level of a start"));
        }
        Learnt::check(&packed).map_err(|_| corrupt("prior is damaged: a start of it"))?;
        self.starts.push(Start {
            level,
            packed,
            learnt: OnceLock::new(),
        });
        Ok(())
    }

    /// The table of this one with the starts of another one.
    #[must_use]
    pub fn with_starts_of(&self, other: &Self) -> Self {
        Self {
            starts: other.starts.clone(),
            ..self.clone()
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Prior`] when it is not a prior, or one of another version, or damaged as far as can be seen.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map_err(|error| match error {
            Error::Corrupt { what } => Error::Prior { what },
            other => other,
        })
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(corrupt("not a prior: it is empty"));
        }
        if !bytes.starts_with(&MAGIC[..7]) {
            return Err(corrupt("not a prior: it begins with other bytes"));
        }
        if bytes.get(7).is_some_and(|version| *version != MAGIC[7]) {
            return Err(corrupt("prior is of a version that is not known"));
        }
        let (header, mut rest) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(corrupt("prior is damaged: it is shorter than its header"))?;
        let header = &header[MAGIC.len()..];
        let (name, mut numbers) = header.split_at(NAME_BYTES);
        let end = name.iter().position(|&byte| byte == 0);
        let (name, padding) = name.split_at(end.unwrap_or(NAME_BYTES));
        if padding.iter().any(|&byte| byte != 0) {
            return Err(corrupt(BAD_NAME));
        }
        let name = std::str::from_utf8(name).map_err(|_| corrupt(BAD_NAME))?;
        let buckets = take_u32(&mut numbers)?.saturating_mul(BUCKET);
        let starts = take_u32(&mut numbers)?;
        let table = take(&mut rest, buckets)?;
        let mut prior = Self::new(name, Table::new(table)?).map_err(|error| match error {
            Error::Parameter { .. } => corrupt(BAD_NAME),
            other => other,
        })?;
        for _ in 0..starts {
            let level = take_u32(&mut rest)? as u32;
            let length = take_u32(&mut rest)?;
            prior.add_start(level, take(&mut rest, length)?.to_vec())?;
        }
        if rest.is_empty() {
            Ok(prior)
        } else {
            Err(corrupt("prior is damaged: it has bytes behind its end"))
        }
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.resize(HEADER_BYTES - 8, 0);
        let number = |n: usize| (n as u32).to_le_bytes();
        bytes.extend(number(self.table.bytes().len() / BUCKET));
        bytes.extend(number(self.starts.len()));
        bytes.extend_from_slice(self.table.bytes());
        for start in &self.starts {
            bytes.extend(start.level.to_le_bytes());
            bytes.extend(number(start.packed.len()));
            bytes.extend_from_slice(&start.packed);
        }
        bytes
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What contexts predict.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What predictors of a level start from, or where it is not known, of another one, with that level.
    #[must_use]
    pub fn learnt(&self, level: u32) -> Option<(u32, &Learnt)> {
        let same = self.starts.iter().find(|start| start.level == level);
        let start = same.or(self.starts.first())?;
        let learnt = start.learnt.get_or_init(|| {
            let tables = Tables::new();
            let learnt = Learnt::parse(&start.packed, &tables);
            Box::new(learnt.unwrap_or_else(|_| unreachable!("it was checked")))
        });
        Some((start.level, learnt))
    }

    /// Bytes of all starts.
    #[must_use]
    pub fn start_bytes(&self) -> usize {
        self.starts.iter().map(|start| start.packed.len()).sum()
    }

    /// Memory in bytes, when all starts are in use.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.table.bytes().len() + self.start_bytes() + self.starts.len() * Learnt::BYTES) as u64
    }
}

const BAD_NAME: &str = "prior is damaged: its name is not well formed";

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, others) = rest
        .split_at_checked(length)
        .ok_or(corrupt("prior is damaged: it is shorter than it says"))?;
    *rest = others;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<usize> {
    let bytes = take(rest, 4)?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |n, &byte| n << 8 | usize::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prior() -> Prior {
        Prior::new("a-1", Table::new(&[7; 3 * table::BUCKET]).unwrap()).unwrap()
    }

    #[test]
    fn files_are_read_back() {
        let bytes = prior().to_bytes();
        let again = Prior::parse(&bytes).unwrap();
        assert_eq!((again.name(), again.to_bytes()), ("a-1", bytes));
    }

    #[test]
    fn damaged_files_are_refused() {
        let bytes = prior().to_bytes();
        for length in 0..bytes.len() {
            assert!(Prior::parse(&bytes[..length]).is_err(), "{length}");
        }
        let mut padded = bytes.clone();
        padded[MAGIC.len() + NAME_BYTES - 1] = b'x';
        assert!(Prior::parse(&padded).is_err());
        for at in 0..MAGIC.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(Prior::parse(&bytes).is_err(), "{at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Prior::parse(&bytes);
            let mut file = MAGIC.to_vec();
            file.extend(&bytes);
            let _ = Prior::parse(&file);
        }
    }

    #[test]
    fn names_are_plain() {
        for name in ["", "A", "a b", "a/b", "\u{e9}", &"a".repeat(49)] {
            assert!(Prior::new(name, prior().table).is_err(), "{name}");
        }
        assert!(Prior::new(&"a".repeat(48), prior().table).is_ok());
    }
}
