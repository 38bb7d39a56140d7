//! What priors keep for the next streams: predictors, and their tables.

use super::kernel::Bucket;
use super::predictor::{Predictor, MATCH_MODELS};
use super::Sizes;
use crate::memory::Memory;
use crate::Result;
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Predictors that a prior keeps at most: a level, or two, in use.
pub(super) const KEPT: usize = 2;
/// Tables for further streams that a prior keeps at most: messages differ in length.
pub(super) const SPARE: usize = 4;
/// Level of a predictor, and table sizes where it has coded a text.
pub(super) type Key = (u32, Option<Sizes>);
/// What is kept by level: of a number of contexts that the level tells.
pub(super) type Parts<T> = Mutex<Vec<(Key, T)>>;

/// What a prior keeps.
#[derive(Default)]
pub struct Kept {
    /// The predictors that were used last, the latest last.
    pub(super) states: Parts<Arc<dyn Any + Send + Sync>>,
    /// Copies of them that have done their work and gone back, for the next streams: memory that is new costs more than
    /// that.
    pub(super) copies: Parts<Box<dyn Any + Send>>,
    /// The same of their tables.
    pub(super) tables: Parts<(Sizes, Tables)>,
}

/// Locks what no panic can leave in a bad state.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts one in, in place of the oldest one if there are `most`.
fn put<T>(parts: &Parts<T>, most: usize, key: Key, part: T) {
    let mut parts = lock(parts);
    if parts.len() >= most {
        parts.remove(0);
    }
    parts.push((key, part));
}

/// Takes out the latest one that fits.
fn take<T>(parts: &Parts<T>, key: Key, fits: impl Fn(&T) -> bool) -> Option<T> {
    let mut parts = lock(parts);
    let at = parts
        .iter()
        .rposition(|(other, part)| *other == key && fits(part))?;
    Some(parts.remove(at).1)
}

impl Kept {
    /// A predictor that was used of late.
    pub(super) fn get<T: Any + Send + Sync>(&self, key: Key) -> Option<Arc<T>> {
        let mut states = lock(&self.states);
        let at = states.iter().position(|(other, _)| *other == key)?;
        let found = states.remove(at);
        let state = Arc::clone(&found.1).downcast().ok();
        states.push(found);
        state
    }

    /// Keeps one.
    pub(super) fn put<T: Any + Send + Sync>(&self, key: Key, state: &Arc<T>) {
        lock(&self.states).retain(|(other, _)| *other != key);
        put(&self.states, KEPT, key, Arc::clone(state) as Arc<_>);
    }

    /// Tables of one, as they were at its start.
    pub(super) fn tables(&self, key: Key, sizes: Sizes) -> Option<Tables> {
        take(&self.tables, key, |(other, _)| *other == sizes).map(|(_, tables)| tables)
    }

    /// A copy of one, without tables.
    pub(super) fn copy<T: Any + Send>(&self, key: Key) -> Option<Box<T>> {
        take(&self.copies, key, |_| true)?.downcast().ok()
    }

    /// Keeps tables that went back to the start.
    pub(super) fn put_tables(&self, key: Key, sizes: Sizes, tables: Tables) {
        put(&self.tables, SPARE, key, (sizes, tables));
    }

    /// Keeps a copy that did.
    pub(super) fn put_copy<T: Any + Send>(&self, key: Key, copy: Box<T>) {
        put(&self.copies, KEPT, key, copy as Box<_>);
    }
}

/// Nothing is copied: a prior that is changed teaches other things.
impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

/// The larger memory of a predictor.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) buckets: Memory<Bucket>,
    pub(super) heads: [Memory<u32>; MATCH_MODELS],
}

impl Tables {
    /// Empty ones.
    pub(super) fn new(sizes: Sizes) -> Result<Self> {
        Ok(Self {
            buckets: Memory::new(sizes.buckets)?,
            heads: [Memory::new(sizes.heads)?, Memory::new(sizes.heads)?],
        })
    }

    /// Takes those of a predictor, which has none then.
    pub(super) fn take<const N: usize, const V: usize>(
        predictor: &mut Predictor<N, V>,
    ) -> Result<Self> {
        let (buckets, [short, long]) = predictor.memory();
        Ok(Self {
            buckets: buckets.take()?,
            heads: [short.take()?, long.take()?],
        })
    }

    /// Puts them into a predictor.
    pub(super) fn put<const N: usize, const V: usize>(self, predictor: &mut Predictor<N, V>) {
        let (buckets, [short, long]) = predictor.memory();
        *buckets = self.buckets;
        [*short, *long] = self.heads;
    }

    /// Takes the values of others of the same sizes.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.buckets.values().copy_from_slice(other.buckets.get());
        for (heads, other) in self.heads.iter_mut().zip(&other.heads) {
            heads.values().copy_from_slice(other.get());
        }
    }

    /// Empties them.
    pub(super) fn clear(&mut self) {
        self.buckets.values().fill(Bucket::default());
        self.clear_heads();
    }

    /// Empties those of the match models.
    pub(super) fn clear_heads(&mut self) {
        for heads in &mut self.heads {
            heads.values().fill(0);
        }
    }
}
