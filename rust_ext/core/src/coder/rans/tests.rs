// Numbers in tests are small.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use super::*;
use proptest::prelude::*;

fn item() -> impl Strategy<Value = (Interval, u32)> {
    (1..=28_u32).prop_flat_map(|precision| {
        let total = 1_u32 << precision;
        (0..total).prop_flat_map(move |start| {
            let freq = prop_oneof![1..=total - start, Just(1)];
            freq.prop_map(move |freq| (Interval { start, freq }, precision))
        })
    })
}

fn generator(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x14057B7EF767814F);
        ((u64::from((state >> 32) as u32) * u64::from(below)) >> 32) as u32
    }
}

/// Rows with a peak, and a symbol drawn from each.
fn peaked_rows(count: usize, alphabet: u32, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut draw = generator(seed);
    let (mut symbols, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let peak = draw(alphabet);
        rows.extend((0..alphabet).map(|i| if i == peak { 50 * alphabet } else { draw(100) }));
        symbols.push(if draw(3) > 0 { peak } else { draw(alphabet) });
    }
    (symbols, rows)
}

proptest! {
    #[test]
    fn pops_undo_pushes(items in prop::collection::vec(item(), 0..200), lanes in 1..=MAX_LANES) {
        let mut stack = Stack::new(lanes).unwrap();
        let mut states = Vec::new();
        for &(interval, precision) in &items {
            states.push(stack.clone());
            stack.push(interval, precision).unwrap();
        }
        let payload = stack.to_bytes();
        let mut stack = Stack::from_bytes(&payload, lanes).unwrap();
        prop_assert_eq!(stack.to_bytes(), payload);
        for &(interval, precision) in items.iter().rev() {
            let slot = stack.peek(precision).unwrap();
            prop_assert!(interval.contains(slot));
            stack.pop(interval, precision).unwrap();
            prop_assert_eq!(Some(&stack), states.last());
            states.pop();
        }
        stack.finish().unwrap();
    }

    #[test]
    fn pushes_undo_pops(
        seed in prop::collection::vec(any::<u32>(), 0..50),
        draws in prop::collection::vec((1..=28_u32, any::<u32>(), any::<u32>()), 0..80),
        lanes in 1..5_usize,
    ) {
        let mut stack = Stack::new(lanes).unwrap();
        for word in seed {
            stack.push(Interval { start: word >> 4, freq: 1 }, 28).unwrap();
        }
        let before = stack.clone();
        let mut popped = Vec::new();
        for (precision, below, above) in draws {
            let slot = stack.peek(precision).unwrap();
            let start = slot - below % (slot + 1);
            let freq = slot - start + 1 + above % ((1 << precision) - slot);
            let interval = Interval { start, freq };
            let at = stack.clone();
            match stack.pop(interval, precision) {
                Ok(()) => popped.push((interval, precision)),
                Err(error) => {
                    prop_assert_eq!(error, Error::Truncated { what: "rANS stack" });
                    prop_assert_eq!(&stack, &at);
                }
            }
        }
        for (interval, precision) in popped.into_iter().rev() {
            stack.push(interval, precision).unwrap();
        }
        prop_assert_eq!(stack, before);
    }

    #[test]
    fn rows_round_trip(
        alphabet in 1..70_usize,
        weights in prop::collection::vec(any::<u16>(), 0..3000),
        draws in prop::collection::vec(any::<u32>(), 3000),
        precision in 7..=28_u32,
        lanes in 1..=8_usize,
    ) {
        let count = weights.len() / alphabet;
        let rows = &weights[..count * alphabet];
        let symbols: Vec<u32> = draws[..count].iter().map(|d| d % alphabet as u32).collect();
        let mut stack = Stack::new(lanes).unwrap();
        stack.push_rows(&symbols, rows, alphabet, precision).unwrap();
        let wide: Vec<u64> = rows.iter().map(|&w| u64::from(w)).collect();
        let mut same = Stack::new(lanes).unwrap();
        same.push_rows(&symbols, &wide, alphabet, precision).unwrap();
        prop_assert_eq!(&same, &stack);
        prop_assert_eq!(stack.pop_rows(rows, alphabet, precision).unwrap(), symbols);
        stack.finish().unwrap();
    }

    #[test]
    fn any_payload_ends(payload in prop::collection::vec(any::<u8>(), 0..80), lanes in 1..=MAX_LANES) {
        if let Ok(mut stack) = Stack::from_bytes(&payload, lanes) {
            prop_assert_eq!(stack.to_bytes(), payload);
            let rows = [3_u32, 1, 9, 0, 2].repeat(1000);
            let _ = stack.pop_rows(&rows, 5, 20);
        }
    }
}

