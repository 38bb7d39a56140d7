//! Order-agnostic autoregressive diffusion: networks that fill in items of a fixed shape, in any order (E. Hoogeboom,
//! A. Gritsenko, J. Bastings, B. Poole, R. van den Berg, T. Salimans, Autoregressive Diffusion Models, ICLR 2022).
//!
//! A network is told what is known of the symbols of an item, and says how likely the values of all others are. A call of
//! it may serve one position or many: with many, they are coded as if they told nothing of each other, which is faster and
//! takes more bits. A list of steps says how many positions each call serves.
//!
//! A symbol is refined in stages. What is known of it is a node of a tree: the root says nothing, a leaf is a symbol. At
//! each stage all positions go one level down, in the same order; with one stage that is from nothing to the symbol.
//!
//! The network has two parts. One takes the whole item and makes an *outline* of it, once in a call. The other takes the
//! neighbourhood of a position and the outline, and runs only where a symbol is coded. All is in integers ([`crate::nn`]).

// Fixed-point arithmetic: the ranges are in the comments.
#![allow(clippy::cast_possible_truncation)]

mod codec;
mod config;
mod measure;
mod mixed;
mod network;
mod state;

pub use codec::{code_lengths, Layout};
pub use measure::{costs, Measured};
pub use mixed::Pixels;
pub use network::Network;

#[cfg(test)]
mod tests;
