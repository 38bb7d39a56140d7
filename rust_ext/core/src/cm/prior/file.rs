//! Files of priors, read and written.

use super::table::{Table, BUCKET};
use super::{corrupt, Base, Digest, Prior, MAX_TEXT, NAME_BYTES};
use crate::cm::fast::learnt::Layout;
use crate::{Error, Result};
use std::sync::Arc;

/// What a file begins with, before the version of the format.
const MAGIC: &[u8; 7] = b"\xb5LMPRI\n";
/// The version of files that have a table and starts.
const PLAIN: u8 = 1;
/// The version of files that also have a base, or a text, or both.
const FULL: u8 = 2;
/// What is added to the level of a start in the slim layout.
const SLIM: u32 = 256;
/// Bytes before the number of buckets and the number of starts.
const NUMBERS: usize = MAGIC.len() + 1 + NAME_BYTES;
/// Bytes before the table of a plain file, or before base and length of the text of the other one.
const HEADER_BYTES: usize = NUMBERS + 8;

const BAD_NAME: &str = "prior is damaged: its name is not well formed";

impl Prior {
    /// The SHA-256 of the base that the file of a prior names, if it does.
    #[must_use]
    pub fn base_of(bytes: &[u8]) -> Option<Digest> {
        let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&[FULL])?;
        let digest = rest.get(HEADER_BYTES - MAGIC.len() - 1..)?.first_chunk()?;
        Some(*digest).filter(|digest| digest.iter().any(|&byte| byte != 0))
    }

    /// Reads a file. One that names a base, see [`Self::base_of`], is read with that.
    ///
    /// # Errors
    /// [`Error::Weights`] when it is not a prior, or one of another version, or damaged as far as can be seen; when its
    /// base is not given, or is on a base itself.
    pub fn parse(bytes: &[u8], base: Option<Arc<Self>>) -> Result<Self> {
        Self::read(bytes, base).map_err(|error| match error {
            Error::Corrupt { what } => Error::Weights { what },
            other => other,
        })
    }

    fn read(bytes: &[u8], base: Option<Arc<Self>>) -> Result<Self> {
        if bytes.is_empty() {
            return Err(corrupt("not a prior: it is empty"));
        }
        if !bytes.starts_with(MAGIC) {
            return Err(corrupt("not a prior: it begins with other bytes"));
        }
        let full = match bytes.get(MAGIC.len()) {
            Some(&FULL) => true,
            Some(&PLAIN) | None => false,
            Some(_) => return Err(corrupt("prior is of a version that is not known")),
        };
        let (header, mut rest) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(corrupt("prior is damaged: it is shorter than its header"))?;
        let (name, mut numbers) = header[MAGIC.len() + 1..].split_at(NAME_BYTES);
        let end = name.iter().position(|&byte| byte == 0);
        let (name, padding) = name.split_at(end.unwrap_or(NAME_BYTES));
        if padding.iter().any(|&byte| byte != 0) {
            return Err(corrupt(BAD_NAME));
        }
        let name = std::str::from_utf8(name).map_err(|_| corrupt(BAD_NAME))?;
        let buckets = take_u32(&mut numbers)?.saturating_mul(BUCKET);
        let starts = take_u32(&mut numbers)?;
        let mut length = 0;
        if full {
            take(&mut rest, size_of::<Digest>())?;
            length = take_u32(&mut rest)?;
        }
        let digest = Self::base_of(bytes);
        if full && digest.is_none() && length == 0 {
            return Err(corrupt("prior is damaged: it has neither base nor text"));
        }
        if length > MAX_TEXT {
            return Err(corrupt("prior is damaged: its text is too long"));
        }
        let table = match take(&mut rest, buckets)? {
            [] if full => Table::empty(),
            bytes => Table::new(bytes)?,
        };
        let mut prior = Self::new(name, table).map_err(|error| match error {
            Error::Parameter { .. } => corrupt(BAD_NAME),
            other => other,
        })?;
        for _ in 0..starts {
            let level = take_u32(&mut rest)? as u32;
            let (level, layout) = match level.checked_sub(SLIM) {
                Some(level) => (level, Layout::Slim),
                None => (level, Layout::Whole),
            };
            let length = take_u32(&mut rest)?;
            prior.add_start(level, layout, take(&mut rest, length)?.to_vec())?;
        }
        prior.text = take(&mut rest, length)?.to_vec();
        if !rest.is_empty() {
            return Err(corrupt("prior is damaged: it has bytes behind its end"));
        }
        if let Some(digest) = digest {
            let base = base.ok_or(corrupt("prior needs its base"))?;
            prior = prior.on(digest, base).map_err(|_| {
                corrupt("prior is on a base that is on a base itself, and has more than starts")
            })?;
        }
        Ok(prior)
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let full = self.base.is_some() || !self.text.is_empty();
        let mut bytes = MAGIC.to_vec();
        bytes.push(if full { FULL } else { PLAIN });
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.resize(NUMBERS, 0);
        let number = |n: usize| (n as u32).to_le_bytes();
        bytes.extend(number(self.table.bytes().len() / BUCKET));
        bytes.extend(number(self.starts.len()));
        if full {
            let digest = |base: &Base| base.digest;
            bytes.extend(self.base.as_ref().map_or([0; 32], digest));
            bytes.extend(number(self.text.len()));
        }
        bytes.extend_from_slice(self.table.bytes());
        for start in &self.starts {
            let slim = u32::from(start.layout == Layout::Slim) * SLIM;
            bytes.extend((start.level + slim).to_le_bytes());
            bytes.extend(number(start.packed.len()));
            bytes.extend_from_slice(&start.packed);
        }
        bytes.extend_from_slice(&self.text);
        bytes
    }
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
    use crate::cm::prior::table;
    use proptest::prelude::*;

    fn prior() -> Prior {
        Prior::new("a-1", Table::new(&[7; 3 * table::BUCKET]).unwrap()).unwrap()
    }

    /// A text on a base, without a table and with one.
    fn own() -> [Prior; 2] {
        let base = Arc::new(prior());
        [Table::empty(), Table::new(&[9; table::BUCKET]).unwrap()].map(|table| {
            let own = Prior::new("own", table).unwrap();
            let own = own.with_text(b"some text").unwrap();
            own.on([5; 32], Arc::clone(&base)).unwrap()
        })
    }

    #[test]
    fn files_are_read_back() {
        let bytes = prior().to_bytes();
        let again = Prior::parse(&bytes, None).unwrap();
        assert_eq!((again.name(), again.to_bytes()), ("a-1", bytes));
        let text = prior().with_text(b"text").unwrap().to_bytes();
        assert_eq!(Prior::base_of(&text), None);
        assert_eq!(Prior::parse(&text, None).unwrap().to_bytes(), text);
    }

    #[test]
    fn files_with_a_base_are_read_with_it() {
        let base = Arc::new(prior());
        for own in own() {
            let bytes = own.to_bytes();
            assert_eq!(Prior::base_of(&bytes), Some([5; 32]));
            let again = Prior::parse(&bytes, Some(Arc::clone(&base))).unwrap();
            assert_eq!((again.text(), again.to_bytes()), (&b"some text"[..], bytes));
            assert_eq!(again.tables(), own.tables());
        }
        let tables = own().map(|own| own.tables().map(|table| table.map(|t| t.bytes().len())));
        assert_eq!(tables, [[Some(192), None], [Some(64), Some(192)]]);
    }

    #[test]
    fn a_base_is_there_and_has_none_itself() {
        for own in own() {
            let bytes = own.to_bytes();
            let base = Arc::new(own);
            for base in [None, Some(base)] {
                let error = Prior::parse(&bytes, base).unwrap_err();
                assert!(matches!(error, Error::Weights { what } if what.contains("base")));
            }
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let [first, second] = own();
        for prior in [prior(), first, second] {
            let bytes = prior.to_bytes();
            let parse = |bytes: &[u8]| Prior::parse(bytes, Some(Arc::new(super::tests::prior())));
            for length in 0..bytes.len() {
                assert!(parse(&bytes[..length]).is_err(), "{length}");
            }
            let mut padded = bytes.clone();
            padded[NUMBERS - 1] = b'x';
            assert!(parse(&padded).is_err());
            for at in 0..=MAGIC.len() {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << 3;
                assert!(parse(&bytes).is_err(), "{at}");
            }
            assert!(parse(&[&bytes[..], b"x"].concat()).is_err());
        }
    }

    #[test]
    fn texts_have_a_bound() {
        let [own, _] = own();
        let mut bytes = own.to_bytes();
        let length = HEADER_BYTES + 32;
        for text in [MAX_TEXT + 1, u32::MAX as usize] {
            bytes[length..length + 4].copy_from_slice(&(text as u32).to_le_bytes());
            let error = Prior::parse(&bytes, Some(Arc::new(prior()))).unwrap_err();
            assert!(matches!(error, Error::Weights { what } if what.contains("too long")));
        }
        assert!(own.with_text(&vec![0; MAX_TEXT + 1]).is_err());
    }

    #[test]
    fn a_full_file_has_a_base_or_a_text() {
        let mut bytes = prior().to_bytes();
        bytes[MAGIC.len()] = FULL;
        bytes.splice(HEADER_BYTES..HEADER_BYTES, [0; 36]);
        assert!(Prior::parse(&bytes, None).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            version in 1..4_u8,
        ) {
            let base = Some(Arc::new(prior()));
            let _ = Prior::parse(&bytes, base.clone());
            let mut file = [&MAGIC[..], &[version]].concat();
            file.extend(&bytes);
            let _ = Prior::parse(&file, base);
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
