//! The interface between a binary model and the loops that code with it.

use crate::coder::binary::{BinaryDecoder, BinaryEncoder, PROB_BITS, PROB_ONE};
use crate::coder::message;
use crate::coder::windows::{self, Coded, Next};
use crate::coder::Interval;
use crate::{interrupt, Error, Result};
use std::array::from_fn;

/// Symbols of a message at most that says itself where it ends.
pub const MESSAGE: usize = 1 << 12;

/// One direction of coding bytes bit by bit, most significant bit first: a model written against this trait is
/// written once for both.
pub trait SymbolCoder {
    /// Begins the symbol at `index`; false when there is none, or the payload has ended too early.
    fn begin(&mut self, index: usize) -> bool;
    /// Codes the next bit of the symbol under the probability of a one, `1..PROB_ONE`, and returns it.
    fn code(&mut self, p1: u32) -> u32;
    /// Codes whether the symbol that was begun is `guess`, under the probability that it is. If it is not, its bits
    /// are coded as usual.
    fn code_guess(&mut self, guess: u8, p1: u32) -> bool;
}

/// Encodes the symbols it was given.
#[derive(Debug)]
pub struct Encoding<'a> {
    symbols: &'a [u8],
    encoder: BinaryEncoder,
    /// Bits of the symbol that are still to come, in the upper bits.
    rest: u8,
}

impl<'a> Encoding<'a> {
    /// Starts at the first symbol.
    #[must_use]
    pub fn new(symbols: &'a [u8]) -> Self {
        Self {
            symbols,
            encoder: BinaryEncoder::with_capacity(symbols.len() / 4),
            rest: 0,
        }
    }

    /// Ends the payload.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.encoder.finish()
    }
}

impl SymbolCoder for Encoding<'_> {
    #[inline(always)]
    fn begin(&mut self, index: usize) -> bool {
        self.rest = self.symbols[index];
        true
    }

    #[inline(always)]
    fn code(&mut self, p1: u32) -> u32 {
        let bit = u32::from(self.rest >> 7);
        self.rest <<= 1;
        self.encoder.encode(bit, p1);
        bit
    }

    #[inline(always)]
    fn code_guess(&mut self, guess: u8, p1: u32) -> bool {
        let right = self.rest == guess;
        self.encoder.encode(u32::from(right), p1);
        right
    }
}

/// Decodes a payload.
#[derive(Debug)]
pub struct Decoding<'a> {
    decoder: BinaryDecoder<'a>,
}

impl<'a> Decoding<'a> {
    /// Starts at the first byte of `payload`.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        Self {
            decoder: BinaryDecoder::new(payload),
        }
    }

    /// Checks that the payload was used up.
    ///
    /// # Errors
    /// Those of [`BinaryDecoder::finish`].
    pub fn finish(self) -> Result<()> {
        self.decoder.finish()
    }
}

impl SymbolCoder for Decoding<'_> {
    #[inline(always)]
    fn begin(&mut self, _index: usize) -> bool {
        !self.decoder.is_exhausted()
    }

    #[inline(always)]
    fn code(&mut self, p1: u32) -> u32 {
        self.decoder.decode(p1)
    }

    #[inline(always)]
    fn code_guess(&mut self, _guess: u8, p1: u32) -> bool {
        self.decoder.decode(p1) != 0
    }
}

/// Encodes a message, whose payload tells where it ends.
#[derive(Debug)]
pub struct MessageEncoding<'a> {
    symbols: &'a [u8],
    encoder: message::Encoder,
    rest: u8,
    /// Symbols after which it was said that the message may end.
    ends: Option<usize>,
    payload: Vec<u8>,
}

