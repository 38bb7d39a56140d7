//! The predictor: contexts, matches and direct counters, mixed and corrected.

mod select;

use super::apm::Apm;
use super::contextmap::ContextMap;
use super::direct::{self, Direct};
use super::image::{self, Bilevel};
use super::last::Last;
use super::learnt::Learnt;
use super::matchmodel::{self, MatchModel};
use super::mixer::simd::flat_mut;
use super::mixer::{Mixer, Rates};
use super::neural::{self, Neural};
use super::plan::{
    log2_heads, log2_size, log2_table, Layout, Plan, KNOWN_SET, MAPS, SINGLE_INPUTS,
};
use super::simd;
use super::states::StateTable;
use crate::bitmodel::BitModel;
use crate::cm::content::binary::Binary;
use crate::cm::content::hashing::{fold, hash};
use crate::cm::content::text::Text;
use crate::cm::fast::contexts::Contexts;
use crate::cm::primed::Primed;
use crate::cm::tables::{Tables, CELL_HALF};
use crate::cm::{self, Knowledge, Params};
use crate::Result;

/// Contexts of the expected byte, between the orders and those of the data kind.
const MATCH_CONTEXTS: usize = 2;
/// What is known of the data, by kind.
#[derive(Debug)]
enum Kind {
    Text(Box<Text>),
    Binary(Box<Binary>),
    Bilevel(Box<Bilevel>),
}

/// Context-mixing predictor of level 9.
///
/// Memory: 128 or 256 bytes for each byte of input up to 512 MiB, up to 128 MiB for direct counters, and 24 to 72 MiB.
#[derive(Debug)]
pub struct Strong<'a> {
    p: u32,
    plan: Plan,
    pub(super) tables: Tables,
    states: StateTable,
    history: Vec<u8>,
    /// Bits of the byte so far after a leading one.
    partial: u32,
    bit_position: u32,
    kind: Kind,
    pub(super) contexts: ContextMap,
    /// What new contexts start from, with the contexts that a prior knows.
    primed: Option<Primed<'a>>,
    known: Contexts,
    pub(super) neural: Option<Neural<'a>>,
    hashes: Vec<u64>,
    matches: Vec<MatchModel>,
    pub(super) mixer: Mixer,
    order0: Vec<u32>,
    order1: Vec<u32>,
    pub(super) maps: Vec<Apm>,
    direct: Direct,
    pub(super) last: Last,
    /// Mispredicted recent bytes.
    misses: u32,
    selectors: [u32; 4],
    map_bases: [u64; 4],
    match_state: u32,
    avx2: bool,
}

