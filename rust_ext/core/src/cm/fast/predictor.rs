//! Predicts and learns the bits of a byte.

mod restore;

use super::contexts::{hash, Contexts, KNOWN, NARROW};
use super::foresight::Foresight;
use super::guesses::{Guesses, SURE_LENGTH};
use super::kernel::{
    Aligned, Bucket, Cells, Kernel, Lanes, Line, Slot, Sources, EMPTY, INPUTS, LANES, PROB_ONE,
    P_MASK, SETS,
};
use super::learnt::{Learnt, Maps};
use super::matches::{class, MatchModel};
use super::mixer::{Apm, Mixer, Place};
use super::scalar::cell;
use super::slots::Slots;
use super::states::StateTable;
use super::wide::{self, Wide};
use crate::bitmodel::SymbolCoder;
use crate::cm::memory::filled;
use crate::cm::primed::Primed;
use crate::cm::prior::Prior;
use crate::cm::tables::Tables;
use crate::cm::{Kind, Params};
use crate::coder::binary;
use crate::memory::Memory;
use std::ops::Range;

/// Match models: a short and a long one.
pub const MATCH_MODELS: usize = 2;
/// Cells after those of the contexts: one of each match model, order 0.
pub const EXTRA: usize = MATCH_MODELS + 1;
/// The lane, beside the second inputs of cells, of an input that is always the same.
const BIAS: usize = LANES - 1;
/// Contexts of text, of the small levels, that are rarely sure: orders 1 to 3 and the column.
const DISTANT: [usize; 4] = [0, 1, 4, 9];
/// Contexts whose being known selects weights.
const MAX_KNOWN: usize = 15;
/// A bias of one in the stretch domain.
const BIAS_INPUT: i16 = 256;
/// Weights start at 0.15.
const START_WEIGHT: i16 = 2458;
/// The coder never sees a probability closer to 0 or 1 than this: 2^-17.
const MIN_P: u32 = 32;
/// Contexts of the second probability map; the first has [`ORDER1_MAP`].
pub const ORDER2_MAP: usize = 1 << 14;
/// Bytes times partial bytes.
pub const ORDER1_MAP: usize = 1 << 16;
/// Rows of all weight sets.
pub const ROWS: usize = 4096;
/// The same of the second mixer.
pub const WIDE_ROWS: usize = 8192;
/// Which rows are each weight set, see [`Predictor::selected`].
pub const FIRST_SETS: [Range<usize>; SETS] = [0..2048, 2048..3072, 3072..3328, 3328..ROWS];
/// The same of the second mixer, see [`Wide::selectors`].
pub const SECOND_SETS: [Range<usize>; SETS] = [0..1024, 1024..2048, 2048..4096, 4096..WIDE_ROWS];

/// Predictor of `N` contexts, whose cells with three others fill `V` groups.
#[derive(Debug, Clone)]
pub struct Predictor<const N: usize, const V: usize> {
    tables: Tables,
    states: StateTable,
    slots: Slots,
    contexts: Contexts,
    /// Makes the contexts of the larger levels.
    wide: Option<Wide>,
    /// Which kind of context of a prior each context is.
    known_as: [Option<usize>; N],
    foresight: Foresight,
    matches: [MatchModel; MATCH_MODELS],
    mixer: Mixer<V, ROWS>,
    /// Larger levels mix with other weight sets as well.
    second: Option<Mixer<V, WIDE_ROWS>>,
    order1_map: Apm<{ ORDER1_MAP / 2 }>,
    order2_map: Apm<{ ORDER2_MAP / 2 }>,
    /// For each lane and state the probability of a one.
    counters: Box<[[[u32; 256]; LANES]; V]>,
    /// Counters adapt by `1 / 2^shift`.
    shift: u32,
    sources: [Sources; V],
    guesses: Guesses,
    /// The contexts of this byte have yet to be hashed, since the last byte was a right guess.
    stale: bool,
    order2: usize,
    /// Hashes of the contexts of this byte.
    hashes: [Lanes; V],
    /// Bucket and check of each context for the next nibble.
    buckets: [Lanes; V],
    checks: [Lanes; V],
    /// The hashes that these are made from.
    salted: [Lanes; V],
    /// The states of the nibble at hand, and where they go back to.
    nibble: [Slot; N],
    entered: [Lanes; V],
    places: [u8; N],
    /// The states that the cells after those of the contexts belong to.
    extra: [u8; EXTRA],
    /// Contexts that were known at the start of the byte.
    known: usize,
    inputs: [Line; V],
    cells: [Cells; V],
}