impl<'a> MessageEncoding<'a> {
    /// Starts at the first symbol of at most [`MESSAGE`].
    ///
    /// # Errors
    /// [`Error::Limit`] when there are more.
    pub fn new(symbols: &'a [u8]) -> Result<Self> {
        if symbols.len() > MESSAGE {
            return Err(Error::Limit {
                what: "symbols of a message, at most 2^12",
            });
        }
        Ok(Self {
            symbols,
            encoder: message::Encoder::new(),
            rest: 0,
            ends: None,
            payload: Vec::new(),
        })
    }

    /// Ends the payload.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.may_end(self.symbols.len());
        self.payload
    }

    fn may_end(&mut self, index: usize) {
        if self.ends == Some(index) {
            return;
        }
        self.ends = Some(index);
        let payload = self.encoder.end();
        if index == self.symbols.len() {
            self.payload = payload.to_bytes();
        }
    }
}

impl SymbolCoder for MessageEncoding<'_> {
    fn begin(&mut self, index: usize) -> bool {
        self.may_end(index);
        let symbol = self.symbols.get(index);
        self.rest = symbol.copied().unwrap_or(0);
        symbol.is_some()
    }

    #[inline]
    fn code(&mut self, p1: u32) -> u32 {
        let bit = u32::from(self.rest >> 7);
        self.rest <<= 1;
        self.encoder.encode(bit, p1);
        bit
    }

    #[inline]
    fn code_guess(&mut self, guess: u8, p1: u32) -> bool {
        let right = self.rest == guess;
        self.encoder.encode(u32::from(right), p1);
        right
    }
}

/// Decodes a message.
#[derive(Debug)]
pub struct MessageDecoding<'a> {
    decoder: message::Decoder<'a>,
    ended: Result<bool>,
}

impl<'a> MessageDecoding<'a> {
    /// Starts at the first byte of `payload`.
    ///
    /// # Errors
    /// Those of [`message::Decoder::new`].
    pub fn new(payload: &'a [u8]) -> Result<Self> {
        Ok(Self {
            decoder: message::Decoder::new(payload)?,
            ended: Ok(false),
        })
    }

    /// Checks that the message has ended: after so many symbols at the latest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it has not.
    pub fn finish(mut self, symbols: usize) -> Result<()> {
        if let Ok(false) = self.ended {
            if symbols == MESSAGE {
                self.ended = self.decoder.is_end();
            }
        }
        match self.ended {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Corrupt {
                what: "message: it does not end",
            }),
            Err(error) => Err(error),
        }
    }
}

impl SymbolCoder for MessageDecoding<'_> {
    fn begin(&mut self, _index: usize) -> bool {
        self.ended = self.decoder.is_end();
        self.ended == Ok(false)
    }

    #[inline]
    fn code(&mut self, p1: u32) -> u32 {
        self.decoder.decode(p1)
    }

    #[inline]
    fn code_guess(&mut self, _guess: u8, p1: u32) -> bool {
        self.decoder.decode(p1) != 0
    }
}

/// A model of bits that keeps its state between calls: predicts, then learns the bit that came.
pub trait BitModel {
    /// Probability that the next bit is a one: `1..PROB_ONE`, 22 bits.
    fn p(&self) -> u32;
    /// Learns the bit (0 or 1) and prepares the next prediction.
    fn update(&mut self, bit: u32);
}

/// Encodes `symbols` under `model`.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn encode_bytes<M: BitModel>(model: &mut M, symbols: &[u8]) -> Result<Vec<u8>> {
    let mut coder = Encoding::new(symbols);
    code_bytes(model, &mut coder, symbols.len())?;
    Ok(coder.finish())
}

/// Decodes `count` bytes; the output grows as it is decoded, never by the claim alone.
///
/// # Errors
/// Those of [`BinaryDecoder::finish`], [`crate::Error::Interrupted`]; a payload that ends early is noticed within a few symbols.
pub fn decode_bytes<M: BitModel>(model: &mut M, payload: &[u8], count: usize) -> Result<Vec<u8>> {
    let mut coder = Decoding::new(payload);
    let symbols = code_bytes(model, &mut coder, count)?;
    coder.finish()?;
    Ok(symbols)
}

