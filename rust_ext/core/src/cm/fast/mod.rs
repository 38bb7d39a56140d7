//! The predictor of levels 3 to 8: one bit history for each context, four or eight weight sets, two probability maps.

#[cfg(target_arch = "x86_64")]
mod avx2 {
    pub mod simd;
}
pub mod contexts;
pub mod foresight;
pub mod guesses;
pub mod kept;
pub mod kernel;
pub mod learnt;
pub mod matches;
pub mod mixer;
pub mod predictor;
pub mod scalar;
pub mod simd;
pub mod slots;
pub mod states;
pub mod taught;
pub mod wide;

use super::{Kind, Params};
use crate::bitmodel::{Decoding, Encoding, MessageDecoding, MessageEncoding, SymbolCoder, MESSAGE};
use crate::cm::primed::Primed;
use crate::cm::prior::Prior;
use crate::memory::Memory;
use crate::{interrupt, Result};
use contexts::NARROW;
use kernel::{Kernel, Line, Task, LANES};
use learnt::{Layout, Learnt};
use matches::MatchModel;
use predictor::{Predictor, EXTRA, MATCH_MODELS, ORDER1_MAP, ORDER2_MAP, ROWS, WIDE_ROWS};
use simd::dispatch;
use slots::Slots;
use states::StateTable;

/// What a level is made of.
#[derive(Debug, Clone, Copy)]
struct Level {
    contexts: usize,
    /// Largest table, as a power of two of buckets of 64 bytes.
    log2_buckets: u32,
    /// Tables that are neither small nor largest are this many times smaller than would be best for size.
    thrift: usize,
    /// Buckets up to which tables have room for all that is seen: as many as take little of a level's time to clear.
    room: usize,
}

/// As many buckets for each of those that a long stream would need.
const ROOM: usize = 4;

const LEVELS: [Level; 6] = [
    Level {
        contexts: 6,
        log2_buckets: 19,
        thrift: 3,
        room: 1 << 16,
    },
    Level {
        contexts: 8,
        log2_buckets: 20,
        thrift: 3,
        room: 1 << 16,
    },
    Level {
        contexts: 9,
        log2_buckets: 22,
        thrift: 3,
        room: 1 << 19,
    },
    Level {
        contexts: 13,
        log2_buckets: 23,
        thrift: 1,
        room: 1 << 20,
    },
    Level {
        contexts: 29,
        log2_buckets: 23,
        thrift: 1,
        room: 1 << 21,
    },
    Level {
        contexts: 53,
        log2_buckets: 24,
        thrift: 1,
        room: 1 << 22,
    },
];

/// Buckets of a table that takes little time to clear.
const SMALL_TABLE: usize = 1 << 18;

fn level(params: &Params) -> Level {
    LEVELS[(params.level.saturating_sub(3) as usize).min(LEVELS.len() - 1)]
}

/// How many cells the predictors of a level have, and groups of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Cells of contexts and the others.
    pub cells: usize,
    /// Groups that they fill.
    pub groups: usize,
}

impl Shape {
    /// That of a level, where its predictor is of this module.
    #[must_use]
    pub fn of(level: u32) -> Option<Self> {
        let cells = LEVELS.get(level.checked_sub(3)? as usize)?.contexts + EXTRA;
        let groups = cells.div_ceil(LANES);
        Some(Self { cells, groups })
    }
}

/// Table sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    buckets: usize,
    heads: usize,
}

/// The sizes for `count` symbols after so many bytes of the text of a prior.
fn sizes(text: usize, count: usize, params: &Params) -> Sizes {
    let level = level(params);
    let count = text.saturating_add(count);
    // A context touches about a quarter of a bucket with each symbol, less as they repeat. Where there are many
    // contexts, they make up for lost ones, and untouched memory is cheaper.
    let share = match level.contexts {
        n if n <= NARROW => 8,
        n if n <= 2 * LANES => 10,
        _ => 16,
    };
    let best = count * level.contexts / share;
    // Clearing the best table of a megabyte takes a fifth of the time of the faster levels.
    let wanted = best.min((best / level.thrift).max(SMALL_TABLE));
    // In short streams little repeats. After a text, small tables are kept from one to the next.
    let room = match (params.roomy, text) {
        (false, _) => 0,
        (true, 0) => level.room,
        (true, _) => level.room.min(SMALL_TABLE),
    };
    let roomy = best.saturating_mul(ROOM).min(room);
    let wanted = wanted.max(roomy).next_power_of_two();
    Sizes {
        buckets: wanted.clamp(1 << 10, 1 << level.log2_buckets),
        heads: count.next_power_of_two().clamp(1 << 10, 1 << 22),
    }
}