#[test]
fn an_empty_stack_gives_nothing() {
    for lanes in [1, 4, 8] {
        let mut stack = Stack::new(lanes).unwrap();
        assert!(stack.to_bytes().is_empty());
        for precision in [1, 12, 28] {
            let slot = stack.peek(precision).unwrap();
            let half = Interval {
                start: slot,
                freq: 1 << (precision - 1),
            };
            assert_eq!(
                stack.pop(half, precision),
                Err(Error::Truncated { what: "rANS stack" })
            );
            assert!(stack.is_empty());
        }
        // A sure symbol takes no bits, so there is always one.
        assert_eq!(stack.pop_rows(&[5_u32; 8], 1, 28).unwrap(), [0; 8]);
        assert!(stack.is_empty() && stack.finish().is_ok());
    }
}

#[test]
fn sure_symbols_cost_nothing() {
    let mut stack = Stack::new(1).unwrap();
    stack.push_rows(&[0; 1000], &[9_u32; 1000], 1, 28).unwrap();
    assert!(stack.to_bytes().is_empty());
}

#[test]
fn bits_come_back() {
    // A latent is popped, used, and pushed again; the decoder gets the initial bits back.
    let mut stack = Stack::new(1).unwrap();
    stack
        .push(
            Interval {
                start: 0x0ABC_DEF1,
                freq: 1,
            },
            28,
        )
        .unwrap();
    let initial = stack.clone();
    let (posterior, likelihood) = ([1_u32, 2, 5], [[7_u32, 1], [1, 1], [1, 7]]);
    let latent = stack.pop_rows(&posterior, 3, 16).unwrap()[0];
    stack
        .push_rows(&[1], &likelihood[latent as usize], 2, 16)
        .unwrap();
    stack.push_rows(&[latent], &[1_u32; 3], 3, 16).unwrap();

    let again = stack.pop_rows(&[1_u32; 3], 3, 16).unwrap()[0];
    assert_eq!(again, latent);
    assert_eq!(
        stack.pop_rows(&likelihood[again as usize], 2, 16).unwrap(),
        [1]
    );
    stack.push_rows(&[again], &posterior, 3, 16).unwrap();
    assert_eq!(stack, initial);
}

#[test]
fn every_truncation_and_mutation_ends() {
    let (symbols, rows) = peaked_rows(60, 20, 7);
    for lanes in [1, 4] {
        let mut stack = Stack::new(lanes).unwrap();
        stack.push_rows(&symbols, &rows, 20, 24).unwrap();
        let payload = stack.to_bytes();
        let decode = |payload: &[u8]| -> Result<Vec<u32>> {
            let mut stack = Stack::from_bytes(payload, lanes)?;
            let symbols = stack.pop_rows(&rows, 20, 24)?;
            stack.finish()?;
            Ok(symbols)
        };
        assert_eq!(decode(&payload), Ok(symbols.clone()));
        for length in 0..payload.len() {
            assert!(decode(&payload[..length]).is_err());
        }
        for position in 0..payload.len() {
            for byte in (0..=255).filter(|&b| b != payload[position]) {
                let mut mutated = payload.clone();
                mutated[position] = byte;
                assert!(decode(&mutated).is_err());
            }
        }
        for extra in [0, 1, 0x80, 0xFF] {
            let mut longer = payload.clone();
            longer.push(extra);
            assert!(decode(&longer).is_err());
            longer.insert(0, extra);
            assert!(decode(&longer).is_err());
        }
    }
}

