//! Groups of items as rANS stacks: call after call, the positions that each serves.

use super::network::Network;
use super::state::State;
use crate::coder::quantize::Quantizer;
use crate::coder::rans::Stack;
use crate::coder::Interval;
use crate::samples::{share, whole, Listener, Pace, Source};
use crate::{Error, Result};
use std::ops::Range;

/// Bits of the intervals.
const PRECISION: u32 = 24;

/// How items are put into bytes.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'n> {
    /// Where the probabilities come from.
    pub network: &'n Network,
    /// How many positions each call serves: those of the first stage, then those of the second, and so on.
    pub steps: &'n [u32],
    /// Items that share a stack, and must be decoded together: 1 to [`MAX_GROUP`](crate::samples::MAX_GROUP).
    pub group: usize,
    /// Threads that may work on it, without effect on bytes: at least 1.
    pub threads: usize,
}

/// What a call serves: positions by their place in the order, at one stage.
#[derive(Debug, Clone)]
struct Call {
    stage: usize,
    places: Range<usize>,
}

/// Calls, if their steps cover all positions of each stage once.
fn calls(network: &Network, steps: &[u32]) -> Option<Vec<Call>> {
    let size = network.size();
    let mut calls = Vec::with_capacity(steps.len());
    let (mut stage, mut place) = (0, 0);
    for &step in steps {
        let end = place + step as usize;
        if step == 0 || end > size || stage == network.stages() {
            return None;
        }
        calls.push(Call {
            stage,
            places: place..end,
        });
        place = end;
        if place == size {
            (stage, place) = (stage + 1, 0);
        }
    }
    (stage == network.stages()).then_some(calls)
}

impl<'n> Source for Layout<'n> {
    type Coder = Items<'n>;
    const WHAT: &'static str = "items of ardm";

    fn width(&self) -> usize {
        self.network.size()
    }

    fn group(&self) -> usize {
        self.group
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn knows(&self, item: &[u8]) -> bool {
        item.iter().all(|&byte| self.network.symbol(byte).is_some())
    }

    fn check(&self) -> Result<()> {
        match calls(self.network, self.steps) {
            Some(_) => Ok(()),
            None => Err(Error::Parameter {
                what: "steps: all positions of each stage once",
            }),
        }
    }

    fn coder(&self) -> Result<Items<'n>> {
        Items::new(self.network, self.steps)
    }

    fn encode(
        &self,
        coder: &mut Items<'n>,
        group: &[&[u8]],
        pace: &mut Pace<'_, '_>,
    ) -> Result<Vec<u8>> {
        let mut intervals = Vec::with_capacity(self.width() * self.network.stages());
        let mut stack = Stack::new(1)?;
        // A stack takes the last one first: so the intervals of but one item are held.
        for item in group.iter().rev() {
            intervals.clear();
            coder.item(&mut Known(item, &mut intervals))?;
            stack.push_intervals(&intervals, PRECISION)?;
            pace.done(item.len())?;
        }
        Ok(stack.to_bytes())
    }

    fn decode(
        &self,
        coder: &mut Items<'n>,
        payload: &[u8],
        count: usize,
        pace: &mut Pace<'_, '_>,
    ) -> Result<Vec<u8>> {
        let mut stack = Stack::from_bytes(payload, 1)?;
        let mut out = Vec::new();
        for _ in 0..count {
            let symbols = coder.item(&mut stack)?;
            out.extend(symbols.iter().map(|&s| self.network.bytes[usize::from(s)]));
            pace.done(self.width())?;
        }
        stack.finish()?;
        Ok(out)
    }
}

/// One side of coding.
trait Side {
    /// The branch that a position takes: which it is if that is known, else what is decoded.
    fn branch(
        &mut self,
        network: &Network,
        position: usize,
        stage: usize,
        weights: &[u32],
        quantizer: &mut Quantizer,
    ) -> Result<usize>;
}

/// An item to be encoded, and the intervals of its branches.
struct Known<'i>(&'i [u8], &'i mut Vec<Interval>);

