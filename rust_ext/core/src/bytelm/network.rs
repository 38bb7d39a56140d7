//! The network: weights, and one step for each byte.

use super::contexts::{row, Contexts, Selected, CONTEXTS};
pub use super::state::State;
use super::state::{self, Room, Scratch, BYTES};
use super::tree::Tree;
use crate::nn::exp2::Exp2;
use crate::nn::gates::{squares, Gates};
use crate::nn::matrix::Matrix;
use crate::nn::norm::norm;
use crate::nn::padded;
use crate::nn::rows::Rows;
use crate::nn::tensors::Tensors;
use crate::{Error, Result};
use serde::Deserialize;
use std::sync::OnceLock;

/// What a file says it is whose matrices have weights of 8 bits, and one whose matrices may have weights of 4.
const FORMAT: &str = "bytelm-2";
const FORMAT_OF_HALVES: &str = "bytelm-3";
/// Largest width of a part, number of blocks, and logarithm of the rows of a table.
const MAX_WIDTH: usize = 4096;
const MAX_BLOCKS: usize = 16;
const MAX_BITS: u32 = 20;

const fn refused(what: &'static str) -> Error {
    Error::Weights { what }
}

/// Sizes of a network.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    pub(super) width: usize,
    pub(super) states: usize,
    pub(super) hidden: usize,
    pub(super) blocks: usize,
    pub(super) word_width: usize,
    pub(super) word_hidden: usize,
    pub(super) word_blocks: usize,
    contexts: Vec<usize>,
    pub(super) rows: Sizes,
}

/// Logarithms of the rows of tables, and the most bytes of a stretch.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Sizes {
    bits: Vec<u32>,
    pub(super) words: u32,
    pub(super) most: u32,
}

impl Config {
    /// Sizes of what is computed.
    pub(super) fn room(&self) -> state::Widths {
        state::Widths {
            width: self.width,
            states: self.states,
            words: self.word_width,
            hidden: self.hidden.max(self.word_hidden),
        }
    }

    fn check(&self) -> Result<()> {
        let widths = [
            self.width,
            self.states,
            self.hidden,
            self.word_width,
            self.word_hidden,
        ];
        let known = |&context: &usize| context < CONTEXTS;
        let bits = |bits: &u32| (1..=MAX_BITS).contains(bits);
        if widths.iter().all(|width| (1..=MAX_WIDTH).contains(width))
            // Two values of a table are in a byte.
            && self.width.is_multiple_of(2)
            && self.word_width.is_multiple_of(2)
            && self.blocks <= MAX_BLOCKS
            && self.word_blocks <= MAX_BLOCKS
            && self.contexts.len() <= CONTEXTS
            && self.contexts.iter().all(known)
            && self.rows.bits.len() == CONTEXTS
            && self.rows.bits.iter().all(bits)
            && bits(&self.rows.words)
            && self.rows.bits[0] == 8
            && self.rows.most > 0
        {
            Ok(())
        } else {
            Err(refused("sizes of a network are out of range"))
        }
    }
}

/// How matrices are taken.
type Take = fn(&Tensors<'_>, &str, (usize, usize)) -> Result<Matrix>;

/// A recurrence and a layer of hidden values, each added to what came in.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) gates: Matrix,
    pub(super) factors: Vec<i32>,
    pub(super) mix: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
}

impl Block {
    fn take(
        tensors: &Tensors<'_>,
        take: Take,
        name: &str,
        (width, hidden): (usize, usize),
    ) -> Result<Self> {
        let part = |part: &str, shape| take(tensors, &format!("{name}.{part}"), shape);
        let gates = part("gates", (3 * width, width))?;
        Ok(Self {
            gates: gates.biased(tensors, &format!("{name}.gates"))?,
            factors: factors(tensors, name, width)?,
            mix: part("mix", (width, width))?,
            up: part("up", (hidden, width))?,
            down: part("down", (width, hidden))?.of_hidden(),
        })
    }

    fn matrices(&self) -> [&Matrix; 4] {
        [&self.gates, &self.mix, &self.up, &self.down]
    }

    /// Runs over the sums of one place after the other.
    #[inline]
    fn run(&self, gates: &Gates, states: &mut [i32], x: &mut [i32], scratch: &mut Scratch) {
        let width = states.len();
        let (wide, hidden) = (padded(width), self.up.rows());
        let places = x.len() / width;
        let Scratch {
            steps,
            more,
            values,
        } = scratch;
        let steps = &mut steps[..places * wide];
        norms(x, width, steps);
        let gated = &mut values[..3 * places * width];
        self.gates.set(steps, gated);
        let each = gated
            .chunks_exact(3 * width)
            .zip(steps.chunks_exact_mut(wide));
        for (gated, steps) in each {
            gates.recur(gated, states, &self.factors, &mut steps[..width]);
        }
        self.mix.add(steps, x);
        norms(x, width, steps);
        let values = &mut values[..places * hidden];
        self.up.set(steps, values);
        let more = &mut more[..places * padded(hidden)];
        let each = values
            .chunks_exact(hidden)
            .zip(more.chunks_exact_mut(padded(hidden)));
        for (values, more) in each {
            squares(values, &mut more[..hidden]);
        }
        self.down.add(more, x);
    }
}

