//! Tokens as bytes, and what else follows from their probabilities.
//!
//! Tokens are cut into chunks, each of which begins anew, and `lanes` chunks are coded side by side: the first token of each,
//! the second of each, and so on; then come the next chunks. A decoder computes all lanes together. An encoder, which knows
//! all tokens, feeds one chunk after the other, many tokens at once: the distributions are the same, bit by bit.

use super::dot::simd::{exponents, largest};
use super::dot::Simd;
use super::follow::{follow, over_chunks};
use super::lanes::in_lanes;
use super::model::Model;
use super::pool::{Pool, MAX_THREADS};
use super::session::Session;
use super::watch::{Listener, Watch};
use crate::coder::quantize::Quantizer;
use crate::coder::rans::Stack;
use crate::coder::{Interval, MAX_PRECISION};
use crate::{machine, Error, Result};
use std::f64::consts::LOG2_E;

/// The most chunks that are coded side by side.
pub const MAX_LANES: usize = 256;

/// How tokens are coded.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What a chunk begins with, if with anything; it is not coded.
    pub start: Option<u32>,
    /// Tokens that may be seen at once.
    pub window: usize,
    /// Tokens of a chunk.
    pub chunk: usize,
    /// Chunks that are coded side by side.
    pub lanes: usize,
    /// Threads, which have no influence on results.
    pub threads: usize,
    /// Vector instructions, which have none either.
    pub by: Simd,
}

impl Settings {
    pub(super) fn check(&self, model: &Model, tokens: &[u32]) -> Result<()> {
        let config = &model.config;
        let known = |&token: &u32| (token as usize) < config.vocabulary;
        let what = match self {
            Self { window, .. } if !(1..=config.context).contains(window) => {
                "window: 1 to the context of the network"
            }
            Self { chunk: 0, .. } => "chunk: at least 1",
            Self { lanes, .. } if !(1..=MAX_LANES).contains(lanes) => "lanes: 1 to 256",
            Self { threads, .. } if !(1..=MAX_THREADS).contains(threads) => "threads: 1 to 256",
            Self { start, .. } if !start.iter().all(known) => "start: a token of the vocabulary",
            _ if !tokens.iter().all(known) => "tokens: each of the vocabulary",
            _ => return machine::check(),
        };
        Err(Error::Parameter { what })
    }
}

/// Turns logits into weights; the largest is one.
pub(super) fn weigh(by: Simd, logits: &mut [f32]) -> Result<()> {
    let most = largest(by, logits);
    if !most.is_finite() {
        return Err(Error::Model {
            what: "the results of the network are not finite",
        });
    }
    exponents(by, logits, most);
    Ok(())
}

