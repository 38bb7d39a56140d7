//! Finds out what kind of content a block is; the verdict is stored, so the decoder never looks.

/// Largest record length that is looked for.
pub const MAX_RECORD: u32 = 1024;
/// Largest distance between like records that is looked for.
pub const MAX_ROW: u32 = 4096;
/// Largest row of pixels, in bytes, and largest number of rows of a picture.
pub const MAX_PIXELS: u32 = 1 << 20;
/// Bytes that are looked at for it.
const ROW_SAMPLE: usize = 1 << 17;
/// Bytes that are looked at, from the start of the block.
const SAMPLE: usize = 1 << 18;

/// What the symbols are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Lines and words, in any language or markup.
    Text,
    /// Everything else, perhaps with records.
    Binary,
    /// One bit is one pixel; the record is a row.
    Bilevel,
    /// One byte is one pixel; the record is a row, the distance of like records a picture in rows.
    Grey,
    /// Three bytes are one pixel; else as [`Self::Grey`].
    Colour,
}

/// All kinds, by the numbers that stand for them in the stream, from 1.
pub const KINDS: [Kind; 5] = [
    Kind::Text,
    Kind::Binary,
    Kind::Bilevel,
    Kind::Grey,
    Kind::Colour,
];

impl Kind {
    /// The number that stands for the kind in the stream, from 1.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Bilevel => 3,
            Self::Grey => 4,
            Self::Colour => 5,
        }
    }

    /// The kind of a number, if there is one.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.code() == code)
    }

    /// Bytes of a pixel, where the symbols are pixels of whole bytes.
    #[must_use]
    pub fn channels(self) -> Option<usize> {
        match self {
            Self::Grey => Some(1),
            Self::Colour => Some(3),
            Self::Text | Self::Binary | Self::Bilevel => None,
        }
    }
}

/// Returns the kind of content and, for other kinds, the record length.
#[must_use]
pub fn probe(symbols: &[u8]) -> (Kind, u32) {
    let sample = &symbols[..symbols.len().min(SAMPLE)];
    if is_text(sample) {
        (Kind::Text, 1)
    } else {
        let record = record_length(sample);
        let kind = if is_bilevel(sample, record as usize) {
            Kind::Bilevel
        } else {
            Kind::Binary
        };
        (kind, record)
    }
}

