//! Two layers of gated logistic mixing (M. Mahoney 2005, PAQ7) and the probability maps behind them.

use super::kernel::{Aligned, Kernel, Line, LANES, RATES, SETS};
use super::learnt::{start_row, Learnt, Weights};
use super::simd::prefetch;
use crate::cm::memory::{copied, filled};
use crate::cm::tables::Tables;

/// Contexts of the final mixer.
pub const LAST_CONTEXTS: usize = 2048;
/// Visits are counted up to this.
const MOST_VISITS: u16 = RATES as u16 - 1;
/// A weight of one in the final mixer, in 16 fractional bits.
const ONE: i32 = 1 << 16;
/// A row of the final mixer at the start.
pub const LAST_START: [i32; SETS] = [ONE / SETS as i32; SETS];
/// First-layer sets that predicted within 3 % are not trained: it saves time, and a little size too.
const SMALL_ERROR: i32 = 2000;
/// The same of three groups and more: 6 %, which saves more time and costs little size.
const WIDE_SMALL_ERROR: i32 = 4000;
/// Learning rates in 15 fractional bits: start (0.04) and floor (0.002) of one group of inputs.
const NARROW_RATES: [i32; 2] = [1311, 66];
/// The same of several groups: 0.03 and 0.0013.
const WIDE_RATES: [i32; 2] = [1000, 42];
/// Learning rates of the final mixer in 16 fractional bits: 0.073 and 0.012.
const FINAL_RATES: [i32; 2] = [4800, 800];
/// The final sum is clamped to this magnitude: a probability of about 1 - 2^-16.
const FINAL_MAX: i32 = 2815;

/// Mixes the inputs of one bit to a probability in the stretch domain: `V` groups of inputs, weight sets
/// selected out of `ROWS`.
#[derive(Debug)]
pub struct Mixer<const V: usize, const ROWS: usize> {
    rows: Box<[[Line; V]; ROWS]>,
    /// Apart from the weights, since a vector that was written in parts is slow to read.
    visits: Box<[u16; ROWS]>,
    last: Box<[[i32; SETS]; LAST_CONTEXTS]>,
    /// Visits of the sets of the final mixer.
    last_visits: Box<[u16; LAST_CONTEXTS]>,
    selected: [usize; SETS],
    last_selected: usize,
    dots: [i32; SETS],
    output: i32,
    rates: Box<[i32; RATES]>,
    last_rates: Box<[i32; RATES]>,
}

impl<const V: usize, const ROWS: usize> Clone for Mixer<V, ROWS> {
    fn clone(&self) -> Self {
        Self {
            rows: copied(&self.rows),
            visits: copied(&self.visits),
            last: copied(&self.last),
            last_visits: copied(&self.last_visits),
            rates: copied(&self.rates),
            last_rates: copied(&self.last_rates),
            ..*self
        }
    }
}

fn rates([start, floor]: [i32; 2]) -> Box<[i32; RATES]> {
    let mut rates = Box::new([0; RATES]);
    for (rate, visits) in rates.iter_mut().zip(0..) {
        *rate = floor + (start - floor) * 16 / (16 + visits);
    }
    rates
}

impl<const V: usize, const ROWS: usize> Mixer<V, ROWS> {
    /// Creates a mixer whose weights start at `weight`.
    #[must_use]
    pub fn new(weight: i16) -> Self {
        Self {
            rows: filled([Aligned(std::array::from_fn(|i| if i < LANES { weight } else { 0 })); V]),
            visits: filled(0),
            last: filled(LAST_START),
            last_visits: filled(0),
            selected: [0; SETS],
            last_selected: 0,
            dots: [0; SETS],
            output: 0,
            rates: rates(if V == 1 { NARROW_RATES } else { WIDE_RATES }),
            last_rates: rates(FINAL_RATES),
        }
    }

