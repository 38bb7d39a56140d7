//! Samples as bytes.
//!
//! ```text
//! strangers: number of samples outside of the alphabet, distance of each from the one before
//! number of bytes of their values and of the rest behind the last whole sample; these, as blocks of bytes
//! number of bytes of each group of samples; the rANS stacks of the groups
//! ```
//!
//! In a group, [`LANES`] samples at a time are coded: the first variable of each, the second of each, and so on. Values beyond
//! one [`GROUP`] are coded in two steps.

use super::walk::{Next, Walk};
use super::workers::{share, Pace};
use super::{Circuit, Program, GROUP, LANES};
use crate::coder::numbers::{put_number, take, take_length};
use crate::coder::quantize::Quantizer;
use crate::coder::rans::Stack;
use crate::coder::{bytes, Interval};
use crate::lm::dot::proven;
use crate::{machine, Error, Result};
use std::ops::Range;

/// Bits of the intervals.
const PRECISION: u32 = 24;
/// The most samples in a group.
pub const MAX_GROUP: usize = 1 << 16;
const WHAT: &str = "samples of a circuit";

/// How samples are put into bytes.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'c> {
    /// Where the probabilities come from.
    pub circuit: &'c Circuit,
    /// The order of the variables.
    pub program: &'c Program,
    /// Samples that share a stack, and must be decoded together: 1 to [`MAX_GROUP`].
    pub group: usize,
    /// Threads that may work on it, without effect on bytes: at least 1.
    pub threads: usize,
}

/// Who is told how many symbols are done, and says whether to stop.
pub type Listener<'a> = &'a mut dyn FnMut(usize) -> bool;

impl Layout<'_> {
    fn check(&self) -> Result<()> {
        if !(1..=MAX_GROUP).contains(&self.group) {
            return Err(Error::Parameter {
                what: "group: 1 to 65536 samples",
            });
        }
        machine::check()
    }
}

