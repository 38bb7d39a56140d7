//! Contexts of the larger levels: orders, and a choice of those that the strong predictor has for each kind.
//!
//! The choice was made by leaving one out at a time; it fills the lanes of three groups.

use super::contexts::hash;
use super::simd::SETS;
use crate::cm::probe::Kind;
use crate::cm::strong::binary::Binary;
use crate::cm::strong::hashing;
use crate::cm::strong::text::Text;

/// Plain contexts, in bytes, before those of the content.
const ORDERS: [u32; 7] = [1, 2, 3, 4, 5, 6, 8];
/// The contexts of text that are left out.
const NOT_OF_TEXT: [usize; 8] = [1, 7, 18, 23, 25, 31, 32, 53];
/// The same of other content.
const NOT_OF_BINARY: [usize; 8] = [9, 18, 22, 26, 28, 31, 33, 38];

/// What the contexts are made from.
#[derive(Debug)]
enum Content {
    Text(Box<Text>),
    Binary(Box<Binary>),
}

/// Contexts and what selects weight sets.
#[derive(Debug)]
pub struct Wide {
    content: Content,
    hashes: Vec<u64>,
    /// Of this byte: small numbers, see [`Text::selectors`], and the shape of what came.
    small: [u32; 4],
    shape: u64,
}

impl Wide {
    /// Starts before the first symbol.
    #[must_use]
    pub fn new(kind: Kind, record: usize) -> Self {
        Self {
            content: match kind {
                Kind::Text => Content::Text(Box::default()),
                Kind::Binary | Kind::Bilevel => Content::Binary(Box::new(Binary::new(record))),
            },
            hashes: Vec::with_capacity(64),
            small: [0; 4],
            shape: 0,
        }
    }

    /// Takes in the last byte of `history`.
    pub fn update(&mut self, history: &[u8]) {
        match &mut self.content {
            Content::Text(text) => text.update(history),
            Content::Binary(binary) => binary.update(history),
        }
    }

    /// Hashes the contexts of the byte after `history`, whose last eight bytes are `recent`.
    #[inline(always)]
    #[must_use]
    pub fn hashes<const N: usize>(&mut self, history: &[u8], recent: u64) -> [u32; N] {
        self.hashes.clear();
        for order in ORDERS {
            let last = if order < 8 {
                recent & ((1 << (8 * order)) - 1)
            } else {
                recent
            };
            self.hashes.push(hash(last, u64::from(order)));
        }
        let dropped = match &self.content {
            Content::Text(text) => {
                text.contexts(history, &mut self.hashes);
                self.small = text.selectors(history);
                self.shape = text.shape();
                NOT_OF_TEXT
            }
            Content::Binary(binary) => {
                binary.contexts(history, &mut self.hashes);
                self.small = binary.selectors(history);
                NOT_OF_BINARY
            }
        };
        let mut hashes = [0; N];
        let mut from = 0;
        let mut next = 0;
        for (i, to) in hashes.iter_mut().enumerate() {
            while from >= ORDERS.len() && dropped.get(next).is_some_and(|&at| at + ORDERS.len() == from) {
                from += 1;
                next += 1;
            }
            let mixed = (self.hashes[from] ^ (i as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            *to = ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32) as u32;
            from += 1;
        }
        hashes
    }

    /// Selects a row of each of four weight sets, below 6144.
    #[inline(always)]
    #[must_use]
    pub fn selectors(&self, recent: u64, partial: u32, position: u32) -> [usize; SETS] {
        let s = self.small;
        let class_of_bits = [0, 1, 2, 2, 2, 3, 3, 3][position as usize & 7];
        let top = |k: u32| (recent >> (8 * k + 5) & 7) as u32;
        let tops = top(0) << 6 | top(1) << 3 | top(2);
        let last = match self.content {
            Content::Text(_) => {
                (hashing::hash([self.shape << 8 | u64::from(partial)]) >> 53) as usize
            }
            Content::Binary(_) => ((s[3] & 255) << 3 | position) as usize,
        };
        [
            (s[0] & 511 | u32::from(position > 2) << 9) as usize,
            1024 + ((s[2] & 255) | class_of_bits << 8) as usize,
            2048 + last,
            4096 + ((tops << 8 | partial).wrapping_mul(0x9E37_79B1) >> 21) as usize,
        ]
    }
}
