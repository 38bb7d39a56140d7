// Numbers in tests are small.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use super::*;
use proptest::prelude::*;

fn encode(bits: &[(u32, u32)]) -> Vec<u8> {
    let mut encoder = BinaryEncoder::new();
    for &(bit, p1) in bits {
        encoder.encode(bit, p1);
    }
    encoder.finish()
}

fn round_trip(bits: &[(u32, u32)]) -> usize {
    let payload = encode(bits);
    let mut decoder = BinaryDecoder::new(&payload);
    for (i, &(bit, p1)) in bits.iter().enumerate() {
        assert_eq!(decoder.decode(p1), bit, "bit {i}");
    }
    decoder.finish().unwrap();
    payload.len()
}

/// Decodes without knowing whether the payload is right: must end, and may be an error.
fn decode_any(payload: &[u8], bits: &[(u32, u32)]) -> Result<Vec<u32>> {
    let mut decoder = BinaryDecoder::new(payload);
    let mut out = Vec::new();
    for &(_, p1) in bits {
        out.push(decoder.decode(p1));
        if decoder.is_exhausted() {
            break;
        }
    }
    decoder.finish()?;
    Ok(out)
}

fn probability() -> impl Strategy<Value = u32> {
    prop_oneof![1..PROB_ONE, Just(1), Just(PROB_ONE - 1), Just(PROB_ONE / 2)]
}

fn bits(length: usize) -> impl Strategy<Value = Vec<(u32, u32)>> {
    prop::collection::vec((0_u32..2, probability()), 0..length)
}

#[derive(Debug, Clone)]
enum Item {
    Bit(u32, u32),
    Symbol(Interval, u32),
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let symbol = (1..=28_u32).prop_flat_map(|precision| {
        let total = 1_u32 << precision;
        (0..total, Just(precision)).prop_flat_map(move |(start, precision)| {
            (1..=total - start)
                .prop_map(move |freq| Item::Symbol(Interval { start, freq }, precision))
        })
    });
    let bit = (0_u32..2, probability()).prop_map(|(bit, p1)| Item::Bit(bit, p1));
    prop::collection::vec(prop_oneof![bit, symbol], 0..300)
}

proptest! {
    #[test]
    fn round_trips(bits in bits(2000)) {
        round_trip(&bits);
    }

    #[test]
    fn bits_and_symbols_mix(items in items()) {
        let mut encoder = BinaryEncoder::new();
        for item in &items {
            match *item {
                Item::Bit(bit, p1) => encoder.encode(bit, p1),
                Item::Symbol(interval, precision) => {
                    encoder.encode_interval(interval, precision).unwrap();
                }
            }
        }
        let payload = encoder.finish();
        let mut decoder = BinaryDecoder::new(&payload);
        for item in &items {
            match *item {
                Item::Bit(bit, p1) => prop_assert_eq!(decoder.decode(p1), bit),
                Item::Symbol(interval, precision) => {
                    let slot = decoder.peek(precision).unwrap();
                    prop_assert!(interval.contains(slot));
                    decoder.advance(interval, precision).unwrap();
                }
            }
        }
        decoder.finish().unwrap();
    }

    #[test]
    fn any_payload_ends(payload in prop::collection::vec(any::<u8>(), 0..64), bits in bits(600)) {
        let _ = decode_any(&payload, &bits);
        let mut decoder = BinaryDecoder::new(&payload);
        for &(_, p1) in &bits {
            let slot = decoder.peek(28).unwrap();
            let start = slot.saturating_sub(p1);
            let freq = slot - start + 1;
            if decoder.advance(Interval { start, freq }, 28).is_err() {
                break;
            }
        }
        let _ = decoder.finish();
    }
}

