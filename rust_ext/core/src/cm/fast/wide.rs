//! Contexts of the larger levels: orders, and those of the kind of content.
//!
//! Where there are more than fit the lanes, those are left out that were missed least when each was left out alone.

use super::contexts::hash;
use super::kernel::SETS;
use crate::cm::content::binary::Binary;
use crate::cm::content::hashing;
use crate::cm::content::text::Text;
use crate::cm::{Kind, Params};

/// Plain contexts, in bytes, before those of the content.
const ORDERS: [u32; 8] = [1, 2, 3, 4, 5, 6, 8, 7];
/// Contexts from which on there is room.
const ROOM: usize = 50;

/// The contexts that are left out where `count` are wanted: indices into the orders and those of the content.
fn left_out(kind: Kind, count: usize) -> &'static [usize] {
    match (kind, count >= ROOM) {
        (Kind::Text, false) => &[
            0, 7, 10, 11, 13, 14, 18, 19, 24, 25, 26, 28, 30, 32, 34, 35, 36, 38, 39, 44, 47, 50,
            51, 52,
        ],
        (Kind::Text, true) => &[],
        (_, false) => &[
            4, 5, 7, 11, 14, 17, 23, 25, 27, 28, 29, 30, 31, 34, 36, 38, 40, 41, 42, 44, 46, 48,
            49, 50, 51, 52, 53, 54, 56, 58, 59, 60, 61, 62, 63,
        ],
        (_, true) => &[29, 34, 36, 41, 42, 49, 54, 60],
    }
}

/// Which kind of context of a prior each of `count` contexts is; of text the orders, the word, the word and the one
/// before, and the last three words.
#[must_use]
pub fn known(kind: Kind, count: usize) -> Vec<Option<usize>> {
    let of_order = ORDERS.iter().map(|order| match order {
        2..=4 => Some(*order as usize - 2),
        6 => Some(4),
        _ => None,
    });
    let of_content = (0..).map(|at| match at {
        0 => Some(3),
        1 => Some(5),
        8 => Some(6),
        _ => None,
    });
    of_order
        .chain(of_content)
        .enumerate()
        .filter(|(at, _)| !left_out(kind, count).contains(at))
        .map(|(_, known)| known)
        .take(count)
        .collect()
}

/// What the contexts are made from.
#[derive(Debug, Clone)]
enum Content {
    Text(Box<Text>),
    Binary(Box<Binary>),
}

/// Contexts and what selects weight sets.
#[derive(Debug, Clone)]
pub struct Wide {
    kind: Kind,
    content: Content,
    hashes: Vec<u64>,
    /// Of this byte: small numbers, see [`Text::selectors`], and the shape of what came.
    small: [u32; 4],
    shape: u64,
}

impl Wide {
    /// Starts before the first symbol.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self {
            kind: params.kind,
            content: if params.kind == Kind::Text {
                Content::Text(Box::default())
            } else {
                let (record, row) = (params.record as usize, params.row as usize);
                Content::Binary(Box::new(Binary::new(record, row)))
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
        match &self.content {
            Content::Text(text) => {
                text.contexts(history, &mut self.hashes);
                self.small = text.selectors(history);
                self.shape = text.shape();
            }
            Content::Binary(binary) => {
                binary.contexts(history, &mut self.hashes);
                self.small = binary.selectors(history);
            }
        }
        let mut left_out = left_out(self.kind, N).iter().peekable();
        let kept = self
            .hashes
            .iter()
            .enumerate()
            .filter(|(at, _)| left_out.next_if(|&out| out == at).is_none());
        let mut hashes = [0; N];
        for ((i, to), (_, hash)) in (1_u64..).zip(&mut hashes).zip(kept) {
            let mixed =
                (hash ^ i.wrapping_mul(0xD6E8_FEB8_6659_FD93)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            *to = ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32) as u32;
        }
        hashes
    }

    /// Selects a row of each of four weight sets, below 6144.
    #[inline(always)]
    #[must_use]
    pub fn selectors(
        &self,
        history: &[u8],
        recent: u64,
        partial: u32,
        position: u32,
    ) -> [usize; SETS] {
        let s = self.small;
        let class_of_bits = [0, 1, 2, 2, 2, 3, 3, 3][position as usize & 7];
        let top = |k: u32| (recent >> (8 * k + 5) & 7) as u32;
        let tops = top(0) << 6 | top(1) << 3 | top(2);
        let last = match &self.content {
            Content::Text(_) => {
                (hashing::hash([self.shape << 8 | u64::from(partial)]) >> 53) as usize
            }
            Content::Binary(binary) => {
                (binary.agreement(history, position, partial) & 1023) as usize
            }
        };
        [
            (s[0] & 511 | u32::from(position > 2) << 9) as usize,
            1024 + ((s[2] & 255) | class_of_bits << 8) as usize,
            2048 + last,
            4096 + ((tops << 8 | partial).wrapping_mul(0x9E37_79B1) >> 21) as usize,
        ]
    }
}
