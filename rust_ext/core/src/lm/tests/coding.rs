//! Tokens become bytes and come back.

use super::{best, describe, descriptions, network, plain, Numbers, KINDS};
use crate::lm::codec::{decode, encode, lengths, logits, ranks, unranks, Settings};
use crate::lm::dot::Simd;
use crate::lm::model::Model;
use crate::{Error, Result};
use proptest::prelude::*;

const PLAIN: Settings = Settings {
    start: Some(1),
    window: 16,
    chunk: 30,
    lanes: 4,
    threads: 1,
    by: SCALAR,
};
const SCALAR: Simd = Simd::SCALAR;

fn coded(model: &Model, tokens: &[u32], settings: &Settings) -> Result<Vec<u8>> {
    encode(model, tokens, settings, &mut |_| false)
}

fn decoded(model: &Model, payload: &[u8], count: usize, settings: &Settings) -> Result<Vec<u32>> {
    decode(model, payload, count, settings, &mut |_| false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn tokens_come_back_whatever_the_settings(
        which in 0..5_usize,
        count in 0..120_usize,
        start in prop::option::of(0..50_u32),
        window in 1..=64_usize,
        chunk in prop_oneof![1..10_usize, 20..200_usize, Just(usize::MAX)],
        lanes in 1..9_usize,
        seed in any::<u64>(),
    ) {
        let model = plain(&descriptions()[which]);
        let tokens = Numbers(seed).tokens(count, 50);
        let settings = Settings { start, window, chunk, lanes, threads: 1, by: best() };
        let payload = coded(&model, &tokens, &settings).unwrap();
        for (threads, by) in [(1, best()), (2, SCALAR), (3, best())] {
            let settings = Settings { threads, by, ..settings };
            prop_assert_eq!(&coded(&model, &tokens, &settings).unwrap(), &payload);
            prop_assert_eq!(&decoded(&model, &payload, count, &settings).unwrap(), &tokens);
        }
        let ranks = ranks(&model, &tokens, &settings, &mut |_| false).unwrap();
        prop_assert_eq!(unranks(&model, &ranks, &settings, &mut |_| false).unwrap(), tokens);
    }
}

#[test]
fn a_payload_is_as_long_as_its_tokens_lengths() {
    let tokens = Numbers(6).tokens(500, 50);
    for description in descriptions() {
        let model = plain(&description);
        for start in [None, Some(0)] {
            let settings = Settings { start, ..PLAIN };
            let bytes = coded(&model, &tokens, &settings).unwrap().len() as f64;
            let lengths = lengths(&model, &tokens, &settings, &mut |_| false).unwrap();
            assert_eq!(lengths.len(), 500);
            let sum = lengths.iter().sum::<f64>() / 8.0;
            assert!((sum..sum * 1.0001 + 9.0).contains(&bytes), "{bytes} {sum}");
        }
    }
}

#[test]
fn lengths_and_ranks_are_those_of_logits() {
    let model = plain(&describe(&[]));
    let tokens = Numbers(7).tokens(40, 50);
    let settings = Settings {
        start: None,
        window: 64,
        chunk: 40,
        ..PLAIN
    };
    let logits = logits(&model, &tokens, &settings, &mut |_| false).unwrap();
    let lengths = lengths(&model, &tokens, &settings, &mut |_| false).unwrap();
    let ranks = ranks(&model, &tokens, &settings, &mut |_| false).unwrap();
    assert!((lengths[0] - 50.0_f64.log2()).abs() < 1e-9);
    assert_eq!(ranks[0], tokens[0]);
    for (i, row) in logits.chunks_exact(50).take(39).enumerate() {
        let own = row[tokens[i + 1] as usize];
        let total: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
        let length = (total.ln() - f64::from(own)) / std::f64::consts::LN_2;
        assert!((lengths[i + 1] - length).abs() < 1e-4);
        let rank = row.iter().filter(|&&x| x > own).count();
        assert_eq!(ranks[i + 1] as usize, rank);
    }
}

/// A network all of whose tokens are alike.
#[test]
fn like_tokens_have_ranks_in_their_order() {
    let mut model = plain(&describe(&[]));
    model.final_norm.weight.fill(0.0);
    let tokens = Numbers(8).tokens(40, 50);
    let all = ranks(&model, &tokens, &PLAIN, &mut |_| false).unwrap();
    assert_eq!(all, tokens);
    assert_eq!(
        unranks(&model, &all, &PLAIN, &mut |_| false).unwrap(),
        tokens
    );
}

#[test]
fn intervals_of_lanes_are_those_of_chunks_alone() {
    let model = plain(&describe(&[]));
    let tokens = Numbers(9).tokens(75, 50);
    let one = Settings {
        chunk: 20,
        lanes: 1,
        ..PLAIN
    };
    let lengths_of =
        |settings: &Settings| lengths(&model, &tokens, settings, &mut |_| false).unwrap();
    let expected = lengths_of(&one);
    for lanes in 2..6 {
        assert_eq!(lengths_of(&Settings { lanes, ..one }), expected);
    }
    for (chunk, expected) in tokens.chunks(20).zip(expected.chunks(20)) {
        let alone = lengths(&model, chunk, &one, &mut |_| false).unwrap();
        assert_eq!(alone, expected);
    }
}

#[test]
fn damaged_payloads_are_errors_or_other_tokens() {
    let model = plain(&describe(&[]));
    let tokens = Numbers(10).tokens(60, 50);
    let payload = coded(&model, &tokens, &PLAIN).unwrap();
    for length in 0..payload.len() {
        let error = decoded(&model, &payload[..length], 60, &PLAIN).unwrap_err();
        assert!(
            matches!(error, Error::Truncated { .. } | Error::Corrupt { .. }),
            "{error:?}"
        );
    }
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x55;
        match decoded(&model, &damaged, 60, &PLAIN) {
            Ok(other) => assert_ne!(other, tokens),
            Err(error) => assert!(matches!(
                error,
                Error::Truncated { .. } | Error::Corrupt { .. }
            )),
        }
    }
    // A count that nothing stands behind ends with the payload.
    for count in [61, 1 << 40, usize::MAX] {
        let settings = Settings {
            chunk: usize::MAX,
            ..PLAIN
        };
        assert!(decoded(&model, &payload, count, &PLAIN).is_err());
        assert!(decoded(&model, &payload, count, &settings).is_err());
    }
    assert!(decoded(&model, &payload, 59, &PLAIN).is_err());
    assert_eq!(decoded(&model, &[], 0, &PLAIN), Ok(Vec::new()));
}