/// Always takes the bit that keeps `low + range` just over a multiple of 2^64, so that words of ones pile up
/// and a carry runs back over them in the end.
fn steer_to_carry(words: usize, last: u32) -> Vec<(u32, u32)> {
    let mut encoder = BinaryEncoder::new();
    let mut bits = Vec::new();
    // The point that the code value is steered to, just below 1/2: 0x7FFFFFFF FFFFFFFF ...
    let mut target = u64::MAX >> 1;
    let p1 = PROB_ONE / 2 + 12345;
    while encoder.written() < 4 * words {
        let written = encoder.written();
        let distance = target.wrapping_sub(encoder.low);
        let bit = u32::from(distance < split(encoder.range, p1));
        encoder.encode(bit, p1);
        bits.push((bit, p1));
        if encoder.written() > written {
            target = target << 32 | 0xFFFF_FFFF;
        }
    }
    // The range holds the target and what is above it, where the carry comes from.
    for _ in 0..100 {
        bits.push((last, p1));
    }
    bits
}

#[test]
fn carries_run_back_over_ones() {
    for words in [1, 2, 3, 50, 1000] {
        for last in [0, 1] {
            let bits = steer_to_carry(words, last);
            round_trip(&bits);
        }
    }
    // The carry did happen: the payload of one branch begins with 0x80, that of the other with 0x7F FF.
    let carried = encode(&steer_to_carry(1000, 0));
    let plain = encode(&steer_to_carry(1000, 1));
    assert_eq!(carried[..4], [0x80, 0, 0, 0]);
    assert!(carried[..3990].iter().skip(1).all(|&b| b == 0));
    assert_eq!(plain[0], 0x7F);
    assert!(plain[..3990].iter().skip(1).all(|&b| b == 0xFF));
}

#[test]
fn extreme_probabilities_round_trip() {
    for p1 in [1, 2, PROB_ONE / 2, PROB_ONE - 2, PROB_ONE - 1] {
        for pattern in [0_u32, !0, 0x5555_5555, 0x0000_0001, 0x8000_0000] {
            let bits: Vec<_> = (0..4000).map(|i| ((pattern >> (i % 32)) & 1, p1)).collect();
            round_trip(&bits);
        }
    }
}

#[test]
fn code_length_is_that_of_the_model() {
    // A million bits at 22-bit probabilities: the range loses less than 1e-6 of the length.
    let mut state = 1_u64;
    let mut ideal = 0.0;
    let bits: Vec<_> = (0..1_000_000)
        .map(|_| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let p1 = (state >> 42) as u32 % (PROB_ONE - 1) + 1;
            let bit = u32::from(((state >> 11) as u32 & (PROB_ONE - 1)) < p1);
            let p = f64::from(if bit == 1 { p1 } else { PROB_ONE - p1 }) / f64::from(PROB_ONE);
            ideal -= p.log2();
            (bit, p1)
        })
        .collect();
    let coded = 8.0 * round_trip(&bits) as f64;
    assert!(coded < ideal * (1.0 + 1e-6) + 16.0, "{coded} {ideal}");
}

#[test]
fn every_truncation_and_mutation_ends() {
    let bits: Vec<_> = (0..400_u32)
        .map(|i| ((i * i / 7) & 1, PROB_ONE / 2 + 3000 * (i % 500)))
        .collect();
    let payload = encode(&bits);
    for length in 0..payload.len() {
        // Every truncation reads on into zeros; cut by more than the state it is always noticed.
        let result = decode_any(&payload[..length], &bits);
        if length + STATE_BYTES + 4 < payload.len() {
            assert!(result.is_err(), "{length} of {}", payload.len());
        }
    }
    for position in 0..payload.len() {
        for byte in 0..=255 {
            let mut mutated = payload.clone();
            mutated[position] = byte;
            let _ = decode_any(&mutated, &bits);
        }
    }
}

#[test]
fn certain_bits_cost_almost_nothing() {
    let bits = vec![(1, PROB_ONE - 1); 1_000_000];
    assert!(round_trip(&bits) <= 2);
}

#[test]
fn sure_symbols_cost_nothing() {
    let mut encoder = BinaryEncoder::new();
    let sure = Interval {
        start: 0,
        freq: 1 << 28,
    };
    for _ in 0..1000 {
        encoder.encode_interval(sure, 28).unwrap();
    }
    assert!(encoder.finish().is_empty());
}