#[test]
fn code_length_is_that_of_the_intervals() {
    let mut draw = generator(3);
    for (precision, excess) in [(12, 1e-5), (16, 1e-5), (20, 1e-5), (24, 1e-5), (28, 5e-5)] {
        for lanes in [1, 8] {
            let mut stack = Stack::new(lanes).unwrap();
            let mut ideal = 0.0;
            for _ in 0..100_000 {
                let freq = (1_u32 << precision)
                    .min(1 + (1 << draw(precision)) + draw(1 << (precision / 2)));
                let start = draw((1 << precision) - freq + 1);
                stack.push(Interval { start, freq }, precision).unwrap();
                ideal += f64::from(precision) - f64::from(freq).log2();
            }
            let coded = 8.0 * stack.to_bytes().len() as f64;
            // Each lane starts from 31 bits, and takes part of a byte for its length.
            let fixed = 48.0 * lanes as f64 + 8.0;
            assert!(
                coded < ideal * (1.0 + excess) + fixed,
                "{precision} {lanes}: {coded} {ideal}"
            );
        }
    }
}

#[test]
fn wrong_arguments_leave_the_stack_alone() {
    let mut stack = Stack::new(2).unwrap();
    stack.push(Interval { start: 3, freq: 2 }, 8).unwrap();
    let before = stack.clone();
    assert!(stack
        .push(
            Interval {
                start: 255,
                freq: 2
            },
            8
        )
        .is_err());
    assert!(stack.push(Interval { start: 0, freq: 0 }, 8).is_err());
    assert!(stack.push(Interval { start: 0, freq: 1 }, 29).is_err());
    assert!(stack.peek(0).is_err());
    assert!(stack.pop(Interval { start: 0, freq: 3 }, 8).is_err());
    assert!(stack.push_rows(&[0], &[1_u32, 2, 3], 2, 8).is_err());
    assert!(stack.push_rows(&[0, 0], &[1_u32, 2], 2, 8).is_err());
    assert!(stack.push_rows(&[0], &[1_u32], 0, 8).is_err());
    assert!(stack.push_rows(&[0, 2], &[1_u32; 4], 2, 8).is_err());
    assert!(stack
        .push_rows(&[0, 1], &[1.0, 1.0, f32::NAN, 1.0], 2, 8)
        .is_err());
    assert!(stack.pop_rows(&[1_u32; 3], 2, 8).is_err());
    assert_eq!(stack, before);
    assert!(Stack::new(0).is_err() && Stack::new(MAX_LANES + 1).is_err());
    assert!(before.finish().is_err());
}

#[test]
fn bytes_do_not_change() {
    let (symbols, rows) = peaked_rows(60, 5, 1);
    let payloads = [1, 3].map(|lanes| {
        let mut stack = Stack::new(lanes).unwrap();
        stack.push_rows(&symbols, &rows, 5, 24).unwrap();
        stack.to_bytes()
    });
    assert_eq!(payloads[0], GOLDEN_1);
    assert_eq!(payloads[1], GOLDEN_3);
}

const GOLDEN_1: [u8; 14] = [
    199, 67, 181, 170, 195, 140, 151, 20, 220, 154, 159, 91, 5, 5,
];
const GOLDEN_3: [u8; 26] = [
    139, 150, 201, 135, 240, 2, 2, 39, 201, 198, 68, 23, 13, 82, 114, 215, 130, 115, 195, 168, 96,
    102, 1, 67, 4, 0,
];
