//! The strongest context-mixing predictor: levels 7 to 9.

pub mod apm;
pub mod binary;
pub mod contextmap;
pub mod hashing;
pub mod image;
pub mod matchmodel;
pub mod mixer;
pub mod simd;
pub mod states;
pub mod tables;
pub mod text;

use crate::bitmodel::BitModel;
use apm::Apm;
use binary::Binary;
use contextmap::ContextMap;
use hashing::{fold, hash};
use image::Bilevel;
use matchmodel::MatchModel;
use mixer::{Mixer, Rates};
use states::StateTable;
use tables::Tables;
use text::Text;

/// Lab only: a number from the environment.
pub fn tune(i: usize, default: i32) -> i32 {
    static VALUES: std::sync::OnceLock<Vec<Option<i32>>> = std::sync::OnceLock::new();
    VALUES.get_or_init(|| (0..64).map(|i| std::env::var(format!("T{i}")).ok().and_then(|v| v.parse().ok())).collect())[i]
        .unwrap_or(default)
}

const ORDERS: [usize; 8] = [1, 2, 3, 4, 5, 6, 8, 14];
const MATCHES: [usize; 3] = [24, 11, 5];
const AB: u32 = 15;
const MATCH_CONTEXTS: usize = 2;

/// What the data is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// Text: words, lines, markup.
    Text,
    /// Anything else, perhaps with records.
    Binary,
    /// One bit per pixel.
    Bilevel,
}

/// Structure parameters: what the encoder found out and the stream stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// What the data is taken for.
    pub kind: DataKind,
    /// Record width for binary data.
    pub width: usize,
    /// Bytes to come, for sizing the tables.
    pub size: usize,
}

impl Params {
    /// Looks at the data.
    #[must_use]
    pub fn probe(data: &[u8]) -> Self {
        let sample = &data[..data.len().min(1 << 18)];
        let printable = sample.iter().filter(|&&b| b >= 32 && b != 127 || (9..=13).contains(&b)).count();
        let high = sample.iter().filter(|&&b| b >= 128).count();
        let text = printable * 100 >= sample.len() * 96 && high * 2 <= sample.len();
        let mut best = (0_i64, 1);
        if !text {
            for lag in 2..1024.min(sample.len().max(2)) {
                let equal = sample.iter().zip(&sample[lag.min(sample.len())..]).filter(|(a, b)| a == b).count() as i64;
                let score = equal * 1_000_000 / sample.len() as i64 - 2 * lag as i64;
                if score > best.0 {
                    best = (score, lag);
                }
            }
        }
        let blank = sample.iter().filter(|&&b| b == 0 || b == 255).count();
        let kind = if text {
            DataKind::Text
        } else if blank * 100 > sample.len() * 60 && best.1 >= 16 && Self::looks_bilevel(sample, best.1) {
            DataKind::Bilevel
        } else {
            DataKind::Binary
        };
        Self { kind, width: best.1, size: data.len() }
    }

    /// Tells whether single bits agree with the bits above them in bytes that are not blank.
    fn looks_bilevel(sample: &[u8], width: usize) -> bool {
        let (mut bits, mut equal) = (0_usize, 0_usize);
        for (&above, &byte) in sample.iter().zip(&sample[width.min(sample.len())..]) {
            if byte != 0 && byte != 255 {
                bits += 8;
                equal += (!(above ^ byte)).count_ones() as usize;
            }
        }
        bits > 0 && equal * 100 > bits * 75
    }
}

enum Kind {
    Text(Box<Text>),
    Binary(Box<Binary>),
    Bilevel(Box<Bilevel>),
}

/// The predictor.
pub struct Strong {
    p: u32,
    tables: Tables,
    states: StateTable,
    history: Vec<u8>,
    /// Bits of the byte so far after a leading one.
    partial: u32,
    bit_position: u32,
    kind: Kind,
    contexts: ContextMap,
    hashes: Vec<u64>,
    matches: [MatchModel; 3],
    mixer: Mixer,
    order0: Vec<u32>,
    order0_fast: Vec<u32>,
    order1: Vec<u32>,
    apms: [Apm; 6],
    /// Mispredicted recent bytes.
    misses: u32,
    selectors: [u32; 4],
    match_state: u32,
    avx2: bool,
}

