//! What the small part of a predictor has learnt: counters, weights, probability maps. With a prior, predictors start
//! from what was learnt while other text was coded from that prior.
//!
//! Packed, it is counters of 16 bits, weights of the final mixer of 16 bits, and rows of weights and maps of 8 bits; of
//! the rows only those that were in use, which a bit each tells.

use super::kernel::{Aligned, Line, INPUTS, LANES, SETS};
use super::mixer::{Pair, ENTRIES, LAST_CONTEXTS};
use super::predictor::{ORDER1_MAP, ORDER2_MAP, ROWS};
use crate::cm::memory::filled;
use crate::cm::packed::{corrupt, flag, narrow, pack_rows, take, take_flags};
use crate::cm::tables::Tables;
use crate::Result;

/// Fractional bits of a weight that are dropped: steps of 1/128.
const WEIGHT_SHIFT: u32 = 7;
/// The same of a weight of the final mixer.
const LAST_SHIFT: u32 = 4;
/// The same of an entry of a map in the stretch domain: steps of 1/16.
const ENTRY_SHIFT: u32 = 4;
/// Rows of weights that were trained less often stay as they are at the start.
const MIN_VISITS: u16 = 8;

/// Rows of maps in which no entry has moved so many steps stay as they are at the start.
const MIN_STEPS: u8 = 6;

/// All of it, as predictors hold it.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// The upper 16 bits of the probability of each lane and state.
    pub counters: Box<[[u16; 256]; LANES]>,
    /// Rows of the weight sets.
    pub rows: Box<[Line; ROWS]>,
    /// Which of them are to be taken.
    pub trained: Box<[bool; ROWS]>,
    /// Rows of the final mixer.
    pub last: Box<[[i32; SETS]; LAST_CONTEXTS]>,
    /// The two probability maps.
    pub order1_map: Box<[Pair; ORDER1_MAP / 2]>,
    /// See `order1_map`.
    pub order2_map: Box<[Pair; ORDER2_MAP / 2]>,
}

impl Learnt {
    /// Its memory.
    pub const BYTES: usize = LANES * 512
        + ROWS * (size_of::<Line>() + 1)
        + LAST_CONTEXTS * SETS * 4
        + (ORDER1_MAP + ORDER2_MAP) * ENTRIES * 2;

    /// Nothing, in maps that return their input.
    #[must_use]
    pub fn new(tables: &Tables) -> Self {
        Self {
            counters: filled([0; 256]),
            rows: filled(Aligned([0; INPUTS])),
            trained: filled(false),
            last: filled([0; SETS]),
            order1_map: filled(Aligned([start_row(tables); 2])),
            order2_map: filled(Aligned([start_row(tables); 2])),
        }
    }

    /// Packs it.
    #[must_use]
    pub fn to_bytes(&self, tables: &Tables) -> Vec<u8> {
        let mut bytes = Vec::new();
        for p in self.counters.as_flattened() {
            bytes.extend(p.to_le_bytes());
        }
        for weight in self.last.as_flattened() {
            let weight = (weight >> LAST_SHIFT).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
            bytes.extend((weight as i16).to_le_bytes());
        }
        let rows: Vec<Option<[i8; INPUTS]>> = self
            .rows
            .iter()
            .zip(&self.trained[..])
            .map(|(row, trained)| {
                trained.then(|| row.0.map(|w| narrow(i32::from(w), WEIGHT_SHIFT)))
            })
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
        for pairs in [&self.order1_map[..], &self.order2_map[..]] {
            let rows: Vec<_> = pairs
                .iter()
                .flat_map(|pair| pair.0.each_ref().map(changed))
                .collect();
            pack_rows(&rows, &mut bytes);
        }
        bytes
    }

