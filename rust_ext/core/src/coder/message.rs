//! Binary arithmetic coder of messages whose end is told by their length in bytes alone.
//!
//! A payload of the coder in [`binary`](super::binary) needs the number of its symbols beside it. Where a message is
//! short, that takes a good part of what it is coded to. But who knows how many bytes the payload has knows most of
//! it: only some numbers of symbols, near each other, have a shortest payload of that length. So here each beginning of
//! a message, the empty one first, takes the shortest string of bytes in its interval that no shorter beginning has
//! taken, of several the least. The string of a whole message then tells where it ends.
//!
//! That ends may be chosen so that they cost next to nothing is known from bijective arithmetic coding (D. A. Scott;
//! M. Timmermans, *Bijective Arithmetic Encoding with Optimal End Treatment*). Here a decoder may refuse what no
//! encoder writes.
//!
//! Intervals of beginnings lie within each other, and each one takes the least string that is left. So of one length
//! the strings that are taken within an interval are the lowest ones: the last one taken is all that has to be
//! remembered.

use super::binary::{PROB_BITS, PROB_ONE};
use super::carry_into;
use crate::{Error, Result};

/// Values of the first byte that no payload begins with, for what is around.
pub const RESERVED: u8 = 2;

/// Bytes of the low end of the interval that are at hand.
const WINDOW: usize = 16;
/// Bytes before the first one that are in the window at the start: strings that end there are found, too.
const BEFORE: usize = 4;
/// The range is at least this, and below it times 2^32.
const MIN_RANGE: u128 = 1 << 64;
const START: u128 = (256 - RESERVED as u128) << 88;

/// The part of a range that a one has.
#[inline(always)]
fn split(range: u128, p1: u32) -> u128 {
    debug_assert!(p1 > 0 && p1 < PROB_ONE);
    (range >> PROB_BITS) * u128::from(p1)
}

/// The string that was taken last.
#[derive(Debug, Clone, Default)]
struct Ends {
    /// Its bytes.
    length: usize,
    /// How far above the low end of the interval it is, if it is.
    taken: Option<u128>,
}

impl Ends {
    /// The low end moves up.
    fn advance(&mut self, distance: u128) {
        self.taken = self.taken.and_then(|taken| taken.checked_sub(distance));
    }

    /// Distances get 32 more bits, in an interval of `range` before that.
    fn refine(&mut self, range: u128) {
        match self.taken {
            // All strings of the length that are left in the interval are below it, so taken.
            Some(taken) if taken >= range => {
                self.length += 1;
                self.taken = None;
            }
            Some(taken) => self.taken = Some(taken << 32),
            None => {}
        }
    }

    /// Takes the next string of the interval that begins at `low`; `end` is where the window ends. Returns how far above
    /// `low` it is.
    fn take(&mut self, low: u128, range: u128, end: usize) -> u128 {
        let least = (end + 1).saturating_sub(WINDOW);
        if self.length < least {
            (self.length, self.taken) = (least, None);
        }
        loop {
            // Of strings of the length.
            let step = 1_u128 << (8 * (end - self.length));
            let next = match self.taken {
                Some(taken) => taken + step,
                None => low.wrapping_neg() & (step - 1),
            };
            if next < range {
                self.taken = Some(next);
                return next;
            }
            self.length += 1;
            self.taken = None;
        }
    }
}

/// Encodes bits, each under a probability of its own.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// The window, and what is before it, from [`BEFORE`] bytes before the first one on.
    low: u128,
    out: Vec<u8>,
    range: u128,
    ends: Ends,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// Creates an encoder of an empty message.
    #[must_use]
    pub fn new() -> Self {
        Self {
            low: 0,
            out: Vec::new(),
            range: START,
            ends: Ends::default(),
        }
    }

    /// Encodes `bit` (0 or 1); `p1` is the probability of a one, `1..PROB_ONE`.
    pub fn encode(&mut self, bit: u32, p1: u32) {
        let bound = split(self.range, p1);
        if bit != 0 {
            self.range = bound;
        } else {
            let carry;
            (self.low, carry) = self.low.overflowing_add(bound);
            if carry {
                carry_into(&mut self.out);
            }
            self.ends.advance(bound);
            self.range -= bound;
        }
        if self.range < MIN_RANGE {
            self.ends.refine(self.range);
            self.out.extend_from_slice(&self.low.to_be_bytes()[..4]);
            self.low <<= 32;
            self.range <<= 32;
        }
    }

    /// Says that a message may end here: before the first symbol, and after each one. Returns what is written if it does.
    pub fn end(&mut self) -> Payload<'_> {
        let end = self.out.len() + WINDOW - BEFORE;
        let above = self.ends.take(self.low, self.range, end);
        Payload {
            encoder: self,
            above,
        }
    }
}