/// Encodes a message of at most [`MESSAGE`] symbols.
///
/// # Errors
/// [`Error::Limit`] when there are more, [`Error::Interrupted`].
pub fn encode_message<M: BitModel>(model: &mut M, symbols: &[u8]) -> Result<Vec<u8>> {
    let mut coder = MessageEncoding::new(symbols)?;
    code_bytes(model, &mut coder, MESSAGE)?;
    Ok(coder.finish())
}

/// Decodes a message.
///
/// # Errors
/// [`Error::Corrupt`] for a payload that no message has, [`Error::Interrupted`].
pub fn decode_message<M: BitModel>(model: &mut M, payload: &[u8]) -> Result<Vec<u8>> {
    let mut coder = MessageDecoding::new(payload)?;
    let symbols = code_bytes(model, &mut coder, MESSAGE)?;
    coder.finish(symbols.len())?;
    Ok(symbols)
}

fn code_bytes<M: BitModel, C: SymbolCoder>(
    model: &mut M,
    coder: &mut C,
    count: usize,
) -> Result<Vec<u8>> {
    let mut symbols = Vec::with_capacity(count.min(1 << 20));
    while symbols.len() < count && coder.begin(symbols.len()) {
        interrupt::check(symbols.len())?;
        let mut symbol = 0;
        for _ in 0..8 {
            let bit = coder.code(model.p());
            model.update(bit);
            symbol = symbol << 1 | u8::from(bit != 0);
        }
        symbols.push(symbol);
    }
    Ok(symbols)
}

/// Values of a symbol.
const ALPHABET: u32 = 256;

/// The slots of a bit under the probability of a one.
fn interval(bit: u32, p1: u32) -> Interval {
    if bit == 0 {
        Interval {
            start: p1,
            freq: PROB_ONE - p1,
        }
    } else {
        Interval { start: 0, freq: p1 }
    }
}

/// Encodes `symbols` under `model` into windows of `bits`, each of which has whole symbols.
///
/// # Errors
/// Those of [`windows::Encoder::new`], [`crate::Error::Interrupted`].
pub fn encode_windows<M: BitModel>(model: &mut M, symbols: &[u8], bits: u32) -> Result<Coded> {
    let mut encoder = windows::Encoder::new(bits, ALPHABET, PROB_BITS)?;
    for (i, &symbol) in symbols.iter().enumerate() {
        interrupt::check(i)?;
        let intervals: [Interval; 8] = from_fn(|place| {
            let bit = u32::from(symbol >> (7 - place) & 1);
            let interval = interval(bit, model.p());
            model.update(bit);
            interval
        });
        encoder.push(symbol.into(), &intervals)?;
    }
    Ok(encoder.finish())
}

/// Decodes windows.
///
/// # Errors
/// Those of [`windows::Decoder::new`], [`crate::Error::Interrupted`].
pub fn decode_windows<M: BitModel>(
    model: &mut M,
    values: &[u32],
    counts: &[u16],
    bits: u32,
) -> Result<Vec<u8>> {
    let mut decoder = windows::Decoder::new(values, counts, bits, ALPHABET)?;
    let mut symbols = Vec::with_capacity(decoder.symbols().min(1 << 20));
    while let Some(next) = decoder.begin() {
        interrupt::check(symbols.len())?;
        let mut symbol = 0;
        for place in (0..8).rev() {
            let p1 = model.p();
            let bit = match next {
                Next::Raw(raw) => raw >> place & 1,
                Next::Coded => {
                    let bit = u32::from(decoder.slot(PROB_BITS) < p1);
                    decoder.narrow(interval(bit, p1), PROB_BITS)?;
                    bit
                }
            };
            model.update(bit);
            symbol = symbol << 1 | u8::from(bit != 0);
        }
        symbols.push(symbol);
    }
    Ok(symbols)
}
