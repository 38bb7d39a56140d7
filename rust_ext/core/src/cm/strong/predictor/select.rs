//! Which weights and maps a bit is predicted with.

use super::{Shared, MATCH_CONTEXTS};
use crate::cm::content::hashing::hash;
use crate::cm::strong::apm::row;
use crate::cm::strong::lane::{Content, Lane};
use crate::cm::strong::matchmodel::Match;
use crate::cm::strong::plan::{MAPS, SETS};

impl Shared<'_> {
    /// Sets what the rows of the maps have in common during a byte.
    #[inline(always)]
    pub(super) fn set_maps(&self, lane: &mut Lane<'_>) {
        let back = |k| lane.back(self.history.get(), k);
        let near = match &lane.content {
            Content::Pixels(pixels) => pixels.near(),
            _ => [back(1), back(2), back(3)],
        };
        let [a, b, c] = near.map(u64::from);
        let s = lane.selectors;
        let (word, history) = match &lane.content {
            Content::Text(text) => (
                self.hashes[self.plan.orders.len() + MATCH_CONTEXTS],
                text.runs(),
            ),
            Content::Pixels(pixels) => {
                let first = self.plan.orders.len() + MATCH_CONTEXTS;
                (self.hashes[first + 10], u64::from(pixels.place()))
            }
            Content::Binary(_) | Content::Bilevel(_) => (
                u64::from(s[2]) << 8 | u64::from(s[3]),
                u64::from(lane.misses & 0xFF),
            ),
        };
        lane.map_bases = [
            hash([a, b]),
            hash([word, 2]),
            hash([a, b, c, 1]),
            hash([history, 4]),
        ]
        // The bits of the byte so far take the low bits' place.
        .map(|h| h & !0xFF);
    }

    /// Selects weights and maps for the next bit.
    #[inline(always)]
    pub(super) fn select(&mut self, lane: &mut Lane<'_>) {
        let (bit_position, partial) = (self.bit_position, self.partial);
        let past = &self.history.get()[..lane.position];
        let [c1, c2, c3] = match &lane.content {
            Content::Pixels(pixels) => pixels.near(),
            _ => [1, 2, 3].map(|k| lane.back(past, k)),
        };
        if let Content::Bilevel(image) = &mut lane.content {
            lane.selectors = image.select(bit_position);
            self.set_maps(lane);
        }
        let certainty = match &mut lane.content {
            Content::Pixels(pixels) => pixels.select(partial, &self.tables),
            _ => 0,
        };
        let main = lane.matches.iter().find(|m| m.expected_byte().is_some());
        let (expected, state) = main.map_or((256, 0), |m| {
            (u32::from(m.expected_byte().unwrap_or(0)), m.state())
        });
        let expected_bit = if expected < 256 {
            (expected >> (7 - bit_position)) & 1
        } else {
            0
        };
        let differs = lane
            .matches
            .iter()
            .rev()
            .find_map(Match::expected_byte)
            .is_some_and(|b| (u32::from(b) >> (7 - bit_position)) & 1 != expected_bit);
        self.match_state = state;
        let s = lane.selectors;
        let bits_class = [0, 1, 2, 2, 2, 3, 3, 3][bit_position as usize];
        let top3 = (u32::from(c1 >> 5) << 6) | (u32::from(c2 >> 5) << 3) | u32::from(c3 >> 5);
        let shape = match &lane.content {
            Content::Text(text) => text.shape(),
            Content::Binary(_) | Content::Bilevel(_) | Content::Pixels(_) => 0,
        };
        let agreement = match &lane.content {
            Content::Binary(binary) => binary.agreement(past, bit_position, partial),
            Content::Pixels(pixels) => pixels.place(),
            Content::Text(_) | Content::Bilevel(_) => 0,
        };
        let selected: [u32; SETS.len()] = [
            partial | (u32::from(c1 == c2) << 8),
            (u32::from(c1) << 3) | bit_position,
            u32::from(c2),
            (state * 2 + expected_bit) * 16 + bit_position + 8 * u32::from(differs),
            s[0] | (u32::from(bit_position > 2) << 9),
            s[1] & 0x3FF,
            s[2] | (bits_class << 8),
            ((s[3] & 127) << 3) | bit_position,
            0,
            u32::from(c3),
            (top3 * 256 + partial).wrapping_mul(0x9E37_79B1) >> 21,
            ((lane.misses & 0xFF) << 3) | bit_position,
            (hash([shape << 8 | u64::from(partial)]) >> 53) as u32,
            agreement << 2 | bits_class,
            certainty,
        ];
        for (i, &set) in self.plan.sets.iter().enumerate() {
            self.mixer.select(i, selected[set]);
        }
        let bases = lane.map_bases;
        let mut of_network = [0; 2];
        if let (Some(neural), Some(follower)) = (&mut self.neural, &lane.follower) {
            let first = self.plan.sets.len();
            let selected = neural.select(follower, c1, partial, &self.tables);
            for (i, selected) in selected.into_iter().enumerate() {
                self.mixer.select(first + i, selected);
            }
            if self.plan.late > 0 {
                let selected = neural.select_more(partial, [bases[0], bases[1]], expected);
                for (i, selected) in selected.into_iter().enumerate() {
                    self.mixer.select(first + 2 + i, selected);
                }
                of_network = neural.rows(c1, partial);
            }
        }
        let hashed = |base| row(base, partial);
        let rows: [usize; MAPS.len()] = [
            (usize::from(c1) << 8) | partial as usize,
            hashed(bases[0]),
            hashed(u64::from((expected << 4 | state.min(8)) << 8)),
            hashed(bases[1]),
            hashed(bases[2]),
            hashed(bases[3]),
            of_network[0],
            of_network[1],
        ];
        for (map, &row) in self.maps.iter_mut().zip(&rows) {
            map.select(row);
        }
    }
}
