//! The transform `x86`: targets of calls, jumps and data references of machine code, apart from the rest.
//!
//! An instruction of x86 or x86-64 names its target by the distance from the instruction behind it, so that
//! ten calls of one function look like ten different numbers. Each distance becomes the target, and leaves the
//! code for a stream of its own, where equal targets are equal and no longer stand between the instructions.
//!
//! ```
//! use lmcodec_core::transforms::x86::{forward, inverse};
//!
//! let code = [0x90, 0xe8, 0x0a, 0, 0, 0, 0x90, 0xe8, 0x04, 0, 0, 0, 0xc3];
//! let streams = forward(&code, false)?;
//! assert_eq!(streams.code, [0x90, 0xe8, 0x90, 0xe8, 0xc3]);
//! assert_eq!(streams.calls, [0, 0, 0, 0x10, 0, 0, 0, 0x10]);
//! assert_eq!(inverse(&streams, false)?, code);
//! # Ok::<(), lmcodec_core::Error>(())
//! ```
//!
//! `docs/transforms/x86.md` is the specification.

use super::count;
use crate::{Error, Result};

/// Bytes of a distance.
const OPERAND: usize = 4;
/// Behind an opcode: its distance was left where it is. No instruction of compiled code begins with it.
const LEFT: u8 = 0xf1;
/// Distances that chance may make look like those of code.
const FEW: usize = 16;
/// Distances of at least `2^28` are taken for other data. Programs of that size are not known.
const MAX_REACH: usize = 28;

/// What a block becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streams {
    /// Everything but the distances that were taken out.
    pub code: Vec<u8>,
    /// Targets of calls, four bytes each, the highest first.
    pub calls: Vec<u8>,
    /// Targets of jumps, likewise.
    pub jumps: Vec<u8>,
    /// Targets of references to data, likewise.
    pub data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Call,
    Jump,
    Data,
}

/// What is known of a block before it is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// Whether calls name the same targets again and again.
    pub is_code: bool,
    /// Whether references to data do so, as in 64-bit code.
    pub data: bool,
}

/// Opcodes of one byte that a ModR/M byte follows, but for rare ones.
const fn has_operands(opcode: u8) -> bool {
    matches!(opcode, 0x00..=0x3f if opcode & 7 < 4)
        || matches!(
            opcode,
            0x63 | 0x69 | 0x6b | 0x80 | 0x81 | 0x83
                ..=0x8f | 0xc6 | 0xc7 | 0xd8 | 0xdd | 0xf6 | 0xf7 | 0xff
        )
}

/// Second bytes of opcodes that begin with 0F and that a ModR/M byte follows, but for rare ones.
const fn has_operands_after_0f(opcode: u8) -> bool {
    matches!(
        opcode,
        0x10..=0x17 | 0x28..=0x2f | 0x40..=0x7f | 0x90..=0x9f | 0xaf..=0xbf | 0xd0..=0xff
    )
}

/// Bit 0: a plain opcode before a ModR/M byte; bit 1: one behind 0F.
#[allow(clippy::cast_possible_truncation)] // byte values
const OPERANDS: [u8; 256] = {
    let mut table = [0; 256];
    let mut opcode = 0;
    while opcode < 256 {
        let plain = has_operands(opcode as u8) as u8;
        table[opcode] = plain | (has_operands_after_0f(opcode as u8) as u8) << 1;
        opcode += 1;
    }
    table
};

/// Tells what distance follows `byte`, which the bytes `before` precede, the nearest first.
#[inline(always)]
fn class(byte: u8, before: [u8; 2], data: bool) -> Option<Class> {
    match byte {
        0xe8 => Some(Class::Call),
        0xe9 => Some(Class::Jump),
        0x80..=0x8f if before[0] == 0x0f => Some(Class::Jump),
        // ModR/M of a distance without a register.
        0x05 | 0x0d | 0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d if data => {
            let known = OPERANDS[usize::from(before[0])];
            let wanted = 1 | (u8::from(before[1] == 0x0f) << 1);
            (known & wanted != 0).then_some(Class::Data)
        }
        _ => None,
    }
}

