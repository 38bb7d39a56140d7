//! Training: counts of contexts over text, and the choice of the entries that are worth their bytes.
//!
//! Text is cut into segments, and a context and the symbol after it count once in each: what matters is in how many
//! files to come they will occur, and there the first occurrences are what a prior helps with. Contexts are taken
//! from the most general to the most special. An entry is worth the bits that it saves over the ones chosen before,
//! as far as they reach (entropy pruning: A. Stolcke, Entropy-based Pruning of Backoff Language Models, 1998, with
//! the shorter contexts that were kept in place of all shorter ones), for each byte that it takes.

use super::keys::{key, KINDS};
use super::spread::{spread, Watch};
use super::table::{pack, Entry, Table, BUCKET, CLASSES, KEY_BITS, MAX_SYMBOLS};
use crate::cm::fast::contexts::Contexts;
use crate::cm::Kind;
use crate::Result;
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
/// Records are sorted in so many parts, by their upper bits: one is soon done, so that training can be stopped.
const SHARD_BITS: u32 = 8;
const SHARDS: usize = 1 << SHARD_BITS;
/// Symbols that a thread takes at a time, at least.
const BATCH: usize = 1 << 16;
/// Bytes of an entry at least, which bounds how many fit.
const LEAST_ENTRY: usize = 3;

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
    /// A table of 1 MiB, counted by one thread in at most 1 GiB.
    fn default() -> Self {
        Self {
            buckets: 1 << 14,
            segment: 1 << 16,
            documents: 3,
            threads: 1,
            records: 1 << 27,
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

/// Bytes of memory that training on so many symbols in so many texts takes at most, besides the texts.
#[must_use]
pub fn memory_bytes(symbols: u64, texts: u64, settings: &Settings) -> u64 {
    let segments = texts + symbols / settings.segment.max(1) as u64;
    let records = symbols.min(settings.records as u64) * size_of::<Record>() as u64;
    // Where candidates are chosen, twice as many as fit are held by each thread, and by the list of all.
    let most = (2 * SPARE * BUCKET * settings.buckets / LEAST_ENTRY) as u64;
    let held = most.min(symbols / u64::from(settings.documents.max(1)));
    let candidates = held * (settings.threads as u64 + 2) * size_of::<Candidate>() as u64;
    // Entries while they are put into buckets, of twice the number that is kept.
    let table = (2 * SPARE * settings.buckets * (BUCKET + BUCKET / LEAST_ENTRY * 32)) as u64;
    symbols * size_of::<f32>() as u64
        + segments * size_of::<(usize, Range<usize>)>() as u64
        + records
        + records / SHARDS as u64 * settings.threads as u64
        + candidates
        + table
}

/// Some segments, and the symbols in them, as ranges of all.
#[derive(Debug, Clone)]
struct Batch {
    segments: Range<usize>,
    symbols: Range<usize>,
}

/// Trains a table, one kind of context at a time.
#[derive(Debug)]
pub struct Trainer<T> {
    settings: Settings,
    texts: Vec<T>,
    /// Which text, and where in it.
    segments: Vec<(usize, Range<usize>)>,
    batches: Vec<Batch>,
    /// What each symbol of each segment cost so far, as a probability.
    known: Vec<f32>,
    kept: Vec<Candidate>,
    next: usize,
}

impl<T: AsRef<[u8]> + Sync> Trainer<T> {
    /// Starts with texts, each of which begins a segment.
    #[must_use]
    pub fn new(texts: Vec<T>, settings: Settings) -> Self {
        let spans = texts
            .iter()
            .enumerate()
            .map(|(i, text)| (i, 0..text.as_ref().len()))
            .collect();
        Self::with_spans(texts, spans, settings)
    }

    /// Starts with parts of texts, each of which begins a segment: which text, and where in it. What is not in a text
    /// is passed over.
    #[must_use]
    pub fn with_spans(
        texts: Vec<T>,
        spans: Vec<(usize, Range<usize>)>,
        settings: Settings,
    ) -> Self {
        let length = settings.segment.max(1);
        let mut segments = Vec::new();
        for (i, span) in spans {
            let end = texts.get(i).map_or(0, |text| text.as_ref().len());
            let end = end.min(span.end);
            let starts = (span.start..end).step_by(length);
            segments.extend(starts.map(|start| (i, start..end.min(start + length))));
        }
        let mut batches = vec![];
        let mut batch = Batch {
            segments: 0..0,
            symbols: 0..0,
        };
        for (_, segment) in &segments {
            batch.segments.end += 1;
            batch.symbols.end += segment.len();
            if batch.symbols.len() >= BATCH {
                batches.push(batch.clone());
                batch.segments.start = batch.segments.end;
                batch.symbols.start = batch.symbols.end;
            }
        }
        let symbols = batch.symbols.end;
        batches.push(batch);
        Self {
            settings,
            texts,
            segments,
            batches,
            known: vec![1.0 / 256.0; symbols],
            kept: Vec::new(),
            next: 0,
        }
    }

    /// Takes the next kind of context; none when all are done.
    pub fn step(&mut self) -> Option<Step> {
        // Nobody stops it.
        self.watched_step(|_| false).ok().flatten()
    }

    /// Does the same, and calls `watch` in this thread again and again with the work that was done in all steps, out
    /// of [`Self::work`]. Training stops, for good, when it returns true.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`] when it does.
    pub fn watched_step(&mut self, mut watch: impl FnMut(u64) -> bool) -> Result<Option<Step>> {
        let kind = self.next;
        if kind == KINDS {
            return Ok(None);
        }
        self.next = KINDS;
        let passes = self.passes();
        let mut watch = Watch::new(self.work() / KINDS as u64 * kind as u64, &mut watch);
        let mut step = Step {
            kind,
            records: 0,
            entries: 0,
            bytes: 0,
        };
        let budget = SPARE * BUCKET * self.settings.buckets;
        let mut chosen = Vec::new();
        for pass in 0..passes {
            let shards = self.count(kind, pass, passes, &mut watch)?;
            step.records += shards.iter().flatten().map(|s| s.len() as u64).sum::<u64>();
            for mut part in self.choose(shards, budget, passes, &mut watch)? {
                chosen.append(&mut part.0);
            }
            keep_best(&mut chosen, budget);
        }
        step.entries = chosen.len();
        step.bytes = chosen.iter().map(|c| c.entry.bytes()).sum();
        let (table, _) = pack(
            2 * SPARE * self.settings.buckets,
            chosen.iter().map(|c| (c.key, c.entry)),
        );
        self.know(kind, &table, &mut watch)?;
        self.kept.append(&mut chosen);
        keep_best(&mut self.kept, budget);
        self.next = kind + 1;
        Ok(Some(step))
    }

    /// How much work all steps are, in a unit of their own.
    #[must_use]
    pub fn work(&self) -> u64 {
        // For each symbol: once in each pass, once where records are sorted, once where costs are lowered.
        KINDS as u64 * self.known.len() as u64 * (self.passes() + 2)
    }

    fn passes(&self) -> u64 {
        let records = self.settings.records.max(1);
        self.known.len().div_ceil(records).max(1) as u64
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

    /// Records of one part of all keys: for each shard what each thread has found.
    fn count(
        &self,
        kind: usize,
        pass: u64,
        passes: u64,
        watch: &mut Watch,
    ) -> Result<Vec<Vec<Vec<Record>>>> {
        let work = |(shards, local): &mut (Vec<Vec<Record>>, Vec<Record>), batch: &Batch| {
            shards.resize_with(SHARDS, Vec::new);
            let mut place = batch.symbols.start;
            for segment in &self.segments[batch.segments.clone()] {
                let segment = text_of(&self.texts, segment);
                let known = &self.known[place..place + segment.len()];
                place += segment.len();
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
                let dearest = local.chunk_by(|a, b| a >> SYMBOL_SHIFT == b >> SYMBOL_SHIFT);
                for &record in dearest.filter_map(|same| same.last()) {
                    shards[(record >> (Record::BITS - SHARD_BITS)) as usize].push(record);
                }
            }
            batch.symbols.len() as u64
        };
        let parts = spread(self.settings.threads, self.batches.iter(), work, watch)?;
        let mut shards = vec![Vec::new(); SHARDS];
        for (part, _) in parts {
            for (shard, records) in shards.iter_mut().zip(part) {
                shard.push(records);
            }
        }
        Ok(shards)
    }

    /// The entries that save anything, from each thread.
    fn choose(
        &self,
        shards: Vec<Vec<Vec<Record>>>,
        budget: usize,
        passes: u64,
        watch: &mut Watch,
    ) -> Result<Vec<(Vec<Candidate>, usize)>> {
        let done = self.known.len() as u64 / passes / SHARDS as u64;
        let work = |(chosen, most): &mut (Vec<Candidate>, usize), parts: Vec<Vec<Record>>| {
            let mut records = parts.concat();
            drop(parts);
            records.sort_unstable();
            let mut list = Vec::new();
            for group in records.chunk_by(|a, b| a >> KEY_SHIFT == b >> KEY_SHIFT) {
                if group.len() < self.settings.documents as usize {
                    continue;
                }
                list.clear();
                for same in group.chunk_by(|a, b| a >> SYMBOL_SHIFT == b >> SYMBOL_SHIFT) {
                    let bits: u64 = same.iter().map(|record| record & 0xFFF).sum();
                    let mean = bits as f32 / EIGHTHS / same.len() as f32;
                    list.push((same.len() as u32, (same[0] >> SYMBOL_SHIFT) as u8, mean));
                }
                list.sort_unstable_by_key(|&(count, symbol, _)| (Reverse(count), symbol));
                if let Some((entry, gain)) = best(&list) {
                    chosen.push(Candidate {
                        key: (group[0] >> KEY_SHIFT) << (64 - KEY_BITS),
                        entry,
                        worth: gain / entry.bytes() as f32,
                    });
                }
                // Those that do not fit among these fit among no more.
                if chosen.len() > *most {
                    keep_best(chosen, budget);
                    *most = (2 * chosen.len()).max(budget / LEAST_ENTRY);
                }
            }
            done
        };
        spread(self.settings.threads, shards.into_iter(), work, watch)
    }

    /// Lowers what symbols cost by the entries of a table.
    fn know(&mut self, kind: usize, table: &Table, watch: &mut Watch) -> Result<()> {
        let (texts, segments) = (&self.texts, &self.segments);
        let mut rest = &mut self.known[..];
        let items = self.batches.iter().map(move |batch| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(batch.symbols.len());
            rest = others;
            (&segments[batch.segments.clone()], own)
        });
        let work = |(): &mut (), (segments, known): (&[(usize, Range<usize>)], &mut [f32])| {
            let mut place = 0;
            for segment in segments {
                let segment = text_of(texts, segment);
                let known = &mut known[place..place + segment.len()];
                place += segment.len();
                each_key(segment, kind, |at, key| {
                    if let Some(entry) = table.find(key) {
                        known[at] = mixed(&entry, segment[at], known[at]);
                    }
                });
            }
            place as u64
        };
        spread(self.settings.threads, items, work, watch).map(|_| ())
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
mod tests;
