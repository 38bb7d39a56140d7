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

use super::states::StateTable;
use super::tables::Tables;

/// Mixer inputs made for each context.
pub const INPUTS: usize = 4;

const BUCKET_BYTES: usize = 64;
const WAYS: usize = 7;
const GROUP_BYTES: usize = 7;
const STATE_CELLS: usize = 256;
const VOTE_CELLS: usize = 16 * 32;
/// Contexts are padded to whole vectors of this many.
const LANES: usize = 16;

/// A set of contexts that share one hash table; one entry per context in every array.
#[derive(Debug)]
pub struct ContextMap {
    count: usize,
    table: Vec<u8>,
    /// Offset of the first bucket in the table.
    origin: usize,
    bucket_mask: u32,
    base: Vec<u32>,
    check: Vec<u16>,
    /// The later groups are rebuilt from the byte history.
    deferred: Vec<bool>,
    /// Offsets in the table: first group, current group.
    first: Vec<u32>,
    group: Vec<u32>,
    node: Vec<u32>,
    /// The last three distinct bytes; all bits set in `agrees` while one of them is possible.
    bytes: [Vec<u8>; 3],
    agrees: [Vec<u8>; 3],
    run: Vec<u8>,
    votes: Vec<u8>,
    states: Vec<u8>,
    /// Statistics by bit history, and by class of bit history and votes of the byte history.
    state_cells: Vec<[u32; STATE_CELLS]>,
    vote_cells: Vec<[u32; VOTE_CELLS]>,
    vote_at: Vec<u16>,
    state_now: Vec<u32>,
    vote_now: Vec<u32>,
    random: u32,
    /// Quantized logarithm of run lengths.
    run_class: [u8; 256],
    limit: u32,
    vote_limit: u32,
}

/// Position of the current node in its group: 0, 1-2, then (after 2 or 5 bits) 0, 1-2, 3-6.
#[inline(always)]
fn node_index(bit_position: u32, partial: u32) -> u32 {
    // One nibble per bit position: the mask of the bits that count, which is also the offset.
    let mask = (0x3103_1010_u32 >> (bit_position * 4)) & 15;
    mask + (partial & mask)
}

impl ContextMap {
    /// Creates `count` contexts with `1 << log2_bytes` bytes of history.
    #[must_use]
    pub fn new(count: usize, log2_bytes: u32, states: &StateTable) -> Self {
        let buckets = 1_usize << (log2_bytes - 6);
        let padded = count.div_ceil(LANES) * LANES;
        let (table, origin) = super::simd::zeroed_lines(buckets * BUCKET_BYTES + padded * 8);
        let row = states.counts.map(|[n0, n1]| {
            let (n0, n1) = (u32::from(n0), u32::from(n1));
            (((2 * n1 + 1) << 20) / (n0 + n1 + 1) * 2).min((1 << 22) - 1) << 10 | 4
        });
        let mut run_class = [0_u8; 256];
        for (n, class) in run_class.iter_mut().enumerate() {
            *class = match n {
                0..=1 => 0,
                2 => 1,
                3..=4 => 2,
                5..=8 => 3,
                9..=18 => 4,
                19..=60 => 5,
                61..=254 => 6,
                _ => 7,
            };
        }
        Self {
            count,
            table,
            origin,
            bucket_mask: (buckets - 1) as u32,
            base: vec![0; padded],
            check: vec![0; padded],
            deferred: vec![false; padded],
            first: vec![0; padded],
            group: vec![0; padded],
            node: vec![0; padded],
            bytes: [vec![0; padded], vec![0; padded], vec![0; padded]],
            agrees: [vec![0; padded], vec![0; padded], vec![0; padded]],
            run: vec![0; padded],
            votes: vec![0; padded],
            states: vec![0; padded],
            state_cells: super::simd::filled(&[row], padded),
            vote_cells: super::simd::filled(&[[1 << 31; VOTE_CELLS]], padded),
            vote_at: vec![0; padded],
            state_now: vec![0; padded],
            vote_now: vec![0; padded],
            random: 0x9E37_79B9,
            run_class,
            limit: super::tune(0, 400) as u32,
            vote_limit: super::tune(8, 255) as u32,
        }
    }

