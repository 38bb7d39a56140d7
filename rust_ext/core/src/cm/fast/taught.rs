//! Predictors that have coded the text of a prior: what streams and messages start from.
//!
//! A message is far shorter than the text. So the predictor that has just coded the text is kept by the prior, where its
//! tables are small, and each stream starts from a copy of it. Bytes do not depend on that: a predictor that is kept is
//! what it would be if it were made anew.

use super::kernel::{Kernel, Task};
use super::predictor::Predictor;
use super::simd::dispatch;
use super::{Sizes, SMALL_TABLE};
use crate::bitmodel::{Encoding, SymbolCoder};
use crate::cm::prior::Prior;
use crate::cm::Params;
use crate::{interrupt, Result};
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// Predictors that a prior keeps at most: a level, or two, in use.
const KEPT: usize = 2;
/// Bytes of text between two looks whether to stop.
const INTERVAL: usize = 1 << 13;

/// Level and table sizes of a predictor.
type Key = (u32, Sizes);

/// The predictors that were used last, the latest last.
#[derive(Default)]
pub struct Kept(Mutex<Vec<(Key, Arc<dyn Any + Send + Sync>)>>);

impl Kept {
    fn get<T: Any + Send + Sync>(&self, key: Key) -> Option<Arc<T>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(other, _)| *other == key)?;
        let found = kept.remove(at);
        let state = Arc::clone(&found.1).downcast().ok();
        kept.push(found);
        state
    }

    fn put<T: Any + Send + Sync>(&self, key: Key, state: &Arc<T>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| *other != key);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((key, Arc::clone(state) as Arc<dyn Any + Send + Sync>));
    }
}

/// None are copied: a prior that is changed teaches other things.
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

/// Whether predictors of such tables are kept: copying them takes less time than coding a text anew.
pub fn is_kept(sizes: Sizes) -> bool {
    sizes.buckets <= SMALL_TABLE && sizes.heads <= SMALL_TABLE
}

/// A predictor that has coded the text of a prior.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory, [`crate::Error::Interrupted`].
pub fn taught<const N: usize, const V: usize>(
    sizes: Sizes,
    params: &Params,
    prior: &Prior,
) -> Result<Predictor<N, V>> {
    let teaching = Teaching::<N, V> {
        sizes,
        params,
        prior,
    };
    if !is_kept(sizes) {
        return dispatch(teaching);
    }
    let key = (params.level, sizes);
    if let Some(state) = prior.kept().get::<Predictor<N, V>>(key) {
        return Ok(Predictor::clone(&state));
    }
    // Without a lock: what is called now and then to look for signals may itself code something.
    let state = Arc::new(dispatch(teaching)?);
    prior.kept().put(key, &state);
    Ok(Predictor::clone(&state))
}

struct Teaching<'a, const N: usize, const V: usize> {
    sizes: Sizes,
    params: &'a Params,
    prior: &'a Prior,
}

impl<const N: usize, const V: usize> Task for Teaching<'_, N, V> {
    type Output = Result<Predictor<N, V>>;

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        let text = self.prior.text();
        let mut predictor = super::untaught(self.sizes, self.params, Some(self.prior))?;
        let mut primed = super::primed(Some(self.prior));
        // What it writes is not wanted.
        let mut coder = Encoding::new(text);
        let mut history = Vec::with_capacity(text.len());
        while history.len() < text.len() && coder.begin(history.len()) {
            if history.len().is_multiple_of(INTERVAL) {
                // None of the stream is done yet.
                interrupt::check(0)?;
            }
            predictor.byte::<K, _>(&mut primed, &mut coder, &mut history);
        }
        Ok(predictor)
    }
}
