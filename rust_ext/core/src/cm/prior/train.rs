//! Training: counts of contexts over text, and the choice of the entries that are worth their bytes.
//!
//! Text is cut into segments, and a context and the symbol after it count once in each: what matters is in how many
//! files to come they will occur, and there the first occurrences are what a prior helps with. Contexts are taken
//! from the most general to the most special. An entry is worth the bits that it saves over the ones chosen before,
//! as far as they reach (entropy pruning: A. Stolcke, Entropy-based Pruning of Backoff Language Models, 1998, with
//! the shorter contexts that were kept in place of all shorter ones), for each byte that it takes.

use super::keys::{key, KINDS};
use super::table::{pack, Entry, Table, BUCKET, CLASSES, KEY_BITS, MAX_SYMBOLS};
use crate::cm::fast::contexts::Contexts;
use crate::cm::Kind;
use std::cmp::Reverse;
use std::ops::Range;

/// Weight of the first symbol of an entry by its class.
const WEIGHTS: [u32; CLASSES] = [2, 4, 10, 24];
/// Weight of all symbols that are not listed, by class.
const OTHERS: [f32; CLASSES] = [2.0, 1.0, 1.0, 1.0];
/// Symbols that are rarer than the first by more than this are not listed.
const MAX_RATIO: f32 = 16.0;
/// Bits of information are counted in eighths.
const EIGHTHS: f32 = 8.0;
/// While contexts are still to come, this many times the final size is kept.
const SPARE: usize = 2;

/// A record of a context and a symbol in a segment: the upper bits of the key, the symbol, eighths of bits that the
/// symbol cost so far.
type Record = u64;
const SYMBOL_SHIFT: u32 = 12;
const KEY_SHIFT: u32 = 20;

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Size of the table, in buckets of 64 bytes.
    pub buckets: usize,
    /// Symbols of a segment at most.
    pub segment: usize,
    /// In how many segments an entry was seen at least.
    pub documents: u32,
    /// Threads that count.
    pub threads: usize,
    /// Records in memory at a time, of 8 bytes each.
    pub records: usize,
}

impl Default for Settings {
    /// A table of 1 MiB, counted by one thread in at most 2 GiB.
    fn default() -> Self {
        Self {
            buckets: 1 << 14,
            segment: 1 << 16,
            documents: 3,
            threads: 1,
            records: 1 << 28,
        }
    }
}

/// What was done for one kind of context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which: an index into [`super::keys::NAMES`].
    pub kind: usize,
    /// Contexts and symbols that were counted.
    pub records: u64,
    /// Entries that were chosen.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    key: u64,
    entry: Entry,
    worth: f32,
}

/// Trains a table, one kind of context at a time.
#[derive(Debug)]
pub struct Trainer<T> {
    settings: Settings,
    texts: Vec<T>,
    /// Which text, and where in it.
    segments: Vec<(usize, Range<usize>)>,
    /// What each symbol of each segment cost so far, as a probability.
    known: Vec<Vec<f32>>,
    kept: Vec<Candidate>,
    next: usize,
}

