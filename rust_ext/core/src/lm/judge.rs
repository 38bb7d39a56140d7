//! A language model, and contexts of bytes beside the network that they were tuned with: who is right, bit by bit.
//!
//! The network of the package follows the text in each lane and guides the contexts, as at level 9. The language
//! model says which bytes are possible, since they go on with a token: of the others the network's weights do not
//! count, and a bit with one possible value is not coded. The other bits are coded with `squash(v a + w b)`, where
//! `a` is what the contexts expect and `b` what the language model does, both as `ln(p / (1 - p))`. The weights `v`
//! and `w` go down the gradient of the length of the code.
//!
//! Source: M. Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression (2005), 3.2; here in floats.

use super::math::{exp, ln};
use super::trie::{Node, Sums, Trie};
use crate::bitmodel::BitModel;
use crate::bytelm::network::{Network, State};
use crate::bytelm::tree::Tree;
use crate::cm::strong::Strong;
use crate::coder::binary::{Side, PROB_ONE};

/// Weights are told apart by the bytes of the token so far, up to these.
const SETS: usize = 3;
/// What they start from: those of the contexts, and of the language model.
const START: [f32; 2] = [0.55, 0.5];
/// The rate at which they are learnt: of 0.003, 0.01 and 0.03 the best on five kinds of text, by 0.1 and 0.7 %.
const RATE: f32 = 0.003;

/// `ln(p / (1 - p))` of a probability in 22 bits that is neither zero nor one.
fn stretch(p: u32) -> f32 {
    ln(p) - ln(PROB_ONE - p)
}

/// Weighs two opinions of a bit.
#[derive(Debug)]
struct Weights([[f32; 2]; SETS]);

/// Two opinions, and what was made of them.
struct Opinions {
    set: usize,
    inputs: [f32; 2],
    one: f32,
}

impl Weights {
    /// Weighs probabilities of a one in 22 bits; returns another one.
    fn weigh(&self, set: usize, said: [u32; 2]) -> (u32, Opinions) {
        let inputs = said.map(|p| stretch(p.clamp(1, PROB_ONE - 1)));
        let [v, w] = self.0[set];
        let one = 1.0 / (1.0 + exp(-(v * inputs[0] + w * inputs[1])));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        // from zero to one
        let p = (one * PROB_ONE as f32) as u32;
        let opinions = Opinions { set, inputs, one };
        (p.clamp(1, PROB_ONE - 1), opinions)
    }

    /// Learns a bit.
    fn learn(&mut self, opinions: &Opinions, bit: u32) {
        let missed = if bit == 1 { 1.0 } else { 0.0 } - opinions.one;
        for (weight, input) in self.0[opinions.set].iter_mut().zip(opinions.inputs) {
            *weight += RATE * missed * input;
        }
    }
}

/// Codes bytes of tokens by both.
pub struct Judge<'a> {
    network: &'a Network,
    lanes: Vec<State>,
    /// What the language model says.
    told: Tree,
    /// A one for each byte that goes on with a token.
    possible: Tree,
    weights: Weights,
}

impl<'a> Judge<'a> {
    /// Starts before the first bytes of some lanes.
    pub fn new(network: &'a Network, lanes: usize) -> Self {
        Self {
            network,
            lanes: vec![network.start(); lanes],
            told: Tree::default(),
            possible: Tree::default(),
            weights: Weights([START; SETS]),
        }
    }

    /// Codes the byte of a lane that comes after those of a node; returns it. When decoding, `byte` does not count.
    pub fn code_byte(
        &mut self,
        (side, contexts): (&mut impl Side, &mut Strong<'_>),
        lane: usize,
        (trie, node): (&Trie, Node),
        sums: &Sums,
        byte: u8,
    ) -> u8 {
        sums.spread(trie, node, &mut self.told);
        trie.mark(node, self.possible.leaves());
        self.possible.add_up();
        let possible = self.possible.leaves();
        contexts.tell(lane, |tree| {
            self.network.weigh(&self.lanes[lane], tree);
            for (weight, &possible) in tree.leaves().iter_mut().zip(possible.iter()) {
                *weight = if possible == 1 { *weight } else { 1 };
            }
            tree.add_up();
        });
        let set = trie.depth(node).min(SETS - 1);
        let mut partial = 1;
        for shift in (0..8).rev() {
            let bit = u32::from(byte >> shift & 1);
            let bit = match self.possible.p(partial) {
                0 => 0,
                PROB_ONE => 1,
                _ => {
                    let said = [contexts.p(), self.told.p(partial)];
                    let (p, opinions) = self.weights.weigh(set, said);
                    let bit = side.code(bit, p);
                    self.weights.learn(&opinions, bit);
                    bit
                }
            };
            contexts.update(bit);
            partial = partial << 1 | bit;
        }
        #[allow(clippy::cast_possible_truncation)] // the bits behind the leading one
        let byte = partial as u8;
        self.network.step(&mut self.lanes[lane], byte);
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_of_nearly_sure_bits_are_kept() {
        for p in [1, 2, 1000, 1 << 21, PROB_ONE - 1000, PROB_ONE - 1] {
            let share = f64::from(p) / f64::from(PROB_ONE);
            let exact = (share / (1.0 - share)).ln();
            assert!((f64::from(stretch(p)) - exact).abs() < 1e-5, "{p}");
        }
    }

    /// Bits of code for bits of which two know what no one else does: half each, and nothing of the others.
    fn cost(said: impl Fn(u32, usize) -> [u32; 2]) -> f64 {
        let mut weights = Weights([START; SETS]);
        let mut state = 1_u64;
        let mut bits = 0.0;
        for at in 0..4000 {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let bit = (state >> 63) as u32;
            let (p, opinions) = weights.weigh(1, said(bit, at));
            let one = f64::from(p) / f64::from(PROB_ONE);
            bits -= if bit == 1 { one } else { 1.0 - one }.log2();
            weights.learn(&opinions, bit);
        }
        bits
    }

    #[test]
    fn two_know_more_than_either() {
        const UNKNOWN: u32 = PROB_ONE / 2;
        let knows = |bit| {
            if bit == 1 {
                PROB_ONE * 15 / 16
            } else {
                PROB_ONE / 16
            }
        };
        let [first, second] = [0, 1].map(|which| {
            cost(|bit, at| {
                let mut said = [UNKNOWN; 2];
                if at % 2 == which {
                    said[which] = knows(bit);
                }
                said
            })
        });
        let both = cost(|bit, at| {
            let mut said = [UNKNOWN; 2];
            said[at % 2] = knows(bit);
            said
        });
        assert!(first > 2000.0 && second > 2000.0, "{first} {second}");
        assert!(both < 0.5 * first.min(second), "{both}");
    }

    #[test]
    fn one_who_is_wrong_is_not_listened_to_for_long() {
        let right = |bit| {
            if bit == 1 {
                PROB_ONE * 7 / 8
            } else {
                PROB_ONE / 8
            }
        };
        let misled = cost(|bit, _| [right(bit), right(1 - bit)]);
        assert!(misled < 400.0, "{misled}");
    }
}