    /// Takes the weights that were learnt elsewhere; visits start nearly anew, so that they are still quick to change.
    pub fn take(&mut self, learnt: &Weights) {
        let rows = learnt.rows.as_chunks().0.iter().zip(&learnt.taken);
        for (at, (row, &taken)) in rows.enumerate() {
            if taken {
                self.rows[at] = *row;
                self.visits[at] = learnt.visits;
            }
        }
        self.last.copy_from_slice(&learnt.last);
    }

    /// Puts the weights into `learnt`.
    pub fn give(&self, learnt: &mut Weights) {
        learnt.rows.copy_from_slice(self.rows.as_flattened());
        for (row, &visits) in self.visits.iter().enumerate() {
            learnt.taken[row] |= Learnt::counts(visits);
            learnt.uses[row] += u32::from(visits);
        }
        learnt.last.copy_from_slice(&self.last[..]);
    }

    /// Goes back to what it was. Rows that were trained have more visits, but where these are at their end.
    pub fn restore(&mut self, start: &Self) {
        let visits = self.visits.iter_mut().zip(&start.visits[..]);
        for (at, (visits, &before)) in visits.enumerate() {
            if *visits != before || before == MOST_VISITS {
                *visits = before;
                self.rows[at] = start.rows[at];
            }
        }
        self.last.copy_from_slice(&start.last[..]);
        self.last_visits.copy_from_slice(&start.last_visits[..]);
        (self.selected, self.last_selected) = (start.selected, start.last_selected);
        (self.dots, self.output) = (start.dots, start.output);
    }

    /// Asks for the weights that the next bit needs, as far as they are known; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, selected: [usize; SETS], last_selected: usize) {
        for at in selected {
            for line in 0..V {
                prefetch(self.rows.as_flattened(), at * V + line);
            }
        }
        prefetch(&self.last[..], last_selected);
    }

    /// Selects weights for the next bit: the contexts of the sets, and that of the final mixer.
    #[inline(always)]
    pub fn select(&mut self, selected: [usize; SETS], last_selected: usize) {
        self.last_selected = last_selected & (LAST_CONTEXTS - 1);
        self.selected = selected.map(|at| at & (ROWS - 1));
    }

    /// Returns the mixed prediction.
    #[inline(always)]
    pub fn mix<K: Kernel>(&mut self, inputs: &[Line; V]) -> i32 {
        let rows = self.selected.map(|at| &self.rows[at & (ROWS - 1)]);
        let (dots, mixed) = K::mix(
            rows,
            inputs,
            &self.last[self.last_selected & (LAST_CONTEXTS - 1)],
        );
        self.dots = dots;
        self.output = mixed.clamp(-FINAL_MAX, FINAL_MAX);
        self.output
    }

    /// Learns the bit that was mixed for. Every step is rounded to nearest: rounding down would pull all weights of
    /// sure predictions one way for ever.
    #[inline(always)]
    pub fn update<K: Kernel>(&mut self, inputs: &[Line; V], bit: u32, tables: &Tables) {
        let target = (bit << 16) as i32;
        let last = &mut self.last[self.last_selected & (LAST_CONTEXTS - 1)];
        let visits = &mut self.last_visits[self.last_selected & (LAST_CONTEXTS - 1)];
        let rate = self.last_rates[usize::from(*visits) % RATES];
        *visits += u16::from(*visits < MOST_VISITS);
        // 2^16 errors times rates up to 2^13 fit.
        let error = ((target - tables.squash16(self.output)) * rate + (1 << 15)) >> 16;
        for (weight, dot) in last.iter_mut().zip(self.dots) {
            *weight += (dot * error + (1 << 9)) >> 10;
        }
        let small = if V <= 2 {
            SMALL_ERROR
        } else {
            WIDE_SMALL_ERROR
        };
        let visits = self.selected.map(|at| self.visits[at & (ROWS - 1)]);
        let squashed = |j: usize| tables.squash16(self.dots[j]);
        // Sets that erred little are trained by nothing: cheaper than a branch for each, hard to foresee.
        if let Some((steps, visits)) = K::steps(squashed, target, small, visits, &self.rates) {
            for j in 0..SETS {
                let at = self.selected[j] & (ROWS - 1);
                self.visits[at] = visits[j];
                K::train(&mut self.rows[at], inputs, steps[j]);
            }
        }
    }
}

