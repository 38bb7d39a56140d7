// Numbers in tests are small.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use super::*;
use proptest::prelude::*;

/// Bytes with a geometric-like distribution around `center`.
fn skewed(count: usize, center: u8, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut draw = || {
        state = state
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x14057B7EF767814F);
        state >> 40
    };
    (0..count)
        .map(|_| center.wrapping_add((draw() & draw() & draw()).to_le_bytes()[0] >> 1))
        .collect()
}

fn check(data: &[u8]) -> usize {
    let payload = encode(data);
    assert_eq!(decode(&payload, data.len()).unwrap(), data);
    let portable = encode_with(data, lanes::encode::<LANES>);
    assert_eq!(payload, portable);
    let portable = decode_with(&payload, data.len(), lanes::decode::<LANES>);
    assert_eq!(portable.unwrap(), data);
    payload.len()
}

fn hard_inputs() -> impl Strategy<Value = Vec<u8>> {
    let alphabet = prop_oneof![Just(1_u16), Just(2), Just(3), 2..=256_u16];
    (alphabet, 0..40_000_usize, any::<u64>()).prop_map(|(alphabet, count, seed)| {
        let data = skewed(count, 0, seed);
        data.iter()
            .map(|&b| (u16::from(b) % alphabet) as u8)
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn round_trips_the_same_on_both_paths(data in hard_inputs()) {
        check(&data);
    }

    #[test]
    fn small_inputs_do_not_explode(data in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(check(&data) <= data.len() + 3);
    }

    #[test]
    fn any_payload_ends(payload in prop::collection::vec(any::<u8>(), 0..200), count in 0..100_000_usize) {
        let _ = decode(&payload, count);
    }

    #[test]
    fn tables_round_trip(counts in prop::collection::vec(prop_oneof![Just(0), 1..40_u32, any::<u32>()], 256)) {
        let counts: [u32; 256] = counts.try_into().unwrap();
        let freqs = normalize_counts(&counts);
        prop_assume!(freqs.iter().any(|&f| f > 0));
        let payload = table::encode(&freqs);
        prop_assert_eq!(table::decode(&payload).unwrap(), freqs);
        for length in 0..payload.len() {
            let _ = table::decode(&payload[..length]);
        }
    }
}

#[test]
fn reciprocals_are_exact() {
    let mut freqs = [0; 256];
    for freq in 1..4096_u16 {
        freqs[0] = 4096 - freq;
        freqs[1] = freq;
        let push = EncodeTable::new(&freqs).0[1];
        let (f, start) = (u32::from(freq), u32::from(freqs[0]));
        for near in [f, BASE, push.limit / 2, push.limit] {
            for state in near.saturating_sub(2).max(f)..=near.saturating_add(2).min(push.limit) {
                assert_eq!(push.apply(state), ((state / f) << 12) + state % f + start);
            }
        }
    }
}

#[test]
fn sizes_around_blocks_and_groups() {
    for size in [
        0, 1, 2, 31, 32, 33, 8191, 8192, 8193, 65_535, 65_536, 65_537, 200_001,
    ] {
        check(&skewed(size, 65, 5));
        check(&vec![7; size]);
    }
}

#[test]
fn all_bytes_and_near_runs() {
    let uniform: Vec<u8> = (0..100_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    check(&uniform);
    let mut run = vec![0; 100_000];
    run[77_777] = 255;
    assert!(check(&run) < 300);
    assert!(check(&vec![1; 1 << 22]) < 8);
}

#[test]
fn a_change_of_statistics_begins_a_block() {
    let mut data = skewed(1 << 18, 0, 1);
    let same = check(&data);
    data.extend(skewed(1 << 18, 128, 2));
    assert!(check(&data) < 2 * same + 200);
    // The same statistics stay one block: one table and one set of states.
    assert!(check(&skewed(1 << 19, 0, 3)) < 2 * same);
}

#[test]
fn code_length_is_that_of_order_0() {
    let data = skewed(1 << 20, 0, 9);
    let mut counts = [0_u32; 256];
    for &byte in &data {
        counts[usize::from(byte)] += 1;
    }
    let total = data.len() as f64;
    let entropy: f64 = counts
        .iter()
        .filter(|&&c| c > 0)
        .map(|&c| f64::from(c) * (total / f64::from(c)).log2())
        .sum();
    let coded = 8.0 * check(&data) as f64;
    assert!(coded < entropy * 1.002 + 3000.0, "{coded} {entropy}");
}

#[test]
fn every_truncation_and_mutation_ends() {
    for size in [300, 9000] {
        let data = skewed(size, 0, 4);
        let payload = encode(&data);
        for length in 0..payload.len() {
            assert!(decode(&payload[..length], size).is_err(), "{length}");
        }
        // Every byte of the head, table and states, and some of the words.
        for position in (0..payload.len()).filter(|p| p % 17 == 0 || *p < 260) {
            for flip in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut mutated = payload.clone();
                mutated[position] ^= flip;
                let _ = decode(&mutated, size);
            }
        }
        let mut longer = payload.clone();
        longer.push(0);
        assert!(decode(&longer, size).is_err());
        assert!(decode(&payload, size - 1).is_err());
        assert!(decode(&payload, size + 1).is_err());
    }
}

#[test]
fn claims_are_not_trusted() {
    // A block that claims 2^40 bytes of 32 lanes: refused for want of words, not allocated.
    let mut payload = Vec::new();
    put_number(1 << 42 | MANY_LANES, &mut payload);
    payload.extend_from_slice(&[1, 0, 0]);
    assert!(decode(&payload, 1 << 40).is_err());
    let mut payload = Vec::new();
    put_number(u64::MAX >> 1, &mut payload);
    assert!(decode(&payload, usize::MAX).is_err());
}

#[test]
fn bytes_do_not_change() {
    assert_eq!(
        encode(b"abracadabra, abracadabra, abracadabra, abracadabra"),
        GOLDEN
    );
    let digest = encode(&skewed(10_000, 3, 11))
        .iter()
        .fold(0_u32, |hash, &b| {
            (hash ^ u32::from(b)).wrapping_mul(16_777_619)
        });
    assert_eq!(digest, 2_622_431_292);
}

const GOLDEN: [u8; 39] = [
    202, 1, 17, 7, 255, 240, 226, 170, 130, 148, 230, 80, 128, 175, 208, 93, 109, 212, 93, 166,
    224, 39, 210, 94, 2, 20, 164, 35, 144, 77, 150, 187, 48, 55, 53, 99, 128, 140, 146,
];
