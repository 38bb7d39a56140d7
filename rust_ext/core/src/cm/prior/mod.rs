//! Priors: what the contexts of [`crate::cm`] predicted in other text, for streams to start from.
//!
//! A prior is a file that is read only: a header, and a [`table::Table`] from contexts to the symbols that follow
//! them. It is data, never code, and any bytes behind a right header are a valid table. What a stream was coded with
//! is part of what it means: changing one entry changes bytes, so that streams name their prior by its SHA-256.
//!
//! A prior of a user's own is most often a text, and the name of a prior for all kinds of text, its base: contexts are
//! looked up there, and streams start from a predictor that has coded the text.
//!
//! ```
//! use lmcodec_core::cm::prior::{table::Table, train::{Settings, Trainer}, Prior};
//!
//! let text = b"the quick brown fox jumps over the lazy dog; ".repeat(50);
//! let mut trainer = Trainer::new(vec![text], Settings { buckets: 64, segment: 256, ..Settings::default() });
//! while trainer.step().is_some() {}
//! let (table, entries) = trainer.finish();
//! assert!(entries > 10);
//! let prior = Prior::new("fox", table)?;
//! assert_eq!(Prior::parse(&prior.to_bytes(), None)?.name(), "fox");
//! let own = Prior::new("own", Table::empty())?.with_text(b"The fox is quick.")?.on([7; 32], prior.into())?;
//! assert_eq!(Prior::base_of(&own.to_bytes()), Some([7; 32]));
//! # Ok::<(), lmcodec_core::Error>(())
//! ```

// Statistics of training are floats, which no coding path sees; sizes are far below 2^32.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod file;
pub mod keys;
pub mod lookup;
mod spread;
pub mod table;
pub mod train;

use crate::cm::fast::kept::Kept;
use crate::cm::fast::learnt::Learnt;
use crate::cm::tables::Tables;
use crate::cm::Params;
use crate::{Error, Result};
use std::sync::{Arc, OnceLock};
use table::Table;

/// Bytes of a name at most.
const NAME_BYTES: usize = 48;
/// Bytes of text at most: far above what a message is worth.
pub const MAX_TEXT: usize = 1 << 24;
/// A SHA-256.
pub type Digest = [u8; 32];

/// What predictors of a level start from.
#[derive(Debug)]
struct Start {
    level: u32,
    packed: Vec<u8>,
    /// Unpacked when it is first asked for.
    learnt: OnceLock<Box<Learnt>>,
}

/// A copy is unpacked anew: arrays so large might be copied over the stack.
impl Clone for Start {
    fn clone(&self) -> Self {
        Self {
            level: self.level,
            packed: self.packed.clone(),
            learnt: OnceLock::new(),
        }
    }
}

/// A prior.
#[derive(Debug, Clone)]
pub struct Prior {
    name: String,
    table: Table,
    starts: Vec<Start>,
    base: Option<Base>,
    text: Vec<u8>,
    kept: Kept,
}

/// A prior that another one starts from, and how that one names it.
#[derive(Debug, Clone)]
struct Base {
    digest: Digest,
    prior: Arc<Prior>,
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
            base: None,
            text: Vec::new(),
            kept: Kept::default(),
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