impl<const N: usize, const V: usize> Predictor<N, V> {
    /// Starts with empty tables, and with what a prior has learnt.
    #[must_use]
    pub fn new(
        slots: Slots,
        matches: [MatchModel; MATCH_MODELS],
        params: &Params,
        prior: Option<&Prior>,
    ) -> Self {
        let tables = Tables::new();
        let states = StateTable::new();
        let start = std::array::from_fn(|state| match state {
            0 => EMPTY,
            _ => cell(
                (states.start[state] >> 2).clamp(1, PROB_ONE - 1),
                states.sure[state],
            ),
        });
        let mut counters: Box<[[[u32; 256]; LANES]; V]> = filled([start; LANES]);
        let mut unknown = [cell(PROB_ONE / 2, false); 256];
        unknown[0] = EMPTY;
        for lane in N..N + EXTRA {
            counters[lane / LANES][lane % LANES] = unknown;
        }
        let mut predictor = Self {
            order1_map: Apm::new(&tables),
            order2_map: Apm::new(&tables),
            tables,
            slots,
            contexts: Contexts::new(params.kind, params.record as usize),
            wide: (N > NARROW).then(|| Wide::new(params)),
            known_as: known_as(params.kind),
            foresight: Foresight::new(),
            matches,
            mixer: Mixer::new(START_WEIGHT / V as i16),
            second: (V > 1).then(|| Mixer::new(START_WEIGHT / V as i16)),
            counters,
            states,
            shift: shift(0),
            sources: sources::<N, V>(params.kind),
            guesses: Guesses::new(),
            stale: false,
            order2: 0,
            hashes: [Aligned([0; LANES]); V],
            buckets: [Aligned([0; LANES]); V],
            checks: [Aligned([0; LANES]); V],
            salted: [Aligned([0; LANES]); V],
            nibble: [[0; 16]; N],
            entered: [Aligned([0; LANES]); V],
            places: [0; N],
            extra: [0; EXTRA],
            known: 0,
            inputs: [Aligned([0; INPUTS]); V],
            cells: [Aligned([EMPTY; LANES]); V],
        };
        if let Some(prior) = prior {
            let learnt = prior.learnt(params.level);
            if let Some(learnt) = learnt {
                predictor.take(learnt);
            }
            // Most starts have none of their own, to be small.
            let others = prior
                .maps()
                .filter(|_| learnt.is_none_or(|it| it.maps.is_none()));
            if let Some(maps) = others {
                predictor.take_maps(maps);
            }
        }
        predictor.hash_contexts(&[]);
        predictor.address(0);
        predictor
    }

    /// The tables, to be exchanged for others of the same size: those of contexts, and of matches.
    pub fn memory(&mut self) -> (&mut Memory<Bucket>, [&mut Memory<u32>; MATCH_MODELS]) {
        let matches = self.matches.each_mut().map(MatchModel::memory);
        (self.slots.memory(), matches)
    }

    /// Makes use of tables that were exchanged for those of another size, before the first symbol of a stream that may
    /// be a message.
    pub fn take_up(&mut self) {
        self.address(0);
        self.guesses.note();
    }

    /// Takes what was learnt elsewhere.
    pub fn take(&mut self, learnt: &Learnt) {
        let lanes = self.counters.as_flattened_mut().iter_mut();
        for (lane, (counters, learnt)) in lanes.zip(&learnt.counters).enumerate() {
            for (state, (counter, &p)) in counters.iter_mut().zip(learnt).enumerate().skip(1) {
                let sure = lane < N && self.states.sure[state];
                *counter = cell((u32::from(p) << 4).clamp(1, PROB_ONE - 1), sure);
            }
        }
        if let [first, others @ ..] = &learnt.mixers[..] {
            self.mixer.take(first);
            if let (Some(second), [learnt]) = (&mut self.second, others) {
                second.take(learnt);
            }
        }
        if let Some(maps) = &learnt.maps {
            self.take_maps(maps);
        }
    }

