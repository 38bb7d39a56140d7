//! Round trips of whole predictors.

use super::Strong;
use crate::cm::prior::{table::Table, Prior};
use crate::cm::probe::KINDS;
use crate::cm::{decode, encode, Kind, Knowledge, Params};
use proptest::prelude::*;

fn round_trip(params: &Params, data: &[u8]) -> usize {
    let payload = encode(data, params, None).unwrap();
    let decoded = decode(&payload, data.len(), params, None).unwrap();
    assert!(decoded == data, "decoded bytes differ under {params:?}");
    payload.len()
}

fn noise(n: usize) -> Vec<u8> {
    let mut x = 0x1234_5678_9ABC_DEF0_u64;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 32) as u8
        })
        .collect()
}

#[test]
fn empty_and_single_bytes_round_trip() {
    for level in 8..=9 {
        assert_eq!(round_trip(&Params::probe(&[], level), &[]), 0);
        for byte in [0, b'a', 255] {
            round_trip(&Params::probe(&[byte], level), &[byte]);
        }
    }
}

#[test]
fn every_kind_codes_every_data() {
    let text = b"<p class=\"x\">It was the best of times, it was the worst of times: 1859.</p>\r\n"
        .repeat(12);
    let random = noise(1500);
    let zeros = vec![0; 3000];
    let records: Vec<u8> = (0..1200_u32)
        .flat_map(|i| [(i / 7) as u8, (i * i) as u8, 3])
        .collect();
    for kind in KINDS {
        let levels = if kind.channels().is_some() {
            9..=9
        } else {
            8..=9
        };
        for level in levels {
            for record in [1, 3, 700] {
                let params = Params {
                    level,
                    kind,
                    record,
                    row: 5 * record,
                    lanes: 1,
                    roomy: true,
                };
                assert!(round_trip(&params, &text) < text.len() / 4);
                assert!(round_trip(&params, &random) < random.len() + 60);
                assert!(round_trip(&params, &zeros) < 40);
                round_trip(&params, &records);
            }
        }
    }
}

#[test]
fn all_byte_values_in_order_round_trip() {
    let data: Vec<u8> = (0..=255)
        .chain((0..=255).rev())
        .chain((0..=255).step_by(3))
        .collect();
    for kind in KINDS {
        round_trip(
            &Params {
                level: 9,
                kind,
                record: 4,
                row: 12,
                lanes: 1,
                roomy: true,
            },
            &data,
        );
    }
}

#[test]
fn garbage_decodes_to_an_end() {
    for kind in KINDS {
        let params = Params {
            level: 9,
            kind,
            record: 16,
            row: 1,
            lanes: 1,
            roomy: true,
        };
        // Any result will do: an error, or bytes.
        let _ = decode(&noise(500), 4000, &params, None);
        let _ = decode(&[], 4000, &params, None);
        assert!(decode(&[], 1 << 40, &params, None).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn small_alphabets_round_trip(
        data in prop::collection::vec(prop::sample::select(&b"ab<>/= \n\x00\xC3"[..]), 0..600),
        level in 8_u32..10,
    ) {
        round_trip(&Params::probe(&data, level), &data);
    }

    #[test]
    fn the_scalar_step_makes_the_same_predictions(data in prop::collection::vec(any::<u8>(), 1..200), kind in prop::sample::select(&[Kind::Text, Kind::Grey, Kind::Colour][..])) {
        use crate::bitmodel::BitModel;
        let params = Params { level: 9, kind, record: 6, row: 5, lanes: 1, roomy: true };
        let (mut fast, mut plain) = (Strong::new(&params, 400, Knowledge::default()).unwrap(), Strong::new(&params, 400, Knowledge::default()).unwrap());
        for byte in data.iter().chain(&data) {
            for shift in (0..8).rev() {
                prop_assert_eq!(fast.p(), plain.p());
                let bit = u32::from(byte >> shift) & 1;
                fast.update(bit);
                plain.step(bit, false);
            }
        }
    }
}

#[test]
fn the_text_of_a_prior_is_learnt_first() {
    let text = b"1 sea shell, 2 sea shells, 3 sea shells by the sea shore; ".repeat(4);
    let message = b"4 sea shells by the sea shore";
    let prior = Prior::new("own", Table::empty()).unwrap();
    let prior = prior.with_text(&text).unwrap();
    let params = |kind| Params {
        level: 9,
        kind,
        record: 1,
        row: 1,
        lanes: 1,
        roomy: true,
    };
    let text = params(Kind::Text);
    let payload = encode(message, &text, Some(&prior)).unwrap();
    assert_eq!(
        decode(&payload, message.len(), &text, Some(&prior)).unwrap(),
        message
    );
    assert!(2 * payload.len() < encode(message, &text, None).unwrap().len());
    for kind in [Kind::Binary, Kind::Bilevel, Kind::Grey] {
        let other = params(kind);
        assert_eq!(
            encode(message, &other, Some(&prior)),
            encode(message, &other, None)
        );
    }
    let binary = params(Kind::Binary);
    assert_eq!(
        encode(message, &binary, Some(&prior)),
        encode(message, &binary, None)
    );
}

/// Pictures of ten rows of eight pixels with a bright spot each, at any place.
fn spots(count: usize, channels: usize) -> Vec<u8> {
    let places = noise(2 * count);
    let mut pictures = Vec::new();
    for place in places.chunks_exact(2) {
        let (column, row) = (i32::from(place[0] % 8), i32::from(place[1] % 10));
        for i in 0..80 {
            let distance = (i % 8 - column).pow(2) + (i / 8 - row).pow(2);
            let bright = 255 / (1 + distance);
            pictures.extend((0..channels).map(|colour| (bright as usize / (colour + 1)) as u8));
        }
    }
    pictures
}

#[test]
fn pixels_are_coded_by_what_is_around_them() {
    for (kind, channels) in [(Kind::Grey, 1), (Kind::Colour, 3)] {
        let pictures = spots(60, channels);
        let mut params = Params {
            level: 9,
            kind,
            record: 8 * channels as u32,
            row: 10,
            lanes: 1,
            roomy: true,
        };
        let size = round_trip(&params, &pictures);
        params.kind = Kind::Binary;
        let plain = round_trip(&params, &pictures);
        assert!(size * 10 < plain * 9, "{size} of {plain}");
    }
}

#[test]
fn pictures_of_a_prior_are_learnt_first() {
    let pictures = spots(80, 1);
    let (before, after) = pictures.split_at(60 * 80);
    let header = [0, 0, 8, 3, 0, 0, 0, 60, 0, 0, 0, 10, 0, 0, 0, 8];
    let prior = Prior::new("own", Table::empty()).unwrap();
    let prior = prior.with_text(&[&header[..], before].concat()).unwrap();
    let params = Params {
        level: 9,
        kind: Kind::Grey,
        record: 8,
        row: 10,
        lanes: 1,
        roomy: true,
    };
    let payload = encode(after, &params, Some(&prior)).unwrap();
    assert_eq!(
        decode(&payload, after.len(), &params, Some(&prior)).unwrap(),
        after
    );
    assert!(4 * payload.len() < 3 * encode(after, &params, None).unwrap().len());
    // Pictures of another size are of no use.
    let other = Params { row: 20, ..params };
    assert_eq!(
        encode(after, &other, Some(&prior)),
        encode(after, &other, None)
    );
}
