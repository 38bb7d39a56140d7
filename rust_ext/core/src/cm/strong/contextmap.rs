//! Hashed contexts: bit histories, byte histories and the mixer inputs made of them.
//!
//! A context owns up to three groups of nodes for each byte: bits 0-1, bits 2-4 and bits 5-7. A group is seven
//! bytes in a bucket of one cache line: seven 16-bit checks, then seven groups. The first group needs only three
//! bit histories; its other four bytes hold the byte history: run length and the last three distinct bytes.
//! While a context has been seen less than three times the later groups are not stored but rebuilt from the
//! byte history, so a context that never comes back costs nine bytes and one cache line.
//!
//! Source: the slot layout follows the idea of paq8's nibble-based context maps (Mahoney 2007), with byte
//! history inputs as in paq8px; layout of the lines, states, statistics and inputs are this project's own.

mod inputs;
mod parts;

use super::primed;
use super::states::StateTable;
use crate::cm::primed::Primed;
use crate::memory::Memory;
use crate::Result;
use parts::Cells;
pub use parts::Parts;

const BUCKET_BYTES: usize = 64;
const WAYS: usize = 7;
/// Bytes of a group.
pub const GROUP_BYTES: usize = 7;
pub const STATE_CELLS: usize = 256;
pub const VOTE_CELLS: usize = 16 * 32;
/// Largest number of contexts.
pub const MAX: usize = 64;
/// Contexts are padded to whole vectors of this many.
const LANES: usize = 8;

/// How many lanes some contexts take.
#[must_use]
pub fn padded(contexts: usize) -> usize {
    contexts.div_ceil(LANES) * LANES
}

/// What the contexts look at during a byte: one entry per context in every array, so that loops vectorize.
#[derive(Debug)]
#[repr(align(64))]
struct Lanes {
    base: [u32; MAX],
    /// Offsets in the table: first group, current group, current node.
    first: [u32; MAX],
    group: [u32; MAX],
    node: [u32; MAX],
    /// Cells that made the last inputs.
    state_cell: [u32; MAX],
    vote_cell: [u32; MAX],
    vote_at: [u16; MAX],
    /// Stretched probabilities of the state cells.
    state_input: [i16; MAX],
    check: [u16; MAX],
    state: [u8; MAX],
    /// The later groups are rebuilt from the byte history.
    deferred: [bool; MAX],
    /// The last three distinct bytes; all bits set in `agrees` while one of them is possible.
    bytes: [[u8; MAX]; 3],
    agrees: [[u8; MAX]; 3],
}

/// Where the contexts of the next byte of a lane are in the table.
#[derive(Debug, Clone)]
pub struct Buckets {
    base: [u32; MAX],
    check: [u16; MAX],
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            base: [0; MAX],
            check: [0; MAX],
        }
    }
}

/// A set of contexts that share one hash table.
#[derive(Debug)]
pub struct ContextMap {
    count: usize,
    table: Memory<u8>,
    bucket_mask: u32,
    lanes: Box<Lanes>,
    /// Statistics by bit history, and by class of bit history and votes of the byte history.
    state_cells: Cells<STATE_CELLS>,
    vote_cells: Cells<VOTE_CELLS>,
    /// How many contexts, from the first, have the votes of their byte histories as an input.
    polled: usize,
    /// Which kind of context of a prior each context is.
    known_as: [Option<usize>; MAX],
    /// A further input for each context: how far the probability is from one half.
    confidence: bool,
    random: u32,
    limit: u32,
    vote_limit: u32,
}

/// The last three bytes, oldest first, in the byte history of a context that was seen as often.
fn three_bytes([run, newest, second, third]: [u8; 4]) -> [u8; 3] {
    match run {
        1 => [third, second, newest],
        2 => [second, newest, newest],
        _ => [newest; 3],
    }
}

