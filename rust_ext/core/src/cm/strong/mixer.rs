//! Gated logistic mixing in two layers.
//!
//! Layer 1 holds several sets of weight vectors; from each set a small context selects one vector, which gives
//! one probability. Layer 2 mixes these in the logistic domain, again with selected weights, and the means of
//! its outputs is the result. Every vector learns by its own coding error (Mattern 2012; Mahoney 2005).

pub mod simd;

use super::plan::Layout;
use super::simd::prefetch_row;
use super::spare::Spare;
use crate::cm::tables::{Tables, FINAL_MAX};
use crate::memory::Memory;
use crate::Result;
use simd::{Line, Row, MAX_SETS};
use std::ops::Range;
use std::sync::Arc;

use super::learnt::{Learnt, USES};

/// Fractional bits of a layer 1 weight.
const WEIGHT_BITS: u32 = 15;
/// Fractional bits of a layer 2 weight.
const FINAL_WEIGHT_BITS: u32 = 16;
/// Largest magnitude of a layer 2 weight: 4, so that sums of products stay within 32 bits.
const FINAL_WEIGHT_MAX: i32 = 4 << FINAL_WEIGHT_BITS;

/// Visits of a vector after which half of what is added to its rate is gone, in sets that slow down.
const SLOWED: i32 = 1200;
/// Visits for which such a rate is the same.
const LOG2_VISITS: u32 = 6;

/// Paces of sets: those that slow down, and others.
const SLOWING: usize = 0;
const OTHERS: usize = 1;

/// One set of weight vectors of layer 2.
#[derive(Debug)]
struct Final {
    weights: Vec<Row>,
    selected: usize,
    output: i32,
}

/// Learning rates, in units of 2^-15.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Floor of layer 1.
    pub floor: i32,
    /// Added to the floor of a new vector, falling as 1 / visits.
    pub start: i32,
    /// Added in place of the floor in sets that slow down: half of it after [`SLOWED`] visits.
    pub slow: i32,
    /// Layer 2.
    pub last: i32,
    /// Error, Q16, up to which vectors of layer 1 are not trained.
    pub spared: i32,
    /// What every weight of layer 1 starts from, Q15.
    pub first: i16,
}

/// Two layers of selected weight vectors.
#[derive(Debug)]
pub struct Mixer {
    /// Inputs in the stretch domain, Q8, padded with zeros to whole vectors.
    pub inputs: Vec<Line>,
    /// Weight vectors of all sets of layer 1, and how often each was used, or in sets that slow down had an error to learn
    /// from, as far as 16 bits tell.
    weights: Memory<Line>,
    visits: Vec<u16>,
    sets: usize,
    /// Number of vectors before those of each set, and of the selected ones.
    first: [u32; MAX_SETS],
    selected: [u32; MAX_SETS],
    /// What the sets of layer 1 gave; zeros behind.
    outputs: Row,
    finals: Vec<Final>,
    rates: Rates,
    /// What is added to the rate of a vector by its visits, up to 1023.
    falling: Box<[i32; 1024]>,
    /// Rates by visits in sets that slow down, and in others; which of them each set has.
    paces: Box<[[i32; 1024]; 2]>,
    pace: [usize; MAX_SETS],
    start: Option<Arc<Start>>,
}

/// What layer 1 starts from where it was learnt, and layers that start so.
#[derive(Debug)]
pub struct Start {
    weights: Vec<Line>,
    visits: Vec<u16>,
    spare: Spare<(Memory<Line>, Vec<u16>)>,
}

impl Start {
    /// Takes sets of weight vectors: all are as the mean of their set, except for some, which come in their order.
    #[must_use]
    pub fn new(sets: &[usize], means: &[Line], places: &[u32], vectors: &[Line]) -> Self {
        let n = means.len() / sets.len().max(1);
        let mut weights = Vec::new();
        for (&contexts, mean) in sets.iter().zip(means.chunks_exact(n)) {
            weights.extend(mean.repeat(contexts));
        }
        let mut visits = vec![0; weights.len() / n];
        for (&at, vector) in places.iter().zip(vectors.chunks_exact(n)) {
            weights[at as usize * n..][..n].copy_from_slice(vector);
            visits[at as usize] = USES;
        }
        Self {
            weights,
            visits,
            spare: Spare::default(),
        }
    }

