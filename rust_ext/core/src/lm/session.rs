//! Lanes of tokens, and what a network makes of them.

use super::attention::{Attention, Head, Span};
use super::config::Config;
use super::dot::{padded, Simd};
use super::grid::Grid;
use super::model::{Layer, Linear, Model, Norm};
use super::norm;
use super::pool::{Pool, Work};
use super::products::{logits, project, unit, Product};
use super::rope::Rope;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

/// Tokens that are worked on together.
pub const BLOCK: usize = 64;
/// Tokens whose logits are in memory together.
pub const LOGITS: usize = 16;

/// Tokens of one lane, to be fed.
pub type Segment<'a> = (usize, &'a [u32]);

/// Results of all rows, in the hands of whoever computes them.
#[derive(Debug, Default)]
struct Grids {
    queries: Arc<Grid>,
    keys: Arc<Grid>,
    values: Arc<Grid>,
    mixed: Arc<Grid>,
    hidden: Arc<Grid>,
    back: Arc<Grid>,
    logits: Arc<Grid>,
}

/// Lanes of tokens that a network follows.
pub struct Session<'m> {
    model: &'m Model,
    by: Simd,
    window: usize,
    /// What a lane begins with, if with anything, also after it has forgotten.
    begin: Option<u32>,
    /// The most positions of a lane.
    most: usize,
    rope: Arc<Rope>,
    /// Of each lane the tokens that it sees.
    lanes: Vec<Vec<u32>>,
    heads: Arc<Vec<RwLock<Head>>>,
    /// The state of each row.
    state: Vec<f32>,
    input: Arc<Vec<f32>>,
    /// What the last matrix is to see of each row.
    last: Vec<f32>,
    grids: Grids,
}

/// The most bytes that a session takes, without those of the network.
#[must_use]
pub fn bytes(config: &Config, lanes: usize, window: usize) -> u64 {
    let size = |values: usize| 4 * values as u64;
    let window = window.min(config.context);
    let head = size(2 * padded(config.head_width)) * window as u64;
    let heads = (config.layers * config.kv_heads) as u64 * lanes as u64 * head;
    let rows = lanes.max(BLOCK) as u64;
    let row = 5 * padded(config.width)
        + 2 * padded(config.queries())
        + 2 * config.keys()
        + 2 * padded(config.hidden);
    // Logits, weights, and weights as integers.
    let logits = LOGITS as u64 * size(3 * config.vocabulary);
    let angles = size(config.rope_width) * window as u64;
    heads + rows * size(row) + logits + angles
}

impl<'m> Session<'m> {
    /// Begins with empty lanes, which see up to `window` tokens, of which there will be no more than `most`.
    #[must_use]
    pub fn new(model: &'m Model, by: Simd, lanes: usize, window: usize, most: usize) -> Self {
        let heads = model.config.layers * lanes * model.config.kv_heads;
        Self {
            model,
            by,
            window,
            begin: None,
            most: window.min(most),
            rope: Arc::new(Rope::new(&model.config, window.min(most))),
            lanes: vec![Vec::new(); lanes],
            heads: Arc::new((0..heads).map(|_| RwLock::default()).collect()),
            state: Vec::new(),
            input: Arc::default(),
            last: Vec::new(),
            grids: Grids::default(),
        }
    }

