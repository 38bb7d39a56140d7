use super::*;
use proptest::prelude::*;

fn dialect(columns: usize, separator: &[u8], quoted: bool, returns: bool) -> Dialect {
    Dialect {
        columns,
        separator: separator.to_vec(),
        quoted,
        returns,
    }
}

fn round_trip(raw: &[u8], dialect: &Dialect, first: bool) -> (Layout, Streams) {
    let layout = measure(raw, dialect, first).unwrap();
    let streams = split(raw, dialect, &layout).unwrap();
    let restored = join(&streams, dialect, &layout).unwrap();
    assert!(
        restored == raw,
        "{dialect:?} {layout:?} {:?}",
        String::from_utf8_lossy(raw)
    );
    let behind = super::super::count(&streams.cells, layout.terminator);
    assert_eq!(behind, layout.rows * dialect.columns);
    (layout, streams)
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let separators = prop::sample::select(vec![",", ", ", "\t", ";", " ", "ab", ",,"]);
    (1..5_usize, separators, any::<bool>(), any::<bool>()).prop_map(
        |(columns, separator, quoted, returns)| {
            dialect(columns, separator.as_bytes(), quoted, returns)
        },
    )
}

/// Pieces of tables, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            ",", ", ", "\t", "\n", "\r\n", "\r", "\"", "\"\"", "\",\"", "\"a\nb\"", "a", "ab", "12", "-0", "+5",
            "1e5", "007", "", "#", "\0", "\u{e9}",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..200).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_come_back(raw in pieces(), dialect in dialects(), first: bool) {
        round_trip(&raw, &dialect, first);
        if let Some(found) = survey(&raw, first) {
            round_trip(&raw, &found, first);
        }
    }

    #[test]
    fn any_streams_give_bytes_or_an_error(
        cells in pieces(), rest in pieces(), places in prop::collection::vec(prop_oneof![0..5_u8, any::<u8>()], 0..9),
        dialect in dialects(), rows in 0..40_usize, head in 0..20_usize, open: bool,
    ) {
        let layout = Layout { rows, head, terminator: b'\n', open };
        let most = 4 * (cells.len() + 1) + rest.len();
        if let Ok(raw) = join(&Streams { cells, rest, places }, &dialect, &layout) {
            prop_assert!(raw.len() <= most);
        }
    }

    #[test]
    fn tables_are_found_and_split(
        rows in prop::collection::vec(prop::collection::vec("[a-z]{0,5}", 3), 20..50),
        separator in prop::sample::select(vec![",", "\t", ";", "|"]), returns: bool,
    ) {
        let end = if returns { "\r\n" } else { "\n" };
        let text: String = rows.iter().map(|row| row.join(separator) + end).collect();
        let text = format!("cut{end}{text}");
        let found = survey(text.as_bytes(), false).unwrap();
        prop_assert_eq!(&found, &dialect(3, separator.as_bytes(), false, returns));
        let (layout, streams) = round_trip(text.as_bytes(), &found, false);
        prop_assert_eq!(layout, Layout { rows: rows.len(), head: 3 + end.len(), terminator: b'\n', open: false });
        prop_assert!(streams.rest.len() == layout.head && streams.places.is_empty());
        let ends = column_ends(&streams.cells, b'\n', 3).unwrap();
        let second: String = rows.iter().map(|row| row[1].clone() + "\n").collect();
        prop_assert_eq!(&streams.cells[ends[0]..ends[1]], second.as_bytes());
        let some: Vec<_> = [&rows[4..9], &rows[9..9], &rows[15..17]].concat();
        let some: String = (0..3).flat_map(|at| some.iter().map(move |row| row[at].clone() + "\n")).collect();
        let spans = [(4, 9), (9, 9), (15, 17)];
        prop_assert_eq!(select_rows(&streams.cells, b'\n', 3, &spans).unwrap(), some.as_bytes());
        for wrong in [(5, 4), (0, rows.len() + 1)] {
            prop_assert!(select_rows(&streams.cells, b'\n', 3, &[wrong]).is_err());
        }
    }
}

