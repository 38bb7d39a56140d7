//! Payloads that no encoder wrote: what they claim is refused before anything is made of it.

use super::super::format::{Format, Kind};
use super::super::plan::Term;
use super::*;

const TOO_MANY_BYTES: Error = Error::Corrupt {
    what: "more bytes in cells than symbols",
};

const TOO_MUCH_NEW: Error = Error::Corrupt {
    what: "amount of what is new in a column",
};

/// Codes one column by a plan that may make no sense.
fn planned(cells: &[Vec<u8>], plan: Plan) -> (Vec<u8>, usize) {
    let symbols: Vec<u8> = cells
        .iter()
        .flat_map(|cell| [cell, &b"\n"[..]].concat())
        .collect();
    let rows = cells.len();
    let mut columns = vec![Column::take(&mut &symbols[..], rows, b'\n')];
    let mut plans = vec![plan];
    let tools = Tools::new();
    let setting = Setting {
        tools: &tools,
        level: 5,
        terminator: b'\n',
        rows,
    };
    let room = Room::new(symbols.len());
    let mut side = BinaryEncoder::new();
    directory::code(setting, &mut side, &mut plans, &mut columns, room, false).unwrap();
    let head = side.finish();
    let mut coder = Coder::new(setting, room, false);
    let mut body = Vec::new();
    let mut views = Views::new(1);
    let order = Order::new(&plans, rows).unwrap();
    order
        .each(
            &plans,
            &mut columns,
            &mut views,
            &[0],
            |_, beside, column| {
                let mut side = BinaryEncoder::new();
                coder.code(&plans[0], beside, &mut side, column)?;
                body = side.finish();
                Ok(())
            },
        )
        .unwrap();
    (payload(rows, &head, &body), symbols.len())
}

fn payload(rows: usize, head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [rows, 0, 0, head.len()] {
        put_number(number as u64, &mut out);
    }
    out.extend_from_slice(head);
    put_number(body.len() as u64, &mut out);
    out.extend_from_slice(body);
    out
}

fn numbers(prefix: &[u8]) -> Format {
    Format {
        prefix: prefix.to_vec(),
        suffix: Vec::new(),
        kind: Kind::Decimal { scale: 0, least: 0 },
    }
}

#[test]
fn bytes_of_cells_are_bounded() {
    let long = vec![b'x'; 100];
    let rows = 200;
    let same = vec![long.clone(); rows];
    let prefixed: Vec<Vec<u8>> = (0..rows)
        .map(|row| [&long[..], row.to_string().as_bytes()].concat())
        .collect();
    let plain = Plan::default();
    let open = Plan {
        open: true,
        ..Plan::default()
    };
    let numeric = Plan {
        numeric: true,
        format: Some(numbers(b"")),
        ..Plan::default()
    };
    let steps = Plan {
        numeric: true,
        format: Some(numbers(&long)),
        terms: vec![Term::Above],
        ..Plan::default()
    };
    for (cells, plan, most) in [
        // One value, several, and some that are told where they come.
        (&same, plain.clone(), 40),
        (&prefixed, plain, 15_000),
        (&same, open.clone(), 100),
        (&prefixed, open, 15_000),
        // Text among numbers: told before the rows, or there.
        (&same, numeric.clone(), 50),
        (
            &prefixed,
            Plan {
                open: true,
                ..numeric
            },
            50_000,
        ),
        // Numbers that follow from each other, with text around them.
        (&prefixed, steps.clone(), 60),
        (
            &prefixed,
            Plan {
                open: true,
                ..steps
            },
            60,
        ),
    ] {
        let (payload, count) = planned(cells, plan);
        assert!(payload.len() < most, "{}", payload.len());
        assert_eq!(decode(&payload, count, &params(1)).unwrap().len(), count);
        assert_eq!(
            decode_columns(&payload, count, &params(1), &[0]).unwrap()[0].len(),
            count
        );
        for claimed in [rows, rows + 99, count / 2, count - 1] {
            let whole = decode(&payload, claimed, &params(1)).unwrap_err();
            let column = decode_columns(&payload, claimed, &params(1), &[0]).unwrap_err();
            for error in [whole, column] {
                let told = [TOO_MANY_BYTES, TOO_MUCH_NEW].contains(&error);
                assert!(told, "{claimed} of {count}: {error}");
            }
        }
    }
}

#[test]
fn no_column_is_its_own_echo() {
    let tools = Tools::new();
    let setting = Setting {
        tools: &tools,
        level: 5,
        terminator: b'\n',
        rows: 2,
    };
    for (y, refused) in [(0, true), (1, false), (2, true)] {
        let symbols = b"a\nb\na\nb\n";
        let rest = &mut &symbols[..];
        let mut columns: Vec<Column> = (0..2).map(|_| Column::take(rest, 2, b'\n')).collect();
        let mut plans = vec![Plan::default(); 2];
        plans[0].echo = Some(y);
        let room = Room::new(symbols.len());
        let mut side = BinaryEncoder::new();
        let coded = directory::code(setting, &mut side, &mut plans, &mut columns, room, false);
        let what = "column beside a column";
        assert_eq!(coded == Err(Error::Corrupt { what }), refused);
        assert_eq!(coded.is_ok(), !refused);
    }
}

#[test]
fn values_are_no_more_than_rows() {
    let rows = 40;
    let cells: Vec<Vec<u8>> = (0..rows).map(|row| vec![b'a' + row % 2]).collect();
    for plan in [
        Plan::default(),
        Plan {
            open: true,
            ..Plan::default()
        },
        Plan {
            numeric: true,
            format: Some(numbers(b"")),
            ..Plan::default()
        },
    ] {
        let (sound, count) = planned(&cells, plan.clone());
        let mut rest = &sound[3..];
        let length = take_length(&mut rest, WHAT).unwrap();
        let head = &rest[..length];
        for claimed in [41 + 2 * u32::from(plan.open), 1 << 20, u32::MAX - 1] {
            let mut side = BinaryEncoder::new();
            crate::coder::counts::Numbers::new(2).code(0, claimed, &mut side);
            let result = decode(&payload(40, head, &side.finish()), count, &params(1));
            assert_eq!(
                result,
                Err(Error::Corrupt {
                    what: "more values than rows"
                })
            );
        }
    }
}

#[test]
fn no_room_is_made_for_more_text_than_there_are_symbols() {
    let cells: Vec<Vec<u8>> = (0..20_u8).map(|row| vec![row + b'A'; 1000]).collect();
    let plan = Plan {
        open: true,
        ..Plan::default()
    };
    let (payload, count) = planned(&cells, plan);
    let params = Params {
        level: 9,
        terminator: b'\n',
        columns: 1,
    };
    // As many rows, but few bytes for them: tables of 2^15 bytes are not even begun.
    let decoded = decode(&payload, cells.len() + 50, &params);
    let what = "amount of what is new in a column";
    assert_eq!(decoded, Err(Error::Corrupt { what }));
    assert_ne!(
        decode(&payload, count, &params),
        Err(Error::Corrupt { what })
    );
}