    /// The number of tokens that there are.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.model.config.vocabulary
    }

    /// Empties all lanes.
    pub fn clear(&mut self) {
        for lane in 0..self.lanes.len() {
            self.clear_lane(lane);
        }
    }

    fn clear_lane(&mut self, lane: usize) {
        self.lanes[lane].clear();
        let heads = self.model.config.kv_heads;
        for layer in 0..self.model.config.layers {
            let first = (layer * self.lanes.len() + lane) * heads;
            for head in &self.heads[first..first + heads] {
                head.write().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
    }

    /// Tells what lanes begin with; the first time, it is to be fed as all tokens are.
    pub fn begins_with(&mut self, begin: Option<u32>) {
        self.begin = begin;
    }

    /// How many tokens a lane can be fed at once: at least one, for which a full lane forgets its older half.
    pub fn room(&mut self, pool: &Pool<'m>, lanes: Range<usize>) -> usize {
        let full = lanes
            .clone()
            .filter(|&lane| self.lanes[lane].len() == self.window);
        let mut kept = Vec::new();
        for lane in full.collect::<Vec<_>>() {
            let mut tokens = self.lanes[lane].split_off(self.window - self.window / 2);
            // A network that was trained to see it first predicts badly without.
            if let (Some(first), Some(begin)) = (tokens.first_mut(), self.begin) {
                *first = begin;
            }
            self.clear_lane(lane);
            kept.push((lane, tokens));
        }
        // The kept tokens are what a lane begins with.
        for (lane, tokens) in kept {
            for tokens in tokens.chunks(BLOCK) {
                self.feed(pool, &[(lane, tokens)]);
            }
        }
        let rooms = self.lanes[lanes]
            .iter()
            .map(|lane| self.window - lane.len());
        rooms.min().unwrap_or(0)
    }

    /// Feeds tokens to lanes, each of which must have room for them. Rows are those of the segments, in their order.
    pub fn feed(&mut self, pool: &Pool<'m>, segments: &[Segment<'_>]) {
        let model = self.model;
        let width = padded(model.config.width);
        let mut spans = Vec::with_capacity(segments.len());
        let mut rows = 0;
        for &(lane, tokens) in segments {
            let position = self.lanes[lane].len();
            spans.push(Span {
                lane,
                first: rows,
                count: tokens.len(),
                position,
            });
            rows += tokens.len();
        }
        self.state.clear();
        self.state.resize(rows * width, 0.0);
        let mut states = self.state.chunks_exact_mut(width);
        for (span, &(lane, tokens)) in spans.iter().zip(segments) {
            for ((i, &token), state) in tokens.iter().enumerate().zip(&mut states) {
                let state = &mut state[..model.config.width];
                model.embedding.row(token as usize, state);
                if let Some(positions) = &model.positions {
                    let mut row = vec![0.0; state.len()];
                    positions.row(span.position + i, &mut row);
                    state.iter_mut().zip(row).for_each(|(x, more)| *x += more);
                }
            }
            self.lanes[lane].extend_from_slice(tokens);
        }
        self.resize(rows);
        let spans = Arc::new(spans);
        for (i, layer) in model.layers.iter().enumerate() {
            self.layer(pool, i, layer, &spans, rows);
        }
        self.last.clone_from(&self.state);
        for row in self.last.chunks_exact_mut(width) {
            let row = &mut row[..model.config.width];
            norm::in_place(self.by, &model.final_norm, model.config.norm_epsilon, row);
        }
    }

    fn resize(&mut self, rows: usize) {
        let config = &self.model.config;
        Grid::resize(&mut self.grids.queries, rows, config.queries());
        Grid::resize(&mut self.grids.keys, rows, config.keys());
        Grid::resize(&mut self.grids.values, rows, config.keys());
        Grid::resize(&mut self.grids.mixed, rows, padded(config.queries()));
        Grid::resize(&mut self.grids.hidden, rows, padded(config.hidden));
        Grid::resize(&mut self.grids.back, rows, padded(config.width));
    }

    fn layer(
        &mut self,
        pool: &Pool<'m>,
        index: usize,
        layer: &'m Layer,
        spans: &Arc<Vec<Span>>,
        rows: usize,
    ) {
        let config = &self.model.config;
        self.normed(&layer.attention_norm);
        let to = |linear: &'m Linear, out: &Arc<Grid>| Product {
            linear,
            out: Arc::clone(out),
        };
        let grids = &self.grids;
        let products = vec![
            to(&layer.q, &grids.queries),
            to(&layer.k, &grids.keys),
            to(&layer.v, &grids.values),
        ];
        project(pool, self.by, products, &self.input, rows);
        let attention = Arc::new(Attention {
            by: self.by,
            config,
            layer,
            rope: Arc::clone(&self.rope),
            spans: Arc::clone(spans),
            most: self.most,
            heads: Arc::clone(&self.heads),
            base: index * self.lanes.len() * config.kv_heads,
            queries: Arc::clone(&grids.queries),
            keys: Arc::clone(&grids.keys),
            values: Arc::clone(&grids.values),
            out: Arc::clone(&grids.mixed),
        });
        let (append, attend) = attention.cost();
        let parts = attention.append_parts();
        let shared = Arc::clone(&attention);
        let work: Work<'m> = Arc::new(move |part| shared.append(part));
        pool.run_if(append, parts, &work);
        let parts = attention.attend_parts();
        let count = parts.len();
        let work: Work<'m> = Arc::new(move |part| attention.attend(parts[part]));
        pool.run_if(attend, count, &work);
        drop(work);
        // What the unit is to see is not what attention makes if both are beside each other.
        let beside = config.parallel_residual.then(|| {
            self.normed(&layer.mlp_norm);
            Arc::clone(&self.input)
        });
        self.take_input(rows, padded(config.queries()), |grids| &mut grids.mixed);
        self.back(pool, &layer.o, rows);
        if let Some(input) = beside {
            self.input = input;
        } else {
            self.normed(&layer.mlp_norm);
        }
        let gate = layer.gate.as_ref();
        let out = &self.grids.hidden;
        unit(
            pool,
            self.by,
            gate,
            to(&layer.up, out),
            config.activation,
            &self.input,
            rows,
        );
        self.take_input(rows, padded(config.hidden), |grids| &mut grids.hidden);
        self.back(pool, &layer.down, rows);
    }

    /// Makes the normed state the input.
    fn normed(&mut self, norm: &Norm) {
        let config = &self.model.config;
        let input = Arc::make_mut(&mut self.input);
        input.clone_from(&self.state);
        for row in input.chunks_exact_mut(padded(config.width)) {
            norm::in_place(self.by, norm, config.norm_epsilon, &mut row[..config.width]);
        }
    }

    /// Makes results the input.
    fn take_input(
        &mut self,
        rows: usize,
        width: usize,
        which: impl Fn(&mut Grids) -> &mut Arc<Grid>,
    ) {
        let input = Arc::make_mut(&mut self.input);
        input.resize(rows * width, 0.0);
        Grid::zip(which(&mut self.grids), input, |to, value| *to = value);
    }

    /// Adds products of the input to the state.
    fn back(&mut self, pool: &Pool<'m>, linear: &'m Linear, rows: usize) {
        let product = Product {
            linear,
            out: Arc::clone(&self.grids.back),
        };
        project(pool, self.by, vec![product], &self.input, rows);
        Grid::zip(&mut self.grids.back, &mut self.state, |state, value| {
            *state += value;
        });
    }

    /// Computes the logits of some of the rows that were fed last.
    pub fn logits(&mut self, pool: &Pool<'m>, rows: Range<usize>) -> &Arc<Grid> {
        let width = padded(self.model.config.width);
        let head = self.model.head();
        let input = Arc::make_mut(&mut self.input);
        input.clear();
        input.extend_from_slice(&self.last[rows.start * width..rows.end * width]);
        Grid::resize(&mut self.grids.logits, rows.len(), head.rows());
        logits(
            pool,
            self.by,
            head,
            &self.grids.logits,
            &self.input,
            rows.len(),
        );
        &self.grids.logits
    }
}