impl Side for Known<'_> {
    fn branch(
        &mut self,
        network: &Network,
        position: usize,
        stage: usize,
        weights: &[u32],
        quantizer: &mut Quantizer,
    ) -> Result<usize> {
        let symbol = network.symbol(self.0[position]).ok_or(Error::Parameter {
            what: "symbols: those of the alphabet",
        })?;
        let branch = network.config.branch(symbol, stage);
        self.1.push(quantizer.interval(weights, branch)?);
        Ok(branch)
    }
}

impl Side for Stack {
    fn branch(
        &mut self,
        _: &Network,
        _: usize,
        _: usize,
        weights: &[u32],
        quantizer: &mut Quantizer,
    ) -> Result<usize> {
        let slot = self.peek(PRECISION)?;
        let (branch, interval) = quantizer.find(weights, slot)?;
        self.pop(interval, PRECISION)?;
        Ok(branch as usize)
    }
}

/// Codes items one after the other.
pub struct Items<'n> {
    pub(super) network: &'n Network,
    calls: Vec<Call>,
    pub(super) state: State<'n>,
    pub(super) quantizer: Quantizer,
    /// What the first call says of the positions that it serves: the same for all items.
    first: Vec<u32>,
    symbols: Vec<u16>,
    pub(super) leaves: Vec<u32>,
    pub(super) branches: Vec<u32>,
}

impl<'n> Items<'n> {
    fn new(network: &'n Network, steps: &[u32]) -> Result<Self> {
        let calls = calls(network, steps).ok_or(Error::Parameter {
            what: "steps: all positions of each stage once",
        })?;
        let most = network.config.levels.iter().copied().max().unwrap_or(0);
        let mut items = Self {
            network,
            calls,
            state: State::new(network),
            quantizer: Quantizer::new(PRECISION)?,
            first: Vec::new(),
            symbols: vec![0; network.size()],
            leaves: vec![0; network.alphabet()],
            branches: vec![0; most],
        };
        items.state.call();
        if let Some(call) = items.calls.first() {
            let branches = network.config.levels[0];
            for &position in &network.order[call.places.clone()] {
                items.state.branches(
                    position as usize,
                    0,
                    &mut items.leaves,
                    &mut items.branches[..branches],
                );
                items.first.extend_from_slice(&items.branches[..branches]);
            }
        }
        Ok(items)
    }

    /// Codes an item; returns its symbols.
    fn item(&mut self, side: &mut impl Side) -> Result<&[u16]> {
        let network = self.network;
        let config = &network.config;
        self.state.clear();
        self.symbols.fill(0);
        for (number, call) in self.calls.iter().enumerate() {
            let branches = config.levels[call.stage];
            if number > 0 {
                self.state.call();
            }
            let places = &network.order[call.places.clone()];
            for (i, &position) in places.iter().enumerate() {
                let position = position as usize;
                let weights = if number == 0 {
                    &self.first[i * branches..][..branches]
                } else {
                    let out = &mut self.branches[..branches];
                    self.state
                        .branches(position, call.stage, &mut self.leaves, out);
                    &*out
                };
                let quantizer = &mut self.quantizer;
                let branch = side.branch(network, position, call.stage, weights, quantizer)?;
                self.symbols[position] += (branch * config.leaves(call.stage + 1)) as u16;
            }
            for &position in places {
                let symbol = usize::from(self.symbols[position as usize]);
                self.state.refine(position as usize, symbol, call.stage + 1);
            }
        }
        Ok(&self.symbols)
    }
}

/// Bits of slots of an interval.
pub(super) fn bits(interval: Interval) -> f64 {
    f64::from(PRECISION) - f64::from(interval.freq).log2()
}

/// Bits that each item takes; [`f64::INFINITY`] outside of the alphabet.
///
/// # Errors
/// [`Error::Parameter`] when the last item is not whole, or the steps do not cover it; [`Error::Interrupted`].
pub fn code_lengths(
    layout: &Layout<'_>,
    symbols: &[u8],
    listener: Listener<'_>,
) -> Result<Vec<f64>> {
    layout.check()?;
    let items = whole(layout, symbols)?;
    share(layout, items.len(), listener, |coder, number, pace| {
        pace.done(layout.network.size())?;
        if !layout.knows(items[number]) {
            return Ok(f64::INFINITY);
        }
        let mut intervals = Vec::with_capacity(layout.network.size());
        coder.item(&mut Known(items[number], &mut intervals))?;
        Ok(intervals.into_iter().map(bits).sum())
    })
}
