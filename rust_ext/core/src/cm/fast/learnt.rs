//! What the small part of a predictor has learnt: counters, weights, probability maps. With a prior, predictors start
//! from what was learnt while other text was coded from that prior.
//!
//! Packed, it has one of two layouts. The whole one, of predictors with one group of inputs: counters of 16 bits,
//! weights of the final mixer of 16 bits, and rows of weights and maps of 8 bits; of the rows only those that were in
//! use, which a bit each tells. The slim one has no maps, since those of other levels serve as well, and of the rows
//! those that were used most; the others start as the mean of their set.

use super::kernel::{Aligned, Line, INPUTS, LANES, SETS};
use super::mixer::{Pair, ENTRIES, LAST_CONTEXTS, LAST_START};
use super::predictor::{FIRST_SETS, ORDER1_MAP, ORDER2_MAP, ROWS, SECOND_SETS, WIDE_ROWS};
use super::Shape;
use crate::cm::memory::filled;
use crate::cm::packed::{
    corrupt, flag, narrow, pack_flags, pack_rows, pack_vector, take, take_flags, take_vector,
};
use crate::cm::tables::Tables;
use crate::Result;
use std::ops::Range;

/// Fractional bits of a weight that are dropped in the whole layout: steps of 1/128.
const WEIGHT_SHIFT: u32 = 7;
/// The same of a weight of the final mixer.
const LAST_SHIFT: u32 = 4;
/// The same of an entry of a map in the stretch domain: steps of 1/16.
const ENTRY_SHIFT: u32 = 4;
/// Rows of weights that were trained less often stay as they are at the start.
const MIN_VISITS: u16 = 8;
/// Bytes of the rows of weights of each mixer in the slim layout, at most.
const ROW_BYTES: usize = 96 << 10;
/// How often rows count as trained that are taken from the slim layout.
const VISITS: u16 = 16;

/// Rows of maps in which no entry has moved so many steps stay as they are at the start.
const MIN_STEPS: u8 = 6;

/// How it is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// With maps.
    Whole,
    /// Without.
    Slim,
}

impl Layout {
    /// Whether predictors of a shape can be packed so.
    #[must_use]
    pub fn fits(self, shape: Shape) -> bool {
        self == Self::Slim || shape.groups == 1
    }
}

/// Weights of a mixer.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Rows of the weight sets, each of as many lines as there are groups of inputs.
    pub rows: Vec<Line>,
    /// Which of them are to be taken.
    pub taken: Vec<bool>,
    /// How often they were trained, before they are packed.
    pub uses: Vec<u32>,
    /// How often they count as trained when they are taken.
    pub visits: u16,
    /// Rows of the final mixer.
    pub last: Vec<[i32; SETS]>,
}

impl Weights {
    fn new(rows: usize, groups: usize) -> Self {
        Self {
            rows: vec![Aligned([0; INPUTS]); rows * groups],
            taken: vec![false; rows],
            uses: vec![0; rows],
            visits: 0,
            last: vec![LAST_START; LAST_CONTEXTS],
        }
    }

    /// Its memory.
    const fn bytes(rows: usize, groups: usize) -> usize {
        rows * (groups * size_of::<Line>() + 5) + LAST_CONTEXTS * SETS * 4
    }
}

/// The two probability maps.
#[derive(Debug, Clone)]
pub struct Maps {
    /// By the last byte.
    pub order1: Box<[Pair; ORDER1_MAP / 2]>,
    /// By the last two.
    pub order2: Box<[Pair; ORDER2_MAP / 2]>,
}

impl Maps {
    const BYTES: usize = (ORDER1_MAP + ORDER2_MAP) * ENTRIES * 2;
}

/// All of it, as predictors hold it.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// The upper 16 bits of the probability of each lane and state.
    pub counters: Vec<[u16; 256]>,
    /// The mixer, and the second one where there are more groups of inputs than one.
    pub mixers: Vec<Weights>,
    /// The maps, in the whole layout.
    pub maps: Option<Maps>,
}