impl<T: AsRef<[u8]> + Sync> Trainer<T> {
    /// Starts with texts, each of which begins a segment.
    #[must_use]
    pub fn new(texts: Vec<T>, settings: Settings) -> Self {
        let length = settings.segment.max(1);
        let mut segments = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let end = text.as_ref().len();
            let starts = (0..end).step_by(length);
            segments.extend(starts.map(|start| (i, start..end.min(start + length))));
        }
        let known = segments
            .iter()
            .map(|(_, range)| vec![1.0 / 256.0; range.len()])
            .collect();
        Self {
            settings,
            texts,
            segments,
            known,
            kept: Vec::new(),
            next: 0,
        }
    }

    /// Takes the next kind of context; none when all are done.
    pub fn step(&mut self) -> Option<Step> {
        let kind = self.next;
        if kind == KINDS {
            return None;
        }
        self.next += 1;
        let symbols: usize = self.known.iter().map(Vec::len).sum();
        let passes = symbols.div_ceil(self.settings.records.max(1)).max(1) as u64;
        let mut step = Step {
            kind,
            records: 0,
            entries: 0,
            bytes: 0,
        };
        let mut chosen = Vec::new();
        for pass in 0..passes {
            let records = self.count(kind, pass, passes);
            step.records += records.iter().map(|part| part.len() as u64).sum::<u64>();
            self.choose(&records, &mut chosen);
        }
        let budget = SPARE * BUCKET * self.settings.buckets;
        keep_best(&mut chosen, budget);
        step.entries = chosen.len();
        step.bytes = chosen.iter().map(|c| c.entry.bytes()).sum();
        let (table, _) = pack(
            2 * SPARE * self.settings.buckets,
            chosen.iter().map(|c| (c.key, c.entry)),
        );
        self.know(kind, &table);
        self.kept.append(&mut chosen);
        keep_best(&mut self.kept, budget);
        Some(step)
    }

    /// Ends the training: the table, which is smaller than allowed if there is little to know, and how many entries it
    /// has.
    #[must_use]
    pub fn finish(mut self) -> (Table, usize) {
        keep_best(&mut self.kept, usize::MAX);
        let bytes: usize = self.kept.iter().map(|c| c.entry.bytes()).sum();
        // Buckets differ in how many entries fall to them: with a third to spare, few of them find no room.
        let wanted = (bytes + bytes / 3).div_ceil(BUCKET);
        let entries = self.kept.iter().map(|c| (c.key, c.entry));
        pack(wanted.clamp(1, self.settings.buckets.max(1)), entries)
    }

    /// Sorted records of one part of all keys, from each thread.
    fn count(&self, kind: usize, pass: u64, passes: u64) -> Vec<Vec<Record>> {
        let threads = self.settings.threads.max(1);
        let share = self.segments.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let parts: Vec<_> = self
                .segments
                .chunks(share)
                .zip(self.known.chunks(share))
                .map(|(segments, known)| {
                    scope.spawn(move || {
                        let mut all = Vec::new();
                        let mut local = Vec::new();
                        for (segment, known) in segments.iter().zip(known) {
                            let segment = text_of(&self.texts, segment);
                            local.clear();
                            each_key(segment, kind, |at, key| {
                                let key = key >> (64 - KEY_BITS);
                                if key % passes == pass {
                                    let bits = (-known[at].log2() * EIGHTHS).min(255.0) as u64;
                                    let symbol = u64::from(segment[at]);
                                    local.push(key << KEY_SHIFT | symbol << SYMBOL_SHIFT | bits);
                                }
                            });
                            local.sort_unstable();
                            // The dearest of a symbol's occurrences stands for it.
                            let dearest =
                                local.chunk_by(|a, b| a >> SYMBOL_SHIFT == b >> SYMBOL_SHIFT);
                            all.extend(dearest.filter_map(|same| same.last()));
                        }
                        all.sort_unstable();
                        all
                    })
                })
                .collect();
            parts
                .into_iter()
                .filter_map(|part| part.join().ok())
                .collect()
        })
    }

    /// Adds the entries that save anything.
    fn choose(&self, parts: &[Vec<Record>], chosen: &mut Vec<Candidate>) {
        let mut rests: Vec<&[Record]> = parts.iter().map(Vec::as_slice).collect();
        let mut group = Vec::new();
        let mut list = Vec::new();
        while let Some(key) = rests
            .iter()
            .filter_map(|rest| rest.first())
            .map(|record| record >> KEY_SHIFT)
            .min()
        {
            group.clear();
            for rest in &mut rests {
                let length = rest
                    .iter()
                    .take_while(|&&record| record >> KEY_SHIFT == key)
                    .count();
                let (same, others) = rest.split_at(length);
                group.extend_from_slice(same);
                *rest = others;
            }
            if group.len() < self.settings.documents as usize {
                continue;
            }
            group.sort_unstable();
            list.clear();
            for same in group.chunk_by(|a, b| a >> SYMBOL_SHIFT == b >> SYMBOL_SHIFT) {
                let bits: u64 = same.iter().map(|record| record & 0xFFF).sum();
                let mean = bits as f32 / EIGHTHS / same.len() as f32;
                list.push((same.len() as u32, (same[0] >> SYMBOL_SHIFT) as u8, mean));
            }
            list.sort_unstable_by_key(|&(count, symbol, _)| (Reverse(count), symbol));
            if let Some((entry, gain)) = best(&list) {
                chosen.push(Candidate {
                    key: key << (64 - KEY_BITS),
                    entry,
                    worth: gain / entry.bytes() as f32,
                });
            }
        }
    }

    /// Lowers what symbols cost by the entries of a table.
    fn know(&mut self, kind: usize, table: &Table) {
        let mut known = std::mem::take(&mut self.known);
        let (texts, segments) = (&self.texts, &self.segments);
        let share = self.segments.len().div_ceil(self.settings.threads.max(1));
        std::thread::scope(|scope| {
            for (segments, known) in segments
                .chunks(share.max(1))
                .zip(known.chunks_mut(share.max(1)))
            {
                scope.spawn(move || {
                    for (segment, known) in segments.iter().zip(known) {
                        let segment = text_of(texts, segment);
                        each_key(segment, kind, |at, key| {
                            if let Some(entry) = table.find(key) {
                                known[at] = mixed(&entry, segment[at], known[at]);
                            }
                        });
                    }
                });
            }
        });
        self.known = known;
    }
}

fn text_of<'a, T: AsRef<[u8]>>(texts: &'a [T], (text, range): &(usize, Range<usize>)) -> &'a [u8] {
    &texts[*text].as_ref()[range.clone()]
}

/// Calls `with` for each place of a segment with the key of its context.
fn each_key(segment: &[u8], kind: usize, mut with: impl FnMut(usize, u64)) {
    let mut contexts = Contexts::new(Kind::Text, 1);
    for (at, &symbol) in segment.iter().enumerate() {
        with(at, key(kind, contexts.known()[kind]));
        contexts.update(&segment[..=at], symbol);
    }
}

