//! Round trips of all kinds of tables, parts of them, and payloads that no encoder wrote.

use super::*;
use proptest::prelude::*;

mod hostile;

fn params(columns: u32) -> Params {
    Params {
        level: 5,
        terminator: b'\n',
        columns,
    }
}

/// Cells of columns, one column after the other.
fn table(columns: &[Vec<String>]) -> Vec<u8> {
    let cells = columns.iter().flatten();
    cells
        .flat_map(|cell| [cell.as_bytes(), b"\n"].concat())
        .collect()
}

fn restored(symbols: &[u8], params: &Params) -> usize {
    let payload = encode(symbols, params).unwrap();
    assert!(decode(&payload, symbols.len(), params).unwrap() == symbols);
    payload.len()
}

/// Numbers below `below` without order, the same each time.
fn random(count: usize, below: u64, seed: u64) -> Vec<u64> {
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..count).map(next).collect()
}

fn strings<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

#[test]
fn odd_cells_are_restored() {
    let odd = [
        "",
        "-0",
        "+5",
        "1e5",
        "007",
        "0.50",
        "1.",
        ".5",
        "-",
        "--1",
        "1.5.2",
        " 1",
        "NaN",
        "2020-02-30",
        "2020-02-29",
        "1/1/70",
        "12:60",
        "\u{0}",
        "9223372036854775807",
        "99999999999999999999",
    ];
    for rows in [1, 2, 19, 300] {
        let cell = |row: usize| odd[row * 7 % odd.len()].to_owned();
        let long = "9".repeat(400);
        let columns = [
            (0..rows).map(cell).collect(),
            strings((0..rows).map(|row| row * row)),
            strings((0..rows).map(|row| {
                if row % 5 == 0 {
                    long.clone()
                } else {
                    (row * 31 % 17).to_string()
                }
            })),
            (0..rows).map(|row| cell(row + rows)).collect(),
        ];
        restored(&table(&columns), &params(4));
    }
}

/// Numbers, and ages that are nearly the same where a number comes again.
fn households(rows: usize) -> [Vec<String>; 2] {
    let homes = random(rows, rows as u64 / 4, 1);
    let ages = random(rows, 40, 2);
    let age = |(&home, more): (&u64, u64)| 20 + (ages[home as usize] + more) % 40;
    [
        strings(homes.iter().map(|home| home * 7919)),
        strings(homes.iter().zip(random(rows, 3, 3)).map(age)),
    ]
}

#[test]
fn values_that_come_again_tell_what_is_alike() {
    let [homes, ages] = households(8000);
    let together = table(&[homes.clone(), ages.clone()]);
    let length = restored(&together, &params(2));
    let alone = restored(&table(&[homes]), &params(1)) + restored(&table(&[ages]), &params(1));
    // An age takes 5.3 bits alone, and beside one of the same household at most 2.4: three of four rows have one.
    let saved = 8000 * 3 / 4 * 29 / 10 / 8;
    assert!(alone - length > saved * 3 / 4, "{alone} {length}");
    for level in [3, 9] {
        restored(&together, &Params { level, ..params(2) });
    }
}

#[test]
fn stems_of_values_tell_others() {
    let streets = random(4000, 40, 1);
    let houses = random(4000, 900, 2);
    let name =
        |street: u64| "xyz".repeat(1 + street as usize % 8) + &"abcde"[..=street as usize / 8];
    let addresses: Vec<String> = streets
        .iter()
        .zip(&houses)
        .map(|(&street, house)| format!("{house} {}", name(street)))
        .collect();
    let districts = strings(streets.iter().map(|street| street * 37 % 23));
    let together = table(&[addresses.clone(), districts.clone()]);
    let length = restored(&together, &params(2));
    let alone =
        restored(&table(&[addresses]), &params(1)) + restored(&table(&[districts]), &params(1));
    // A district takes 4.5 bits alone; of 36,000 addresses that there may be, most of 4000 are new.
    assert!(alone - length > 4000 * 4 / 8, "{alone} {length}");
}

