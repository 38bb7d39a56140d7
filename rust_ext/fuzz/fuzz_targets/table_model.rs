//! Cells of tables: they come back, and any payload decodes to the claimed number of symbols, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::table::{decode, decode_columns, encode, Params, LEVELS};
use lmcodec_fuzz::{damage, take, take_count};

/// Writes a number in base 128.
fn put(mut number: usize, out: &mut Vec<u8>) {
    while number >= 128 {
        out.push(number.to_le_bytes()[0] | 128);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// A payload whose parts are where they should be, whatever is in them.
fn assembled(rows: usize, columns: usize, head: usize, data: &[u8]) -> Vec<u8> {
    let (head, bodies) = data.split_at(head.min(data.len()));
    let each = bodies.len() / columns;
    let mut out = Vec::new();
    for number in [rows, 0, 0, head.len()] {
        put(number, &mut out);
    }
    out.extend_from_slice(head);
    for _ in 1..columns {
        put(each, &mut out);
    }
    put(bodies.len() - each * (columns - 1), &mut out);
    out.extend_from_slice(bodies);
    out
}

fn check(payload: &[u8], count: usize, params: &Params) {
    let all = decode(payload, count, params);
    if let Ok(symbols) = &all {
        assert_eq!(symbols.len(), count);
    }
    if let Ok(columns) = decode_columns(payload, count, params, &[0]) {
        assert!(columns[0].len() <= count);
        if let Ok(symbols) = all {
            assert!(symbols.starts_with(&columns[0]));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [mode, level, terminator, columns, rows, head, change] = take(&mut data);
    let params = Params {
        level: LEVELS.start() + u32::from(level) % (LEVELS.end() - LEVELS.start() + 1),
        terminator,
        columns: u32::from(columns % 16) + 1,
    };
    match mode % 3 {
        0 => {
            let payload = encode(data, &params).expect("any bytes can be encoded");
            assert_eq!(decode(&payload, data.len(), &params).as_deref(), Ok(data));
            let mut damaged = payload;
            damage(&mut damaged, u16::from_le_bytes([rows, head]), change);
            check(&damaged, data.len(), &params);
        }
        1 => {
            let (rows, columns) = (usize::from(rows), params.columns as usize);
            let count = rows * columns + 16 * usize::from(change);
            check(&assembled(rows, columns, head.into(), data), count, &params);
        }
        _ => {
            let count = take_count(&mut data);
            check(data, count, &params);
        }
    }
});
