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
pub const INPUTS: usize = 6;

const BUCKET_BYTES: usize = 64;
const WAYS: usize = 7;
const GROUP_BYTES: usize = 7;
const RUN_CELLS: usize = 16 * 4 * 4;
const BYTE_CELLS: usize = 512;
const GROUP_CELLS: usize = 16 * 32 * 8;

/// What one context looks at during a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    base: u32,
    check: u16,
    /// The later groups are rebuilt from the byte history.
    deferred: bool,
    /// Offsets in the table: first group, current group, current bit history.
    first: u32,
    group: u32,
    node: u32,
    /// Cells that made the last inputs.
    state_cell: u32,
    run_cell: u32,
    byte_cell: u32,
    group_cell: u32,
}

/// A set of contexts that share one hash table.
#[derive(Debug)]
pub struct ContextMap {
    table: Vec<u8>,
    bucket_mask: u32,
    slots: Vec<Slot>,
    state_cells: Vec<u32>,
    run_cells: Vec<u32>,
    byte_cells: Vec<u32>,
    group_cells: Vec<u32>,
    random: u32,
    /// Quantized logarithm of run lengths.
    run_class: [u8; 256],
    limit: u32,
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
        let mut state_cells = Vec::with_capacity(count * 256 + 1);
        for _ in 0..count {
            for counts in &states.counts {
                let (n0, n1) = (u32::from(counts[0]), u32::from(counts[1]));
                let p = ((2 * n1 + 1) << 21) / (n0 + n1 + 1);
                state_cells.push((p.min((1 << 22) - 1) << 10) | 4);
            }
        }
        state_cells.push(1 << 31);
        let mut run_class = [0_u8; 256];
        for (n, class) in run_class.iter_mut().enumerate() {
            *class = match n {
                0..=5 => n as u8,
                6..=7 => 6,
                8..=10 => 7,
                11..=15 => 8,
                16..=23 => 9,
                24..=35 => 10,
                36..=55 => 11,
                56..=87 => 12,
                88..=150 => 13,
                151..=254 => 14,
                _ => 15,
            };
        }
        let mut run_cells = vec![1 << 31; count * RUN_CELLS + 1];
        for i in 0..count * RUN_CELLS {
            let n = (i / 16) % 16;
            let hit = (n as u32 + 1) * 8;
            let p = ((hit << 22) / (hit + 1 + 2 * (((i >> 1) as u32) & 1))).min((1 << 22) - 1);
            run_cells[i] = (if i & 1 == 1 { p } else { (1 << 22) - 1 - p } << 10) | 4;
        }
        Self {
            table: vec![0; buckets * BUCKET_BYTES + count * 8],
            bucket_mask: (buckets - 1) as u32,
            slots: vec![Slot::default(); count],
            state_cells,
            run_cells,
            byte_cells: vec![1 << 31; count * BYTE_CELLS + 1],
            group_cells: vec![1 << 31; count * GROUP_CELLS + 1],
            random: 0x9E37_79B9,
            run_class,
            limit: super::tune(0, 400) as u32,
        }
    }

    /// Number of contexts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Scratch group of context `i`, behind the buckets.
    fn scratch(&self, i: usize) -> usize {
        (self.bucket_mask as usize + 1) * BUCKET_BYTES + i * 8
    }

    /// Finds or makes the group of `check` in a bucket; returns its offset in the table.
    #[inline(always)]
    fn find(table: &mut [u8], bucket: u32, check: u16, states: &StateTable) -> u32 {
        let start = bucket as usize * BUCKET_BYTES;
        let line: &mut [u8; BUCKET_BYTES] =
            (&mut table[start..start + BUCKET_BYTES]).try_into().expect("a whole bucket");
        let mut hit = 0_u32;
        for way in 0..WAYS {
            let stored = u16::from_le_bytes([line[2 * way], line[2 * way + 1]]);
            hit |= u32::from(stored == check) << way;
        }
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

    /// Sets the contexts of the next byte: one hash each.
    pub fn set(&mut self, hashes: &[u64], states: &StateTable) {
        for (i, &hash) in hashes.iter().enumerate() {
            let h = (hash ^ (i as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let h = (h ^ (h >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let slot = &mut self.slots[i];
            slot.base = (h >> 34) as u32 & self.bucket_mask;
            slot.check = (h & 0xFFFF) as u16;
            super::simd::prefetch(&self.table, slot.base as usize * BUCKET_BYTES);
        }
        for i in 0..hashes.len() {
            let Slot { base, check, .. } = self.slots[i];
            let first = Self::find(&mut self.table, base, check, states);
            let seen = states.total(self.table[first as usize]);
            if seen == 3 {
                self.store_deferred(i, first, states);
            }
            let slot = &mut self.slots[i];
            slot.first = first;
            slot.group = first;
            slot.deferred = seen < 3;
        }
    }

    /// Writes the two later groups of the three bytes that were seen while deferred.
    fn store_deferred(&mut self, i: usize, first: u32, states: &StateTable) {
        let Slot { base, check, .. } = self.slots[i];
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
                let group = Self::find(&mut self.table, bucket, check, states) as usize;
                Self::replay(&mut self.table[group..group + GROUP_BYTES], partial >> rest, states, 0);
            }
        }
    }

    /// Moves all contexts to their next group, after two or five bits of the byte.
    fn regroup(&mut self, bit_position: u32, partial: u32, states: &StateTable) {
        for slot in &self.slots {
            if !slot.deferred {
                let bucket = Self::later_bucket(slot.base, partial) & self.bucket_mask;
                super::simd::prefetch(&self.table, bucket as usize * BUCKET_BYTES);
            }
        }
        for i in 0..self.slots.len() {
            let slot = self.slots[i];
            let group = if slot.deferred {
                self.rebuild(i, bit_position, partial, states)
            } else {
                let bucket = Self::later_bucket(slot.base, partial) & self.bucket_mask;
                Self::find(&mut self.table, bucket, slot.check, states)
            };
            self.slots[i].group = group;
        }
    }

    fn rebuild(&mut self, i: usize, bit_position: u32, partial: u32, states: &StateTable) -> u32 {
        let scratch = self.scratch(i);
        let first = self.slots[i].first as usize;
        // The history of this byte's first bit was already advanced: it has seen one more.
        let seen = states.total(self.table[first]) - 1;
        let (newest, older) = (self.table[first + 4], self.table[first + 5]);
        let (run, shift) = (self.table[first + 3], 8 - bit_position);
        let group = &mut self.table[scratch..scratch + GROUP_BYTES];
        group.fill(0);
        let older = if run >= 2 { newest } else { older };
        let prefix = partial & ((1 << bit_position) - 1);
        if seen >= 2 && u32::from(older) >> shift == prefix {
            Self::replay(group, u32::from(older) >> (shift - 3), states, 0);
        }
        if seen >= 1 && u32::from(newest) >> shift == prefix {
            Self::replay(group, u32::from(newest) >> (shift - 3), states, 0);
        }
        scratch as u32
    }

    /// Learns `bit` in all contexts; `partial` is the byte so far before the bit, with a leading one.
    pub fn update(&mut self, bit: u32, states: &StateTable, tables: &Tables) {
        self.random = self.random.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        let mut random = self.random >> 8;
        let target = ((bit << 22) - bit) as i32;
        for slot in &self.slots {
            random = random.rotate_left(5).wrapping_add(0x3779);
            let node = &mut self.table[slot.node as usize];
            *node = states.next(*node, bit, random);
            tables.adapt(&mut self.state_cells[slot.state_cell as usize], target, self.limit);
            tables.adapt(&mut self.run_cells[slot.run_cell as usize], target, 255);
            tables.adapt(&mut self.byte_cells[slot.byte_cell as usize], target, 255);
            tables.adapt(&mut self.group_cells[slot.group_cell as usize], target, 255);
        }
    }

    /// Learns a whole byte: updates the byte histories. Call before `set`.
    pub fn end_byte(&mut self, byte: u8, states: &StateTable) {
        for slot in &self.slots {
            let at = slot.first as usize;
            // The first bit's history has seen this byte already.
            let seen = states.total(self.table[at]);
            let info = &mut self.table[at + 3..at + 7];
            if seen <= 1 {
                info.copy_from_slice(&[1, byte, byte, byte]);
            } else if info[1] == byte {
                info[0] = info[0].saturating_add(1);
            } else {
                let (b1, b2) = (info[1], info[2]);
                info.copy_from_slice(&[1, byte, b1, b2]);
            }
        }
    }

    /// Moves to the next bit of the byte and writes the mixer inputs; returns in how many of the first
    /// `orders` contexts something is known.
    pub fn mix(
        &mut self,
        bit_position: u32,
        partial: u32,
        inputs: &mut [i16],
        orders: usize,
        states: &StateTable,
        tables: &Tables,
    ) -> u32 {
        if bit_position == 2 || bit_position == 5 {
            self.regroup(bit_position, partial, states);
        }
        let offset = node_index(bit_position, partial);
        let shift = 7 - bit_position;
        let part = [0, 1, 2, 2, 2, 3, 3, 3][bit_position as usize];
        let mut known = 0;
        let dummy_run = (self.run_cells.len() - 1) as u32;
        for (i, (slot, out)) in self.slots.iter_mut().zip(inputs.chunks_exact_mut(INPUTS)).enumerate() {
            slot.node = slot.group + offset;
            let state = self.table[slot.node as usize];
            let first = slot.first as usize;
            let info: [u8; 7] = self.table[first..first + 7].try_into().expect("seven bytes");
            let counts = states.counts[usize::from(state)];
            let certain = counts[0] == 0 || counts[1] == 0;
            let seen = states.total(info[0]).saturating_sub(u32::from(bit_position != 0));

            slot.state_cell = (i * 256) as u32 + u32::from(state);
            let p = self.state_cells[slot.state_cell as usize] >> 10;
            let known_mask = -i32::from(state != 0);
            let st = tables.stretch22(p) & known_mask;
            out[0] = st as i16;
            out[1] = (((p as i32 - (1 << 21)) >> 11) & known_mask) as i16;
            out[2] = (st & -i32::from(certain)) as i16;
            if i < orders {
                known += u32::from(state != 0);
            }

            // Votes of the last three distinct bytes: 0 none or contradicted, 1 zero, 2 one.
            let vote = |byte: u8, present: bool| {
                let agrees = (u32::from(byte) | 256) >> (shift + 1) == partial;
                if present && agrees {
                    1 + ((u32::from(byte) >> shift) & 1)
                } else {
                    0
                }
            };
            let v1 = vote(info[4], seen >= 1);
            let v2 = vote(info[5], info[5] != info[4] && seen >= 2);
            let v3 = vote(info[6], info[6] != info[5] && seen >= 3);
            let run = u32::from(self.run_class[usize::from(info[3])]);
            let changed = u32::from(info[5] != info[4]);
            let has_run = v1 != 0;
            let cell = (i * RUN_CELLS) as u32 + ((run << 4) | (part << 2) | (changed << 1) | (v1.wrapping_sub(1) & 1));
            slot.run_cell = if has_run { cell } else { dummy_run };
            let p = self.run_cells[slot.run_cell as usize] >> 10;
            out[3] = ((tables.stretch22(p) >> 1) & -i32::from(has_run)) as i16;

            let votes = v1 + 3 * v2 + 9 * v3;
            let byte_cell = ((u32::from(certain) * 32 + votes) << 3) | bit_position;
            slot.byte_cell = (i * BYTE_CELLS) as u32 + byte_cell;
            let p = self.byte_cells[slot.byte_cell as usize] >> 10;
            out[4] = (tables.stretch22(p) >> 1) as i16;
            let group_cell = ((u32::from(states.group[usize::from(state)]) * 32 + votes) << 3) | bit_position;
            slot.group_cell = (i * GROUP_CELLS) as u32 + group_cell;
            let p = self.group_cells[slot.group_cell as usize] >> 10;
            out[5] = (tables.stretch22(p) >> 1) as i16;
        }
        known
    }
}
