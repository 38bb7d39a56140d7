//! Numbers as sign, length and bits.

use super::decider::{Decider, Place, Sizes, DEPTH};
use super::simd;
use super::tools::Tools;
use crate::cm::content::hashing::{fold, start};
use crate::coder::binary::Side;
use crate::Result;

/// Contexts of a sign and length and of the first bits.
const CONTEXTS: usize = 9;
/// The same of the other bits.
const LOW_CONTEXTS: usize = 3;
/// Bits below the leading one that are coded in all contexts.
const HIGH: u32 = 8;

/// Codes numbers one after the other.
#[derive(Debug)]
pub struct Number {
    high: Decider,
    low: Decider,
    /// Classes of the numbers before.
    before: [u64; 2],
}

impl Number {
    /// Starts with about `count` numbers to come.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(count: usize, tools: &Tools) -> Result<Self> {
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
            expected: 0,
            log2_lines,
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
        let mut class = 1_u32;
        for depth in 0..8 {
            if depth % DEPTH == 0 {
                self.high.aim(&hashes, u64::from(class));
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
            let bit = self.high.code(
                tools,
                avx2,
                side,
                wanted >> (7 - depth) & 1,
                place,
                &[],
                &[],
            );
            class = class << 1 | bit;
        }
        let class = class & 255;
        // Longer ones are of payloads that were not written by an encoder.
        let length = (class >> 1).min(64);
        self.before = [u64::from(class), p];
        let mut value = u64::from(length > 0);
        for at in 1..length {
            let bit = (magnitude >> (length - 1 - at)) as u32 & 1;
            let path = hash(u64::from(class), value, 1);
            let inside = (at - 1) % DEPTH;
            let node = (value as u32 & ((1 << inside) - 1) | 1 << inside) as usize;
            let row = (path >> 52) as usize & (self.high.rows() - 1);
            let bit = if at <= HIGH {
                if inside == 0 {
                    self.high.aim(&hashes, path);
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
                    self.low.aim(&hashes, 0);
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
        let number = value as i64;
        if class & 1 == 1 {
            number.wrapping_neg()
        } else {
            number
        }
    }
}
