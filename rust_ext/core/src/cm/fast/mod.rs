//! The predictor of levels 3 to 6: one bit history for each context, three weight sets, two probability maps.

pub mod contexts;
pub mod matches;
pub mod mixer;
pub mod simd;
pub mod slots;
pub mod states;

use super::memory::Memory;
use super::tables::Tables;
use super::Params;
use crate::bitmodel::{Decoding, Encoding, SymbolCoder};
use crate::coder::binary::PROB_ONE;
use crate::Result;
use contexts::{hash, Contexts};
use matches::MatchModel;
use mixer::{filled, Apm, Mixer, Place};
use simd::{
    dispatch, Aligned, Cells, Kernel, Line, Shifts, Slot, Task, HALF, INPUTS, LANES, SETS,
};
use slots::Slots;
use states::StateTable;

const MATCH_MODELS: usize = 2;
/// Cells after those of the contexts: one of each match model, order 0.
const EXTRA: usize = MATCH_MODELS + 1;
/// The lane of an input that is always the same.
const BIAS: usize = INPUTS - 1;
/// A bias of one in the stretch domain.
const BIAS_INPUT: i16 = 256;
/// Weights start at 0.15.
const START_WEIGHT: i16 = 2458;
/// The coder never sees a probability closer to 0 or 1 than this: 2^-17.
const MIN_P: u32 = 32;
/// Matches from this length on are guessed at before the byte is coded bit by bit.
const SURE_LENGTH: u32 = 16;
/// Contexts in which guesses are judged.
const SURE_CONTEXTS: usize = 1 << 16;
/// How often a match went on in a context before anything was seen there, 22 bits.
const SURE_START: u32 = (1 << 22) / 2;
/// A guess is made where it is right at least this often.
const SURE_P: u32 = (1 << 22) - (1 << 22) / 512;
/// Guesses are averaged over up to this many.
const SURE_LIMIT: u32 = 1023;
/// Contexts of the second probability map.
const ORDER2_MAP: usize = 1 << 14;
/// Rows of all weight sets.
const ROWS: usize = 4096;

/// What a level is made of.
#[derive(Debug, Clone, Copy)]
struct Level {
    contexts: usize,
    /// Largest table, as a power of two of buckets of 64 bytes.
    log2_buckets: u32,
}

const LEVELS: [Level; 5] = [
    Level {
        contexts: 6,
        log2_buckets: 19,
    },
    Level {
        contexts: 9,
        log2_buckets: 20,
    },
    Level {
        contexts: 11,
        log2_buckets: 22,
    },
    Level {
        contexts: 13,
        log2_buckets: 23,
    },
    Level {
        contexts: 27,
        log2_buckets: 23,
    },
];

fn level(params: &Params) -> Level {
    LEVELS[(params.level.saturating_sub(3) as usize).min(LEVELS.len() - 1)]
}

/// Table sizes for `count` symbols.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    buckets: usize,
    heads: usize,
}

fn sizes(count: usize, level: Level) -> Sizes {
    // A context touches about a quarter of a bucket with each symbol, less as they repeat.
    let wanted = (count * level.contexts / 8).next_power_of_two();
    Sizes {
        buckets: wanted.clamp(1 << 10, 1 << level.log2_buckets),
        heads: count.next_power_of_two().clamp(1 << 10, 1 << 22),
    }
}

/// Memory in bytes for `count` symbols, besides symbols and payload.
#[must_use]
pub fn memory_bytes(count: usize, params: &Params) -> u64 {
    let sizes = sizes(count, level(params));
    // Weight sets, probability maps and tables.
    let fixed = ROWS * 64 * 2 + (65_536 + ORDER2_MAP) * 32 + (256 << 10);
    (sizes.buckets * 64 + sizes.heads * 4 * MATCH_MODELS + fixed) as u64
}

