//! One binary decision: counters of several contexts, expected values, a mixer and its corrections.

use super::tools::Tools;
use crate::cm::content::hashing::fold;
use crate::cm::strong::apm::Apm;
use crate::cm::strong::last::Last;
use crate::cm::strong::mixer::{simd::flat_mut, Mixer, Rates};
use crate::cm::strong::plan::Layout;
use crate::cm::strong::simd::prefetch_row;
use crate::cm::tables::CELL_HALF;
use crate::coder::binary::Side;
use crate::memory::Memory;
use crate::Result;

/// Cells of a line: the check, then the 15 nodes of four decisions.
const CELLS: usize = 16;
/// Bytes of a line, with its histories.
pub const LINE_BYTES: u64 = 5 * CELLS as u64;
/// Decisions that share a line.
pub const DEPTH: u32 = 4;
/// Mixer inputs of a context, and of an expected value.
const INPUTS: usize = 3;
/// See [`INPUTS`].
const EXPECTED_INPUTS: usize = 2;
/// Levels of trust in an expected value.
pub const TRUSTS: usize = 64;
/// Decisions of a symbol that are told apart where a value is expected.
const EXPECTED_DEPTHS: usize = 4;
/// Counters, and what follows a history or an expected value, average over up to this many decisions.
const LIMIT: u32 = 1020;
/// Most contexts.
pub const MAX_CONTEXTS: usize = 24;
/// Most expected values.
pub const MAX_EXPECTED: usize = 4;

/// How large the parts are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Contexts, the weakest first.
    pub contexts: usize,
    /// Expected values.
    pub expected: usize,
    /// Logarithm of the number of lines.
    pub log2_lines: u32,
    /// Places that choose weights.
    pub places: usize,
    /// Rows of the map of places.
    pub rows: usize,
    /// Classes of what stands beside, which choose weights, too.
    pub classes: usize,
    /// Finer places, which do so as well; 0 where there are none.
    pub fine: usize,
    /// What else tells something: inputs, and classes of it that choose weights, none of either where nothing does.
    pub told: [usize; 2],
}

/// What a candidate says of the next decision.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// 0 or 1; 2 where it says nothing.
    pub bit: u32,
    /// Below [`TRUSTS`].
    pub trust: usize,
}

/// Where a decision is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Decisions since the contexts were aimed, after a leading one: 1 to 15.
    pub node: usize,
    /// Chooses weights.
    pub set: usize,
    /// Chooses a row of the map.
    pub row: usize,
    /// Decisions since the symbol began.
    pub depth: usize,
    /// Class of what stands beside.
    pub class: usize,
    /// Chooses a row of the map of what stands beside.
    pub beside: usize,
    /// Chooses weights, if there are finer places.
    pub fine: usize,
    /// Class of what else tells something.
    pub told: usize,
}

fn last() -> Last {
    Last::new(1, 3, 30)
}

/// Predicts decisions, and learns.
#[derive(Debug)]
pub struct Decider {
    sizes: Sizes,
    /// Adaptive probabilities, xor [`CELL_HALF`], behind a check.
    cells: Memory<u32>,
    histories: Memory<u8>,
    /// First cell of the line of each context.
    at: [usize; MAX_CONTEXTS],
    state_cells: Vec<[u32; 256]>,
    expected_cells: Vec<[u32; TRUSTS * EXPECTED_DEPTHS]>,
    mixer: Mixer,
    maps: Vec<Apm>,
    last: Last,
    random: u32,
}

