use super::*;
use proptest::prelude::*;

const ALL: [Parts; 8] = {
    let mut all = [EVERY; 8];
    let mut set = 0;
    while set < 8 {
        all[set] = Parts {
            lines: set & 1 != 0,
            capitals: set & 2 != 0,
            words: set & 4 != 0,
        };
        set += 1;
    }
    all
};
const EVERY: Parts = Parts {
    lines: true,
    capitals: true,
    words: true,
};

fn round_trip(raw: &[u8], parts: Parts) -> Streams {
    let streams = forward(raw, parts).unwrap();
    let restored = inverse(&streams.text, &streams.lines, parts).unwrap();
    assert!(restored == raw, "{:?}", String::from_utf8_lossy(raw));
    streams
}

/// Words, ends of lines, and bytes with a meaning in between.
fn prose() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "the ", "The ", "THE ", "a ", "I ", "other", "cat", " ", "  ", "\n", " \n", "\r\n", "\r", "tHe ", "\u{e9}t\u{e9} ",
            "\u{c9}TAT ", "A", "\u{ff}\u{1}", "\t",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..300).prop_map(|pieces| pieces.concat())
}

/// A text of some words, broken into lines of a width, with a separator of lines.
fn broken(seed: usize, width: usize, end: &str) -> Vec<u8> {
    let words = [
        "The", "cat", "saw", "another", "in", "a", "house", "NEVER", "seen",
    ];
    let mut text = String::new();
    let (mut column, mut state) = (0, seed);
    for _ in 0..3000 {
        state = state * 1_103_515_245 % (1 << 31) + 12345;
        let word = words[state / 1000 % words.len()];
        if column > 0 && column + 1 + word.len() > width {
            text += end;
            column = 0;
        } else if column > 0 {
            text += " ";
            column += 1;
        }
        text += word;
        column += word.len();
    }
    text.into_bytes()
}

proptest! {
    #[test]
    fn any_bytes_come_back(raw in prose()) {
        for parts in ALL {
            round_trip(&raw, parts);
        }
    }

    #[test]
    fn any_streams_give_bytes_or_an_error(
        text in prose(), lines in prop::collection::vec(prop_oneof![0..3_u8, any::<u8>()], 0..40),
        with_head: bool, set in 0..8_usize,
    ) {
        let parts = ALL[set];
        let mut head = forward(b"the other cat saw the other cat ".repeat(9).as_slice(), parts).unwrap().text;
        let text = if with_head { head.extend(text); head } else { text };
        if let Ok(raw) = inverse(&text, &lines, parts) {
            prop_assert!(raw.len() <= 24 * 3 * text.len());
        }
    }
}

#[test]
fn hard_inputs_come_back() {
    let inputs: [&[u8]; 12] = [
        b"",
        b"a",
        b"A",
        b"\n",
        b"\r\n",
        b"\r\r\n\n\r\n\r",
        b" ",
        b" \n \n",
        b"A\xff",
        b"ABC\xffD e",
        &[0xff; 300],
        &[b'Q'; 300],
    ];
    for parts in ALL {
        for raw in inputs {
            round_trip(raw, parts);
        }
        let all: Vec<u8> = (0..=255).collect();
        round_trip(&all.repeat(20), parts);
    }
}

#[test]
fn foretold_ends_of_lines_become_spaces() {
    for end in ["\n", "\r\n", " \n", " \r\n"] {
        let text = broken(1, 70, end);
        let ends = count(&text, b'\n');
        let streams = round_trip(&text, EVERY);
        let left = count(&streams.text, b'\n');
        assert!(left < 20 + ends / 20, "{left} of {ends}");
        let foretold = count(&streams.lines, 0);
        assert!(foretold > ends / 10 * 9, "{foretold} of {ends}");
    }
}

#[test]
fn ends_of_lines_that_are_not_foretold_stay() {
    let list = b"a line of some length that sets the width\nits item\nand another\n".repeat(50);
    let streams = round_trip(&list, EVERY);
    let left = count(&streams.text, b'\n');
    assert!(left > 90, "{left} of 150");
    // A line whose break comes hundreds of words late.
    let mut text = broken(2, 40, "\n");
    text.extend(b"\n\n");
    text.extend(b"a ".repeat(400));
    text.extend(b"end\nof it");
    round_trip(&text, EVERY);
}

#[test]
fn words_and_capitals_are_told_in_the_stream() {
    let text = b"The other cat and THE OTHER cat and Another. ".repeat(30);
    let streams = round_trip(&text, EVERY);
    let head = &streams.text[..120];
    let has = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
    assert!(has(b"other\n") && has(b"the\n") && !has(b"The"));
    assert!(streams.text.len() < text.len() * 2 / 3 + 100);
}

#[test]
fn damaged_streams_are_refused() {
    let streams = forward(&broken(3, 60, "\n"), EVERY).unwrap();
    let (text, lines) = (&streams.text[..], &streams.lines[..]);
    let is_err = |text: &[u8], lines: &[u8]| inverse(text, lines, EVERY).is_err();
    assert!(!is_err(text, lines));
    assert!(is_err(&[&[2], &text[1..]].concat(), lines));
    // The escape is a mark as well, or every byte a code.
    assert!(is_err(&[&[0, text[2]], &text[2..]].concat(), lines));
    assert!(is_err(&[&text[..4], &[0xff; 40]].concat(), lines));
    assert!(is_err(text, &lines[..lines.len() - 1]));
    assert!(is_err(text, &[lines, &[0]].concat()));
    assert!(is_err(text, b""));
    for size in 0..40 {
        assert!(is_err(&text[..size], lines));
    }
    let mut long = text[..4].to_vec();
    long.extend([0; 31]);
    long.push(0x40);
    long.extend(b"a word of more than twenty-four letters\n");
    assert!(matches!(
        inverse(&long, lines, EVERY),
        Err(Error::Corrupt { what }) if what.starts_with("long word")
    ));
}

#[test]
fn only_text_is_text() {
    assert!(
        survey(&broken(4, 70, "\n"))
            == Survey {
                is_text: true,
                has_lines: true
            }
    );
    assert!(!survey(b"short").is_text);
    assert!(!survey(&vec![0; 100_000]).is_text);
    assert!(!survey(&b"word ".repeat(9000)).has_lines);
}
