//! The network's part in the mix: its distribution of the byte, as predictions of the bits.

use super::apm::{self, row, Apm, LOG2_ROWS};
use crate::bytelm::network::{Network, State};
use crate::bytelm::tree::Tree;
use crate::cm::content::hashing::hash;
use crate::cm::tables::Tables;
use crate::Result;
use std::sync::Arc;

/// How a network takes part in the mix. What was learnt beside a network tells which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// As inputs, and as contexts of weight sets and of maps of their own.
    First,
    /// As more of these, as bit histories and in the last step, too; and most weight sets slow down in long texts.
    Second,
}

/// Numbers of contexts of the weight sets that it selects: its probability in 32 steps and the bit's position; the byte it
/// thinks likeliest. Of the second kind: how likely that is, what matches make of it, and the position; where the bits so far
/// are its, that byte, and else these bits.
const SETS: [usize; 4] = [256, 256, 9 * 3 * 8, 768];
/// Corrections by what it thinks likeliest, and by the last byte and the bits of this one: rows of each. Of the second kind:
/// by the last two bytes, and by the word.
const MAPS: [usize; 4] = [1 << 11, 1 << 16, 1 << LOG2_ROWS, 1 << LOG2_ROWS];
/// Inputs without a map: its probability, stretched, and the distance from one half.
const PLAIN: usize = 2;

impl Part {
    fn kinds(self) -> usize {
        match self {
            Self::First => 2,
            Self::Second => 4,
        }
    }

    /// Numbers of contexts of its weight sets.
    #[must_use]
    pub fn sets(self) -> &'static [usize] {
        &SETS[..self.kinds()]
    }

    /// Rows of its maps.
    #[must_use]
    pub fn maps(self) -> &'static [usize] {
        &MAPS[..self.kinds()]
    }

    /// Mixer inputs.
    #[must_use]
    pub fn inputs(self) -> usize {
        PLAIN + self.kinds()
    }
}

/// The rate of their entries falls to one over this.
const LIMIT: u32 = 1023;

/// Bytes that a network takes together where they are known. With more of them what it says does not fit the caches.
const TOGETHER: usize = 32;

/// What a network expects of a text that it follows, or what is expected elsewhere.
#[derive(Debug)]
pub struct Follower<'a> {
    network: Option<(&'a Network, State)>,
    tree: Tree,
    foretold: Option<Foretold<'a>>,
}

impl Clone for Follower<'_> {
    fn clone(&self) -> Self {
        Self {
            network: self.network.clone(),
            tree: self.tree.clone(),
            foretold: self.foretold.clone(),
        }
    }

    /// Takes no memory from the system where both follow a network.
    fn clone_from(&mut self, other: &Self) {
        match (&mut self.network, &other.network) {
            (Some((network, state)), Some((another, from))) => {
                *network = another;
                state.clone_from(from);
            }
            (network, another) => network.clone_from(another),
        }
        self.tree.clone_from(&other.tree);
        self.foretold.clone_from(&other.foretold);
    }
}

/// The bytes to come.
#[derive(Debug, Clone)]
struct Foretold<'a> {
    rest: Rest<'a>,
    /// What is expected after each of the last ones that were taken together, in turn, and how many of these were asked for.
    trees: Vec<Tree>,
    asked: usize,
}

impl Foretold<'_> {
    /// What is expected after the next byte. There is no more after the last one, which nothing follows.
    #[inline]
    fn next(&mut self, network: &Network, state: &mut State) -> Option<&mut Tree> {
        if self.asked == self.trees.len() {
            if !self.rest.next(network, state, &mut self.trees) {
                return None;
            }
            self.asked = 0;
        }
        self.asked += 1;
        self.trees.get_mut(self.asked - 1)
    }
}

/// Bytes that a network is to take, all but the last one.
#[derive(Debug, Clone)]
pub struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Those of a text.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(&bytes[..bytes.len().saturating_sub(1)])
    }

    /// Takes some of them together; sets `trees` to what is expected after each. Returns whether there were any.
    pub fn next(&mut self, network: &Network, state: &mut State, trees: &mut Vec<Tree>) -> bool {
        let (bytes, rest) = self.0.split_at(self.0.len().min(TOGETHER));
        if bytes.is_empty() {
            return false;
        }
        self.0 = rest;
        network.steps(state, bytes);
        trees.resize_with(bytes.len(), Tree::default);
        network.weigh_all(state, trees);
        true
    }
}

