//! What the small part of the predictor has learnt: counters, weights, probability maps. A network comes with what was
//! learnt beside it while other text was coded, and predictors start from that.
//!
//! Packed, weights and entries of maps have 8 bits. Of the weight vectors only those are there that were used most;
//! the others start as the mean of their set. Of the maps only the rows that moved.

use super::apm::{self, place, Row as MapRow, BUCKETS};
use super::mixer;
use super::mixer::simd::{flat, flat_mut, Line, Row};
use super::parts::Parts;
use super::plan::Layout;
use super::predictor::Strong;
use super::spare::{Spare, KEPT};
use crate::bitmodel::BitModel;
use crate::cm::packed::{
    corrupt, flag, narrow, pack_flags, pack_rows, pack_vector, take, take_flags, take_vector,
};
use crate::cm::tables::Tables;
use crate::cm::{Knowledge, Params};
use crate::{interrupt, Result};
use std::sync::Arc;

/// Weight vectors that are kept, apart from the means.
const VECTORS: usize = 2200;
/// Vectors that were used less often are not.
const MIN_USES: u32 = 64;
/// Fractional bits that weights of layer 2 lose, to fit 16 bits.
const FINAL_SHIFT: u32 = 4;
/// The same of entries of maps in the stretch domain, to fit 8: steps of 1/16.
const ENTRY_SHIFT: u32 = 4;
/// Rows of all maps that are kept: those that saved most.
const MAP_ROWS: usize = 14_000;
/// Bits that counters and entries count as having seen: few, so that they are still quick to change.
const SEEN: u32 = 60;
/// Counters that saw fewer in training are not kept.
const MIN_SEEN: u32 = 16;
/// How often weight vectors count as used.
pub const USES: u16 = 300;

/// All of it, ready to be taken.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// Counters of bit histories and of votes; those that were never in use are zero.
    pub states: Vec<u32>,
    /// See `states`.
    pub votes: Vec<u32>,
    /// Layer 1 of the mixer.
    pub mixer: Arc<mixer::Start>,
    /// Weight vectors of layer 2.
    pub finals: Vec<Row>,
    /// The last step.
    pub last: Row,
    /// Rows of maps.
    pub maps: Vec<Arc<apm::Start>>,
    /// Memory of predictors that started from it.
    pub parts: Arc<Spare<Parts>>,
    /// Bytes that predictors leave in memory for the next ones, at most.
    pub kept_bytes: u64,
}

impl Learnt {
    /// Learns from samples, one after the other, and packs it.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory; [`crate::Error::Interrupted`].
    pub fn train<T: AsRef<[u8]>>(
        samples: &[T],
        params: &Params,
        known: Knowledge<'_>,
    ) -> Result<Vec<u8>> {
        let mut model = Strong::new(params, 0, known)?;
        let mut uses = vec![0; model.shared.mixer.vectors()];
        let mut done = 0;
        for sample in samples {
            let symbols = sample.as_ref();
            model = Strong::after(params, symbols.len(), known, &model)?;
            for &symbol in symbols {
                interrupt::check(done)?;
                done += 1;
                for bit in (0..8).rev() {
                    for &vector in model.shared.mixer.selected() {
                        uses[vector as usize] += 1;
                    }
                    model.update(u32::from(symbol >> bit & 1));
                }
            }
        }
        Ok(pack(&model, &uses))
    }

    /// Unpacks it for a predictor of this layout.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] when it is too short or too long.
    pub fn parse(bytes: &[u8], layout: &Layout, tables: &Tables) -> Result<Self> {
        let mut rest = bytes;
        let rest = &mut rest;
        let states = take_counters(rest, layout.states)?;
        let votes = take_counters(rest, layout.votes)?;
        let mut finals = Vec::new();
        for _ in 0..layout.finals.iter().sum() {
            finals.push(take_row(rest)?);
        }
        let last = take_row(rest)?;
        let mut means = Vec::new();
        for _ in &layout.sets {
            take_lines(rest, layout.lines, &mut means)?;
        }
        let count = layout.sets.iter().sum();
        let kept = take_flags(rest, count)?;
        let places = (0..count as u32).filter(|&i| flag(kept, i as usize));
        let places: Vec<_> = places.collect();
        let mut vectors = Vec::new();
        for _ in &places {
            take_lines(rest, layout.lines, &mut vectors)?;
        }
        let mut maps = Vec::new();
        for &rows in &layout.maps {
            let moved = take_flags(rest, rows)?;
            let mut map = Vec::new();
            for i in (0..rows).filter(|&i| flag(moved, i)) {
                let moved: [u8; BUCKETS] = take(rest)?;
                let entry = |at: usize| {
                    let by = i32::from(moved[at].cast_signed()) << ENTRY_SHIFT;
                    let p = tables.squash22(place(at) + by);
                    p.clamp(1, (1 << 22) - 1) << 10 | SEEN
                };
                map.push((i as u32, std::array::from_fn(entry)));
            }
            maps.push(apm::Start::new(&map, tables));
        }
        if rest.is_empty() {
            let mixer = mixer::Start::new(&layout.sets, &means, &places, &vectors);
            let cells: usize = layout
                .maps
                .iter()
                .map(|rows| rows * size_of::<MapRow>())
                .sum();
            Ok(Self {
                states,
                votes,
                kept_bytes: (KEPT * (mixer.bytes() + cells + Parts::BYTES)) as u64,
                parts: Arc::default(),
                mixer: Arc::new(mixer),
                finals,
                last,
                maps,
            })
        } else {
            Err(corrupt())
        }
    }
}

