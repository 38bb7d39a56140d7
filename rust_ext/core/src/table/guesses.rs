//! Bytes of text that are guessed whole: where a byte is nearly sure, one decision takes the place of eight.

use super::decider::{Decider, Expected, Place, Sizes};
use super::lines::line_bytes;
use super::tools::Tools;
use super::STRONG_LEVEL;
use crate::cm::content::hashing::fold;
use crate::cm::tables::CELL_HALF;
use crate::coder::binary::Side;
use crate::Result;

/// Contexts that guess.
pub const KINDS: usize = 4;
/// Contexts in which it is decided whether a guess is right.
pub const CONTEXTS: usize = 4;
/// How often in a row a guess was right, at most.
const RUNS: usize = 16;
/// Places of each context at most, and rows of maps, as powers of two.
const MAX_LOG2_PLACES: u32 = 16;
const LOG2_ROWS: u32 = 10;
/// Memory in bytes, at most.
pub const MOST_BYTES: u64 =
    ((KINDS * size_of::<Last>()) as u64 + line_bytes(false)) << MAX_LOG2_PLACES;
/// How often a guess must be right, of 2^22.
fn sure(level: u32) -> u32 {
    let wrong = if level < STRONG_LEVEL { 64 } else { 256 };
    (1 << 22) - (1 << 22) / wrong
}

/// How often guesses of each run are right averages over up to so many of them.
const LIMIT: u32 = 255;
/// Decisions that an average counts for before the first.
const STARTS_AS: u32 = 64;

/// What came last in a context.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    check: u16,
    byte: u8,
    /// How often in a row it came; 0 where nothing is known.
    run: u8,
}

/// A byte that is nearly sure.
#[derive(Debug, Clone, Copy)]
pub struct Guess {
    pub byte: u8,
    kind: usize,
    run: usize,
}

/// Guesses bytes, and codes whether they are right.
#[derive(Debug)]
pub struct Guesses {
    lasts: [Vec<Last>; KINDS],
    /// How often guesses were right, by context and run.
    right: [[u32; RUNS]; KINDS],
    /// Where the contexts of this byte are, and their checks.
    at: [(usize, u16); KINDS],
    /// How the last three decisions turned out.
    past: usize,
    /// How often a guess must be right.
    least: u32,
    decider: Decider,
}