    /// Takes the probability maps that were learnt elsewhere, maybe by a predictor of other contexts.
    fn take_maps(&mut self, maps: &Maps) {
        self.order1_map.pairs().copy_from_slice(&maps.order1[..]);
        self.order2_map.pairs().copy_from_slice(&maps.order2[..]);
    }

    /// Returns what was learnt, with what was learnt before.
    #[must_use]
    pub fn give(&mut self, mut learnt: Learnt) -> Learnt {
        let lanes = self.counters.as_flattened().iter();
        for (counters, learnt) in lanes.zip(&mut learnt.counters) {
            for (counter, p) in counters.iter().zip(learnt) {
                *p = ((counter & P_MASK) >> 4) as u16;
            }
        }
        if let [first, others @ ..] = &mut learnt.mixers[..] {
            self.mixer.give(first);
            if let (Some(second), [learnt]) = (&self.second, others) {
                second.give(learnt);
            }
        }
        if let Some(maps) = &mut learnt.maps {
            maps.order1.copy_from_slice(self.order1_map.pairs());
            maps.order2.copy_from_slice(self.order2_map.pairs());
        }
        learnt
    }

    /// Codes one byte and appends it to `history`. New contexts start from what is `primed`.
    #[inline(always)]
    pub fn byte<K: Kernel, C: SymbolCoder>(
        &mut self,
        primed: &mut Option<Primed<'_>>,
        coder: &mut C,
        history: &mut Vec<u8>,
    ) {
        if self.guess(coder, history) {
            return;
        }
        if self.stale {
            self.hash_contexts(history);
            self.address(0);
            self.stale = false;
        }
        let mut partial = 1_u32;
        let mut foreseen = 0;
        for half in 0..2 {
            let known = self.enter::<K>(primed, partial);
            if half == 0 {
                self.known = known;
                let (sets, last) = self.selected(1, 0);
                self.mixer.select(sets, last);
            }
            let mut node = 1;
            self.load::<K>(partial, node);
            for step in 0..4 {
                let position = half * 4 + step;
                let p = self.predict::<K>(history, partial, position);
                let bit = coder.code(p);
                partial = partial << 1 | bit;
                // The next look-ups are sent for first, so that they arrive while this bit is learnt.
                if position == 0 {
                    self.address_matches(history);
                    foreseen = self.foresight.guess(partial, 2);
                    self.address(foreseen);
                } else if position == 1 {
                    self.foresight.learn(partial);
                    if partial != foreseen >> 1 {
                        foreseen = self.foresight.guess(partial, 1);
                        self.address(foreseen);
                    }
                } else if position == 2 {
                    self.foresight.learn(partial);
                    if partial != foreseen {
                        self.address(partial);
                    }
                } else if position == 3 {
                    // The bucket is the same for both values of this bit.
                    for (checks, salted) in self.checks.iter_mut().zip(&self.salted) {
                        for (check, salted) in checks.0.iter_mut().zip(salted.0) {
                            *check = (salted >> (8 * bit) & 255).max(1);
                        }
                    }
                } else if position == 4 {
                    for model in &mut self.matches {
                        model.look(history);
                    }
                } else if position == 5 {
                    foreseen = self.foresee(primed.as_ref(), history, partial, 2);
                } else if position == 6 {
                    self.foresight.learn(partial);
                    if partial != foreseen >> 1 {
                        self.foresee(primed.as_ref(), history, partial, 1);
                    }
                } else if position == 7 {
                    self.next_byte(history, partial);
                }
                self.learn::<K>(bit, partial, position, node);
                node = node << 1 | bit as usize;
            }
            for i in 0..N {
                let bucket = self.entered[i / LANES].0[i % LANES];
                self.slots.leave(bucket, self.places[i], &self.nibble[i]);
            }
        }
        if history.len().is_multiple_of(1024) {
            self.shift = shift(history.len());
        }
        for model in &mut self.matches {
            model.next(history);
        }
    }

    /// Computes where the contexts of the next nibble are; `salt` tells the nibbles of a byte apart. The last bit of
    /// the first nibble, yet unknown, has a part in the check only.
    #[inline(always)]
    fn address(&mut self, salt: u32) {
        let mask = self.slots.mask();
        for group in 0..V {
            for lane in 0..LANES {
                let hash = salted(self.hashes[group].0[lane], salt);
                self.salted[group].0[lane] = hash;
                self.buckets[group].0[lane] = bucket(hash, mask);
                // Zero stands for an empty slot.
                self.checks[group].0[lane] = (hash & 255).max(1);
            }
        }
        for i in 0..N {
            self.slots.prefetch(self.buckets[i / LANES].0[i % LANES]);
        }
    }

