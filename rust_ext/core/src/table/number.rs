//! Numbers as sign, length and bits.

use super::decider::{Decider, Place, Sizes, DEPTH};
use super::simd;
use super::tools::Tools;
use crate::cm::content::hashing::{fold, start};
use crate::coder::binary::Side;
use crate::Result;
use foldhash::{HashSet, HashSetExt};

/// Contexts of a sign and length and of the first bits.
const CONTEXTS: usize = 9;
/// The same of the other bits.
const LOW_CONTEXTS: usize = 3;
/// Bits below the leading one that are coded in all contexts.
const HIGH: u32 = 8;

/// The number of a sign and a magnitude.
fn signed(class: u32, magnitude: u64) -> i64 {
    let number = magnitude as i64;
    if class & 1 == 1 {
        number.wrapping_neg()
    } else {
        number
    }
}

/// Codes numbers one after the other.
#[derive(Debug)]
pub struct Number {
    high: Decider,
    low: Decider,
    /// Classes of the numbers before.
    before: [u64; 2],
    /// Numbers that do not come again, where none does.
    gone: Option<HashSet<i64>>,
}

impl Number {
    /// Starts with about `count` numbers to come, each a different one where they are `distinct`.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(count: usize, distinct: bool, tools: &Tools) -> Result<Self> {
        let lines = |each: usize| {
            count
                .saturating_mul(each)
                .max(1)
                .next_power_of_two()
                .ilog2()
                .clamp(7, 18)
        };
        let rows = count.next_power_of_two().clamp(1 << 8, 1 << 12);
        let sizes = |contexts: usize, log2_lines: u32, places: usize| Sizes {
            contexts,
            counted: contexts,
            expected: 0,
            log2_lines: [log2_lines, 0],
            places,
            rows,
            classes: 1,
            fine: 0,
            told: [0; 2],
        };
        Ok(Self {
            high: Decider::new(sizes(CONTEXTS, lines(2 * CONTEXTS), 128 + 16), tools)?,
            low: Decider::new(sizes(LOW_CONTEXTS, lines(LOW_CONTEXTS), 64), tools)?,
            before: [0; 2],
            gone: distinct.then(HashSet::new),
        })
    }

    /// Codes a number beside values of the row; when decoding, `number` does not count.
    pub fn code(
        &mut self,
        tools: &Tools,
        side: &mut impl Side,
        number: i64,
        parents: [u64; 3],
    ) -> i64 {
        simd::with(tools.avx2, |avx2| {
            self.number(tools, avx2, side, number, parents)
        })
    }

    /// Codes sign and length.
    #[inline(always)]
    fn class(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut impl Side,
        hashes: &[u64],
        wanted: u32,
    ) -> u32 {
        let mut class = 1_u32;
        for depth in 0..8 {
            if depth % DEPTH == 0 {
                self.high.aim(tools, avx2, hashes, u64::from(class));
            }
            let inside = depth % DEPTH;
            let place = Place {
                node: (class & ((1 << inside) - 1) | 1 << inside) as usize,
                set: (class & 127) as usize,
                row: class as usize,
                depth: depth as usize,
                class: 0,
                beside: 0,
                fine: 0,
                told: 0,
            };
            let bit = wanted >> (7 - depth) & 1;
            let bit = self.high.code(tools, avx2, side, bit, place, &[], &[]);
            class = class << 1 | bit;
        }
        class & 255
    }

    /// The last bit of a number, where that is known since only one of both did not come before.
    fn last_bit(&self, class: u32, value: u64) -> Option<u64> {
        let gone = self.gone.as_ref()?;
        let came = [0, 1].map(|bit| gone.contains(&signed(class, value << 1 | bit)));
        came.contains(&true).then(|| u64::from(came[0]))
    }

    #[inline(always)]
    fn number(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut impl Side,
        number: i64,
        parents: [u64; 3],
    ) -> i64 {
        let [a, b, c] = parents;
        let [p, q] = self.before;
        let hash = |i: u64, x: u64, y: u64| fold(fold(start(i), x), y);
        let hashes = [
            hash(0, 0, 0),
            hash(1, c, 0),
            hash(2, b, 0),
            hash(3, p, 0),
            hash(4, p, q),
            hash(5, a, 0),
            hash(6, a, p),
            hash(7, a, b),
            hash(8, fold(start(a), c), b),
        ];
        let magnitude = number.unsigned_abs();
        let length = 64 - magnitude.leading_zeros();
        let wanted = length << 1 | u32::from(number < 0);
        let class = self.class(tools, avx2, side, &hashes, wanted);
        // Longer ones are of payloads that were not written by an encoder.
        let length = (class >> 1).min(64);
        self.before = [u64::from(class), p];
        let mut value = u64::from(length > 0);
        for at in 1..length {
            let known = if at + 1 == length {
                self.last_bit(class, value)
            } else {
                None
            };
            if let Some(bit) = known {
                value = value << 1 | bit;
                break;
            }
            let bit = (magnitude >> (length - 1 - at)) as u32 & 1;
            let path = hash(u64::from(class), value, 1);
            let inside = (at - 1) % DEPTH;
            let node = (value as u32 & ((1 << inside) - 1) | 1 << inside) as usize;
            let row = (path >> 52) as usize & (self.high.rows() - 1);
            let bit = if at <= HIGH {
                if inside == 0 {
                    self.high.aim(tools, avx2, &hashes, path);
                }
                let place = Place {
                    node,
                    set: 128 + at as usize % 16,
                    row,
                    depth: 3,
                    class: 0,
                    beside: 0,
                    fine: 0,
                    told: 0,
                };
                self.high.code(tools, avx2, side, bit, place, &[], &[])
            } else {
                if inside == 0 {
                    let hashes = [
                        hash(20, u64::from(class), at.into()),
                        hash(21, path, 0),
                        hash(22, path, a),
                    ];
                    self.low.aim(tools, avx2, &hashes, 0);
                }
                let place = Place {
                    node,
                    set: at as usize % 64,
                    row,
                    depth: 3,
                    class: 0,
                    beside: 0,
                    fine: 0,
                    told: 0,
                };
                self.low.code(tools, avx2, side, bit, place, &[], &[])
            };
            value = value << 1 | u64::from(bit);
        }
        let number = signed(class, value);
        if let Some(gone) = &mut self.gone {
            gone.insert(number);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::binary::{BinaryDecoder, BinaryEncoder};

    /// Numbers from −500 to 499, each once, in no order.
    fn numbers() -> Vec<i64> {
        let mut numbers: Vec<i64> = (-500..500).collect();
        let mut state = 1_u64;
        for at in (1..numbers.len()).rev() {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            numbers.swap(at, (state >> 33) as usize % (at + 1));
        }
        numbers
    }

    /// An encoder that counts decisions.
    struct Counting(BinaryEncoder, usize);

    impl Side for Counting {
        fn code(&mut self, bit: u32, p1: u32) -> u32 {
            self.1 += 1;
            self.0.code(bit, p1)
        }

        fn goes_on(&self, what: &'static str) -> Result<()> {
            self.0.goes_on(what)
        }
    }

    /// The code of numbers, and how many decisions it took.
    fn encode(numbers: &[i64], distinct: bool) -> (Vec<u8>, usize) {
        let tools = Tools::new();
        let mut number = Number::new(numbers.len(), distinct, &tools).unwrap();
        let mut side = Counting(BinaryEncoder::new(), 0);
        for &wanted in numbers {
            assert_eq!(number.code(&tools, &mut side, wanted, [0; 3]), wanted);
        }
        (side.0.finish(), side.1)
    }

    #[test]
    fn numbers_that_came_are_not_expected_again() {
        let numbers = numbers();
        let [all, once] = [false, true].map(|distinct| encode(&numbers, distinct));
        // Of two numbers that differ in the last bit, that of the second one is known: 2 and 3 to 498 and 499, and their
        // negatives.
        assert_eq!(all.1 - once.1, 2 * 249);
        assert!(once.0.len() < all.0.len());
        let tools = Tools::new();
        for (payload, distinct) in [(all.0, false), (once.0, true)] {
            let mut number = Number::new(numbers.len(), distinct, &tools).unwrap();
            let mut side = BinaryDecoder::new(&payload);
            for &wanted in &numbers {
                assert_eq!(number.code(&tools, &mut side, 0, [0; 3]), wanted);
            }
            side.finish().unwrap();
        }
    }

    #[test]
    fn numbers_that_may_come_again_do() {
        let twice = [5, 4, 5, 4, -1, -1, 0, 0, i64::MIN, i64::MAX, i64::MIN];
        let tools = Tools::new();
        let (payload, _) = encode(&twice, false);
        let mut number = Number::new(twice.len(), false, &tools).unwrap();
        let mut side = BinaryDecoder::new(&payload);
        for wanted in twice {
            assert_eq!(number.code(&tools, &mut side, 0, [0; 3]), wanted);
        }
    }
}
