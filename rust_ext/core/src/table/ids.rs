//! Codes which of the values that are known each row has.

use super::decider::{Decider, Expected, Place, Sizes, DEPTH};
use super::simd;
use super::tools::Tools;
use super::tree::{self, Tree};
use super::DEFAULT_LEVEL;
use crate::cm::content::hashing::fold;
use crate::coder::binary::Side;
use crate::{Error, Result};

/// Contexts of a cell, and those beside an echo.
const CONTEXTS: usize = 18;
const ECHOED: usize = 3;
/// Those of the fast levels.
const FAST: [usize; 9] = [1, 4, 5, 6, 7, 10, 12, 13, 16];
/// Values of the first parent that choose weights.
const CLASSES: usize = 64;
/// Paths that choose weights: shorter ones have their own.
const PATHS: usize = 1 << 10;
/// Values that are expected.
const EXPECTED: usize = 3;

/// The value that came last under a key, and how often it was right there.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    /// Number of the value, plus one.
    value: u32,
    run: u8,
}

/// Codes the number of the value in each row.
pub struct Ids {
    decider: Decider,
    latest: [Vec<Latest>; EXPECTED],
    trust: [usize; EXPECTED],
    fast: bool,
    echoed: bool,
}

impl Ids {
    /// Starts with nothing known, for a column beside an echo or none.
    ///
    /// # Errors
    /// [`Error::Limit`] when there is too little memory.
    pub fn new(rows: usize, level: u32, echoed: bool, tools: &Tools) -> Result<Self> {
        let fast = level < DEFAULT_LEVEL;
        let contexts = if fast { FAST.len() } else { CONTEXTS };
        let contexts = contexts + if echoed { ECHOED } else { 0 };
        let log2_lines = (rows * contexts / 4)
            .next_power_of_two()
            .ilog2()
            .clamp(5, 18);
        let sizes = Sizes {
            contexts,
            expected: EXPECTED,
            log2_lines,
            places: 64,
            rows: (4 * rows).next_power_of_two().clamp(1 << 6, 1 << 12),
            classes: CLASSES,
            fine: PATHS,
        };
        let slots = (2 * rows).next_power_of_two().clamp(2, 1 << 18);
        Ok(Self {
            decider: Decider::new(sizes, tools)?,
            latest: std::array::from_fn(|_| vec![Latest::default(); slots]),
            trust: [0; EXPECTED],
            fast,
            echoed,
        })
    }

    /// Whether it is for a column beside an echo.
    pub fn is_echoed(&self) -> bool {
        self.echoed
    }

    /// Becomes as `fresh`, which is for as many rows and knows nothing.
    pub fn restart(&mut self, fresh: &Self) {
        self.decider.restart(&fresh.decider);
        self.latest.clone_from(&fresh.latest);
        self.trust = fresh.trust;
    }