    /// The same with a text that predictors code before the first symbol.
    ///
    /// # Errors
    /// [`Error::Parameter`] when it is longer than [`MAX_TEXT`].
    pub fn with_text(&self, text: &[u8]) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::Parameter {
                what: "text of a prior, at most 16 MiB",
            });
        }
        Ok(Self {
            text: text.to_vec(),
            ..self.clone()
        })
    }

    /// The same on a base: what this one does not know is looked up there. Of the base table and starts count, not the
    /// text.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the base has one itself.
    pub fn on(&self, digest: Digest, base: Arc<Self>) -> Result<Self> {
        if base.base.is_some() {
            return Err(Error::Parameter {
                what: "base of a prior, which must not have one itself",
            });
        }
        let base = Some(Base {
            digest,
            prior: base,
        });
        Ok(Self {
            base,
            ..self.clone()
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What contexts predict, without the base.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The tables that are looked up, one after the other.
    #[must_use]
    pub fn tables(&self) -> [Option<&Table>; 2] {
        let own = Some(&self.table).filter(|table| !table.is_empty());
        let base = self.base.as_ref().map(|base| &base.prior.table);
        let base = base.filter(|table| !table.is_empty());
        if own.is_some() {
            [own, base]
        } else {
            [base, None]
        }
    }

    /// What predictors code before the first symbol.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The pixels of its pictures, if it has some and they are as those of the parameters.
    #[must_use]
    pub fn pictures(&self, params: &Params) -> Option<&[u8]> {
        let axes = self.axes()?;
        let (channels, [rows, columns]) = match axes[1..] {
            [rows, columns] => (1, [rows, columns]),
            [rows, columns, channels] => (channels, [rows, columns]),
            _ => return None,
        };
        let row = u64::from(columns) * u64::from(channels);
        let same = Some(channels as usize) == params.kind.channels()
            && (u64::from(params.record), params.row) == (row, rows);
        same.then(|| &self.text[4 + 4 * axes.len()..])
    }

    /// The lengths of the axes of its text, if that is a file of IDX of whole pictures: their number, rows, columns, and
    /// perhaps colours.
    #[must_use]
    pub fn axes(&self) -> Option<Vec<u32>> {
        let rest = self.text.strip_prefix(&[0, 0, 8])?;
        let (&count, rest) = rest.split_first()?;
        let (axes, _) = rest.as_chunks();
        let axes = axes.get(..usize::from(count))?;
        let axes: Vec<_> = axes.iter().map(|&axis| u32::from_be_bytes(axis)).collect();
        let size = |size: usize, &axis: &u32| size.checked_mul(axis as usize);
        let pixels = axes.iter().try_fold(1, size)?;
        let whole = pixels == rest.len() - 4 * axes.len();
        (whole && (3..=4).contains(&count)).then_some(axes)
    }

    /// The predictors that have coded the text.
    #[must_use]
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What predictors of a level start from, or where it is not known, of another one, with that level; that of the
    /// base where there is none.
    #[must_use]
    pub fn learnt(&self, level: u32) -> Option<(u32, &Learnt)> {
        let same = self.starts.iter().find(|start| start.level == level);
        let Some(start) = same.or(self.starts.first()) else {
            return self.base.as_ref()?.prior.learnt(level);
        };
        let learnt = start.learnt.get_or_init(|| {
            let tables = Tables::new();
            let learnt = Learnt::parse(&start.packed, &tables);
            Box::new(learnt.unwrap_or_else(|_| unreachable!("it was checked")))
        });
        Some((start.level, learnt))
    }

    /// Bytes of all starts, without the base.
    #[must_use]
    pub fn start_bytes(&self) -> usize {
        self.starts.iter().map(|start| start.packed.len()).sum()
    }

    /// Memory in bytes, with the base, when all starts are in use.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let starts = self.start_bytes() + self.starts.len() * Learnt::BYTES;
        let base = self
            .base
            .as_ref()
            .map_or(0, |base| base.prior.memory_bytes());
        (self.table.bytes().len() + starts + self.text.len()) as u64 + base
    }
}

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt { what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::Kind;

    fn prior() -> Prior {
        Prior::new("a", Table::new(&[7; table::BUCKET]).unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_known_is_looked_up_in_the_base() {
        let base = Arc::new(prior());
        let own = Prior::new("own", Table::empty()).unwrap();
        assert_eq!(own.tables(), [None, None]);
        let own = own.on([1; 32], Arc::clone(&base)).unwrap();
        assert_eq!(own.tables(), [Some(&base.table), None]);
        assert_eq!(own.memory_bytes(), base.memory_bytes());
        let own = prior().on([1; 32], Arc::clone(&base)).unwrap();
        assert_eq!(own.tables(), [Some(&own.table), Some(&base.table)]);
        assert_eq!(own.memory_bytes(), 2 * base.memory_bytes());
    }

    #[test]
    fn a_text_may_be_pictures() {
        let params = |kind, record, row| Params {
            level: 9,
            kind,
            record,
            row,
            lanes: 1,
            roomy: true,
        };
        let grey = [
            &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3][..],
            b"abcdef",
        ]
        .concat();
        let own = prior().with_text(&grey).unwrap();
        assert_eq!(own.axes(), Some(vec![2, 1, 3]));
        assert_eq!(
            own.pictures(&params(Kind::Grey, 3, 1)),
            Some(&b"abcdef"[..])
        );
        assert_eq!(own.pictures(&params(Kind::Grey, 1, 3)), None);
        assert_eq!(own.pictures(&params(Kind::Colour, 3, 1)), None);
        let colour = [
            &[0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3][..],
            b"abcdef",
        ]
        .concat();
        let own = prior().with_text(&colour).unwrap();
        assert_eq!(
            own.pictures(&params(Kind::Colour, 3, 2)),
            Some(&b"abcdef"[..])
        );
        for text in [
            &b"text"[..],
            b"",
            &grey[..21],
            &colour[..12],
            &[0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(prior().with_text(text).unwrap().axes(), None);
        }
    }

    #[test]
    fn texts_count_as_memory() {
        let own = prior().with_text(b"text").unwrap();
        assert_eq!(own.memory_bytes(), prior().memory_bytes() + 4);
    }
}