/// Encodes samples, each of as many values as the circuit has variables.
///
/// # Errors
/// [`Error::Parameter`] when the group is out of range, [`Error::Machine`], [`Error::Interrupted`].
pub fn encode(layout: Layout<'_>, symbols: &[u8], listener: Listener<'_>) -> Result<Vec<u8>> {
    layout.check()?;
    let width = layout.circuit.variables();
    let samples = symbols.chunks_exact(width);
    let rest = samples.remainder();
    let (mut known, mut strange, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    for (index, sample) in samples.enumerate() {
        if layout.circuit.knows(sample) {
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
    let groups: Vec<&[&[u8]]> = known.chunks(layout.group).collect();
    let stacks = share(layout, groups.len(), listener, |coder, number, pace| {
        coder.encode(groups[number], pace)
    })?;
    for stack in &stacks {
        put_number(stack.len() as u64, &mut out);
    }
    out.extend(stacks.into_iter().flatten());
    Ok(out)
}

/// What stands before the groups.
struct Index<'p> {
    /// Samples outside of the alphabet.
    strangers: Vec<usize>,
    /// Their values, and those behind the last sample.
    strange: Vec<u8>,
    /// Bytes of each group, and how many samples it has.
    groups: Vec<(&'p [u8], usize)>,
}

impl<'p> Index<'p> {
    fn read(layout: Layout<'_>, payload: &'p [u8], count: usize) -> Result<Self> {
        let corrupt = |what| Error::Corrupt { what };
        let width = layout.circuit.variables();
        let (samples, tail) = (count / width, count % width);
        let mut rest = payload;
        let many = take_length(&mut rest, WHAT)?;
        // Each takes a byte at least.
        if many > samples || many > rest.len() {
            return Err(corrupt(
                "more samples are outside of the alphabet than there are",
            ));
        }
        let (mut strangers, mut next) = (Vec::with_capacity(many), 0_usize);
        for _ in 0..many {
            let index = next.saturating_add(take_length(&mut rest, WHAT)?);
            if index >= samples {
                return Err(corrupt("sample outside of the alphabet is not there"));
            }
            strangers.push(index);
            next = index + 1;
        }
        let length = take_length(&mut rest, WHAT)?;
        let strange = bytes::decode(take(&mut rest, length, WHAT)?, many * width + tail)?;
        let known = samples - many;
        let count = known.div_ceil(layout.group);
        if count > rest.len() {
            return Err(Error::Truncated { what: WHAT });
        }
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push(take_length(&mut rest, WHAT)?);
        }
        let mut groups = Vec::with_capacity(count);
        for (number, length) in lengths.into_iter().enumerate() {
            let size = layout.group.min(known - number * layout.group);
            groups.push((take(&mut rest, length, WHAT)?, size));
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
pub fn decode(
    layout: Layout<'_>,
    payload: &[u8],
    count: usize,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    let samples = 0..count / layout.circuit.variables();
    decode_some(layout, payload, count, samples, true, listener)
}

/// Decodes some of the samples; only their groups are looked at.
///
/// # Errors
/// Those of [`decode`], and [`Error::Parameter`] when there are no such samples.
pub fn decode_samples(
    layout: Layout<'_>,
    payload: &[u8],
    count: usize,
    samples: Range<usize>,
) -> Result<Vec<u8>> {
    if samples.start > samples.end || samples.end > count / layout.circuit.variables() {
        return Err(Error::Parameter {
            what: "samples: not beyond the last one",
        });
    }
    decode_some(layout, payload, count, samples, false, &mut |_| false)
}

fn decode_some(
    layout: Layout<'_>,
    payload: &[u8],
    count: usize,
    samples: Range<usize>,
    tail: bool,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    layout.check()?;
    let width = layout.circuit.variables();
    let index = Index::read(layout, payload, count)?;
    // How many samples before one are in groups.
    let known = |sample: usize| sample - index.strangers.partition_point(|&s| s < sample);
    let groups = known(samples.start) / layout.group..known(samples.end).div_ceil(layout.group);
    let first = groups.start;
    let found = share(layout, groups.len(), listener, |coder, number, pace| {
        let (stack, size) = index.groups[first + number];
        coder.decode(stack, size, pace)
    })?;
    let mut out = Vec::with_capacity(found.iter().map(Vec::len).sum());
    for sample in samples {
        let place = known(sample);
        out.extend_from_slice(if index.strangers.get(sample - place) == Some(&sample) {
            &index.strange[(sample - place) * width..][..width]
        } else {
            &found[place / layout.group - first][place % layout.group * width..][..width]
        });
    }
    if tail {
        out.extend_from_slice(&index.strange[index.strangers.len() * width..]);
    }
    Ok(out)
}

/// Bits that each sample takes by the probabilities of the circuit; [`f64::INFINITY`] outside of its alphabet.
///
/// # Errors
/// [`Error::Machine`], [`Error::Interrupted`], [`Error::Parameter`] when the last sample is not whole.
pub fn code_lengths(layout: Layout<'_>, symbols: &[u8]) -> Result<Vec<f64>> {
    layout.check()?;
    let width = layout.circuit.variables();
    if !symbols.len().is_multiple_of(width) {
        return Err(Error::Parameter {
            what: "symbols: whole samples",
        });
    }
    let mut walk = Walk::new(layout.circuit, layout.program, proven());
    let samples: Vec<&[u8]> = symbols.chunks_exact(width).collect();
    let mut lengths = vec![f64::INFINITY; samples.len()];
    let known: Vec<usize> = (0..samples.len())
        .filter(|&i| layout.circuit.knows(samples[i]))
        .collect();
    for some in known.chunks(LANES) {
        let mut bits = [0.0; LANES];
        walk.go(|next| {
            let mut values = [0; LANES];
            for (lane, &sample) in some.iter().enumerate() {
                let value = samples[sample][next.variable()];
                values[lane] = value;
                let (which, place) = parts(&next, value);
                let share = |(row, size): ([f32; GROUP], usize), place: usize| {
                    let all: f64 = row[..size].iter().map(|&x| f64::from(x)).sum();
                    (f64::from(row[place]) / all).log2()
                };
                bits[lane] -= share(next.first(lane), which);
                if let Some(place) = place {
                    bits[lane] -= share(next.second(lane, which), place);
                }
            }
            Ok(values)
        })?;
        for (&sample, bits) in some.iter().zip(bits) {
            lengths[sample] = bits;
        }
    }
    Ok(lengths)
}

/// A value as group and place in it; just the value where there is one group.
fn parts(next: &Next<'_>, value: u8) -> (usize, Option<usize>) {
    let value = usize::from(value);
    if next.groups() == 1 {
        (value, None)
    } else {
        (value / GROUP, Some(value % GROUP))
    }
}

/// Codes groups of samples.
pub struct Samples<'c> {
    width: usize,
    walk: Walk<'c>,
    quantizer: Quantizer,
}

impl<'c> Samples<'c> {
    /// Prepares for groups.
    ///
    /// # Errors
    /// None: the precision is one of a quantizer.
    pub fn new(layout: Layout<'c>) -> Result<Self> {
        Ok(Self {
            width: layout.circuit.variables(),
            walk: Walk::new(layout.circuit, layout.program, proven()),
            quantizer: Quantizer::new(PRECISION)?,
        })
    }

    fn encode(&mut self, group: &[&[u8]], pace: &mut Pace<'_, '_>) -> Result<Vec<u8>> {
        let mut intervals: Vec<Interval> = Vec::with_capacity(group.len() * self.width);
        for samples in group.chunks(LANES) {
            let quantizer = &mut self.quantizer;
            self.walk.go(|next| {
                let mut values = [0; LANES];
                for (sample, out) in samples.iter().zip(&mut values) {
                    *out = sample[next.variable()];
                }
                for (lane, &value) in values.iter().enumerate().take(samples.len()) {
                    let (which, place) = parts(&next, value);
                    let (row, size) = next.first(lane);
                    if size > 1 {
                        intervals.push(quantizer.interval(&row[..size], which)?);
                    }
                    if let Some(place) = place {
                        let (row, size) = next.second(lane, which);
                        intervals.push(quantizer.interval(&row[..size], place)?);
                    }
                }
                Ok(values)
            })?;
            pace.done(samples.len() * self.width)?;
        }
        let mut stack = Stack::new(1)?;
        stack.push_intervals(&intervals, PRECISION)?;
        Ok(stack.to_bytes())
    }

    #[allow(clippy::cast_possible_truncation)] // values are below the categories of their variable
    fn decode(&mut self, payload: &[u8], count: usize, pace: &mut Pace<'_, '_>) -> Result<Vec<u8>> {
        let width = self.width;
        let mut stack = Stack::from_bytes(payload, 1)?;
        let mut out = Vec::new();
        for first in (0..count).step_by(LANES) {
            let some = LANES.min(count - first);
            let mut samples = vec![0; some * width];
            let quantizer = &mut self.quantizer;
            self.walk.go(|next| {
                let mut pop = |row: &[f32]| -> Result<usize> {
                    if row.len() == 1 {
                        return Ok(0);
                    }
                    let slot = stack.peek(PRECISION)?;
                    let (symbol, interval) = quantizer.find(row, slot)?;
                    stack.pop(interval, PRECISION)?;
                    Ok(symbol as usize)
                };
                let mut values = [0; LANES];
                for (lane, value) in values.iter_mut().enumerate().take(some) {
                    let (row, size) = next.first(lane);
                    let mut found = pop(&row[..size])?;
                    if next.groups() > 1 {
                        let (row, size) = next.second(lane, found);
                        found = found * GROUP + pop(&row[..size])?;
                    }
                    *value = found as u8;
                    samples[lane * width + next.variable()] = *value;
                }
                Ok(values)
            })?;
            out.extend_from_slice(&samples);
            pace.done(samples.len())?;
        }
        stack.finish()?;
        Ok(out)
    }
}
