//! Samples of one shape as bytes, each coded by itself or with a few others.
//!
//! ```text
//! strangers: number of samples that the model does not know, distance of each from the one before
//! number of bytes of their values and of the rest behind the last whole sample; these, as blocks of bytes
//! number of bytes of each group of samples; the groups
//! ```

pub mod mixed;
mod workers;

pub use workers::{share, Pace};

use crate::coder::bytes;
use crate::coder::numbers::{put_number, take, take_length};
pub use crate::lm::watch::Listener;
use crate::{Error, Result};
use std::ops::Range;

/// The most samples in a group.
pub const MAX_GROUP: usize = 1 << 16;

/// What codes samples.
pub trait Source: Sync {
    /// What a thread works with.
    type Coder;
    /// Samples, in messages.
    const WHAT: &'static str;

    /// Symbols of a sample.
    fn width(&self) -> usize;
    /// Samples that are coded together, and must be decoded together: 1 to [`MAX_GROUP`].
    fn group(&self) -> usize;
    /// Threads that may work on it, without effect on bytes: at least 1.
    fn threads(&self) -> usize;
    /// Whether a sample can be coded.
    fn knows(&self, sample: &[u8]) -> bool;
    /// Checks what can be checked before any work, and on this machine.
    ///
    /// # Errors
    /// Those of the source.
    fn check(&self) -> Result<()>;
    /// Prepares a thread.
    ///
    /// # Errors
    /// Those of the source.
    fn coder(&self) -> Result<Self::Coder>;
    /// Encodes a group.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and those of the source.
    fn encode(
        &self,
        coder: &mut Self::Coder,
        group: &[&[u8]],
        pace: &mut Pace<'_, '_>,
    ) -> Result<Vec<u8>>;
    /// Decodes a group of `count` samples.
    ///
    /// # Errors
    /// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such group, [`Error::Interrupted`].
    fn decode(
        &self,
        coder: &mut Self::Coder,
        payload: &[u8],
        count: usize,
        pace: &mut Pace<'_, '_>,
    ) -> Result<Vec<u8>>;
}

/// Samples, which all must be whole.
///
/// # Errors
/// [`Error::Parameter`] when the last one is not.
pub fn whole<'s>(source: &impl Source, symbols: &'s [u8]) -> Result<Vec<&'s [u8]>> {
    if symbols.len().is_multiple_of(source.width()) {
        Ok(symbols.chunks_exact(source.width()).collect())
    } else {
        Err(Error::Parameter {
            what: "symbols: whole samples",
        })
    }
}

fn check(source: &impl Source) -> Result<()> {
    if !(1..=MAX_GROUP).contains(&source.group()) {
        return Err(Error::Parameter {
            what: "group: 1 to 65536 samples",
        });
    }
    source.check()
}

