//! One binary decision: counters of several contexts, expected values, a mixer and its corrections.

use super::lines::Lines;
use super::tools::Tools;
use crate::cm::content::hashing::fold;
use crate::cm::strong::apm::Apm;
use crate::cm::strong::last::Last;
use crate::cm::strong::mixer::{simd::flat_mut, Mixer, Rates};
use crate::cm::strong::plan::Layout;
use crate::cm::tables::CELL_HALF;
use crate::coder::binary::Side;
use crate::Result;

/// Decisions that share a line.
pub const DEPTH: u32 = 4;
/// Mixer inputs of a context: what follows its history, and what its counter says, or without one the former once more where
/// one value only was seen. Where all have counters, that is a third one; else all inputs fit one line.
const INPUTS: usize = 2;
/// Those of an expected value.
const EXPECTED_INPUTS: usize = 2;
/// Levels of trust in an expected value.
pub const TRUSTS: usize = 64;
/// Decisions of a symbol that are told apart where a value is expected.
const EXPECTED_DEPTHS: usize = 4;
/// Counters, and what follows a history or an expected value, average over up to this many decisions.
const LIMIT: u32 = 1020;
/// A history that saw one value only more often than that is a sure one.
const OFTEN: u32 = 3;
/// Most contexts.
pub const MAX_CONTEXTS: usize = 24;
/// Most expected values.
pub const MAX_EXPECTED: usize = 4;

/// How large the parts are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Contexts, the weakest first.
    pub contexts: usize,
    /// The first ones of these, whose nodes have counters beside their histories.
    pub counted: usize,
    /// Expected values.
    pub expected: usize,
    /// Logarithms of the numbers of lines, with counters and without.
    pub log2_lines: [u32; 2],
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

impl Sizes {
    /// Inputs that tell of histories that saw one value only, beside counters.
    fn thirds(&self) -> usize {
        if self.counted == self.contexts {
            self.contexts
        } else {
            0
        }
    }
}

/// What a candidate says of the next decision.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// 0 or 1; 2 where it says nothing.
    pub bit: u32,
    /// Below [`TRUSTS`].
    pub trust: usize,
}

