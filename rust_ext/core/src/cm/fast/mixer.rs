//! Two layers of gated logistic mixing (M. Mahoney 2005, PAQ7) and the probability maps behind them.

use super::simd::{prefetch, Aligned, Kernel, Row, INPUTS};
use crate::cm::tables::Tables;

/// Weight sets of the first layer that are selected at a time.
pub const SETS: usize = 3;
/// Contexts that each is selected from; known to the compiler, since their look-up is in the inner loop.
const SIZES: [usize; SETS] = [2048, 1024, 256];
/// Contexts of the final mixer.
const LAST_CONTEXTS: usize = 2048;
/// A weight of one, in 16 fractional bits.
const ONE: i32 = 1 << 16;
/// The last input of a row is no input: there each weight set counts its visits.
const VISITS: usize = INPUTS - 1;
/// Visits are counted up to this.
const MAX_VISITS: i32 = 1023;
/// First-layer sets that predicted within 3 % are not trained: it saves time, and a little size too.
const SMALL_ERROR: i32 = 2000;
/// Learning rates in 16 fractional bits: start (0.04) and floor (0.002).
const RATE_START: i32 = 2621;
const RATE_FLOOR: i32 = 131;
/// The same of the final mixer: 0.073 and 0.012.
const FINAL_RATE_START: i32 = 4800;
const FINAL_RATE_FLOOR: i32 = 800;
/// Dot products of the first layer are clamped to this magnitude, in units of 1/256.
const DOT_MAX: i32 = 2047;
/// The final one to this: a probability of about 1 - 2^-16.
const FINAL_MAX: i32 = 2815;

/// Weights for each context of a set.
type Set<const N: usize> = Box<[Row; N]>;

/// Mixes the inputs of one bit to a probability in the stretch domain.
#[derive(Debug)]
pub struct Mixer {
    sets: (Set<{ SIZES[0] }>, Set<{ SIZES[1] }>, Set<{ SIZES[2] }>),
    last: Box<[[i32; 4]; LAST_CONTEXTS]>,
    selected: [usize; SETS],
    last_selected: usize,
    dots: [i32; SETS],
    output: i32,
    rates: Box<[i32; 1024]>,
    last_rates: Box<[i32; 1024]>,
}

fn rates(start: i32, floor: i32) -> Box<[i32; 1024]> {
    let mut rates = Box::new([0; 1024]);
    for (rate, visits) in rates.iter_mut().zip(0..) {
        *rate = floor + (start - floor) * 16 / (16 + visits);
    }
    rates
}

/// An array on the heap that was never on the stack.
#[allow(clippy::unnecessary_box_returns)] // too large for the stack
fn filled<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    let Ok(array) = vec![value; N].into_boxed_slice().try_into() else {
        unreachable!("the length is N")
    };
    array
}

impl Mixer {
    #[inline(always)]
    fn row(&self, set: usize, at: usize) -> &Row {
        match set {
            0 => &self.sets.0[at & (SIZES[0] - 1)],
            1 => &self.sets.1[at & (SIZES[1] - 1)],
            _ => &self.sets.2[at & (SIZES[2] - 1)],
        }
    }

    #[inline(always)]
    fn row_mut(&mut self, set: usize, at: usize) -> &mut Row {
        match set {
            0 => &mut self.sets.0[at & (SIZES[0] - 1)],
            1 => &mut self.sets.1[at & (SIZES[1] - 1)],
            _ => &mut self.sets.2[at & (SIZES[2] - 1)],
        }
    }

    /// Creates a mixer whose weights start at `weight`.
    #[must_use]
    pub fn new(weight: i32) -> Self {
        let mut row = Aligned([weight; INPUTS]);
        row.0[VISITS] = 0;
        let equal = ONE / SETS as i32;
        Self {
            sets: (filled(row), filled(row), filled(row)),
            last: filled([equal, equal, equal, 0]),
            selected: [0; SETS],
            last_selected: 0,
            dots: [0; SETS],
            output: 0,
            rates: rates(RATE_START, RATE_FLOOR),
            last_rates: rates(FINAL_RATE_START, FINAL_RATE_FLOOR),
        }
    }