/// The mixers of predictors with so many groups: rows of each, and which of them are a set.
fn mixers(groups: usize) -> impl Iterator<Item = (usize, &'static [Range<usize>; SETS])> {
    let all = [(ROWS, &FIRST_SETS), (WIDE_ROWS, &SECOND_SETS)];
    all.into_iter().take(groups.min(2))
}

impl Learnt {
    /// Memory of what predictors of a shape have learnt.
    #[must_use]
    pub fn bytes(shape: Shape, layout: Layout) -> usize {
        let weights = mixers(shape.groups).map(|(rows, _)| Weights::bytes(rows, shape.groups));
        let maps = match layout {
            Layout::Whole => Maps::BYTES,
            Layout::Slim => 0,
        };
        shape.groups * LANES * 512 + weights.sum::<usize>() + maps
    }

    /// Nothing, in maps that return their input.
    #[must_use]
    pub fn new(shape: Shape, layout: Layout, tables: &Tables) -> Self {
        let weights = mixers(shape.groups).map(|(rows, _)| Weights::new(rows, shape.groups));
        let maps = || Maps {
            order1: filled(Aligned([start_row(tables); 2])),
            order2: filled(Aligned([start_row(tables); 2])),
        };
        Self {
            counters: vec![[0; 256]; shape.groups * LANES],
            mixers: weights.collect(),
            maps: (layout == Layout::Whole).then(maps),
        }
    }

    /// Packs it.
    #[must_use]
    pub fn to_bytes(&self, shape: Shape, tables: &Tables) -> Vec<u8> {
        match &self.maps {
            Some(maps) => self.whole(maps, tables),
            None => self.slim(shape),
        }
    }

    fn whole(&self, maps: &Maps, tables: &Tables) -> Vec<u8> {
        let mut bytes = Vec::new();
        for p in self.counters.as_flattened() {
            bytes.extend(p.to_le_bytes());
        }
        let [mixer] = &self.mixers[..] else {
            unreachable!("one group of inputs has one mixer")
        };
        for weight in mixer.last.as_flattened() {
            bytes.extend(narrow_last(*weight).to_le_bytes());
        }
        let rows: Vec<Option<[i8; INPUTS]>> = mixer
            .rows
            .iter()
            .zip(&mixer.taken)
            .map(|(row, taken)| taken.then(|| row.0.map(|w| narrow(i32::from(w), WEIGHT_SHIFT))))
            .collect();
        pack_rows(&rows, &mut bytes);
        let packed = |row: &[u16; ENTRIES]| {
            row.map(|entry| narrow(tables.stretch22(u32::from(entry) << 6), ENTRY_SHIFT))
        };
        let start = packed(&start_row(tables));
        let moved = |packed: &[i8; ENTRIES]| {
            let steps = packed.iter().zip(start).map(|(a, b)| a.abs_diff(b));
            steps.max() >= Some(MIN_STEPS)
        };
        let changed = |row| Some(packed(row)).filter(moved);
        for pairs in [&maps.order1[..], &maps.order2[..]] {
            let rows: Vec<_> = pairs
                .iter()
                .flat_map(|pair| pair.0.each_ref().map(changed))
                .collect();
            pack_rows(&rows, &mut bytes);
        }
        bytes
    }

