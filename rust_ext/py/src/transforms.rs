//! Transforms as Python functions.

use std::borrow::Cow;

use lmcodec_core::transforms::{text, x86};
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
