//! Predictors that have coded the text of a prior: what streams and messages start from.
//!
//! A message is far shorter than the text. So the predictor that has just coded the text is kept by the prior, where its
//! tables are small, and each stream starts from a copy of it. Bytes do not depend on that: a predictor that is kept is
//! what it would be if it were made anew.

use super::kernel::{Bucket, Kernel, Task};
use super::predictor::{Predictor, MATCH_MODELS};
use super::simd::dispatch;
use super::{Sizes, SMALL_TABLE};
use crate::bitmodel::{Encoding, SymbolCoder};
use crate::cm::prior::Prior;
use crate::cm::Params;
use crate::memory::Memory;
use crate::{interrupt, Result};
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Predictors that a prior keeps at most: a level, or two, in use.
const KEPT: usize = 2;
/// Bytes of text between two looks whether to stop.
const INTERVAL: usize = 1 << 13;

/// Level and table sizes of a predictor.
type Key = (u32, Sizes);

/// What a prior keeps.
#[derive(Default)]
pub struct Kept {
    /// The predictors that were used last, the latest last.
    states: Mutex<Vec<(Key, Arc<dyn Any + Send + Sync>)>>,
    /// Tables of copies that have done their work, for the next ones: memory that is new costs more than copying.
    spare: Mutex<Vec<(Sizes, Tables)>>,
}