    /// Codes a symbol of the tree.
    pub fn code(
        &mut self,
        tools: &Tools,
        side: &mut impl Side,
        wanted: usize,
        tree: &Tree,
        open: usize,
        row: &Row,
    ) -> Result<usize> {
        simd::with(tools.avx2, |avx2| {
            self.symbol(tools, avx2, side, wanted, tree, open, row)
        })
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // those of `code`, and the choice of code
    fn symbol(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut impl Side,
        wanted: usize,
        tree: &Tree,
        open: usize,
        row: &Row,
    ) -> Result<usize> {
        let (code, length) = tree.code(wanted);
        let mut slots = [0; EXPECTED];
        let mut guesses = [(0, 0, 0); EXPECTED];
        for (k, guess) in guesses.iter_mut().enumerate() {
            let mask = self.latest[k].len() - 1;
            slots[k] = (fold(row.keys[k], 77) >> 40) as usize & mask;
            let latest = self.latest[k][slots[k]];
            if latest.value > 0 {
                let (code, length) = tree.code(latest.value as usize - 1 + open);
                *guess = (
                    code,
                    length,
                    usize::from(latest.run.min(7)) << 3 | self.trust[k],
                );
            }
        }
        let mut hashes = row.hashes;
        if self.fast {
            (0..FAST.len()).for_each(|k| hashes[k] = row.hashes[FAST[k]]);
            hashes.copy_within(CONTEXTS.., FAST.len());
        }
        let (mut path, mut depth) = (0_u32, 0_u32);
        let symbol = loop {
            if depth.is_multiple_of(DEPTH) {
                self.decider
                    .aim(&hashes, u64::from(depth) << 32 | u64::from(path));
            }
            let inside = depth % DEPTH;
            let node = (path & ((1 << inside) - 1) | 1 << inside) as usize;
            let says = guesses.map(|(code, length, trust)| Expected {
                bit: if length > depth && code >> (length - depth) == path {
                    code >> (length - depth - 1) & 1
                } else {
                    2
                },
                trust,
            });
            let bit = if length > depth {
                code >> (length - depth - 1) & 1
            } else {
                0
            };
            let place = Place {
                node,
                set: (depth / DEPTH).min(3) as usize * 16 + node,
                row: (path | 1 << depth.min(31)) as usize & (self.decider.rows() - 1),
                depth: depth as usize,
                class: row.class,
                beside: fold(row.beside, u64::from(path | 1 << depth)) as usize
                    & (self.decider.rows() - 1),
                fine: (path | 1 << depth.min(31)) as usize % PATHS,
            };
            let bit = self.decider.code(tools, avx2, side, bit, place, &says);
            path = path << 1 | bit;
            depth += 1;
            if let Some(symbol) = tree.ends(path, depth) {
                break symbol;
            }
            if depth == tree::MAX_LENGTH {
                return Err(Error::Corrupt {
                    what: "path of a value",
                });
            }
        };
        for (k, (_, length, _)) in guesses.into_iter().enumerate() {
            if length > 0 {
                let latest = &mut self.latest[k][slots[k]];
                let right = latest.value as usize + open == symbol + 1;
                latest.run = if right {
                    latest.run.saturating_add(1)
                } else {
                    0
                };
                self.trust[k] = (self.trust[k] << 1 | usize::from(right)) & 7;
            }
        }
        Ok(symbol)
    }

    /// Learns which value a row has.
    pub fn learn(&mut self, row: &Row, id: u32) {
        for (k, latest) in self.latest.iter_mut().enumerate() {
            let mask = latest.len() - 1;
            latest[(fold(row.keys[k], 77) >> 40) as usize & mask].value = id + 1;
        }
    }
}

/// What is known of a row before its cell.
pub struct Row {
    /// Those beside an echo come last.
    hashes: [u64; CONTEXTS + ECHOED],
    keys: [u64; EXPECTED],
    class: usize,
    beside: u64,
}

impl Row {
    /// Looks at the rows before, of which the numbers of values are `ids`, and at those of parents; `last` came last beside
    /// the value of the first parent, `echo` where that of another column did, both plus 1.
    pub fn new(at: usize, ids: &[u32], parents: &[&[u32]], last: u32, echo: u32) -> Self {
        let above = |k: usize| {
            if at >= k {
                u64::from(ids[at - k]) + 1
            } else {
                0
            }
        };
        let of = |p: usize, k: usize| {
            parents.get(p).map_or(0, |ids| {
                if at >= k {
                    u64::from(ids[at - k]) + 1
                } else {
                    0
                }
            })
        };
        let [x1, x2, x3] = [1, 2, 3].map(above);
        let [a, b, c, d] = [0, 1, 2, 3].map(|p| of(p, 0));
        let [a1, b1, c1] = [0, 1, 2].map(|p| of(p, 1));
        let [last, echo] = [last, echo].map(u64::from);
        let h = |i: u64, values: &[u64]| values.iter().fold(i, |hash, &v| fold(hash, v));
        let changed = u64::from(a != a1) | u64::from(b != b1) << 1 | u64::from(c != c1) << 2;
        Self {
            hashes: [
                h(0, &[]),
                h(1, &[x1]),
                h(2, &[d]),
                h(3, &[c]),
                h(4, &[b]),
                h(5, &[a]),
                h(6, &[x1, x2]),
                h(7, &[changed, x1]),
                h(8, &[b, c]),
                h(9, &[b, x1]),
                h(10, &[a, last]),
                h(11, &[x1, x2, x3]),
                h(12, &[a, x1]),
                h(13, &[a, b]),
                h(14, &[a, a1, x1]),
                h(15, &[a, b, x1]),
                h(16, &[a, b, c]),
                h(17, &[a, b, c, d]),
                h(18, &[echo]),
                h(19, &[a, echo]),
                h(23, &[a, b, echo]),
            ],
            class: a.min(CLASSES as u64 - 1) as usize,
            beside: h(30, &[a]),
            keys: [h(20, &[a, b, c]), h(21, &[a]), h(22, &[x1, a, a1])],
        }
    }
}
