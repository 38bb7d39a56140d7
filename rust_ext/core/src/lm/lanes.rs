//! Tokens that are found one after the other: those of several chunks are found side by side.

use super::codec::Settings;
use super::distributions::Distributions;
use super::model::Model;
use super::pool::Pool;
use super::session::Session;
use super::watch::{Listener, Watch};
use crate::Result;
use std::ops::Range;

/// Finds the tokens of chunks. `make` turns logits into what `choose` finds a token in, whose number it is given; calls of
/// `choose` come in the order of a payload.
pub fn in_lanes<'m>(
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
    let most = settings.chunk.min(count);
    let shared = make.clone();
    let distributions = Distributions::new(move |_, row, _| shared(row))?;
    Pool::with(settings.threads, |pool| {
        let mut session = Session::new(model, settings.by, lanes, settings.window, most);
        session.begins_with(settings.start);
        while tokens.len() < count {
            let mut group = Group {
                first: tokens.len(),
                count: (count - tokens.len()).min(settings.chunk.saturating_mul(lanes)),
                chunk: settings.chunk,
                found: Vec::new(),
            };
            session.clear();
            for step in 0..group.chunk.min(group.count) {
                let fed = group.fed(step, settings.start);
                let lanes = group.lanes(step);
                if fed.is_empty() {
                    let mut row = vec![0.0; model.config.vocabulary];
                    make(&mut row)?;
                    for lane in lanes {
                        group.put(lane, choose(group.number(lane, step), &row)?);
                    }
                } else {
                    session.room(pool, lanes.clone());
                    let segments: Vec<_> =
                        fed.iter().map(std::slice::from_ref).enumerate().collect();
                    session.feed(pool, &segments);
                    distributions.of(&mut session, pool, lanes, 0, |lane, (), row| {
                        group.put(lane, choose(group.number(lane, step), row)?);
                        Ok(())
                    })?;
                }
                watch.check(group.first + group.found.iter().map(Vec::len).sum::<usize>())?;
            }
            tokens.extend(group.found.into_iter().flatten());
        }
        Ok(())
    })?;
    Ok(tokens)
}

/// Chunks whose tokens are found side by side.
struct Group {
    /// Tokens before it.
    first: usize,
    /// Its tokens.
    count: usize,
    /// Tokens of each chunk but the last.
    chunk: usize,
    /// What was found of each chunk.
    found: Vec<Vec<u32>>,
}

impl Group {
    /// The lanes that have a token of that number: the last one may be shorter than the others.
    fn lanes(&self, step: usize) -> Range<usize> {
        let whole = self.count / self.chunk;
        0..whole + usize::from(step < self.count % self.chunk)
    }

    /// The place of a token among all.
    fn number(&self, lane: usize, step: usize) -> usize {
        self.first + lane * self.chunk + step
    }

    fn put(&mut self, lane: usize, token: u32) {
        if lane == self.found.len() {
            self.found.push(Vec::new());
        }
        self.found[lane].push(token);
    }

    /// What each lane is fed before a token of that number is found, if it is fed anything.
    fn fed(&self, step: usize, start: Option<u32>) -> Vec<u32> {
        let lanes = self.lanes(step);
        if step == 0 {
            return start.map_or(Vec::new(), |start| vec![start; lanes.len()]);
        }
        let found = self.found[lanes].iter();
        found.filter_map(|lane| lane.last().copied()).collect()
    }
}
