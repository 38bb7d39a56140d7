//! Groups of samples as rANS stacks.
//!
//! In a group, [`LANES`] samples at a time are coded: the first variable of each, the second of each, and so on. Values beyond
//! one [`GROUP`] are coded in two steps.

use super::walk::{Next, Walk};
use super::{Circuit, Program, GROUP, LANES};
use crate::coder::quantize::Quantizer;
use crate::coder::rans::Stack;
use crate::coder::Interval;
use crate::lm::dot::proven;
use crate::samples::{share, whole, Listener, Pace, Source};
use crate::{machine, Result};

/// Bits of the intervals.
const PRECISION: u32 = 24;

/// How samples are put into bytes.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'c> {
    /// Where the probabilities come from.
    pub circuit: &'c Circuit,
    /// The order of the variables.
    pub program: &'c Program,
    /// Samples that share a stack, and must be decoded together: 1 to [`MAX_GROUP`](crate::samples::MAX_GROUP).
    pub group: usize,
    /// Threads that may work on it, without effect on bytes: at least 1.
    pub threads: usize,
}

impl<'c> Source for Layout<'c> {
    type Coder = Samples<'c>;
    const WHAT: &'static str = "samples of a circuit";

    fn width(&self) -> usize {
        self.circuit.variables()
    }

    fn group(&self) -> usize {
        self.group
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn knows(&self, sample: &[u8]) -> bool {
        self.circuit.knows(sample)
    }

    fn check(&self) -> Result<()> {
        machine::check()
    }

    fn coder(&self) -> Result<Samples<'c>> {
        Samples::new(*self)
    }

    fn encode(
        &self,
        coder: &mut Samples<'c>,
        group: &[&[u8]],
        pace: &mut Pace<'_, '_>,
    ) -> Result<Vec<u8>> {
        coder.encode(group, pace)
    }

    fn decode(
        &self,
        coder: &mut Samples<'c>,
        payload: &[u8],
        count: usize,
        pace: &mut Pace<'_, '_>,
    ) -> Result<Vec<u8>> {
        coder.decode(payload, count, pace)
    }
}

/// Bits that each sample takes by the probabilities of the circuit; [`f64::INFINITY`] outside of its alphabet.
///
/// # Errors
/// [`Error::Machine`](crate::Error::Machine), [`Error::Interrupted`](crate::Error::Interrupted),
/// [`Error::Parameter`](crate::Error::Parameter) when the last sample is not whole.
pub fn code_lengths(
    layout: &Layout<'_>,
    symbols: &[u8],
    listener: Listener<'_>,
) -> Result<Vec<f64>> {
    layout.check()?;
    let samples = whole(layout, symbols)?;
    let known: Vec<usize> = (0..samples.len())
        .filter(|&i| layout.circuit.knows(samples[i]))
        .collect();
    let lanes: Vec<_> = known.chunks(LANES).collect();
    let found = share(layout, lanes.len(), listener, |coder, number, pace| {
        let some = lanes[number];
        let mut bits = [0.0; LANES];
        coder.walk.go(|next| {
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
        pace.done(some.len() * layout.width())?;
        Ok(bits)
    })?;
    let mut lengths = vec![f64::INFINITY; samples.len()];
    for (some, bits) in lanes.iter().zip(found) {
        for (&sample, bits) in some.iter().zip(bits) {
            lengths[sample] = bits;
        }
    }
    Ok(lengths)
}

/// A value as group and place in it; just the value where there is one group.
fn parts(next: &Next<'_, LANES>, value: u8) -> (usize, Option<usize>) {
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
    walk: Walk<'c, LANES>,
    quantizer: Quantizer,
}

impl<'c> Samples<'c> {
    /// Prepares for groups.
    pub fn new(layout: Layout<'c>) -> Result<Self> {
        Ok(Self {
            width: layout.circuit.variables(),
            walk: Walk::new(layout.circuit, layout.program, proven()),
            quantizer: Quantizer::new(PRECISION)?,
        })
    }

    fn encode(&mut self, group: &[&[u8]], pace: &mut Pace<'_, '_>) -> Result<Vec<u8>> {
        let mut intervals: Vec<Interval> = Vec::with_capacity(LANES * self.width);
        let mut stack = Stack::new(1)?;
        // A stack takes the last ones first: so the intervals of but a few samples are held.
        for samples in group.chunks(LANES).rev() {
            intervals.clear();
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
            stack.push_intervals(&intervals, PRECISION)?;
            pace.done(samples.len() * self.width)?;
        }
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