    /// Fetches the slots of the next nibble of the byte whose bits so far are in `partial`; returns how many are known.
    #[inline(always)]
    fn enter<K: Kernel>(&mut self, primed: &mut Option<Primed<'_>>, partial: u32) -> usize {
        let mut known = 0;
        self.entered = self.buckets;
        if let Some(primed) = primed.as_mut().filter(|_| partial == 1) {
            primed.lookup.begin(&self.contexts);
        }
        for i in 0..N {
            let (group, lane) = (i / LANES, i % LANES);
            let (bucket, check) = (self.buckets[group].0[lane], self.checks[group].0[lane]);
            let nibble = &mut self.nibble[i];
            let (place, mut hit) = self.slots.enter::<K>(bucket, check as u8, nibble);
            self.places[i] = place;
            if let (false, Some(primed)) = (hit, primed.as_mut()) {
                if let Some(kind) = self.known_as[i] {
                    hit = primed.fill(kind, partial, 4, &mut nibble[1..]).is_some();
                }
            }
            known += usize::from(hit && i < MAX_KNOWN);
        }
        known
    }

    #[inline(always)]
    fn next_byte(&mut self, history: &mut Vec<u8>, partial: u32) {
        let byte = partial as u8;
        self.guesses.learn(byte, &self.tables);
        history.push(byte);
        self.foresight.learn(partial);
        if let Some(contexts) = self.foresight.came(byte) {
            self.contexts = contexts;
        } else {
            self.take_in(history, byte);
            self.hash_contexts(history);
            self.address(0);
        }
        self.begin_byte();
    }

    /// Takes the contexts of what follows the last two bytes.
    #[inline(always)]
    fn begin_byte(&mut self) {
        let last = self.contexts.last(2);
        self.order2 = order2(last);
        self.foresight.begin(last);
    }

    #[inline(always)]
    fn take_in(&mut self, history: &[u8], byte: u8) {
        self.contexts.update(history, byte);
        if let Some(wide) = &mut self.wide {
            wide.update(history);
        }
    }

    #[inline(always)]
    fn hash_contexts(&mut self, history: &[u8]) {
        let hashes: [u32; N] = match &mut self.wide {
            Some(wide) => wide.hashes(history, self.contexts.recent()),
            None => self.contexts.hashes(history),
        };
        self.hashes = grouped(&hashes);
    }

    /// With `count` bits of the byte to come, sends for the slots of the byte after the one that it will probably be:
    /// most often they are there when they are needed. Has no effect on results. Returns what it foresaw.
    #[inline(always)]
    fn foresee(
        &mut self,
        primed: Option<&Primed<'_>>,
        history: &mut Vec<u8>,
        partial: u32,
        count: u32,
    ) -> u32 {
        if self.wide.is_some() {
            return 0;
        }
        let foreseen = self.foresight.guess(partial, count);
        let byte = foreseen as u8;
        let mut ahead = self.contexts;
        history.push(byte);
        ahead.update(history, byte);
        self.hashes = grouped(&ahead.hashes::<N>(history));
        if let Some(primed) = primed {
            primed.lookup.prefetch(&ahead);
        }
        history.pop();
        self.address(0);
        self.foresight.ahead = Some((byte, ahead));
        foreseen
    }

    #[inline(always)]
    fn address_matches(&mut self, history: &[u8]) {
        let hashes = match_hashes(&self.contexts, history);
        for (model, hash) in self.matches.iter_mut().zip(hashes) {
            model.prefetch(hash);
        }
    }