#[test]
fn hard_tables_come_back() {
    let wide = vec![b"7".to_vec(); 10_000].join(&b","[..]);
    let wide = [&wide[..], b"\n", &wide, b"\n"].concat();
    let mut all: Vec<u8> = (0..=255).collect();
    all.extend_from_slice(b"\n\"a\nb\",c\nd,e\n");
    let long = [b"1,", &vec![b'9'; 400][..], b"\n2,3\n"].concat();
    let inputs: [(&[u8], Dialect); 12] = [
        (b"", dialect(2, b",", true, false)),
        (b"\n\n\n", dialect(1, b",", true, false)),
        (b"a,b\nc\nd,e,f\n,\n", dialect(2, b",", true, false)),
        (b"a,b\r\nc,d\ne,f\r\n", dialect(2, b",", true, true)),
        (b"a,b\r\nc,d\r", dialect(2, b",", true, true)),
        (b"\xef\xbb\xbfa,b\n1,2", dialect(2, b",", true, false)),
        (
            b"\"a\nb\",\"c\"\"\"\n\"x,y\",z\n",
            dialect(2, b",", true, false),
        ),
        (b"\"a,b\n1,2\n", dialect(2, b",", true, false)),
        (b"007,1e5\n+5,-0\n\0,\xff\n", dialect(2, b",", true, false)),
        (&wide, dialect(10_000, b",", false, false)),
        (&all, dialect(2, b",", true, false)),
        (&long, dialect(2, b",", true, false)),
    ];
    for (raw, dialect) in inputs {
        for first in [true, false] {
            round_trip(raw, &dialect, first);
        }
    }
}

#[test]
fn lines_that_are_no_rows_have_places() {
    let raw = b"# one\n# two, three\nx,y\n1,2\n3\n\n4,5\n6,7\n8,9,10\n11,12";
    let (layout, streams) = round_trip(raw, &dialect(2, b",", true, false), true);
    assert_eq!((layout.rows, layout.head, layout.open), (4, 23, true));
    assert_eq!(streams.cells, b"1\n4\n6\n11\n2\n5\n7\n12\n");
    assert_eq!(streams.rest, b"# one\n# two, three\nx,y\n3\n\n8,9,10\n");
    assert_eq!(streams.places, [1, 3, 2, 7]);
}

#[test]
fn cells_with_ends_of_lines_have_another_terminator() {
    let raw = b"\"a\nb\",1\n\"c\",2\n";
    let (layout, streams) = round_trip(raw, &dialect(2, b",", true, false), true);
    assert_eq!((layout.rows, layout.terminator), (2, 0));
    assert_eq!(streams.cells, b"\"a\nb\"\0\"c\"\x001\x002\0");
    // Without a byte that is free, such rows are lines that are none.
    let mut all: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').collect();
    all.extend_from_slice(b"\n\"a\nb\",1\nc,2\n");
    let (layout, _) = round_trip(&all, &dialect(2, b",", true, false), true);
    assert_eq!((layout.rows, layout.terminator), (1 + 1, b'\n'));
}

#[test]
fn quotes_that_never_close_take_linear_time() {
    let raw = b"\"x\"\",\"y\n".repeat(40_000);
    round_trip(&raw, &dialect(2, b",", true, false), true);
    let raw = b"\"\"\",".repeat(100_000);
    round_trip(&raw, &dialect(2, b",", true, false), true);
}

#[test]
fn damaged_streams_are_refused() {
    let raw = b"a,b\n1,2\n3\n4,5\n6,7\n";
    let dialect = dialect(2, b",", true, false);
    let (layout, streams) = round_trip(raw, &dialect, true);
    let joined = |change: &dyn Fn(&mut Streams, &mut Layout)| {
        let (mut streams, mut layout) = (streams.clone(), layout);
        change(&mut streams, &mut layout);
        join(&streams, &dialect, &layout)
    };
    assert_eq!(joined(&|_, _| ()).as_deref(), Ok(&raw[..]));
    assert!(joined(&|_, layout| layout.rows += 1).is_err());
    assert!(joined(&|_, layout| layout.rows = usize::MAX).is_err());
    assert!(joined(&|_, layout| layout.rows = 0).is_err());
    assert!(joined(&|_, layout| layout.head = 100).is_err());
    assert!(joined(&|_, layout| layout.terminator = b'x').is_err());
    assert!(joined(&|streams, _| streams.cells.push(b'x')).is_err());
    assert!(joined(&|streams, _| streams.cells.push(b'\n')).is_err());
    assert!(joined(&|streams, _| streams.cells.clear()).is_err());
    assert!(joined(&|streams, _| streams.rest.push(b'x')).is_err());
    assert!(joined(&|streams, _| streams.places[0] = 9).is_err());
    assert!(joined(&|streams, _| streams.places[1] = 9).is_err());
    assert!(joined(&|streams, _| streams.places.push(1)).is_err());
    assert!(split(b"a,b\n", &dialect, &layout).is_err());
    for separator in [&b""[..], b"\n", b"\"", b"12345", b",\r"] {
        let other = super::Dialect {
            separator: separator.to_vec(),
            ..dialect.clone()
        };
        assert!(measure(raw, &other, true).is_err() && join(&streams, &other, &layout).is_err());
    }
}