/// Sets steps, with padding, to the sums of `width` values of one place after the other, normalised.
#[inline]
pub(super) fn norms(x: &[i32], width: usize, steps: &mut [u8]) {
    let steps = steps.chunks_exact_mut(padded(width));
    for (x, steps) in x.chunks_exact(width).zip(steps) {
        norm(x, &mut steps[..width]);
    }
}

fn factors(tensors: &Tensors<'_>, name: &str, width: usize) -> Result<Vec<i32>> {
    let factors = tensors.numbers(&format!("{name}.state"), width)?;
    if factors.iter().any(|&factor| factor < 0) {
        return Err(refused("factor of a state is negative"));
    }
    Ok(factors)
}

/// A network, read only.
#[derive(Debug)]
pub struct Network {
    pub(super) config: Config,
    pub(super) gates: Gates,
    exp2: Exp2,
    /// For each table of a context: which context, its bits, the row at which it starts.
    tables: Vec<(usize, u32, usize)>,
    table: Rows,
    pub(super) words: Rows,
    pub(super) first_gates: Matrix,
    pub(super) first_factors: Vec<i32>,
    pub(super) first_mix: Matrix,
    pub(super) enter: Matrix,
    pub(super) enter_first: Matrix,
    pub(super) word_blocks: Vec<Block>,
    pub(super) leave: Matrix,
    pub(super) blocks: Vec<Block>,
    pub(super) out: Matrix,
    /// The state before the first byte, once it is known.
    start: OnceLock<State>,
}

impl Network {
    /// Takes the tensors of a file of weights.
    ///
    /// # Errors
    /// [`Error::Weights`] when they are others, or a value is out of range.
    pub fn take(tensors: &Tensors<'_>) -> Result<Self> {
        let take: Take = match tensors.word("format") {
            Some(FORMAT) => Matrix::take,
            Some(FORMAT_OF_HALVES) => Matrix::take_either,
            _ => return Err(refused("weights are not those of bytelm, version 2 or 3")),
        };
        let config = tensors.word("config").unwrap_or_default();
        let config: Config =
            serde_json::from_str(config).map_err(|_| refused("sizes of a network"))?;
        config.check()?;
        let (width, states, words) = (config.width, config.states, config.word_width);
        let mut rows = 0;
        let mut tables = Vec::new();
        for &context in &config.contexts {
            tables.push((context, config.rows.bits[context], rows));
            rows += 1 << config.rows.bits[context];
        }
        let matrix = |name: &str, shape| take(tensors, name, shape);
        let block =
            |name: &str, n: usize, shape| Block::take(tensors, take, &format!("{name}.{n}"), shape);
        let network = Self {
            gates: Gates::take(tensors)?,
            table: Rows::take(tensors, "table", rows, width)?,
            words: Rows::take(tensors, "words", 1 << config.rows.words, words)?,
            first_gates: matrix("first.gates", (2 * states, width))?
                .biased(tensors, "first.gates")?,
            first_factors: factors(tensors, "first", states)?,
            first_mix: matrix("first.mix", (width, states))?,
            enter: matrix("enter", (words, width))?,
            enter_first: matrix("enter.first", (words, states))?,
            word_blocks: (0..config.word_blocks)
                .map(|n| block("words", n, (words, config.word_hidden)))
                .collect::<Result<_>>()?,
            leave: matrix("leave", (width, words))?,
            blocks: (0..config.blocks)
                .map(|n| block("blocks", n, (width, config.hidden)))
                .collect::<Result<_>>()?,
            out: matrix("out", (BYTES, width))?.biased(tensors, "out")?,
            exp2: Exp2::take(tensors)?,
            tables,
            config,
            start: OnceLock::new(),
        };
        let reach: i64 = network.matrices().map(Matrix::reach).sum();
        let tables = network.tables.iter();
        let tables =
            tables.map(|&(_, bits, start)| network.table.reach(start..start + (1 << bits)));
        let words = network.words.reach(0..1 << network.config.rows.words);
        if reach + tables.sum::<i64>() + words >= 1 << 31 {
            return Err(refused("sums of a network may be too large"));
        }
        Ok(network)
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let blocks = self.word_blocks.iter().chain(&self.blocks);
        let single = [
            &self.first_gates,
            &self.first_mix,
            &self.enter,
            &self.enter_first,
            &self.leave,
            &self.out,
        ];
        single.into_iter().chain(blocks.flat_map(Block::matrices))
    }