/// Encodes samples, and what is behind the last whole one.
///
/// # Errors
/// [`Error::Parameter`] when the group is out of range, those of the source, [`Error::Interrupted`].
pub fn encode<S: Source>(source: &S, symbols: &[u8], listener: Listener<'_>) -> Result<Vec<u8>> {
    check(source)?;
    let samples = symbols.chunks_exact(source.width());
    let rest = samples.remainder();
    let (mut known, mut strange, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    for (index, sample) in samples.enumerate() {
        if source.knows(sample) {
            known.push(sample);
        } else {
            strange.extend_from_slice(sample);
            indices.push(index);
        }
    }
    strange.extend_from_slice(rest);
    let mut out = Vec::new();
    put_number(indices.len() as u64, &mut out);
    let mut next = 0;
    for &index in &indices {
        put_number((index - next) as u64, &mut out);
        next = index + 1;
    }
    let strange = bytes::encode(&strange);
    put_number(strange.len() as u64, &mut out);
    out.extend_from_slice(&strange);
    let groups: Vec<&[&[u8]]> = known.chunks(source.group()).collect();
    let coded = share(source, groups.len(), listener, |coder, number, pace| {
        source.encode(coder, groups[number], pace)
    })?;
    for group in &coded {
        put_number(group.len() as u64, &mut out);
    }
    out.extend(coded.into_iter().flatten());
    Ok(out)
}

/// What stands before the groups.
struct Index<'p> {
    /// Samples that the model does not know.
    strangers: Vec<usize>,
    /// Their values, and those behind the last sample.
    strange: Vec<u8>,
    /// Bytes of each group, and how many samples it has.
    groups: Vec<(&'p [u8], usize)>,
}

impl<'p> Index<'p> {
    fn read<S: Source>(source: &S, payload: &'p [u8], count: usize) -> Result<Self> {
        let corrupt = |what| Error::Corrupt { what };
        let width = source.width();
        let (samples, tail) = (count / width, count % width);
        let mut rest = payload;
        let many = take_length(&mut rest, S::WHAT)?;
        // Each takes a byte at least.
        if many > samples || many > rest.len() {
            return Err(corrupt(
                "more samples are outside of the alphabet than there are",
            ));
        }
        let (mut strangers, mut next) = (Vec::with_capacity(many), 0_usize);
        for _ in 0..many {
            let index = next.saturating_add(take_length(&mut rest, S::WHAT)?);
            if index >= samples {
                return Err(corrupt("sample outside of the alphabet is not there"));
            }
            strangers.push(index);
            next = index + 1;
        }
        let length = take_length(&mut rest, S::WHAT)?;
        let strange = bytes::decode(take(&mut rest, length, S::WHAT)?, many * width + tail)?;
        let known = samples - many;
        let count = known.div_ceil(source.group());
        if count > rest.len() {
            return Err(Error::Truncated { what: S::WHAT });
        }
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push(take_length(&mut rest, S::WHAT)?);
        }
        let mut groups = Vec::with_capacity(count);
        for (number, length) in lengths.into_iter().enumerate() {
            let size = source.group().min(known - number * source.group());
            groups.push((take(&mut rest, length, S::WHAT)?, size));
        }
        if !rest.is_empty() {
            return Err(corrupt("bytes after the last group of samples"));
        }
        Ok(Self {
            strangers,
            strange,
            groups,
        })
    }
}

/// Decodes what [`encode`] wrote of `count` symbols.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload; those of [`encode`].
pub fn decode<S: Source>(
    source: &S,
    payload: &[u8],
    count: usize,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    let samples = 0..count / source.width();
    decode_some(source, payload, count, samples, true, listener)
}

/// Decodes some of the samples; only their groups are looked at.
///
/// # Errors
/// Those of [`decode`], and [`Error::Parameter`] when there are no such samples.
pub fn decode_samples<S: Source>(
    source: &S,
    payload: &[u8],
    count: usize,
    samples: Range<usize>,
) -> Result<Vec<u8>> {
    if samples.start > samples.end || samples.end > count / source.width() {
        return Err(Error::Parameter {
            what: "samples: not beyond the last one",
        });
    }
    decode_some(source, payload, count, samples, false, &mut |_| false)
}

fn decode_some<S: Source>(
    source: &S,
    payload: &[u8],
    count: usize,
    samples: Range<usize>,
    tail: bool,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    check(source)?;
    let (width, group) = (source.width(), source.group());
    let index = Index::read(source, payload, count)?;
    // How many samples before one are in groups.
    let known = |sample: usize| sample - index.strangers.partition_point(|&s| s < sample);
    let (before, behind) = (known(samples.start), known(samples.end));
    let groups = if before == behind {
        0..0
    } else {
        before / group..behind.div_ceil(group)
    };
    let first = groups.start;
    let found = share(source, groups.len(), listener, |coder, number, pace| {
        let (coded, size) = index.groups[first + number];
        source.decode(coder, coded, size, pace)
    })?;
    let mut out = Vec::with_capacity(found.iter().map(Vec::len).sum());
    for sample in samples {
        let place = known(sample);
        out.extend_from_slice(if index.strangers.get(sample - place) == Some(&sample) {
            &index.strange[(sample - place) * width..][..width]
        } else {
            &found[place / group - first][place % group * width..][..width]
        });
    }
    if tail {
        out.extend_from_slice(&index.strange[index.strangers.len() * width..]);
    }
    Ok(out)
}
