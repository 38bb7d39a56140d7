//! Entropy coders: the only place where intervals become bits.

pub mod binary;