/// Text has few control characters, and some plain ASCII: spaces, digits and markup are in text of any script, in
/// UTF-8 or in an 8-bit encoding. Where it has more of them, as a transcript of a terminal or an archive of texts, it is
/// known by small letters and spaces, most of all bytes that are not padding.
fn is_text(sample: &[u8]) -> bool {
    let count = |of: fn(u8) -> bool| sample.iter().filter(|&&byte| of(byte)).count();
    let plain = count(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
    let letters = count(|byte| byte >= 128);
    let control = sample.len() - plain - letters;
    if control * 50 <= sample.len() {
        return plain * 10 >= sample.len();
    }
    let padding = count(|byte| byte == 0);
    let rest = sample.len() - padding;
    let running = count(|byte| matches!(byte, b'a'..=b'z' | b' '));
    padding * 4 <= sample.len() && plain * 100 >= rest * 92 && running * 100 >= rest * 45
}

/// The distance at which most bytes repeat, slightly in favour of short ones.
fn record_length(sample: &[u8]) -> u32 {
    let mut best = (0, 1);
    for lag in 2..=MAX_RECORD {
        let Some(shifted) = sample.get(lag as usize..) else {
            break;
        };
        let equal = sample.iter().zip(shifted).filter(|(a, b)| a == b).count();
        // Millionths of the pairs; two per unit of distance are taken off.
        let score = (equal as u64 * 1_000_000 / shifted.len().max(1) as u64)
            .saturating_sub(2 * u64::from(lag));
        if score > best.0 {
            best = (score, lag);
        }
    }
    best.1
}

/// The distance at which most of those bytes repeat that do not repeat at the distance of a record; 1 if none does.
#[must_use]
pub fn row_length(symbols: &[u8], record: u32) -> u32 {
    let sample = &symbols[..symbols.len().min(ROW_SAMPLE)];
    let record = record as usize;
    let Some(shifted) = sample.get(record..) else {
        return 1;
    };
    // One for each byte that the record above does not have.
    let mut new = vec![0_u8; sample.len()];
    for ((new, a), b) in new[record..].iter_mut().zip(sample).zip(shifted) {
        *new = u8::from(a != b);
    }
    let mut best = (0, 1);
    for lag in 3..=MAX_ROW as usize {
        if lag == record {
            continue;
        }
        let Some(shifted) = sample.get(lag..) else {
            break;
        };
        let equal: usize = sample
            .chunks(128)
            .zip(shifted.chunks(128))
            .zip(new[lag..].chunks(128))
            .map(|((a, b), new)| {
                let pairs = a.iter().zip(b).zip(new);
                usize::from(pairs.fold(0_u8, |sum, ((a, b), new)| sum + (u8::from(a == b) & new)))
            })
            .sum();
        // Millionths of the pairs; one per unit of distance is taken off.
        let score =
            (equal as u64 * 1_000_000 / shifted.len().max(1) as u64).saturating_sub(lag as u64);
        if score > best.0 {
            best = (score, lag as u32);
        }
    }
    best.1
}

/// Mostly blank bytes, and in the others most bits are as the bits above them.
fn is_bilevel(sample: &[u8], width: usize) -> bool {
    let blank = sample.iter().filter(|&&b| b == 0 || b == 255).count();
    if width < 16 || blank * 100 <= sample.len() * 60 {
        return false;
    }
    let (mut bits, mut equal) = (0_u64, 0_u64);
    for (&above, &byte) in sample.iter().zip(&sample[width.min(sample.len())..]) {
        if byte != 0 && byte != 255 {
            bits += 8;
            equal += u64::from((!(above ^ byte)).count_ones());
        }
    }
    bits > 0 && equal * 100 > bits * 75
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_in_any_script() {
        assert_eq!(probe(b"plain words\n").0, Kind::Text);
        assert_eq!(
            probe("Съешь ещё этих булок. ".repeat(9).as_bytes()).0,
            Kind::Text
        );
        assert_eq!(probe(&[0, 1, 2, 3, 200, 201]).0, Kind::Binary);
        assert_eq!(probe(b"").0, Kind::Text);
    }

    #[test]
    fn text_with_codes_between_is_text() {
        let transcript = b"\x1b[1mls\x1b[0m lists what is in the folder.\x07\r\n".repeat(40);
        assert_eq!(probe(&transcript).0, Kind::Text);
        let mut archive = b"a first text, and then some more of the same\n".repeat(9);
        archive.resize(512, 0);
        assert_eq!(probe(&archive.repeat(3)).0, Kind::Text);
        // Names in a table of numbers are none.
        let table = b"name of it\x00\x00\x01\x02\x80\x7f\x03\x00\xff\x01\x10\x11\x05".repeat(40);
        assert_eq!(probe(&table).0, Kind::Binary);
    }

    #[test]
    fn record_length_is_the_period() {
        let mut symbols = Vec::new();
        for i in 0..5000_u32 {
            symbols.extend_from_slice(&[7, 0, 1, 250]);
            symbols.extend_from_slice(&(i * 77).to_le_bytes()[..3]);
        }
        assert_eq!(probe(&symbols), (Kind::Binary, 7));
    }

    #[test]
    fn row_length_is_the_distance_of_like_records() {
        // Rows of 40 records of six bytes: a column keeps its two bytes from row to row.
        let column = |i: u32| (i % 40).wrapping_mul(2_654_435_761) >> 16;
        let symbols: Vec<u8> = (0..4000_u32)
            .flat_map(|i| [9, 0, column(i) as u8, (column(i) >> 8) as u8, 7, 1])
            .collect();
        assert_eq!(row_length(&symbols, 6), 240);
        assert_eq!(row_length(&symbols[..2], 6), 1);
        assert_eq!(row_length(&[], 1), 1);
    }

    #[test]
    fn blank_rows_with_strokes_are_an_image() {
        // A steep stroke on white paper, 64 bytes a row.
        let mut symbols = vec![0; 64 * 200];
        for row in 0..200 {
            for pixel in 40 + row / 5..55 + row / 5 {
                symbols[row * 64 + pixel / 8] |= 128 >> (pixel % 8);
            }
        }
        assert_eq!(probe(&symbols), (Kind::Bilevel, 64));
    }

    #[test]
    fn codes_are_inverse() {
        for code in 1..6 {
            assert_eq!(Kind::from_code(code).unwrap().code(), code);
        }
        assert_eq!(Kind::from_code(0), None);
        assert_eq!(Kind::from_code(6), None);
    }
}
