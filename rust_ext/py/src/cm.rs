//! The model `cm` as Python functions.

use std::borrow::Cow;

use lmcodec_core::cm::{self, Kind, Knowledge, Params};
use lmcodec_core::samples::mixed::Beside;
use lmcodec_core::Error;
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::network::Network;
use crate::prior::Prior;
use crate::threads;

/// Level, kind, lengths of record and row, lanes, and whether tables are roomy.
pub type Fields = (u32, u32, u32, u32, u32, bool);

/// Parameters, checked.
pub fn params(py: Python<'_>, fields: Fields) -> PyResult<Params> {
    let (level, kind, record, row, lanes, roomy) = fields;
    let kind = Kind::from_code(kind).ok_or(Error::Parameter { what: "kind of cm" });
    kind.and_then(|kind| {
        let params = Params {
            level,
            kind,
            record,
            row,
            lanes,
            roomy,
        };
        params.check().map(|()| params)
    })
    .map_err(|error| to_python(py, &error))
}

/// Contexts of pixels at level 9 that stand beside a model of pictures, and the pictures of a prior.
pub fn beside<'p>(
    py: Python<'_>,
    (kind, record, row): (u32, u32, u32),
    prior: Option<&'p Bound<'_, Prior>>,
) -> PyResult<Beside<'p>> {
    let params = params(py, (9, kind, record, row, 1, true))?;
    let ahead = prior.and_then(|prior| prior.get().0.pictures(&params));
    Ok(Beside {
        params,
        ahead: ahead.unwrap_or_default(),
    })
}

/// Kind of content, record length and distance of like records that suit `symbols` at a level.
#[pyfunction]
pub fn cm_probe(py: Python<'_>, symbols: &[u8], level: u32) -> (u32, u32, u32) {
    let params = py.detach(|| Params::probe(symbols, level));
    (params.kind.code(), params.record, params.row)
}

/// Memory in bytes that coding `count` symbols takes, with a prior after so many bytes of its text.
#[pyfunction]
#[pyo3(signature = (count, params, text = None))]
pub fn cm_memory_bytes(
    py: Python<'_>,
    count: u64,
    params: Fields,
    text: Option<usize>,
) -> PyResult<u64> {
    let params = self::params(py, params)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let count = count.min(cm::MAX_COUNT);
    Ok(match text {
        None => cm::memory_bytes(count, &params),
        Some(text) => cm::memory_bytes_after(text, count, &params),
    })
}

/// Encodes `symbols` to a payload.
#[pyfunction]
#[pyo3(signature = (symbols, params, prior = None, network = None))]
pub fn cm_encode<'a>(
    py: Python<'_>,
    symbols: &[u8],
    params: Fields,
    prior: Option<&Bound<'_, Prior>>,
    network: Option<&Bound<'_, Network>>,
) -> PyResult<Cow<'a, [u8]>> {
    let params = self::params(py, params)?;
    let known = knowledge(prior, network);
    py.detach(|| cm::encode(symbols, &params, known))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes `count` symbols from a payload.
#[pyfunction]
#[pyo3(signature = (payload, count, params, prior = None, network = None))]
pub fn cm_decode<'a>(
    py: Python<'_>,
    payload: &[u8],
    count: u64,
    params: Fields,
    prior: Option<&Bound<'_, Prior>>,
    network: Option<&Bound<'_, Network>>,
) -> PyResult<Cow<'a, [u8]>> {
    let params = self::params(py, params)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let known = knowledge(prior, network);
    py.detach(|| cm::decode(payload, count, &params, known))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Encodes a message, whose payload tells where it ends.
#[pyfunction]
#[pyo3(signature = (symbols, params, prior = None, network = None))]
pub fn cm_encode_message<'a>(
    py: Python<'_>,
    symbols: &[u8],
    params: Fields,
    prior: Option<&Bound<'_, Prior>>,
    network: Option<&Bound<'_, Network>>,
) -> PyResult<Cow<'a, [u8]>> {
    let params = self::params(py, params)?;
    let known = knowledge(prior, network);
    py.detach(|| cm::encode_message(symbols, &params, known))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

/// Decodes a message.
#[pyfunction]
#[pyo3(signature = (payload, params, prior = None, network = None))]
pub fn cm_decode_message<'a>(
    py: Python<'_>,
    payload: &[u8],
    params: Fields,
    prior: Option<&Bound<'_, Prior>>,
    network: Option<&Bound<'_, Network>>,
) -> PyResult<Cow<'a, [u8]>> {
    let params = self::params(py, params)?;
    let known = knowledge(prior, network);
    py.detach(|| cm::decode_message(payload, &params, known))
        .map(Cow::Owned)
        .map_err(|error| to_python(py, &error))
}

fn knowledge<'p>(
    prior: Option<&'p Bound<'_, Prior>>,
    network: Option<&'p Bound<'_, Network>>,
) -> Knowledge<'p> {
    Knowledge {
        prior: prior.map(|prior| &*prior.get().0),
        network: network.map(|network| &network.get().0),
        threads: threads::allowed(),
    }
}