#[test]
fn settings_out_of_range_are_errors() {
    let model = plain(&describe(&[]));
    let wrong = [
        Settings { window: 0, ..PLAIN },
        Settings {
            window: 65,
            ..PLAIN
        },
        Settings { chunk: 0, ..PLAIN },
        Settings { lanes: 0, ..PLAIN },
        Settings {
            lanes: 257,
            ..PLAIN
        },
        Settings {
            threads: 0,
            ..PLAIN
        },
        Settings {
            threads: 257,
            ..PLAIN
        },
        Settings {
            start: Some(50),
            ..PLAIN
        },
    ];
    for settings in wrong {
        assert!(matches!(
            coded(&model, &[1], &settings),
            Err(Error::Parameter { .. })
        ));
        assert!(matches!(
            decoded(&model, &[1], 1, &settings),
            Err(Error::Parameter { .. })
        ));
        assert!(lengths(&model, &[1], &settings, &mut |_| false).is_err());
        assert!(ranks(&model, &[1], &settings, &mut |_| false).is_err());
        assert!(unranks(&model, &[1], &settings, &mut |_| false).is_err());
        assert!(logits(&model, &[50], &settings, &mut |_| false).is_err());
    }
    assert!(matches!(
        coded(&model, &[3, 50], &PLAIN),
        Err(Error::Parameter { .. })
    ));
    let error = unranks(&model, &[50], &PLAIN, &mut |_| false).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }));
}

#[test]
fn results_that_are_not_finite_are_errors() {
    let mut model = plain(&describe(&[]));
    model.final_norm.weight.fill(f32::MAX);
    let error = Error::Model {
        what: "the results of the network are not finite",
    };
    assert_eq!(coded(&model, &[1, 2, 3], &PLAIN), Err(error.clone()));
    assert_eq!(decoded(&model, &[1, 2, 3, 0x80], 3, &PLAIN), Err(error));
}

#[test]
fn work_stops_when_it_is_asked_to() {
    let model = plain(&describe(&[("layers", "8")]));
    let tokens = Numbers(11).tokens(60_000, 50);
    let settings = Settings {
        chunk: 100_000,
        window: 64,
        by: best(),
        ..PLAIN
    };
    let mut told = Vec::new();
    let stopped = encode(&model, &tokens, &settings, &mut |done| {
        told.push(done);
        told.len() == 2
    });
    assert_eq!(stopped, Err(Error::Interrupted));
    assert!(told[0] < told[1] && told[1] < 60_000, "{told:?}");
    let payload = coded(&model, &tokens[..5000], &settings).unwrap();
    let stopped = decode(&model, &payload, 5000, &settings, &mut |done| done > 0);
    assert_eq!(stopped, Err(Error::Interrupted));
}

/// Sums of payloads, which no processor, compiler or setting may change.
#[test]
fn bytes_are_the_same_on_every_machine() {
    let tokens = Numbers(12).tokens(100, 50);
    let mut sums = Vec::new();
    for description in descriptions() {
        for (kind, int8) in KINDS {
            let model = network(&description, kind, int8);
            let payload = coded(&model, &tokens, &PLAIN).unwrap();
            let fast = Settings {
                threads: 2,
                by: best(),
                ..PLAIN
            };
            assert_eq!(coded(&model, &tokens, &fast).as_ref(), Ok(&payload));
            assert_eq!(decoded(&model, &payload, 100, &fast).as_ref(), Ok(&tokens));
            let add = |sum: u32, byte: &u8| sum.wrapping_mul(31).wrapping_add(u32::from(*byte));
            sums.push(payload.iter().fold(0, add));
        }
    }
    assert_eq!(sums, SUMS);
}

/// Found on x86-64 with scalars.
const SUMS: [u32; 25] = [
    3785141933, 645295142, 2567543301, 3137622982, 3665708453, 1678604086, 4099622720, 3761081232,
    1219196943, 2376266506, 4042960507, 2390642390, 966190285, 1356982392, 2979240563, 1384531795,
    3115936005, 2005773786, 3956643090, 3903415587, 3421628138, 120953846, 2663930723, 1068705978,
    661264561,
];