impl<'a> Follower<'a> {
    /// Starts before the first byte.
    #[must_use]
    pub fn new(network: &'a Network) -> Self {
        let state = network.start();
        let mut tree = Tree::default();
        network.weigh(&state, &mut tree);
        Self {
            network: Some((network, state)),
            tree,
            foretold: None,
        }
    }

    /// Tells all bytes that are to be taken in, so that the network can take several together. What it expects is the
    /// same.
    pub fn foretell(&mut self, bytes: &'a [u8]) {
        self.foretold = Some(Foretold {
            rest: Rest::new(bytes),
            trees: Vec::new(),
            asked: 0,
        });
    }

    /// One that knows nothing until it is told.
    #[must_use]
    pub fn told() -> Self {
        let mut tree = Tree::default();
        tree.add_up();
        Self {
            network: None,
            tree,
            foretold: None,
        }
    }

    /// What it expects.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What it expects, to be told.
    pub fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// The network and its state, if there is one, with memory for what it expects.
    pub fn parts(&mut self) -> Option<(&'a Network, &mut State, &mut Tree)> {
        let (network, state) = self.network.as_mut()?;
        Some((network, state, &mut self.tree))
    }

    /// Takes in a byte.
    #[inline]
    pub fn end_byte(&mut self, byte: u8) {
        let Some((network, state)) = &mut self.network else {
            return;
        };
        if let Some(foretold) = &mut self.foretold {
            if let Some(tree) = foretold.next(network, state) {
                std::mem::swap(tree, &mut self.tree);
            }
        } else {
            network.step(state, byte);
            network.weigh(state, &mut self.tree);
        }
    }
}

/// Learns how far to trust a network.
#[derive(Debug)]
pub struct Neural {
    maps: Vec<Apm>,
    /// Probability of a one, as the network sees it, in 22 bits, and stretched.
    p: u32,
    stretched: i32,
    /// The two bytes that it thinks likeliest, and in 9 steps how likely the first one is.
    top: [u8; 2],
    sureness: u32,
}