/// What an encoder writes where a message ends.
#[derive(Debug)]
pub struct Payload<'a> {
    encoder: &'a Encoder,
    above: u128,
}

impl Payload<'_> {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.encoder.out.clone();
        let (last, carry) = self.encoder.low.overflowing_add(self.above);
        if carry {
            carry_into(&mut bytes);
        }
        bytes.extend_from_slice(&last.to_be_bytes());
        bytes.drain(..BEFORE);
        bytes.truncate(self.encoder.ends.length);
        bytes
    }
}

/// Decodes what [`Encoder`] wrote, given the same probabilities.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    payload: &'a [u8],
    /// The last bytes that were read, and how far they are above the low end of the interval.
    window: u128,
    code: u128,
    range: u128,
    /// Bytes that were read.
    end: usize,
    ends: Ends,
}

impl<'a> Decoder<'a> {
    /// Starts at the first byte of `payload`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a first byte that no payload has.
    pub fn new(payload: &'a [u8]) -> Result<Self> {
        let mut decoder = Self {
            payload,
            window: 0,
            code: 0,
            range: START,
            end: 0,
            ends: Ends::default(),
        };
        for _ in 0..(WINDOW - BEFORE) / 4 {
            decoder.read();
        }
        decoder.code = decoder.window;
        if decoder.code >= START {
            return Err(Error::Corrupt {
                what: "first byte of a message",
            });
        }
        Ok(decoder)
    }

    /// Reads four bytes, zeros behind the last one.
    fn read(&mut self) -> u128 {
        let word = (self.end..self.end + 4).fold(0, |word, at| {
            word << 8 | u128::from(self.payload.get(at).copied().unwrap_or(0))
        });
        self.window = self.window << 32 | word;
        self.end += 4;
        word
    }

