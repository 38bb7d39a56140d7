//! Tokens as windows: integers that have as many bits of information, each.
//!
//! All tokens are one chunk, for windows follow one another.

use super::codec::{intervals, weigh, Settings};
use super::lanes::in_lanes;
use super::model::Model;
use super::watch::Listener;
use crate::coder::quantize::Quantizer;
use crate::coder::windows::{Coded, Decoder, Encoder, Next};
use crate::coder::MAX_PRECISION;
use crate::{Error, Result};

fn one_chunk(settings: &Settings, tokens: usize) -> Settings {
    Settings {
        chunk: tokens.max(1),
        lanes: 1,
        ..*settings
    }
}

fn alphabet(model: &Model) -> u32 {
    u32::try_from(model.config.vocabulary).unwrap_or(u32::MAX)
}

/// Encodes tokens into windows of `bits`; chunks and lanes of the settings have no influence.
///
/// # Errors
/// Those of [`super::codec::encode`] and [`Encoder::new`].
pub fn encode(
    model: &Model,
    tokens: &[u32],
    bits: u32,
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Coded> {
    let settings = one_chunk(settings, tokens.len());
    settings.check(model, tokens)?;
    let mut encoder = Encoder::new(bits, alphabet(model), MAX_PRECISION)?;
    let intervals = intervals(model, tokens, &settings, listener)?;
    for (&token, interval) in tokens.iter().zip(intervals) {
        encoder.push(token, &[interval])?;
    }
    Ok(encoder.finish())
}

/// Decodes windows to tokens.
///
/// # Errors
/// Those of [`super::codec::decode`] and [`Decoder::new`].
pub fn decode(
    model: &Model,
    values: &[u32],
    counts: &[u16],
    bits: u32,
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u32>> {
    let mut decoder = Decoder::new(values, counts, bits, alphabet(model))?;
    let count = decoder.symbols();
    let settings = one_chunk(settings, count);
    settings.check(model, &[])?;
    let by = settings.by;
    let mut quantizer = Quantizer::new(MAX_PRECISION)?;
    let find = |_: usize, row: &[f32]| match decoder.begin() {
        Some(Next::Raw(token)) => Ok(token),
        Some(Next::Coded) => {
            let (token, interval) = quantizer.find(row, decoder.slot(MAX_PRECISION))?;
            decoder.narrow(interval, MAX_PRECISION)?;
            Ok(token)
        }
        None => Err(Error::Truncated {
            what: "windows of tokens",
        }),
    };
    let weigh = move |row: &mut Vec<f32>| weigh(by, row);
    in_lanes(model, count, &settings, listener, weigh, find)
}
