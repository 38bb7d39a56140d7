//! Predictors that streams and messages start from, kept by the prior: those that have coded its text, and for messages
//! those without a text, too.
//!
//! A message is far shorter than the text, and takes less time than to make a predictor. So each stream starts from a
//! copy of one that is kept, and after a message the copy goes back to where it started, for the next one. Bytes do not
//! depend on that: a predictor that is kept is what it would be if it were made anew.

use super::guesses::MOST_NOTED;
use super::kept::{Key, Tables};
use super::kernel::{Bucket, Kernel, Task};
use super::predictor::Predictor;
use super::simd::dispatch;
use super::{Sizes, SMALL_TABLE};
use crate::bitmodel::{Encoding, SymbolCoder};
use crate::cm::prior::Prior;
use crate::cm::Params;
use crate::memory::Memory;
use crate::{interrupt, Result};
use std::sync::Arc;

/// Symbols of a message at most.
pub const MESSAGE: usize = MOST_NOTED;
const _: () = assert!(crate::bitmodel::MESSAGE <= MESSAGE);
/// Where a message can have changed one of so many pairs of buckets at most, two for each byte and context, it takes
/// less time to empty these than to empty all.
const FEW: usize = 8;
/// Bytes of text between two looks whether to stop.
const INTERVAL: usize = 1 << 13;

/// A predictor without its tables, and these; without a text they are empty.
#[derive(Debug)]
struct State<const N: usize, const V: usize> {
    predictor: Predictor<N, V>,
    tables: Option<Tables>,
}

/// Whether predictors of such tables are kept after a text: copying them takes less time than coding it anew.
pub(super) fn is_kept(sizes: Sizes) -> bool {
    sizes.buckets <= SMALL_TABLE && sizes.heads <= SMALL_TABLE
}

/// A predictor at the start of a stream, and what it is a copy of.
pub struct Started<const N: usize, const V: usize> {
    /// The predictor.
    pub predictor: Box<Predictor<N, V>>,
    sizes: Sizes,
    of: Option<(Key, Arc<State<N, V>>)>,
}

/// Starts a stream of `count` symbols.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory, [`crate::Error::Interrupted`].
pub fn start<const N: usize, const V: usize>(
    sizes: Sizes,
    count: usize,
    params: &Params,
    prior: Option<&Prior>,
) -> Result<Started<N, V>> {
    let text = prior.is_some_and(|prior| !prior.text().is_empty());
    let keeps = if text {
        is_kept(sizes)
    } else {
        Predictor::<N, V>::RESTORED && count <= MESSAGE
    };
    let Some(prior) = prior.filter(|_| keeps) else {
        return Ok(Started {
            predictor: Box::new(fresh(sizes, params, prior)?),
            sizes,
            of: None,
        });
    };
    let kept = prior.kept();
    let key = (params.level, text.then_some(sizes));
    let state = if let Some(state) = kept.get::<State<N, V>>(key) {
        state
    } else {
        // Without a lock: what is called now and then to look for signals may itself code something.
        let mut predictor = fresh(sizes, params, Some(prior))?;
        let tables = Tables::take(&mut predictor)?;
        let tables = text.then_some(tables);
        let state = Arc::new(State { predictor, tables });
        kept.put(key, &state);
        state
    };
    let tables = if let Some(tables) = kept.tables(key, sizes) {
        tables
    } else {
        let mut tables = Tables::new(sizes)?;
        if let Some(taught) = &state.tables {
            tables.copy_from(taught);
        }
        tables
    };
    let copy = kept.copy(key);
    let mut predictor = copy.unwrap_or_else(|| Box::new(state.predictor.clone()));
    tables.put(&mut predictor);
    predictor.take_up();
    Ok(Started {
        predictor,
        sizes,
        of: Some((key, state)),
    })
}