fn take_counters(rest: &mut &[u8], count: usize) -> Result<Vec<u32>> {
    let counter = |_| {
        let p = u32::from(u16::from_le_bytes(take(rest)?));
        Ok(if p == 0 { 0 } else { p << 16 | SEEN })
    };
    (0..count).map(counter).collect()
}

fn take_row(rest: &mut &[u8]) -> Result<Row> {
    let mut row = Row::default();
    for weight in &mut row.0 {
        *weight = i32::from(i16::from_le_bytes(take(rest)?)) << FINAL_SHIFT;
    }
    Ok(row)
}

fn take_lines(rest: &mut &[u8], lines: usize, vectors: &mut Vec<Line>) -> Result<()> {
    let weights = take_vector(rest, 32 * lines)?;
    vectors.extend(weights.as_chunks().0.iter().map(|&line| Line(line)));
    Ok(())
}

fn pack(model: &Strong<'_>, uses: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (states, votes) = model.shared.contexts.counters();
    for cell in states.iter().chain(votes) {
        // Zero stands for a counter that was hardly used.
        let used = cell & 1023 >= MIN_SEEN;
        let p = if used { (cell >> 16) as u16 } else { 0 };
        bytes.extend(p.to_le_bytes());
    }
    let narrow_row = |row: &Row, bytes: &mut Vec<u8>| {
        for weight in row.0 {
            let limits = (i32::from(i16::MIN), i32::from(i16::MAX));
            let weight = (weight >> FINAL_SHIFT).clamp(limits.0, limits.1);
            bytes.extend((weight as i16).to_le_bytes());
        }
    };
    for row in model.shared.mixer.finals() {
        narrow_row(row, &mut bytes);
    }
    narrow_row(model.shared.last.weights(), &mut bytes);
    let lines = model.shared.mixer.inputs.len();
    for range in model.shared.mixer.ranges() {
        let mean = mean(model, uses, range, lines);
        pack_vector(flat(&mean).iter().copied(), &mut bytes);
    }
    let mut order: Vec<usize> = (0..uses.len()).collect();
    order.sort_by_key(|&vector| std::cmp::Reverse(uses[vector]));
    let mut kept = vec![false; uses.len()];
    for &vector in order.iter().take(VECTORS) {
        kept[vector] = uses[vector] >= MIN_USES;
    }
    pack_flags(&kept, &mut bytes);
    for vector in (0..kept.len()).filter(|&vector| kept[vector]) {
        let weights = flat(model.shared.mixer.vector(vector));
        pack_vector(weights.iter().copied(), &mut bytes);
    }
    pack_maps(model, &mut bytes);
    bytes
}

/// Appends the rows of maps.
fn pack_maps(model: &Strong<'_>, bytes: &mut Vec<u8>) {
    let tables = &model.shared.tables;
    let neural = model
        .shared
        .neural
        .iter()
        .flat_map(super::neural::Neural::maps);
    let maps: Vec<_> = model.shared.maps.iter().chain(neural).collect();
    let start = apm::start(tables);
    let mut all: Vec<f32> = maps
        .iter()
        .flat_map(|map| map.rows())
        .map(|row| saved(&row, &start))
        .collect();
    all.sort_unstable_by(|a, b| b.total_cmp(a));
    let least = all.get(MAP_ROWS).copied().unwrap_or(0.0);
    for map in maps {
        let kept = |row: MapRow| -> Option<[i8; BUCKETS]> {
            let by = |at: usize| tables.stretch_ends(row[at] >> 10) - place(at);
            let steps = std::array::from_fn(|at| narrow(by(at), ENTRY_SHIFT));
            (saved(&row, &start) > least).then_some(steps)
        };
        let rows: Vec<_> = map.rows().map(kept).collect();
        pack_rows(&rows, bytes);
    }
}

/// About how many bits a row would have saved over one that returns its input, had it been as it is now.
#[allow(clippy::cast_precision_loss)] // which no coding path sees
fn saved(row: &MapRow, start: &MapRow) -> f32 {
    let p = |cell: u32| ((cell >> 10) as f32 + 0.5) / (1 << 22) as f32;
    let bits = |p: f32, q: f32| p * (p / q).log2() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).log2();
    row.iter()
        .zip(start)
        .map(|(&now, &before)| (now & 1023) as f32 * bits(p(now), p(before)))
        .sum()
}

/// The mean of the vectors of a set, each as often as it was used.
fn mean(
    model: &Strong<'_>,
    uses: &[u32],
    range: std::ops::Range<usize>,
    lines: usize,
) -> Vec<Line> {
    let mut sums = vec![0_i64; 32 * lines];
    let mut total = 0;
    for vector in range {
        let count = i64::from(uses[vector]);
        total += count;
        for (sum, &w) in sums.iter_mut().zip(flat(model.shared.mixer.vector(vector))) {
            *sum += count * i64::from(w);
        }
    }
    let mut mean = vec![Line::default(); lines];
    for (w, sum) in flat_mut(&mut mean).iter_mut().zip(sums) {
        *w = (sum / total.max(1)) as i16;
    }
    mean
}