#[test]
fn what_many_columns_say_a_little_of_is_known() {
    let rows = 6000;
    let votes: Vec<Vec<u64>> = (0..7).map(|k| random(rows, 2, k + 1)).collect();
    let most = |row: usize| votes.iter().map(|vote| vote[row]).sum::<u64>() / 4;
    let mut columns: Vec<Vec<String>> = votes.iter().map(strings).collect();
    let alone = restored(&table(&columns), &params(7));
    columns.push(strings((0..rows).map(most)));
    let together = restored(&table(&columns), &params(8));
    // The best four columns leave half a bit of each row.
    assert!(together < alone + rows / 8 / 4, "{alone} {together}");
    // At the fast levels columns are not listened to.
    let fast = Params {
        level: 3,
        ..params(8)
    };
    restored(&table(&columns), &fast);
}

#[test]
fn numbers_in_order_are_near_others() {
    let mut height = 100;
    let walk = random(6000, 5, 1).into_iter().map(|step| {
        height = (height + step).saturating_sub(2).clamp(1, 200);
        height * 7919
    });
    let length = restored(&table(&[strings(walk)]), &params(1));
    // A step takes log2(5) = 2.33 bits, and 200 numbers a few bytes each if they were not told in order.
    assert!(length < 6000 * 25 / 80 + 100, "{length}");
}

#[test]
fn values_that_come_again_a_few_times_take_little_more_than_which_they_are() {
    let rows = 8000;
    let numbers = random(rows, 3000, 1);
    let length = restored(
        &table(&[strings(numbers.iter().map(|n| n * 7919))]),
        &params(1),
    );
    // Up to 12 bits for which of those that were seen; 15 for the number where it is new, which 2,800 are.
    let least = (rows * 12 + 2800 * 12) / 8;
    assert!(length < least * 105 / 100, "{length} {least}");
}

#[test]
fn shapes_at_their_limits_are_restored() {
    restored(b"", &params(1));
    restored(b"no end", &params(3));
    restored(b"\n", &params(1));
    restored(b"\n\n\n\n\nrest", &params(5));
    restored(b"a\nb\nc\nd\ne", &params(3));
    let many: Vec<u8> = (0..2000)
        .flat_map(|x| format!("{}\n{}\n", x % 7, x % 3).into_bytes())
        .collect();
    restored(&many, &params(2000));
    restored(&many[..4 * 1500], &params(1500));
    restored(&many, &params(1));
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    for terminator in [0, 10, b'1', 255] {
        restored(
            &bytes,
            &Params {
                terminator,
                ..params(3)
            },
        );
    }
}

#[test]
fn what_columns_know_of_each_other_is_not_coded_again() {
    let rows = 2000;
    let first = random(rows, 50, 1);
    let alone = restored(&table(&[strings(&first)]), &params(1));
    let names = first.iter().map(|n| format!("name {}", n * n % 50));
    let both = restored(&table(&[strings(&first), names.collect()]), &params(2));
    assert!(both < alone + 500, "{both} beside {alone}");
    let more = first.iter().map(|n| 1_000_000 + 3 * n);
    let sum = restored(&table(&[strings(&first), strings(more)]), &params(2));
    assert!(sum < alone + 300, "{sum} beside {alone}");
}

#[test]
fn numbers_are_coded_as_what_they_are_more_than_others() {
    let rows = 3000;
    let (a, b) = (random(rows, 1 << 20, 2), random(rows, 1 << 20, 3));
    let two = restored(&table(&[strings(&a), strings(&b)]), &params(2));
    let sums = a.iter().zip(&b).map(|(a, b)| a + b);
    let three = restored(
        &table(&[strings(&a), strings(&b), strings(sums)]),
        &params(3),
    );
    assert!(three < two + 200, "{three} beside {two}");
    // One after the other, a minute apart.
    let times = (0..rows).map(|row| {
        format!(
            "2024-02-{:02} {:02}:{:02}:00",
            1 + row / 1440,
            row / 60 % 24,
            row % 60
        )
    });
    assert!(restored(&table(&[times.collect()]), &params(1)) < 60);
}

