//! Structure parameters: what the encoder found out about the data, stored in the stream.

use super::{binary, image, text};
use crate::{Error, Result};

/// Bytes that the probe looks at.
const SAMPLE: usize = 1 << 18;
/// Widest record that the probe looks for, in bytes.
const MAX_WIDTH: usize = 4096;

/// What the data is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// Words, lines, markup.
    Text,
    /// Anything else, perhaps in records.
    Binary,
    /// One bit is one pixel; the record is a row.
    Bilevel,
}

/// Parameters of the predictor; everything else follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// 7, 8 or 9: how many contexts, weight sets and maps.
    pub level: u8,
    /// What the data is taken for.
    pub kind: DataKind,
    /// Record width in bytes, 1 if there is none.
    pub width: usize,
    /// Logarithm of the bytes to come, rounded up: sizes the tables.
    pub log2_size: u32,
}

/// What a level uses; lists are indices into the whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub orders: &'static [usize],
    pub matches: &'static [usize],
    /// Contexts of the data kind, or all of them.
    pub contexts: Option<&'static [usize]>,
    pub sets: &'static [usize],
    pub finals: usize,
    pub maps: usize,
}

const TEXT_16: [usize; 8] = [0, 1, 2, 14, 18, 22, 26, 36];
const TEXT_32: [usize; 22] = [
    0, 1, 2, 4, 5, 6, 8, 10, 12, 14, 15, 16, 18, 20, 22, 26, 27, 28, 30, 33, 35, 36,
];
const BINARY_16: [usize; 9] = [0, 4, 13, 15, 18, 20, 21, 24, 27];
const BINARY_32: [usize; 23] = [
    0, 1, 2, 3, 4, 5, 7, 10, 12, 13, 14, 15, 16, 18, 20, 21, 23, 24, 26, 27, 28, 30, 33,
];

const _: () = assert!(text::CONTEXTS == 38 && binary::CONTEXTS == 38 && image::CONTEXTS == 8);

impl Params {
    /// Looks at the data and chooses the parameters for `level`, which is clamped to `7..=9`.
    #[must_use]
    pub fn probe(data: &[u8], level: u8) -> Self {
        let sample = &data[..data.len().min(SAMPLE)];
        let kind = if is_text(sample) {
            DataKind::Text
        } else {
            DataKind::Binary
        };
        let width = if kind == DataKind::Text {
            1
        } else {
            record_width(sample)
        };
        let kind = if kind == DataKind::Binary && is_bilevel(sample, width) {
            DataKind::Bilevel
        } else {
            kind
        };
        let log2_size = data.len().max(1).next_power_of_two().ilog2().clamp(8, 32);
        Self {
            level: level.clamp(7, 9),
            kind,
            width,
            log2_size,
        }
    }

    /// The parameters as small integers: level, kind, width, logarithm of the size.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // a width is at most MAX_WIDTH
    pub fn to_ints(&self) -> [u32; 4] {
        [
            u32::from(self.level),
            self.kind as u32,
            self.width as u32,
            self.log2_size,
        ]
    }

