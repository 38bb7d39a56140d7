//! Codes which of the values that are known each row has.

use super::crowd::{self, Crowd, Said};
use super::decider::{Decider, Expected, Place, Sizes, DEPTH};
use super::lines::line_bytes;
use super::near::Near;
use super::past::{self, slot, slots, Past};
use super::rare::{Rare, FIRST, RARE};
use super::simd;
use super::tools::Tools;
use super::tree::{Next, Tree};
use super::DEFAULT_LEVEL;
use crate::cm::content::hashing::{fold, start};
use crate::coder::binary::Side;
use crate::{Error, Result};

/// Contexts of a cell, and those beside an echo.
const CONTEXTS: usize = 18;
const ECHOED: usize = 3;
/// Those of the fast levels.
const FAST: [usize; 9] = [1, 4, 5, 7, 9, 10, 11, 13, 16];
/// Values of the first parent that choose weights.
const CLASSES: usize = 64;
/// Paths that choose weights: shorter ones have their own.
const PATHS: usize = 1 << 10;
/// Values that are expected.
const EXPECTED: usize = 3;
/// Inputs of what columns say together, before those of what is rare or near; classes of all that, the last for what is rare.
const SAID: usize = 2;
const SAYINGS: usize = 19;
const RARELY: usize = SAYINGS - 1;
/// Decisions of a symbol for which columns are listened to: deeper ones are of values that hardly ever come.
const HEARD: u32 = 10;
/// Lines at most, as a power of two.
const MAX_LOG2_LINES: u32 = 20;
/// Numbers that the next one may be near: the one above, and that of an echo.
const NEIGHBOURS: usize = 2;

/// How numbers are coded.
#[derive(Debug)]
pub struct Code {
    pub tree: Tree,
    /// What is behind the path of rare values, where values are told as they come.
    pub rare: Option<Rare>,
    /// Numbers that stand before those of values.
    pub open: usize,
}

impl Code {
    /// The path of a number, and how long it is.
    #[inline(always)]
    fn path(&self, number: usize) -> (u64, u32) {
        if let Some((rare, path)) = self.rare.as_ref().and_then(|r| Some((r, r.path(number)?))) {
            let (shared, length) = self.tree.code(RARE);
            let depth = rare.depth();
            return (u64::from(shared) << depth | u64::from(path), length + depth);
        }
        let (path, length) = self.tree.code(number);
        (path.into(), length)
    }

    /// Learns that the number of a value came, for the first time or not.
    pub fn saw(&mut self, value: usize, first: bool) {
        if let Some(rare) = &mut self.rare {
            rare.saw(value + FIRST, first);
        }
    }
}

/// The value that came last under a key, and how often it was right there.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    /// Number of the value, plus one.
    value: u32,
    run: u8,
}

/// Contexts of a level, beside an echo or none.
fn contexts(level: u32, echoed: bool) -> usize {
    let contexts = if level < DEFAULT_LEVEL {
        FAST.len()
    } else {
        CONTEXTS
    };
    contexts + if echoed { ECHOED } else { 0 }
}

/// Logarithm of the number of lines: a column of many values, such as an end of links, has new ones in most rows.
fn log2_lines(rows: usize, contexts: usize) -> u32 {
    let lines = rows.saturating_mul(contexts) / 4;
    let lines = lines.checked_next_power_of_two();
    lines
        .map_or(MAX_LOG2_LINES, usize::ilog2)
        .clamp(5, MAX_LOG2_LINES)
}

/// Memory in bytes of what codes a column of so many rows.
pub fn memory_bytes(rows: usize, level: u32) -> u64 {
    let lines = line_bytes(true) << log2_lines(rows, contexts(level, true));
    lines + crowd::memory_bytes(rows) + past::memory_bytes(rows)
}

