//! The strongest context-mixing predictor: level 9, and level 8 for bilevel images.
//!
//! Every bit is predicted by some dozens of hashed contexts ([`contextmap`]), match models ([`matchmodel`]) and, for
//! bilevel images, pixel templates ([`image`]); a two-layer gated mixer ([`mixer`]) combines them, adaptive
//! probability maps ([`apm`]) correct the result. Which contexts are made depends on the kind of data: [`text`](super::content::text)
//! or [`binary`](super::content::binary); the encoder finds it by a probe and stores it. Integer arithmetic only.
//!
//! Source of the structure: PAQ (Mahoney 2002-2013) and its successors; formulas, tables, contexts and code are
//! this project's own.

// Fixed-point arithmetic: the ranges are in the comments, and most casts cannot lose anything in them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]

mod ahead;
pub(crate) mod apm;
mod company;
mod contextmap;
mod direct;
mod helper;
mod image;
mod lane;
pub(crate) mod last;
mod learnt;
mod matchmodel;
pub(crate) mod mixer;
mod neural;
mod parts;
pub(crate) mod plan;
mod predictor;
mod primed;
pub(crate) mod simd;
mod spare;
pub(crate) mod states;
#[cfg(test)]
mod tests;

pub use learnt::Learnt;
pub use neural::{Follower, Neural, Part};
#[cfg(test)]
pub use parts::Parts;
pub use plan::{Layout, Plan};
pub use predictor::Strong;

use super::{Knowledge, Params};
use crate::bitmodel::{self, decode_bytes, encode_bytes, BitModel, MESSAGE};
use crate::{interrupt, machine, Result};
use company::Company;
use std::thread;

/// Symbols of a message for each byte of its payload, about.
const TYPICAL: usize = 4;

/// Memory in bytes that coding `count` symbols takes, besides the symbols and the payload.
#[must_use]
pub fn memory_bytes(count: usize, params: &Params) -> u64 {
    // Weights and maps, of which text beside a network has most; the heads of three match models; the template cells of
    // images.
    let size = plan::log2_size(count);
    let mixed = match params.kind {
        super::Kind::Text => 34_u64 << 20,
        _ => 24 << 20,
    };
    let fixed = mixed + (12 << plan::log2_heads(size));
    let image = match params.kind {
        super::Kind::Bilevel => (image::TEMPLATES.len() as u64 * 5) << image::log2_cells(size),
        _ => 0,
    };
    let direct = direct::memory_bytes(Plan::new(params.kind, None).direct.len(), size);
    // Of each lane, what is known of its text, and a copy of all symbols in another order.
    let lanes = match params.lanes {
        1 => 0,
        lanes => (u64::from(lanes) << 21) + count as u64,
    };
    (1 << plan::log2_table(count, params.kind)) + count as u64 + fixed + image + direct + lanes
}

/// Encodes `symbols`; the parameters are in their ranges.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory.
pub fn encode(symbols: &[u8], params: &Params, known: Knowledge<'_>) -> Result<Vec<u8>> {
    let lanes = params.lanes as usize;
    let coded = lane::interleave(symbols, lanes);
    let count = symbols.len();
    run(params, [count; 2], known, Some(&coded), |model| {
        encode_bytes(model, &coded)
    })
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory; others for a payload that [`encode`] did not write.
pub fn decode(
    payload: &[u8],
    count: usize,
    params: &Params,
    known: Knowledge<'_>,
) -> Result<Vec<u8>> {
    let coded = run(params, [count; 2], known, None, |model| {
        decode_bytes(model, payload, count)
    })?;
    Ok(lane::join(coded, params.lanes as usize))
}

/// Encodes a message in one lane; the parameters are in their ranges.
///
/// # Errors
/// Those of [`encode`], [`crate::Error::Limit`] for more than [`MESSAGE`] symbols.
pub fn encode_message(symbols: &[u8], params: &Params, known: Knowledge<'_>) -> Result<Vec<u8>> {
    let counts = [MESSAGE, symbols.len()];
    run(params, counts, known, Some(symbols), |model| {
        bitmodel::encode_message(model, symbols)
    })
}

/// Decodes a message.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_message(payload: &[u8], params: &Params, known: Knowledge<'_>) -> Result<Vec<u8>> {
    let counts = [MESSAGE, payload.len() * TYPICAL];
    run(params, counts, known, None, |model| {
        bitmodel::decode_message(model, payload)
    })
}

/// Codes with a predictor that has learnt the text or the pictures of a prior, where there are some. There are at most as
/// many symbols as the first count, and about the second. The `text` to come is known when encoding.
fn run<'a>(
    params: &Params,
    [count, about]: [usize; 2],
    known: Knowledge<'a>,
    text: Option<&'a [u8]>,
    code: impl FnOnce(&mut Strong<'a>) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    if params.kind.channels().is_some() {
        // Those of pixels compute with floats.
        machine::check()?;
    }
    let model = taught(params, count, known)?;
    let lanes = params.lanes as usize;
    thread::scope(|scope| {
        // The model ends here, and with it the thread.
        let mut model = model;
        model.split(count, lanes);
        let company = if known.threads > 1 {
            Company::start(scope, &mut model, about, lanes, text)
        } else {
            Company::Alone
        };
        if let (Company::Alone, Some(text)) = (&company, text) {
            model.foretell(text);
        }
        model.join(company);
        let coded = code(&mut model);
        model.retire();
        coded
    })
}

/// A predictor that has learnt the text or the pictures of a prior, where there are some.
fn taught<'a>(params: &Params, count: usize, known: Knowledge<'a>) -> Result<Strong<'a>> {
    let text = known.prior.map_or(&[][..], |prior| match params.kind {
        super::Kind::Text => prior.text(),
        super::Kind::Grey | super::Kind::Colour => prior.pictures(params).unwrap_or(&[]),
        super::Kind::Binary | super::Kind::Bilevel => &[],
    });
    let mut model = Strong::new(params, text.len() + count, known)?;
    for (at, byte) in text.iter().enumerate() {
        if at.is_multiple_of(1 << 10) {
            // None of the stream is done yet.
            interrupt::check(0)?;
        }
        for bit in (0..8).rev() {
            model.update(u32::from(byte >> bit & 1));
        }
    }
    Ok(model)
}