impl Strong {
    /// Creates the predictor.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let tables = Tables::new();
        let states = StateTable::new();
        let (own, extra) = match params.kind {
            DataKind::Text => (text::CONTEXTS, 0),
            DataKind::Binary => (binary::CONTEXTS, 0),
            DataKind::Bilevel => (image::CONTEXTS, image::INPUTS),
        };
        let count = ORDERS.len() + MATCH_CONTEXTS + own;
        let log2 = (usize::BITS - (params.size * count * 5).leading_zeros()).clamp(18, 30);
        let contexts = ContextMap::new(count, log2, params.kind != DataKind::Text, &states);
        let inputs = contexts.inputs() + MATCHES.len() * matchmodel::INPUTS + 5 + extra;
        let rates = Rates { floor: tune(1, if params.kind == DataKind::Text { 42 } else { 80 }), start: tune(2, 400), last: tune(3, 60) };
        let mixer = Mixer::new(
            inputs,
            &[512, 2048, 256, 16 * 16 * 2, 1024, 1024, 1024, 1024, 10 * 8, 256, 2048, 2048],
            &[256, 16 * 8, 256, 512],
            tune(4, 500) as i16,
            rates,
        );
        let apms = [
            Apm::new(1 << 16, 1023, &tables),
            Apm::new(1 << AB, 1023, &tables),
            Apm::new(1 << AB, 1023, &tables),
            Apm::new(1 << AB, 1023, &tables),
            Apm::new(1 << AB, 255, &tables),
            Apm::new(1 << 16, 255, &tables),
        ];
        let log2_match = (usize::BITS - params.size.leading_zeros()).clamp(12, 22);
        let mut s = Self {
            p: 1 << 21,
            history: Vec::with_capacity(params.size.min(1 << 28)),
            partial: 1,
            bit_position: 0,
            kind: match params.kind {
                DataKind::Text => Kind::Text(Box::new(Text::new())),
                DataKind::Binary => Kind::Binary(Box::new(Binary::new(params.width))),
                DataKind::Bilevel => Kind::Bilevel(Box::new(Bilevel::new(params.width))),
            },
            contexts,
            hashes: Vec::with_capacity(count),
            matches: MATCHES.map(|length| MatchModel::new(length, log2_match)),
            mixer,
            order0: vec![1 << 31; 256],
            order0_fast: vec![1 << 31; 256],
            order1: vec![1 << 31; 1 << 16],
            apms,
            misses: 0,
            selectors: [0; 4],
            match_state: 0,
            avx2: simd::has_avx2(),
            tables,
            states,
        };
        s.set_contexts();
        s.select();
        s.contexts.start_byte(&s.states);
        s.predict(false);
        s
    }

    /// Number of mixer inputs.
    pub fn inputs(&self) -> usize {
        self.mixer.inputs.len() * 32
    }

    fn back(&self, k: usize) -> u8 {
        self.history.len().checked_sub(k).map_or(0, |i| self.history[i])
    }

    #[inline(always)]
    fn set_contexts(&mut self) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        let n = self.history.len();
        let mut h = 0;
        let mut order = 0;
        for (i, &length) in ORDERS.iter().enumerate() {
            while order < length {
                order += 1;
                h = fold(h, u64::from(if n >= order { self.history[n - order] } else { 0 }));
            }
            hashes.push(h.wrapping_add(i as u64));
        }
        let expected = self.matches.iter().find_map(|m| m.expected_byte().map(|b| (b, m.state())));
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
        self.contexts.set(&hashes);
        self.hashes = hashes;
    }

    /// Selects weights and maps for the next bit.
    #[inline(always)]
    fn select(&mut self) {
        let (bit_position, partial) = (self.bit_position, self.partial);
        let (c1, c2, c3) = (self.back(1), self.back(2), self.back(3));
        if let Kind::Bilevel(image) = &mut self.kind {
            self.selectors = image.select(bit_position);
        }
        let main = self.matches.iter().find(|m| m.expected_byte().is_some());
        let (expected, state) = main.map_or((256, 0), |m| (u32::from(m.expected_byte().unwrap_or(0)), m.state()));
        let expected_bit = if expected < 256 { (expected >> (7 - bit_position)) & 1 } else { 0 };
        let differs = self
            .matches
            .iter()
            .rev()
            .find_map(MatchModel::expected_byte)
            .is_some_and(|b| (u32::from(b) >> (7 - bit_position)) & 1 != expected_bit);
        self.match_state = state;
        let s = self.selectors;
        let bits_class = [0, 1, 2, 2, 2, 3, 3, 3][bit_position as usize];
        let selected = [
            partial | (if c1 == c2 { 256 } else { 0 }),
            u32::from(c1) << 3 | bit_position,
            u32::from(c2),
            (state * 2 + expected_bit) * 16 + bit_position + 8 * u32::from(differs),
            s[0] | (u32::from(bit_position > 2) << 9),
            s[1] & 0x3FF,
            s[2] | bits_class << 8,
            (s[3] & 127) << 3 | bit_position,
        ];
        for (i, &context) in selected.iter().enumerate() {
            self.mixer.select(i, context);
        }
        self.mixer.select(9, u32::from(c3));
        let top3 = u32::from(c1 >> 5) << 6 | u32::from(c2 >> 5) << 3 | u32::from(c3 >> 5);
        self.mixer.select(10, (top3 * 256 + partial).wrapping_mul(0x9E37_79B1) >> 21);
        self.mixer.select(11, (self.misses & 0xFF) << 3 | bit_position);
        let word = match &self.kind {
            Kind::Text(_) => self.hashes[ORDERS.len() + MATCH_CONTEXTS],
            Kind::Binary(_) | Kind::Bilevel(_) => u64::from(s[2]) << 8 | u64::from(s[3]),
        };
        let p = u64::from(partial);
        let [a, b, c] = [c1, c2, c3].map(u64::from);
        let top = |h: u64| (h >> (64 - AB)) as usize;
        self.apms[0].select((usize::from(c1) << 8) | partial as usize);
        self.apms[1].select(top(hash([a, b, p])));
        self.apms[2].select(top(hash([u64::from(expected), u64::from(state.min(8)), p, 3])));
        self.apms[3].select(top(hash([word, p, 2])));
        self.apms[4].select(top(hash([a, b, c, p, 1])));
        self.apms[5].select((partial << 8 | (self.misses & 0xFF)) as usize);
    }

    #[inline(always)]
    fn predict(&mut self, avx2: bool) {
        let (bit_position, partial) = (self.bit_position, self.partial);
        let c1 = self.back(1);
        let t = &self.tables;
        let inputs = simd::flat_mut(&mut self.mixer.inputs);
        let known = self.contexts.mix(bit_position, partial, inputs, ORDERS.len(), &self.states, t);
        let mut at = self.contexts.inputs();
        for m in &mut self.matches {
            m.mix(bit_position, &mut inputs[at..at + matchmodel::INPUTS], t);
            at += matchmodel::INPUTS;
        }
        let order1 = (usize::from(c1) << 8) | partial as usize;
        inputs[at] = 256;
        inputs[at + 1] = t.stretch22(self.order0[partial as usize] >> 10) as i16;
        inputs[at + 2] = t.stretch22(self.order0_fast[partial as usize] >> 10) as i16;
        inputs[at + 3] = t.stretch22(self.order1[order1] >> 10) as i16;
        inputs[at + 4] = (((self.order1[order1] >> 10) as i32 - (1 << 21)) >> 11) as i16;
        if let Kind::Bilevel(image) = &self.kind {
            image.mix(&mut inputs[at + 5..at + 5 + image::INPUTS], t);
        }
        self.mixer.select(8, known * 8 + bit_position);
        let finals = [partial, self.match_state * 8 + bit_position, u32::from(c1), self.selectors[0] & 0x1FF];
        let d = self.mixer.mix(&finals, avx2);
        let p0 = t.squash22(d);
        let mut sum = p0;
        for apm in &mut self.apms {
            sum += apm.refine(d);
        }
        self.p = (sum / 7).clamp(1, (1 << 22) - 1);
    }

    /// Learns `bit` and predicts the next one.
    #[inline(always)]
    fn step(&mut self, bit: u32, avx2: bool) {
        let target = ((bit << 22) - bit) as i32;
        let t = &self.tables;
        self.mixer.train(bit, t, avx2);
        for apm in &mut self.apms {
            apm.update(target, t);
        }
        let order1 = (usize::from(self.back(1)) << 8) | self.partial as usize;
        let t = &self.tables;
        t.adapt(&mut self.order0[self.partial as usize], target, 1023);
        t.adapt(&mut self.order0_fast[self.partial as usize], target, 40);
        t.adapt(&mut self.order1[order1], target, 255);
        for m in &mut self.matches {
            m.update_bit(bit, self.bit_position, t);
        }
        self.contexts.update(bit, self.bit_position, &self.states, t);
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
            self.contexts.end_byte(byte, &self.states);
            self.history.push(byte);
            self.bit_position = 0;
            self.partial = 1;
            for m in &mut self.matches {
                m.end_byte(&self.history);
            }
            match &mut self.kind {
                Kind::Text(text) => text.update(&self.history),
                Kind::Binary(binary) => binary.update(&self.history),
                Kind::Bilevel(image) => image.update(&self.history),
            }
            self.set_contexts();
            self.select();
            self.contexts.start_byte(&self.states);
        } else {
            self.select();
            self.contexts.regroup(self.bit_position, self.partial, &self.states);
        }
        self.predict(avx2);
    }
}

impl BitModel for Strong {
    #[inline]
    fn p(&self) -> u32 {
        self.p
    }

    fn update(&mut self, bit: u32) {
        simd::step(self.avx2, self, bit);
    }
}