    /// Asks for the weights that the next bit needs, as far as they are known; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, selected: [usize; SETS], last_selected: usize) {
        for (set, at) in selected.into_iter().enumerate() {
            prefetch(self.row(set, at));
        }
        prefetch(&self.last[last_selected & (LAST_CONTEXTS - 1)]);
    }

    /// Returns the mixed prediction; `selected` are the contexts of the sets, `last_selected` that of the final mixer.
    #[inline(always)]
    pub fn mix<K: Kernel>(
        &mut self,
        inputs: &Row,
        selected: [usize; SETS],
        last_selected: usize,
    ) -> i32 {
        let last = self.last[last_selected & (LAST_CONTEXTS - 1)];
        self.selected = selected;
        let mut sum = 0;
        for j in 0..SETS {
            self.dots[j] = (K::dot(self.row(j, selected[j]), inputs) >> 8).clamp(-DOT_MAX, DOT_MAX);
            sum += (last[j] * self.dots[j]) >> 8;
        }
        self.last_selected = last_selected & (LAST_CONTEXTS - 1);
        self.output = (sum >> 8).clamp(-FINAL_MAX, FINAL_MAX);
        self.output
    }

    /// Learns the bit that was mixed for. Every step is rounded to nearest: rounding down would pull all weights of
    /// sure predictions one way for ever.
    #[inline(always)]
    pub fn update<K: Kernel>(&mut self, inputs: &Row, bit: u32, tables: &Tables) {
        let target = (bit << 16) as i32;
        let last = &mut self.last[self.last_selected & (LAST_CONTEXTS - 1)];
        let rate = self.last_rates[last[3] as usize & 1023];
        last[3] += i32::from(last[3] < MAX_VISITS);
        // 2^16 errors times rates up to 2^16 need 33 bits.
        let error = ((i64::from(target - tables.squash16(self.output)) * i64::from(rate)
            + (1 << 15))
            >> 16) as i32;
        for (weight, dot) in last.iter_mut().zip(self.dots) {
            *weight += (dot * error + (1 << 9)) >> 10;
        }
        for j in 0..SETS {
            let error = target - tables.squash16(self.dots[j]);
            if error.abs() >= SMALL_ERROR {
                let visits = self.row(j, self.selected[j]).0[VISITS];
                let rate = self.rates[visits as usize & 1023];
                let row = self.row_mut(j, self.selected[j]);
                K::train(row, inputs, (error * rate + (1 << 9)) >> 10);
                row.0[VISITS] = visits + i32::from(visits < MAX_VISITS);
            }
        }
    }
}

/// Entries of a map's row: a cache line.
const ENTRIES: usize = 32;
/// Adaptation rate of a map's entries: 1 / 64.
const MAP_SHIFT: u32 = 6;

/// Adaptive probability map (secondary symbol estimation): refines a probability by a small context.
///
/// Rows of 32 entries over the stretch domain; the two nearest are interpolated, the nearer one learns.
#[derive(Debug)]
pub struct Apm {
    rows: Box<[Aligned<[u16; ENTRIES]>]>,
    row: usize,
    entry: usize,
}

impl Apm {
    /// Creates a map that returns its input, for `contexts`, a power of two.
    #[must_use]
    pub fn new(contexts: usize, tables: &Tables) -> Self {
        let mut row = Aligned([0; ENTRIES]);
        for (j, entry) in row.0.iter_mut().enumerate() {
            let d = (j as i32 * 4096 + 15) / (ENTRIES as i32 - 1) - 2048;
            *entry = (tables.squash22(d) >> 6).min(65535) as u16;
        }
        Self {
            rows: vec![row; contexts].into_boxed_slice(),
            row: 0,
            entry: 0,
        }
    }

    /// Asks for the row of a context; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, context: usize) {
        prefetch(&self.rows[context & (self.rows.len() - 1)]);
    }

    /// Refines a stretched probability to 16 bits.
    #[inline(always)]
    pub fn refine(&mut self, context: usize, stretched: i32) -> u32 {
        self.row = context & (self.rows.len() - 1);
        let position = (stretched.clamp(-2047, 2047) + 2048) as usize * (ENTRIES - 1);
        let (low, weight) = (position >> 12 & 31, (position >> 5 & 127) as u32);
        let row = &self.rows[self.row].0;
        let next = (low + 1) & 31;
        self.entry = if weight >= 64 { next } else { low };
        (u32::from(row[low]) * (128 - weight) + u32::from(row[next]) * weight) >> 7
    }

    /// Learns the bit that was refined for.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        let target = (bit << 16) as i32 - bit as i32;
        let entry = &mut self.rows[self.row].0[self.entry & 31];
        *entry = (i32::from(*entry) + ((target - i32::from(*entry)) >> MAP_SHIFT)) as u16;
    }
}
