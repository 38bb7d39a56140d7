//! Tokens that are all known: many are fed at once.

use super::codec::Settings;
use super::distributions::Distributions;
use super::model::Model;
use super::pool::Pool;
use super::session::{Session, BLOCK};
use super::watch::{Listener, Watch};
use crate::coder::quantize::Quantizer;
use crate::coder::MAX_PRECISION;
use crate::Result;
use std::sync::Arc;

/// Feeds `tokens` to an empty lane; `work` gets the number of each and the logits after it, and `then` the results in order.
pub fn follow<'m, T: Send + 'm>(
    session: &mut Session<'m>,
    pool: &Pool<'m>,
    tokens: &[u32],
    work: impl Fn(usize, &mut Vec<f32>, &mut Quantizer) -> Result<T> + Send + Sync + 'm,
    mut then: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    session.clear();
    let distributions = Distributions::new(work)?;
    let mut done = 0;
    while done < tokens.len() {
        let room = session.room(pool, 0..1);
        let some = room.min(BLOCK).min(tokens.len() - done);
        session.feed(pool, &[(0, &tokens[done..done + some])]);
        distributions.of(session, pool, 0..some, done, |i, result, _| then(i, result))?;
        done += some;
    }
    Ok(())
}

/// Calls `each` with each token and its logits, chunk by chunk; gathers the results.
pub fn over_chunks<'m, T: Send + 'm>(
    model: &'m Model,
    tokens: &[u32],
    settings: &Settings,
    listener: Listener<'_>,
    each: impl Fn(u32, &mut Vec<f32>, &mut Quantizer) -> Result<T> + Send + Sync + Clone + 'm,
) -> Result<Vec<T>> {
    let mut watch = Watch::new(listener);
    let mut results = Vec::with_capacity(tokens.len());
    let most = settings.chunk.min(tokens.len());
    Pool::with(settings.threads, |pool| {
        let mut session = Session::new(model, settings.by, 1, settings.window, most);
        session.begins_with(settings.start);
        for chunk in tokens.chunks(settings.chunk) {
            let mut fed: Vec<u32> = settings.start.into_iter().collect();
            fed.extend_from_slice(&chunk[..chunk.len() - 1]);
            let mut coded = chunk;
            if settings.start.is_none() {
                let mut row = vec![0.0; model.config.vocabulary];
                let mut quantizer = Quantizer::new(MAX_PRECISION)?;
                results.push(each(chunk[0], &mut row, &mut quantizer)?);
                coded = &chunk[1..];
            }
            let (coded, each): (Arc<[u32]>, _) = (coded.into(), each.clone());
            let work = move |i: usize, row: &mut Vec<f32>, quantizer: &mut Quantizer| {
                each(coded[i], row, quantizer)
            };
            follow(&mut session, pool, &fed, work, |_, result| {
                results.push(result);
                watch.check(results.len())
            })?;
        }
        Ok(())
    })?;
    Ok(results)
}
