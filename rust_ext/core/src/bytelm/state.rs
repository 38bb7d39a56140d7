//! What a network remembers, and where it computes.

use super::contexts::Contexts;
use crate::nn::padded;

/// Values of a byte.
pub const BYTES: usize = 256;

/// Widths of the parts of a network: sums over bytes and over words, states of the first recurrence, and the most hidden
/// values of a block.
#[derive(Debug, Clone, Copy)]
pub struct Widths {
    pub width: usize,
    pub states: usize,
    pub words: usize,
    pub hidden: usize,
}

/// What a network remembers of a text, and room for steps.
#[derive(Debug)]
pub struct State {
    pub(super) contexts: Contexts,
    pub(super) first: Vec<i32>,
    pub(super) blocks: Vec<Vec<i32>>,
    pub(super) words: Vec<Vec<i32>>,
    pub(super) said: Vec<i32>,
    pub(super) room: Room,
}

impl State {
    /// All zeros, of a network with so many blocks over bytes and over words.
    #[must_use]
    pub(super) fn new(widths: Widths, [blocks, words]: [usize; 2]) -> Self {
        Self {
            contexts: Contexts::default(),
            first: vec![0; widths.states],
            blocks: vec![vec![0; widths.width]; blocks],
            words: vec![vec![0; widths.words]; words],
            said: vec![0; widths.width],
            room: Room::default(),
        }
    }

    /// Logits of the next byte, in 1/1024 bit.
    #[must_use]
    pub fn logits(&self) -> &[i32] {
        &self.room.logits[self.room.logits.len() - BYTES..]
    }
}

impl Clone for State {
    fn clone(&self) -> Self {
        Self {
            contexts: self.contexts,
            first: self.first.clone(),
            blocks: self.blocks.clone(),
            words: self.words.clone(),
            said: self.said.clone(),
            room: self.room.clone(),
        }
    }

    /// Takes no memory from the system; the room stays, but for the logits.
    fn clone_from(&mut self, other: &Self) {
        self.contexts = other.contexts;
        self.first.clone_from(&other.first);
        self.blocks.clone_from(&other.blocks);
        self.words.clone_from(&other.words);
        self.said.clone_from(&other.said);
        self.room.logits.clone_from(&other.room.logits);
    }
}

/// Room for the steps that are taken together: of each byte, and of each word that ends.
#[derive(Debug, Clone, Default)]
pub struct Room {
    pub(super) x: Vec<i32>,
    pub(super) word: Vec<i32>,
    pub(super) inner: Vec<u8>,
    pub(super) outer: Vec<u8>,
    /// Of the last bytes.
    pub(super) logits: Vec<i32>,
    /// Where words ended, and their numbers.
    pub(super) ends: Vec<(usize, u32)>,
    pub(super) scratch: Scratch,
}

impl Room {
    /// Makes it large enough for `n` bytes, all of which may end a word.
    pub fn fit(&mut self, widths: Widths, n: usize) {
        if self.x.len() >= n * widths.width {
            return;
        }
        let widest = widths.width.max(widths.words).max(widths.states);
        self.x.resize(n * widths.width, 0);
        self.word.resize(n * widths.words, 0);
        self.inner.resize(n * padded(widths.width), 0);
        self.outer.resize(n * padded(widths.states), 0);
        self.scratch = Scratch {
            steps: vec![0; n * padded(widest)],
            more: vec![0; n * padded(widths.hidden)],
            values: vec![0; n * (3 * widest).max(widths.hidden)],
        };
    }
}

#[derive(Debug, Clone, Default)]
pub struct Scratch {
    pub(super) steps: Vec<u8>,
    pub(super) more: Vec<u8>,
    pub(super) values: Vec<i32>,
}
