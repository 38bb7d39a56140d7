//! What is done for each bit and each byte of a lane.

use super::Shared;
use crate::cm::content::hashing::{fold, hash};
use crate::cm::content::pixels;
use crate::cm::strong::lane::{Content, Lane};
use crate::cm::strong::mixer::simd::flat_mut;
use crate::cm::strong::plan::{KNOWN_SET, SINGLE_INPUTS};
use crate::cm::strong::{direct, image, matchmodel};

impl Shared<'_> {
    /// Sets the contexts of the next byte of a lane, and asks for their cache lines.
    #[inline(always)]
    pub(super) fn aim(&mut self, lane: &mut Lane<'_>) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        let n = lane.position;
        let history = &self.history.get()[..n];
        let mut h = 0;
        let mut order = 0;
        for (i, &length) in self.plan.orders.iter().enumerate() {
            while order < length {
                order += 1;
                h = fold(
                    h,
                    u64::from(if n >= order { history[n - order] } else { 0 }),
                );
            }
            hashes.push(h.wrapping_add(i as u64));
        }
        let expected = lane
            .matches
            .iter()
            .find_map(|m| m.expected_byte().map(|b| (b, m.state())));
        let (byte, state) = expected.map_or((256, 0), |(b, s)| (u64::from(b), u64::from(s)));
        let c1 = u64::from(lane.back(history, 1));
        hashes.push(hash([byte, state, 100]));
        hashes.push(hash([byte, c1, state.min(1), 101]));
        match &lane.content {
            Content::Text(text) => {
                text.contexts(history, &mut hashes);
                lane.selectors = text.selectors(history);
            }
            Content::Binary(binary) => {
                binary.contexts(history, &mut hashes);
                lane.selectors = binary.selectors(history);
            }
            Content::Bilevel(image) => image.contexts(history, &mut hashes),
            Content::Pixels(pixels) => {
                pixels.contexts(&mut hashes);
                lane.selectors = pixels.selectors();
            }
        }
        let (contexts, _) = self
            .plan
            .contexts
            .split_at(self.plan.contexts.len() - self.plan.late);
        let chosen = contexts.iter().map(|&at| hashes[at]);
        self.contexts.set(&mut lane.buckets, 0, chosen);
        self.direct.set(&mut lane.lines, &hashes, self.plan.direct);
        self.hashes = hashes;
        self.set_maps(lane);
    }

    /// Begins the next byte of a lane.
    #[inline(always)]
    pub(super) fn start_byte(&mut self, lane: &mut Lane<'_>) {
        self.bit_position = 0;
        self.partial = 1;
        self.direct.start_byte(&lane.lines);
        if let (Some(neural), Some(follower), 1..) =
            (&mut self.neural, &lane.follower, self.plan.late)
        {
            let [last, word, ..] = lane.map_bases;
            let late = neural.begin(follower.tree(), [last, word], &self.tables);
            let first = self.plan.contexts.len() - self.plan.late;
            self.contexts
                .set(&mut lane.buckets, first, late.into_iter());
        }
        self.select(lane);
        if let Some(primed) = &mut self.primed {
            primed.lookup.begin(&lane.known);
        }
        self.contexts
            .start_byte(&lane.buckets, &self.states, &mut self.primed);
    }

    /// Predicts the next bit of a lane.
    #[inline(always)]
    pub(super) fn predict(&mut self, lane: &mut Lane<'_>, avx2: bool) {
        let (bit_position, partial) = (self.bit_position, self.partial);
        let c1 = lane.back(self.history.get(), 1);
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
        for (model, m) in self.matches.iter().zip(&mut lane.matches) {
            let inputs = &mut inputs[at..at + matchmodel::INPUTS];
            model.mix(m, bit_position, inputs, t);
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
        if let Content::Bilevel(image) = &lane.content {
            image.mix(&mut inputs[at..at + image::INPUTS], t);
        }
        at += direct::INPUTS * self.plan.direct.len();
        if let Content::Pixels(pixels) = &lane.content {
            pixels.mix(&mut inputs[at..at + pixels::INPUTS], t);
            at += pixels::INPUTS;
        }
        let mut first_of_layer_2 = partial;
        if let Some(neural) = &mut self.neural {
            neural.mix(&mut inputs[at..], t);
            if self.plan.late > 0 {
                first_of_layer_2 = neural.of_layer_2(bit_position);
            }
        }
        if let Some(set) = self.plan.sets.iter().position(|&set| set == KNOWN_SET) {
            self.mixer.select(set, known * 8 + bit_position);
        }
        let finals = [
            first_of_layer_2,
            self.match_state * 8 + bit_position,
            u32::from(c1),
            lane.selectors[0] & 0x1FF,
        ];
        let d = self.mixer.mix(&finals[..self.plan.finals], avx2);
        self.p = self
            .last
            .mix(d, self.mixer.outputs(), &mut self.maps, t, avx2);
    }

    /// Learns `bit`; returns whether the byte is whole.
    #[inline(always)]
    pub(super) fn learn(&mut self, lane: &mut Lane<'_>, bit: u32, avx2: bool) -> bool {
        let target = ((bit << 22) - bit) as i32;
        let t = &self.tables;
        self.mixer.train(bit, t, avx2);
        self.last.train(bit, t, avx2);
        for map in &mut self.maps {
            map.update(target, t);
        }
        let c1 = lane.back(self.history.get(), 1);
        let order1 = (usize::from(c1) << 8) | self.partial as usize;
        t.adapt(&mut self.order0[self.partial as usize], target, 1023);
        t.adapt(&mut self.order1[order1], target, 255);
        self.direct.update(target, t);
        if let Some(neural) = &mut self.neural {
            neural.learn(target, t);
        }
        for (model, m) in self.matches.iter_mut().zip(&mut lane.matches) {
            model.update_bit(m, bit, self.bit_position, t);
        }
        self.contexts
            .update(bit, self.bit_position, &self.states, t);
        if let Content::Bilevel(image) = &mut lane.content {
            image.update_bit(bit, &self.states, t);
        }
        let wrong = (self.p >= 1 << 21) != (bit != 0);
        lane.misses |= u32::from(wrong);
        self.partial = (self.partial << 1) | bit;
        self.bit_position += 1;
        self.bit_position == 8
    }

    /// The byte, once it is whole.
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        (self.partial & 255) as u8
    }

    /// Takes the byte of a lane in, and sets the contexts of its next one.
    #[inline(always)]
    pub(super) fn end_byte(&mut self, lane: &mut Lane<'_>, byte: u8) {
        lane.misses <<= 1;
        self.history.values()[lane.position] = byte;
        lane.position += 1;
        let history = self.history.get();
        let past = &history[..lane.position];
        // First, so that what the prior says is there when the contexts are looked up.
        if let Some(primed) = &self.primed {
            lane.known.update(past, byte);
            primed.lookup.prefetch(&lane.known);
        }
        for (model, m) in self.matches.iter_mut().zip(&mut lane.matches) {
            model.start_byte(m, past);
        }
        self.contexts.end_byte(byte, &self.states);
        match &mut lane.content {
            Content::Text(text) => text.update(past),
            Content::Binary(binary) => binary.update(past),
            Content::Bilevel(image) => image.update(past),
            Content::Pixels(pixels) => pixels.update(past),
        }
        for (model, m) in self.matches.iter().zip(&mut lane.matches) {
            model.end_byte(m, history, lane.position);
        }
        self.aim(lane);
    }

    /// Goes on to the next bit of the byte.
    #[inline(always)]
    pub(super) fn next_bit(&mut self, lane: &mut Lane<'_>) {
        if self.bit_position == 4 {
            self.direct.start_nibble(self.partial);
        }
        self.select(lane);
        self.contexts.regroup(
            self.bit_position,
            self.partial,
            &self.states,
            &mut self.primed,
        );
    }

    /// Asks for the cache lines that the likelier next bit leads to.
    #[inline(always)]
    pub(super) fn foresee(&self) {
        if matches!(self.bit_position, 1 | 4) {
            let guess = u32::from(self.p >= 1 << 21);
            self.contexts.foresee(self.partial << 1 | guess);
        }
    }
}
