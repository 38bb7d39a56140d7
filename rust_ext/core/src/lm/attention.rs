//! What tokens see of those before them.

use super::config::Config;
use super::dot::simd::{exponents, largest, mix, products, sum};
use super::dot::{padded, Rows, Simd};
use super::grid::Grid;
use super::model::{Layer, Norm};
use super::norm;
use super::rope::Rope;
use std::sync::{Arc, PoisonError, RwLock};

/// Tokens of a lane that are worked on together.
const BLOCK: usize = 8;

/// Keys and values of one head of one lane in one layer, one row for each position.
#[derive(Debug, Default)]
pub struct Head {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Head {
    /// Adds keys and values of a position, of which there will be no more than `most`.
    fn push(&mut self, keys: &[f32], values: &[f32], most: usize) {
        for (all, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            if all.capacity() < all.len() + new.len() {
                // Twice as much each time, but not more than is needed in the end.
                let count = (2 * all.len()).min(most * new.len());
                all.reserve_exact(count.saturating_sub(all.len()).max(new.len()));
            }
            all.extend_from_slice(new);
        }
    }

    /// Forgets all positions.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
    }
}

/// Tokens that follow each other in a lane.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Which lane.
    pub lane: usize,
    /// The row of the first one.
    pub first: usize,
    /// How many there are.
    pub count: usize,
    /// The position of the first one.
    pub position: usize,
}

/// Everything that attention needs in one layer.
pub struct Attention<'m> {
    /// The processor's instructions.
    pub by: Simd,
    /// The network's description.
    pub config: &'m Config,
    /// The layer.
    pub layer: &'m Layer,
    /// Angles of positions.
    pub rope: Arc<Rope>,
    /// What is worked on.
    pub spans: Arc<Vec<Span>>,
    /// The most positions of a lane.
    pub most: usize,
    /// Heads of all layers and lanes.
    pub heads: Arc<Vec<RwLock<Head>>>,
    /// The first head of the layer; those of a lane are beside each other.
    pub base: usize,
    /// Queries, one row for each token.
    pub queries: Arc<Grid>,
    /// Keys.
    pub keys: Arc<Grid>,
    /// Values.
    pub values: Arc<Grid>,
    /// Results, a row as wide as that of queries.
    pub out: Arc<Grid>,
}

impl Attention<'_> {
    fn head(&self, span: &Span, head: usize) -> &RwLock<Head> {
        &self.heads[self.base + span.lane * self.config.kv_heads + head]
    }

    /// Copies a head of a token, and puts it where it is.
    fn turned(
        &self,
        grid: &Grid,
        row: usize,
        head: usize,
        at: (usize, Option<&Norm>),
        out: &mut [f32],
    ) {
        let width = self.config.head_width;
        let (position, norm) = at;
        let out = &mut out[..width];
        grid.get(row, head * width, out);
        if let Some(norm) = norm {
            norm::in_place(self.by, norm, self.config.norm_epsilon, out);
        }
        self.rope.rotate(position, out);
    }

    /// Multiplications of [`Attention::append`] and [`Attention::attend`].
    pub fn cost(&self) -> (usize, usize) {
        let tokens: usize = self.spans.iter().map(|span| span.count).sum();
        let seen: usize = self
            .spans
            .iter()
            .map(|span| span.count * (span.position + span.count))
            .sum();
        (
            tokens * self.config.keys() * 4,
            seen * self.config.queries() * 2,
        )
    }

    /// Parts of [`Attention::append`].
    pub fn append_parts(&self) -> usize {
        self.spans.len() * self.config.kv_heads
    }

    /// Adds keys and values of tokens to those of a head.
    pub fn append(&self, part: usize) {
        let (span, g) = (
            &self.spans[part / self.config.kv_heads],
            part % self.config.kv_heads,
        );
        let width = self.config.head_width;
        let mut head = self
            .head(span, g)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let (mut keys, mut values) = (vec![0.0; padded(width)], vec![0.0; padded(width)]);
        for i in 0..span.count {
            let at = (span.position + i, self.layer.k_norm.as_ref());
            self.turned(&self.keys, span.first + i, g, at, &mut keys);
            self.values
                .get(span.first + i, g * width, &mut values[..width]);
            head.push(&keys, &values, self.most);
        }
    }

    /// What [`Attention::attend`] is called with.
    pub fn attend_parts(&self) -> Vec<(usize, usize, usize)> {
        let mut parts = Vec::new();
        for (s, span) in self.spans.iter().enumerate() {
            for first in (0..span.count).step_by(BLOCK) {
                parts.extend((0..self.config.kv_heads).map(|g| (s, g, first)));
            }
        }
        parts
    }

    /// What a few tokens see through the queries that share a head of keys.
    pub fn attend(&self, (s, g, first): (usize, usize, usize)) {
        let (config, span) = (self.config, &self.spans[s]);
        let width = config.head_width;
        let wide = padded(width);
        let group = config.heads / config.kv_heads;
        let tokens = BLOCK.min(span.count - first);
        let start = span.position + first;
        // Before this nobody sees anything.
        let least = self.least(start);
        let seen = start + tokens - least;
        let mut queries = vec![0.0; tokens * group * wide];
        #[allow(clippy::cast_precision_loss)] // at most 2^10
        let scale = 1.0 / (width as f32).sqrt();
        for (i, query) in queries.chunks_exact_mut(wide).enumerate() {
            let (token, h) = (i / group, g * group + i % group);
            let at = (start + token, self.layer.q_norm.as_ref());
            self.turned(&self.queries, span.first + first + token, h, at, query);
            for x in query {
                *x *= scale;
            }
        }
        let head = self
            .head(span, g)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut scores = vec![0.0; tokens * group * seen];
        let keys = &head.keys[least * wide..][..seen * wide];
        products(self.by, Rows::F32(keys), wide, &queries, &mut scores);
        let mut mixed = vec![0.0; wide];
        for (i, scores) in scores.chunks_exact_mut(seen).enumerate() {
            let (token, h) = (i / group, g * group + i % group);
            let (from, to) = (self.least(start + token), start + token + 1);
            let scores = &mut scores[from - least..to - least];
            let most = largest(self.by, scores);
            exponents(self.by, scores, most);
            let total = sum(self.by, scores);
            mix(
                self.by,
                scores,
                &head.values[from * wide..to * wide],
                &mut mixed,
            );
            for (j, &value) in mixed[..width].iter().enumerate() {
                self.out
                    .put(span.first + first + token, h * width + j, value / total);
            }
        }
    }

    /// The first position that a token sees.
    fn least(&self, position: usize) -> usize {
        let window = self.config.sliding_window.unwrap_or(usize::MAX);
        (position + 1).saturating_sub(window)
    }
}
