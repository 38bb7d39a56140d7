// Numbers in tests are small.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use super::*;
use crate::coder::MAX_PRECISION;
use proptest::prelude::*;

/// The formula as it stands in the documentation, in 128 bits.
fn reference(weights: &[u64], precision: u32) -> Vec<u32> {
    let mut weights = weights.to_vec();
    if weights.iter().all(|&w| w == 0) {
        weights.fill(1);
    }
    let total: u128 = weights.iter().map(|&w| u128::from(w)).sum();
    let spread = (1_u128 << precision) - weights.len() as u128;
    let mut sum = 0;
    let mut table = vec![0];
    for (i, &weight) in (1..).zip(&weights) {
        sum += u128::from(weight);
        table.push((sum * spread / total + i) as u32);
    }
    table
}

/// The rule for floats in floats, which are exact here: powers of two and a floor.
fn weights_of(row: &[f64]) -> Vec<u64> {
    let largest = row.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return vec![0; row.len()];
    }
    // In steps, for 2^(27 - e) may be too large for one number, and the largest entry subnormal.
    let (mut scale, mut top) = (Vec::new(), largest);
    while top < 2_f64.powi(27) {
        let step = if top < 1e-200 { 2_f64.powi(300) } else { 2.0 };
        scale.push(step);
        top *= step;
    }
    while top >= 2_f64.powi(28) {
        let step = if top > 1e200 { 2_f64.powi(-300) } else { 0.5 };
        scale.push(step);
        top *= step;
    }
    row.iter()
        .map(|&x| scale.iter().fold(x, |x, step| x * step) as u64)
        .collect()
}

fn check<W: Weight + std::fmt::Debug>(row: &[W], weights: &[u64], precision: u32) {
    let mut quantizer = Quantizer::new(precision).unwrap();
    let table = quantizer.cum(row).unwrap();
    assert_eq!(table, reference(weights, precision));
    assert_eq!(table[row.len()], 1 << precision);
    for (i, pair) in table.windows(2).enumerate() {
        let (start, end) = (pair[0], pair[1]);
        assert!(end > start, "symbol {i} has no slot");
        let interval = Interval {
            start,
            freq: end - start,
        };
        assert_eq!(quantizer.interval(row, i).unwrap(), interval);
        for slot in [start, start + (end - start) / 2, end - 1] {
            let found = quantizer.find(row, slot).unwrap();
            assert_eq!(found, (i as u32, interval));
        }
    }
}

fn precision_for(length: usize) -> impl Strategy<Value = u32> {
    length.next_power_of_two().ilog2().max(1)..=MAX_PRECISION
}

fn rows<T: std::fmt::Debug + Clone>(
    entry: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = (Vec<T>, u32)> {
    prop::collection::vec(entry, 1..200).prop_flat_map(|row| {
        let precision = precision_for(row.len());
        (Just(row), precision)
    })
}

fn finite_f32() -> impl Strategy<Value = f32> + Clone {
    (0..f32::INFINITY.to_bits()).prop_map(f32::from_bits)
}

fn finite_f64() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        (0..f64::INFINITY.to_bits()).prop_map(f64::from_bits),
        0.0..1.0,
        Just(0.0),
        Just(f64::MIN_POSITIVE / 8.0),
    ]
}