/// Logits after each of some tokens, one row for each, in one lane.
///
/// # Errors
/// [`Error::Parameter`] when a setting or a token is out of range, [`Error::Machine`], [`Error::Interrupted`].
pub fn logits(
    model: &Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<f32>> {
    settings.check(model, tokens)?;
    let mut watch = Watch::new(listener);
    let mut all = Vec::with_capacity(tokens.len() * model.config.vocabulary);
    Pool::with(settings.threads, |pool| {
        let mut session = Session::new(model, settings.by, 1, settings.window, tokens.len());
        let copy = |_: usize, row: &mut Vec<f32>, _: &mut Quantizer| Ok(row.clone());
        follow(&mut session, pool, tokens, copy, |i, row| {
            all.extend_from_slice(&row);
            watch.check(i)
        })
    })?;
    Ok(all)
}

/// The interval of each token, in their order.
pub(super) fn intervals(
    model: &Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<Interval>> {
    let by = settings.by;
    let interval = move |token: u32, row: &mut Vec<f32>, quantizer: &mut Quantizer| {
        weigh(by, row)?;
        quantizer.interval(row, token as usize)
    };
    over_chunks(model, tokens, settings, listener, interval)
}

/// Encodes tokens.
///
/// # Errors
/// [`Error::Parameter`] when a setting or a token is out of range, [`Error::Model`] when the results of the network are
/// not finite, [`Error::Machine`], [`Error::Interrupted`].
pub fn encode(
    model: &Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    settings.check(model, tokens)?;
    let of_chunks = intervals(model, tokens, settings, listener)?;
    let mut intervals: Vec<Interval> = Vec::with_capacity(tokens.len());
    for group in of_chunks.chunks(settings.chunk.saturating_mul(settings.lanes)) {
        for step in 0..settings.chunk.min(group.len()) {
            let lanes = group.chunks(settings.chunk);
            intervals.extend(lanes.filter_map(|lane| lane.get(step)));
        }
    }
    let mut stack = Stack::new(1)?;
    stack.push_intervals(&intervals, MAX_PRECISION)?;
    Ok(stack.to_bytes())
}

/// Decodes `count` tokens.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when the payload is damaged, [`Error::Parameter`] when a setting is out of
/// range, [`Error::Model`] when the results of the network are not finite, [`Error::Machine`], [`Error::Interrupted`].
pub fn decode(
    model: &Model,
    payload: &[u8],
    count: usize,
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u32>> {
    settings.check(model, &[])?;
    let by = settings.by;
    let mut stack = Stack::from_bytes(payload, 1)?;
    let mut quantizer = Quantizer::new(MAX_PRECISION)?;
    let pop = |_: usize, row: &[f32]| {
        let (token, interval) = quantizer.find(row, stack.peek(MAX_PRECISION)?)?;
        stack.pop(interval, MAX_PRECISION)?;
        Ok(token)
    };
    let weigh = move |row: &mut Vec<f32>| weigh(by, row);
    let tokens = in_lanes(model, count, settings, listener, weigh, pop)?;
    stack.finish()?;
    Ok(tokens)
}

/// Bits of each token under the weights, before they become integers. A report: other than all else here, it takes
/// logarithms as the system computes them.
///
/// # Errors
/// Those of [`encode`].
pub fn lengths(
    model: &Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<f64>> {
    settings.check(model, tokens)?;
    let by = settings.by;
    let length = move |token: u32, row: &mut Vec<f32>, _: &mut Quantizer| {
        let under = f64::from(largest(by, row)) - f64::from(row[token as usize]);
        weigh(by, row)?;
        let total: f64 = row.iter().map(|&weight| f64::from(weight)).sum();
        Ok(under * LOG2_E + total.log2())
    };
    over_chunks(model, tokens, settings, listener, length)
}

/// Makes logits that compare as numbers do: there is one zero, and what is not a number comes last.
fn comparable(logits: &mut [f32]) {
    for x in logits {
        *x = if *x > f32::NEG_INFINITY {
            *x + 0.0
        } else {
            f32::NEG_INFINITY
        };
    }
}

/// The rank of each token: how many have a larger logit, or the same and a lower number.
///
/// # Errors
/// Those of [`encode`].
pub fn ranks(
    model: &Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u32>> {
    settings.check(model, tokens)?;
    let rank = |token: u32, row: &mut Vec<f32>, _: &mut Quantizer| {
        comparable(row);
        let (own, before) = (row[token as usize], token as usize);
        let larger = row.iter().filter(|&&logit| logit > own).count();
        let same = row[..before].iter().filter(|&&logit| logit >= own).count();
        let more = row[..before].iter().filter(|&&logit| logit > own).count();
        #[allow(clippy::cast_possible_truncation)] // below the size of the vocabulary
        Ok((larger + same - more) as u32)
    };
    over_chunks(model, tokens, settings, listener, rank)
}

/// The tokens that have these ranks.
///
/// # Errors
/// Those of [`encode`], and [`Error::Corrupt`] when a rank is not below the size of the vocabulary.
pub fn unranks(
    model: &Model,
    ranks: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u32>> {
    settings.check(model, &[])?;
    if ranks
        .iter()
        .any(|&rank| rank as usize >= model.config.vocabulary)
    {
        return Err(Error::Corrupt {
            what: "rank is not below the size of the vocabulary",
        });
    }
    let choose = |number: usize, row: &[f32]| {
        let mut order: Vec<u32> = (0..).take(row.len()).collect();
        let (_, token, _) = order.select_nth_unstable_by(ranks[number] as usize, |&a, &b| {
            let logits = (row[a as usize], row[b as usize]);
            logits.1.total_cmp(&logits.0).then(a.cmp(&b))
        });
        Ok(*token)
    };
    let make = |row: &mut Vec<f32>| {
        comparable(row);
        Ok(())
    };
    in_lanes(model, ranks.len(), settings, listener, make, choose)
}
