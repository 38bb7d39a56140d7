//! Priors: what the contexts of [`crate::cm`] predicted in other text, for streams to start from.
//!
//! A prior is a file that is read only: a header, and a [`table::Table`] from contexts to the symbols that follow
//! them. It is data, never code, and any bytes behind a right header are a valid table. What a stream was coded with
//! is part of what it means: changing one entry changes bytes, so that streams name their prior by its SHA-256.
//!
//! ```
//! use lmcodec_core::prior::{train::{Settings, Trainer}, Prior};
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
pub mod table;
pub mod train;

use crate::{Error, Result};
use table::Table;

/// What a file begins with; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"\xb5LMPRI\n\x01";
/// Bytes of the name, padded with zeros.
const NAME_BYTES: usize = 56;
/// Bytes before the table: one bucket.
const HEADER_BYTES: usize = MAGIC.len() + NAME_BYTES;

/// A prior.
#[derive(Debug, Clone)]
pub struct Prior {
    name: String,
    table: Table,
}

impl Prior {
    /// Gives a table a name.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the name is empty, longer than 56 bytes, or has characters other than lower-case
    /// letters, digits, `-`, `_` and `.`.
    pub fn new(name: &str, table: Table) -> Result<Self> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(plain) {
            return Err(Error::Parameter {
                what: "name of a prior: 1 to 56 lower-case letters, digits, - _ or .",
            });
        }
        Ok(Self {
            name: name.to_owned(),
            table,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is not a prior, or one of another version, or cut.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let corrupt = |what| Error::Corrupt { what };
        let (header, table) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(corrupt("prior is shorter than its header"))?;
        let (magic, name) = header.split_at(MAGIC.len());
        if magic[..7] != MAGIC[..7] {
            return Err(corrupt("file is not a prior"));
        }
        if magic != MAGIC {
            return Err(corrupt("version of the file of a prior"));
        }
        let end = name.iter().position(|&byte| byte == 0);
        let name = std::str::from_utf8(&name[..end.unwrap_or(NAME_BYTES)]);
        let name = name.map_err(|_| corrupt("name of a prior"))?;
        Self::new(name, Table::new(table)?).map_err(|error| match error {
            Error::Parameter { .. } => corrupt("name of a prior"),
            other => other,
        })
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend_from_slice(self.table.bytes());
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

    /// Memory in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.table.bytes().len() as u64
    }
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
            let whole_buckets = length > HEADER_BYTES && length.is_multiple_of(table::BUCKET);
            assert_eq!(
                Prior::parse(&bytes[..length]).is_ok(),
                whole_buckets,
                "{length}"
            );
        }
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
        for name in ["", "A", "a b", "a/b", "\u{e9}", &"a".repeat(57)] {
            assert!(Prior::new(name, prior().table).is_err(), "{name}");
        }
    }
}