/// The distance at `at`, if the block does not end before.
#[inline(always)]
fn distance(raw: &[u8], at: usize) -> Option<u32> {
    let bytes = raw.get(at..at + OPERAND)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Number of bits of the distance without its sign.
#[inline(always)]
fn magnitude(distance: u32) -> usize {
    let sign = (distance.cast_signed() >> 31).cast_unsigned();
    (32 - (distance ^ sign).leading_zeros()) as usize
}

/// The address behind the distance at `at`, from the beginning of the block, modulo `2^32`.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // addresses are modulo 2^32
fn following(at: usize) -> u32 {
    (at + OPERAND) as u32
}

/// Looks at a block: is it machine code?
#[must_use]
pub fn survey(raw: &[u8]) -> Survey {
    // Much faster than the rest, and tells it of text.
    let calls = count(raw, 0xe8);
    if calls <= Census::few(raw.len()) {
        return Survey {
            is_code: false,
            data: false,
        };
    }
    let [calls, references] = census(raw);
    Survey {
        is_code: calls.name_targets(raw.len()),
        data: references.name_targets(raw.len()),
    }
}

/// What the distances of calls and of references to data are like.
fn census(raw: &[u8]) -> [Census; 2] {
    let mut calls = Census::new();
    let mut references = Census::new();
    let mut before = [0; 2];
    for (at, &byte) in raw.iter().enumerate() {
        match class(byte, before, true) {
            Some(Class::Call) => calls.see(raw, at + 1),
            Some(Class::Data) => references.see(raw, at + 1),
            _ => {}
        }
        before = [byte, before[0]];
    }
    [calls, references]
}

/// What the distances of a class are like.
struct Census {
    /// Number of each magnitude.
    counts: [usize; 33],
    targets: Memory,
    distances: Memory,
}

impl Census {
    fn new() -> Self {
        Self {
            counts: [0; 33],
            targets: Memory::new(),
            distances: Memory::new(),
        }
    }

    fn see(&mut self, raw: &[u8], at: usize) {
        let Some(distance) = distance(raw, at).filter(|&distance| distance != 0) else {
            return;
        };
        let magnitude = magnitude(distance);
        self.counts[magnitude] += 1;
        if magnitude <= MAX_REACH {
            self.targets.see(distance.wrapping_add(following(at)));
            self.distances.see(distance);
        }
    }

    /// Tells whether targets come again, often enough for a block of that size and not only by chance.
    ///
    /// Where numbers are no distances, it is they that come again. Some always are none: hence the quarter.
    fn name_targets(&self, block: usize) -> bool {
        self.targets.again > self.distances.again / 4 + FEW && self.targets.again > Self::few(block)
    }

    /// So many distances are too few to tell anything of a block: one in 4096 bytes, and some in any case.
    fn few(block: usize) -> usize {
        (block >> 12).max(FEW)
    }
}

/// Numbers that were seen, a newer one in place of an older, and how many came again.
struct Memory {
    seen: Vec<u32>,
    again: usize,
}

impl Memory {
    fn new() -> Self {
        Self {
            seen: vec![0; 1 << 12],
            again: 0,
        }
    }

    fn see(&mut self, value: u32) {
        // 2^32 divided by the golden ratio.
        let place = &mut self.seen[(value.wrapping_mul(0x9e37_79b1) >> 20) as usize];
        self.again += usize::from(*place == value);
        *place = value;
    }
}

/// The largest magnitude at which distances still are those of instructions.
///
/// At least that of the block. From there on a magnitude counts when a noteworthy part of the distances has it,
/// and more than chance explains: numbers that are none are twice as many at each magnitude.
fn reach(counts: &[usize; 33], block: usize) -> usize {
    let own = (usize::BITS - block.leading_zeros()) as usize;
    let mut reach = own.min(MAX_REACH);
    let mut below: usize = counts[..=reach].iter().sum();
    for magnitude in reach + 1..=MAX_REACH {
        let by_chance = counts[31] >> (31 - magnitude);
        if counts[magnitude] > 4 * by_chance + below / 64 {
            reach = magnitude;
        }
        below += counts[magnitude];
    }
    reach
}

/// Splits a block; `data` says whether references to data are taken out as well.
///
/// # Errors
/// [`Error::Limit`] when memory cannot be had.
pub fn forward(raw: &[u8], data: bool) -> Result<Streams> {
    let [code_reach, data_reach] = census(raw).map(|census| reach(&census.counts, raw.len()));
    let mut streams = Streams::default();
    streams
        .code
        .try_reserve(raw.len() + raw.len() / 8)
        .map_err(|_| no_memory())?;
    let mut before = [0; 2];
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        streams.code.push(byte);
        at += 1;
        let found = class(byte, before, data);
        before = [byte, before[0]];
        let Some(class) = found else { continue };
        let reach = if class == Class::Data {
            data_reach
        } else {
            code_reach
        };
        match distance(raw, at) {
            // What follows must not look like the mark.
            Some(distance)
                if distance != 0
                    && magnitude(distance) <= reach
                    && raw.get(at + OPERAND) != Some(&LEFT) =>
            {
                let target = distance.wrapping_add(following(at));
                streams.of(class).extend_from_slice(&target.to_be_bytes());
                before = [raw[at + 3], raw[at + 2]];
                at += OPERAND;
            }
            _ => streams.code.push(LEFT),
        }
    }
    Ok(streams)
}