/// Leaves the candidates of most worth that fit `budget` bytes, in order of worth.
fn keep_best(candidates: &mut Vec<Candidate>, budget: usize) {
    candidates.sort_unstable_by(|a, b| b.worth.total_cmp(&a.worth).then(a.key.cmp(&b.key)));
    let mut bytes = 0;
    candidates.retain(|candidate| {
        bytes += candidate.entry.bytes();
        bytes <= budget
    });
}

/// Probability of a symbol after an entry, where it was `lower` without it.
fn mixed(entry: &Entry, symbol: u8, lower: f32) -> f32 {
    let (mut sum, mut own) = (0, 0);
    for (other, weight) in entry.symbols(&WEIGHTS) {
        sum += weight;
        if other == symbol {
            own = weight;
        }
    }
    let others = OTHERS[entry.class()];
    (own as f32 + others * lower) / (sum as f32 + others)
}

/// The entry that saves most bits for each of its bytes, and all that it saves. The list has numbers of occurrences,
/// the most frequent symbol first, and the mean bits that each cost so far.
fn best(list: &[(u32, u8, f32)]) -> Option<(Entry, f32)> {
    let mut best: Option<(Entry, f32, f32)> = None;
    let most = list[0].0 as f32;
    let mut entry = Entry::default();
    for &(count, symbol, _) in list.iter().take(MAX_SYMBOLS) {
        let ratio = most / count as f32;
        if ratio > MAX_RATIO || count < 2 {
            break;
        }
        entry.push(symbol, (ratio.log2() / 1.5).round() as u8);
        for class in 0..CLASSES as u8 {
            let entry = entry.with_class(class);
            let saved = |&(count, symbol, bits): &(u32, u8, f32)| {
                count as f32 * (bits + mixed(&entry, symbol, (-bits).exp2()).log2())
            };
            // As if one more symbol had been seen that is not listed.
            let total: u32 = entry.symbols(&WEIGHTS).map(|(_, weight)| weight).sum();
            let others = OTHERS[entry.class()];
            let unseen = (others / (total as f32 + others)).log2();
            let gain = list.iter().map(saved).sum::<f32>() + unseen;
            let rate = gain / entry.bytes() as f32;
            if gain > 0.0 && best.is_none_or(|(_, least, _)| rate > least) {
                best = Some((entry, rate, gain));
            }
        }
    }
    best.map(|(entry, _, gain)| (entry, gain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::prior::keys::keys;

    fn train(texts: &[&[u8]], settings: Settings) -> (Table, usize) {
        let mut trainer = Trainer::new(texts.to_vec(), settings);
        let mut kinds = 0;
        while let Some(step) = trainer.step() {
            assert_eq!(step.kind, kinds);
            kinds += 1;
        }
        assert_eq!(kinds, KINDS);
        trainer.finish()
    }

    fn settings() -> Settings {
        Settings {
            buckets: 64,
            segment: 100,
            ..Settings::default()
        }
    }

    #[test]
    fn what_follows_often_is_known() {
        let text = b"It was the best of times, it was the worst of times. ".repeat(20);
        let (table, entries) = train(&[&text], settings());
        assert!(entries > 20);
        let mut contexts = Contexts::new(Kind::Text, 1);
        for (i, &byte) in b"the wor".iter().enumerate() {
            contexts.update(&b"the wor"[..=i], byte);
        }
        let expected = keys(&contexts)
            .into_iter()
            .filter_map(|key| table.find(key));
        let first: Vec<u8> = expected
            .filter_map(|entry| entry.symbols(&WEIGHTS).next())
            .map(|(symbol, _)| symbol)
            .collect();
        assert!(!first.is_empty());
        assert!(first.iter().all(|&symbol| symbol == b's'));
    }

    #[test]
    fn what_is_in_one_text_only_is_not_known() {
        let texts: Vec<Vec<u8>> = (0..40_u8).map(|i| vec![i; 50]).collect();
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let (_, entries) = train(&texts, settings());
        assert_eq!(entries, 0);
    }

    #[test]
    fn threads_and_passes_change_nothing() {
        let text: Vec<u8> = (0..60_000_u32)
            .map(|i| (i * i / 7 % 31) as u8 + 65)
            .collect();
        let (one, entries) = train(&[&text], settings());
        assert!(entries > 0);
        for (threads, records) in [(2, 1 << 20), (3, 7000), (1, 1000)] {
            let settings = Settings {
                threads,
                records,
                ..settings()
            };
            assert_eq!(train(&[&text], settings).0.bytes(), one.bytes());
        }
    }

    #[test]
    fn nothing_gives_an_empty_table() {
        for texts in [&[][..], &[b"".as_slice()], &[b"a"]] {
            let (table, entries) = train(texts, settings());
            assert_eq!((table.bytes().len(), entries), (BUCKET, 0));
        }
    }
}