#[test]
fn lines_that_may_be_cut_are_no_rows() {
    let dialect = dialect(2, b",", false, false);
    let (layout, streams) = round_trip(b"1,2\n3,4\n5,6", &dialect, false);
    assert_eq!((layout.rows, layout.head, layout.open), (2, 4, true));
    assert_eq!(streams.cells, b"3\n5\n4\n6\n");
    let large = [&b"1,2\n".repeat(1 << 14)[..], b"3,4"].concat();
    let (layout, streams) = round_trip(&large, &dialect, true);
    assert_eq!((layout.rows, layout.open), (1 << 14, true));
    assert_eq!(streams.rest, b"3,4");
    assert_eq!(round_trip(&large[4 << 14..], &dialect, true).0.rows, 1);
}

#[test]
fn names_of_columns_are_told_from_rows() {
    let head = |raw: &[u8]| {
        measure(raw, &survey(raw, true).unwrap(), true)
            .unwrap()
            .head
    };
    assert_eq!(head(b"name,age\nAda,36\nGrace,85\n"), 9);
    assert_eq!(head(b"\"\",\"x\"\n\"1\",2\n\"2\",3\n"), 7);
    assert_eq!(head(b"Ada,36\nGrace,85\nAlan,41\n"), 0);
    let letters = b"e,x,s\np,x,y\n".repeat(9);
    assert_eq!(head(&letters), 0);
    assert_eq!(head(&[&b"KIND,CAP,GILL\n"[..], &letters].concat()), 14);
    assert_eq!(head(b"# a\n# from\tto\n1\t2\n1\t3\n2\t3\n"), 4 + 10);
}

#[test]
fn separators_are_found() {
    let found = |raw: &[u8]| survey(raw, true).map(|found| (found.columns, found.separator));
    let is = |columns, separator: &[u8]| Some((columns, separator.to_vec()));
    assert_eq!(found(&b"1, a b, c\n".repeat(5)), is(3, b", "));
    assert_eq!(found(&b"1,a b,c\n2, x,y\n".repeat(5)), is(3, b","));
    assert_eq!(
        found(&b"2019-03-23 20:21:09,1,7.0\n".repeat(5)),
        is(3, b",")
    );
    assert_eq!(found(&b"1 2\n2 44\n".repeat(5)), is(2, b" "));
    assert_eq!(found(&b"\"a;b\";1,5\n\"c\";2,5\n".repeat(5)), is(2, b";"));
    // A table cut in the middle of a row, and one whose last row is cut.
    let cut = survey(&b"b,c\n1,2,3\n4,5,6\n7,8,9\n1"[..], false);
    assert_eq!(cut, Some(dialect(3, b",", false, false)));
}

#[test]
fn other_content_is_no_table() {
    let prose = b"It was a dark night, and the rain fell, hard.\nNo one came.\n\nThen, a knock:\nwho, at this hour, in this weather, was it?\n";
    let code = b"int main(void) {\n    int a = 1, b = 2;\n\n    return f(a, b);\n}\n";
    let json = b"{\"a\":1,\"b\":2}\n";
    let words = b"Dec 10 sshd closed by peer\nDec 11 sshd opened by root\n";
    let contents: [&[u8]; 6] = [prose, code, json, words, b"\0\0\0\0", b""];
    for content in contents {
        assert_eq!(survey(&content.repeat(30), true), None);
    }
}
