//! Tables that all coders of columns share.

use crate::cm::strong::simd::has_avx2;
use crate::cm::strong::states::StateTable;
use crate::cm::tables::Tables;

/// Tables and the choice of code.
#[derive(Debug)]
pub struct Tools {
    pub tables: Tables,
    pub states: StateTable,
    /// What is expected after each history before anything was learnt.
    pub first_states: [u32; 256],
    pub avx2: bool,
}

impl Tools {
    /// Builds the tables.
    pub fn new() -> Self {
        let states = StateTable::new();
        let mut first_states = [0; 256];
        for (cell, &[zeros, ones]) in first_states.iter_mut().zip(states.counts.iter()) {
            let (zeros, ones) = (u32::from(zeros), u32::from(ones));
            // (ones + 0.4) / (zeros + ones + 0.8)
            let p = (u64::from(5 * ones + 2) << 22) / u64::from(5 * (zeros + ones) + 4);
            *cell = (p as u32) << 10 | 6;
        }
        Self {
            tables: Tables::new(),
            states,
            first_states,
            avx2: has_avx2(),
        }
    }
}