impl Guesses {
    /// Starts with about 2^`log2` bytes to come.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(log2: u32, level: u32, tools: &Tools) -> Result<Self> {
        let log2 = log2.min(MAX_LOG2_PLACES);
        let sizes = Sizes {
            contexts: CONTEXTS,
            counted: 0,
            expected: 1,
            log2_lines: [0, log2],
            places: KINDS * RUNS,
            rows: 1 << LOG2_ROWS,
            classes: 1,
            fine: 256,
            told: [0; 2],
        };
        Ok(Self {
            lasts: std::array::from_fn(|_| vec![Last::default(); 1 << log2]),
            right: [[CELL_HALF | STARTS_AS; RUNS]; KINDS],
            at: [(0, 0); KINDS],
            past: 0,
            least: sure(level),
            decider: Decider::new(sizes, tools)?,
        })
    }

    /// The byte that came last in the context that is surest of it, if that is sure enough.
    #[inline(always)]
    pub fn find(&mut self, hashes: [u64; KINDS]) -> Option<Guess> {
        let mut best = None;
        let mut least = self.least;
        for (kind, hash) in hashes.into_iter().enumerate() {
            let lasts = &self.lasts[kind];
            let at = (hash >> (64 - lasts.len().ilog2())) as usize;
            let check = hash as u16;
            self.at[kind] = (at, check);
            let Last { byte, run, .. } = lasts[at];
            let run = usize::from(run);
            if lasts[at].check == check && run > 0 && self.right[kind][run] >> 10 > least {
                least = self.right[kind][run] >> 10;
                best = Some(Guess { byte, kind, run });
            }
        }
        best
    }

    /// Codes whether a guess is right; `hashes` are those of other contexts, `last` is the byte before.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // those of a decision
    pub fn code(
        &mut self,
        tools: &Tools,
        avx2: bool,
        side: &mut impl Side,
        is_right: bool,
        guess: Guess,
        hashes: [u64; CONTEXTS],
        last: usize,
    ) -> bool {
        let byte = usize::from(guess.byte);
        self.decider
            .aim(tools, avx2, &hashes, u64::from(guess.byte));
        let rows = self.decider.rows() - 1;
        let place = Place {
            node: 1,
            set: guess.kind * RUNS + guess.run,
            row: (last * 256 + byte).wrapping_mul(0x9E3D) >> 4 & rows,
            depth: 0,
            class: 0,
            beside: fold(hashes[0], u64::from(guess.byte)) as usize & rows,
            fine: byte,
            told: 0,
        };
        let says = Expected {
            bit: 1,
            trust: guess.run.min(7) << 3 | self.past,
        };
        let bit = self
            .decider
            .code(tools, avx2, side, is_right.into(), place, &[says], &[]);
        self.past = (self.past << 1 | bit as usize) & 7;
        bit == 1
    }

    /// Learns which byte came in the contexts that were asked last.
    #[inline(always)]
    pub fn learn(&mut self, tools: &Tools, byte: u8) {
        for (kind, &(at, check)) in self.at.iter().enumerate() {
            let last = &mut self.lasts[kind][at];
            if last.check != check || last.run == 0 {
                *last = Last {
                    check,
                    byte,
                    run: 1,
                };
                continue;
            }
            let is_right = last.byte == byte;
            let target = if is_right { (1 << 22) - 1 } else { 0 };
            let right = &mut self.right[kind][usize::from(last.run)];
            tools.tables.adapt(right, target, LIMIT);
            if is_right {
                last.run = (last.run + 1).min(RUNS as u8 - 1);
            } else {
                last.run /= 4;
                if last.run == 0 {
                    (last.byte, last.run) = (byte, 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
    use crate::table::DEFAULT_LEVEL;

    /// Bytes that follow from the one before, but for one of 200; each in contexts of one byte.
    fn bytes() -> Vec<u8> {
        let mut state = 1_u64;
        let mut last = 0_u8;
        let mut next = || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            last = if (state >> 33).is_multiple_of(200) {
                (state >> 40) as u8
            } else {
                last.wrapping_mul(5).wrapping_add(3) % 16
            };
            last
        };
        std::iter::repeat_with(&mut next).take(20_000).collect()
    }

    /// Codes bytes that are guessed; returns for each whether it was, and whether that was right.
    fn code(bytes: &mut [u8], side: &mut impl Side) -> Vec<Option<bool>> {
        let tools = Tools::new();
        let mut guesses = Guesses::new(10, DEFAULT_LEVEL, &tools).unwrap();
        let (mut last, mut all) = (0, Vec::new());
        for byte in bytes {
            let hashes = std::array::from_fn(|k| fold(k as u64, u64::from(last)));
            all.push(guesses.find(hashes).map(|guess| {
                let before = usize::from(last);
                let is = guesses.code(
                    &tools,
                    tools.avx2,
                    side,
                    *byte == guess.byte,
                    guess,
                    hashes,
                    before,
                );
                if is {
                    *byte = guess.byte;
                }
                is
            }));
            guesses.learn(&tools, *byte);
            last = *byte;
        }
        all
    }

    #[test]
    fn what_is_nearly_sure_is_guessed_and_decoded() {
        let mut expected = bytes();
        let mut side = BinaryEncoder::new();
        let all = code(&mut expected, &mut side);
        let guessed = all.iter().flatten().count();
        let right = all.iter().flatten().filter(|&&is| is).count();
        assert!(guessed > 10_000 && right < guessed && right * 100 > guessed * 95);
        let payload = side.finish();
        // The decoder knows the others.
        let mut decoded: Vec<u8> = expected
            .iter()
            .zip(&all)
            .map(|(&byte, is)| if *is == Some(true) { 0 } else { byte })
            .collect();
        let mut side = BinaryDecoder::new(&payload);
        assert_eq!(code(&mut decoded, &mut side), all);
        side.finish().unwrap();
        assert_eq!(decoded, expected);
        // Of one that is wrong one time in 200, a right guess takes a twentieth of a bit.
        assert!(payload.len() < guessed / 100);
    }

    #[test]
    fn noise_is_not_guessed() {
        let mut state = 1_u64;
        let mut noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(20_000)
        .collect();
        let all = code(&mut noise, &mut BinaryEncoder::new());
        assert!(all.iter().all(Option::is_none));
    }
}
