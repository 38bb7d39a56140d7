//! Predictors that have coded a message go back to where they started: in less time than a new one takes, and at no
//! cost for long streams, since what a message has changed follows from its bytes.

use super::Predictor;
use crate::cm::fast::kernel::Bucket;
use crate::cm::fast::predictor::MATCH_MODELS;

impl<const N: usize, const V: usize> Predictor<N, V> {
    /// Whether predictors of these contexts go back.
    pub const RESTORED: bool = V == 1;

    /// Goes back to `start`, after which the bytes of `history` from `from` on were coded, but for the tables, see
    /// [`Self::memory`]. Only for those that are [`Self::RESTORED`].
    pub fn restore(&mut self, start: &Self, history: &[u8], from: usize) {
        // All fields are here, so that none is forgotten.
        let Self {
            // Never change.
            tables: _,
            states: _,
            known_as: _,
            sources: _,
            // Exchanged with the tables.
            slots: _,
            // Of larger levels.
            wide: _,
            second: _,
            // Changes no results.
            foresight,
            contexts,
            matches,
            mixer,
            order1_map,
            order2_map,
            counters,
            shift,
            guesses,
            stale,
            order2,
            hashes,
            buckets,
            checks,
            salted,
            nibble,
            entered,
            places,
            extra,
            known,
            inputs,
            cells,
        } = self;
        let mut seen = start.contexts;
        let mut second = start.order2;
        for at in from..history.len() {
            let byte = history[at];
            let mut partial = 1;
            for step in (0..8).rev() {
                order1_map.restore(&start.order1_map, seen.last_byte() << 8 | partial);
                order2_map.restore(&start.order2_map, second ^ partial);
                partial = partial << 1 | usize::from(byte >> step & 1);
            }
            guesses.restore(&start.guesses, byte, seen.last(2));
            seen.update(&history[..=at], byte);
            second = super::order2(seen.last(2));
        }
        order1_map.restore_place(&start.order1_map);
        order2_map.restore_place(&start.order2_map);
        guesses.restore_wrong(&start.guesses);
        foresight.ahead = None;
        *contexts = start.contexts;
        for (model, start) in matches.iter_mut().zip(&start.matches) {
            model.restore(start);
        }
        mixer.restore(&start.mixer);
        counters.copy_from_slice(&start.counters[..]);
        *shift = start.shift;
        *stale = start.stale;
        *order2 = start.order2;
        *hashes = start.hashes;
        *buckets = start.buckets;
        *checks = start.checks;
        *salted = start.salted;
        *nibble = start.nibble;
        *entered = start.entered;
        *places = start.places;
        *extra = start.extra;
        *known = start.known;
        *inputs = start.inputs;
        *cells = start.cells;
    }

    /// Does the same with the tables, whose values were `buckets` and `heads`.
    pub fn restore_tables(
        &mut self,
        start: &Self,
        buckets: &[Bucket],
        heads: [&[u32]; MATCH_MODELS],
        history: &[u8],
        from: usize,
    ) {
        for (model, (start, heads)) in self.matches.iter_mut().zip(start.matches.iter().zip(heads))
        {
            model.restore_head(start.head(), heads);
        }
        self.restore_buckets(start, |bucket| buckets[bucket], history, from);
        let mut seen = start.contexts;
        for at in from..history.len() {
            self.restore_heads(super::match_hashes(&seen, &history[..at]), heads);
            seen.update(&history[..=at], history[at]);
        }
        self.restore_heads(super::match_hashes(&seen, history), heads);
    }

    /// Does the same with the buckets, of which each was what `before` returns for its number.
    pub fn restore_buckets(
        &mut self,
        start: &Self,
        before: impl Fn(usize) -> Bucket,
        history: &[u8],
        from: usize,
    ) {
        let mask = self.slots.mask();
        let mut seen = start.contexts;
        for at in from..history.len() {
            let byte = history[at];
            let own = seen.hashes::<N>(&history[..at]);
            for salt in [0, 8 | u32::from(byte) >> 5] {
                for hash in own {
                    let bucket = super::bucket(super::salted(hash, salt), mask) as usize;
                    self.slots.memory().values()[bucket] = before(bucket);
                }
            }
            seen.update(&history[..=at], byte);
        }
    }

    fn restore_heads(&mut self, hashes: [u32; MATCH_MODELS], heads: [&[u32]; MATCH_MODELS]) {
        for ((model, heads), hash) in self.matches.iter_mut().zip(heads).zip(hashes) {
            model.restore_head(model.head_of(hash), heads);
        }
    }
}