    fn slim(&self, shape: Shape) -> Vec<u8> {
        let mut bytes = Vec::new();
        for p in self.counters[..shape.cells].as_flattened() {
            bytes.extend(p.to_le_bytes());
        }
        for (mixer, (_, sets)) in self.mixers.iter().zip(mixers(shape.groups)) {
            let rows = mixer.last.iter().map(|row| row.map(narrow_last));
            let rows: Vec<_> = rows.collect();
            let moved: Vec<bool> = rows
                .iter()
                .map(|row| *row != LAST_START.map(narrow_last))
                .collect();
            pack_flags(&moved, &mut bytes);
            for row in rows.iter().zip(&moved).filter(|(_, &moved)| moved) {
                bytes.extend(row.0.iter().flat_map(|weight| weight.to_le_bytes()));
            }
            for set in sets {
                let mean = mean(mixer, set.clone(), shape.groups);
                pack_vector(mean.iter().copied(), &mut bytes);
            }
            let mut order: Vec<usize> = (0..mixer.uses.len()).collect();
            order.sort_by_key(|&row| std::cmp::Reverse(mixer.uses[row]));
            let mut kept = vec![false; mixer.uses.len()];
            for &row in order.iter().take(ROW_BYTES / (shape.groups * INPUTS + 1)) {
                kept[row] = mixer.uses[row] >= u32::from(MIN_VISITS);
            }
            pack_flags(&kept, &mut bytes);
            for row in (0..kept.len()).filter(|&row| kept[row]) {
                pack_vector(weights_of(mixer, row, shape.groups), &mut bytes);
            }
        }
        bytes
    }

    /// Unpacks what [`Self::to_bytes`] returned.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] when it is too short or too long.
    pub fn parse(bytes: &[u8], shape: Shape, layout: Layout, tables: &Tables) -> Result<Self> {
        let mut rest = bytes;
        let mut learnt = Self::new(shape, layout, tables);
        let read = match layout {
            Layout::Whole => learnt.take_whole(&mut rest, tables),
            Layout::Slim => learnt.take_slim(&mut rest, shape),
        };
        read?;
        if rest.is_empty() {
            Ok(learnt)
        } else {
            Err(corrupt())
        }
    }

    fn take_whole(&mut self, rest: &mut &[u8], tables: &Tables) -> Result<()> {
        for p in self.counters.as_flattened_mut() {
            *p = u16::from_le_bytes(take(rest)?);
        }
        for mixer in &mut self.mixers {
            for weight in mixer.last.as_flattened_mut() {
                *weight = wide_last(take(rest)?);
            }
            let taken = take_flags(rest, ROWS)?;
            for (i, row) in mixer.rows.iter_mut().enumerate() {
                mixer.taken[i] = flag(taken, i);
                if mixer.taken[i] {
                    let packed: [u8; INPUTS] = take(rest)?;
                    row.0 = packed.map(|w| i16::from(w as i8) << WEIGHT_SHIFT);
                }
            }
        }
        let Some(maps) = &mut self.maps else {
            return Ok(());
        };
        for pairs in [&mut maps.order1[..], &mut maps.order2[..]] {
            let changed = take_flags(rest, 2 * pairs.len())?;
            for (i, row) in pairs.iter_mut().flat_map(|pair| &mut pair.0).enumerate() {
                if flag(changed, i) {
                    let packed: [u8; ENTRIES] = take(rest)?;
                    *row = packed.map(|entry| {
                        let stretched = i32::from(entry as i8) << ENTRY_SHIFT;
                        (tables.squash22(stretched) >> 6).min(65535) as u16
                    });
                }
            }
        }
        Ok(())
    }

    fn take_slim(&mut self, rest: &mut &[u8], shape: Shape) -> Result<()> {
        for p in self.counters[..shape.cells].as_flattened_mut() {
            *p = u16::from_le_bytes(take(rest)?);
        }
        for (mixer, (rows, sets)) in self.mixers.iter_mut().zip(mixers(shape.groups)) {
            let moved = take_flags(rest, LAST_CONTEXTS)?;
            for (i, row) in mixer.last.iter_mut().enumerate() {
                if flag(moved, i) {
                    for weight in row {
                        *weight = wide_last(take(rest)?);
                    }
                }
            }
            mixer.taken.fill(true);
            mixer.visits = VISITS;
            let lines = |row: Range<usize>| row.start * shape.groups..row.end * shape.groups;
            for set in sets {
                let mean: Vec<Line> = take_lines(rest, shape.groups)?;
                for row in mixer.rows[lines(set.clone())].chunks_exact_mut(shape.groups) {
                    row.copy_from_slice(&mean);
                }
            }
            let kept = take_flags(rest, rows)?;
            for i in (0..rows).filter(|&i| flag(kept, i)) {
                let row = take_lines(rest, shape.groups)?;
                mixer.rows[lines(i..i + 1)].copy_from_slice(&row);
            }
        }
        Ok(())
    }