    /// Decodes one bit; `p1` is the probability of a one, `1..PROB_ONE`.
    pub fn decode(&mut self, p1: u32) -> u32 {
        let bound = split(self.range, p1);
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.ends.advance(bound);
            self.range -= bound;
        }
        if self.range < MIN_RANGE {
            self.ends.refine(self.range);
            self.code = self.code << 32 | self.read();
            self.range <<= 32;
        }
        u32::from(bit)
    }

    /// Tells whether the message ends here: asked before the first symbol, and after each one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it should have ended before: no encoder wrote the payload.
    pub fn is_end(&mut self) -> Result<bool> {
        let low = self.window.wrapping_sub(self.code);
        let above = self.ends.take(low, self.range, self.end);
        if self.ends.length > self.payload.len() {
            return Err(Error::Corrupt {
                what: "message: none has these bytes",
            });
        }
        Ok(self.ends.length == self.payload.len() && above == self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Symbols of some bits, each with its probability.
    type Symbols = Vec<Vec<(u32, u32)>>;

    fn bit() -> impl Strategy<Value = (u32, u32)> {
        let p1 = prop_oneof![
            Just(1),
            Just(PROB_ONE - 1),
            Just(PROB_ONE / 2),
            1..PROB_ONE,
            // Such as nearly nothing is left to be said.
            PROB_ONE - 64..PROB_ONE
        ];
        // Mostly the likelier one, as in messages that a model knows.
        (p1, 0..100_u32).prop_map(|(p1, luck)| {
            let likelier = u32::from(p1 > PROB_ONE / 2);
            (if luck < 90 { likelier } else { 1 - likelier }, p1)
        })
    }

    fn symbols() -> impl Strategy<Value = Symbols> {
        prop::collection::vec(prop::collection::vec(bit(), 1..9), 0..150)
    }

    /// Payloads of all beginnings, and bits of information in each.
    fn beginnings(symbols: &Symbols) -> Vec<(Vec<u8>, f64)> {
        let mut encoder = Encoder::new();
        let mut bits = 0.0;
        let mut all = vec![(encoder.end().to_bytes(), bits)];
        for symbol in symbols {
            for &(bit, p1) in symbol {
                encoder.encode(bit, p1);
                let p1 = f64::from(p1) / f64::from(PROB_ONE);
                bits -= (if bit == 1 { p1 } else { 1.0 - p1 }).log2();
            }
            all.push((encoder.end().to_bytes(), bits));
        }
        all
    }

    /// Decodes by the probabilities of some symbols; returns how many there were.
    fn decode(payload: &[u8], symbols: &Symbols) -> Result<Option<usize>> {
        let mut decoder = Decoder::new(payload)?;
        for (number, symbol) in symbols.iter().enumerate() {
            if decoder.is_end()? {
                return Ok(Some(number));
            }
            for &(bit, p1) in symbol {
                if decoder.decode(p1) != bit {
                    return Ok(None);
                }
            }
        }
        Ok(decoder.is_end()?.then_some(symbols.len()))
    }

    proptest! {
        #[test]
        fn each_beginning_has_a_payload_of_its_own(symbols in symbols()) {
            let all = beginnings(&symbols);
            prop_assert!(all[0].0.is_empty());
            let different: HashSet<_> = all.iter().map(|(payload, _)| payload).collect();
            prop_assert_eq!(different.len(), all.len());
            for (count, (payload, bits)) in all.iter().enumerate() {
                prop_assert_eq!(decode(payload, &symbols).unwrap(), Some(count));
                prop_assert!(payload.first().is_none_or(|&first| first < 0xFE));
                // One byte for the end, and as many as the beginnings need that say nothing.
                let most = bits / 8.0 + if symbols.len() > 100 { 3.0 } else { 2.0 };
                let bytes = u32::try_from(payload.len()).unwrap();
                prop_assert!(f64::from(bytes) <= most, "{bytes} bytes for {bits} bits");
            }
        }

        #[test]
        fn any_payload_ends(payload in prop::collection::vec(any::<u8>(), 0..12), symbols in symbols()) {
            // Any outcome but a panic, and what is decoded is coded so.
            if let Ok(Some(count)) = decode(&payload, &symbols) {
                prop_assert_eq!(&beginnings(&symbols)[count].0, &payload);
            }
        }
    }

    /// Symbols of two bits, all equally likely.
    fn decode_even(payload: &[u8]) -> Result<Vec<u32>> {
        let mut decoder = Decoder::new(payload)?;
        let mut bits = Vec::new();
        while !decoder.is_end()? {
            bits.extend([(); 2].map(|()| decoder.decode(PROB_ONE / 2)));
        }
        Ok(bits)
    }

    #[test]
    fn nearly_all_short_payloads_are_messages() {
        let mut decoded = 0;
        for (length, value) in
            (0..3).flat_map(|length| (0..1_u32 << (8 * length)).map(move |value| (length, value)))
        {
            let payload = &value.to_be_bytes()[4 - length..];
            let Ok(bits) = decode_even(payload) else {
                continue;
            };
            let mut encoder = Encoder::new();
            let mut coded = encoder.end().to_bytes();
            for pair in bits.chunks(2) {
                for &bit in pair {
                    encoder.encode(bit, PROB_ONE / 2);
                }
                coded = encoder.end().to_bytes();
            }
            assert_eq!(coded, payload);
            decoded += 1;
        }
        // Those that begin with a byte that is reserved are 514.
        assert_eq!(decoded, (1 + 256 + 65536 - 514));
    }

    #[test]
    fn payloads_are_those_of_the_specification() {
        let symbols: Symbols = (0..20)
            .map(|i| {
                let symbol =
                    (0..8).map(|k| ((i + k) / 3 % 2, (i * 99_991 + k * 777) % 4_194_303 + 1));
                symbol.collect()
            })
            .collect();
        let all = beginnings(&symbols);
        let start = [0x00, 0x24, 0x2d, 0xea, 0x76, 0xd4, 0xd8, 0x74, 0x7b, 0x5b];
        assert_eq!(all[1].0, [0x00, 0x24, 0x2d, 0xeb]);
        assert_eq!(all[4].0, [&start[..], &[0x7a]].concat());
        let end = [
            0x79, 0x32, 0x2c, 0x89, 0x39, 0x94, 0x7d, 0x9e, 0x4a, 0x28, 0xc3, 0x1c, 0x1c, 0xd3,
            0x57, 0x72, 0x19, 0xee, 0x46, 0xa4, 0xdb,
        ];
        assert_eq!(all[20].0, [&start[..], &end[..]].concat());
    }

    #[test]
    fn what_says_nothing_takes_the_strings_in_turn() {
        let mut encoder = Encoder::new();
        encoder.end();
        let lengths: Vec<usize> = (0..70_000)
            .map(|_| {
                encoder.encode(1, PROB_ONE - 1);
                encoder.end().to_bytes().len()
            })
            .collect();
        assert_eq!(lengths[0], 1);
        assert_eq!(lengths[253], 1);
        assert_eq!(lengths[254], 2);
        assert!(lengths.is_sorted());
        assert_eq!(*lengths.last().unwrap(), 3);
    }
}
