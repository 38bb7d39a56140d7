//! Tokens as bytes, and what else follows from their probabilities.
//!
//! Tokens are cut into chunks, each of which begins anew, and `lanes` chunks are coded side by side: the first token of each,
//! the second of each, and so on; then come the next chunks. A decoder computes all lanes together. An encoder, which knows
//! all tokens, feeds one chunk after the other, many tokens at once: the distributions are the same, bit by bit.

use super::dot::simd::{exponents, largest};
use super::dot::Simd;
use super::machine;
use super::model::Model;
use super::pool::{Pool, MAX_THREADS};
use super::session::{Session, BLOCK};
use crate::coder::quantize::Quantizer;
use crate::coder::rans::Stack;
use crate::coder::{Interval, MAX_PRECISION};
use crate::{Error, Result};
use std::ops::Range;
use std::time::{Duration, Instant};

/// The most chunks that are coded side by side.
pub const MAX_LANES: usize = 256;
/// Time between two looks at whether to stop.
const INTERVAL: Duration = Duration::from_millis(50);

/// How tokens are coded.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What a chunk begins with, if with anything; it is not coded.
    pub start: Option<u32>,
    /// Tokens that a token may see, those that it is not told of included.
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
    fn check(&self, model: &Model) -> Result<()> {
        let config = &model.config;
        let what = match self {
            Self { window, .. } if !(1..=config.context).contains(window) => {
                "window: 1 to the context of the network"
            }
            Self { chunk: 0, .. } => "chunk: at least 1",
            Self { lanes, .. } if !(1..=MAX_LANES).contains(lanes) => "lanes: 1 to 256",
            Self { threads, .. } if !(1..=MAX_THREADS).contains(threads) => "threads: 1 to 256",
            Self {
                start: Some(start), ..
            } if *start as usize >= config.vocabulary => "start: a token of the vocabulary",
            _ => return machine::check(),
        };
        Err(Error::Parameter { what })
    }
}

pub(super) fn check_tokens(model: &Model, tokens: &[u32]) -> Result<()> {
    if tokens
        .iter()
        .any(|&token| token as usize >= model.config.vocabulary)
    {
        return Err(Error::Parameter {
            what: "tokens: each of the vocabulary",
        });
    }
    Ok(())
}

/// Who is told how many tokens are done, and says whether to stop.
pub type Listener<'a> = &'a mut dyn FnMut(usize) -> bool;

/// Calls a listener now and then.
struct Watch<'a> {
    listener: Listener<'a>,
    last: Instant,
}

impl<'a> Watch<'a> {
    fn new(listener: Listener<'a>) -> Self {
        Self {
            listener,
            last: Instant::now(),
        }
    }