proptest! {
    #[test]
    fn u16_rows((row, precision) in rows(prop_oneof![any::<u16>(), Just(0)])) {
        let weights: Vec<u64> = row.iter().map(|&w| u64::from(w)).collect();
        check(&row, &weights, precision);
    }

    #[test]
    fn u32_rows((row, precision) in rows(prop_oneof![any::<u32>(), Just(0), Just(1), Just(u32::MAX)])) {
        let weights: Vec<u64> = row.iter().map(|&w| u64::from(w)).collect();
        check(&row, &weights, precision);
    }

    #[test]
    fn u64_rows((row, precision) in rows(prop_oneof![0..1_u64 << 56, Just(0), Just(1)])) {
        check(&row, &row, precision);
    }

    #[test]
    fn f32_rows((row, precision) in rows(prop_oneof![finite_f32(), 0.0_f32..1.0, Just(-0.0)])) {
        let wide: Vec<f64> = row.iter().map(|&x| x.into()).collect();
        let exact = weights_of(&wide);
        check(&row, &exact, precision);
    }

    #[test]
    fn f64_rows((row, precision) in rows(finite_f64())) {
        let exact = weights_of(&row);
        check(&row, &exact, precision);
    }

    #[test]
    fn vector_loops_equal_the_portable_ones(row in prop::collection::vec(any::<u32>(), 0..300)) {
        prop_assert_eq!(simd::sum(&row), sums::sum(&row));
        let (mut a, mut b) = (Vec::new(), Vec::new());
        prop_assert_eq!(simd::block_sums(&row, &mut a), sums::block_sums(&row, &mut b));
        prop_assert_eq!(a, b);
        let floats: Vec<f32> = row.iter().map(|&w| f32::from_bits(w)).collect();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let results = (simd::integers(&floats, &mut a), float::integers(&floats, &mut b));
        prop_assert_eq!(&results.0, &results.1);
        if results.0.is_ok() {
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn vector_loops_over_floats_equal_the_portable_ones(
        singles in prop::collection::vec(prop_oneof![finite_f32(), 0.0_f32..1.0, Just(-0.0)], 0..100),
        doubles in prop::collection::vec(finite_f64(), 0..100),
        longer in 0..100_usize,
    ) {
        // What a longer row before this one left in the scratch space must not show.
        let (mut a, mut sums_a) = (vec![7; longer], vec![7; longer]);
        let (mut b, mut sums_b) = (Vec::new(), Vec::new());
        let total = simd::float_blocks(&singles, &mut a, &mut sums_a);
        prop_assert_eq!(total, float::blocks(&singles, &mut b, &mut sums_b));
        prop_assert_eq!((&a, &sums_a), (&b, &sums_b));
        let total = simd::float_blocks(&doubles, &mut a, &mut sums_a);
        prop_assert_eq!(total, float::blocks(&doubles, &mut b, &mut sums_b));
        prop_assert_eq!((&a, &sums_a), (&b, &sums_b));
        let mut c = Vec::new();
        prop_assert_eq!(simd::integers(&doubles, &mut c), Ok(()));
        prop_assert_eq!(c, a);
    }

    #[test]
    fn counts_become_tables(
        counts in prop::collection::vec(prop_oneof![Just(0), 1..4_u32, any::<u32>()], 256)
    ) {
        let counts: [u32; 256] = counts.try_into().unwrap();
        let freqs = normalize_counts(&counts);
        let sum: u32 = freqs.iter().map(|&f| u32::from(f)).sum();
        let occurs = counts.iter().any(|&c| c > 0);
        prop_assert_eq!(sum, if occurs { 1 << COUNTS_PRECISION } else { 0 });
        for (freq, count) in freqs.iter().zip(&counts) {
            prop_assert_eq!(*freq > 0, *count > 0);
        }
    }
}

#[test]
fn subnormal_rows_keep_their_shape() {
    let row = [f32::from_bits(1), f32::from_bits(3), 0.0];
    check(&row, &[1 << 26, 3 << 26, 0], 24);
    let row = [f64::from_bits(1), f64::from_bits(3), 0.0];
    check(&row, &[1 << 26, 3 << 26, 0], 24);
    check(
        &[f32::MAX, f32::MAX / 2.0, f32::MIN_POSITIVE],
        &[(1 << 28) - 16, (1 << 27) - 8, 0],
        24,
    );
}

#[test]
fn a_row_of_one_symbol_takes_all_slots() {
    for precision in [1, 16, 28] {
        check(&[7_u32], &[7], precision);
        check(&[0_u16], &[0], precision);
        check(&[0.5_f64], &[1], precision);
    }
}

#[test]
fn long_rows_and_full_alphabets() {
    let row: Vec<u32> = (0..151_936).map(|i| u32::MAX / (i + 1)).collect();
    let weights: Vec<u64> = row.iter().map(|&w| u64::from(w)).collect();
    for precision in [18, 28] {
        let mut quantizer = Quantizer::new(precision).unwrap();
        let table = quantizer.cum(&row).unwrap();
        assert_eq!(table, reference(&weights, precision));
        for i in [0, 1, 15, 16, 17, 1000, 75_967, 151_934, 151_935] {
            let interval = quantizer.interval(&row, i).unwrap();
            assert_eq!(interval.start, table[i]);
            assert_eq!(interval.freq, table[i + 1] - table[i]);
            for slot in [interval.start, table[i + 1] - 1] {
                assert_eq!(quantizer.find(&row, slot).unwrap(), (i as u32, interval));
            }
        }
    }
    check(&[0_u16; 256], &[0; 256], 8);
    check(&[9_u16, 1], &[9, 1], 1);
}

#[test]
fn what_is_no_distribution_is_an_error() {
    let mut quantizer = Quantizer::new(16).unwrap();
    for bad in [
        f32::NAN,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -f32::NAN,
        -f32::MIN_POSITIVE,
    ] {
        let row = [0.5, bad, 0.25];
        assert!(matches!(quantizer.cum(&row), Err(Error::Model { .. })));
        let row = row.map(f64::from);
        assert!(matches!(
            quantizer.interval(&row, 0),
            Err(Error::Model { .. })
        ));
        assert!(matches!(quantizer.find(&row, 0), Err(Error::Model { .. })));
    }
    let row = [u64::MAX, 1];
    assert!(matches!(quantizer.cum(&row), Err(Error::Model { .. })));
    assert!(matches!(
        quantizer.interval(&row, 1),
        Err(Error::Model { .. })
    ));
    assert!(matches!(quantizer.find(&row, 1), Err(Error::Model { .. })));
}

#[test]
fn arguments_out_of_range_are_errors() {
    for precision in [0, 29, u32::MAX] {
        assert!(matches!(
            Quantizer::new(precision),
            Err(Error::Parameter { .. })
        ));
    }
    let mut quantizer = Quantizer::new(1).unwrap();
    assert!(quantizer.cum::<u32>(&[]).is_err());
    assert!(quantizer.cum(&[1_u32, 1, 1]).is_err());
    assert!(quantizer.interval(&[1_u32, 1], 2).is_err());
    assert!(quantizer.find(&[1_u32, 1], 2).is_err());
}

#[test]
fn shares_are_the_nearest_where_they_can_be() {
    let mut counts = [0; 256];
    counts[3] = 3;
    counts[200] = 1;
    let freqs = normalize_counts(&counts);
    assert_eq!((freqs[3], freqs[200]), (3072, 1024));
    counts[3] = u32::MAX;
    assert_eq!(normalize_counts(&counts)[3], 4095);
    counts.fill(1);
    assert_eq!(normalize_counts(&counts), [16; 256]);
}

#[test]
fn probabilities_of_bits_stay_inside() {
    let p1s = bit_probabilities(&[0.0, 0.5, 1.0, 1e-30, 0.25 + 1e-9, -0.0]).unwrap();
    assert_eq!(p1s, [1, 1 << 21, (1 << 22) - 1, 1, 1 << 20, 1]);
    for bad in [-1e-9, 1.0 + 1e-9, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            bit_probabilities(&[bad]),
            Err(Error::Model { .. })
        ));
    }
}