impl Expected {
    const NOTHING: Self = Self { bit: 2, trust: 0 };
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

/// All bits where it is so.
#[inline(always)]
fn mask(is_so: bool) -> i32 {
    0_i32.wrapping_sub(i32::from(is_so))
}

/// Predicts decisions, and learns.
#[derive(Debug)]
pub struct Decider {
    sizes: Sizes,
    counted: Lines,
    others: Lines,
    /// First node of the line of each context.
    at: [usize; MAX_CONTEXTS],
    /// What follows each history in a context.
    after: Vec<[u32; 256]>,
    expected_cells: Vec<[u32; TRUSTS * EXPECTED_DEPTHS]>,
    mixer: Mixer,
    maps: Vec<Apm>,
    last: Last,
    random: u32,
    /// What was decided last, if nothing was learnt of it yet.
    decided: Option<Decided>,
}

/// A decision, and what is needed to learn from it.
#[derive(Debug, Clone, Copy)]
struct Decided {
    bit: u32,
    node: usize,
    depth: usize,
    expected: [Expected; MAX_EXPECTED],
}

impl Decider {
    /// Creates a decider that knows nothing.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(sizes: Sizes, tools: &Tools) -> Result<Self> {
        assert!(sizes.contexts <= MAX_CONTEXTS && sizes.expected <= MAX_EXPECTED);
        let [more, told] = sizes.told;
        let inputs =
            INPUTS * sizes.contexts + sizes.thirds() + EXPECTED_INPUTS * sizes.expected + 1 + more;
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
            counted: Lines::new(sizes.log2_lines[0], sizes.counted, true)?,
            others: Lines::new(sizes.log2_lines[1], sizes.contexts - sizes.counted, false)?,
            at: [0; MAX_CONTEXTS],
            after: vec![tools.first_states; sizes.contexts],
            expected_cells: vec![[CELL_HALF; TRUSTS * EXPECTED_DEPTHS]; sizes.expected],
            mixer: Mixer::new(&layout, rates, None)?,
            maps: vec![
                Apm::new(sizes.rows, 255, &tools.tables, None)?,
                Apm::new(TRUSTS * 3 * 3, 255, &tools.tables, None)?,
                Apm::new(sizes.rows, 255, &tools.tables, None)?,
            ],
            last: last(),
            random: 0,
            decided: None,
        })
    }

    /// Becomes as `fresh`, a decider of the same sizes that knows nothing: new memory would cost more.
    pub fn restart(&mut self, fresh: &Self) {
        self.counted.clear();
        self.others.clear();
        self.after.clone_from(&fresh.after);
        self.expected_cells.clone_from(&fresh.expected_cells);
        self.mixer.inherit(&fresh.mixer);
        for (map, fresh) in self.maps.iter_mut().zip(&fresh.maps) {
            map.inherit(fresh);
        }
        self.last = last();
        self.random = 0;
        self.decided = None;
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
    pub fn aim(&mut self, tools: &Tools, avx2: bool, hashes: &[u64], path: u64) {
        let mut folded = [0; MAX_CONTEXTS];
        let Sizes {
            contexts, counted, ..
        } = self.sizes;
        for (folded, &hash) in folded.iter_mut().zip(&hashes[..contexts]) {
            *folded = fold(hash, path);
        }
        let (hashes, others) = folded[..contexts].split_at(counted);
        // All are asked for before the first is looked at, and come while the last decision is learnt from.
        self.counted.ask(hashes);
        self.others.ask(others);
        self.learn(tools, avx2);
        let (at, others_at) = self.at.split_at_mut(counted);
        self.counted.find(hashes, at);
        self.others.find_small(others, others_at, &tools.states);
    }

    /// Codes a decision, of which `told` tells more in the stretch domain. What it was is learnt when the next one comes.
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
        self.ask(&place);
        self.learn(tools, avx2);
        let p = self.predict(tools, avx2, &place, expected, told);
        let bit = side.code(bit, p);
        let mut decided = Decided {
            bit,
            node: place.node,
            depth: place.depth.min(EXPECTED_DEPTHS - 1),
            expected: [Expected::NOTHING; MAX_EXPECTED],
        };
        decided.expected[..expected.len()].copy_from_slice(expected);
        self.decided = Some(decided);
        bit
    }

    /// Asks for the cache lines of what a place chooses.
    #[inline(always)]
    fn ask(&self, place: &Place) {
        self.mixer.ask(0, place.set as u32);
        if self.sizes.fine > 0 {
            self.mixer.ask(4, place.fine as u32);
        }
        self.maps[0].ask(place.row);
        self.maps[2].ask(place.beside);
    }

    /// The probability of a one, 22 bits.
    #[inline(always)]
    fn predict(
        &mut self,
        tools: &Tools,
        avx2: bool,
        place: &Place,
        expected: &[Expected],
        told: &[i16],
    ) -> u32 {
        let Tools { tables, states, .. } = tools;
        let Sizes {
            contexts, counted, ..
        } = self.sizes;
        let inputs = flat_mut(&mut self.mixer.inputs);
        let (outs, rest) = inputs.split_at_mut(INPUTS * contexts + self.sizes.thirds());
        // Without branches: whether a context is known is as unpredictable as what comes.
        let (mut known, mut class) = (0, 0);
        let lines = (self.counted.histories.get(), self.counted.counters.get());
        let each = self.at[..counted].iter().zip(&self.after);
        let each = each.map(|(&at, after)| {
            let at = at + place.node;
            let (state, counter) = (lines.0[at], lines.1[at] ^ CELL_HALF);
            let is_known = state != 0;
            let is_one = is_known && state < states.mixed;
            let kind = 1 + usize::from(is_one) + usize::from(is_one && counter & 1023 > OFTEN);
            known += usize::from(is_known);
            class = if is_known { kind } else { class };
            let seen = tables.stretch22(after[usize::from(state)] >> 10);
            let counter = tables.stretch22(counter >> 10);
            [(seen, is_known), (counter, is_known), (seen, is_one)]
                .map(|(input, is_so)| (input & mask(is_so)) as i16)
        });
        let others = if counted == contexts {
            for (out, inputs) in outs.as_chunks_mut().0.iter_mut().zip(each) {
                *out = inputs;
            }
            &mut []
        } else {
            let (outs, others) = outs.as_chunks_mut::<INPUTS>().0.split_at_mut(counted);
            for (out, [seen, counter, _]) in outs.iter_mut().zip(each) {
                *out = [seen, counter];
            }
            others
        };
        let histories = self.others.histories.get();
        let each = self.at[counted..contexts]
            .iter()
            .zip(&self.after[counted..]);
        for ((&at, after), out) in each.zip(others) {
            let state = histories[at + place.node];
            let is_known = state != 0;
            let is_one = is_known && state < states.mixed;
            let often = states.total(state) > OFTEN;
            let kind = 1 + usize::from(is_one) + usize::from(is_one && often);
            known += usize::from(is_known);
            class = if is_known { kind } else { class };
            let seen = tables.stretch22(after[usize::from(state)] >> 10);
            *out = [seen & mask(is_known), seen & mask(is_one)].map(|input| input as i16);
        }
        let (mut agreement, mut factor) = (0, 1);
        let depth = place.depth.min(EXPECTED_DEPTHS - 1);
        for (i, value) in expected.iter().enumerate() {
            let out = &mut rest[EXPECTED_INPUTS * i..][..EXPECTED_INPUTS];
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
        let out = &mut rest[EXPECTED_INPUTS * expected.len()..];
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
        self.last
            .mix(mean, self.mixer.outputs(), &mut self.maps, tables, avx2)
    }

    /// Learns what was decided last, if it was not learnt yet.
    #[inline(always)]
    fn learn(&mut self, tools: &Tools, avx2: bool) {
        let Some(decided) = self.decided.take() else {
            return;
        };
        let Tools { tables, states, .. } = tools;
        let Decided {
            bit, node, depth, ..
        } = decided;
        let Sizes {
            contexts, counted, ..
        } = self.sizes;
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
        let mut random = || {
            random = random.rotate_left(5).wrapping_add(0x3779);
            random
        };
        let (at, others) = self.at[..contexts].split_at(counted);
        let (histories, counters) = (
            self.counted.histories.values(),
            self.counted.counters.values(),
        );
        // What follows no history at all is learnt, too, and never looked at: that saves a branch.
        for (&at, after) in at.iter().zip(&mut self.after) {
            let at = at + node;
            let mut counter = counters[at] ^ CELL_HALF;
            tables.adapt(&mut counter, target, LIMIT);
            counters[at] = counter ^ CELL_HALF;
            let state = histories[at];
            tables.adapt(&mut after[usize::from(state)], target, LIMIT);
            histories[at] = advance.next(state, random());
        }
        let histories = self.others.histories.values();
        for (&at, after) in others.iter().zip(&mut self.after[counted..]) {
            let at = at + node;
            let state = histories[at];
            tables.adapt(&mut after[usize::from(state)], target, LIMIT);
            histories[at] = advance.next(state, random());
        }
        for (cells, value) in self.expected_cells.iter_mut().zip(&decided.expected) {
            if value.bit <= 1 {
                let right = u32::from(value.bit == bit);
                let cell = &mut cells[value.trust * EXPECTED_DEPTHS + depth];
                tables.adapt(cell, (right << 22) as i32 - right as i32, LIMIT);
            }
        }
    }
}