/// Memory in bytes for `count` symbols, besides symbols and payload.
#[must_use]
pub fn memory_bytes(count: usize, params: &Params) -> u64 {
    predictor_bytes(sizes(0, count, params), params)
}

/// The same with a prior, after so many bytes of its text, with the predictor that the prior keeps.
#[must_use]
pub fn memory_bytes_after(text: usize, count: usize, params: &Params) -> u64 {
    let sizes = sizes(text, count, params);
    let kept = match text {
        0 => count <= taught::MESSAGE && level(params).contexts + EXTRA <= LANES,
        _ => taught::is_kept(sizes),
    };
    let copies = 1 + u64::from(kept);
    predictor_bytes(sizes, params) * copies + text as u64
}

fn predictor_bytes(sizes: Sizes, params: &Params) -> u64 {
    let groups = (level(params).contexts + EXTRA).div_ceil(LANES);
    // Weight sets with their visits, and final mixers; the larger levels have two mixers, and what contexts are made
    // from. Then counters, probability maps and tables.
    let rows = ROWS + usize::from(groups > 1) * WIDE_ROWS;
    let mixers = rows * (groups * size_of::<Line>() + 2) + groups.min(2) * (40 << 10);
    let wide = usize::from(groups > 1) * (3 << 19);
    let fixed = groups * LANES * 1024 + (ORDER1_MAP + ORDER2_MAP) * 32 + (640 << 10);
    (sizes.buckets * 64 + sizes.heads * 4 * MATCH_MODELS + mixers + wide + fixed) as u64
}

/// Encodes `symbols`.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory.
pub fn encode(symbols: &[u8], params: &Params, prior: Option<&Prior>) -> Result<Vec<u8>> {
    let mut coder = Encoding::new(symbols);
    run(&mut coder, symbols.len(), params, prior)?;
    Ok(coder.finish())
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory; others for a payload that [`encode`] did not write.
pub fn decode(
    payload: &[u8],
    count: usize,
    params: &Params,
    prior: Option<&Prior>,
) -> Result<Vec<u8>> {
    let mut coder = Decoding::new(payload);
    let symbols = run(&mut coder, count, params, prior)?;
    coder.finish()?;
    Ok(symbols)
}

/// Encodes a message.
///
/// # Errors
/// Those of [`encode`], [`crate::Error::Limit`] for more than [`MESSAGE`] symbols.
pub fn encode_message(symbols: &[u8], params: &Params, prior: Option<&Prior>) -> Result<Vec<u8>> {
    let mut coder = MessageEncoding::new(symbols)?;
    run(&mut coder, MESSAGE, params, prior)?;
    Ok(coder.finish())
}

/// Decodes a message.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_message(payload: &[u8], params: &Params, prior: Option<&Prior>) -> Result<Vec<u8>> {
    let mut coder = MessageDecoding::new(payload)?;
    let symbols = run(&mut coder, MESSAGE, params, prior)?;
    coder.finish(symbols.len())?;
    Ok(symbols)
}

fn run<C: SymbolCoder>(
    coder: &mut C,
    count: usize,
    params: &Params,
    prior: Option<&Prior>,
) -> Result<Vec<u8>> {
    match level(params).contexts {
        6 => run_with::<C, 6, 1>(coder, count, params, prior),
        8 => run_with::<C, 8, 1>(coder, count, params, prior),
        9 => run_with::<C, 9, 1>(coder, count, params, prior),
        13 => run_with::<C, 13, 1>(coder, count, params, prior),
        29 => run_with::<C, 29, 2>(coder, count, params, prior),
        _ => run_with::<C, 53, 4>(coder, count, params, prior),
    }
}

fn run_with<C: SymbolCoder, const N: usize, const V: usize>(
    coder: &mut C,
    count: usize,
    params: &Params,
    prior: Option<&Prior>,
) -> Result<Vec<u8>> {
    dispatch(Coding::<C, N, V> {
        coder,
        count,
        params,
        prior,
    })
}