/// Codes the number of the value in each row.
pub struct Ids {
    decider: Decider,
    latest: [Vec<Latest>; EXPECTED],
    trust: [usize; EXPECTED],
    near: [Near; NEIGHBOURS],
    crowd: Crowd,
    past: Past,
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
        let contexts = contexts(level, echoed);
        let sizes = Sizes {
            contexts,
            counted: contexts,
            expected: EXPECTED,
            log2_lines: [log2_lines(rows, contexts), 0],
            places: 64,
            rows: (4 * rows).next_power_of_two().clamp(1 << 6, 1 << 12),
            classes: CLASSES,
            fine: PATHS,
            told: [SAID + 1 + usize::from(echoed), SAYINGS],
        };
        let slots = slots(rows);
        Ok(Self {
            decider: Decider::new(sizes, tools)?,
            latest: std::array::from_fn(|_| vec![Latest::default(); slots]),
            trust: [0; EXPECTED],
            near: std::array::from_fn(|_| Near::new()),
            crowd: Crowd::new(rows)?,
            past: Past::new(rows),
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
        self.near.iter_mut().for_each(Near::restart);
        self.crowd.restart();
        self.past.restart();
    }

    /// What is known of a row, of which the columns before have hashes. Rows before have these numbers of values; `echo` tells
    /// which came last where that of another column did, plus 1.
    pub fn row(
        &self,
        at: usize,
        ids: &[u32],
        parents: &[&[u32]],
        joint: [u64; past::KINDS],
        echo: u32,
    ) -> Row {
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
        let neighbours = [ids.last().copied(), echo.checked_sub(1)];
        let echo = u64::from(echo);
        let h = |i: u64, values: &[u64]| values.iter().fold(start(i), |hash, &v| fold(hash, v));
        let keys = [h(20, &[a, b, c]), h(21, &[a]), h(22, &[x1, a, a1])];
        let told = self.past.look(joint, keys[1]);
        let [beside_joint, beside_parent] = told.pairs.map(|pair| pair.map(u64::from));
        let changed = u64::from(a != a1) | u64::from(b != b1) << 1 | u64::from(c != c1) << 2;
        Row {
            hashes: [
                h(0, &[]),
                h(1, &[x1]),
                h(2, &[d]),
                h(3, &[c]),
                h(5, &[a]),
                h(7, &[changed, x1]),
                h(8, &[b, c]),
                h(9, &[b, x1]),
                h(11, &[x1, x2, x3]),
                h(13, &[a, b]),
                h(14, &[a, a1, x1]),
                h(16, &[a, b, c]),
                h(17, &[a, b, c, d]),
                h(31, &beside_parent),
                h(32, &beside_joint),
                h(33, &joint[1..]),
                h(34, &joint[..1]),
                h(35, &[told.sum]),
                h(18, &[echo]),
                h(19, &[a, echo]),
                h(23, &[a, b, echo]),
            ],
            class: a.min(CLASSES as u64 - 1) as usize,
            beside: h(30, &[a]),
            neighbours,
            keys,
            joint,
        }
    }

    /// Listens to the columns beside the cell that comes next.
    pub fn listen(&mut self, values: impl Iterator<Item = u32>) {
        if !self.fast {
            self.crowd.listen(values);
        }
    }

    /// Codes a number.
    pub fn code(
        &mut self,
        tools: &Tools,
        side: &mut impl Side,
        wanted: usize,
        code: &Code,
        row: &Row,
    ) -> Result<usize> {
        simd::with(tools.avx2, |avx2| {
            self.symbol(tools, avx2, side, wanted, code, row)
        })
    }

    #[inline(always)]
    #[allow(clippy::too_many_lines)] // decisions, one after the other, the same way in both directions
    fn symbol(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut impl Side,
        wanted: usize,
        code: &Code,
        row: &Row,
    ) -> Result<usize> {
        const CORRUPT: Error = Error::Corrupt {
            what: "path of a value",
        };
        let tables = &tools.tables;
        let (goal, length) = code.path(wanted);
        let mut slots = [0; EXPECTED];
        let mut guesses = [(0, 0, 0); EXPECTED];
        for (k, guess) in guesses.iter_mut().enumerate() {
            slots[k] = slot(row.keys[k], self.latest[k].len());
            let latest = self.latest[k][slots[k]];
            if latest.value > 0 {
                let (path, length) = code.path(latest.value as usize - 1 + code.open);
                *guess = (
                    path,
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
        let neighbours = 1 + usize::from(self.echoed);
        let (mut path, mut depth) = (0_u64, 0_u32);
        // The decision at hand, of the tree or of what is rare.
        let (mut node, mut rarely): (usize, Option<(&Rare, usize)>) = (0, None);
        // The four decisions that lines are looked up for.
        let mut aimed = u32::MAX;
        let symbol = loop {
            // What was not seen is not coded.
            let sides = rarely.map(|(rare, at)| rare.sides(at));
            let is_sure = sides.is_some_and(|sides| sides.contains(&0));
            let bit = if let (true, Some([_, ones])) = (is_sure, sides) {
                u32::from(ones > 0)
            } else {
                let speaks = sides.is_none() && depth < HEARD && self.crowd.speaks();
                let said = if speaks {
                    self.crowd.say(path | 1_u64 << depth, tables)
                } else {
                    Said::default()
                };
                let mut told = [said.sum, said.distance, 0, 0];
                let span = code.tree.span(node);
                if let Some([zeros, ones]) = sides {
                    // Both fit: they add up to four times the rows at most.
                    let p = (u64::from(ones) << 22) / (u64::from(zeros) + u64::from(ones));
                    told[SAID] = tables.stretch22(p as u32) as i16;
                } else if let Some(span) = span {
                    for k in 0..neighbours {
                        told[SAID + k] = self.near[k].look(row.neighbours[k], span, tables);
                    }
                }
                let inside = depth % DEPTH;
                if aimed != depth / DEPTH {
                    aimed = depth / DEPTH;
                    let first = u64::from(depth - inside) << 58 | path >> inside;
                    self.decider.aim(tools, avx2, &hashes, first);
                }
                let at = (path as usize & ((1 << inside) - 1)) | 1 << inside;
                let says = guesses.map(|(guess, length, trust)| Expected {
                    bit: if length > depth && guess >> (length - depth) == path {
                        (guess >> (length - depth - 1) & 1) as u32
                    } else {
                        2
                    },
                    trust,
                });
                let bit = if length > depth {
                    (goal >> (length - depth - 1) & 1) as u32
                } else {
                    0
                };
                let so_far = path | 1_u64 << depth;
                let place = Place {
                    node: at,
                    set: (depth / DEPTH).min(3) as usize * 16 + at,
                    row: so_far as usize & (self.decider.rows() - 1),
                    depth: depth as usize,
                    class: row.class,
                    beside: fold(row.beside, so_far) as usize & (self.decider.rows() - 1),
                    fine: so_far as usize % PATHS,
                    told: match (sides, speaks) {
                        (Some(_), _) => RARELY,
                        (None, true) => (usize::from(said.sum.abs_diff(-2176)) >> 8) + 1,
                        (None, false) => 0,
                    },
                };
                let told = &told[..SAID + neighbours];
                let bit = self
                    .decider
                    .code(tools, avx2, side, bit, place, &says, told);
                if speaks {
                    self.crowd.learn(bit, tables);
                }
                if let (None, Some(_)) = (sides, span) {
                    let target = (bit << 22) as i32 - bit as i32;
                    for near in &mut self.near[..neighbours] {
                        near.learn(target, tables);
                    }
                }
                bit
            };
            path = path << 1 | u64::from(bit);
            depth += 1;
            if let Some((rare, at)) = rarely {
                let at = 2 * at + bit as usize;
                if at >> rare.depth() == 1 {
                    break rare
                        .number((at - (1 << rare.depth())) as u32)
                        .ok_or(CORRUPT)?;
                }
                rarely = Some((rare, at));
            } else {
                match (code.tree.next(node, bit), &code.rare) {
                    (Next::Node(next), _) => node = next,
                    (Next::Number(RARE), Some(rare)) => {
                        if !rare.is_any() {
                            return Err(CORRUPT);
                        }
                        if rare.depth() == 0 {
                            break rare.number(0).ok_or(CORRUPT)?;
                        }
                        rarely = Some((rare, 1));
                    }
                    (Next::Number(number), _) => break number,
                }
            }
        };
        for (k, (_, length, _)) in guesses.into_iter().enumerate() {
            if length > 0 {
                let latest = &mut self.latest[k][slots[k]];
                let right = latest.value as usize + code.open == symbol + 1;
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
            let at = slot(row.keys[k], latest.len());
            latest[at].value = id + 1;
        }
        self.past.learn(row.joint, row.keys[1], id);
    }
}

/// What is known of a row before its cell.
pub struct Row {
    /// Those beside an echo come last.
    hashes: [u64; CONTEXTS + ECHOED],
    keys: [u64; EXPECTED],
    joint: [u64; past::KINDS],
    class: usize,
    beside: u64,
    /// Numbers that are likely near: the one above and the echo.
    neighbours: [Option<u32>; NEIGHBOURS],
}
