//! Codes the cells of one column, row by row.

use super::cells::{Column, Room};
use super::echo::Echo;
use super::ids::{Code, Ids};
use super::meter::Meter;
use super::number::Number;
use super::past::Joint;
use super::plan::Plan;
use super::rare::{self, Rare};
use super::symbols::{base, Looking, Symbol, Symbols};
use super::text::{Around, Text};
use super::tools::Tools;
use super::tree::{self, Tree};
use crate::coder::binary::Side;
use crate::coder::counts::{Cells, Numbers};
use crate::{interrupt, Error, Result};
use foldhash::{HashMap, HashMapExt};

const WHAT: &str = "cells of a table";
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

/// What a column is coded beside.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// Values of parents, row by row.
    pub parents: &'a [&'a [u32]],
    /// What is heard of columns that are listened to, row by row.
    pub crowd: &'a [&'a [u32]],
    /// Values of the column whose echo is a context.
    pub echo: Option<&'a [u32]>,
    pub terms: &'a [Looking<'a>],
    /// What columns that are known have together.
    pub joint: &'a Joint,
    /// Cells that were coded before.
    pub before: usize,
}

/// Contexts of numbers: how many lengths there are, and what is new.
const COUNT: usize = 0;
const NEW: usize = 1;
/// Lengths of paths, each beside the one before.
const LENGTHS: u32 = tree::MAX_LENGTH + 1;
/// What a length that was seen weighs, where one that was not weighs 1.
const LENGTH_STEP: u64 = 16;

/// Codes lengths of paths, `most` of them; returns those that were coded.
fn code_lengths(
    side: &mut impl Side,
    numbers: &mut Numbers,
    lengths: &[u8],
    most: usize,
) -> Result<Vec<u8>> {
    let count = numbers.code(COUNT, lengths.len() as u32, side) as usize;
    if count > most {
        return Err(Error::Corrupt {
            what: "more values than rows",
        });
    }
    let mut cells = Cells::new(LENGTHS as usize, LENGTHS, LENGTH_STEP);
    let mut taken = Vec::new();
    let mut before = 0;
    for at in 0..count {
        side.goes_on(WHAT)?;
        let length = lengths.get(at).map_or(0, |&n| n.into());
        before = cells.code(before as usize, length, side);
        taken.push(before as u8);
    }
    Ok(taken)
}