    /// Reads what [`Params::to_ints`] wrote.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a number is outside its range.
    pub fn from_ints(ints: [u32; 4]) -> Result<Self> {
        let [level, kind, width, log2_size] = ints;
        let kind = match kind {
            0 => DataKind::Text,
            1 => DataKind::Binary,
            2 => DataKind::Bilevel,
            _ => {
                return Err(Error::Parameter {
                    what: "kind: 0 text, 1 binary, 2 bilevel",
                })
            }
        };
        let level = match level {
            7 => 7,
            8 => 8,
            9 => 9,
            _ => {
                return Err(Error::Parameter {
                    what: "level: 7 to 9",
                })
            }
        };
        let width = width as usize;
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(Error::Parameter {
                what: "record width: 1 to 4096",
            });
        }
        if !(8..=32).contains(&log2_size) {
            return Err(Error::Parameter {
                what: "logarithm of the size: 8 to 32",
            });
        }
        Ok(Self {
            level,
            kind,
            width,
            log2_size,
        })
    }

    /// Logarithm of the bytes of bit histories: 256 for each byte to come, 1 GiB at most.
    pub(super) fn log2_table(&self) -> u32 {
        let per_byte = if self.level == 7 { 7 } else { 8 };
        (self.log2_size + per_byte).clamp(18, 30)
    }

    pub(super) fn plan(&self) -> Plan {
        let contexts = match (self.kind, self.level) {
            (DataKind::Text, 7) => Some(&TEXT_16[..]),
            (DataKind::Text, 8) => Some(&TEXT_32[..]),
            (DataKind::Binary, 7) => Some(&BINARY_16[..]),
            (DataKind::Binary, 8) => Some(&BINARY_32[..]),
            _ => None,
        };
        match (self.level, self.kind) {
            (7, DataKind::Text) => Plan {
                orders: &[1, 2, 3, 4, 5, 6],
                matches: &[20, 6],
                contexts,
                sets: &[0, 1, 3, 10],
                finals: 2,
                maps: 2,
            },
            (7, _) => Plan {
                orders: &[1, 2, 3, 4, 6],
                matches: &[20, 6],
                contexts,
                sets: &[1, 3, 6, 10],
                finals: 2,
                maps: 2,
            },
            (8, _) => Plan {
                orders: &[1, 2, 3, 4, 5, 6, 8],
                matches: &[24, 6],
                contexts,
                sets: &[0, 1, 3, 4, 5, 6, 8, 10],
                finals: 4,
                maps: 4,
            },
            _ => Plan {
                orders: &[1, 2, 3, 4, 5, 6, 8, 14],
                matches: &[24, 11, 5],
                contexts,
                sets: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                finals: 4,
                maps: 6,
            },
        }
    }
}

/// Nearly all bytes are printable ASCII or, up to a half, belong to other letters.
fn is_text(sample: &[u8]) -> bool {
    let printable = sample
        .iter()
        .filter(|&&b| b >= 32 && b != 127 || (9..=13).contains(&b))
        .count();
    let high = sample.iter().filter(|&&b| b >= 128).count();
    printable * 100 >= sample.len() * 96 && high * 2 <= sample.len()
}

/// The lag at which most bytes are equal; each unit of lag costs two bytes in a million.
fn record_width(sample: &[u8]) -> usize {
    let n = sample.len() as u64;
    let mut best = (0, 1);
    for lag in 2..MAX_WIDTH.min(1024).min(sample.len()) {
        let equal = sample
            .iter()
            .zip(&sample[lag..])
            .filter(|(a, b)| a == b)
            .count() as u64;
        let score = (equal * 1_000_000 / n).saturating_sub(2 * lag as u64);
        if score > best.0 {
            best = (score, lag);
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
    fn ints_round_trip_and_are_checked() {
        for data in [&b""[..], b"a", &[0; 5000], &b"Hello, world! ".repeat(100)] {
            for level in 7..=9 {
                let params = Params::probe(data, level);
                assert_eq!(Params::from_ints(params.to_ints()), Ok(params));
            }
        }
        for bad in [
            [6, 0, 1, 20],
            [9, 3, 1, 20],
            [9, 0, 0, 20],
            [9, 0, 5000, 20],
            [9, 0, 1, 33],
            [9, 0, 1, 7],
        ] {
            assert!(Params::from_ints(bad).is_err());
        }
    }

    #[test]
    fn contexts_of_a_plan_fit_the_lanes() {
        for kind in [DataKind::Text, DataKind::Binary, DataKind::Bilevel] {
            for level in 7..=9 {
                let plan = Params {
                    level,
                    kind,
                    width: 1,
                    log2_size: 20,
                }
                .plan();
                let own = plan.contexts.map_or(38, <[usize]>::len);
                assert!(plan.orders.len() + 2 + own <= 48);
                assert!(plan.contexts.unwrap_or(&[]).iter().all(|&i| i < 38));
            }
        }
    }

    #[test]
    fn probe_finds_records_and_images() {
        let noise = |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
        let records: Vec<u8> = (0..20_000)
            .map(|i| {
                if i % 12 < 9 {
                    (i % 12 * 20 + 130) as u8
                } else {
                    noise(i * i)
                }
            })
            .collect();
        let params = Params::probe(&records, 9);
        assert_eq!((params.kind, params.width), (DataKind::Binary, 12));
        assert_eq!(
            Params::probe(&b"The quick brown fox. ".repeat(50), 9).kind,
            DataKind::Text
        );
    }
}
