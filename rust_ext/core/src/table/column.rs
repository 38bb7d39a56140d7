//! Codes the cells of one column, row by row.

use super::cells::Column;
use super::decider::{Decider, Expected, Place, Sizes, DEPTH};
use super::meter::Meter;
use super::number::Number;
use super::numbers::Numbers;
use super::plan::Plan;
use super::symbols::{base, Looking, Symbol, Symbols};
use super::text::{Around, Text};
use super::tools::Tools;
use super::tree::{self, Tree};
use crate::cm::content::hashing::fold;
use crate::coder::binary::Side;
use crate::{interrupt, Error, Result};
use std::collections::HashMap;

const WHAT: &str = "cells of a table";
/// Contexts of a cell.
const CONTEXTS: usize = 18;
/// Values that are expected.
const EXPECTED: usize = 3;
/// Parents whose values are made use of.
pub const MAX_PARENTS: usize = 4;
/// Terms that are taken off numbers.
pub const MAX_TERMS: usize = 4;

/// What is known to both sides.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub tools: &'a Tools,
    pub level: u32,
    pub terminator: u8,
    pub rows: usize,
}

/// The value that came last under a key, and how often it was right there.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    /// Number of the value, plus one.
    value: u32,
    run: u8,
}

/// Codes the number of the value in each row.
struct Ids {
    decider: Decider,
    latest: [Vec<Latest>; EXPECTED],
    trust: [usize; EXPECTED],
}

impl Ids {
    fn new(rows: usize, tools: &Tools) -> Result<Self> {
        let log2_lines = (rows * CONTEXTS / 4)
            .next_power_of_two()
            .ilog2()
            .clamp(7, 18);
        let sizes = Sizes {
            contexts: CONTEXTS,
            expected: EXPECTED,
            log2_lines,
            places: 64,
            rows: 1 << 12,
        };
        let slots = (2 * rows).next_power_of_two().clamp(2, 1 << 18);
        Ok(Self {
            decider: Decider::new(sizes, tools)?,
            latest: std::array::from_fn(|_| vec![Latest::default(); slots]),
            trust: [0; EXPECTED],
        })
    }

    /// Codes a symbol of the tree.
    fn code(
        &mut self,
        tools: &Tools,
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
        let (mut path, mut depth) = (0_u32, 0_u32);
        let symbol = loop {
            if depth.is_multiple_of(DEPTH) {
                self.decider
                    .aim(&row.hashes, u64::from(depth) << 32 | u64::from(path));
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
                place: (depth / DEPTH).min(3) as usize * 16 + node,
                row: (path | 1 << depth.min(31)) as usize & (self.decider.rows() - 1),
                depth: depth as usize,
            };
            let bit = self.decider.code(tools, side, bit, place, &says);
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

    fn learn(&mut self, row: &Row, id: u32) {
        for (k, latest) in self.latest.iter_mut().enumerate() {
            let mask = latest.len() - 1;
            latest[(fold(row.keys[k], 77) >> 40) as usize & mask].value = id + 1;
        }
    }
}

/// What is known of a row before its cell.
struct Row {
    hashes: [u64; CONTEXTS],
    keys: [u64; EXPECTED],
}

impl Row {
    fn new(at: usize, ids: &[u32], parents: &[&[u32]], last: u64) -> Self {
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
            ],
            keys: [h(20, &[a, b, c]), h(21, &[a]), h(22, &[x1, a, a1])],
        }
    }
}

/// What a column is coded beside.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// Values of parents, row by row.
    pub parents: &'a [&'a [u32]],
    pub terms: &'a [Looking<'a>],
    /// Cells that were coded before.
    pub before: usize,
}