/// Encodes `symbols`.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory.
pub fn encode(symbols: &[u8], params: &Params) -> Result<Vec<u8>> {
    let mut coder = Encoding::new(symbols);
    run(&mut coder, symbols.len(), params)?;
    Ok(coder.finish())
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory; others for a payload that [`encode`] did not write.
pub fn decode(payload: &[u8], count: usize, params: &Params) -> Result<Vec<u8>> {
    let mut coder = Decoding::new(payload);
    let symbols = run(&mut coder, count, params)?;
    coder.finish()?;
    Ok(symbols)
}

fn run<C: SymbolCoder>(coder: &mut C, count: usize, params: &Params) -> Result<Vec<u8>> {
    match level(params).contexts {
        6 => dispatch(Coding::<C, 6, 1> {
            coder,
            count,
            params,
        }),
        9 => dispatch(Coding::<C, 9, 1> {
            coder,
            count,
            params,
        }),
        11 => dispatch(Coding::<C, 11, 1> {
            coder,
            count,
            params,
        }),
        13 => dispatch(Coding::<C, 13, 1> {
            coder,
            count,
            params,
        }),
        _ => dispatch(Coding::<C, 27, 2> {
            coder,
            count,
            params,
        }),
    }
}

struct Coding<'a, C, const N: usize, const V: usize> {
    coder: &'a mut C,
    count: usize,
    params: &'a Params,
}

impl<C: SymbolCoder, const N: usize, const V: usize> Task for Coding<'_, C, N, V> {
    type Output = Result<Vec<u8>>;

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        let sizes = sizes(self.count, level(self.params));
        let mut buckets = Memory::new(sizes.buckets)?;
        let mut heads = [Memory::new(sizes.heads)?, Memory::new(sizes.heads)?];
        let slots = Slots::new(buckets.values());
        let matches = heads.each_mut().map(|heads| MatchModel::new(heads.values()));
        let mut predictor = Predictor::<N, V>::new(slots, matches, self.params);
        let mut history = Vec::with_capacity(self.count.min(1 << 20));
        while history.len() < self.count && self.coder.begin(history.len()) {
            predictor.byte::<K, C>(self.coder, &mut history);
        }
        Ok(history)
    }
}

/// `N` contexts, whose cells with three others fill `V` groups.
struct Predictor<'a, const N: usize, const V: usize> {
    tables: Tables,
    states: StateTable,
    slots: Slots<'a>,
    contexts: Contexts,
    matches: [MatchModel<'a>; MATCH_MODELS],
    mixer: Mixer<V, ROWS>,
    order1_map: Apm<{ 1 << 15 }>,
    order2_map: Apm<{ ORDER2_MAP / 2 }>,
    /// For each lane and state the probability of a one.
    counters: Box<[[[u32; 256]; LANES]; V]>,
    /// How fast counters adapt; slower with the symbols seen.
    shifts: [Shifts; V],
    /// Inputs that are made from cells.
    masks: [Line; V],
    /// What is an input without being made from a cell.
    biases: [Line; V],
    /// Probability that a long match goes on, by the expected and the last two bytes.
    sure: Box<[u32]>,
    /// The entry at hand and the byte that it is about.
    sure_guess: Option<(usize, u8)>,
    /// The contexts of this byte have yet to be hashed, since the last byte was a right guess.
    stale: bool,
    order2: usize,
    /// Hashes of the contexts of this byte.
    hashes: [u32; N],
    /// Bucket and check of each context for the next nibble.
    buckets: [u32; N],
    checks: [u8; N],
    /// The hashes that these are made from.
    salted: [u32; N],
    /// The states of the nibble at hand, and where they go back to.
    nibble: [Slot; N],
    entered: [u32; N],
    places: [u8; N],
    /// Contexts that were known at the start of the byte.
    known: usize,
    inputs: [Line; V],
    cells: [Cells; V],
    /// The states that the cells belong to.
    current: [[u8; LANES]; V],
    match_class: usize,
}

impl<'a, const N: usize, const V: usize> Predictor<'a, N, V> {
    /// The lane after the last context.
    const FIRST: usize = N - (V - 1) * LANES;

