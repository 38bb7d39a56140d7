//! What is done for every context at every bit: learning, and the mixer inputs.
//!
//! The loops run over arrays of fixed size, one entry per context, so that they need no checks and most of them
//! become vector code.

use super::{ContextMap, MAX, VOTE_CELLS};
use crate::cm::strong::states::StateTable;
use crate::cm::tables::Tables;

/// Position of the current node in its group: 0, 1-2, then (after 2 or 5 bits) 0, 1-2, 3-6.
#[inline(always)]
fn node_index(bit_position: u32, partial: u32) -> u32 {
    // One nibble per bit position: the mask of the bits that count, which is also the offset.
    let mask = (0x3103_1010_u32 >> (bit_position * 4)) & 15;
    mask + (partial & mask)
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
        let table = &mut self.table[..];
        let advance = states.advance(bit);
        tables.adapt_all(&mut lanes.state_cell[..stride], bit, self.limit);
        tables.adapt_all(&mut lanes.vote_cell[..stride], bit, self.vote_limit);
        for i in 0..n {
            random = random.rotate_left(5).wrapping_add(0x3779);
            let state = usize::from(lanes.state[i]);
            table[lanes.node[i] as usize] = advance.next(state as u8, random);
            self.state_cells[i][state] = lanes.state_cell[i];
            self.vote_cells[i][usize::from(lanes.vote_at[i]) % VOTE_CELLS] = lanes.vote_cell[i];
        }
        let (shift, bit) = (7 - bit_position, bit as u8);
        for k in 0..3 {
            for i in 0..MAX {
                lanes.agrees[k][i] &= (((lanes.bytes[k][i] >> shift) & 1) ^ bit).wrapping_sub(1);
            }
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
        let shift = 7 - bit_position;
        let lanes = &mut *self.lanes;
        for i in 0..MAX {
            lanes.node[i] = lanes.group[i] + offset;
            // 0 none or contradicted, 1 zero, 2 one
            let vote = |k: usize| lanes.agrees[k][i] & (1 + ((lanes.bytes[k][i] >> shift) & 1));
            lanes.vote_at[i] = u16::from(vote(0) + 3 * vote(1) + 9 * vote(2)) << 4;
        }
        let table = &self.table[..];
        for i in 0..n {
            let state = table[lanes.node[i] as usize];
            let class = states.class[usize::from(state)];
            let at = lanes.vote_at[i] | u16::from(class & 15);
            let cell = self.state_cells[i][usize::from(state)];
            let vote = self.vote_cells[i][usize::from(at) % VOTE_CELLS];
            lanes.state[i] = state;
            lanes.class[i] = class;
            lanes.vote_at[i] = at;
            lanes.state_cell[i] = cell;
            lanes.vote_cell[i] = vote;
            lanes.state_input[i] = tables.stretch22(cell >> 10) as i16;
            lanes.vote_input[i] = tables.stretch22(vote >> 10) as i16;
        }
        for i in 0..MAX {
            lanes.state_input[i] &= -i16::from(lanes.state[i] != 0);
        }
        let (st, rest) = inputs.split_at_mut(stride);
        let (certain, rest) = rest.split_at_mut(stride);
        let (vote, rest) = rest.split_at_mut(stride);
        st.copy_from_slice(&lanes.state_input[..stride]);
        vote.copy_from_slice(&lanes.vote_input[..stride]);
        for (i, certain) in certain.iter_mut().enumerate().take(MAX) {
            // The high bit tells that only one bit value was seen.
            *certain = lanes.state_input[i] & i16::from(lanes.class[i] as i8 >> 7);
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