#[test]
fn empty_payload_holds_no_bits() {
    assert_eq!(round_trip(&[]), 0);
}

#[test]
fn trailing_bytes_are_an_error() {
    let bits: Vec<_> = (0..100).map(|i| (i & 1, PROB_ONE / 2)).collect();
    for tail in [vec![0], vec![1], vec![0; 9], vec![1; 9], vec![0xFF; 30]] {
        let mut payload = encode(&bits);
        payload.extend_from_slice(&tail);
        let result = decode_any(&payload, &bits);
        assert!(matches!(result, Err(Error::Corrupt { .. })), "{tail:?}");
    }
}

#[test]
fn code_outside_the_range_is_corrupt() {
    let mut decoder = BinaryDecoder::new(&[0xFF; 8]);
    assert_eq!(decoder.decode(PROB_ONE / 2), 0);
    assert!(matches!(decoder.finish(), Err(Error::Corrupt { .. })));
}

#[test]
fn wrong_intervals_are_refused() {
    let mut encoder = BinaryEncoder::new();
    for (start, freq, precision) in [
        (0, 0, 8),
        (255, 2, 8),
        (u32::MAX, 1, 8),
        (0, 1, 0),
        (0, 1, 29),
    ] {
        let result = encoder.encode_interval(Interval { start, freq }, precision);
        assert!(matches!(result, Err(Error::Parameter { .. })));
    }
    encoder
        .encode_interval(Interval { start: 3, freq: 1 }, 8)
        .unwrap();
    let payload = encoder.finish();
    let mut decoder = BinaryDecoder::new(&payload);
    assert_eq!(decoder.peek(8), Ok(3));
    for start in [2, 4] {
        let result = decoder.advance(Interval { start, freq: 1 }, 8);
        assert!(matches!(result, Err(Error::Parameter { .. })));
    }
    decoder.advance(Interval { start: 3, freq: 1 }, 8).unwrap();
    decoder.finish().unwrap();
}

#[test]
fn bytes_do_not_change() {
    let bits: Vec<_> = (0..64_u32).map(|i| ((i / 3) & 1, (i + 1) << 15)).collect();
    assert_eq!(encode(&bits), GOLDEN);
}

const GOLDEN: [u8; 11] = [11, 212, 209, 94, 74, 138, 110, 1, 127, 97, 40];

#[test]
fn slices_and_rows_round_trip() {
    let bits: Vec<u8> = (0..200_u8).map(|i| i / 3 % 2).collect();
    let p1s: Vec<u32> = (1..=200).map(|i| i * 20_000).collect();
    let rows = [1_u16, 5, 0, 9].repeat(50);
    let symbols: Vec<u32> = (0..50).map(|i| i * i % 4).collect();
    let mut encoder = BinaryEncoder::new();
    encoder.encode_all(&bits, &p1s).unwrap();
    encoder.encode_rows(&symbols, &rows, 4, 16).unwrap();
    let refused = encoder.clone();
    let mut encoder_2 = encoder.clone();
    assert!(encoder_2.encode_all(&[0, 1], &[1]).is_err());
    assert!(encoder_2.encode_all(&[2], &[1]).is_err());
    assert!(encoder_2.encode_all(&[0], &[0]).is_err());
    assert!(encoder_2.encode_all(&[0], &[PROB_ONE]).is_err());
    assert!(encoder_2.encode_rows(&[4], &rows[..4], 4, 16).is_err());
    assert_eq!(encoder_2.finish(), refused.finish());

    let payload = encoder.finish();
    let mut decoder = BinaryDecoder::new(&payload);
    assert_eq!(decoder.decode_all(&p1s).unwrap(), bits);
    let mut decoder = decoder.pause().resume(&payload);
    assert!(decoder.decode_all(&[0]).is_err());
    assert_eq!(decoder.decode_rows(&rows, 4, 16).unwrap(), symbols);
    decoder.clone().finish().unwrap();
    assert!(decoder.decode_rows(&rows.repeat(10), 4, 16).is_err());
}