    /// Memory in bytes of one layer.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + size_of_val(&self.visits[..])
    }

    fn memory(&self) -> Result<(Memory<Line>, Vec<u16>)> {
        if let Some(memory) = self.spare.get(|_| true) {
            return Ok(memory);
        }
        let weights = Memory::rows(&self.weights, 1)?;
        Ok((weights, self.visits.clone()))
    }
}

impl Mixer {
    /// Creates a mixer of a layout, which may start from what was learnt elsewhere.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(layout: &Layout, rates: Rates, learnt: Option<&Learnt>) -> Result<Self> {
        let (sets, padded) = (&layout.sets, layout.lines);
        assert!(sets.len() <= MAX_SETS, "more weight sets than a row has");
        let first = (1 << FINAL_WEIGHT_BITS) / sets.len() as i32;
        let vectors = sets.iter().sum();
        let mut before = [0; MAX_SETS];
        for (i, contexts) in sets.iter().enumerate().skip(1) {
            before[i] = before[i - 1] + sets[i - 1] as u32;
            debug_assert!(before[i] as usize + contexts <= vectors);
        }
        let mut falling = Box::new([0; 1024]);
        for (n, rate) in falling.iter_mut().enumerate() {
            *rate = rates.start * 16 / (16 + n as i32);
        }
        let mut paces = Box::new([[0; 1024], [rates.floor; 1024]]);
        for (n, rate) in paces[SLOWING].iter_mut().enumerate() {
            *rate = rates.slow * SLOWED / (SLOWED + ((n as i32) << LOG2_VISITS));
        }
        let pace = |set| {
            if layout.slow.contains(&set) {
                SLOWING
            } else {
                OTHERS
            }
        };
        let (weights, visits) = match learnt {
            Some(learnt) => learnt.mixer.memory()?,
            None => (
                Memory::rows(&[Line([rates.first; 32])], vectors * padded)?,
                vec![0; vectors],
            ),
        };
        let mut mixer = Self {
            inputs: vec![Line::default(); padded],
            weights,
            visits,
            sets: sets.len(),
            first: before,
            selected: before,
            outputs: Row::default(),
            finals: layout
                .finals
                .iter()
                .map(|&contexts| Final {
                    weights: vec![Row([first; MAX_SETS]); contexts],
                    selected: 0,
                    output: 0,
                })
                .collect(),
            rates,
            falling,
            paces,
            pace: std::array::from_fn(pace),
            start: learnt.map(|learnt| Arc::clone(&learnt.mixer)),
        };
        let finals = mixer.finals.iter_mut().flat_map(|last| &mut last.weights);
        for (row, learnt) in finals.zip(learnt.iter().flat_map(|learnt| &learnt.finals)) {
            *row = *learnt;
        }
        Ok(mixer)
    }

    /// How many weight vectors layer 1 has.
    #[must_use]
    pub fn vectors(&self) -> usize {
        self.visits.len()
    }

    /// One of them.
    #[must_use]
    pub fn vector(&self, at: usize) -> &[Line] {
        let n = self.inputs.len();
        &self.weights.get()[at * n..][..n]
    }

    /// Those of each set.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let first = |set: usize| match self.first.get(set) {
            Some(&first) if set < self.sets => first as usize,
            _ => self.visits.len(),
        };
        (0..self.sets).map(move |set| first(set)..first(set + 1))
    }

    /// The selected ones.
    #[must_use]
    pub fn selected(&self) -> &[u32] {
        &self.selected[..self.sets]
    }

    /// Weight vectors of layer 2.
    pub fn finals(&self) -> impl Iterator<Item = &Row> {
        self.finals.iter().flat_map(|last| &last.weights)
    }

    /// Goes on from another one.
    pub fn inherit(&mut self, other: &Self) {
        self.start = None;
        self.weights.values().copy_from_slice(other.weights.get());
        self.visits.copy_from_slice(&other.visits);
        for (last, other) in self.finals.iter_mut().zip(&other.finals) {
            last.weights.copy_from_slice(&other.weights);
        }
    }

    /// Selects the vector of one set and asks for its cache lines.
    #[inline(always)]
    pub fn select(&mut self, set: usize, context: u32) {
        self.ask(set, context);
        self.selected[set] = self.first[set] + context;
    }

    /// Asks for the cache lines of a vector that may be selected.
    #[inline(always)]
    pub fn ask(&self, set: usize, context: u32) {
        let n = self.inputs.len();
        let at = (self.first[set] + context) as usize;
        prefetch_row(self.weights.get(), at * n, n);
    }

    /// Mixes the inputs under the selected vectors; returns the sum in the stretch domain, Q8.
    #[inline(always)]
    pub fn mix(&mut self, finals: &[u32], avx2: bool) -> i32 {
        let n = self.inputs.len();
        let weights = self.weights.get();
        // Behind the last set, vectors are taken that do no harm, and their outputs are not.
        for at in (0..self.sets).step_by(4) {
            let rows = [0, 1, 2, 3].map(|k| {
                let start = self.selected[(at + k) % MAX_SETS] as usize * n;
                &weights[start..start + n]
            });
            let sums = simd::dot4(avx2, &self.inputs, rows);
            for (k, sum) in sums.into_iter().enumerate() {
                let output = (sum >> WEIGHT_BITS).clamp(-FINAL_MAX, FINAL_MAX);
                self.outputs.0[(at + k) % MAX_SETS] = output;
            }
        }
        for output in &mut self.outputs.0[self.sets..] {
            *output = 0;
        }
        let mut total = 0;
        for (last, &context) in self.finals.iter_mut().zip(finals) {
            last.selected = context as usize;
            // 15 bits of weight, 12 of output, 16 terms
            let sum = simd::dot_row(avx2, &self.outputs, &last.weights[last.selected]);
            last.output = (sum >> (FINAL_WEIGHT_BITS - 3)).clamp(-FINAL_MAX, FINAL_MAX);
            total += last.output;
        }
        total / self.finals.len() as i32
    }

    /// What the sets of layer 2 gave.
    #[inline(always)]
    pub fn outputs(&self) -> impl Iterator<Item = i32> + '_ {
        self.finals.iter().map(|f| f.output)
    }

    /// Moves every weight vector that was used towards `bit`.
    #[inline(always)]
    pub fn train(&mut self, bit: u32, tables: &Tables, avx2: bool) {
        let target = (bit << 16) as i32 - bit as i32;
        for last in &mut self.finals {
            let err = target - (tables.squash22(last.output) >> 6) as i32;
            // err Q16, rate Q15, input Q8 -> weight Q16, rounded to nearest
            let step = (err * self.rates.last + (1 << 7)) >> 8;
            let row = &mut last.weights[last.selected];
            simd::train_row(avx2, &self.outputs, row, step, FINAL_WEIGHT_MAX);
        }
        let n = self.inputs.len();
        let weights = self.weights.values();
        let used = self.selected.iter().zip(&self.outputs.0).zip(&self.pace);
        for ((&row, &output), &pace) in used.take(self.sets) {
            let err = target - (tables.squash22(output) >> 6) as i32;
            let visits = &mut self.visits[row as usize];
            let before = usize::from(*visits);
            let rate = self.falling[before.min(1023)] + self.paces[pace % 2][before >> LOG2_VISITS];
            let learns = err.abs() > self.rates.spared;
            // A vector that was right all along has learnt nothing: it must not become slow by that.
            *visits = visits.saturating_add(u16::from(learns || pace == OTHERS));
            // weight = x Q8 · e / 2^15, so e = err Q16 · rate Q15 / 2^(24 - WEIGHT_BITS)
            let e = ((err * rate) >> (24 - WEIGHT_BITS)).clamp(-32767, 32767) as i16;
            // Inputs are at most 2047: a smaller step rounds to zero everywhere.
            if e.abs() > 8 && learns {
                let at = row as usize * n;
                simd::train(avx2, &self.inputs, &mut weights[at..at + n], e);
            }
        }
    }
}

/// Vectors that were used go back to their start: that is what the counts tell.
impl Drop for Mixer {
    fn drop(&mut self) {
        let Some(start) = self.start.take() else {
            return;
        };
        let n = self.inputs.len();
        let weights = self.weights.values();
        for (i, (visits, &before)) in self.visits.iter_mut().zip(&start.visits).enumerate() {
            if *visits != before {
                *visits = before;
                weights[i * n..][..n].copy_from_slice(&start.weights[i * n..][..n]);
            }
        }
        if let Ok(weights) = self.weights.take() {
            start.spare.put((weights, std::mem::take(&mut self.visits)));
        }
    }
}
