// Numbers in tests are small.
#![allow(clippy::cast_possible_truncation)]

use super::*;
use crate::coder::MAX_PRECISION;
use proptest::prelude::*;

/// A symbol and its intervals.
type Item = (u32, Vec<Interval>);

fn interval(precision: u32) -> impl Strategy<Value = Interval> {
    let total = 1_u32 << precision;
    let low = (0..total).prop_flat_map(move |start| {
        let freq = prop_oneof![1..=total - start, Just(1), Just(total - start)];
        freq.prop_map(move |freq| Interval { start, freq })
    });
    prop_oneof![
        low,
        Just(Interval {
            start: 0,
            freq: total
        })
    ]
}

/// Bits, alphabet, precision and symbols.
fn text() -> impl Strategy<Value = (u32, u32, u32, Vec<Item>)> {
    let alphabet = prop_oneof![1..=300_u32, 1..=u32::MAX, Just(u32::MAX)];
    (MIN_BITS..=MAX_BITS, alphabet, 1..=MAX_PRECISION).prop_flat_map(
        |(bits, alphabet, precision)| {
            let item = (
                0..alphabet,
                prop::collection::vec(interval(precision), 0..9),
            );
            let items = prop::collection::vec(item, 0..200);
            items.prop_map(move |items| (bits, alphabet, precision, items))
        },
    )
}

fn encode(bits: u32, alphabet: u32, precision: u32, items: &[Item]) -> Coded {
    let mut encoder = Encoder::new(bits, alphabet, precision).unwrap();
    for (symbol, intervals) in items {
        encoder.push(*symbol, intervals).unwrap();
    }
    encoder.finish()
}

/// The value of symbols in one window, if they fit.
fn value(bits: u32, precision: u32, items: &[Item]) -> Option<u32> {
    let mut intervals = items.iter().flat_map(|(_, intervals)| intervals);
    let narrow = |span: Span, &interval| span.narrowed(interval, precision);
    intervals.try_fold(Span::NEW, narrow)?.value(bits)
}

proptest! {
    #[test]
    fn symbols_come_back((bits, alphabet, precision, items) in text()) {
        let coded = encode(bits, alphabet, precision, &items);
        let mut decoder = Decoder::new(&coded.values, &coded.counts, bits, alphabet).unwrap();
        prop_assert_eq!(decoder.symbols(), items.len());
        for (symbol, intervals) in &items {
            match decoder.begin() {
                Some(Next::Raw(raw)) => prop_assert_eq!(raw, *symbol),
                Some(Next::Coded) => {
                    for &interval in intervals {
                        prop_assert!(interval.contains(decoder.slot(precision)));
                        decoder.narrow(interval, precision).unwrap();
                    }
                }
                None => prop_assert!(false, "symbols are missing"),
            }
        }
        prop_assert_eq!(decoder.begin(), None);
    }

    #[test]
    fn windows_are_full((bits, alphabet, precision, items) in text()) {
        let coded = encode(bits, alphabet, precision, &items);
        let digits = Shape::new(bits, alphabet).unwrap().digits() as usize;
        prop_assert!(coded.values.iter().all(|&value| u64::from(value) < 1 << bits));
        let (mut at, mut window) = (0, 0);
        while window < coded.values.len() {
            let count = usize::from(coded.counts[window]);
            if count == 0 {
                prop_assert_eq!(value(bits, precision, &items[at..=at]), None);
                at += 1;
                window += digits;
                continue;
            }
            let found = value(bits, precision, &items[at..at + count]);
            prop_assert_eq!(found, Some(coded.values[window]));
            at += count;
            window += 1;
            if at < items.len() {
                prop_assert_eq!(value(bits, precision, &items[at - count..=at]), None);
            }
        }
        prop_assert_eq!(at, items.len());
    }

    #[test]
    fn whatever_is_decoded_ends(
        values in prop::collection::vec(any::<u32>(), 0..40),
        counts in prop::collection::vec(prop_oneof![Just(0), 1..50_u16], 40),
        bits in MIN_BITS..=MAX_BITS,
        alphabet in 1..=u32::MAX,
        precision in 1..=MAX_PRECISION,
        widest in 1..1000_u32,
    ) {
        let mask = ((1_u64 << bits) - 1) as u32;
        let values: Vec<u32> = values.iter().map(|value| value & mask).collect();
        let counts = &counts[..values.len()];
        let Ok(mut decoder) = Decoder::new(&values, counts, bits, alphabet) else {
            prop_assert!(counts.contains(&0));
            return Ok(());
        };
        let mut symbols = 0;
        while let Some(next) = decoder.begin() {
            symbols += 1;
            if let Next::Raw(raw) = next {
                prop_assert!(raw < alphabet);
                continue;
            }
            let slot = decoder.slot(precision);
            prop_assert!(slot < 1 << precision);
            let start = slot - slot % widest;
            let freq = widest.min((1 << precision) - start);
            decoder.narrow(Interval { start, freq }, precision).unwrap();
        }
        prop_assert_eq!(symbols, decoder.symbols());
    }
}