/// Codes samples one after the other from a prior, and returns what was learnt from all, packed: in the slim layout
/// where the prior has maps.
///
/// # Errors
/// [`crate::Error::Parameter`] for a level whose predictor does not start from that, and the errors of [`encode`].
pub fn learn<T: AsRef<[u8]>>(
    samples: &[T],
    level: u32,
    prior: &Prior,
) -> Result<(Layout, Vec<u8>)> {
    let layout = match prior.maps() {
        Some(_) => Layout::Slim,
        None => Layout::Whole,
    };
    let Some(shape) = Shape::of(level).filter(|&shape| layout.fits(shape)) else {
        return Err(crate::Error::Parameter {
            what: "level of cm that learns a start, 3 to 8, and 3 to 6 where the prior has no maps",
        });
    };
    if samples.is_empty() {
        return Err(crate::Error::Parameter {
            what: "samples that a level of cm learns from, at least one",
        });
    }
    let params = Params {
        level,
        kind: Kind::Text,
        record: 1,
        row: 1,
        lanes: 1,
        roomy: true,
    };
    let start = Learnt::new(shape, layout, &super::tables::Tables::new());
    let learnt = match shape.cells - EXTRA {
        6 => learn_with::<T, 6, 1>(samples, &params, prior, start),
        8 => learn_with::<T, 8, 1>(samples, &params, prior, start),
        9 => learn_with::<T, 9, 1>(samples, &params, prior, start),
        13 => learn_with::<T, 13, 1>(samples, &params, prior, start),
        29 => learn_with::<T, 29, 2>(samples, &params, prior, start),
        _ => learn_with::<T, 53, 4>(samples, &params, prior, start),
    };
    let bytes = learnt?.to_bytes(shape, &super::tables::Tables::new());
    Ok((layout, bytes))
}

fn learn_with<T: AsRef<[u8]>, const N: usize, const V: usize>(
    samples: &[T],
    params: &Params,
    prior: &Prior,
    start: Learnt,
) -> Result<Learnt> {
    dispatch(Learning::<T, N, V> {
        samples,
        params,
        prior,
        start,
    })
}

struct Learning<'a, T, const N: usize, const V: usize> {
    samples: &'a [T],
    params: &'a Params,
    prior: &'a Prior,
    start: Learnt,
}

impl<T: AsRef<[u8]>, const N: usize, const V: usize> Task for Learning<'_, T, N, V> {
    type Output = Result<Learnt>;

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        let mut learnt = self.start;
        for (i, sample) in self.samples.iter().enumerate() {
            let symbols = sample.as_ref();
            let sizes = sizes(0, symbols.len(), self.params);
            let mut predictor = untaught::<N, V>(sizes, self.params, Some(self.prior))?;
            let mut primed = primed(Some(self.prior));
            if i > 0 {
                predictor.take(&learnt);
            }
            let mut coder = Encoding::new(symbols);
            let mut history = Vec::with_capacity(symbols.len());
            while history.len() < symbols.len() && coder.begin(history.len()) {
                interrupt::check(history.len())?;
                predictor.byte::<K, _>(&mut primed, &mut coder, &mut history);
            }
            learnt = predictor.give(learnt);
        }
        Ok(learnt)
    }
}

/// A predictor that has coded nothing.
fn untaught<const N: usize, const V: usize>(
    sizes: Sizes,
    params: &Params,
    prior: Option<&Prior>,
) -> Result<Predictor<N, V>> {
    let slots = Slots::new(Memory::new(sizes.buckets)?);
    let heads = || Ok::<_, crate::Error>(MatchModel::new(Memory::new(sizes.heads)?));
    Ok(Predictor::new(slots, [heads()?, heads()?], params, prior))
}

/// What new contexts start from.
fn primed(prior: Option<&Prior>) -> Option<Primed<'_>> {
    let tables = prior?.tables();
    tables[0].map(|_| Primed::new(tables, StateTable::nearest()))
}

struct Coding<'a, C, const N: usize, const V: usize> {
    coder: &'a mut C,
    count: usize,
    params: &'a Params,
    prior: Option<&'a Prior>,
}

