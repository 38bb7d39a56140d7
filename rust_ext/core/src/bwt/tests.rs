use super::*;
use proptest::prelude::*;

fn round_trip(text: &[u8]) -> Vec<u8> {
    let payload = encode(text).unwrap();
    assert_eq!(decode(&payload, text.len()).unwrap(), text);
    payload
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    });
    bytes.take(len).collect()
}

#[test]
fn round_trips_of_hard_inputs() {
    assert_eq!(round_trip(b""), b"");
    for byte in [0, 1, b'a', 255] {
        round_trip(&[byte]);
        round_trip(&[byte; 2]);
        round_trip(&vec![byte; 70_000]);
    }
    round_trip(&b"ab".repeat(5000));
    round_trip(&b"ab".repeat(5000)[1..]);
    round_trip(&(0..=255).collect::<Vec<u8>>());
    round_trip(&(0..=255).rev().collect::<Vec<u8>>().repeat(9));
    round_trip(&noise(5000));
}

#[test]
fn round_trip_of_a_binary_de_bruijn_sequence() {
    // Greedy, prefer one: every word of ten bits once.
    let mut sequence = vec![0_u8; 10];
    let mut seen = std::collections::HashSet::from([0_u32]);
    let mut word = 0_u32;
    loop {
        let one = ((word << 1) | 1) & 1023;
        let zero = (word << 1) & 1023;
        word = if seen.insert(one) {
            one
        } else if seen.insert(zero) {
            zero
        } else {
            break;
        };
        sequence.push(u8::from(word & 1 != 0));
    }
    round_trip(&sequence);
}

#[test]
fn round_trips_of_chained_lengths() {
    let text = noise(1 << 19);
    for len in [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, 300_007, 1 << 19] {
        round_trip(&text[..len]);
    }
    assert!(round_trip(&vec![7; 1 << 20]).len() < 100);
}

#[test]
fn round_trip_above_the_packed_table() {
    let mut text = vec![b'x'; transform::PACKED_UP_TO + 100];
    for (i, symbol) in text.iter_mut().enumerate().step_by(1000) {
        *symbol = i.to_le_bytes()[1];
    }
    round_trip(&text);
    round_trip(&text[..transform::PACKED_UP_TO]);
}

#[test]
fn tables_of_numbers_take_the_symbols_stage() {
    let mut table = Vec::new();
    for i in 0..20_000_u32 {
        table.extend_from_slice(&(i.wrapping_mul(2_654_435_761) >> 12).to_be_bytes()[1..]);
    }
    round_trip(&table);
    for stage in [Stage::Ranks, Stage::Symbols] {
        let coded = stage::encode(&table, stage).unwrap();
        assert_eq!(stage::decode(&coded, table.len(), stage).unwrap(), table);
    }
}

#[test]
fn damaged_payloads_are_errors_or_other_symbols() {
    let mut text = b"the cat sat on the mat; the dog sat on the log. ".repeat(3);
    text.extend(0..40);
    let column = transform::forward(&text).unwrap();
    let mut symbols = vec![FLAG_SYMBOLS];
    symbols.extend(column.anchors[0].to_le_bytes());
    symbols.extend(stage::encode(&column.last, Stage::Symbols).unwrap());
    assert_eq!(decode(&symbols, text.len()).unwrap(), text);
    for payload in [encode(&text).unwrap(), symbols] {
        let check = |payload: &[u8], count: usize| {
            if let Ok(decoded) = decode(payload, count) {
                assert_eq!(decoded.len(), count);
            }
        };
        for len in 0..payload.len() {
            assert!(decode(&payload[..len], text.len()).is_err(), "cut to {len}");
        }
        let mut damaged = payload.clone();
        for at in 0..payload.len() {
            for bit in [0, 3, 7] {
                damaged[at] ^= 1 << bit;
                check(&damaged, text.len());
                damaged[at] ^= 1 << bit;
            }
        }
        for count in [0, 1, text.len() - 1, text.len() + 1, 1 << 20, 1 << 30] {
            assert!(decode(&payload, count).is_err(), "{count} symbols");
        }
        let too_many = decode(&payload, usize::try_from(1_u64 << 40).unwrap());
        assert!(matches!(too_many, Err(Error::Limit { .. })));
    }
}

#[test]
fn rows_outside_the_matrix_are_corrupt() {
    let mut payload = encode(b"some text, some text").unwrap();
    for row in [0, 21, u32::MAX] {
        payload[1..5].copy_from_slice(&row.to_le_bytes());
        assert!(matches!(decode(&payload, 20), Err(Error::Corrupt { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn round_trips(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        round_trip(&text);
    }

    #[test]
    fn round_trips_of_few_symbols(text in prop::collection::vec(0_u8..3, 0..2000)) {
        round_trip(&text);
        for stage in [Stage::Ranks, Stage::Symbols] {
            let coded = stage::encode(&text, stage).unwrap();
            prop_assert_eq!(&stage::decode(&coded, text.len(), stage).unwrap(), &text);
        }
    }

    #[test]
    fn noise_is_no_payload(payload in prop::collection::vec(any::<u8>(), 0..80), count in 0_usize..5000) {
        if let Ok(symbols) = decode(&payload, count) {
            prop_assert_eq!(symbols.len(), count);
        }
    }
}