impl Neural {
    /// Starts with all trust, or with maps that were learnt elsewhere.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(part: Part, tables: &Tables, learnt: &[Arc<apm::Start>]) -> Result<Self> {
        let maps = part.maps().iter().enumerate();
        Ok(Self {
            maps: maps
                .map(|(i, &rows)| Apm::new(rows, LIMIT, tables, learnt.get(i)))
                .collect::<Result<_>>()?,
            p: 1 << 21,
            stretched: 0,
            top: [0; 2],
            sureness: 0,
        })
    }

    /// Begins a byte, of which the bytes before make two hashes; returns two contexts of bit histories.
    #[inline]
    pub fn begin(&mut self, tree: &Tree, [last, word]: [u64; 2], tables: &Tables) -> [u64; 2] {
        self.top = tree.two_likeliest();
        let stretched = tables.stretch22(tree.p_of(self.top[0]));
        self.sureness = ((stretched >> 8) + 2).clamp(0, 8) as u32;
        let [first, second] = self.top.map(u64::from);
        [hash([first, last, 203]), hash([first, second, word, 204])]
    }

    /// Its maps.
    #[must_use]
    pub fn maps(&self) -> &[Apm] {
        &self.maps
    }

    /// Goes on with the maps of another one.
    pub fn inherit(&mut self, other: &Self) {
        for (map, other) in self.maps.iter_mut().zip(&other.maps) {
            map.inherit(other);
        }
    }

    /// Looks at the next bit, after the last byte and the bits in `partial`; returns the contexts of the weight sets.
    #[inline]
    pub fn select(
        &mut self,
        follower: &Follower<'_>,
        last: u8,
        partial: u32,
        tables: &Tables,
    ) -> [u32; 2] {
        let position = partial.ilog2();
        let likeliest = follower.tree.likeliest(partial);
        self.p = follower.tree.p(partial);
        self.stretched = tables.stretch22(self.p);
        self.maps[0].select(usize::from(likeliest) << 3 | position as usize);
        self.maps[1].select(usize::from(last) << 8 | partial as usize);
        [self.step() << 3 | position, u32::from(likeliest)]
    }

    /// Its probability in 32 steps.
    #[inline]
    fn step(&self) -> u32 {
        ((self.stretched + 2048) >> 7) as u32
    }

    /// Looks at the same bit of a byte that was begun, with hashes as there, and the byte that matches expect, 256 if there
    /// is none; returns the contexts of the other weight sets.
    #[inline]
    pub fn select_more(&mut self, partial: u32, hashes: [u64; 2], expected: u32) -> [u32; 2] {
        for (map, hash) in self.maps[2..].iter_mut().zip(hashes) {
            map.select(row(hash, partial));
        }
        let (position, top) = (partial.ilog2(), u32::from(self.top[0]));
        let match_says = if expected > 255 {
            0
        } else {
            1 + u32::from(expected != top)
        };
        let so_far = if (256 | top) >> (8 - position) == partial {
            top << 1 | position >> 2
        } else {
            512 + partial
        };
        [(self.sureness * 3 + match_says) << 3 | position, so_far]
    }

    /// Rows of maps in the last step: by the likeliest byte and the last one; by it, how likely it is, and the probability.
    #[inline]
    #[must_use]
    pub fn rows(&self, last: u8, partial: u32) -> [usize; 2] {
        let top = u64::from(self.top[0]);
        let sure = u64::from(self.step() << 4 | self.sureness);
        [top << 8 | u64::from(last), top << 9 | sure].map(|base| row(base << 8, partial))
    }

    /// The context of a weight set of layer 2, below 256, for a bit at a position.
    #[inline]
    #[must_use]
    pub fn of_layer_2(&self, position: u32) -> u32 {
        self.step() << 3 | position
    }

    /// Writes the inputs for the next bit, which was looked at.
    #[inline]
    pub fn mix(&mut self, inputs: &mut [i16], tables: &Tables) {
        inputs[0] = self.stretched as i16;
        inputs[1] = ((self.p as i32 - (1 << 21)) >> 11) as i16;
        for (input, map) in inputs[PLAIN..].iter_mut().zip(&mut self.maps) {
            *input = tables.stretch22(map.refine(self.stretched)) as i16;
        }
    }

    /// Probability of a one, in 22 bits: half of the network's, half of what the maps make of it.
    #[must_use]
    pub fn p(&mut self) -> u32 {
        let refined: u32 = self
            .maps
            .iter_mut()
            .map(|map| map.refine(self.stretched))
            .sum();
        let p = u32::midpoint(self.p, refined / self.maps.len() as u32);
        p.clamp(1, (1 << 22) - 1)
    }

    /// Learns a bit: `target` is 0 or 2^22 - 1.
    #[inline]
    pub fn learn(&mut self, target: i32, tables: &Tables) {
        for map in &mut self.maps {
            map.update(target, tables);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tensors::Tensors;

    fn tiny() -> Network {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/");
        let file = std::fs::read(format!("{folder}bytelm-tiny.safetensors")).unwrap();
        Network::take(&Tensors::parse(&file).unwrap()).unwrap()
    }

    #[test]
    fn a_copy_in_the_memory_of_another_one_is_a_copy() {
        let network = tiny();
        let mut follower = Follower::new(&network);
        let mut spare = Follower::new(&network);
        let mut untold = Follower::told();
        for &byte in b"It was the best of times" {
            spare.clone_from(&follower);
            untold.clone_from(&follower);
            // Both leave other traces in their room.
            for copy in [&mut spare, &mut untold] {
                copy.end_byte(byte);
            }
            follower.end_byte(byte);
            for copy in [&mut spare, &mut untold] {
                assert!(follower.tree.leaves() == copy.tree.leaves());
                copy.end_byte(byte ^ 1);
            }
        }
    }

    #[test]
    fn what_is_foretold_changes_nothing() {
        let network = tiny();
        let text = b"It was the best of times, it was the worst of times. ".repeat(2);
        // None, one, all that are taken together, and one more and less; the last byte is not taken.
        for length in [0, 1, 2, TOGETHER, TOGETHER + 1, TOGETHER + 2, text.len()] {
            let mut follower = Follower::new(&network);
            let mut plain = follower.clone();
            follower.foretell(&text[..length]);
            for &byte in &text[..length.saturating_sub(1)] {
                follower.end_byte(byte);
                plain.end_byte(byte);
                assert!(follower.tree.leaves() == plain.tree.leaves());
                assert!(follower.tree.p(1) == plain.tree.p(1));
            }
        }
    }
}
