//! What is done for every context at every bit: learning, and the mixer inputs.
//!
//! The loops run over arrays of fixed size, one entry per context, so that they need no checks and most of them
//! become vector code.

use super::{ContextMap, Lanes, MAX, VOTE_CELLS};
use crate::cm::strong::states::StateTable;
use crate::cm::tables::Tables;

/// Position of the current node in its group: 0, 1-2, then (after 2 or 5 bits) 0, 1-2, 3-6.
#[inline(always)]
fn node_index(bit_position: u32, partial: u32) -> u32 {
    // One nibble per bit position: the mask of the bits that count, which is also the offset.
    let mask = (0x3103_1010_u32 >> (bit_position * 4)) & 15;
    mask + (partial & mask)
}

impl Lanes {
    /// Takes the byte histories out that `bit` contradicts.
    #[inline(always)]
    fn refute(&mut self, polled: usize, bit: u32, bit_position: u32) {
        let (shift, bit) = (7 - bit_position, bit as u8);
        for (agrees, bytes) in self.agrees.iter_mut().zip(&self.bytes) {
            for (agrees, byte) in agrees[..polled].iter_mut().zip(bytes) {
                *agrees &= (((byte >> shift) & 1) ^ bit).wrapping_sub(1);
            }
        }
    }

    /// Where in its cells each context has the votes of the byte history for the next bit.
    #[inline(always)]
    fn poll(&mut self, polled: usize, bit_position: u32) {
        let shift = 7 - bit_position;
        for i in 0..polled.min(MAX) {
            // 0 none or contradicted, 1 zero, 2 one
            let vote = |k: usize| self.agrees[k][i] & (1 + ((self.bytes[k][i] >> shift) & 1));
            self.vote_at[i] = u16::from(vote(0) + 3 * vote(1) + 9 * vote(2)) << 4;
        }
    }
}

impl ContextMap {
    /// Learns `bit` in all contexts.
    #[inline(always)]
    pub fn update(&mut self, bit: u32, bit_position: u32, states: &StateTable, tables: &Tables) {
        let (n, stride) = (self.count.min(MAX), self.stride().min(MAX));
        let lanes = &mut *self.lanes;
        self.random = self
            .random
            .wrapping_mul(0x0019_660D)
            .wrapping_add(0x3C6E_F35F);
        let mut random = self.random >> 8;
        let table = self.table.values();
        let state_cells = &mut *self.state_cells;
        let advance = states.advance(bit);
        tables.adapt_all(&mut lanes.state_cell[..stride], bit, self.limit);
        for i in 0..n {
            state_cells[i][usize::from(lanes.state[i])] = lanes.state_cell[i];
        }
        for i in 0..n {
            random = random.rotate_left(5).wrapping_add(0x3779);
            lanes.state[i] = advance.next(lanes.state[i], random);
        }
        for i in 0..n {
            table[lanes.node[i] as usize] = lanes.state[i];
        }
        if self.polled != 0 {
            tables.adapt_all(&mut lanes.vote_cell[..self.polled], bit, self.vote_limit);
            for i in 0..self.polled {
                self.vote_cells[i][usize::from(lanes.vote_at[i]) % VOTE_CELLS] = lanes.vote_cell[i];
            }
            lanes.refute(self.polled, bit, bit_position);
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
        let n = self.count.min(MAX);
        let stride = self.stride();
        let offset = node_index(bit_position, partial);
        let lanes = &mut *self.lanes;
        for i in 0..MAX {
            lanes.node[i] = lanes.group[i] + offset;
        }
        let table = self.table.get();
        let state_cells = &*self.state_cells;
        for i in 0..n {
            lanes.state[i] = table[lanes.node[i] as usize];
        }
        for i in 0..n {
            lanes.state_cell[i] = state_cells[i][usize::from(lanes.state[i])];
        }
        for i in 0..n {
            lanes.state_input[i] = tables.stretch22(lanes.state_cell[i] >> 10) as i16;
        }
        let (probable, rest) = inputs.split_at_mut(stride);
        let (certain, rest) = rest.split_at_mut(stride);
        for i in 0..stride.min(MAX) {
            let state = lanes.state[i];
            let input = lanes.state_input[i] & -i16::from(state != 0);
            probable[i] = input;
            certain[i] = input & -i16::from(state < states.mixed);
        }
        let (vote, rest) = rest.split_at_mut(self.polled);
        if self.polled != 0 {
            lanes.poll(self.polled, bit_position);
            for (i, vote) in vote.iter_mut().enumerate().take(MAX) {
                let class = states.class[usize::from(lanes.state[i])];
                let at = lanes.vote_at[i] | u16::from(class);
                let cell = self.vote_cells[i][usize::from(at) % VOTE_CELLS];
                lanes.vote_at[i] = at;
                lanes.vote_cell[i] = cell;
                *vote = tables.stretch22(cell >> 10) as i16;
            }
        }
        if self.confidence {
            for (i, confidence) in rest[..stride].iter_mut().enumerate().take(MAX) {
                let p = (lanes.state_cell[i] >> 10) as i32 - (1 << 21);
                *confidence = (p >> 11) as i16 & -i16::from(lanes.state[i] != 0);
            }
        }
        lanes.state[..orders.min(MAX)]
            .iter()
            .filter(|&&state| state != 0)
            .count() as u32
    }
}