    /// Checks that bytes can be unpacked.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn check(bytes: &[u8], shape: Shape, layout: Layout) -> Result<()> {
        let mut rest = bytes;
        let mut skip = |count: usize| {
            let (skipped, others) = rest.split_at_checked(count).ok_or_else(corrupt)?;
            rest = others;
            Ok::<_, crate::Error>(skipped)
        };
        let set = |flags: &[u8]| flags.iter().map(|flags| flags.count_ones() as usize).sum();
        if layout == Layout::Whole {
            skip(LANES * 512 + LAST_CONTEXTS * SETS * 2)?;
            for (rows, width) in [(ROWS, INPUTS), (ORDER1_MAP, ENTRIES), (ORDER2_MAP, ENTRIES)] {
                let there: usize = set(skip(rows / 8)?);
                skip(there * width)?;
            }
        } else {
            let width = shape.groups * INPUTS + 1;
            skip(shape.cells * 512)?;
            for (rows, _) in mixers(shape.groups) {
                let moved: usize = set(skip(LAST_CONTEXTS / 8)?);
                skip(moved * SETS * 2 + SETS * width)?;
                let kept: usize = set(skip(rows / 8)?);
                skip(kept * width)?;
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(corrupt())
        }
    }

    /// Whether a row of weights that was trained so often is to be taken.
    #[must_use]
    pub fn counts(visits: u16) -> bool {
        visits >= MIN_VISITS
    }
}

fn narrow_last(weight: i32) -> i16 {
    (weight >> LAST_SHIFT).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

fn wide_last(packed: [u8; 2]) -> i32 {
    i32::from(i16::from_le_bytes(packed)) << LAST_SHIFT
}

fn take_lines(rest: &mut &[u8], groups: usize) -> Result<Vec<Line>> {
    let weights = take_vector(rest, groups * INPUTS)?;
    let lines = weights.as_chunks().0;
    Ok(lines.iter().map(|&line| Aligned(line)).collect())
}

fn weights_of(
    mixer: &Weights,
    row: usize,
    groups: usize,
) -> impl Iterator<Item = i16> + Clone + use<'_> {
    let lines = &mixer.rows[row * groups..(row + 1) * groups];
    lines.iter().flat_map(|line| line.0)
}

/// The mean of the rows of a set, each as often as it was trained.
fn mean(mixer: &Weights, set: Range<usize>, groups: usize) -> Vec<i16> {
    let mut sums = vec![0_i64; groups * INPUTS];
    let mut total = 0;
    for row in set {
        let count = i64::from(mixer.uses[row]);
        total += count;
        for (sum, w) in sums.iter_mut().zip(weights_of(mixer, row, groups)) {
            *sum += count * i64::from(w);
        }
    }
    sums.iter().map(|sum| (sum / total.max(1)) as i16).collect()
}

