//! Static tables: what the loops look up, and how the frequencies are written.

use super::{corrupt, TOTAL};
use crate::coder::binary::{BinaryDecoder, BinaryEncoder, PROB_BITS, PROB_ONE};
use crate::coder::quantize::COUNTS_PRECISION;
use crate::Result;

/// Frequencies of the 256 bytes, with the sum [`TOTAL`]; more than one is not zero.
pub(super) type Freqs = [u16; 256];

/// What it takes to push one byte, without a division.
///
/// With `q = floor(x / f)` a push is `x + c + q · (T - f)`. The quotient is `x · reciprocal >> (32 + shift)`,
/// exact for `x < 2^31` where `reciprocal = ceil(2^(31 + k) / f)`, `2^(k - 1) < f <= 2^k`, `shift = k - 1`
/// (R. Alverson 1991, as in F. Giesen 2014). For `f = 1` that reciprocal has 33 bits; there `q = x - 1`
/// is computed and the offset makes up for it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(16))]
pub(super) struct Push {
    /// The largest state that needs no word to be written.
    pub limit: u32,
    pub reciprocal: u32,
    pub offset: u32,
    /// `T - f` in the low half, `shift` in the high half.
    pub complement_shift: u32,
}

pub(super) struct EncodeTable(pub [Push; 256]);

impl EncodeTable {
    pub fn new(freqs: &Freqs) -> Self {
        let mut table = [Push::default(); 256];
        let mut start = 0;
        for (push, &freq) in table.iter_mut().zip(freqs) {
            let freq = u32::from(freq);
            if freq > 0 {
                *push = Push::new(start, freq);
            }
            start += freq;
        }
        Self(table)
    }
}

impl Push {
    #[allow(clippy::cast_possible_truncation)] // a reciprocal of f >= 2 has at most 32 bits
    fn new(start: u32, freq: u32) -> Self {
        let total = 1 << COUNTS_PRECISION;
        let limit = (freq << (31 - COUNTS_PRECISION)) - 1;
        if freq == 1 {
            return Self {
                limit,
                reciprocal: u32::MAX,
                offset: start + total - 1,
                complement_shift: total - 1,
            };
        }
        let shift = (freq - 1).ilog2();
        Self {
            limit,
            reciprocal: (1_u64 << (32 + shift)).div_ceil(u64::from(freq)) as u32,
            offset: start,
            complement_shift: (total - freq) | shift << 16,
        }
    }

    /// The state after a push, given one that is at most [`Push::limit`].
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the quotient is less than the state
    pub fn apply(self, state: u32) -> u32 {
        let product = u64::from(state) * u64::from(self.reciprocal);
        let quotient = (product >> 32) as u32 >> (self.complement_shift >> 16);
        state + self.offset + quotient * (self.complement_shift & 0xFFFF)
    }
}

/// For each slot: the byte, its frequency from bit 8 on, and `slot - start` from bit 20 on.
pub(super) struct DecodeTable(pub Box<[u32; TOTAL]>);

impl DecodeTable {
    pub fn new(freqs: &Freqs) -> Self {
        let mut table = Box::new([0; TOTAL]);
        let mut slots = table.iter_mut();
        for (byte, &freq) in (0_u32..).zip(freqs) {
            let freq = u32::from(freq);
            for (offset, slot) in (0..freq).zip(&mut slots) {
                *slot = offset << 20 | freq << 8 | byte;
            }
        }
        Self(table)
    }
}

/// Probability of a one that follows the bits it has seen, for the few hundred bits of a table.
#[derive(Clone, Copy)]
struct Bit(u32);

impl Bit {
    const NEW: Self = Self(PROB_ONE / 2);
    const RATE: u32 = 4;

    fn update(&mut self, bit: u32) {
        if bit == 0 {
            self.0 -= self.0 >> Self::RATE;
        } else {
            self.0 += (PROB_ONE - self.0) >> Self::RATE;
        }
    }
}

