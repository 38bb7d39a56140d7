//! What the models of lengths, ranks and symbols know of the runs so far.

/// Classes of lengths and of ages.
pub const LENGTH_CLASSES: usize = 16;
/// Classes of ranks: 13, rounded up for indexing.
pub const RANK_CLASSES: usize = 16;

/// What is known of the last run of one symbol.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Class of the length.
    pub length: u8,
    /// Class of the rank.
    pub rank: u8,
    /// Mean of the ranks, in sixteenths; each new one counts a quarter.
    pub mean_rank: u16,
    /// The same of the lengths, of which each counts as at most 255.
    pub mean_length: u16,
    /// Number of the run.
    at: u32,
}

/// The runs so far.
#[derive(Debug)]
pub struct Runs {
    /// The last run of each symbol.
    pub last: [History; 256],
    /// Symbols of the last three runs, the latest first.
    pub symbols: [u8; 3],
    /// Class of the rank of the last run.
    pub rank: u8,
    /// Class of the length of the last run.
    pub length: u8,
    count: u32,
}

impl Runs {
    pub fn new() -> Self {
        let fresh = History {
            length: 0,
            rank: 0,
            mean_rank: 64,
            mean_length: 64,
            at: 0,
        };
        Self {
            last: [fresh; 256],
            symbols: [0; 3],
            rank: 0,
            length: 0,
            count: 0,
        }
    }

    /// Class of the number of runs since the last one of `symbol`.
    #[inline(always)]
    pub fn age_class(&self, symbol: u8) -> usize {
        length_class((self.count - self.last[usize::from(symbol)].at) as usize)
    }

    /// Adds a run. In a column that is coded without ranks they are 0.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // lengths are cut to 255, classes are below 16
    pub fn push(&mut self, symbol: u8, length: usize, rank: u8) {
        let history = &mut self.last[usize::from(symbol)];
        let length_class = length_class(length) as u8;
        history.length = length_class;
        history.rank = RANK_CLASS[usize::from(rank)];
        history.mean_rank = (history.mean_rank * 3 + u16::from(rank) * 16) / 4;
        history.mean_length = (history.mean_length * 3 + length.min(255) as u16 * 16) / 4;
        history.at = self.count;
        self.rank = history.rank;
        self.length = length_class;
        self.symbols = [symbol, self.symbols[0], self.symbols[1]];
        self.count += 1;
    }
}

/// Class of a mean rank in sixteenths.
#[inline(always)]
pub fn mean_rank_class(mean_rank: u16) -> usize {
    usize::from(RANK_CLASS[usize::from(mean_rank >> 4).min(255)])
}

/// Class of a length: exact up to 4, then wider and wider.
#[inline(always)]
pub fn length_class(length: usize) -> usize {
    if length < 256 {
        usize::from(LENGTH_CLASS[length])
    } else {
        usize::from(long_length_class(length))
    }
}

const fn long_length_class(length: usize) -> u8 {
    match length {
        0..=600 => 12,
        601..=2000 => 13,
        2001..=10000 => 14,
        _ => 15,
    }
}

/// First length of each class up to 12.
const LENGTH_STEPS: [usize; 13] = [0, 1, 2, 3, 4, 5, 7, 10, 15, 23, 41, 81, 201];
const LENGTH_CLASS: [u8; 256] = classes(&LENGTH_STEPS);

/// First rank of each class.
const RANK_STEPS: [usize; 13] = [0, 1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64];
const RANK_CLASS: [u8; 256] = classes(&RANK_STEPS);

const fn classes(steps: &[usize; 13]) -> [u8; 256] {
    let mut table = [0; 256];
    let mut class = 0_u8;
    let mut value = 0;
    while value < 256 {
        if (class as usize + 1) < steps.len() && value == steps[class as usize + 1] {
            class += 1;
        }
        table[value] = class;
        value += 1;
    }
    table
}
