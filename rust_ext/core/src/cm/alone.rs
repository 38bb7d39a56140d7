//! The model `bytelm`: the network without contexts, corrected by what came.

use super::strong::{Follower, Neural, Part};
use super::tables::Tables;
use crate::bitmodel::{self, decode_bytes, decode_windows, encode_bytes, encode_windows, BitModel};
use crate::bytelm::network::Network;
use crate::coder::binary::PROB_ONE;
use crate::coder::windows::Coded;
use crate::Result;

/// Predicts with a network, and two adaptive maps of what it says: they learn how far to trust it in this text.
struct Alone<'a> {
    follower: Follower<'a>,
    neural: Neural,
    tables: Tables,
    partial: u32,
    last: u8,
    p: u32,
}

impl<'a> Alone<'a> {
    fn new(network: &'a Network) -> Result<Self> {
        let tables = Tables::new();
        let mut alone = Self {
            follower: Follower::new(network),
            neural: Neural::new(Part::First, &tables, &[])?,
            tables,
            partial: 1,
            last: 0,
            p: PROB_ONE / 2,
        };
        alone.predict();
        Ok(alone)
    }

    /// The same for an encoder, which knows what is to come.
    fn of(symbols: &'a [u8], network: &'a Network) -> Result<Self> {
        let mut alone = Self::new(network)?;
        alone.follower.foretell(symbols);
        Ok(alone)
    }

    fn predict(&mut self) {
        let Self {
            follower, tables, ..
        } = self;
        self.neural
            .select(follower, self.last, self.partial, tables);
        self.p = self.neural.p();
    }
}

impl BitModel for Alone<'_> {
    fn p(&self) -> u32 {
        self.p
    }

    fn update(&mut self, bit: u32) {
        self.neural.learn(((bit << 22) - bit) as i32, &self.tables);
        self.partial = self.partial << 1 | bit;
        if self.partial > 255 {
            self.last = self.partial as u8;
            self.partial = 1;
            self.follower.end_byte(self.last);
        }
        self.predict();
    }
}

/// Memory in bytes that coding takes, besides the network, the symbols and the payload.
#[must_use]
pub const fn memory_bytes() -> u64 {
    6 << 20
}

/// Encodes `symbols`.
///
/// # Errors
/// [`crate::Error::Limit`] when there is too little memory, [`crate::Error::Interrupted`].
pub fn encode(symbols: &[u8], network: &Network) -> Result<Vec<u8>> {
    encode_bytes(&mut Alone::of(symbols, network)?, symbols)
}

/// Decodes `count` symbols.
///
/// # Errors
/// As [`encode`], and others for a payload that it did not write.
pub fn decode(payload: &[u8], count: usize, network: &Network) -> Result<Vec<u8>> {
    decode_bytes(&mut Alone::new(network)?, payload, count)
}

/// Encodes a message, whose payload tells where it ends: of at most [`MESSAGE`](crate::bitmodel::MESSAGE) symbols.
///
/// # Errors
/// As [`encode`].
pub fn encode_message(symbols: &[u8], network: &Network) -> Result<Vec<u8>> {
    bitmodel::encode_message(&mut Alone::of(symbols, network)?, symbols)
}

/// Decodes a message.
///
/// # Errors
/// As [`encode_message`], and others for a payload that it did not write.
pub fn decode_message(payload: &[u8], network: &Network) -> Result<Vec<u8>> {
    bitmodel::decode_message(&mut Alone::new(network)?, payload)
}

/// Encodes `symbols` into windows of `bits`.
///
/// # Errors
/// As [`encode`], and [`crate::Error::Parameter`] when no window has so many bits.
pub fn to_windows(symbols: &[u8], bits: u32, network: &Network) -> Result<Coded> {
    encode_windows(&mut Alone::of(symbols, network)?, symbols, bits)
}

/// Decodes windows.
///
/// # Errors
/// As [`to_windows`], and [`crate::Error::Corrupt`] for windows that it did not write.
pub fn of_windows(values: &[u32], counts: &[u16], bits: u32, network: &Network) -> Result<Vec<u8>> {
    decode_windows(&mut Alone::new(network)?, values, counts, bits)
}