/// Undoes [`forward`].
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when there are too few or too many targets, [`Error::Limit`] when
/// memory cannot be had.
pub fn inverse(streams: &Streams, data: bool) -> Result<Vec<u8>> {
    let mut targets = [&streams.calls[..], &streams.jumps, &streams.data];
    let mut raw = Vec::new();
    raw.try_reserve(streams.code.len() + targets.iter().map(|rest| rest.len()).sum::<usize>())
        .map_err(|_| no_memory())?;
    let mut before = [0; 2];
    let mut code = streams.code.iter().copied().peekable();
    while let Some(byte) = code.next() {
        raw.push(byte);
        let found = class(byte, before, data);
        before = [byte, before[0]];
        let Some(class) = found else { continue };
        if code.next_if_eq(&LEFT).is_some() {
            continue;
        }
        let (target, rest) = targets[class as usize]
            .split_first_chunk::<OPERAND>()
            .ok_or(Error::Truncated {
                what: "targets of x86 code",
            })?;
        targets[class as usize] = rest;
        let distance = u32::from_be_bytes(*target)
            .wrapping_sub(following(raw.len()))
            .to_le_bytes();
        raw.extend_from_slice(&distance);
        before = [distance[3], distance[2]];
    }
    if targets.iter().any(|rest| !rest.is_empty()) {
        return Err(Error::Corrupt {
            what: "targets of x86 code are left over",
        });
    }
    Ok(raw)
}

impl Streams {
    fn of(&mut self, class: Class) -> &mut Vec<u8> {
        match class {
            Class::Call => &mut self.calls,
            Class::Jump => &mut self.jumps,
            Class::Data => &mut self.data,
        }
    }
}

fn no_memory() -> Error {
    Error::Limit {
        what: "memory for the transform x86",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes of which many are opcodes, marks and parts of distances.
    fn instructions() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            Just(0xe8),
            Just(0xe9),
            Just(0x0f),
            Just(0x85),
            Just(0x8b),
            Just(0x05),
            Just(LEFT),
            Just(0),
            Just(0xff),
            any::<u8>()
        ];
        prop::collection::vec(byte, 0..400)
    }

    /// Calls of a few functions from many places.
    fn program(size: usize) -> Vec<u8> {
        let mut raw = vec![0x90; size];
        let mut at = 0;
        while at + 40 < size {
            raw[at] = 0xe8;
            let target = u32::try_from(at * 7919 % 13 * 97).unwrap();
            let distance = target.wrapping_sub(following(at + 1));
            raw[at + 1..at + 5].copy_from_slice(&distance.to_le_bytes());
            at += 10 + at % 23;
        }
        raw
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(raw in instructions(), data: bool) {
            let streams = forward(&raw, data).unwrap();
            prop_assert_eq!(inverse(&streams, data).unwrap(), raw);
        }

        #[test]
        fn any_streams_give_bytes_or_an_error(
            code in instructions(), calls in instructions(), jumps in instructions(), data in instructions(),
        ) {
            let streams = Streams { code, calls, jumps, data };
            let size = streams.code.len() + streams.calls.len() + streams.jumps.len() + streams.data.len();
            if let Ok(raw) = inverse(&streams, true) {
                prop_assert!(raw.len() <= size);
            }
        }
    }

    #[test]
    fn targets_of_calls_are_equal() {
        let raw = program(100_000);
        let streams = forward(&raw, false).unwrap();
        assert!(streams.calls.len() > 10_000);
        assert!(streams.calls.chunks(4).all(|target| target[..2] == [0, 0]));
        assert_eq!(inverse(&streams, false).unwrap(), raw);
    }

    #[test]
    fn only_code_is_code() {
        assert!(survey(&program(100_000)).is_code);
        assert!(!survey(&[]).is_code);
        assert!(!survey(&vec![0xe8; 100_000]).is_code);
        let numbers: Vec<u8> = (0..100_000_u32)
            .flat_map(|i| (i.wrapping_mul(i) % 4096).wrapping_sub(24).to_le_bytes())
            .collect();
        assert!(!survey(&numbers).is_code);
        // Calls that a linker has yet to fill in.
        let object = [0xe8, 0xfc, 0xff, 0xff, 0xff, 0x90].repeat(10_000);
        assert!(!survey(&object).is_code);
    }

    #[test]
    fn far_calls_count_where_there_are_many() {
        let mut near = [0; 33];
        near[12] = 10_000;
        near[31] = 64;
        assert_eq!(reach(&near, 1 << 16), 17);
        near[25] = 1000;
        assert_eq!(reach(&near, 1 << 16), 25);
        // As many as chance gives.
        near[31] = 64_000;
        assert_eq!(reach(&near, 1 << 16), 17);
    }
}