/// The model of a table: whether a byte occurs, given whether the two before it did; then the number of
/// bits of its frequency, given that of the last one; then these bits, the first of them modelled.
struct Model {
    occurs: [Bit; 3],
    bits: [[Bit; 16]; LENGTHS],
    first: [Bit; LENGTHS],
    last_two: [usize; 2],
    last_length: usize,
}

/// Lengths of frequencies, less one: 0 to 11.
const LENGTHS: usize = COUNTS_PRECISION as usize;

/// Where a bit is coded or decoded; the two directions of the model are one function.
trait Port {
    /// Codes `bit`, or returns the one that was decoded.
    fn bit(&mut self, bit: u32, p1: u32) -> u32;
}

impl Port for BinaryEncoder {
    fn bit(&mut self, bit: u32, p1: u32) -> u32 {
        self.encode(bit, p1);
        bit
    }
}

impl Port for BinaryDecoder<'_> {
    fn bit(&mut self, _: u32, p1: u32) -> u32 {
        self.decode(p1)
    }
}

fn adaptive(port: &mut impl Port, bit: u32, model: &mut Bit) -> u32 {
    let bit = port.bit(bit & 1, model.0);
    model.update(bit);
    bit
}

impl Model {
    fn new() -> Self {
        Self {
            occurs: [Bit::NEW; 3],
            bits: [[Bit::NEW; 16]; LENGTHS],
            first: [Bit::NEW; LENGTHS],
            last_two: [0, 0],
            last_length: 0,
        }
    }

    /// Codes one frequency, below `1 << 12`; when decoding, `freq` is not used.
    fn freq(&mut self, port: &mut impl Port, freq: u32) -> Result<u32> {
        let occurs = &mut self.occurs[self.last_two[0] + self.last_two[1]];
        let occurs = adaptive(port, u32::from(freq > 0), occurs);
        self.last_two = [self.last_two[1], usize::from(occurs != 0)];
        if occurs == 0 {
            return Ok(0);
        }
        let target = freq.max(1).ilog2();
        let tree = &mut self.bits[self.last_length];
        let mut node = 1;
        for shift in (0..4).rev() {
            let bit = adaptive(port, target >> shift, &mut tree[node]);
            node = node << 1 | usize::from(bit != 0);
        }
        let length = node - 16;
        let Some(first) = self.first.get_mut(length) else {
            return Err(corrupt("frequency of a table has more than 12 bits"));
        };
        self.last_length = length;
        let mut value = 1;
        for shift in (0..length).rev() {
            let bit = if shift + 1 == length {
                adaptive(port, freq >> shift, first)
            } else {
                port.bit(freq >> shift & 1, 1 << (PROB_BITS - 1))
            };
            value = value << 1 | bit;
        }
        Ok(value)
    }
}

/// Writes the frequencies up to the one that completes the sum.
pub(super) fn encode(freqs: &Freqs) -> Vec<u8> {
    let mut encoder = BinaryEncoder::new();
    let mut model = Model::new();
    let mut left = TOTAL;
    for &freq in freqs {
        if left == 0 {
            break;
        }
        // An encoder's port returns the bits it is given, so the model cannot fail.
        let _ = model.freq(&mut encoder, u32::from(freq));
        left -= usize::from(freq);
    }
    encoder.finish()
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(payload: &[u8]) -> Result<Freqs> {
    let mut decoder = BinaryDecoder::new(payload);
    let mut model = Model::new();
    let mut left = TOTAL;
    let mut freqs = [0; 256];
    for slot in &mut freqs {
        if left == 0 {
            break;
        }
        let freq = model.freq(&mut decoder, 0)?;
        left = left
            .checked_sub(freq as usize)
            .ok_or_else(|| corrupt("frequencies of a table add up to more than 4096"))?;
        *slot = u16::try_from(freq).unwrap_or(u16::MAX);
    }
    if left > 0 {
        return Err(corrupt("frequencies of a table add up to less than 4096"));
    }
    decoder.finish()?;
    Ok(freqs)
}