    /// Number of contexts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Number of contexts with padding: the stride of the inputs.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.base.len()
    }

    /// Scratch group of context `i`, behind the buckets.
    fn scratch(&self, i: usize) -> usize {
        self.origin + (self.bucket_mask as usize + 1) * BUCKET_BYTES + i * 8
    }

    /// Finds or makes the group of `check` in a bucket; returns its offset in the table.
    #[inline(always)]
    fn find(table: &mut [u8], origin: usize, bucket: u32, check: u16, states: &StateTable) -> u32 {
        let start = origin + bucket as usize * BUCKET_BYTES;
        let line: &mut [u8; BUCKET_BYTES] =
            (&mut table[start..start + BUCKET_BYTES]).try_into().expect("a whole bucket");
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
        (start + 2 * WAYS + GROUP_BYTES * way) as u32
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
        base ^ if partial < 8 { ((partial & 3) + 1) << 1 } else { (partial & 31) << 1 | 1 }
    }

    /// Sets the contexts of the next byte, one hash each, and asks for their cache lines.
    #[inline(always)]
    pub fn set(&mut self, hashes: &[u64]) {
        debug_assert_eq!(hashes.len(), self.count);
        for (i, &hash) in hashes.iter().enumerate() {
            let h = (hash ^ (i as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let h = (h ^ (h >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            self.base[i] = (h >> 34) as u32 & self.bucket_mask;
            self.check[i] = (h & 0xFFFF) as u16;
            super::simd::prefetch(&self.table, self.origin + self.base[i] as usize * BUCKET_BYTES);
        }
    }

    /// Looks the contexts of the next byte up.
    #[inline(always)]
    pub fn start_byte(&mut self, states: &StateTable) {
        for i in 0..self.count {
            let first = Self::find(&mut self.table, self.origin, self.base[i], self.check[i], states);
            let at = first as usize;
            let seen = states.total(self.table[at]);
            if seen == 3 {
                self.store_deferred(i, first, states);
            }
            self.first[i] = first;
            self.group[i] = first;
            self.deferred[i] = seen < 3;
            let info: [u8; 4] = self.table[at + 3..at + 7].try_into().expect("four bytes");
            self.run[i] = self.run_class[usize::from(info[0])];
            let possible = |yes: bool| u8::from(yes).wrapping_neg();
            self.agrees[0][i] = possible(seen >= 1);
            self.agrees[1][i] = possible(seen >= 2 && info[2] != info[1]);
            self.agrees[2][i] = possible(seen >= 3 && info[3] != info[2]);
            for k in 0..3 {
                self.bytes[k][i] = info[1 + k];
            }
        }
    }

    /// Writes the two later groups of the three bytes that were seen while deferred.
    #[inline(never)]
    fn store_deferred(&mut self, i: usize, first: u32, states: &StateTable) {
        let (base, check) = (self.base[i], self.check[i]);
        let at = first as usize;
        let (run, bytes) = (self.table[at + 3], [self.table[at + 4], self.table[at + 5], self.table[at + 6]]);
        let history = match run {
            1 => [bytes[2], bytes[1], bytes[0]],
            2 => [bytes[1], bytes[0], bytes[0]],
            _ => [bytes[0]; 3],
        };
        for byte in history {
            let partial = u32::from(byte) | 256;
            for (shift, rest) in [(6, 3), (3, 0)] {
                let bucket = Self::later_bucket(base, partial >> shift) & self.bucket_mask;
                let group = Self::find(&mut self.table, self.origin, bucket, check, states) as usize;
                Self::replay(&mut self.table[group..group + GROUP_BYTES], partial >> rest, states, 0);
            }
        }
    }

    /// Moves all contexts to their next group, if two or five bits of the byte are known.
    #[inline(always)]
    pub fn regroup(&mut self, bit_position: u32, partial: u32, states: &StateTable) {
        if bit_position != 2 && bit_position != 5 {
            return;
        }
        for i in 0..self.count {
            if !self.deferred[i] {
                let bucket = Self::later_bucket(self.base[i], partial) & self.bucket_mask;
                super::simd::prefetch(&self.table, self.origin + bucket as usize * BUCKET_BYTES);
            }
        }
        for i in 0..self.count {
            self.group[i] = if self.deferred[i] {
                self.rebuild(i, bit_position, partial, states)
            } else {
                let bucket = Self::later_bucket(self.base[i], partial) & self.bucket_mask;
                Self::find(&mut self.table, self.origin, bucket, self.check[i], states)
            };
        }
    }

    #[inline(always)]
    fn rebuild(&mut self, i: usize, bit_position: u32, partial: u32, states: &StateTable) -> u32 {
        let scratch = self.scratch(i);
        self.table[scratch..scratch + 8].fill(0);
        let first = self.first[i] as usize;
        // The history of this byte's first bit was already advanced: it has seen one more.
        let seen = states.total(self.table[first]) - 1;
        if seen == 0 {
            return scratch as u32;
        }
        let (newest, older) = (self.table[first + 4], self.table[first + 5]);
        let (run, shift) = (self.table[first + 3], 8 - bit_position);
        let group = &mut self.table[scratch..scratch + GROUP_BYTES];
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

    /// Learns `bit` in all contexts.
    #[inline(always)]
    pub fn update(&mut self, bit: u32, bit_position: u32, states: &StateTable, tables: &Tables) {
        let n = self.count;
        self.random = self.random.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        let mut random = self.random >> 8;
        for (&node, &state) in self.node[..n].iter().zip(&self.states[..n]) {
            random = random.rotate_left(5).wrapping_add(0x3779);
            self.table[node as usize] = states.next(state, bit, random);
        }
        tables.adapt_all(&mut self.state_now[..n], bit, self.limit);
        tables.adapt_all(&mut self.vote_now[..n], bit, self.vote_limit);
        let cells = self.state_cells[..n].iter_mut().zip(&self.states[..n]);
        for ((row, &state), &cell) in cells.zip(&self.state_now[..n]) {
            row[usize::from(state)] = cell;
        }
        let cells = self.vote_cells[..n].iter_mut().zip(&self.vote_at[..n]);
        for ((row, &at), &cell) in cells.zip(&self.vote_now[..n]) {
            row[usize::from(at) % VOTE_CELLS] = cell;
        }
        let shift = 7 - bit_position;
        for (agrees, bytes) in self.agrees.iter_mut().zip(&self.bytes) {
            for (agrees, &byte) in agrees.iter_mut().zip(bytes) {
                *agrees &= ((byte >> shift) & 1 ^ bit as u8).wrapping_sub(1);
            }
        }
    }

    /// Learns a whole byte: updates the byte histories. Call before `set`.
    #[inline(always)]
    pub fn end_byte(&mut self, byte: u8, states: &StateTable) {
        for &first in &self.first[..self.count] {
            let at = first as usize;
            // The first bit's history has seen this byte already.
            let seen = states.total(self.table[at]);
            let info: &mut [u8; 4] = (&mut self.table[at + 3..at + 7]).try_into().expect("four bytes");
            *info = if seen <= 1 {
                [1, byte, byte, byte]
            } else if info[1] == byte {
                [info[0].saturating_add(1), byte, info[2], info[3]]
            } else {
                [1, byte, info[1], info[2]]
            };
        }
    }

    /// Moves to the next bit of the byte and writes the mixer inputs; returns in how many of the first
    /// `orders` contexts something is known.
    #[inline(always)]
    pub fn mix(
        &mut self,
        bit_position: u32,
        partial: u32,
        inputs: &mut [i16],
        orders: usize,
        states: &StateTable,
        tables: &Tables,
    ) -> u32 {
        let n = self.count;
        let stride = self.base.len();
        let offset = node_index(bit_position, partial);
        let shift = 7 - bit_position;
        for (node, &group) in self.node.iter_mut().zip(&self.group) {
            *node = group + offset;
        }
        {
            let [a0, a1, a2] = &self.agrees;
            let [b0, b1, b2] = &self.bytes;
            for i in 0..stride {
                // 0 none or contradicted, 1 zero, 2 one
                let v0 = a0[i] & (1 + ((b0[i] >> shift) & 1));
                let v1 = a1[i] & (1 + ((b1[i] >> shift) & 1));
                let v2 = a2[i] & (1 + ((b2[i] >> shift) & 1));
                self.votes[i] = v0 + 3 * v1 + 9 * v2;
            }
        }
        let mut known = 0;
        let (st, rest) = inputs.split_at_mut(stride);
        let (confidence, rest) = rest.split_at_mut(stride);
        let (certain, rest) = rest.split_at_mut(stride);
        let vote = &mut rest[..stride];
        let table = &self.table[..];
        let (node, state_cells, vote_cells) = (&self.node[..n], &self.state_cells[..n], &self.vote_cells[..n]);
        let (votes, vote_at) = (&self.votes[..n], &mut self.vote_at[..n]);
        let (seen, state_now, vote_now) = (&mut self.states[..n], &mut self.state_now[..n], &mut self.vote_now[..n]);
        let (st, confidence, certain, vote) = (&mut st[..n], &mut confidence[..n], &mut certain[..n], &mut vote[..n]);
        for i in 0..n {
            let state = table[node[i] as usize];
            seen[i] = state;
            let class = states.class[usize::from(state)];
            let cell = state_cells[i][usize::from(state)];
            state_now[i] = cell;
            let at = (usize::from(class & 15) << 5) | usize::from(votes[i] & 31);
            vote_at[i] = at as u16;
            let vote_cell = vote_cells[i][at];
            vote_now[i] = vote_cell;
            st[i] = tables.stretch22(cell >> 10) as i16;
            // The high bit tells that only one bit value was seen.
            certain[i] = i16::from(class as i8 >> 7);
            vote[i] = (tables.stretch22(vote_cell >> 10) >> 1) as i16;
        }
        known += seen[..orders].iter().filter(|&&state| state != 0).count() as u32;
        for i in 0..n {
            let mask = -i16::from(seen[i] != 0);
            let p = (state_now[i] >> 10) as i32 - (1 << 21);
            confidence[i] = (p >> 11) as i16 & mask;
            st[i] &= mask;
            certain[i] &= st[i];
        }
        known
    }
}