/// Locks what no panic can leave in a bad state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn get<T: Any + Send + Sync>(&self, key: Key) -> Option<Arc<T>> {
        let mut states = lock(&self.states);
        let at = states.iter().position(|(other, _)| *other == key)?;
        let found = states.remove(at);
        let state = Arc::clone(&found.1).downcast().ok();
        states.push(found);
        state
    }

    fn put<T: Any + Send + Sync>(&self, key: Key, state: &Arc<T>) {
        let mut states = lock(&self.states);
        states.retain(|(other, _)| *other != key);
        if states.len() >= KEPT {
            states.remove(0);
        }
        states.push((key, Arc::clone(state) as Arc<dyn Any + Send + Sync>));
    }

    fn tables(&self, sizes: Sizes) -> Result<Tables> {
        let mut spare = lock(&self.spare);
        let at = spare.iter().position(|(other, _)| *other == sizes);
        at.map_or_else(|| Tables::new(sizes), |at| Ok(spare.swap_remove(at).1))
    }

    fn give_back(&self, sizes: Sizes, tables: Tables) {
        let mut spare = lock(&self.spare);
        spare.truncate(KEPT - 1);
        spare.insert(0, (sizes, tables));
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
struct Tables {
    buckets: Memory<Bucket>,
    heads: [Memory<u32>; MATCH_MODELS],
}

impl Tables {
    fn new(sizes: Sizes) -> Result<Self> {
        Ok(Self {
            buckets: Memory::new(sizes.buckets)?,
            heads: [Memory::new(sizes.heads)?, Memory::new(sizes.heads)?],
        })
    }

    fn take<const N: usize, const V: usize>(predictor: &mut Predictor<N, V>) -> Result<Self> {
        let (buckets, [short, long]) = predictor.memory();
        Ok(Self {
            buckets: buckets.take()?,
            heads: [short.take()?, long.take()?],
        })
    }

    fn put<const N: usize, const V: usize>(self, predictor: &mut Predictor<N, V>) {
        let (buckets, [short, long]) = predictor.memory();
        *buckets = self.buckets;
        [*short, *long] = self.heads;
    }

    fn copy_from(&mut self, other: &Self) {
        self.buckets.values().copy_from_slice(other.buckets.get());
        for (heads, other) in self.heads.iter_mut().zip(&other.heads) {
            heads.values().copy_from_slice(other.get());
        }
    }
}

/// A predictor without its tables, and these.
#[derive(Debug)]
struct State<const N: usize, const V: usize> {
    predictor: Predictor<N, V>,
    tables: Tables,
}

/// Whether predictors of such tables are kept: copying them takes less time than coding a text anew.
pub(super) fn is_kept(sizes: Sizes) -> bool {
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
    let kept = prior.kept();
    let key = (params.level, sizes);
    let state = if let Some(state) = kept.get::<State<N, V>>(key) {
        state
    } else {
        // Without a lock: what is called now and then to look for signals may itself code something.
        let mut predictor = dispatch(teaching)?;
        let tables = Tables::take(&mut predictor)?;
        let state = Arc::new(State { predictor, tables });
        kept.put(key, &state);
        state
    };
    let mut tables = kept.tables(sizes)?;
    tables.copy_from(&state.tables);
    let mut copy = state.predictor.clone();
    tables.put(&mut copy);
    Ok(copy)
}

/// Takes a predictor from [`taught`] that is no longer needed.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory.
pub fn give_back<const N: usize, const V: usize>(
    sizes: Sizes,
    prior: &Prior,
    mut predictor: Predictor<N, V>,
) -> Result<()> {
    if is_kept(sizes) {
        let tables = Tables::take(&mut predictor)?;
        prior.kept().give_back(sizes, tables);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::super::{decode, encode, level, scalar, sizes, Coding, LEVELS};
    use super::*;
    use crate::cm::prior::table::Table;
    use crate::cm::Kind;
    use std::sync::Arc;
    use std::thread;

    const TEXT: &[u8] = b"1 sea shell, 2 sea shells, 3 sea shells by the sea shore, 4 sea shells; ";
    const MESSAGE: &[u8] = b"5 sea shells by the sea shore";

    fn params(level: u32, kind: Kind) -> Params {
        Params {
            level,
            kind,
            record: 1,
            row: 1,
            lanes: 1,
        }
    }

    fn prior(text: &[u8]) -> Prior {
        let prior = Prior::new("own", Table::empty()).unwrap();
        prior.with_text(text).unwrap()
    }

    fn kept(prior: &Prior) -> usize {
        lock(&prior.kept().states).len()
    }

    #[test]
    fn what_the_text_has_is_shorter() {
        let prior = prior(&TEXT.repeat(4));
        for level in 3..9 {
            let params = params(level, Kind::Text);
            let [without, with] = [None, Some(&prior)].map(|prior| {
                let payload = encode(MESSAGE, &params, prior).unwrap();
                let decoded = decode(&payload, MESSAGE.len(), &params, prior).unwrap();
                assert_eq!(decoded, MESSAGE);
                payload.len()
            });
            assert!(with * 2 < without, "level {level}: {with}, {without}");
        }
    }

    #[test]
    fn a_copy_codes_the_same_bytes() {
        for level in 3..9 {
            let params = params(level, Kind::Text);
            let used = prior(TEXT);
            let coded: Vec<_> = [MESSAGE, TEXT, MESSAGE, &MESSAGE[3..]]
                .into_iter()
                .map(|symbols| encode(symbols, &params, Some(&used)).unwrap())
                .collect();
            assert_eq!(kept(&used), 1);
            assert_eq!(coded[0], coded[2]);
            for (symbols, coded) in [MESSAGE, TEXT, MESSAGE, &MESSAGE[3..]].iter().zip(coded) {
                let anew = prior(TEXT);
                assert_eq!(encode(symbols, &params, Some(&anew)).unwrap(), coded);
                assert_eq!(
                    decode(&coded, symbols.len(), &params, Some(&anew)).unwrap(),
                    *symbols
                );
            }
        }
    }

    #[test]
    fn large_tables_are_not_kept() {
        let params = params(5, Kind::Text);
        let prior = prior(TEXT);
        let symbols = TEXT.repeat((1 << 20) / TEXT.len());
        let payload = encode(&symbols, &params, Some(&prior)).unwrap();
        assert_eq!(kept(&prior), 0);
        let decoded = decode(&payload, symbols.len(), &params, Some(&prior)).unwrap();
        assert!(decoded == symbols);
    }

    #[test]
    fn the_last_levels_are_kept() {
        let prior = prior(TEXT);
        for level in [3, 4, 3, 5] {
            encode(MESSAGE, &params(level, Kind::Text), Some(&prior)).unwrap();
        }
        let states = lock(&prior.kept().states);
        let levels: Vec<u32> = states.iter().map(|(key, _)| key.0).collect();
        drop(states);
        assert_eq!(levels, [3, 5]);
        assert_eq!(kept(&prior.clone()), 0);
    }

    #[test]
    fn threads_share_what_is_kept() {
        let prior = Arc::new(prior(TEXT));
        let params = params(5, Kind::Text);
        let expected = encode(MESSAGE, &params, Some(&prior.with_text(TEXT).unwrap())).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let prior = Arc::clone(&prior);
                thread::spawn(move || encode(MESSAGE, &params, Some(&prior)).unwrap())
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
        assert_eq!(kept(&prior), 1);
    }

    #[test]
    fn binary_content_knows_no_text() {
        let params = params(5, Kind::Binary);
        let prior = prior(TEXT);
        assert_eq!(
            encode(MESSAGE, &params, Some(&prior)),
            encode(MESSAGE, &params, None)
        );
        assert_eq!(kept(&prior), 0);
    }

    fn same_bytes<const N: usize, const V: usize>(at: u32) {
        let params = params(at, Kind::Text);
        let vector = encode(MESSAGE, &params, Some(&prior(TEXT))).unwrap();
        let prior = prior(TEXT);
        let sizes = sizes(TEXT.len() + MESSAGE.len(), level(&params));
        let teaching = Teaching::<N, V> {
            sizes,
            params: &params,
            prior: &prior,
        };
        let mut predictor = teaching.run::<scalar::Scalar>().unwrap();
        let tables = Tables::take(&mut predictor).unwrap();
        let state = Arc::new(State { predictor, tables });
        prior.kept().put((at, sizes), &state);
        let mut coder = Encoding::new(MESSAGE);
        let task = Coding::<_, N, V> {
            coder: &mut coder,
            count: MESSAGE.len(),
            params: &params,
            prior: Some(&prior),
        };
        task.run::<scalar::Scalar>().unwrap();
        // It started from what was taught here.
        assert_eq!(kept(&prior), 1);
        assert_eq!(coder.finish(), vector);
    }

    #[test]
    fn scalar_and_vector_are_taught_the_same() {
        same_bytes::<6, 1>(3);
        same_bytes::<9, 1>(5);
        same_bytes::<29, 2>(7);
        same_bytes::<53, 4>(8);
    }

    #[test]
    fn what_is_kept_is_small() {
        let most = Sizes {
            buckets: SMALL_TABLE,
            heads: SMALL_TABLE,
        };
        assert!(is_kept(most));
        for at in LEVELS {
            // A text of the usual length, and a message.
            assert!(is_kept(sizes((1 << 15) + (1 << 12), at)));
        }
        assert!(!is_kept(Sizes {
            heads: 2 * SMALL_TABLE,
            ..most
        }));
    }
}
