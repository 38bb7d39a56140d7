//! Probabilistic circuits: trees of hidden states that give exact probabilities of vectors of fixed length.
//!
//! A [`Circuit`] is a tree of nodes. Each has some hidden states and may carry one observed variable:
//!
//! ```text
//! P(x) = Σ_z Π_n T_n[z of the parent, z_n] Π_v E_v[z of its node, x_v]
//! ```
//!
//! That covers hidden Chow–Liu trees (A. Liu, S. Mandt, G. Van den Broeck, Lossless Compression with Probabilistic Circuits,
//! ICLR 2022, 3), splits of an image into ever smaller parts, hidden Markov models and mixtures. In the words of circuits: a
//! state is a sum unit, a node an inner node of a variable tree, and the edges are the weights that are not zero.
//!
//! A coder needs the distribution of each variable given those before it. All evidence from outside of a subtree is in one
//! vector at its top (`above`), all evidence inside in another (`below`), so that a walk through the tree, from one variable
//! to the next, costs two products of a matrix and a vector for each edge that it passes ([`program`]). In the order of a
//! depth-first search that is each edge twice for a whole sample: O(|p|), where the scheme of the paper, which computes the
//! path to the top of the known part again for each variable, takes O(log D · |p|), and a naive one O(D · |p|). Other orders
//! cost as much as their walks are long.
//!
//! Arithmetic is on 32-bit floats: additions in one fixed order, multiplications, divisions, and multiplications by powers
//! of two to stay in range. Each sample is computed by itself; [`LANES`] of them run side by side.

mod codec;
mod kernels;
mod mixed;
pub mod program;
pub mod simd;
mod stored;
mod tree;
mod walk;

pub use codec::{code_lengths, Layout};
pub use mixed::Pixels;
pub use program::{Order, Program};
pub use tree::Circuit;

/// Samples that are coded side by side.
pub const LANES: usize = 16;

/// Values that are told apart together: larger alphabets are coded by group and by value in the group.
pub const GROUP: usize = 16;

#[cfg(test)]
mod tests;
