//! What stands before the columns: plans, and values that are known before the first row.

use super::cells::{Column, Room};
use super::column::{Setting, MAX_PARENTS, MAX_TERMS};
use super::crowd;
use super::format::{Format, Kind, PATTERNS};
use super::number::Number;
use super::plan::{Parent, Plan, Term, View};
use super::text::{Around, Text};
use super::tools::Tools;
use crate::cm::content::hashing::fold;
use crate::coder::binary::Side;
use crate::coder::counts::Numbers;
use crate::{Error, Result};

const WHAT: &str = "columns of a table";
/// Most digits behind the point, and most of a number with zeros in front.
const MAX_SCALE: u32 = 18;
/// Where the contexts of numbers begin, by what they tell.
const FLAGS: usize = 0;
const PARENTS: usize = 8;
const STEPS: usize = 14;
const TERMS: usize = 24;
const FORMATS: usize = 34;
const VALUES: usize = 44;
const NUMBERED: usize = VALUES + 9;
const MORE: usize = NUMBERED + 1;
const CONTEXTS: usize = MORE + 2;
/// About how many numbers are told.
const TOLD: usize = 1 << 12;

/// Codes small numbers and strings.
struct Scribe<'t, 's, S> {
    tools: &'t Tools,
    side: &'s mut S,
    numbers: Numbers,
    text: Text,
    number: Number,
    decoding: bool,
}

impl<S: Side> Scribe<'_, '_, S> {
    fn number(&mut self, number: u32, most: u32, context: usize) -> Result<u32> {
        self.side.goes_on(WHAT)?;
        let number = self.numbers.code(context, number, self.side);
        if number > most {
            return Err(Error::Corrupt {
                what: "number in what is told of columns",
            });
        }
        Ok(number)
    }

    /// Codes a string that is in a cell at least, or a part of one.
    fn string(&mut self, string: &[u8], around: Around<'_>, room: &mut Room) -> Result<Vec<u8>> {
        let around = Around {
            most: room.left(),
            ..around
        };
        let out = self.text.code(self.tools, self.side, string, around)?;
        room.take(out.len())?;
        Ok(out)
    }

    /// Codes another column as its distance from `x`.
    fn column(&mut self, x: usize, y: usize, many: usize, context: usize) -> Result<usize> {
        let wanted = if y < x {
            2 * (x - y - 1)
        } else {
            2 * (y - x) + 1
        };
        let step = self.number(
            if self.decoding { 0 } else { wanted as u32 },
            u32::MAX,
            context,
        )? as usize;
        let y = if step.is_multiple_of(2) {
            x.checked_sub(step / 2 + 1)
        } else {
            Some(x + step / 2)
        };
        y.filter(|&y| y < many && y != x).ok_or(Error::Corrupt {
            what: "column beside a column",
        })
    }

    fn format(&mut self, format: Option<&Format>, room: &mut Room) -> Result<Option<Format>> {
        if self.number(format.is_some().into(), 1, FORMATS)? == 0 {
            return Ok(None);
        }
        let nothing = Format {
            prefix: Vec::new(),
            suffix: Vec::new(),
            kind: Kind::Padded { width: 0 },
        };
        let format = format.unwrap_or(&nothing);
        let prefix = self.string(&format.prefix, Around::default(), room)?;
        let suffix = self.string(&format.suffix, Around::default(), room)?;
        let (kind, first, second) = match format.kind {
            Kind::Decimal { scale, least } => (0, scale, least),
            Kind::Padded { width } => (1, width, 0),
            Kind::Date { pattern } => (2, pattern, 0),
        };
        let kind = match self.number(kind, 2, FORMATS + 1)? {
            0 => {
                let scale = self.number(first.into(), MAX_SCALE, FORMATS + 2)? as u8;
                let least = self.number(second.into(), scale.into(), FORMATS + 3)? as u8;
                Kind::Decimal { scale, least }
            }
            1 => Kind::Padded {
                width: self.number(first.into(), MAX_SCALE, FORMATS + 4)? as u8,
            },
            _ => {
                let pattern = self.number(first.into(), PATTERNS.len() as u32 - 1, FORMATS + 5)?;
                Kind::Date {
                    pattern: pattern as u8,
                }
            }
        };
        Ok(Some(Format {
            prefix,
            suffix,
            kind,
        }))
    }

    fn term(&mut self, term: Term, x: usize, many: usize) -> Result<Term> {
        let kind = match term {
            Term::Above => 0,
            Term::Slope => 1,
            Term::Other { negative, .. } => 2 + u32::from(negative),
            Term::OtherSlope { .. } => 4,
        };
        let column = term.column().unwrap_or(0);
        Ok(match self.number(kind, 4, TERMS + 1)? {
            0 => Term::Above,
            1 => Term::Slope,
            4 => Term::OtherSlope {
                column: self.column(x, column, many, TERMS + 2)?,
            },
            kind => Term::Other {
                column: self.column(x, column, many, TERMS + 2)?,
                negative: kind == 3,
            },
        })
    }