/// Codes what is new.
struct Literals {
    text: Option<Text>,
    number: Option<Number>,
    flags: Numbers,
    kind: usize,
    /// Whether each of them is a different one.
    open: bool,
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
        most: usize,
    ) -> Result<Symbol> {
        let tools = setting.tools;
        let mut is_text = !numeric;
        if numeric {
            let flag = u32::from(matches!(wanted, Some(Symbol::Text(_))));
            is_text = self.flags.code(self.kind, flag, side) != 0;
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
            let value = match wanted {
                Some(Symbol::Text(value)) => &value[..],
                _ => &[],
            };
            let around = Around {
                parents: [parents[0], parents[1]],
                above,
                most,
            };
            let text = self.text.as_mut();
            let cell = text.map(|text| text.code(tools, side, value, around));
            return Ok(Symbol::Text(cell.transpose()?.unwrap_or_default()));
        }
        if self.number.is_none() {
            self.number = Some(Number::new(1 << log2, self.open, tools)?);
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

/// Codes columns of a table, one after the other.
pub struct Coder<'a> {
    setting: Setting<'a>,
    decoding: bool,
    room: Room,
    /// What codes the values of a column, and the same before it learnt anything.
    ids: Option<(Ids, Ids)>,
}

impl<'a> Coder<'a> {
    /// Starts with columns of which all cells are known when encoding, and none when decoding; all of them together have
    /// `room` at most.
    pub fn new(setting: Setting<'a>, room: Room, decoding: bool) -> Self {
        Self {
            setting,
            decoding,
            room,
            ids: None,
        }
    }

    /// Codes a column.
    ///
    /// # Errors
    /// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload, [`Error::Limit`], [`Error::Interrupted`].
    #[allow(clippy::too_many_lines)] // rows, one after the other, the same way in both directions
    pub fn code<S: Side + Meter>(
        &mut self,
        plan: &Plan,
        beside: Beside<'_>,
        side: &mut S,
        column: &mut Column,
    ) -> Result<()> {
        let (setting, decoding) = (self.setting, self.decoding);
        let Setting { tools, rows, .. } = setting;
        let Beside {
            parents,
            crowd,
            echo,
            terms,
            joint,
            before,
        } = beside;
        let corrupt = |what| Error::Corrupt { what };
        let (open, numeric) = (if plan.open { rare::FIRST } else { 0 }, plan.numeric);
        if plan.is_constant(column) {
            if decoding {
                let bytes = rows.saturating_mul(column.values.get(0).len());
                self.room.take(bytes)?;
            }
            column.ids = vec![0; rows];
            return Ok(());
        }
        let format = plan.format.as_ref();
        let mut symbols = match format {
            Some(format) if numeric && !decoding => Symbols::new(column, format, terms),
            _ => Symbols::default(),
        };
        if numeric && open == 0 {
            symbols.sort();
        }
        // What is coded of each value that is known before the rows, and how often it comes.
        let mut places: Vec<u32> = Vec::new();
        let counts = if numeric {
            symbols.counts()
        } else if open == 0 && !decoding {
            let (counts, (_, order)) = (column.counts(), column.sorted(format));
            places = vec![0; order.len()];
            for (place, &at) in order.iter().enumerate() {
                places[at as usize] = place as u32;
            }
            order.iter().map(|&at| counts[at as usize]).collect()
        } else {
            column.counts()
        };
        let mut numbers = Numbers::new(NEW + 1);
        let lengths = if decoding {
            Vec::new()
        } else {
            plan.lengths(&counts)
        };
        side.tell(true);
        let lengths = code_lengths(side, &mut numbers, &lengths, rows + open)?;
        let tree = Tree::new(&lengths, plan.is_ordered()).ok_or(corrupt("lengths of paths"))?;
        let rare = if open > 0 { Rare::new(&lengths) } else { None };
        let mut code = Code { tree, rare, open };
        let count = lengths.len();
        let new = if numeric {
            symbols.kinds.len()
        } else {
            column.values.iter().map(|value| value.len() + 1).sum()
        };
        let log2 = numbers
            .code(NEW, new.max(1).next_power_of_two().ilog2(), side)
            .min(30);
        // Each new value is in a row, and has its bytes there: more room than for that is not made.
        let most = self.room.left().saturating_add(rows).max(1);
        let most = most
            .checked_next_power_of_two()
            .map_or(usize::BITS, usize::ilog2);
        if log2 > most {
            return Err(corrupt("amount of what is new in a column"));
        }
        let mut literals = Literals {
            text: None,
            number: None,
            flags: Numbers::new(if numeric { 2 } else { 0 }),
            kind: 0,
            open: open > 0,
        };
        let mut told: Vec<Symbol> = Vec::new();
        if open == 0 && numeric {
            // Each of them is in a row at least. Of numbers it is told how much they are more than the one before.
            let mut room = self.room;
            let mut number = 0_i64;
            for at in 0..count {
                side.goes_on(WHAT)?;
                side.tell(true);
                let wanted = symbols.kinds.get(at).map(|symbol| match symbol {
                    Symbol::Number(next) => Symbol::Number(next.wrapping_sub(number)),
                    text @ Symbol::Text(_) => text.clone(),
                });
                let mut symbol = literals.code(
                    setting,
                    side,
                    true,
                    wanted.as_ref(),
                    [0; 3],
                    &[],
                    log2.min(10),
                    room.left(),
                )?;
                match &mut symbol {
                    Symbol::Text(cell) => room.take(cell.len())?,
                    Symbol::Number(next) => {
                        number = number.wrapping_add(*next);
                        *next = number;
                    }
                }
                told.push(symbol);
            }
        }
        if code.tree.is_empty() && open == 0 && count != 1
            || open == 0 && !numeric && count != column.values.len()
        {
            return Err(corrupt("number of values of a column"));
        }
        let ids = || Ids::new(rows, setting.level, echo.is_some(), tools);
        let ids = match &mut self.ids {
            Some((ids, fresh)) if ids.is_echoed() == echo.is_some() => {
                ids.restart(fresh);
                ids
            }
            other => &mut other.insert((ids()?, ids()?)).0,
        };
        // What was coded: symbols, values and numbers, row by row.
        let (mut known, mut found, mut own): (Vec<u32>, Vec<u32>, Vec<i64>) = Default::default();
        let mut interned: HashMap<Vec<u8>, u32> = HashMap::new();
        let mut seen = 0;
        let mut echo = echo.map(Echo::new);
        side.tell(false);
        for at in 0..rows {
            interrupt::check(before + at)?;
            side.row(at);
            side.goes_on(WHAT)?;
            if at == rows / 2 {
                side.half();
                side.tell(false);
            }
            let echoed = echo.as_ref().map_or(0, |echo| echo.at(at));
            let row = ids.row(at, &known, parents, joint.row(at), echoed);
            let wanted = match (decoding, numeric) {
                (true, _) => 0,
                (false, true) => symbols.rows[at] as usize,
                (false, false) if open == 0 => places[column.ids[at] as usize] as usize,
                (false, false) => column.ids[at] as usize,
            };
            let is_new = open > 0 && wanted == seen;
            let symbol = if code.tree.is_empty() {
                rare::NEW
            } else {
                ids.listen(crowd.iter().map(|values| values[at]));
                let number = if is_new { rare::NEW } else { wanted + open };
                ids.code(tools, side, number, &code, &row)?
            };
            let is_new = open > 0 && symbol == rare::NEW;
            let number = if is_new {
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
                    self.room.left(),
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
                // The path of rare values leads to none where there are none.
                symbol
                    .checked_sub(open)
                    .ok_or(corrupt("value of a column"))?
            };
            if open > 0 && number >= seen {
                return Err(corrupt("value of a column"));
            }
            code.saw(number, is_new);
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
                    self.room.take(cell.len())?;
                    let next = column.values.len() as u32;
                    let id = *interned.entry(cell).or_insert_with_key(|cell| {
                        column.values.push(cell);
                        next
                    });
                    found.push(id);
                }
            }
            if decoding && !numeric {
                self.room.take(column.values.get(number).len())?;
            }
            ids.learn(&row, number as u32);
            if let Some(echo) = &mut echo {
                echo.learn(at, number as u32);
            }
            known.push(number as u32);
        }
        if decoding {
            column.ids = if numeric { found } else { known };
            if open == 0 && !numeric {
                column.settle();
            }
        }
        Ok(())
    }
}
