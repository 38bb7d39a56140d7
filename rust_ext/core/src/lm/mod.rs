//! Language models: networks of attention over tokens, in floats that are the same on every machine.
//!
//! The arithmetic is additions, multiplications, divisions and square roots of 32-bit floats as IEEE 754 defines them, in
//! an order that [`dot`] and `math` fix; no fused operation, no function of the system's library. So logits
//! depend neither on the processor nor on how many threads, lanes or tokens are worked on together. Their exponents become
//! integers in [`crate::coder::quantize`].
//!
//! | module | what it has |
//! |---|---|
//! | [`config`], [`model`], [`weights`] | what a network looks like, its tensors, how these are stored |
//! | [`dot`], `math` | the arithmetic |
//! | `session` | lanes of tokens |
//! | [`codec`] | tokens as bytes |
//! | [`mixed`] | the same, beside contexts of bytes |
//! | [`windows`] | tokens as integers of equal information |
//! | [`trie`] | the vocabulary by its bytes |

mod attention;
pub mod codec;
pub mod config;
mod distributions;
pub mod dot;
mod follow;
mod grid;
mod judge;
mod lanes;
mod math;
pub mod mixed;
pub mod model;
mod norm;
mod pool;
mod products;
mod rope;
mod session;
pub mod trie;
pub(crate) mod watch;
pub mod weights;
pub mod windows;

pub use session::bytes as session_bytes;

#[cfg(test)]
mod tests;
