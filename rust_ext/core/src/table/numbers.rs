//! Adaptive codes of small numbers, for what is said about columns.

use super::tools::Tools;
use crate::cm::tables::CELL_HALF;
use crate::coder::binary::Side;

/// Contexts that numbers are coded in.
pub const CONTEXTS: usize = 64;
/// Cells of a context: bits of the length, then first bits below the leading one for each length.
const CELLS: usize = LENGTHS + LENGTHS * 8;
/// Lengths of a number, at most.
const LENGTHS: usize = 32;

/// Codes numbers, each in one of [`CONTEXTS`] contexts.
#[derive(Debug)]
pub struct Numbers(Vec<u32>);

impl Numbers {
    pub fn new() -> Self {
        Self(vec![CELL_HALF; CONTEXTS * CELLS])
    }

    fn bit(&mut self, tools: &Tools, side: &mut impl Side, bit: u32, at: usize) -> u32 {
        let cell = &mut self.0[at];
        let p = (*cell >> 10).clamp(1 << 8, (1 << 22) - (1 << 8));
        let bit = side.code(bit, p);
        tools
            .tables
            .adapt(cell, (bit << 22) as i32 - bit as i32, 60);
        bit
    }

    /// Codes a number below 2^32 - 1; when decoding, `number` does not count.
    pub fn code(
        &mut self,
        tools: &Tools,
        side: &mut impl Side,
        number: u32,
        context: usize,
    ) -> u32 {
        let first = context * CELLS;
        let (wanted, mut length) = ((u64::from(number) + 1).ilog2(), 0);
        while length < 31
            && self.bit(
                tools,
                side,
                u32::from(wanted > length),
                first + length as usize,
            ) == 1
        {
            length += 1;
        }
        let mut value = 1_u64;
        for place in (0..length).rev() {
            let bit = ((u64::from(number) + 1) >> place) as u32 & 1;
            // The two bits below the leading one have contexts of their own.
            let node = if value < 4 { value as usize } else { 4 };
            value = value << 1
                | u64::from(self.bit(
                    tools,
                    side,
                    bit,
                    first + LENGTHS + length as usize * 8 + node,
                ));
        }
        (value - 1) as u32
    }
}