    fn plan(
        &mut self,
        plan: &mut Plan,
        x: usize,
        many: usize,
        before: u32,
        room: &mut Room,
    ) -> Result<()> {
        plan.open = self.number(plan.open.into(), 1, FLAGS)? != 0;
        plan.format = self.format(plan.format.as_ref(), room)?;
        if plan.format.is_some() {
            plan.numeric = self.number(plan.numeric.into(), 1, FLAGS + 1)? != 0;
        }
        if plan.numeric {
            let wanted = std::mem::take(&mut plan.terms);
            let count = self.number(wanted.len() as u32, MAX_TERMS as u32, TERMS)?;
            for k in 0..count as usize {
                let term = self.term(wanted.get(k).copied().unwrap_or(Term::Above), x, many)?;
                plan.terms.push(term);
            }
        }
        let wanted = std::mem::take(&mut plan.parents);
        // One number tells both: as many parents as there can be, and one more, stand for an echo.
        let counts = MAX_PARENTS as u32 + 1;
        let echo = u32::from(plan.echo.is_some());
        let count = self.number(
            wanted.len() as u32 + counts * echo,
            2 * counts - 1,
            PARENTS + before as usize,
        )?;
        let echoed = count >= counts;
        for k in 0..(count % counts) as usize {
            let parent = wanted.get(k).copied().unwrap_or(Parent {
                column: 0,
                view: View::Value,
            });
            let column = self.column(x, parent.column, many, STEPS + k)?;
            let most = View::ALL.len() as u32 - 1;
            let view = self.number(parent.view as u32, most, FLAGS + 2)?;
            let view = View::ALL[view as usize];
            plan.parents.push(Parent { column, view });
        }
        plan.echo = if echoed {
            Some(self.column(x, plan.echo.unwrap_or_default(), many, STEPS + MAX_PARENTS)?)
        } else {
            None
        };
        let wanted = std::mem::take(&mut plan.more);
        let count = self.number(wanted.len() as u32, crowd::MOST as u32, MORE)?;
        for k in 0..count as usize {
            let column = wanted.get(k).copied().unwrap_or_default();
            plan.more.push(self.column(x, column, many, MORE + 1)?);
        }
        Ok(())
    }

    /// Codes the values of a column, in order: first those that are no numbers, then how much each number is more than the one
    /// before. They come from `column` when encoding.
    fn values(
        &mut self,
        column: &mut Column,
        format: Option<&Format>,
        count: usize,
        room: &mut Room,
    ) -> Result<()> {
        let (numbers, order) = column.sorted(format);
        let numbered = if format.is_some() {
            let numbered = numbers.iter().flatten().count();
            self.number(numbered as u32, count as u32, NUMBERED)? as usize
        } else {
            0
        };
        let (mut given, mut cell): (Vec<u8>, Vec<u8>) = Default::default();
        let (mut above, mut number) = (0, 0_i64);
        for k in 0..count {
            let wanted = order.get(k).map_or(0, |&at| at as usize);
            if let (Some(format), true) = (format, k >= count - numbered) {
                self.side.goes_on(WHAT)?;
                let wanted = numbers.get(wanted).copied().flatten().unwrap_or_default();
                let more = wanted.wrapping_sub(number);
                let more = self.number.code(self.tools, self.side, more, [0; 3]);
                number = number.wrapping_add(more);
                if self.decoding {
                    cell.clear();
                    format.put(number, &mut cell);
                    room.take(cell.len())?;
                    column.values.push(&cell);
                }
                continue;
            }
            let around = Around {
                parents: [above, k as u64],
                above: &given,
                ..Around::default()
            };
            let value = if self.decoding {
                Vec::new()
            } else {
                column.values.get(wanted).to_vec()
            };
            let value = self.string(&value, around, room)?;
            if self.decoding {
                column.values.push(&value);
            }
            above = value.iter().fold(1, |hash, &byte| fold(hash, byte.into()));
            given = value;
        }
        Ok(())
    }
}

/// Codes plans and values, for which there is `room` in cells.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload, [`Error::Limit`].
pub fn code<S: Side>(
    setting: Setting<'_>,
    side: &mut S,
    plans: &mut [Plan],
    columns: &mut [Column],
    room: Room,
    decoding: bool,
) -> Result<()> {
    // What is around numbers is in cells, too, and values of columns of numbers are not told.
    let (mut of_formats, mut of_values) = (room, room);
    let many = plans.len();
    let tools = setting.tools;
    let text = Text::new(1 << 14, setting.terminator, setting.level, tools)?;
    let mut scribe = Scribe {
        tools,
        side,
        numbers: Numbers::new(CONTEXTS),
        text,
        number: Number::new(TOLD, false, tools)?,
        decoding,
    };
    let mut before = 0;
    let mut count = 0;
    for (x, plan) in plans.iter_mut().enumerate() {
        scribe.plan(plan, x, many, before, &mut of_formats)?;
        before = plan.parents.len() as u32;
        if plan.open || plan.numeric {
            continue;
        }
        let most = setting.rows.min(1 << 31) as u32;
        let wanted = columns[x].values.len() as u32;
        count = scribe.number(wanted, most, VALUES + (count as usize).min(8))?;
        let format = plan.format.as_ref();
        scribe.values(&mut columns[x], format, count as usize, &mut of_values)?;
    }
    Ok(())
}
