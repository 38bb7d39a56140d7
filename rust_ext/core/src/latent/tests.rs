use super::*;
use crate::coder::counts::Numbers;
use proptest::prelude::*;

fn round_trip(symbols: &[u8], labels: &Labels<'_>) -> Vec<u8> {
    let payload = encode(symbols, labels).unwrap();
    let columns = labels.columns.len();
    assert_eq!(decode(&payload, symbols.len(), columns).unwrap(), symbols);
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
    }

    #[test]
    fn damage_is_noticed_or_gives_symbols(
        payload in prop::collection::vec(any::<u8>(), 0..60),
        count in 0_usize..1000,
        columns in 1_usize..50,
    ) {
        match decode(&payload, count, columns) {
            Ok(symbols) => prop_assert_eq!(symbols.len(), count),
            Err(Error::Truncated { .. } | Error::Corrupt { .. }) => {}
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
            decode(&payload, count, columns),
            Err(Error::Truncated { .. } | Error::Corrupt { .. })
        ));
    }
}

/// What an encoder writes that begins with these numbers: whether columns are kept, the step, the labels of rows and columns,
/// and the symbols, each less one.
fn claiming(numbers: [u32; 5]) -> Vec<u8> {
    let mut encoder = BinaryEncoder::new();
    let mut coder = Numbers::new(4);
    for (context, number) in [0, 0, 1, 1, 2].into_iter().zip(numbers) {
        coder.code(context, number, &mut encoder);
    }
    let mut payload = encoder.finish();
    // So that it goes on.
    payload.extend([0x55; 64]);
    payload
}

#[test]
fn labels_and_symbols_are_no_more_than_entries() {
    let refused = |numbers, count, columns, wanted| {
        let found = decode(&claiming(numbers), count, columns);
        assert!(
            matches!(found, Err(Error::Corrupt { what }) if what == wanted),
            "{found:?}"
        );
    };
    // Six entries in two rows.
    refused([0, 1, 2, 0, 0], 6, 3, "number of labels");
    refused([0, 1, 0, 3, 0], 6, 3, "number of labels");
    refused([0, 1, 256, 0, 0], 1 << 20, 3, "number of labels");
    refused([0, 1, 0, 0, 6], 6, 3, "number of symbols");
    refused([0, 1, 0, 0, 256], 1 << 20, 3, "number of symbols");
    refused([0, 1 << 10, 0, 0, 0], 6, 3, "weight of a count");
    // Columns that have their own counts take memory each.
    let told = "symbols of columns that have their own counts";
    refused([1, 1, 0, 0, 0], 1 << 21, 1 << 20, told);
}

#[test]
fn names_of_labels_cost_nothing() {
    let symbols: Vec<u8> = (0..60).map(|i| i / 7 % 3).collect();
    let few = Labels {
        rows: &[0, 1, 1, 0, 1, 0],
        columns: &[0, 0, 1, 0, 1, 1, 0, 1, 1, 0],
        is_kept: false,
        step: 2,
    };
    let far = Labels {
        rows: &[9, 255, 255, 9, 255, 9],
        columns: &[3, 3, 4, 3, 4, 4, 3, 4, 4, 3],
        ..few
    };
    assert_eq!(round_trip(&symbols, &few), round_trip(&symbols, &far));
    // One row, of a label that is not the first.
    round_trip(
        &[1, 2],
        &Labels {
            rows: &[7],
            columns: &[1, 200],
            ..few
        },
    );
    round_trip(
        &[1],
        &Labels {
            rows: &[7],
            columns: &[1, 200],
            ..few
        },
    );
}

#[test]
fn labels_that_need_too_many_counts_are_left_out() {
    // Each of 2^15 columns has three symbols: four counts for each of 255 labels of rows.
    let (rows, columns) = (255, 1 << 15);
    let symbols: Vec<u8> = (0..rows * columns)
        .map(|i| byte_of(i / columns % 3))
        .collect();
    let of_rows: Vec<u8> = (0..rows).map(byte_of).collect();
    let labels = Labels {
        rows: &of_rows,
        columns: &vec![0; columns],
        is_kept: true,
        step: 2,
    };
    let none = Labels {
        rows: &vec![0; rows],
        is_kept: false,
        ..labels
    };
    assert_eq!(
        encode(&symbols, &labels).unwrap(),
        encode(&symbols, &none).unwrap()
    );
    // So many columns that none can have its own.
    let columns = MAX_ROOM / COLUMN_ROOM;
    let labels = Labels {
        rows: &[0, 1],
        columns: &vec![0; columns],
        ..labels
    };
    round_trip(&vec![4; 2 * columns], &labels);
}

fn byte_of(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

#[test]
fn memory_is_that_of_the_table() {
    assert!(memory_bytes(1, 1) < 2 << 10);
    assert!(memory_bytes(1000, 10) < 2 << 20);
    // Counts of 64 MiB, symbols and labels.
    assert!(memory_bytes(1 << 24, 1 << 10) < 200 << 20);
    for (count, columns) in [(0, 0), (0, 7), (usize::MAX, 1), (usize::MAX, usize::MAX)] {
        assert!(memory_bytes(count, columns) >= count.min(1));
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
        |labels: &Labels<'_>| matches!(encode(&[0; 4], labels), Err(Error::Parameter { .. }));
    assert!(refused(&labels(&[0], &[0, 0], 2)));
    assert!(refused(&labels(&[], &[], 2)));
    assert!(refused(&labels(&[0, 0], &[0, 0], 0)));
    assert!(refused(&labels(&[0, 0], &[0, 0], 1025)));
    assert!(matches!(decode(&[], 1, 0), Err(Error::Parameter { .. })));
    assert!(matches!(decode(&[1], 0, 1), Err(Error::Corrupt { .. })));
}
