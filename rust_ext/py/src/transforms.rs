//! Transforms as Python functions.

use std::borrow::Cow;

use lmcodec_core::transforms::{table, text, x86};
use pyo3::prelude::*;

use crate::errors::to_python;

/// Streams as bytes: code, calls, jumps, data.
type Parts<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>, Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Streams as bytes: text, ends of lines.
type TextParts<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Whether a block is machine code, and whether its references to data are relative.
#[pyfunction]
pub fn x86_survey(py: Python<'_>, raw: &[u8]) -> (bool, bool) {
    let survey = py.detach(|| x86::survey(raw));
    (survey.is_code, survey.data)
}

/// Splits a block of machine code.
#[pyfunction]
pub fn x86_forward<'a>(py: Python<'_>, raw: &[u8], data: bool) -> PyResult<Parts<'a>> {
    let streams = py
        .detach(|| x86::forward(raw, data))
        .map_err(|error| to_python(py, &error))?;
    Ok((
        Cow::Owned(streams.code),
        Cow::Owned(streams.calls),
        Cow::Owned(streams.jumps),
        Cow::Owned(streams.data),
    ))
}

/// Joins the streams of a block of machine code; `data` is None where references to data were left.
#[pyfunction]
pub fn x86_inverse<'a>(
    py: Python<'_>,
    code: &[u8],
    calls: &[u8],
    jumps: &[u8],
    data: Option<&[u8]>,
) -> PyResult<Cow<'a, [u8]>> {
    let streams = x86::Streams {
        code: code.to_vec(),
        calls: calls.to_vec(),
        jumps: jumps.to_vec(),
        data: data.unwrap_or_default().to_vec(),
    };
    py.detach(|| x86::inverse(&streams, data.is_some()))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Whether a block is text, and whether it may have been broken into lines of some width.
#[pyfunction]
pub fn text_survey(py: Python<'_>, raw: &[u8]) -> (bool, bool) {
    let survey = py.detach(|| text::survey(raw));
    (survey.is_text, survey.has_lines)
}

/// Rewrites a text: the text itself, then its ends of lines.
#[pyfunction]
pub fn text_forward<'a>(
    py: Python<'_>,
    raw: &[u8],
    lines: bool,
    capitals: bool,
    words: bool,
) -> PyResult<TextParts<'a>> {
    let parts = text::Parts {
        lines,
        capitals,
        words,
    };
    let streams = py
        .detach(|| text::forward(raw, parts))
        .map_err(|error| to_python(py, &error))?;
    Ok((Cow::Owned(streams.text), Cow::Owned(streams.lines)))
}

/// Undoes the rewriting of a text; `lines` is None where its ends of lines were left.
#[pyfunction]
pub fn text_inverse<'a>(
    py: Python<'_>,
    text: &[u8],
    lines: Option<&[u8]>,
    capitals: bool,
    words: bool,
) -> PyResult<Cow<'a, [u8]>> {
    let parts = text::Parts {
        lines: lines.is_some(),
        capitals,
        words,
    };
    py.detach(|| text::inverse(text, lines.unwrap_or_default(), parts))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Columns, separator, whether cells may be quoted, whether lines end in a carriage return and a line feed.
type Dialect = (usize, Vec<u8>, bool, bool);

/// Rows, bytes before the first, terminator, whether the last line has no end.
type Layout = (usize, usize, u8, bool);

/// Streams as bytes: cells, other lines, places of these.
type TableParts<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>, Cow<'a, [u8]>);

fn dialect((columns, separator, quoted, returns): Dialect) -> table::Dialect {
    table::Dialect {
        columns,
        separator,
        quoted,
        returns,
    }
}

fn layout((rows, head, terminator, open): Layout) -> table::Layout {
    table::Layout {
        rows,
        head,
        terminator,
        open,
    }
}

/// How the lines of a block are written, if it is a table; `first` tells whether content begins with it.
#[pyfunction]
pub fn table_survey<'a>(
    py: Python<'_>,
    raw: &[u8],
    first: bool,
) -> Option<(usize, Cow<'a, [u8]>, bool, bool)> {
    let found = py.detach(|| table::survey(raw, first))?;
    Some((
        found.columns,
        Cow::Owned(found.separator),
        found.quoted,
        found.returns,
    ))
}

/// Where the rows of a block are.
#[pyfunction]
pub fn table_measure(
    py: Python<'_>,
    raw: &[u8],
    written: Dialect,
    first: bool,
) -> PyResult<Layout> {
    let written = dialect(written);
    let found = py
        .detach(|| table::measure(raw, &written, first))
        .map_err(|error| to_python(py, &error))?;
    Ok((found.rows, found.head, found.terminator, found.open))
}

/// Splits a block that is a table.
#[pyfunction]
pub fn table_split<'a>(
    py: Python<'_>,
    raw: &[u8],
    written: Dialect,
    laid: Layout,
) -> PyResult<TableParts<'a>> {
    let (written, laid) = (dialect(written), layout(laid));
    let streams = py
        .detach(|| table::split(raw, &written, &laid))
        .map_err(|error| to_python(py, &error))?;
    Ok((
        Cow::Owned(streams.cells),
        Cow::Owned(streams.rest),
        Cow::Owned(streams.places),
    ))
}

/// Joins the streams of a block that is a table.
#[pyfunction]
pub fn table_join<'a>(
    py: Python<'_>,
    cells: &[u8],
    rest: &[u8],
    places: &[u8],
    written: Dialect,
    laid: Layout,
) -> PyResult<Cow<'a, [u8]>> {
    let streams = table::Streams {
        cells: cells.to_vec(),
        rest: rest.to_vec(),
        places: places.to_vec(),
    };
    let (written, laid) = (dialect(written), layout(laid));
    py.detach(|| table::join(&streams, &written, &laid))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Where each column ends in a stream of cells.
#[pyfunction]
pub fn table_column_ends(
    py: Python<'_>,
    cells: &[u8],
    terminator: u8,
    columns: usize,
) -> PyResult<Vec<usize>> {
    py.detach(|| table::column_ends(cells, terminator, columns))
        .map_err(|error| to_python(py, &error))
}

/// The cells of some rows of a stream of cells.
#[allow(clippy::needless_pass_by_value)] // Python hands over a list
#[pyfunction]
pub fn table_select_rows<'a>(
    py: Python<'_>,
    cells: &[u8],
    terminator: u8,
    columns: usize,
    spans: Vec<(usize, usize)>,
) -> PyResult<Cow<'a, [u8]>> {
    py.detach(|| table::select_rows(cells, terminator, columns, &spans))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}