/// Codes lengths of paths; returns those that were coded.
fn code_lengths(
    tools: &Tools,
    side: &mut impl Side,
    numbers: &mut Numbers,
    lengths: &[u8],
) -> Result<Vec<u8>> {
    let count = numbers.code(tools, side, lengths.len() as u32, 0) as usize;
    let mut taken = Vec::new();
    let mut before = 0;
    for at in 0..count {
        side.goes_on(WHAT)?;
        let length = numbers.code(
            tools,
            side,
            lengths.get(at).map_or(0, |&n| n.into()),
            1 + before,
        );
        if length > tree::MAX_LENGTH {
            return Err(Error::Corrupt {
                what: "length of a path",
            });
        }
        before = length as usize;
        taken.push(length as u8);
    }
    Ok(taken)
}

/// Codes what is new.
struct Literals {
    text: Option<Text>,
    number: Option<Number>,
    flags: Numbers,
    kind: usize,
}

impl Literals {
    #[allow(clippy::too_many_arguments)]
    fn code<S: Side>(
        &mut self,
        setting: Setting<'_>,
        side: &mut S,
        numeric: bool,
        wanted: Option<&Symbol>,
        parents: [u64; 3],
        above: &[u8],
        log2: u32,
    ) -> Result<Symbol> {
        let tools = setting.tools;
        let mut is_text = !numeric;
        if numeric {
            let flag = u32::from(matches!(wanted, Some(Symbol::Text(_))));
            is_text = self.flags.code(tools, side, flag, self.kind) != 0;
            self.kind = usize::from(is_text);
        }
        if is_text {
            if self.text.is_none() {
                self.text = Some(Text::new(
                    1 << if numeric { 10 } else { log2 },
                    setting.terminator,
                    setting.level,
                    tools,
                )?);
            }
            let mut cell = Vec::new();
            let value = match wanted {
                Some(Symbol::Text(value)) => &value[..],
                _ => &[],
            };
            let around = Around {
                parents: [parents[0], parents[1]],
                above,
                given: [None; 2],
            };
            if let Some(text) = &mut self.text {
                text.code(tools, side, value, around, &mut cell)?;
            }
            return Ok(Symbol::Text(cell));
        }
        if self.number.is_none() {
            self.number = Some(Number::new(1 << log2, tools)?);
        }
        let value = match wanted {
            Some(&Symbol::Number(number)) => number,
            _ => 0,
        };
        let number = self
            .number
            .as_mut()
            .map_or(0, |number| number.code(tools, side, value, parents));
        Ok(Symbol::Number(number))
    }
}

