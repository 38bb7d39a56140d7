//! Pictures with contexts of pixels beside a model of them.
//!
//! Samples are pictures, and coded pixel after pixel. The model tells a distribution of each, which enters the mixer of
//! [`Strong`] as that of a network of text does; adaptive maps there learn how far to trust it. Pictures come one after the
//! other: side by side, each would have but its share of what is learnt.

use super::Listener;
use crate::bytelm::tree::Tree;
use crate::cm::strong::Strong;
use crate::cm::{Knowledge, Params, MAX_COUNT};
use crate::coder::binary::{Ahead, BinaryDecoder, BinaryEncoder, Side};
use crate::lm::watch::Watch;
use crate::{machine, Error, Result};

/// What ends early, in messages.
const WHAT: &str = "pixels";

/// Codes a pixel, by its place in the picture and what sets the weights of its values; returns its value.
pub type Code<'c> = &'c mut dyn FnMut(usize, &mut dyn FnMut(&mut Tree)) -> Result<u8>;

/// A model of pictures that tells distributions.
pub trait Teller {
    /// Pixels of a picture.
    fn width(&self) -> usize;
    /// Goes through a picture, in the order in which pixels are stored.
    ///
    /// # Errors
    /// Those of `code`.
    fn go(&mut self, code: Code<'_>) -> Result<()>;
}

/// What codes beside a model.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'p> {
    /// The contexts.
    pub params: Params,
    /// Pictures that are coded first and thrown away: whole samples.
    pub ahead: &'p [u8],
}

/// A coder of pictures.
struct Pictures<T> {
    contexts: Strong<'static>,
    teller: T,
    width: usize,
}

impl<T: Teller> Pictures<T> {
    /// Starts, and codes the pictures ahead.
    fn new(teller: T, beside: Beside<'_>, count: usize, watch: &mut Watch<'_>) -> Result<Self> {
        let width = teller.width();
        if !beside.ahead.len().is_multiple_of(width) {
            return Err(Error::Parameter {
                what: "pictures ahead: whole samples",
            });
        }
        let all = beside.ahead.len().saturating_add(count);
        if all > MAX_COUNT {
            return Err(Error::Limit {
                what: "symbols of a stream: at most 2^30 with the pictures ahead",
            });
        }
        let mut pictures = Self {
            contexts: Strong::guided(&beside.params, all, Knowledge::default(), 1)?,
            teller,
            width,
        };
        for one in beside.ahead.chunks(width) {
            pictures.one(&mut one.to_vec(), &mut Ahead)?;
            watch.check(0)?;
        }
        Ok(pictures)
    }

    /// Codes a picture, or a part of one; its pixels are known when encoding, and set when decoding.
    fn one(&mut self, values: &mut [u8], side: &mut impl Side) -> Result<()> {
        let contexts = &mut self.contexts;
        if values.len() < self.width {
            // The model says nothing of it.
            for value in values {
                side.goes_on(WHAT)?;
                contexts.tell(0, |tree| {
                    tree.leaves().fill(1);
                    tree.add_up();
                });
                *value = contexts.code_byte(side, *value);
            }
            return Ok(());
        }
        self.teller.go(&mut |place, expect| {
            side.goes_on(WHAT)?;
            contexts.tell(0, |tree| expect(tree));
            values[place] = contexts.code_byte(side, values[place]);
            Ok(values[place])
        })
    }
}

/// Encodes pictures.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Limit`] when there is too little memory, [`Error::Machine`], [`Error::Interrupted`].
pub fn encode(
    teller: impl Teller,
    beside: Beside<'_>,
    symbols: &[u8],
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    machine::check()?;
    let mut watch = Watch::new(listener);
    let mut side = BinaryEncoder::new();
    let mut pictures = Pictures::new(teller, beside, symbols.len(), &mut watch)?;
    for (number, one) in symbols.chunks(pictures.width).enumerate() {
        pictures.one(&mut one.to_vec(), &mut side)?;
        watch.check(number * pictures.width)?;
    }
    Ok(side.finish())
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload; those of [`encode`].
pub fn decode(
    teller: impl Teller,
    beside: Beside<'_>,
    payload: &[u8],
    count: usize,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    machine::check()?;
    let mut watch = Watch::new(listener);
    let mut side = BinaryDecoder::new(payload);
    let mut pictures = Pictures::new(teller, beside, count, &mut watch)?;
    let mut out = Vec::new();
    while out.len() < count {
        let mut one = vec![0; pictures.width.min(count - out.len())];
        pictures.one(&mut one, &mut side)?;
        out.extend_from_slice(&one);
        watch.check(out.len())?;
    }
    side.finish()?;
    Ok(out)
}