    /// In a long match, codes first whether the expected byte comes, and if so is done with it: the contexts would
    /// hardly learn from it, and redundant content is coded many times faster.
    #[inline(always)]
    fn guess<C: SymbolCoder>(&mut self, coder: &mut C, history: &mut Vec<u8>) -> bool {
        let [short, long] = &self.matches;
        let model = if long.length() >= short.length() {
            long
        } else {
            short
        };
        let expected = model.sure(SURE_LENGTH);
        let Some((guess, p)) = self.guesses.make(expected, self.contexts.last(2)) else {
            return false;
        };
        let right = coder.code_guess(guess, p);
        if right {
            self.guesses.learn(guess, &self.tables);
            for model in &mut self.matches {
                model.look(history);
            }
            history.push(guess);
            self.take_in(history, guess);
            self.address_matches(history);
            self.begin_byte();
            self.select_maps(1);
            for model in &mut self.matches {
                model.learn(guess);
                model.next(history);
            }
            self.stale = true;
        }
        right
    }

    /// Selects the rows of the probability maps for the next bit.
    #[inline(always)]
    fn select_maps(&mut self, partial: u32) {
        let partial = partial as usize;
        self.order1_map
            .select(self.contexts.last_byte() << 8 | partial);
        self.order2_map.select(self.order2 ^ partial);
        // One of these two rows is next.
        let after = partial << 1 & 255;
        self.order1_map
            .prefetch(self.contexts.last_byte() << 8 | after);
        self.order2_map.prefetch(self.order2 ^ after);
    }

    /// Rows of the weight sets, and of the final mixer, for the next bit.
    #[inline(always)]
    fn selected(&self, partial: u32, position: u32) -> ([usize; SETS], usize) {
        let position = position as usize;
        let class = class(&self.matches);
        let sets = [
            self.contexts.last_byte() << 3 | position,
            2048 + ((class << 4 | self.known) << 3 | position),
            3072 + partial as usize,
            3328 + (self.contexts.recent() >> 8 & 255) as usize,
        ];
        (sets, class << 8 | partial as usize)
    }

    /// Makes the inputs of the next bit of a byte, whose bits so far are in `partial`, those of the nibble in `node`.
    #[inline(always)]
    fn load<K: Kernel>(&mut self, partial: u32, node: usize) {
        let node = node & 15;
        let [short, long] = &self.matches;
        self.extra = [short.state(), long.state(), partial as u8];
        for group in 0..V {
            let (counters, nibble) = (&self.counters[group], &self.nibble);
            self.cells[group] = K::gather(|lane| {
                let context = group * LANES + lane;
                if context < N {
                    counters[lane][usize::from(nibble[context][node])]
                } else if context < N + EXTRA {
                    counters[lane][usize::from(self.extra[context - N])]
                } else {
                    EMPTY
                }
            });
            let sources = &self.sources[group];
            K::inputs(&self.cells[group], sources, &mut self.inputs[group]);
        }
    }

    /// Probability of a one, 22 bits.
    #[inline(always)]
    fn predict<K: Kernel>(&mut self, history: &[u8], partial: u32, position: u32) -> u32 {
        let mut mixed = self.mixer.mix::<K>(&self.inputs);
        if V > 1 {
            let last = self.contexts.last_byte() << 3 | position as usize;
            if let (Some(second), Some(wide)) = (&mut self.second, &self.wide) {
                let sets = wide.selectors(history, self.contexts.recent(), partial, position);
                second.select(sets, last);
                mixed = (mixed + second.mix::<K>(&self.inputs)) >> 1;
            }
        }
        let place = Place::new(mixed);
        let q1 = self.order1_map.refine(place);
        let q2 = self.order2_map.refine(place);
        let p = self.tables.squash16(mixed) as u32 * 2 + q1 + q2;
        // Two 16-bit halves and two quarters make 18 bits.
        (p << 4).clamp(MIN_P, binary::PROB_ONE - MIN_P)
    }

    #[inline(always)]
    fn learn<K: Kernel>(&mut self, bit: u32, next_partial: u32, position: u32, node: usize) {
        for model in &mut self.matches {
            model.update(bit);
        }
        let (sets, last) = self.selected(next_partial & 255, (position + 1) & 7);
        self.mixer.prefetch(sets, last);
        for cells in &mut self.cells {
            K::adapt(cells, bit, self.shift);
        }
        let next = &self.states.next[bit as usize & 1];
        put_back(
            &mut self.counters,
            &mut self.nibble,
            &self.extra,
            &self.cells,
            next,
            node & 15,
        );
        let inputs = self.inputs;
        // The inputs of the next bit are loaded before the weights are trained, so that the processor has both to do at
        // a time.
        if position % 4 < 3 {
            self.load::<K>(next_partial, node << 1 | bit as usize);
        }
        self.mixer.update::<K>(&inputs, bit, &self.tables);
        self.mixer.select(sets, last);
        if let Some(second) = &mut self.second {
            second.update::<K>(&inputs, bit, &self.tables);
        }
        self.order1_map.update(bit);
        self.order2_map.update(bit);
        self.select_maps(if position == 7 { 1 } else { next_partial });
    }
}

