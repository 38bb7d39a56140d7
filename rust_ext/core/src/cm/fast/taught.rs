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
        }
    }

    fn prior(text: &[u8]) -> Prior {
        let prior = Prior::new("own", Table::empty()).unwrap();
        prior.with_text(text).unwrap()
    }

    fn kept(prior: &Prior) -> usize {
        prior.kept().0.lock().unwrap().len()
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
        let levels: Vec<u32> = prior
            .kept()
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|(key, _)| key.0)
            .collect();
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
        let state = Arc::new(teaching.run::<scalar::Scalar>().unwrap());
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