impl ContextMap {
    /// Creates `count` contexts with `1 << log2_bytes` bytes of history, perhaps in the memory of others of the same
    /// sizes.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(
        count: usize,
        log2_bytes: u32,
        polled: usize,
        confidence: bool,
        states: &StateTable,
        parts: Option<Parts>,
    ) -> Result<Self> {
        let buckets = 1_usize << (log2_bytes - 6);
        let count = count.min(MAX);
        let polled = polled.min(count);
        let padded = count.div_ceil(LANES) * LANES;
        let row = states.counts.map(|[n0, n1]| {
            let (n0, n1) = (u32::from(n0), u32::from(n1));
            (((2 * n1 + 1) << 20) / (n0 + n1 + 1) * 2).min((1 << 22) - 1) << 10 | 4
        });
        let parts = match parts {
            Some(parts) => parts.renewed(&row, (count, polled)),
            None => Parts::new(buckets * BUCKET_BYTES + padded * 8, &row)?,
        };
        Ok(Self {
            count,
            table: parts.table,
            bucket_mask: (buckets - 1) as u32,
            lanes: Box::new(Lanes {
                base: [0; MAX],
                first: [0; MAX],
                group: [0; MAX],
                node: [0; MAX],
                state_cell: [0; MAX],
                vote_cell: [0; MAX],
                vote_at: [0; MAX],
                state_input: [0; MAX],
                check: [0; MAX],
                state: [0; MAX],
                deferred: [false; MAX],
                bytes: [[0; MAX]; 3],
                agrees: [[0; MAX]; 3],
            }),
            state_cells: parts.state_cells,
            vote_cells: parts.vote_cells,
            confidence,
            polled,
            known_as: [None; MAX],
            random: 0x9E37_79B9,
            limit: 400,
            vote_limit: 255,
        })
    }

    /// Says which kind of context of a prior each context is.
    pub fn know(&mut self, known_as: impl Iterator<Item = Option<usize>>) {
        for (to, known_as) in self.known_as.iter_mut().zip(known_as) {
            *to = known_as;
        }
    }

    /// Counters by bit history, and those of votes, of all contexts in use.
    #[must_use]
    pub fn counters(&self) -> (&[u32], &[u32]) {
        (
            self.state_cells[..self.count].as_flattened(),
            self.vote_cells[..self.polled].as_flattened(),
        )
    }

    /// Takes counters that were learnt elsewhere: those that are not zero.
    pub fn take(&mut self, states: &[u32], votes: &[u32]) {
        let own = [
            self.state_cells[..self.count].as_flattened_mut(),
            self.vote_cells[..self.polled].as_flattened_mut(),
        ];
        for (own, learnt) in own.into_iter().zip([states, votes]) {
            for (own, &learnt) in own.iter_mut().zip(learnt) {
                if learnt != 0 {
                    *own = learnt;
                }
            }
        }
    }

    /// Number of mixer inputs, with padding.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.stride() * if self.confidence { 3 } else { 2 } + self.polled
    }

    /// Number of contexts with padding: the stride of the inputs.
    #[must_use]
    pub fn stride(&self) -> usize {
        padded(self.count)
    }

    /// Scratch group of context `i`, behind the buckets.
    fn scratch(&self, i: usize) -> usize {
        (self.bucket_mask as usize + 1) * BUCKET_BYTES + i * 8
    }

    /// Finds or makes the group of `check` in a bucket; returns its offset in the table, and whether it is new.
    #[inline(always)]
    fn find(table: &mut [u8], bucket: u32, check: u16, states: &StateTable) -> (u32, bool) {
        let start = bucket as usize * BUCKET_BYTES;
        let line: &mut [u8; BUCKET_BYTES] = (&mut table[start..start + BUCKET_BYTES])
            .try_into()
            .expect("a whole bucket");
        let hit = super::simd::matching_ways(line, check);
        let way = if hit != 0 {
            hit.trailing_zeros() as usize
        } else {
            let mut victim = 0;
            let mut lowest = u32::MAX;
            for way in 0..WAYS {
                let total = states.total(line[2 * WAYS + GROUP_BYTES * way]);
                if total < lowest {
                    lowest = total;
                    victim = way;
                }
            }
            line[2 * victim..2 * victim + 2].copy_from_slice(&check.to_le_bytes());
            line[2 * WAYS + GROUP_BYTES * victim..][..GROUP_BYTES].fill(0);
            victim
        };
        let at = start + 2 * WAYS + GROUP_BYTES * way;
        (at as u32, hit == 0)
    }

    /// Adds three bits to the seven histories of a group.
    fn replay(group: &mut [u8], bits: u32, states: &StateTable, random: u32) {
        let (a, b, c) = ((bits >> 2) & 1, (bits >> 1) & 1, bits & 1);
        group[0] = states.next(group[0], a, random);
        let second = 1 + a as usize;
        group[second] = states.next(group[second], b, random);
        let third = 3 + ((bits >> 1) & 3) as usize;
        group[third] = states.next(group[third], c, random);
    }

    /// Buckets of the second and third group: in the same page as the first.
    #[inline(always)]
    fn later_bucket(base: u32, partial: u32) -> u32 {
        // partial is 4..8 after two bits, 32..64 after five
        base ^ if partial < 8 {
            ((partial & 3) + 1) << 1
        } else {
            (partial & 31) << 1 | 1
        }
    }

    /// Sets contexts of the next byte of a lane, from one on, and asks for their cache lines.
    #[inline(always)]
    pub fn set(&self, buckets: &mut Buckets, first: usize, hashes: impl Iterator<Item = u64>) {
        for (i, hash) in (first..self.count.min(MAX)).zip(hashes) {
            let h = (hash ^ (i as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let h = (h ^ (h >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            buckets.base[i] = (h >> 34) as u32 & self.bucket_mask;
            buckets.check[i] = (h & 0xFFFF) as u16;
            super::simd::prefetch(self.table.get(), buckets.base[i] as usize * BUCKET_BYTES);
        }
    }

    /// Looks the contexts of the next byte up; new ones start from a prior where there is one.
    #[inline(always)]
    pub fn start_byte(
        &mut self,
        buckets: &Buckets,
        states: &StateTable,
        primed: &mut Option<Primed<'_>>,
    ) {
        self.lanes.base = buckets.base;
        self.lanes.check = buckets.check;
        // Contexts whose later groups are to be stored from now on, a bit each: their cache lines come meanwhile.
        let mut grown = 0_u64;
        let table = self.table.values();
        for i in 0..self.count.min(MAX) {
            let lanes = &mut *self.lanes;
            let (first, new) = Self::find(table, lanes.base[i], lanes.check[i], states);
            let at = first as usize;
            if new {
                primed::fill(primed, self.known_as[i], 1, &mut table[at..]);
            }
            let info: [u8; GROUP_BYTES] =
                table[at..at + GROUP_BYTES].try_into().expect("seven bytes");
            let seen = states.total(info[0]);
            lanes.first[i] = first;
            lanes.group[i] = first;
            lanes.deferred[i] = seen < 3;
            if i < self.polled {
                let possible = |yes: bool| u8::from(yes).wrapping_neg();
                lanes.agrees[0][i] = possible(seen >= 1);
                lanes.agrees[1][i] = possible(seen >= 2 && info[5] != info[4]);
                lanes.agrees[2][i] = possible(seen >= 3 && info[6] != info[5]);
                for k in 0..3 {
                    lanes.bytes[k][i] = info[4 + k];
                }
            }
            if seen == 3 {
                grown |= 1 << i;
                let info = [info[3], info[4], info[5], info[6]];
                for byte in three_bytes(info) {
                    for shift in [6, 3] {
                        let partial = (u32::from(byte) | 256) >> shift;
                        let bucket = Self::later_bucket(lanes.base[i], partial) & self.bucket_mask;
                        super::simd::prefetch(table, bucket as usize * BUCKET_BYTES);
                    }
                }
            }
        }
        while grown != 0 {
            let i = grown.trailing_zeros() as usize;
            grown &= grown - 1;
            self.store_deferred(i, self.lanes.first[i], states);
        }
    }

    /// Writes the two later groups of the three bytes that were seen while deferred.
    #[inline(never)]
    fn store_deferred(&mut self, i: usize, first: u32, states: &StateTable) {
        let (base, check) = (self.lanes.base[i], self.lanes.check[i]);
        let table = self.table.values();
        let info = first as usize + 3;
        let info = [
            table[info],
            table[info + 1],
            table[info + 2],
            table[info + 3],
        ];
        for byte in three_bytes(info) {
            let partial = u32::from(byte) | 256;
            for (shift, rest) in [(6, 3), (3, 0)] {
                let bucket = Self::later_bucket(base, partial >> shift) & self.bucket_mask;
                let group = Self::find(table, bucket, check, states).0 as usize;
                Self::replay(
                    &mut table[group..group + GROUP_BYTES],
                    partial >> rest,
                    states,
                    0,
                );
            }
        }
    }

    /// Moves all contexts to their next group, if two or five bits of the byte are known.
    #[inline(always)]
    pub fn regroup(
        &mut self,
        bit_position: u32,
        partial: u32,
        states: &StateTable,
        primed: &mut Option<Primed<'_>>,
    ) {
        if bit_position != 2 && bit_position != 5 {
            return;
        }
        let n = self.count.min(MAX);
        self.foresee(partial);
        for i in 0..n {
            self.lanes.group[i] = if self.lanes.deferred[i] {
                self.rebuild(i, bit_position, partial, states)
            } else {
                let bucket = Self::later_bucket(self.lanes.base[i], partial) & self.bucket_mask;
                let table = self.table.values();
                let (group, new) = Self::find(table, bucket, self.lanes.check[i], states);
                if new {
                    primed::fill(
                        primed,
                        self.known_as[i],
                        partial,
                        &mut table[group as usize..],
                    );
                }
                group
            };
        }
    }

    /// Asks for the cache lines of the groups that follow if the next bit makes it `partial`.
    #[inline(always)]
    pub fn foresee(&self, partial: u32) {
        let table = self.table.get();
        for i in 0..self.count.min(MAX) {
            if !self.lanes.deferred[i] {
                let bucket = Self::later_bucket(self.lanes.base[i], partial) & self.bucket_mask;
                super::simd::prefetch(table, bucket as usize * BUCKET_BYTES);
            }
        }
    }

    #[inline(always)]
    fn rebuild(&mut self, i: usize, bit_position: u32, partial: u32, states: &StateTable) -> u32 {
        let scratch = self.scratch(i);
        let table = self.table.values();
        table[scratch..scratch + 8].fill(0);
        let first = self.lanes.first[i] as usize;
        // The history of this byte's first bit was already advanced: it has seen one more. It may also be empty,
        // if another context has just taken the group.
        let seen = states.total(table[first]).saturating_sub(1);
        if seen == 0 {
            return scratch as u32;
        }
        let (newest, older) = (table[first + 4], table[first + 5]);
        let (run, shift) = (table[first + 3], 8 - bit_position);
        let group = &mut table[scratch..scratch + GROUP_BYTES];
        let older = if run >= 2 { newest } else { older };
        let prefix = partial & ((1 << bit_position) - 1);
        if seen >= 2 && u32::from(older) >> shift == prefix {
            Self::replay(group, u32::from(older) >> (shift - 3), states, 0);
        }
        if u32::from(newest) >> shift == prefix {
            Self::replay(group, u32::from(newest) >> (shift - 3), states, 0);
        }
        scratch as u32
    }

    /// Learns a whole byte: updates the byte histories. Call before the next [`Self::start_byte`].
    #[inline(always)]
    pub fn end_byte(&mut self, byte: u8, states: &StateTable) {
        let table = self.table.values();
        for &first in &self.lanes.first[..self.count] {
            let at = first as usize;
            // The first bit's history has seen this byte already.
            let seen = states.total(table[at]);
            let info: &mut [u8; 4] = (&mut table[at + 3..at + 7]).try_into().expect("four bytes");
            *info = if seen <= 1 {
                [1, byte, byte, byte]
            } else if info[1] == byte {
                [info[0].saturating_add(1), byte, info[2], info[3]]
            } else {
                [1, byte, info[1], info[2]]
            };
        }
    }
}
