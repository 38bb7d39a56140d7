//! The transform `table`: the cells of delimiter-separated text, column after column.
//!
//! Lines with as many cells as the table has columns are rows. Their cells are written column by column, each with
//! a byte behind it that is in none of them; what is between cells follows from the dialect. All other lines, such as
//! headers, comments and ragged rows, are kept as they are, with their places.
//!
//! ```
//! use lmcodec_core::transforms::table::{measure, split, join, survey};
//!
//! let text = b"name,age\nAda,36\nGrace,85\nAlan,41\n";
//! let dialect = survey(text, true).unwrap();
//! let layout = measure(text, &dialect, true)?;
//! let streams = split(text, &dialect, &layout)?;
//! assert_eq!(streams.cells, b"Ada\nGrace\nAlan\n36\n85\n41\n");
//! assert_eq!(streams.rest, b"name,age\n");
//! assert_eq!(join(&streams, &dialect, &layout)?, text);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```
//!
//! `docs/transforms/table.md` is the specification.

mod columns;
mod header;
mod join;
mod lines;
mod split;
mod survey;
#[cfg(test)]
mod tests;

pub use columns::{column_ends, select_rows};
pub use join::join;
pub use split::{measure, split};
pub use survey::survey;

use crate::{Error, Result};

/// Bytes between cells, at most.
const MOST_APART: usize = 4;

/// How the lines of a table are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Cells of a row, at least one.
    pub columns: usize,
    /// The bytes between cells, at least one, none of them an end of line.
    pub separator: Vec<u8>,
    /// Whether separators and ends of lines between double quotes belong to the cell.
    pub quoted: bool,
    /// Whether lines end in `\r\n`, and not in `\n`.
    pub returns: bool,
}

/// Where the rows of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Lines that are rows.
    pub rows: usize,
    /// Bytes before the first row.
    pub head: usize,
    /// What is written behind each cell.
    pub terminator: u8,
    /// Whether the last line has no end.
    pub open: bool,
}

/// What a block becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streams {
    /// The cells of the first column, then those of the second, and so on; behind each the terminator.
    pub cells: Vec<u8>,
    /// The lines that are no rows, with their ends.
    pub rest: Vec<u8>,
    /// Two numbers for each run of such lines but the one at the beginning: the rows since the run before, and
    /// its bytes.
    pub places: Vec<u8>,
}

impl Dialect {
    /// Checks what makes it one.
    fn check(&self) -> Result<()> {
        let apart = &self.separator;
        let begins = matches!(apart.first(), None | Some(b'\n' | b'"'));
        if self.columns == 0
            || begins
            || apart.len() > MOST_APART
            || apart.iter().any(|byte| b"\r\n".contains(byte))
        {
            return Err(Error::Parameter {
                what: "dialect of a table",
            });
        }
        Ok(())
    }

    /// The bytes behind the last cell of a row.
    fn end(&self) -> &'static [u8] {
        if self.returns {
            b"\r\n"
        } else {
            b"\n"
        }
    }
}