impl<C: SymbolCoder, const N: usize, const V: usize> Task for Coding<'_, C, N, V> {
    type Output = Result<Vec<u8>>;

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        let prior = self.prior.filter(|_| self.params.kind == Kind::Text);
        let text = prior.map_or(&[][..], Prior::text);
        let sizes = sizes(text.len(), self.count, self.params);
        let mut started = taught::start::<N, V>(sizes, self.count, self.params, prior)?;
        let predictor = &mut *started.predictor;
        let mut primed = primed(prior);
        // The text stays before the symbols: matches are found in it.
        let mut history = Vec::with_capacity(text.len() + self.count.min(1 << 20));
        history.extend_from_slice(text);
        let mut done = 0;
        while done < self.count && self.coder.begin(done) {
            interrupt::check(done)?;
            predictor.byte::<K, C>(&mut primed, self.coder, &mut history);
            done = history.len() - text.len();
        }
        if let Some(prior) = prior {
            started.end(prior, &history, text.len())?;
        }
        history.drain(..text.len());
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::kernel::INPUTS;
    use super::*;
    use crate::cm::prior::train::{Settings, Trainer};
    use crate::cm::Kind;
    use proptest::prelude::*;

    fn params(level: u32, kind: Kind, record: u32) -> Params {
        Params {
            level,
            kind,
            record,
            row: 1,
            lanes: 1,
            roomy: true,
        }
    }

    fn round_trip(symbols: &[u8], params: &Params) -> usize {
        let payload = encode(symbols, params, None).unwrap();
        assert_eq!(
            decode(&payload, symbols.len(), params, None).unwrap(),
            symbols
        );
        payload.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn round_trips(
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 1..12),
            picks in prop::collection::vec(0..12_usize, 0..300),
            level in 3..9_u32,
            text in any::<bool>(),
            record in 1..300_u32,
        ) {
            let symbols: Vec<u8> = picks.iter().flat_map(|&i| words[i % words.len()].clone()).collect();
            let kind = if text { Kind::Text } else { Kind::Binary };
            round_trip(&symbols, &params(level, kind, record));
        }

        #[test]
        fn damaged_payloads_end(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            count in 0..5000_usize,
            level in 3..9_u32,
            text in any::<bool>(),
        ) {
            let kind = if text { Kind::Text } else { Kind::Binary };
            // Any outcome but a panic is right.
            let _ = decode(&payload, count, &params(level, kind, 7), None);
        }
    }

    const TEXT: &[u8] =
        b"She sells sea shells by the sea shore; the shells she sells are sea shells. ";

    /// Trained on the text, with what level 5 learns from a part of it.
    fn prior() -> Prior {
        let settings = Settings {
            buckets: 64,
            segment: 200,
            ..Settings::default()
        };
        let mut trainer = Trainer::new(vec![TEXT.repeat(20)], settings);
        while trainer.step().is_some() {}
        let mut prior = Prior::new("shells", trainer.finish().0).unwrap();
        let samples = [&TEXT.repeat(3)[..], &TEXT[5..]];
        for level in [5, 3, 4, 6, 7, 8] {
            let (layout, start) = learn(&samples, level, &prior).unwrap();
            assert_eq!(layout == Layout::Whole, level == 5);
            prior.add_start(level, layout, start).unwrap();
        }
        Prior::parse(&prior.to_bytes(), None).unwrap()
    }

    #[test]
    fn what_a_prior_knows_is_shorter() {
        let prior = prior();
        for level in 3..9 {
            let params = params(level, Kind::Text, 1);
            let [without, with] = [None, Some(&prior)].map(|prior| {
                let payload = encode(TEXT, &params, prior).unwrap();
                let decoded = decode(&payload, TEXT.len(), &params, prior).unwrap();
                assert_eq!(decoded, TEXT);
                payload.len()
            });
            assert!(with * 2 < without, "level {level}: {with}, {without}");
        }
    }

    /// A start of which all rows are there, and every byte of them is what `value` returns for its place.
    fn start(level: u32, layout: Layout, value: impl Fn(usize) -> u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |flags: usize, count: usize| {
            bytes.extend(vec![0xFF; flags / 8]);
            bytes.extend((0..count).map(&value));
        };
        if layout == Layout::Whole {
            put(0, 8192 + 16384);
            for (rows, width) in [(ROWS, INPUTS), (ORDER1_MAP, 16), (ORDER2_MAP, 16)] {
                put(rows, rows * width);
            }
        } else {
            let Shape { cells, groups } = Shape::of(level).unwrap();
            let width = groups * INPUTS + 1;
            put(0, cells * 512);
            for rows in [ROWS, WIDE_ROWS].into_iter().take(groups) {
                put(2048, 16384 + 4 * width);
                put(rows, rows * width);
            }
        }
        bytes
    }

    #[test]
    fn any_start_codes_and_decodes() {
        let noise = |i: usize| (i as u32).wrapping_mul(0x9E37_79B1).to_be_bytes()[0];
        let values: [&dyn Fn(usize) -> u8; 4] = [&|_| 0x80, &|_| 0x7F, &|_| 0, &noise];
        let symbols = TEXT.repeat(3);
        for value in values {
            let mut prior = Prior::new("any", prior().table().clone()).unwrap();
            for level in [5, 3, 6, 7, 8] {
                let layout = match level {
                    5 => Layout::Whole,
                    _ => Layout::Slim,
                };
                let start = start(level, layout, value);
                prior.add_start(level, layout, start).unwrap();
            }
            for level in 3..9 {
                let params = params(level, Kind::Text, 1);
                let payload = encode(&symbols, &params, Some(&prior)).unwrap();
                let decoded = decode(&payload, symbols.len(), &params, Some(&prior)).unwrap();
                assert!(decoded == symbols);
            }
            let params = |level| params(level, Kind::Text, 1);
            same_bytes::<6, 1>(&symbols, &params(3), Some(&prior));
            same_bytes::<9, 1>(&symbols, &params(5), Some(&prior));
            same_bytes::<13, 1>(&symbols, &params(6), Some(&prior));
            same_bytes::<29, 2>(&symbols, &params(7), Some(&prior));
            same_bytes::<53, 4>(&symbols, &params(8), Some(&prior));
        }
    }

    #[test]
    fn binary_content_knows_no_prior() {
        let params = params(5, Kind::Binary, 3);
        let prior = prior();
        assert_eq!(
            encode(TEXT, &params, Some(&prior)),
            encode(TEXT, &params, None)
        );
    }

    #[test]
    fn only_some_levels_learn() {
        for level in [2, 9, u32::MAX] {
            assert!(learn(&[TEXT], level, &prior()).is_err());
        }
        assert!(learn::<&[u8]>(&[], 3, &prior()).is_err());
        // The first start has maps, of which others than small predictors have none.
        let bare = Prior::new("bare", prior().table().clone()).unwrap();
        for level in [7, 8] {
            assert!(learn(&[TEXT], level, &bare).is_err());
        }
    }

    fn same_bytes<const N: usize, const V: usize>(
        symbols: &[u8],
        params: &Params,
        prior: Option<&Prior>,
    ) {
        let mut vector = Encoding::new(symbols);
        run(&mut vector, symbols.len(), params, prior).unwrap();
        let mut scalar = Encoding::new(symbols);
        let task = Coding::<_, N, V> {
            coder: &mut scalar,
            count: symbols.len(),
            params,
            prior,
        };
        task.run::<scalar::Scalar>().unwrap();
        assert_eq!(vector.finish(), scalar.finish());
    }

    #[test]
    fn scalar_and_vector_code_the_same_bytes() {
        let symbols = b"She sells sea shells by the sea shore; ".repeat(40);
        let prior = prior();
        same_bytes::<9, 1>(&symbols, &params(5, Kind::Text, 1), Some(&prior));
        same_bytes::<29, 2>(&symbols, &params(7, Kind::Text, 1), Some(&prior));
        same_bytes::<9, 1>(&symbols, &params(5, Kind::Text, 1), None);
        same_bytes::<29, 2>(&symbols, &params(7, Kind::Text, 1), None);
        same_bytes::<53, 4>(&symbols, &params(8, Kind::Binary, 39), None);
    }

    #[test]
    fn zeros_cost_almost_nothing() {
        assert!(round_trip(&vec![0; 100_000], &params(5, Kind::Binary, 2)) < 60);
    }

    #[test]
    fn lying_count_is_an_error() {
        let params = params(3, Kind::Text, 1);
        let payload = encode(b"four", &params, None).unwrap();
        assert!(decode(&payload, 1 << 20, &params, None).is_err());
    }
}