impl Decider {
    /// Creates a decider that knows nothing.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(sizes: Sizes, tools: &Tools) -> Result<Self> {
        assert!(sizes.contexts <= MAX_CONTEXTS && sizes.expected <= MAX_EXPECTED);
        let [more, told] = sizes.told;
        let inputs = INPUTS * sizes.contexts + EXPECTED_INPUTS * sizes.expected + 1 + more;
        let layout = Layout {
            states: 0,
            votes: 0,
            inputs,
            lines: inputs.div_ceil(32),
            sets: [
                sizes.places,
                3_usize.pow(sizes.expected as u32),
                4 * (sizes.contexts + 1),
                sizes.classes,
            ]
            .into_iter()
            .chain(
                [sizes.fine, told]
                    .into_iter()
                    .filter(|&classes| classes > 0),
            )
            .collect(),
            slow: &[],
            finals: &[1],
            maps: Vec::new(),
        };
        let rates = Rates {
            floor: 90,
            start: 1000,
            slow: 0,
            last: 60,
            spared: 1000,
            first: 700,
        };
        Ok(Self {
            sizes,
            cells: Memory::new(CELLS << sizes.log2_lines)?,
            histories: Memory::new(CELLS << sizes.log2_lines)?,
            at: [0; MAX_CONTEXTS],
            state_cells: vec![tools.first_states; sizes.contexts],
            expected_cells: vec![[CELL_HALF; TRUSTS * EXPECTED_DEPTHS]; sizes.expected],
            mixer: Mixer::new(&layout, rates, None)?,
            maps: vec![
                Apm::new(sizes.rows, 255, &tools.tables, None)?,
                Apm::new(TRUSTS * 3 * 3, 255, &tools.tables, None)?,
                Apm::new(sizes.rows, 255, &tools.tables, None)?,
            ],
            last: last(),
            random: 0,
        })
    }

    /// Becomes as `fresh`, a decider of the same sizes that knows nothing: new memory would cost more.
    pub fn restart(&mut self, fresh: &Self) {
        self.cells.values().fill(0);
        self.histories.values().fill(0);
        self.state_cells.clone_from(&fresh.state_cells);
        self.expected_cells.clone_from(&fresh.expected_cells);
        self.mixer.inherit(&fresh.mixer);
        for (map, fresh) in self.maps.iter_mut().zip(&fresh.maps) {
            map.inherit(fresh);
        }
        self.last = last();
        self.random = 0;
    }

    /// Contexts.
    pub fn contexts(&self) -> usize {
        self.sizes.contexts
    }

    /// Rows of the map of places.
    pub fn rows(&self) -> usize {
        self.sizes.rows
    }

    /// Looks up the lines of all contexts, given the decisions of the symbol so far.
    #[inline(always)]
    pub fn aim(&mut self, hashes: &[u64], path: u64) {
        let (cells, histories) = (self.cells.values(), self.histories.values());
        let mut aims = [(0, 0); MAX_CONTEXTS];
        let aims = &mut aims[..self.sizes.contexts];
        // All are asked for before the first is looked at.
        for (aim, &hash) in aims.iter_mut().zip(hashes) {
            let hash = fold(hash, path);
            let line = (hash >> (64 - self.sizes.log2_lines)) as usize;
            *aim = (line, (hash as u32) | 1);
            prefetch_row(cells, line * CELLS, CELLS);
            prefetch_row(histories, line * CELLS, CELLS);
        }
        for (at, &(line, check)) in self.at.iter_mut().zip(&*aims) {
            let [first, second] = [line * CELLS, (line ^ 1) * CELLS];
            *at = if cells[first] == check {
                first
            } else if cells[second] == check {
                second
            } else {
                let seen = |at: usize| cells[at + 1] & 1023;
                let place = if seen(second) < seen(first) {
                    second
                } else {
                    first
                };
                cells[place..place + CELLS].fill(0);
                cells[place] = check;
                histories[place..place + CELLS].fill(0);
                place
            };
        }
    }

    /// Codes a decision, of which `told` tells more in the stretch domain.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // all that is known of it
    pub fn code(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut impl Side,
        bit: u32,
        place: Place,
        expected: &[Expected],
        told: &[i16],
    ) -> u32 {
        let Tools { tables, states, .. } = tools;
        let n = self.sizes.contexts;
        let (cells, histories) = (self.cells.values(), self.histories.values());
        let inputs = flat_mut(&mut self.mixer.inputs);
        let (mut known, mut class) = (0, 0);
        for (i, &at) in self.at[..n].iter().enumerate() {
            let cell = cells[at + place.node] ^ CELL_HALF;
            let state = histories[at + place.node];
            let out = &mut inputs[INPUTS * i..][..INPUTS];
            if state == 0 {
                out.fill(0);
                continue;
            }
            known += 1;
            let sure = state < states.mixed;
            class = 1 + usize::from(sure) + usize::from(sure && cell & 1023 > 3);
            let seen = tables.stretch22(self.state_cells[i][usize::from(state)] >> 10);
            out[0] = seen as i16;
            out[1] = if sure { seen as i16 } else { 0 };
            out[2] = tables.stretch22(cell >> 10) as i16;
        }
        let (mut agreement, mut factor) = (0, 1);
        let depth = place.depth.min(EXPECTED_DEPTHS - 1);
        let out = &mut inputs[INPUTS * n..];
        for (i, value) in expected.iter().enumerate() {
            let out = &mut out[EXPECTED_INPUTS * i..][..EXPECTED_INPUTS];
            if value.bit > 1 {
                out.fill(0);
            } else {
                let p = self.expected_cells[i][value.trust * EXPECTED_DEPTHS + depth] >> 10;
                let sign = 2 * value.bit as i32 - 1;
                out[0] = (sign * tables.stretch22(p)) as i16;
                out[1] = (sign * ((p as i32 - (1 << 21)) >> 11)) as i16;
                agreement += factor * (1 + value.bit as usize);
            }
            factor *= 3;
        }
        let out = &mut out[EXPECTED_INPUTS * expected.len()..];
        out[0] = 256;
        out[1..=told.len()].copy_from_slice(told);
        self.mixer.select(0, place.set as u32);
        self.mixer.select(1, agreement as u32);
        self.mixer.select(2, (4 * known + class) as u32);
        self.mixer.select(3, place.class as u32);
        if self.sizes.fine > 0 {
            self.mixer.select(4, place.fine as u32);
            if self.sizes.told[1] > 0 {
                self.mixer.select(5, place.told as u32);
            }
        }
        let first = expected.first().map_or(0, |value| {
            if value.bit > 1 {
                0
            } else {
                3 * value.trust + 1 + value.bit as usize
            }
        });
        let second = expected.get(1).map_or(2, |value| value.bit as usize);
        self.maps[0].select(place.row);
        self.maps[1].select(first * 3 + second);
        self.maps[2].select(place.beside);
        let mean = self.mixer.mix(&[0], avx2);
        let p = self
            .last
            .mix(mean, self.mixer.outputs(), &mut self.maps, tables, avx2);

        let bit = side.code(bit, p);

        let target = (bit << 22) as i32 - bit as i32;
        self.mixer.train(bit, tables, avx2);
        self.last.train(bit, tables, avx2);
        for map in &mut self.maps {
            map.update(target, tables);
        }
        self.random = self
            .random
            .wrapping_mul(0x0019_660D)
            .wrapping_add(0x3C6E_F35F);
        let mut random = self.random >> 8;
        let advance = states.advance(bit);
        for (i, &at) in self.at[..n].iter().enumerate() {
            let at = at + place.node;
            let mut cell = cells[at] ^ CELL_HALF;
            tables.adapt(&mut cell, target, LIMIT);
            cells[at] = cell ^ CELL_HALF;
            let state = histories[at];
            if state != 0 {
                tables.adapt(&mut self.state_cells[i][usize::from(state)], target, LIMIT);
            }
            random = random.rotate_left(5).wrapping_add(0x3779);
            histories[at] = advance.next(state, random);
        }
        for (i, value) in expected.iter().enumerate() {
            if value.bit <= 1 {
                let right = u32::from(value.bit == bit);
                let cell = &mut self.expected_cells[i][value.trust * EXPECTED_DEPTHS + depth];
                tables.adapt(cell, (right << 22) as i32 - right as i32, LIMIT);
            }
        }
        bit
    }
}