/// A row of a map that returns its input.
#[must_use]
pub fn start_row(tables: &Tables) -> [u16; ENTRIES] {
    std::array::from_fn(|j| {
        let d = (j as i32 * 4096 + 15) / (ENTRIES as i32 - 1) - 2048;
        (tables.squash22(d) >> 6).min(65535) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(level: u32) -> Shape {
        Shape::of(level).unwrap()
    }

    fn whole(tables: &Tables) -> Learnt {
        let mut learnt = Learnt::new(shape(5), Layout::Whole, tables);
        learnt.counters[3][7] = 0x1234;
        let mixer = &mut learnt.mixers[0];
        mixer.last[5] = [1 << 14, -(1 << 18), 0, 160];
        mixer.rows[9].0[4] = 300;
        mixer.rows[10].0[4] = i16::MIN;
        mixer.taken[9] = true;
        let maps = learnt.maps.as_mut().unwrap();
        maps.order1[70].0[1] = [40_000; ENTRIES];
        maps.order2[8].0[0][2] = 60_000;
        learnt
    }

    fn slim(level: u32, tables: &Tables) -> Learnt {
        let shape = shape(level);
        let mut learnt = Learnt::new(shape, Layout::Slim, tables);
        learnt.counters[shape.cells - 1][7] = 0x1234;
        for mixer in &mut learnt.mixers {
            mixer.last[5] = [1 << 14, -(1 << 18), 0, 160];
            for (row, uses, weight) in [(9, 10_000, 320), (10, 2, 900)] {
                mixer.rows[(row + 1) * shape.groups - 1].0[4] = weight;
                mixer.uses[row] = uses;
            }
        }
        learnt
    }

    #[test]
    fn what_is_packed_is_read_back() {
        let tables = Tables::new();
        let (shape, layout) = (shape(5), Layout::Whole);
        let bytes = whole(&tables).to_bytes(shape, &tables);
        Learnt::check(&bytes, shape, layout).unwrap();
        let learnt = Learnt::parse(&bytes, shape, layout, &tables).unwrap();
        assert_eq!(learnt.counters[3][7], 0x1234);
        let mixer = &learnt.mixers[0];
        assert_eq!(mixer.last[5], [1 << 14, -(1 << 18), 0, 160]);
        assert!(mixer.taken[9] && !mixer.taken[10]);
        assert_eq!(mixer.rows[9].0[4], 256);
        let maps = learnt.maps.as_ref().unwrap();
        let entry = i32::from(maps.order1[70].0[1][5]);
        assert!((entry - 40_000).abs() < 600, "{entry}");
        assert_eq!(maps.order1[70].0[0], start_row(&tables));
        assert_eq!(learnt.to_bytes(shape, &tables), bytes);
    }

    #[test]
    fn what_is_slim_has_means() {
        let tables = Tables::new();
        for level in 3..9 {
            let (shape, layout) = (shape(level), Layout::Slim);
            let bytes = slim(level, &tables).to_bytes(shape, &tables);
            assert!(bytes.len() <= shape.cells * 512 + 5000, "{}", bytes.len());
            Learnt::check(&bytes, shape, layout).unwrap();
            let learnt = Learnt::parse(&bytes, shape, layout, &tables).unwrap();
            assert_eq!(learnt.counters[shape.cells - 1][7], 0x1234);
            assert_eq!(learnt.mixers.len(), shape.groups.min(2));
            for mixer in &learnt.mixers {
                assert_eq!(mixer.last[5], [1 << 14, -(1 << 18), 0, 160]);
                assert_eq!(mixer.last[6], LAST_START);
                assert!(mixer.taken.iter().all(|&taken| taken));
                // What was hardly used is as the mean of the set, which the other row makes.
                let weight = |row: usize| mixer.rows[(row + 1) * shape.groups - 1].0[4];
                assert_eq!([9, 10, 11, 4000].map(weight), [320, 320, 320, 0]);
            }
        }
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused() {
        let tables = Tables::new();
        let slim = |level| (level, Layout::Slim, slim(level, &tables));
        for (level, layout, learnt) in [
            (5, Layout::Whole, whole(&tables)),
            slim(3),
            slim(7),
            slim(8),
        ] {
            let shape = shape(level);
            let bytes = learnt.to_bytes(shape, &tables);
            for length in (0..bytes.len()).step_by(97) {
                let short = &bytes[..length];
                assert!(Learnt::check(short, shape, layout).is_err(), "{length}");
                assert!(Learnt::parse(short, shape, layout, &tables).is_err());
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(Learnt::check(&longer, shape, layout).is_err());
            assert!(Learnt::parse(&longer, shape, layout, &tables).is_err());
        }
    }
}