/// Codes a column, of which all cells are known when encoding, and none when decoding.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload, [`Error::Limit`], [`Error::Interrupted`].
pub fn code<S: Side + Meter>(
    setting: Setting<'_>,
    plan: &Plan,
    beside: Beside<'_>,
    side: &mut S,
    column: &mut Column,
    decoding: bool,
) -> Result<()> {
    let Setting { tools, rows, .. } = setting;
    let Beside {
        parents,
        terms,
        before,
    } = beside;
    let corrupt = |what| Error::Corrupt { what };
    let (open, numeric) = (usize::from(plan.open), plan.numeric);
    if open == 0 && !numeric && column.values.len() == 1 {
        column.ids = vec![0; rows];
        return Ok(());
    }
    let format = plan.format.as_ref();
    let mut symbols = match format {
        Some(format) if numeric && !decoding => Symbols::new(column, format, terms),
        _ => Symbols::default(),
    };
    let counts = if numeric {
        symbols.counts()
    } else {
        column.counts()
    };
    let mut numbers = Numbers::new();
    let lengths = if decoding {
        Vec::new()
    } else {
        tree::lengths(&plan.weights(&counts))
    };
    side.tell(true);
    let lengths = code_lengths(tools, side, &mut numbers, &lengths)?;
    let tree = Tree::new(&lengths).ok_or(corrupt("lengths of paths"))?;
    let count = lengths.len();
    let new = if numeric {
        symbols.kinds.len()
    } else {
        column.values.iter().map(|value| value.len() + 1).sum()
    };
    let log2 = numbers
        .code(tools, side, new.max(1).next_power_of_two().ilog2(), 40)
        .min(30);
    let mut literals = Literals {
        text: None,
        number: None,
        flags: Numbers::new(),
        kind: 0,
    };
    let mut told: Vec<Symbol> = Vec::new();
    if open == 0 && numeric {
        for at in 0..count {
            side.goes_on(WHAT)?;
            side.tell(true);
            told.push(literals.code(
                setting,
                side,
                true,
                symbols.kinds.get(at),
                [0; 3],
                &[],
                log2.min(10),
            )?);
        }
    }
    if tree.is_empty() && open == 0 && count != 1
        || open == 0 && !numeric && count != column.values.len()
    {
        return Err(corrupt("number of values of a column"));
    }
    let mut ids = Ids::new(rows, tools)?;
    // What was coded: symbols, values and numbers, row by row.
    let (mut known, mut found, mut own): (Vec<u32>, Vec<u32>, Vec<i64>) = Default::default();
    let mut interned: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut seen = 0;
    let mut lasts = vec![0_u32; 1 << 12];
    side.tell(false);
    for at in 0..rows {
        interrupt::check(before + at)?;
        side.goes_on(WHAT)?;
        if at == rows / 2 {
            side.half();
            side.tell(false);
        }
        let slot = parents
            .first()
            .map_or(0, |ids| fold(9, ids[at].into()) >> 52) as usize;
        let row = Row::new(at, &known, parents, u64::from(lasts[slot]));
        let wanted = match (decoding, numeric) {
            (true, _) => 0,
            (false, true) => symbols.rows[at] as usize,
            (false, false) => column.ids[at] as usize,
        };
        let is_new = open == 1 && wanted == seen;
        let symbol = if tree.is_empty() {
            0
        } else {
            ids.code(
                tools,
                side,
                if is_new { 0 } else { wanted + open },
                &tree,
                open,
                &row,
            )?
        };
        let number = if open == 1 && symbol == 0 {
            let wanted = match (decoding, numeric) {
                (true, _) => None,
                (false, true) => Some(std::mem::replace(
                    &mut symbols.kinds[seen],
                    Symbol::Number(0),
                )),
                (false, false) => Some(Symbol::Text(column.values.get(seen).to_vec())),
            };
            let of = |k: usize| parents.get(k).map_or(0, |ids| u64::from(ids[at]) + 1);
            let above = match known.last() {
                Some(&id) if !numeric => column.values.get(id as usize),
                _ => &[],
            };
            let parents = [of(0), of(1), of(2)];
            side.tell(true);
            let symbol = literals.code(
                setting,
                side,
                numeric,
                wanted.as_ref(),
                parents,
                above,
                log2,
            )?;
            side.tell(false);
            if numeric {
                told.push(symbol);
            } else if let (true, Symbol::Text(cell)) = (decoding, symbol) {
                column.values.push(&cell);
            }
            seen += 1;
            seen - 1
        } else {
            symbol - open
        };
        if open == 1 && number >= seen {
            return Err(corrupt("value of a column"));
        }
        if let (true, Some(format)) = (numeric, format) {
            let (cell, value) = match &told[number] {
                Symbol::Number(more) => {
                    let value = more.wrapping_add(base(terms, at, &own));
                    let mut cell = Vec::new();
                    if decoding {
                        format.put(value, &mut cell);
                    }
                    (cell, value)
                }
                Symbol::Text(cell) => (cell.clone(), own.last().copied().unwrap_or(0)),
            };
            own.push(value);
            if decoding {
                let next = column.values.len() as u32;
                let id = *interned.entry(cell).or_insert_with_key(|cell| {
                    column.values.push(cell);
                    next
                });
                found.push(id);
            }
        }
        ids.learn(&row, number as u32);
        lasts[slot] = number as u32 + 1;
        known.push(number as u32);
    }
    if decoding {
        column.ids = if numeric { found } else { known };
    }
    Ok(())
}