    /// Unpacks what [`Self::to_bytes`] returned.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] when it is too short or too long.
    pub fn parse(bytes: &[u8], tables: &Tables) -> Result<Self> {
        let mut rest = bytes;
        let mut learnt = Self::new(tables);
        for p in learnt.counters.as_flattened_mut() {
            *p = u16::from_le_bytes(take(&mut rest)?);
        }
        for weight in learnt.last.as_flattened_mut() {
            *weight = i32::from(i16::from_le_bytes(take(&mut rest)?)) << LAST_SHIFT;
        }
        let trained = take_flags(&mut rest, ROWS)?;
        for (i, row) in learnt.rows.iter_mut().enumerate() {
            learnt.trained[i] = flag(trained, i);
            if learnt.trained[i] {
                let packed: [u8; INPUTS] = take(&mut rest)?;
                row.0 = packed.map(|w| i16::from(w as i8) << WEIGHT_SHIFT);
            }
        }
        for pairs in [&mut learnt.order1_map[..], &mut learnt.order2_map[..]] {
            let changed = take_flags(&mut rest, 2 * pairs.len())?;
            for (i, row) in pairs.iter_mut().flat_map(|pair| &mut pair.0).enumerate() {
                if flag(changed, i) {
                    let packed: [u8; ENTRIES] = take(&mut rest)?;
                    *row = packed.map(|entry| {
                        let stretched = i32::from(entry as i8) << ENTRY_SHIFT;
                        (tables.squash22(stretched) >> 6).min(65535) as u16
                    });
                }
            }
        }
        if rest.is_empty() {
            Ok(learnt)
        } else {
            Err(corrupt())
        }
    }

    /// Checks that bytes can be unpacked.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn check(bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        let mut skip = |count: usize| {
            let (skipped, others) = rest.split_at_checked(count).ok_or_else(corrupt)?;
            rest = others;
            Ok(skipped)
        };
        skip(LANES * 256 * 2 + LAST_CONTEXTS * SETS * 2)?;
        for (rows, width) in [(ROWS, INPUTS), (ORDER1_MAP, ENTRIES), (ORDER2_MAP, ENTRIES)] {
            let flags = skip(rows / 8)?;
            let set: u32 = flags.iter().map(|flags| flags.count_ones()).sum();
            skip(set as usize * width)?;
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

    fn some(tables: &Tables) -> Learnt {
        let mut learnt = Learnt::new(tables);
        learnt.counters[3][7] = 0x1234;
        learnt.last[5] = [1 << 14, -(1 << 18), 0, 160];
        learnt.rows[9].0[4] = 300;
        learnt.rows[10].0[4] = i16::MIN;
        learnt.trained[9] = true;
        learnt.order1_map[70].0[1] = [40_000; ENTRIES];
        learnt.order2_map[8].0[0][2] = 60_000;
        learnt
    }

    #[test]
    fn what_is_packed_is_read_back() {
        let tables = Tables::new();
        let bytes = some(&tables).to_bytes(&tables);
        Learnt::check(&bytes).unwrap();
        let learnt = Learnt::parse(&bytes, &tables).unwrap();
        assert_eq!(learnt.counters[3][7], 0x1234);
        assert_eq!(learnt.last[5], [1 << 14, -(1 << 18), 0, 160]);
        assert!(learnt.trained[9] && !learnt.trained[10]);
        assert_eq!(learnt.rows[9].0[4], 256);
        let entry = i32::from(learnt.order1_map[70].0[1][5]);
        assert!((entry - 40_000).abs() < 600, "{entry}");
        assert_eq!(learnt.order1_map[70].0[0], start_row(&tables));
        assert_eq!(learnt.to_bytes(&tables), bytes);
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused() {
        let tables = Tables::new();
        let bytes = some(&tables).to_bytes(&tables);
        for length in (0..bytes.len()).step_by(97) {
            assert!(Learnt::check(&bytes[..length]).is_err(), "{length}");
            assert!(
                Learnt::parse(&bytes[..length], &tables).is_err(),
                "{length}"
            );
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Learnt::check(&longer).is_err());
        assert!(Learnt::parse(&longer, &tables).is_err());
    }
}
