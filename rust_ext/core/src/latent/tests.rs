use super::*;
use proptest::prelude::*;

fn round_trip<S: Symbol + std::fmt::Debug>(symbols: &[S], labels: &Labels<'_>) -> Vec<u8> {
    let payload = encode(symbols, labels).unwrap();
    let columns = labels.columns.len();
    assert_eq!(
        decode::<S>(&payload, symbols.len(), columns).unwrap(),
        symbols
    );
    payload
}

fn plain(rows: usize, columns: usize) -> (Vec<u8>, Vec<u8>) {
    (vec![0; rows], vec![0; columns])
}

proptest! {
    #[test]
    fn tables_of_any_labels_come_back(
        symbols in prop::collection::vec(any::<u8>(), 0..300),
        columns in 1_usize..20,
        k in 1_u8..5,
        l in 1_u8..5,
        mask in any::<u8>(),
        is_kept in any::<bool>(),
        step in 1_u32..40,
    ) {
        let symbols: Vec<u8> = symbols.into_iter().map(|s| s & mask).collect();
        let rows: Vec<u8> = (0..symbols.len().div_ceil(columns)).map(|i| i.to_le_bytes()[0] % k).collect();
        let of_columns: Vec<u8> = (0..columns).map(|i| i.to_le_bytes()[0] % l).collect();
        let labels = Labels { rows: &rows, columns: &of_columns, is_kept, step };
        round_trip(&symbols, &labels);
        let wide: Vec<u32> = symbols.iter().map(|&s| u32::from(s) * 16_000_000).collect();
        round_trip(&wide, &labels);
    }

    #[test]
    fn damage_is_noticed_or_gives_symbols(
        payload in prop::collection::vec(any::<u8>(), 0..60),
        count in 0_usize..1000,
        columns in 1_usize..50,
    ) {
        match decode::<u8>(&payload, count, columns) {
            Ok(symbols) => prop_assert_eq!(symbols.len(), count),
            Err(Error::Truncated { .. } | Error::Corrupt { .. } | Error::Limit { .. }) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn blocks_are_worth_their_labels() {
    let (m, n) = (64, 48);
    let rows: Vec<u8> = (0_u8..m).map(|i| i % 2).collect();
    let columns: Vec<u8> = (0_u8..n).map(|j| j / 3 % 2).collect();
    let symbols: Vec<u8> = rows
        .iter()
        .flat_map(|u| columns.iter().map(move |v| 40 + (u ^ v)))
        .collect();
    let labels = Labels {
        rows: &rows,
        columns: &columns,
        is_kept: false,
        step: 2,
    };
    let blocks = round_trip(&symbols, &labels).len();
    let (no_rows, no_columns) = plain(m.into(), n.into());
    let none = Labels {
        rows: &no_rows,
        columns: &no_columns,
        ..labels
    };
    assert_eq!((blocks, round_trip(&symbols, &none).len()), (21, 388));
}

#[test]
fn an_even_symbol_costs_what_the_counts_say() {
    // Of Krichevsky and Trofimov: 100 zeros cost log2 of the product of (2i + 2) / (2i + 1).
    let mut encoder = BinaryEncoder::new();
    let mut cells = crate::coder::counts::Cells::new(1, 2, 2);
    for _ in 0..100 {
        cells.code(0, 0, &mut encoder);
    }
    // 4.15 bits.
    assert_eq!(encoder.finish().len(), 1);
}

#[test]
fn claims_cost_no_memory() {
    let (rows, columns) = plain(3, 4);
    let labels = Labels {
        rows: &rows,
        columns: &columns,
        is_kept: false,
        step: 2,
    };
    let payload = encode(&[5_u8; 12], &labels).unwrap();
    for (count, columns) in [(1 << 40, 4), (usize::MAX, 1), (usize::MAX, usize::MAX)] {
        assert!(matches!(
            decode::<u8>(&payload, count, columns),
            Err(Error::Truncated { .. } | Error::Corrupt { .. })
        ));
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let labels = |rows, columns, step| Labels {
        rows,
        columns,
        is_kept: false,
        step,
    };
    let refused =
        |labels: &Labels<'_>| matches!(encode(&[0_u32; 4], labels), Err(Error::Parameter { .. }));
    assert!(refused(&labels(&[0], &[0, 0], 2)));
    assert!(refused(&labels(&[], &[], 2)));
    assert!(refused(&labels(&[0, 0], &[0, 0], 0)));
    assert!(refused(&labels(&[0, 0], &[0, 0], 1025)));
    let labels = labels(&[0], &[0], 2);
    assert!(matches!(
        encode(&[u32::MAX], &labels),
        Err(Error::Parameter { .. })
    ));
    assert!(matches!(
        decode::<u8>(&[], 1, 0),
        Err(Error::Parameter { .. })
    ));
    assert!(matches!(
        decode::<u8>(&[1], 0, 1),
        Err(Error::Corrupt { .. })
    ));
}