    fn check(&mut self, done: usize) -> Result<()> {
        if self.last.elapsed() < INTERVAL {
            return Ok(());
        }
        self.last = Instant::now();
        if (self.listener)(done) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

/// Turns logits into weights; the largest is one.
pub(super) fn weigh(by: Simd, logits: &mut [f32]) -> Result<()> {
    let most = largest(by, logits);
    if !most.is_finite() {
        return Err(Error::Model {
            what: "the network's results are not finite",
        });
    }
    exponents(by, logits, most);
    Ok(())
}

/// Feeds `tokens` to an empty lane and calls `each` with the logits after each one and its number; `then` gets the results
/// in order.
fn follow<'m, T: Default + Send + 'm>(
    session: &mut Session<'m>,
    pool: &Pool<'m>,
    tokens: &[u32],
    each: impl Fn(usize, &mut Vec<f32>) -> T + Send + Sync + Clone + 'm,
    mut then: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    session.clear();
    let slots = session.slots(T::default);
    let mut done = 0;
    while done < tokens.len() {
        let room = session.room(pool, 0..1);
        let some = room.min(BLOCK).min(tokens.len() - done);
        session.feed(pool, &[(0, &tokens[done..done + some])]);
        let each = each.clone();
        let work =
            move |i: usize, row: &mut Vec<f32>, result: &mut T| *result = each(done + i, row);
        let results = std::sync::Arc::clone(&slots);
        session.distributions(pool, 0..some, &slots, work, |rows| {
            for (i, slot) in rows.zip(results.iter()) {
                let mut slot = slot
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                then(done + i, std::mem::take(&mut slot.1))?;
            }
            Ok(())
        })?;
        done += some;
    }
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
    settings.check(model)?;
    check_tokens(model, tokens)?;
    let mut watch = Watch::new(listener);
    let mut all = Vec::with_capacity(tokens.len() * model.config.vocabulary);
    Pool::with(settings.threads, |pool| {
        let mut session = Session::new(model, settings.by, 1, settings.window, tokens.len());
        follow(
            &mut session,
            pool,
            tokens,
            |_, row| row.clone(),
            |i, row: Vec<f32>| {
                all.extend_from_slice(&row);
                watch.check(i)
            },
        )
    })?;
    Ok(all)
}

/// Calls `each` with the logits of each token and the token, chunk by chunk; gathers the results.
fn over_chunks<'m, T: Default + Send + 'm>(
    model: &'m Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
    each: impl Fn(&mut Vec<f32>, u32) -> Result<T> + Send + Sync + Clone + 'm,
) -> Result<Vec<T>> {
    settings.check(model)?;
    check_tokens(model, tokens)?;
    let mut watch = Watch::new(listener);
    let mut results = Vec::with_capacity(tokens.len());
    let most = settings.chunk.min(tokens.len());
    Pool::with(settings.threads, |pool| {
        let mut session = Session::new(model, settings.by, 1, settings.window, most);
        for chunk in tokens.chunks(settings.chunk) {
            let mut fed: Vec<u32> = settings.start.into_iter().collect();
            fed.extend_from_slice(&chunk[..chunk.len() - 1]);
            let coded = if settings.start.is_some() {
                chunk
            } else {
                let mut row = vec![0.0; model.config.vocabulary];
                results.push(each(&mut row, chunk[0])?);
                &chunk[1..]
            };
            let (coded, each): (std::sync::Arc<[u32]>, _) = (coded.into(), each.clone());
            let work = move |i: usize, row: &mut Vec<f32>| Some(each(row, coded[i]));
            follow(
                &mut session,
                pool,
                &fed,
                work,
                |_, result: Option<Result<T>>| {
                    results.extend(result.transpose()?);
                    watch.check(results.len())
                },
            )?;
        }
        Ok(())
    })?;
    Ok(results)
}

/// Encodes tokens.
///
/// # Errors
/// [`Error::Parameter`] when a setting or a token is out of range, [`Error::Model`] when the network's results are not
/// finite, [`Error::Machine`], [`Error::Interrupted`].
pub fn encode(
    model: &Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    let by = settings.by;
    let interval = move |row: &mut Vec<f32>, token: u32| {
        weigh(by, row)?;
        let interval = Quantizer::new(MAX_PRECISION)?.interval(row, token as usize)?;
        Ok(Some(interval))
    };
    let of_chunks = over_chunks(model, tokens, settings, listener, interval)?;
    let mut intervals: Vec<Interval> = Vec::with_capacity(tokens.len());
    for group in of_chunks.chunks(settings.chunk.saturating_mul(settings.lanes)) {
        for step in 0..settings.chunk.min(group.len()) {
            let lanes = group.chunks(settings.chunk);
            intervals.extend(lanes.filter_map(|lane| lane.get(step).copied().flatten()));
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
/// range, [`Error::Model`] when the network's results are not finite, [`Error::Machine`], [`Error::Interrupted`].
pub fn decode(
    model: &Model,
    payload: &[u8],
    count: usize,
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u32>> {
    settings.check(model)?;
    let mut stack = Stack::from_bytes(payload, 1)?;
    let mut quantizer = Quantizer::new(MAX_PRECISION)?;
    let by = settings.by;
    let pop = |_: usize, row: &[f32]| {
        let (token, interval) = quantizer.find(row, stack.peek(MAX_PRECISION)?)?;
        stack.pop(interval, MAX_PRECISION)?;
        Ok(token)
    };
    let tokens = in_lanes(
        model,
        count,
        settings,
        listener,
        move |row| weigh(by, row),
        pop,
    )?;
    stack.finish()?;
    Ok(tokens)
}

/// Decodes chunks side by side. `make` turns logits into what `choose` finds a token in, whose number it is given; the
/// calls of `choose` are in the order of tokens in a payload.
pub(super) fn in_lanes<'m>(
    model: &'m Model,
    count: usize,
    settings: &Settings,
    listener: Listener<'_>,
    make: impl Fn(&mut Vec<f32>) -> Result<()> + Send + Sync + Clone + 'm,
    mut choose: impl FnMut(usize, &[f32]) -> Result<u32>,
) -> Result<Vec<u32>> {
    let mut watch = Watch::new(listener);
    let mut tokens = Vec::new();
    let lanes = settings.lanes.min(count.div_ceil(settings.chunk));
    Pool::with(settings.threads, |pool| {
        let most = settings.chunk.min(count);
        let mut session = Session::new(model, settings.by, lanes, settings.window, most);
        while tokens.len() < count {
            let group = Group {
                first: tokens.len(),
                count: (count - tokens.len()).min(settings.chunk.saturating_mul(lanes)),
                chunk: settings.chunk,
            };
            for lane in group.decode(
                &mut session,
                pool,
                settings.start,
                &mut watch,
                make.clone(),
                &mut choose,
            )? {
                tokens.extend(lane);
            }
        }
        Ok(())
    })?;
    Ok(tokens)
}

/// Chunks that are decoded side by side.
struct Group {
    /// Tokens before it.
    first: usize,
    /// Its tokens.
    count: usize,
    /// Tokens of each chunk but the last.
    chunk: usize,
}

impl Group {
    /// The lanes that have a token of that number: the last lane may be shorter than the others.
    fn lanes(&self, step: usize) -> Range<usize> {
        let whole = self.count / self.chunk;
        let last = usize::from(step < self.count % self.chunk);
        0..whole + last
    }

    fn decode<'m>(
        &self,
        session: &mut Session<'m>,
        pool: &Pool<'m>,
        start: Option<u32>,
        watch: &mut Watch<'_>,
        make: impl Fn(&mut Vec<f32>) -> Result<()> + Send + Sync + Clone + 'm,
        choose: &mut impl FnMut(usize, &[f32]) -> Result<u32>,
    ) -> Result<Vec<Vec<u32>>> {
        session.clear();
        let slots = session.slots(|| Ok(()));
        let mut decoded = vec![Vec::new(); self.lanes(0).len()];
        let mut done = self.first;
        for step in 0..self.chunk.min(self.count) {
            let lanes = self.lanes(step);
            let mut fed: Vec<[u32; 1]> = Vec::new();
            if step > 0 {
                fed.extend(
                    decoded[lanes.clone()]
                        .iter()
                        .filter_map(|lane| lane.last().map(|&token| [token])),
                );
            } else if let Some(start) = start {
                fed.resize(lanes.len(), [start]);
            }
            let mut put = |lane: usize, row: &[f32]| {
                let token = choose(self.first + lane * self.chunk + step, row)?;
                decoded[lane].push(token);
                Ok::<_, Error>(())
            };
            if fed.is_empty() {
                let mut row = vec![0.0; session.vocabulary()];
                make(&mut row)?;
                lanes.clone().try_for_each(|lane| put(lane, &row))?;
            } else {
                session.room(pool, lanes.clone());
                let segments: Vec<_> = lanes
                    .clone()
                    .zip(fed.iter().map(|token| &token[..]))
                    .collect();
                session.feed(pool, &segments);
                let make = make.clone();
                let work = move |_: usize, row: &mut Vec<f32>, result: &mut Result<()>| {
                    *result = make(row);
                };
                let results = std::sync::Arc::clone(&slots);
                session.distributions(pool, lanes.clone(), &slots, work, |rows| {
                    for (lane, slot) in rows.zip(results.iter()) {
                        let slot = slot
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner);
                        slot.1.clone()?;
                        put(lane, &slot.0)?;
                    }
                    Ok(())
                })?;
            }
            done += lanes.len();
            watch.check(done)?;
        }
        Ok(decoded)
    }
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
    let by = settings.by;
    let length = move |row: &mut Vec<f32>, token: u32| {
        let most = largest(by, row);
        let over = f64::from(row[token as usize]) - f64::from(most);
        weigh(by, row)?;
        let total: f64 = row.iter().map(|&weight| f64::from(weight)).sum();
        Ok(total.log2() - over * std::f64::consts::LOG2_E)
    };
    over_chunks(model, tokens, settings, listener, length)
}

/// Makes logits that compare as numbers do: without two zeros, and what is not a number comes last.
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
    over_chunks(model, tokens, settings, listener, |row, token| {
        comparable(row);
        let own = row[token as usize];
        let before =
            |(i, &logit): (usize, &f32)| logit > own || (logit >= own && i < token as usize);
        let rank = row.iter().enumerate().filter(|&each| before(each)).count();
        Ok(u32::try_from(rank).unwrap_or(u32::MAX))
    })
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
    settings.check(model)?;
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
        let logit = |token: u32| row[token as usize];
        let (_, token, _) = order.select_nth_unstable_by(ranks[number] as usize, |&a, &b| {
            logit(b).total_cmp(&logit(a)).then(a.cmp(&b))
        });
        Ok(*token)
    };
    let make = |row: &mut Vec<f32>| {
        comparable(row);
        Ok(())
    };
    in_lanes(model, ranks.len(), settings, listener, make, choose)
}