#[test]
fn a_sure_symbol_costs_nothing_but_windows_end() {
    let sure = Interval { start: 0, freq: 4 };
    let items = vec![(0, vec![sure]); usize::from(MAX_COUNT) + 3];
    let coded = encode(16, 1, 2, &items);
    assert_eq!(coded.values, [0, 0]);
    assert_eq!(coded.counts, [MAX_COUNT, 3]);
}

#[test]
fn a_symbol_that_is_too_dear_is_an_escape() {
    let rare = Interval {
        start: 77_777,
        freq: 1,
    };
    let half = Interval {
        start: 0,
        freq: 1 << 27,
    };
    let items = [
        (1, vec![half]),
        (0x1_2345, vec![rare]),
        (1, vec![half]),
        (1, vec![half]),
    ];
    let coded = encode(16, 100_000, 28, &items);
    assert_eq!(coded.counts, [1, 0, 0, 2]);
    assert_eq!(coded.values, [0, 1, 0x2345, 0]);
    assert_eq!(encode(32, 100_000, 28, &items[1..2]).counts, [1]);
}

#[test]
fn what_is_no_window_is_refused() {
    let new = |values: &[u32], counts: &[u16]| Decoder::new(values, counts, 16, 70_000).err();
    let corrupt = |what| Some(Error::Corrupt { what });
    let parameter = |what| Some(Error::Parameter { what });
    let no_escape = "window without symbols is no escape";
    assert_eq!(new(&[0, 0], &[0, 0]), None);
    assert_eq!(new(&[0], &[0]), corrupt(no_escape));
    assert_eq!(new(&[0, 0], &[0, 1]), corrupt(no_escape));
    assert_eq!(new(&[1, 0x1170], &[0, 0]), corrupt(no_escape));
    assert_eq!(
        new(&[1 << 16], &[1]),
        corrupt("value of a window is too large")
    );
    assert_eq!(new(&[0], &[]), parameter("counts: one for each window"));
    for bits in [7, 33] {
        let refused = Encoder::new(bits, 2, 8).err();
        assert_eq!(refused, parameter("bits of a window: 8 to 32"));
    }
    assert_eq!(
        Encoder::new(8, 0, 8).err(),
        parameter("alphabet: at least 1")
    );
    let mut encoder = Encoder::new(8, 2, 8).unwrap();
    assert!(encoder.push(2, &[]).is_err());
    assert!(encoder.push(1, &[Interval { start: 0, freq: 0 }]).is_err());
    let mut decoder = Decoder::new(&[0], &[1], 8, 2).unwrap();
    decoder.begin();
    assert_eq!(
        decoder.narrow(
            Interval {
                start: 128,
                freq: 1
            },
            8
        ),
        Err(Error::Parameter {
            what: "interval: the one that holds the slot"
        })
    );
}
