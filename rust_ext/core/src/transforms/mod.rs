//! Transforms: a block as streams of symbols that are easier to predict than the block, and back.

pub mod x86;