/// Puts cells back where they belong, and moves the states of a node on.
#[inline(always)]
fn put_back<const N: usize, const V: usize>(
    counters: &mut [[[u32; 256]; LANES]; V],
    nibble: &mut [Slot; N],
    extra: &[u8; EXTRA],
    cells: &[Cells; V],
    next: &[u8; 256],
    node: usize,
) {
    for (context, slot) in nibble.iter_mut().enumerate() {
        let (group, lane) = (context / LANES, context % LANES);
        let state = usize::from(slot[node]);
        counters[group][lane][state] = cells[group].0[lane];
        slot[node] = next[state];
    }
    for (context, &state) in (N..).zip(extra) {
        let (group, lane) = (context / LANES, context % LANES);
        counters[group][lane][usize::from(state)] = cells[group].0[lane];
    }
}

/// The hash of a context in one nibble of a byte, which `salt` tells.
#[inline(always)]
fn salted(hash: u32, salt: u32) -> u32 {
    let hash = hash.wrapping_add(salt.wrapping_mul(0x9E37_79B1));
    let hash = hash.wrapping_mul(0x85EB_CA6B);
    hash ^ (hash >> 15)
}

/// The bucket of such a hash.
#[inline(always)]
fn bucket(salted: u32, mask: u32) -> u32 {
    (salted.wrapping_mul(0xC2B2_AE35) >> 4) & mask
}

/// The context of the second probability map after the last two bytes.
#[inline(always)]
fn order2(last: u64) -> usize {
    (hash(last, 1) >> 20) as usize
}

/// What the match models look up after the bytes of `history`.
#[inline(always)]
fn match_hashes(contexts: &Contexts, history: &[u8]) -> [u32; MATCH_MODELS] {
    let end = history.len();
    let older = history.get(end.saturating_sub(11)..end.saturating_sub(8));
    let older = older.map_or(0, |bytes| {
        bytes
            .iter()
            .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    });
    let short = hash(contexts.last(5), 0) >> 40;
    let long = hash(contexts.recent(), older) >> 40;
    [short as u32, long as u32]
}

/// Which kind of context of a prior each context of text is.
fn known_as<const N: usize>(kind: Kind) -> [Option<usize>; N] {
    if N > NARROW {
        let known = wide::known(kind, N);
        return std::array::from_fn(|i| known.get(i).copied().flatten());
    }
    std::array::from_fn(|i| KNOWN.get(i).copied().flatten())
}

/// The numbers of the contexts, in groups.
#[inline(always)]
fn grouped<const N: usize, const V: usize>(numbers: &[u32; N]) -> [Lanes; V] {
    let number = |i| if i < N { numbers[i] } else { 0 };
    std::array::from_fn(|group| Aligned(std::array::from_fn(|lane| number(group * LANES + lane))))
}

/// Counters adapt by 1/64 at first and by 1/256 after a quarter of a million symbols.
fn shift(symbols: usize) -> u32 {
    6 + u32::from(symbols >= 1 << 15) + u32::from(symbols >= 1 << 18)
}

/// What of each cell is an input: the stretched probability; for most contexts of text the same of sure states, for
/// other contexts and the matches the distance from one half. Order 0 gives one input.
fn sources<const N: usize, const V: usize>(kind: Kind) -> [Sources; V] {
    let none = [0; LANES];
    let mut sources = [Sources {
        stretched: none,
        distance: none,
        sure: none,
        bias: none,
    }; V];
    for i in 0..N + EXTRA {
        let (group, lane) = (&mut sources[i / LANES], i % LANES);
        group.stretched[lane] = -1;
        let sure = i < N && kind == Kind::Text && (N > NARROW || !DISTANT.contains(&i));
        if sure {
            group.sure[lane] = -1;
        } else if i < N + MATCH_MODELS {
            group.distance[lane] = -1;
        }
    }
    sources[V - 1].bias[BIAS] = BIAS_INPUT;
    sources
}
