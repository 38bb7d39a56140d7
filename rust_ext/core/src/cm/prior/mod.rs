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
use crate::cm::fast::learnt::{Layout, Learnt, Maps};
use crate::cm::fast::Shape;
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
    shape: Shape,
    layout: Layout,
    packed: Vec<u8>,
    /// Unpacked when it is first asked for.
    learnt: OnceLock<Box<Learnt>>,
}

/// A copy is unpacked anew: arrays so large might be copied over the stack.
impl Clone for Start {
    fn clone(&self) -> Self {
        Self {
            packed: self.packed.clone(),
            learnt: OnceLock::new(),
            ..*self
        }
    }
}

impl Start {
    fn learnt(&self) -> &Learnt {
        self.learnt.get_or_init(|| {
            let tables = Tables::new();
            let learnt = Learnt::parse(&self.packed, self.shape, self.layout, &tables);
            Box::new(learnt.unwrap_or_else(|_| unreachable!("it was checked")))
        })
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
    pub fn add_start(&mut self, level: u32, layout: Layout, packed: Vec<u8>) -> Result<()> {
        let known = self.starts.iter().any(|start| start.level == level);
        let shape = Shape::of(level).filter(|&shape| !known && layout.fits(shape));
        let shape = shape.ok_or(corrupt("prior is damaged: the level of a start"))?;
        Learnt::check(&packed, shape, layout)
            .map_err(|_| corrupt("prior is damaged: a start of it"))?;
        self.starts.push(Start {
            level,
            shape,
            layout,
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
    /// [`Error::Parameter`] when the base has one itself, and more than starts.
    pub fn on(&self, digest: Digest, base: Arc<Self>) -> Result<Self> {
        let only_starts = base.table.is_empty() && base.text.is_empty();
        let below = base.base.as_ref();
        if below.is_some_and(|below| !only_starts || below.prior.base.is_some()) {
            return Err(Error::Parameter {
                what: "base of a prior, which must not have one itself, unless it only has starts",
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

    /// The prior, its base, and the base of that.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |prior| {
            prior.base.as_ref().map(|base| &*base.prior)
        })
    }

    /// The tables that are looked up, one after the other.
    #[must_use]
    pub fn tables(&self) -> [Option<&Table>; 2] {
        let mut tables = self.chain().map(Self::table).filter(|t| !t.is_empty());
        [tables.next(), tables.next()]
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

    fn starts(&self) -> impl Iterator<Item = &Start> {
        self.chain().flat_map(|prior| &prior.starts)
    }

    /// What predictors of a level start from, if it is known: here, or in the base.
    #[must_use]
    pub fn learnt(&self, level: u32) -> Option<&Learnt> {
        let start = self.starts().find(|start| start.level == level)?;
        Some(start.learnt())
    }

    /// The maps that predictors of levels start from where they have none of their own: those of the first start that
    /// has some.
    #[must_use]
    pub fn maps(&self) -> Option<&Maps> {
        let start = self.starts().find(|start| start.layout == Layout::Whole)?;
        start.learnt().maps.as_ref()
    }

    /// Bytes of all starts, without the base.
    #[must_use]
    pub fn start_bytes(&self) -> usize {
        self.starts.iter().map(|start| start.packed.len()).sum()
    }

    /// Memory in bytes, with the base, when all starts are in use.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let learnt = |start: &Start| Learnt::bytes(start.shape, start.layout);
        let starts = self.start_bytes() + self.starts.iter().map(learnt).sum::<usize>();
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

    /// A start of level 3 in which nothing has moved.
    fn start() -> Vec<u8> {
        let shape = Shape::of(3).unwrap();
        Learnt::new(shape, Layout::Slim, &Tables::new()).to_bytes(shape, &Tables::new())
    }

    #[test]
    fn a_base_that_only_has_starts_has_a_base() {
        let lowest = Arc::new(prior());
        let mut starts = Prior::new("starts", Table::empty()).unwrap();
        starts.add_start(3, Layout::Slim, start()).unwrap();
        let starts = Arc::new(starts.on([1; 32], Arc::clone(&lowest)).unwrap());
        let own = Prior::new("own", Table::empty()).unwrap();
        let own = own.with_text(b"text").unwrap();
        let own = own.on([2; 32], Arc::clone(&starts)).unwrap();
        assert_eq!(own.tables(), [Some(&lowest.table), None]);
        assert!(own.learnt(3).is_some() && own.learnt(4).is_none());
        assert!(own.maps().is_none());
        assert_eq!(own.memory_bytes(), starts.memory_bytes() + 4);
        let bytes = own.to_bytes();
        let again = Prior::parse(&bytes, Some(Arc::clone(&starts))).unwrap();
        assert_eq!(again.to_bytes(), bytes);
        // That of a base is the last one.
        let other = Prior::new("other", Table::empty()).unwrap();
        let other = Arc::new(other.on([3; 32], starts).unwrap());
        assert!(other.on([4; 32], Arc::clone(&other)).is_err());
        assert!(prior().on([5; 32], Arc::new(own)).is_err());
    }

    #[test]
    fn starts_are_of_levels_that_have_them() {
        let whole = Learnt::new(Shape::of(5).unwrap(), Layout::Whole, &Tables::new());
        let whole = whole.to_bytes(Shape::of(5).unwrap(), &Tables::new());
        let add = |level, layout, start: &[u8]| prior().add_start(level, layout, start.to_vec());
        add(5, Layout::Whole, &whole).unwrap();
        add(3, Layout::Slim, &start()).unwrap();
        for (level, layout) in [(2, Layout::Slim), (9, Layout::Slim), (7, Layout::Whole)] {
            for start in [&whole, &start()] {
                assert!(add(level, layout, start).is_err());
            }
        }
        assert!(add(5, Layout::Slim, &whole).is_err());
        assert!(add(4, Layout::Slim, &start()).is_err());
        let mut twice = prior();
        twice.add_start(3, Layout::Slim, start()).unwrap();
        assert!(twice.add_start(3, Layout::Slim, start()).is_err());
        let bytes = twice.to_bytes();
        assert_eq!(Prior::parse(&bytes, None).unwrap().to_bytes(), bytes);
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