/// Entries of a map's row: half of a cache line.
pub const ENTRIES: usize = 16;
/// Adaptation rate of a map's entries: 1 / 64.
const MAP_SHIFT: u32 = 6;

/// Two rows of a map.
pub type Pair = Aligned<[[u16; ENTRIES]; 2]>;

/// Adaptive probability map (secondary symbol estimation): refines a probability by one of `2 · P` contexts, a power
/// of two.
///
/// Rows of 16 entries over the stretch domain; the two nearest are interpolated, the nearer one learns.
#[derive(Debug)]
pub struct Apm<const P: usize> {
    /// Two rows a cache line: contexts that differ in the next bit only.
    pairs: Box<[Pair; P]>,
    pair: usize,
    /// Which row of the pair.
    row: usize,
    entry: usize,
}

impl<const P: usize> Clone for Apm<P> {
    fn clone(&self) -> Self {
        Self {
            pairs: copied(&self.pairs),
            ..*self
        }
    }
}

impl<const P: usize> Apm<P> {
    /// Creates a map that returns its input.
    #[must_use]
    pub fn new(tables: &Tables) -> Self {
        Self {
            pairs: filled(Aligned([start_row(tables); 2])),
            pair: 0,
            row: 0,
            entry: 0,
        }
    }

    /// All rows.
    pub fn pairs(&mut self) -> &mut [Pair; P] {
        &mut self.pairs
    }

    /// Goes back to what it was, in the rows of a context and its neighbour.
    #[inline(always)]
    pub fn restore(&mut self, start: &Self, context: usize) {
        let pair = context >> 1 & (P - 1);
        self.pairs[pair] = start.pairs[pair];
    }

    /// Does the same with the place at hand.
    pub fn restore_place(&mut self, start: &Self) {
        (self.pair, self.row, self.entry) = (start.pair, start.row, start.entry);
    }

    /// Asks for the rows of a context and its neighbour; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, context: usize) {
        prefetch(&self.pairs[..], context >> 1 & (P - 1));
    }

    /// Selects the row of a context.
    #[inline(always)]
    pub fn select(&mut self, context: usize) {
        self.pair = context >> 1 & (P - 1);
        self.row = context & 1;
    }

    /// Refines a probability to 16 bits; `place` is where its stretched value lies between the entries.
    #[inline(always)]
    pub fn refine(&mut self, place: Place) -> u32 {
        let row = &self.pairs[self.pair & (P - 1)].0[self.row & 1];
        self.entry = place.nearest;
        let (low, high) = (
            i32::from(row[place.low & (ENTRIES - 1)]),
            i32::from(row[(place.low + 1) & (ENTRIES - 1)]),
        );
        ((low << 7) + (high - low) * place.weight) as u32 >> 7
    }

    /// Learns the bit that was refined for.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        let target = (bit << 16) as i32 - bit as i32;
        let row = &mut self.pairs[self.pair & (P - 1)].0[self.row & 1];
        let entry = &mut row[self.entry & (ENTRIES - 1)];
        *entry = (i32::from(*entry) + ((target - i32::from(*entry)) >> MAP_SHIFT)) as u16;
    }
}

/// A place between two entries of a map's row.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    low: usize,
    /// Of the upper entry, out of 128.
    weight: i32,
    nearest: usize,
}

impl Place {
    /// The place of a stretched probability.
    #[inline(always)]
    #[must_use]
    pub fn new(stretched: i32) -> Self {
        let position = (stretched.clamp(-2047, 2047) + 2048) as usize * (ENTRIES - 1);
        Self {
            low: position >> 12,
            weight: (position >> 5 & 127) as i32,
            nearest: (position + 2048) >> 12,
        }
    }
}