impl<const N: usize, const V: usize> Started<N, V> {
    /// Ends the stream, which is `history` from `from` on: what was kept for it is ready for the next one.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn end(self, prior: &Prior, history: &[u8], from: usize) -> Result<()> {
        let (mut predictor, Some((key, state))) = (self.predictor, self.of) else {
            return Ok(());
        };
        let length = history.len() - from;
        let short = Predictor::<N, V>::RESTORED && length <= MESSAGE;
        let start = &state.predictor;
        let few = short && length * N * FEW <= self.sizes.buckets;
        match &state.tables {
            Some(taught) if short => {
                let heads = taught.heads.each_ref().map(Memory::get);
                predictor.restore_tables(start, taught.buckets.get(), heads, history, from);
            }
            None if few => {
                predictor.restore_buckets(start, |_| Bucket::default(), history, from);
            }
            _ => {}
        }
        let mut tables = Tables::take(&mut predictor)?;
        match &state.tables {
            None if few => tables.clear_heads(),
            None => tables.clear(),
            Some(taught) if !short => tables.copy_from(taught),
            Some(_) => {}
        }
        prior.kept().put_tables(key, self.sizes, tables);
        if short {
            predictor.restore(start, history, from);
            prior.kept().put_copy(key, predictor);
        }
        Ok(())
    }
}