    /// The state before the first byte: that after a newline.
    #[must_use]
    pub fn start(&self) -> State {
        self.start.get_or_init(|| self.first_state()).clone()
    }

    /// Blocks over bytes and over words.
    pub(super) fn parts(&self) -> [usize; 2] {
        [self.config.blocks, self.config.word_blocks]
    }

    fn first_state(&self) -> State {
        let mut state = State::new(self.config.room(), self.parts());
        self.steps(&mut state, b"\n");
        state
    }

    /// Takes the next byte; the logits of the one after it are then in the state.
    pub fn step(&self, state: &mut State, byte: u8) {
        self.steps(state, &[byte]);
    }

    /// Takes the next byte into contexts.
    #[inline]
    pub(super) fn push(&self, contexts: &mut Contexts, byte: u8) -> Selected {
        contexts.push(byte, self.config.rows.most)
    }

    /// Sets `x` to the sum of the rows of the contexts after a byte; returns the number of a word that ends there.
    #[inline]
    pub(super) fn look_up(&self, contexts: &mut Contexts, byte: u8, x: &mut [i32]) -> Option<u32> {
        let selected = self.push(contexts, byte);
        let mut rows = [0; CONTEXTS];
        for (to, &(context, bits, start)) in rows.iter_mut().zip(&self.tables) {
            *to = start + selected.row(context, bits);
        }
        self.table.sum(&rows[..self.tables.len()], x);
        selected.word
    }

    /// Takes the next bytes, part by part of the network and not byte by byte, so that weights are read once for all of
    /// them; the logits of what follows each are then in the state.
    pub fn steps(&self, state: &mut State, bytes: &[u8]) {
        let (width, words, n) = (self.config.width, self.config.word_width, bytes.len());
        let State {
            contexts,
            first,
            blocks,
            words: word_states,
            said,
            room,
        } = state;
        room.fit(self.config.room(), n);
        let Room {
            x,
            word,
            inner,
            outer,
            logits,
            ends,
            scratch,
        } = room;
        ends.clear();
        for (at, (&byte, x)) in bytes.iter().zip(x.chunks_exact_mut(width)).enumerate() {
            let word = self.look_up(contexts, byte, x);
            ends.extend(word.map(|word| (at, word)));
        }
        let (x, wide) = (&mut x[..n * width], padded(width));
        let (inner, outer) = (
            &mut inner[..n * wide],
            &mut outer[..n * padded(first.len())],
        );
        norms(x, width, inner);
        let values = &mut scratch.values[..2 * n * first.len()];
        self.first_gates.set(inner, values);
        let values = values.chunks_exact(2 * first.len());
        for (values, steps) in values.zip(outer.chunks_exact_mut(padded(first.len()))) {
            let steps = &mut steps[..first.len()];
            self.gates.recur(values, first, &self.first_factors, steps);
        }
        self.first_mix.add(outer, x);

        let word = &mut word[..ends.len() * words];
        for (&(at, number), word) in ends.iter().zip(word.chunks_exact_mut(words)) {
            self.words.sum(&[row(number, self.config.rows.words)], word);
            let place = |of: &[u8]| at * (of.len() / n)..(at + 1) * (of.len() / n);
            self.enter.add(&inner[place(inner)], word);
            self.enter_first.add(&outer[place(outer)], word);
        }
        for (block, states) in self.word_blocks.iter().zip(word_states) {
            block.run(&self.gates, states, word, scratch);
        }
        let steps = &mut scratch.steps[..ends.len() * padded(words)];
        norms(word, words, steps);
        let spoken = &mut scratch.values[..ends.len() * width];
        self.leave.set(steps, spoken);
        let mut spoken = ends.iter().zip(spoken.chunks_exact(width)).peekable();
        for (at, x) in x.chunks_exact_mut(width).enumerate() {
            if let Some((_, new)) = spoken.next_if(|((end, _), _)| *end == at) {
                said.copy_from_slice(new);
            }
            for (x, &said) in x.iter_mut().zip(&*said) {
                *x += said;
            }
        }

        for (block, states) in self.blocks.iter().zip(blocks) {
            block.run(&self.gates, states, x, scratch);
        }
        norms(x, width, inner);
        logits.resize(n * BYTES, 0);
        self.out.set(inner, logits);
    }

    /// Sets the weights of bytes by the logits of a state.
    #[inline]
    pub fn weigh(&self, state: &State, tree: &mut Tree) {
        self.weigh_all(state, std::slice::from_mut(tree));
    }

    /// Sets the weights of bytes after each of the last bytes that were taken together, as many as there are trees.
    #[inline]
    pub fn weigh_all(&self, state: &State, trees: &mut [Tree]) {
        let logits = state.room.logits.rchunks_exact(BYTES);
        for (logits, tree) in logits.zip(trees.iter_mut().rev()) {
            self.exp2.weigh(logits, tree.leaves());
            tree.add_up();
        }
    }
}