impl<'a> Strong<'a> {
    /// Creates the predictor of `count` symbols; both directions must give the same parameters.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(params: &Params, count: usize, known: Knowledge<'a>) -> Result<Self> {
        let mut model = Self::empty(params, count, known)?;
        let start = known.network.and_then(|pretrained| pretrained.start());
        if let Some(learnt) = start.filter(|_| model.neural.is_some()) {
            model.take(learnt);
        }
        model.begin();
        Ok(model)
    }

    /// The same, but it goes on with what another one of the same parameters has learnt, apart from the contexts.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn after(
        params: &Params,
        count: usize,
        known: Knowledge<'a>,
        before: &Strong<'_>,
    ) -> Result<Self> {
        let mut model = Self::empty(params, count, known)?;
        let (states, votes) = before.contexts.counters();
        model.contexts.take(states, votes);
        model.mixer.inherit(&before.mixer);
        model.last.take(before.last.weights());
        for (map, before) in model.maps.iter_mut().zip(&before.maps) {
            map.inherit(before);
        }
        if let (Some(neural), Some(before)) = (&mut model.neural, &before.neural) {
            neural.inherit(before);
        }
        model.begin();
        Ok(model)
    }

    fn take(&mut self, learnt: &Learnt) {
        self.contexts.take(&learnt.states, &learnt.votes);
        self.last.take(&learnt.last);
        let neural = self.neural.iter_mut().flat_map(Neural::maps_mut);
        for (map, rows) in self.maps.iter_mut().chain(neural).zip(&learnt.maps) {
            map.take(rows);
        }
    }

    /// Predicts the first bit.
    fn begin(&mut self) {
        self.set_contexts();
        self.select();
        if let Some(primed) = &mut self.primed {
            primed.lookup.begin(&self.known);
        }
        self.contexts.start_byte(&self.states, &mut self.primed);
        self.predict(false);
    }

    fn empty(params: &Params, count: usize, known: Knowledge<'a>) -> Result<Self> {
        let prior = known.prior.filter(|_| params.kind == cm::Kind::Text);
        let network = known.network.filter(|_| params.kind == cm::Kind::Text);
        let plan = Plan::new(params.kind);
        let (tables, states) = (Tables::new(), StateTable::new());
        let log2_size = log2_size(count);
        let width = params.record as usize;
        let mut contexts = ContextMap::new(
            plan.contexts.len(),
            log2_table(count, params.kind),
            plan.polled,
            params.kind != cm::Kind::Text,
            &states,
        )?;
        contexts.know(plan.known_as(params.kind));
        let layout = Layout::new(&plan, params.kind, network.is_some());
        debug_assert!(layout.states == contexts.counters().0.len());
        let (floor, start, last, spared) = match params.kind {
            cm::Kind::Text => (42, 1000, 60, 1000),
            cm::Kind::Binary => (60, 700, 90, 300),
            cm::Kind::Bilevel => (60, 400, 60, 0),
        };
        let rates = Rates {
            floor,
            start,
            last,
            spared,
        };
        let learnt = network.and_then(|pretrained| pretrained.start());
        let mixer = Mixer::new(&layout, rates, learnt)?;
        let maps = MAPS[..plan.maps]
            .iter()
            .map(|&(rows, limit)| Apm::new(rows, limit, &tables))
            .collect::<Result<_>>()?;
        let log2_heads = log2_heads(log2_size);
        Ok(Self {
            p: 1 << 21,
            plan,
            history: Vec::new(),
            partial: 1,
            bit_position: 0,
            kind: match params.kind {
                cm::Kind::Text => Kind::Text(Box::default()),
                cm::Kind::Binary => Kind::Binary(Box::new(Binary::new(width, params.row as usize))),
                cm::Kind::Bilevel => {
                    Kind::Bilevel(Box::new(Bilevel::new(width, image::log2_cells(log2_size))?))
                }
            },
            contexts,
            primed: prior.map(|prior| Primed::new(prior.tables(), StateTable::nearest())),
            known: Contexts::new(params.kind, 1),
            neural: network
                .map(|pretrained| Neural::new(pretrained.network(), &tables))
                .transpose()?,
            hashes: Vec::with_capacity(80),
            matches: plan
                .matches
                .iter()
                .map(|&length| MatchModel::new(length, log2_heads))
                .collect(),
            mixer,
            order0: vec![CELL_HALF; 256],
            order1: vec![CELL_HALF; 1 << 16],
            maps,
            direct: Direct::new(plan.direct.len(), direct::log2_lines(log2_size))?,
            last: Last::new(
                plan.finals,
                plan.maps,
                if params.kind == cm::Kind::Text {
                    12
                } else {
                    25
                },
            ),
            misses: 0,
            selectors: [0; 4],
            map_bases: [0; 4],
            match_state: 0,
            avx2: simd::has_avx2(),
            tables,
            states,
        })
    }

    fn back(&self, k: usize) -> u8 {
        self.history
            .len()
            .checked_sub(k)
            .map_or(0, |i| self.history[i])
    }

    #[inline(always)]
    fn set_contexts(&mut self) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        let n = self.history.len();
        let mut h = 0;
        let mut order = 0;
        for (i, &length) in self.plan.orders.iter().enumerate() {
            while order < length {
                order += 1;
                h = fold(
                    h,
                    u64::from(if n >= order {
                        self.history[n - order]
                    } else {
                        0
                    }),
                );
            }
            hashes.push(h.wrapping_add(i as u64));
        }
        let expected = self
            .matches
            .iter()
            .find_map(|m| m.expected_byte().map(|b| (b, m.state())));
        let (byte, state) = expected.map_or((256, 0), |(b, s)| (u64::from(b), u64::from(s)));
        let c1 = u64::from(self.back(1));
        hashes.push(hash([byte, state, 100]));
        hashes.push(hash([byte, c1, state.min(1), 101]));
        match &self.kind {
            Kind::Text(text) => {
                text.contexts(&self.history, &mut hashes);
                self.selectors = text.selectors(&self.history);
            }
            Kind::Binary(binary) => {
                binary.contexts(&self.history, &mut hashes);
                self.selectors = binary.selectors(&self.history);
            }
            Kind::Bilevel(image) => image.contexts(&self.history, &mut hashes),
        }
        self.contexts.set(&hashes, self.plan.contexts);
        self.direct.set(&hashes, self.plan.direct);
        self.hashes = hashes;
        self.set_maps();
    }

    #[inline(always)]
    fn predict(&mut self, avx2: bool) {
        let (bit_position, partial) = (self.bit_position, self.partial);
        let c1 = self.back(1);
        let t = &self.tables;
        let inputs = flat_mut(&mut self.mixer.inputs);
        let known = self.contexts.mix(
            bit_position,
            partial,
            inputs,
            self.plan.orders.len(),
            &self.states,
            t,
        );
        let mut at = self.contexts.inputs();
        for m in &mut self.matches {
            m.mix(bit_position, &mut inputs[at..at + matchmodel::INPUTS], t);
            at += matchmodel::INPUTS;
        }
        let order1 = (usize::from(c1) << 8) | partial as usize;
        inputs[at] = 256;
        inputs[at + 1] = t.stretch22(self.order0[partial as usize] >> 10) as i16;
        inputs[at + 2] = t.stretch22(self.order1[order1] >> 10) as i16;
        inputs[at + 3] = (((self.order1[order1] >> 10) as i32 - (1 << 21)) >> 11) as i16;
        at += SINGLE_INPUTS;
        self.direct.mix(
            bit_position,
            partial,
            &mut inputs[at..at + direct::INPUTS * self.plan.direct.len()],
            t,
        );
        if let Kind::Bilevel(image) = &self.kind {
            image.mix(&mut inputs[at..at + image::INPUTS], t);
        }
        if let Some(neural) = &mut self.neural {
            at += direct::INPUTS * self.plan.direct.len();
            neural.mix(&mut inputs[at..at + neural::INPUTS], t);
        }
        if let Some(set) = self.plan.sets.iter().position(|&set| set == KNOWN_SET) {
            self.mixer.select(set, known * 8 + bit_position);
        }
        let finals = [
            partial,
            self.match_state * 8 + bit_position,
            u32::from(c1),
            self.selectors[0] & 0x1FF,
        ];
        let d = self.mixer.mix(&finals[..self.plan.finals], avx2);
        self.p = self
            .last
            .mix(d, self.mixer.outputs(), &mut self.maps, t, avx2);
    }

    /// Learns `bit` and predicts the next one.
    #[inline(always)]
    pub(super) fn step(&mut self, bit: u32, avx2: bool) {
        let target = ((bit << 22) - bit) as i32;
        let t = &self.tables;
        self.mixer.train(bit, t, avx2);
        self.last.train(bit, t, avx2);
        for map in &mut self.maps {
            map.update(target, t);
        }
        let order1 = (usize::from(self.back(1)) << 8) | self.partial as usize;
        let t = &self.tables;
        t.adapt(&mut self.order0[self.partial as usize], target, 1023);
        t.adapt(&mut self.order1[order1], target, 255);
        self.direct.update(target, t);
        if let Some(neural) = &mut self.neural {
            neural.learn(target, t);
        }
        for m in &mut self.matches {
            m.update_bit(bit, self.bit_position, t);
        }
        self.contexts
            .update(bit, self.bit_position, &self.states, t);
        if let Kind::Bilevel(image) = &mut self.kind {
            image.update_bit(bit, &self.states, t);
        }
        let wrong = (self.p >= 1 << 21) != (bit != 0);
        self.misses |= u32::from(wrong);
        self.partial = (self.partial << 1) | bit;
        self.bit_position += 1;
        if self.bit_position == 8 {
            let byte = (self.partial & 255) as u8;
            self.misses <<= 1;
            self.history.push(byte);
            if let Some(neural) = &mut self.neural {
                neural.end_byte(byte);
            }
            // First, so that what the prior says is there when the contexts are looked up.
            if let Some(primed) = &mut self.primed {
                self.known.update(&self.history, byte);
                primed.lookup.prefetch(&self.known);
                primed.lookup.begin(&self.known);
            }
            for m in &mut self.matches {
                m.start_byte(&self.history);
            }
            self.contexts.end_byte(byte, &self.states);
            self.bit_position = 0;
            self.partial = 1;
            match &mut self.kind {
                Kind::Text(text) => text.update(&self.history),
                Kind::Binary(binary) => binary.update(&self.history),
                Kind::Bilevel(image) => image.update(&self.history),
            }
            for m in &mut self.matches {
                m.end_byte(&self.history);
            }
            self.set_contexts();
            self.select();
            self.contexts.start_byte(&self.states, &mut self.primed);
        } else {
            if self.bit_position == 4 {
                self.direct.start_nibble(self.partial);
            }
            self.select();
            self.contexts.regroup(
                self.bit_position,
                self.partial,
                &self.states,
                &mut self.primed,
            );
        }
        self.predict(avx2);
        if matches!(self.bit_position, 1 | 4) {
            let guess = u32::from(self.p >= 1 << 21);
            self.contexts.foresee(self.partial << 1 | guess);
        }
    }
}

impl BitModel for Strong<'_> {
    #[inline]
    fn p(&self) -> u32 {
        self.p
    }

    fn update(&mut self, bit: u32) {
        simd::step(self.avx2, self, bit);
    }
}
