//! Bit histories in one byte: a state machine generated from rules.
//!
//! A state stands for what a context has seen: exactly, in order, for up to four bits; beyond that as counts of
//! zeros and ones and the last bit. The larger count is bounded by the smaller one, and a bit that contradicts a
//! large count cuts it, so that a history forgets (the rules are those of `PAQ8`'s nonstationary states, M. Mahoney
//! 2005; the table is generated here). States are numbered by the bits they stand for, so that a smaller number
//! has seen less: the hash table replaces by it.

use crate::cm::primed::Nearest;
use std::sync::OnceLock;

/// Histories up to this many bits are kept exactly.
const EXACT: u8 = 4;
/// Largest count beside a smaller count of 0, 1, 2, ...
const BOUND: [u8; 6] = [41, 34, 14, 7, 6, 5];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum History {
    /// Length and bits.
    Exact(u8, u8),
    /// Zeros, ones, last bit.
    Counts(u8, u8, u8),
}

/// Transitions and start probabilities of all states; state 0 has seen nothing.
#[derive(Debug, Clone)]
pub struct StateTable {
    /// Next state, for each bit and state.
    pub next: [[u8; 256]; 2],
    /// Probability of a one before any state was seen, 22 bits.
    pub start: [u32; 256],
    /// Whether a state has seen one value of the bit only.
    pub sure: [bool; 256],
    /// Zeros and ones that a state has seen.
    pub counts: [[u16; 2]; 256],
    /// Number of states in use.
    pub used: usize,
}

/// What is left of a count when the other bit comes: `2 + floor(0.8 sqrt(n - 2))`.
fn discount(count: u8) -> u8 {
    if count <= 2 {
        return count;
    }
    // r <= 0.8 sqrt(n - 2) if and only if 25 r^2 <= 16 (n - 2).
    let square = 16 * (u32::from(count) - 2);
    2 + (1..=255_u8)
        .take_while(|&r| 25 * u32::from(r) * u32::from(r) <= square)
        .last()
        .unwrap_or(0)
}

fn bound(smaller: u8) -> u8 {
    BOUND[usize::from(smaller).min(BOUND.len() - 1)]
}

fn bounded(mut zeros: u8, mut ones: u8, last: u8) -> History {
    while zeros > bound(ones) {
        zeros -= 1;
    }
    while ones > bound(zeros) {
        ones -= 1;
    }
    while zeros > bound(ones) {
        zeros -= 1;
    }
    History::Counts(zeros, ones, last)
}

impl History {
    fn counts(self) -> (u8, u8) {
        match self {
            Self::Exact(length, bits) => {
                let ones = bits.count_ones() as u8;
                (length - ones, ones)
            }
            Self::Counts(zeros, ones, _) => (zeros, ones),
        }
    }

    fn next(self, bit: u8) -> Self {
        match self {
            Self::Exact(length, bits) if length < EXACT => {
                Self::Exact(length + 1, (bits << 1) | bit)
            }
            _ => {
                let (zeros, ones) = self.counts();
                if bit == 0 {
                    bounded(zeros + 1, discount(ones), 0)
                } else {
                    bounded(discount(zeros), ones + 1, 1)
                }
            }
        }
    }
}

impl StateTable {
    /// The states that stand for counts, made once.
    #[must_use]
    pub fn nearest() -> &'static Nearest {
        static NEAREST: OnceLock<Nearest> = OnceLock::new();
        NEAREST.get_or_init(|| {
            let table = Self::new();
            Nearest::new(&table.counts[..table.used])
        })
    }

    /// A copy of the table, which is generated once.
    #[must_use]
    pub fn new() -> Self {
        static TABLE: OnceLock<StateTable> = OnceLock::new();
        TABLE.get_or_init(Self::generate).clone()
    }

    /// Generates the table. The rules give fewer than 256 states, which a test checks.
    fn generate() -> Self {
        let mut histories = vec![History::Exact(0, 0)];
        let mut done = 0;
        while done < histories.len() {
            for bit in 0..2 {
                let next = histories[done].next(bit);
                if !histories.contains(&next) {
                    histories.push(next);
                }
            }
            done += 1;
        }
        histories.sort_by_key(|&history| {
            let (zeros, ones) = history.counts();
            (zeros + ones, history)
        });
        let mut table = Self {
            next: [[0; 256]; 2],
            start: [1 << 21; 256],
            sure: [false; 256],
            counts: [[0; 2]; 256],
            used: histories.len(),
        };
        for (state, history) in histories.iter().enumerate() {
            for bit in 0..2_u8 {
                let next = history.next(bit);
                let found = histories.iter().position(|&other| other == next);
                table.next[usize::from(bit)][state] = found.unwrap_or(0) as u8;
            }
            let (zeros, ones) = history.counts();
            table.counts[state] = [zeros, ones].map(u16::from);
            table.sure[state] = (zeros == 0) != (ones == 0);
            // (n1 + 0.3) / (n + 0.6)
            let (total, ones) = (u64::from(zeros + ones), u64::from(ones));
            table.start[state] = ((10 * ones + 3) * (1 << 22) / (10 * total + 6)) as u32;
        }
        table
    }
}

impl Default for StateTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_closed_and_monotone() {
        let table = StateTable::new();
        assert_eq!(table.used, 215);
        for state in 0..table.used {
            for bit in 0..2 {
                let next = usize::from(table.next[bit][state]);
                assert!(next > 0 && next < table.used);
                if table.start[state] > 1 << 16 && table.start[state] < (1 << 22) - (1 << 16) {
                    // A one never makes a one less likely than a zero would.
                    assert!(
                        table.start[usize::from(table.next[1][state])]
                            >= table.start[usize::from(table.next[0][state])]
                    );
                }
            }
        }
    }

    #[test]
    fn long_runs_stay_at_the_ends() {
        let table = StateTable::new();
        for bit in 0..2 {
            let mut state = 0_u8;
            for _ in 0..100 {
                state = table.next[bit][usize::from(state)];
            }
            assert_eq!(table.next[bit][usize::from(state)], state);
        }
    }
}
