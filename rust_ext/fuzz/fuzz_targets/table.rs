//! Tables: bytes come back, and any streams are joined or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::transforms::table::{join, measure, split, survey, Dialect, Layout, Streams};
use lmcodec_fuzz::take;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [flags, columns, apart, rows] = take(&mut data);
    let separators: [&[u8]; 4] = [b",", b", ", b"\t", &[apart]];
    let first = flags & 1 == 1;
    let dialect = Dialect {
        columns: usize::from(columns % 8) + 1,
        separator: separators[usize::from(flags >> 6)].to_vec(),
        quoted: flags & 2 == 2,
        returns: flags & 4 == 4,
    };
    for dialect in [Some(dialect.clone()), survey(data, first)]
        .into_iter()
        .flatten()
    {
        let Ok(layout) = measure(data, &dialect, first) else {
            continue;
        };
        let streams = split(data, &dialect, &layout).expect("what was measured can be split");
        assert_eq!(join(&streams, &dialect, &layout).as_deref(), Ok(data));
    }
    let (cells, rest) = data.split_at(data.len() / 2);
    let (rest, places) = rest.split_at(rest.len() / 2);
    let streams = Streams {
        cells: cells.to_vec(),
        rest: rest.to_vec(),
        places: places.to_vec(),
    };
    let layout = Layout {
        rows: usize::from(rows),
        head: usize::from(apart),
        terminator: b'\n',
        open: first,
    };
    if let Ok(raw) = join(&streams, &dialect, &layout) {
        assert!(raw.len() <= 4 * data.len() + 4);
    }
});
