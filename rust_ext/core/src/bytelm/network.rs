//! The network: weights, and one step for each byte.

use super::contexts::{row, Contexts, CONTEXTS};
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

/// What the file says it is.
const FORMAT: &str = "bytelm-2";
/// Largest width of a part, number of blocks, and logarithm of the rows of a table.
const MAX_WIDTH: usize = 4096;
const MAX_BLOCKS: usize = 16;
const MAX_BITS: u32 = 20;

const fn refused(what: &'static str) -> Error {
    Error::Weights { what }
}

/// Sizes of a network.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    width: usize,
    states: usize,
    hidden: usize,
    blocks: usize,
    word_width: usize,
    word_hidden: usize,
    word_blocks: usize,
    contexts: Vec<usize>,
    rows: Sizes,
}

/// Logarithms of the rows of tables, and the most bytes of a stretch.
#[derive(Debug, Clone, Deserialize)]
struct Sizes {
    bits: Vec<u32>,
    words: u32,
    most: u32,
}

impl Config {
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

/// A recurrence and a layer of hidden values, each added to what came in.
#[derive(Debug)]
struct Block {
    gates: Matrix,
    factors: Vec<i32>,
    mix: Matrix,
    up: Matrix,
    down: Matrix,
}

impl Block {
    fn take(tensors: &Tensors<'_>, name: &str, width: usize, hidden: usize) -> Result<Self> {
        let part = |part: &str, shape| Matrix::take(tensors, &format!("{name}.{part}"), shape);
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

    #[inline]
    fn run(&self, gates: &Gates, states: &mut [i32], x: &mut [i32], scratch: &mut Scratch) {
        let width = states.len();
        let (wide, hidden) = (padded(width), padded(self.up.rows()));
        let Scratch {
            steps,
            more,
            values,
        } = scratch;
        norm(x, &mut steps[..width]);
        self.gates.set(&steps[..wide], &mut values[..3 * width]);
        gates.recur(
            &values[..3 * width],
            states,
            &self.factors,
            &mut steps[..width],
        );
        self.mix.add(&steps[..wide], x);
        norm(x, &mut steps[..width]);
        self.up.set(&steps[..wide], values);
        squares(&values[..self.up.rows()], &mut more[..self.up.rows()]);
        self.down.add(&more[..hidden], x);
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
    config: Config,
    gates: Gates,
    exp2: Exp2,
    /// For each table of a context: which context, its bits, the row at which it starts.
    tables: Vec<(usize, u32, usize)>,
    table: Rows,
    words: Rows,
    first_gates: Matrix,
    first_factors: Vec<i32>,
    first_mix: Matrix,
    enter: Matrix,
    enter_first: Matrix,
    word_blocks: Vec<Block>,
    leave: Matrix,
    blocks: Vec<Block>,
    out: Matrix,
}

impl Network {
    /// Takes the tensors of a file of weights.
    ///
    /// # Errors
    /// [`Error::Weights`] when they are others, or a value is out of range.
    pub fn take(tensors: &Tensors<'_>) -> Result<Self> {
        if tensors.word("format") != Some(FORMAT) {
            return Err(refused("weights are not those of bytelm, version 2"));
        }
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
        let matrix = |name: &str, shape| Matrix::take(tensors, name, shape);
        let block = |name: &str, n: usize, width, hidden| {
            Block::take(tensors, &format!("{name}.{n}"), width, hidden)
        };
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
                .map(|n| block("words", n, words, config.word_hidden))
                .collect::<Result<_>>()?,
            leave: matrix("leave", (width, words))?,
            blocks: (0..config.blocks)
                .map(|n| block("blocks", n, width, config.hidden))
                .collect::<Result<_>>()?,
            out: matrix("out", (256, width))?.biased(tensors, "out")?,
            exp2: Exp2::take(tensors)?,
            tables,
            config,
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

    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
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
        let config = &self.config;
        let zeros = |count: usize, width| vec![vec![0; width]; count];
        let widest = [config.width, config.word_width, config.states];
        let widest = widest.into_iter().max().unwrap_or(0);
        let hidden = config.hidden.max(config.word_hidden);
        let mut state = State {
            contexts: Contexts::default(),
            first: vec![0; config.states],
            blocks: zeros(config.blocks, config.width),
            words: zeros(config.word_blocks, config.word_width),
            said: vec![0; config.width],
            x: vec![0; config.width],
            word: vec![0; config.word_width],
            inner: vec![0; padded(config.width)],
            outer: vec![0; padded(config.states)],
            logits: vec![0; 256],
            scratch: Scratch {
                steps: vec![0; padded(widest)],
                more: vec![0; padded(hidden)],
                values: vec![0; (3 * widest).max(hidden)],
            },
        };
        self.step(&mut state, b'\n');
        state
    }

    /// Takes the next byte; the logits of the one after it are then in the state.
    pub fn step(&self, state: &mut State, byte: u8) {
        let width = self.config.width;
        let selected = state.contexts.push(byte, self.config.rows.most);
        let State {
            first,
            said,
            x,
            inner,
            outer,
            scratch,
            ..
        } = state;
        let mut rows = [0; CONTEXTS];
        for (to, &(context, bits, start)) in rows.iter_mut().zip(&self.tables) {
            *to = start + selected.row(context, bits);
        }
        self.table.sum(&rows[..self.tables.len()], x);
        norm(x, &mut inner[..width]);
        let values = &mut scratch.values[..2 * first.len()];
        self.first_gates.set(inner, values);
        let steps = &mut outer[..first.len()];
        self.gates.recur(values, first, &self.first_factors, steps);
        self.first_mix.add(outer, x);
        if let Some(number) = selected.word {
            let word = &mut state.word;
            let at = row(number, self.config.rows.words);
            self.words.sum(&[at], word);
            self.enter.add(inner, word);
            self.enter_first.add(outer, word);
            for (block, states) in self.word_blocks.iter().zip(&mut state.words) {
                block.run(&self.gates, states, word, scratch);
            }
            let wide = padded(word.len());
            norm(word, &mut scratch.steps[..word.len()]);
            self.leave.set(&scratch.steps[..wide], said);
        }
        for (x, &said) in x.iter_mut().zip(&*said) {
            *x += said;
        }
        for (block, states) in self.blocks.iter().zip(&mut state.blocks) {
            block.run(&self.gates, states, x, scratch);
        }
        norm(x, &mut inner[..width]);
        self.out.set(inner, &mut state.logits);
    }

    /// Sets the weights of bytes by the logits of a state.
    #[inline]
    pub fn weigh(&self, state: &State, tree: &mut Tree) {
        self.exp2.weigh(&state.logits, tree.leaves());
        tree.add_up();
    }
}

/// What a network remembers of a text, and room for one step.
#[derive(Debug, Clone)]
pub struct State {
    contexts: Contexts,
    first: Vec<i32>,
    blocks: Vec<Vec<i32>>,
    words: Vec<Vec<i32>>,
    said: Vec<i32>,
    x: Vec<i32>,
    word: Vec<i32>,
    inner: Vec<u8>,
    outer: Vec<u8>,
    logits: Vec<i32>,
    scratch: Scratch,
}

impl State {
    /// Logits of the next byte, in 1/1024 bit.
    #[must_use]
    pub fn logits(&self) -> &[i32] {
        &self.logits
    }
}

#[derive(Debug, Clone)]
struct Scratch {
    steps: Vec<u8>,
    more: Vec<u8>,
    values: Vec<i32>,
}