/// A predictor that is made anew, and has coded the text of a prior.
fn fresh<const N: usize, const V: usize>(
    sizes: Sizes,
    params: &Params,
    prior: Option<&Prior>,
) -> Result<Predictor<N, V>> {
    match prior.filter(|prior| !prior.text().is_empty()) {
        Some(prior) => dispatch(Teaching::<N, V> {
            sizes,
            params,
            prior,
        }),
        None => super::untaught(sizes, params, prior),
    }
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
    use super::super::kept::{lock, KEPT, SPARE};
    use super::super::{decode, decode_message, encode, encode_message, scalar, sizes, Coding};
    use super::*;
    use crate::cm::prior::table::{self, Table};
    use crate::cm::Kind;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::thread;

    const TEXT: &[u8] = b"1 sea shell, 2 sea shells, 3 sea shells by the sea shore, 4 sea shells; ";
    const SHORT: &[u8] = b"5 sea shells by the sea shore";

    fn params(level: u32, kind: Kind) -> Params {
        Params {
            level,
            kind,
            record: 1,
            row: 1,
            lanes: 1,
            roomy: true,
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
                let payload = encode(SHORT, &params, prior).unwrap();
                let decoded = decode(&payload, SHORT.len(), &params, prior).unwrap();
                assert_eq!(decoded, SHORT);
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
            let coded: Vec<_> = [SHORT, TEXT, SHORT, &SHORT[3..]]
                .into_iter()
                .map(|symbols| encode(symbols, &params, Some(&used)).unwrap())
                .collect();
            assert_eq!(kept(&used), 1);
            assert_eq!(coded[0], coded[2]);
            for (symbols, coded) in [SHORT, TEXT, SHORT, &SHORT[3..]].iter().zip(coded) {
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
            encode(SHORT, &params(level, Kind::Text), Some(&prior)).unwrap();
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
        let expected = encode(SHORT, &params, Some(&prior.with_text(TEXT).unwrap())).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let prior = Arc::clone(&prior);
                thread::spawn(move || encode(SHORT, &params, Some(&prior)).unwrap())
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
            encode(SHORT, &params, Some(&prior)),
            encode(SHORT, &params, None)
        );
        assert_eq!(kept(&prior), 0);
    }

    /// Symbols of a message that has repeated parts, and parts where what was repeated goes on in another way.
    fn message(parts: &[usize]) -> Vec<u8> {
        const PARTS: [&[u8]; 4] = [TEXT, SHORT, b"by the sea shore, 4 cats\n", b"\xff\0 and "];
        parts
            .iter()
            .flat_map(|&at| PARTS[at % 4])
            .copied()
            .collect()
    }

    fn table() -> Prior {
        let bucket = [
            4, 0x0D, 0xE0, 0x65, 0x05, 0x42, 0x02, 0x60, 0x69, b'e', b'y', b's', b's', b't', b'n',
            5,
        ];
        let buckets: Vec<u8> = (0..64 * table::BUCKET).map(|i| bucket[i % 16]).collect();
        Prior::new("table", Table::new(&buckets).unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_was_coded_before_changes_nothing(
            messages in prop::collection::vec(prop::collection::vec(0..4_usize, 0..90), 2..6),
            level in 3..9_u32,
            text in any::<bool>(),
        ) {
            let params = params(level, Kind::Text);
            let used = if text { prior(TEXT) } else { table() };
            for parts in &messages {
                let symbols = message(parts);
                let anew = used.clone();
                let coded = encode(&symbols, &params, Some(&anew)).unwrap();
                prop_assert_eq!(&encode(&symbols, &params, Some(&used)).unwrap(), &coded);
                prop_assert_eq!(&decode(&coded, symbols.len(), &params, Some(&used)).unwrap(), &symbols);
                // Of messages the tables are as large as for longer ones, so that what they changed is undone.
                let message = &symbols[..symbols.len().min(400)];
                let coded_message = encode_message(message, &params, Some(&anew)).unwrap();
                prop_assert_eq!(&encode_message(message, &params, Some(&used)).unwrap(), &coded_message);
                prop_assert_eq!(&decode_message(&coded_message, &params, Some(&used)).unwrap(), message);
                // One that breaks off goes back as well.
                let _ = decode(&coded[..coded.len() / 2], symbols.len(), &params, Some(&used));
            }
        }
    }

    #[test]
    fn messages_go_back_and_streams_do_not() {
        for prior in [table(), prior(TEXT)] {
            let params = params(5, Kind::Text);
            let copies = || lock(&prior.kept().copies).len();
            let tables = || lock(&prior.kept().tables).len();
            encode(&[b'a'; MESSAGE + 1], &params, Some(&prior)).unwrap();
            assert_eq!(copies(), 0);
            for length in [MESSAGE, 0, 1, 100, 1000, 2000, 3000, MESSAGE] {
                encode(&message(&[0; 99])[..length], &params, Some(&prior)).unwrap();
                // After a text, of each size of tables.
                assert!((1..=KEPT).contains(&copies()));
                assert!(tables() <= SPARE);
            }
            assert!(tables() > 1);
        }
    }

    #[test]
    fn larger_levels_keep_nothing_for_messages() {
        let prior = table();
        encode(SHORT, &params(7, Kind::Text), Some(&prior)).unwrap();
        assert_eq!(kept(&prior), 0);
        assert!(lock(&prior.kept().tables).is_empty());
    }

    fn same_bytes<const N: usize, const V: usize>(at: u32) {
        let params = params(at, Kind::Text);
        let vector = encode(SHORT, &params, Some(&prior(TEXT))).unwrap();
        let prior = prior(TEXT);
        let sizes = sizes(TEXT.len(), SHORT.len(), &params);
        let teaching = Teaching::<N, V> {
            sizes,
            params: &params,
            prior: &prior,
        };
        let mut predictor = teaching.run::<scalar::Scalar>().unwrap();
        let tables = Some(Tables::take(&mut predictor).unwrap());
        let state = Arc::new(State { predictor, tables });
        prior.kept().put((at, Some(sizes)), &state);
        let mut coder = Encoding::new(SHORT);
        let task = Coding::<_, N, V> {
            coder: &mut coder,
            count: SHORT.len(),
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
        for at in 3..9 {
            // A text of the usual length, and a message.
            assert!(is_kept(sizes(1 << 15, 1 << 12, &params(at, Kind::Text))));
        }
        assert!(!is_kept(Sizes {
            heads: 2 * SMALL_TABLE,
            ..most
        }));
    }
}