#[test]
fn sums_that_do_not_fit_are_restored() {
    let huge = ["999999999999999999", "-999999999999999999", "1", "0"];
    let pick = |seed| random(400, 4, seed).into_iter().map(|at| huge[at as usize]);
    restored(
        &table(&[
            strings(pick(1)),
            strings(pick(2)),
            strings(random(400, 1 << 40, 3)),
        ]),
        &params(3),
    );
}

#[test]
fn columns_are_decoded_alone() {
    let rows = 1500;
    let first = random(rows, 30, 4);
    let columns = [
        strings(&first),
        strings(first.iter().map(|n| n * 7)),
        strings(random(rows, 1 << 30, 5)),
        strings((0..rows).map(|row| format!("row {row}"))),
    ];
    let symbols = table(&columns);
    let payload = encode(&symbols, &params(4)).unwrap();
    for wanted in [&[][..], &[0], &[3, 1], &[2, 2]] {
        let found = decode_columns(&payload, symbols.len(), &params(4), wanted).unwrap();
        let expected: Vec<Vec<u8>> = wanted.iter().map(|&x| table(&columns[x..=x])).collect();
        assert_eq!(found, expected);
    }
    assert!(matches!(
        decode_columns(&payload, symbols.len(), &params(4), &[4]),
        Err(Error::Parameter { .. })
    ));
}

#[test]
fn columns_of_a_large_table_know_those_that_they_need() {
    // Most columns have one value, so that cells are many and decisions few.
    let rows = 1 << 14;
    let (a, b) = (random(rows, 4, 5), random(rows, 3, 6));
    let mut columns: Vec<Vec<String>> = vec![vec!["x".to_string(); rows]; 80];
    columns[3] = strings(&a);
    columns[7] = strings(&b);
    columns[11] = strings(a.iter().zip(&b).map(|(a, b)| (a + b) % 3));
    let symbols = table(&columns);
    let payload = encode(&symbols, &params(80)).unwrap();
    // The sum takes next to nothing beside both others, which take 3.6 bits a row.
    assert!(payload.len() < rows * 4 / 8, "{}", payload.len());
    assert_eq!(
        decode(&payload, symbols.len(), &params(80)).unwrap(),
        symbols
    );
    for x in [3, 7, 11] {
        let found = decode_columns(&payload, symbols.len(), &params(80), &[x]).unwrap();
        assert_eq!(found, [table(&columns[x..=x])]);
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    for wrong in [
        Params {
            level: 2,
            ..params(1)
        },
        Params {
            level: 10,
            ..params(1)
        },
        params(0),
        params(1 << 17),
    ] {
        assert!(matches!(
            encode(b"a\n", &wrong),
            Err(Error::Parameter { .. })
        ));
    }
}

#[test]
fn claims_are_not_trusted() {
    let symbols = table(&[strings(random(500, 9, 6)), strings(random(500, 1 << 30, 7))]);
    let payload = encode(&symbols, &params(2)).unwrap();
    for at in (0..payload.len()).step_by(37) {
        let _ = decode(&payload[..at], symbols.len(), &params(2));
        let mut damaged = payload.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(found) = decode(&damaged, symbols.len(), &params(2)) {
            assert_eq!(found.len(), symbols.len());
        }
    }
    assert!(decode(&payload, symbols.len() - 1, &params(2)).is_err());
    assert!(decode(&payload, MAX_COUNT, &params(2)).is_err());
    // Rows that are not there.
    let mut out = Vec::new();
    put_number(1 << 29, &mut out);
    out.extend([0, 0]);
    assert!(decode(&out, MAX_COUNT, &params(2)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_bytes_are_restored(
        symbols in prop::collection::vec(prop_oneof![Just(10_u8), 44..60_u8, any::<u8>()], 0..600),
        columns in 1..40_u32,
        terminator in prop_oneof![Just(10_u8), 44..60_u8],
        level in prop_oneof![Just(5_u32), Just(9)],
    ) {
        restored(&symbols, &Params { level, terminator, columns });
    }

    #[test]
    fn any_payload_ends(payload in prop::collection::vec(any::<u8>(), 0..200), count in 0..3000_usize) {
        if let Ok(symbols) = decode(&payload, count, &params(3)) {
            prop_assert_eq!(symbols.len(), count);
        }
    }
}