    fn new(
        slots: Slots<'a>,
        matches: [MatchModel<'a>; MATCH_MODELS],
        params: &Params,
    ) -> Self {
        let tables = Tables::new();
        let states = StateTable::new();
        let mut biases = [Aligned([0; INPUTS]); V];
        biases[V - 1].0[BIAS] = BIAS_INPUT;
        let mut start = [0; 256];
        for (cell, &p) in start.iter_mut().zip(&states.start) {
            *cell = p.clamp(1, (1 << 22) - 1);
        }
        let mut counters: Box<[[[u32; 256]; LANES]; V]> = filled([start; LANES]);
        for lane in 0..EXTRA {
            counters[V - 1][Self::FIRST + lane] = [HALF; 256];
        }
        let mut predictor = Self {
            order1_map: Apm::new(&tables),
            order2_map: Apm::new(&tables),
            tables,
            slots,
            contexts: Contexts::new(params.kind, params.record as usize),
            matches,
            mixer: Mixer::new(START_WEIGHT),
            counters,
            states,
            shifts: shifts(0),
            masks: masks::<N, V>(),
            biases,
            sure: vec![SURE_START << 10; SURE_CONTEXTS].into_boxed_slice(),
            sure_guess: None,
            stale: false,
            order2: 0,
            hashes: [0; N],
            buckets: [0; N],
            checks: [0; N],
            salted: [0; N],
            nibble: [[0; 16]; N],
            entered: [0; N],
            places: [0; N],
            known: 0,
            inputs: [Aligned([0; INPUTS]); V],
            cells: [Aligned([HALF; LANES]); V],
            current: [[0; LANES]; V],
            match_class: 0,
        };
        predictor.hashes = predictor.contexts.hashes(&[]);
        predictor.address(0);
        predictor
    }

    /// Codes one byte and appends it to `history`.
    #[inline(always)]
    fn byte<K: Kernel, C: SymbolCoder>(&mut self, coder: &mut C, history: &mut Vec<u8>) {
        if self.guess(coder, history) {
            return;
        }
        if self.stale {
            self.hashes = self.contexts.hashes(history);
            self.address(0);
            self.stale = false;
        }
        let mut partial = 1_u32;
        for half in 0..2 {
            let known = self.enter::<K>();
            if half == 0 {
                self.known = known;
            }
            let mut node = 1;
            for step in 0..4 {
                let position = half * 4 + step;
                let p = self.predict::<K>(partial, position, node);
                let bit = coder.code(p);
                partial = partial << 1 | bit;
                // The next look-ups are sent for first, so that they arrive while this bit is learnt.
                if position == 0 {
                    self.address_matches(history);
                } else if position == 2 {
                    self.address(partial);
                } else if position == 3 {
                    // The bucket is the same for both values of this bit.
                    for (check, salted) in self.checks.iter_mut().zip(self.salted) {
                        *check = ((salted >> (8 * bit)) as u8).max(1);
                    }
                } else if position == 4 {
                    for model in &mut self.matches {
                        model.look(history);
                    }
                } else if position == 7 {
                    self.next_byte(history, partial);
                }
                self.learn::<K>(bit, partial, position, node);
                node = node << 1 | bit as usize;
            }
            for i in 0..N {
                self.slots
                    .leave(self.entered[i], self.places[i], &self.nibble[i]);
            }
        }
        if history.len().is_multiple_of(1024) {
            self.shifts = shifts(history.len());
        }
        for model in &mut self.matches {
            model.next(history);
        }
    }

    /// Computes where the contexts of the next nibble are; `salt` tells the nibbles of a byte apart. The last bit of
    /// the first nibble, yet unknown, has a part in the check only.
    #[inline(always)]
    fn address(&mut self, salt: u32) {
        let salt = salt.wrapping_mul(0x9E37_79B1);
        let mask = self.slots.len() as u32 - 1;
        for i in 0..N {
            let hash = self.hashes[i].wrapping_add(salt).wrapping_mul(0x85EB_CA6B);
            let hash = hash ^ (hash >> 15);
            self.salted[i] = hash;
            self.buckets[i] = (hash.wrapping_mul(0xC2B2_AE35) >> 4) & mask;
            // Zero stands for an empty slot.
            self.checks[i] = (hash as u8).max(1);
        }
        for &bucket in &self.buckets {
            self.slots.prefetch(bucket);
        }
    }

    /// Fetches the slots of the next nibble; returns how many were there.
    #[inline(always)]
    fn enter<K: Kernel>(&mut self) -> usize {
        let mut known = 0;
        for i in 0..N {
            let (place, hit) =
                self.slots
                    .enter::<K>(self.buckets[i], self.checks[i], &mut self.nibble[i]);
            self.places[i] = place;
            self.entered[i] = self.buckets[i];
            known += usize::from(hit);
        }
        known
    }

    #[inline(always)]
    fn next_byte(&mut self, history: &mut Vec<u8>, partial: u32) {
        let byte = partial as u8;
        self.learn_guess(byte);
        history.push(byte);
        self.contexts.update::<N>(history, byte);
        self.hashes = self.contexts.hashes(history);
        self.address(0);
        self.order2 = (hash(self.contexts.last(2), 1) >> 20) as usize;
    }

    #[inline(always)]
    fn learn_guess(&mut self, byte: u8) {
        if let Some((at, guess)) = self.sure_guess {
            let right = i32::from(guess == byte);
            let target = (right << 22) - right;
            self.tables.adapt(&mut self.sure[at], target, SURE_LIMIT);
        }
    }

    #[inline(always)]
    fn address_matches(&mut self, history: &[u8]) {
        let end = history.len();
        let older = history.get(end.saturating_sub(11)..end.saturating_sub(8));
        let older = older.map_or(0, |bytes| {
            bytes
                .iter()
                .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
        });
        let short = hash(self.contexts.last(5), 0) >> 40;
        let long = hash(self.contexts.recent(), older) >> 40;
        self.matches[0].prefetch(short as u32);
        self.matches[1].prefetch(long as u32);
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
        self.sure_guess = model.sure(SURE_LENGTH).map(|guess| {
            let context = hash(self.contexts.last(2) << 8 | u64::from(guess), 2);
            ((context >> 20) as usize & (SURE_CONTEXTS - 1), guess)
        });
        let Some((at, guess)) = self.sure_guess else {
            return false;
        };
        let p = self.sure[at] >> 10;
        if p < SURE_P {
            return false;
        }
        let right = coder.code_guess(guess, p.min(PROB_ONE - MIN_P));
        if right {
            self.learn_guess(guess);
        }
        if right {
            for model in &mut self.matches {
                model.look(history);
            }
            history.push(guess);
            self.contexts.update::<N>(history, guess);
            self.address_matches(history);
            self.order2 = (hash(self.contexts.last(2), 1) >> 20) as usize;
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

    #[inline(always)]
    fn selected(&self, partial: u32, position: u32) -> ([usize; SETS], usize) {
        let position = position as usize;
        let sets = [
            self.contexts.last_byte() << 3 | position,
            2048 + ((self.match_class << 4 | self.known.min(15)) << 3 | position),
            3072 + partial as usize,
            3328 + (self.contexts.recent() >> 8 & 255) as usize,
        ];
        (sets, self.match_class << 8 | partial as usize)
    }

    /// Probability of a one, 22 bits.
    #[inline(always)]
    fn predict<K: Kernel>(&mut self, partial: u32, position: u32, node: usize) -> u32 {
        for i in 0..N {
            self.current[i / LANES][i % LANES] = self.nibble[i][node & 15];
        }
        for (j, model) in self.matches.iter().enumerate() {
            self.current[V - 1][Self::FIRST + j] = model.state(position);
        }
        self.current[V - 1][Self::FIRST + MATCH_MODELS] = partial as u8;
        for group in 0..V {
            let (counters, states) = (&self.counters[group], &self.current[group]);
            K::gather(counters, states, &mut self.cells[group]);
            let (mask, bias) = (&self.masks[group], &self.biases[group]);
            K::inputs(&self.cells[group], mask, bias, &mut self.inputs[group]);
        }
        self.match_class = self.class_of_match();
        let (sets, last) = self.selected(partial, position);
        let mixed = self.mixer.mix::<K>(&self.inputs, sets, last);
        let place = Place::new(mixed);
        let q1 = self.order1_map.refine(place);
        let q2 = self.order2_map.refine(place);
        let p = (self.tables.squash22(mixed) >> 6) * 2 + q1 + q2;
        // Two 16-bit halves and two quarters make 18 bits.
        (p << 4).clamp(MIN_P, PROB_ONE - MIN_P)
    }

    /// 0 without a match, then growing with its length.
    #[inline(always)]
    fn class_of_match(&self) -> usize {
        let [short, long] = &self.matches;
        if !short.expects() && !long.expects() {
            return 0;
        }
        match short.length().max(long.length()) {
            0 => 1,
            1..=7 => 2,
            8..=11 => 3,
            12..=15 => 4,
            16..=23 => 5,
            24..=31 => 6,
            _ => 7,
        }
    }

    #[inline(always)]
    fn learn<K: Kernel>(
        &mut self,
        bit: u32,
        next_partial: u32,
        position: u32,
        node: usize,
    ) {
        let (sets, last) = self.selected(next_partial & 255, (position + 1) & 7);
        self.mixer.prefetch(sets, last);
        self.mixer.update::<K>(&self.inputs, bit, &self.tables);
        self.order1_map.update(bit);
        self.order2_map.update(bit);
        self.select_maps(if position == 7 { 1 } else { next_partial });
        let target = (bit << 22) as i32 - bit as i32;
        let next = &self.states.next[bit as usize & 1];
        for group in 0..V {
            let states = self.current[group];
            K::adapt(&mut self.cells[group], &states, target, &self.shifts[group]);
            for lane in 0..lanes::<N, V>(group) {
                let state = usize::from(states[lane]);
                self.counters[group][lane][state] = self.cells[group].0[lane];
                let context = group * LANES + lane;
                if context < N {
                    self.nibble[context][node & 15] = next[state];
                }
            }
        }
        for model in &mut self.matches {
            model.update(bit, position);
        }
    }
}

/// Lanes of a group that are in use: the match models and order 0 follow the contexts.
const fn lanes<const N: usize, const V: usize>(group: usize) -> usize {
    if group + 1 < V {
        LANES
    } else {
        N + EXTRA - group * LANES
    }
}

/// Counters adapt by 1/64 at first and by 1/256 after a quarter of a million symbols.
fn shifts<const V: usize>(symbols: usize) -> [Shifts; V] {
    let shift = 6 + u32::from(symbols >= 1 << 15) + u32::from(symbols >= 1 << 18);
    [Aligned([shift; LANES]); V]
}

/// Of contexts only the stretched probability is an input.
fn masks<const N: usize, const V: usize>() -> [Line; V] {
    let mut masks = [Aligned([0; INPUTS]); V];
    for i in 0..N + EXTRA {
        masks[i / LANES].0[i % LANES] = -1;
    }
    for i in 0..N { masks[i / LANES].0[LANES + i % LANES] = -1; }
    let last = &mut masks[V - 1].0;
    let match_lane = N - (V - 1) * LANES;
    last[LANES + match_lane] = -1;
    last[LANES + match_lane + 1] = -1;
    last[BIAS] = 0;
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::Kind;
    use proptest::prelude::*;

    fn params(level: u32, kind: Kind, record: u32) -> Params {
        Params {
            level,
            kind,
            record,
        }
    }

    fn round_trip(symbols: &[u8], params: &Params) -> usize {
        let payload = encode(symbols, params).unwrap();
        assert_eq!(decode(&payload, symbols.len(), params).unwrap(), symbols);
        payload.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn round_trips(
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 1..12),
            picks in prop::collection::vec(0..12_usize, 0..300),
            level in 3..7_u32,
            text in any::<bool>(),
            record in 1..300_u32,
        ) {
            let symbols: Vec<u8> = picks.iter().flat_map(|&i| words[i % words.len()].clone()).collect();
            let kind = if text { Kind::Text } else { Kind::Binary };
            round_trip(&symbols, &params(level, kind, record));
        }

        #[test]
        fn damaged_payloads_end(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            count in 0..5000_usize,
        ) {
            // Any outcome but a panic is right.
            let _ = decode(&payload, count, &params(3, Kind::Text, 1));
        }
    }

    #[test]
    fn scalar_and_vector_code_the_same_bytes() {
        let symbols = b"She sells sea shells by the sea shore; ".repeat(40);
        let params = params(5, Kind::Text, 1);
        let mut vector = Encoding::new(&symbols);
        run(&mut vector, symbols.len(), &params).unwrap();
        let mut scalar = Encoding::new(&symbols);
        let task = Coding::<_, 11, 1> {
            coder: &mut scalar,
            count: symbols.len(),
            params: &params,
        };
        task.run::<simd::Scalar>().unwrap();
        assert_eq!(vector.finish(), scalar.finish());
    }

    #[test]
    fn zeros_cost_almost_nothing() {
        assert!(round_trip(&vec![0; 100_000], &params(5, Kind::Binary, 2)) < 60);
    }

    #[test]
    fn lying_count_is_an_error() {
        let params = params(3, Kind::Text, 1);
        let payload = encode(b"four", &params).unwrap();
        assert!(decode(&payload, 1 << 20, &params).is_err());
    }
}
