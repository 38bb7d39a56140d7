//! Bit histories in one byte: a state machine generated from rules.
//!
//! A state stands for all bits seen in a context: exactly for up to [`EXACT`] bits, beyond that as a pair of
//! bounded counts and, while the counts are small, the last bit. Counts grow along a ladder; where the ladder
//! has gaps, a count grows with probability 1 / gap (Morris 1978), so long runs are told apart.

use crate::cm::primed::Nearest;
use std::sync::OnceLock;

/// Histories up to this many bits are kept exactly.
const EXACT: u32 = 4;
/// Values that a count can take; gaps are powers of two.
const LADDER: [u16; 25] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768,
    1024,
];
/// Largest count beside a smaller count of 0, 1, 2, ...
const BOUND: [u16; 7] = [1024, 48, 24, 12, 8, 7, 6];
/// The last bit is kept up to this larger count.
const LAST_BOUND: u16 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct History {
    n: [u16; 2],
    /// Last bit, or 2 if it is not kept.
    last: u8,
    /// Bits of an exact history after a leading one, or 0.
    exact: u8,
}

/// Transitions on one bit value: by state the next one if the count advances in the low byte, if it stays in the
/// second byte, and above them the mask that must be zero in the random number for an advance.
pub type Advance = [u32; 256];

/// What [`StateTable::next`] does for one bit value.
#[derive(Debug, Clone, Copy)]
pub struct Advancing<'a>(&'a Advance);

impl Advancing<'_> {
    /// State after the bit; `random` decides where a count grows with a probability.
    #[inline(always)]
    #[must_use]
    pub fn next(self, state: u8, random: u32) -> u8 {
        let entry = self.0[usize::from(state)];
        let stays = (entry >> 16) & random != 0;
        (entry >> (8 * u32::from(stays))) as u8
    }
}

/// Transitions and statistics of all states; state 0 has seen nothing.
#[derive(Debug, Clone)]
pub struct StateTable {
    rows: Box<[Advance; 2]>,
    /// Counts of zeros and ones.
    pub counts: Box<[[u16; 2]; 256]>,
    /// Number of states in use.
    pub used: usize,
    /// Classes of similar states, 0..16; 0 is the empty history.
    pub class: [u8; 256],
    /// States below this one have seen one bit value only, or nothing.
    pub mixed: u8,
    /// Bits seen, exact up to [`EXACT`], saturated.
    totals: [u8; 256],
}

fn rung(n: u16) -> usize {
    LADDER.iter().rposition(|&value| value <= n).unwrap_or(0)
}

fn canonical(mut n: [u16; 2], last: u8) -> History {
    let small = usize::from(n[1] < n[0]);
    let big = 1 - small;
    let top = BOUND.len() - 1;
    if usize::from(n[small]) > top {
        n[big] = (u32::from(n[big]) * top as u32 / u32::from(n[small])).max(top as u32) as u16;
        n[small] = top as u16;
    }
    n[big] = n[big].min(BOUND[usize::from(n[small])]).max(n[small]);
    n[big] = LADDER[rung(n[big])];
    let kept = n[0] != 0 && n[1] != 0 && n[big] <= LAST_BOUND;
    History {
        n,
        last: if kept { last } else { 2 },
        exact: 0,
    }
}

fn isqrt(n: u32) -> u32 {
    (0..=n).take_while(|r| r * r <= n).last().unwrap_or(0)
}

/// What is left of a count when the other bit comes: `2 + 0.8 sqrt(n - 2)`.
fn discount(n: u16) -> u16 {
    if n <= 2 {
        n
    } else {
        2 + (isqrt(64 * (u32::from(n) - 2)) / 10) as u16
    }
}

/// Next history and, if the count moves along a gap of the ladder, the gap.
fn advance(h: History, bit: u8) -> (History, u16) {
    let y = usize::from(bit);
    let total = h.n[0] + h.n[1];
    if u32::from(total) < EXACT {
        let mut n = h.n;
        n[y] += 1;
        return (
            History {
                n,
                last: bit,
                exact: (h.exact.max(1) << 1) | bit,
            },
            1,
        );
    }
    let mut n = h.n;
    n[1 - y] = discount(n[1 - y]);
    let at = rung(n[y]);
    let gap = LADDER.get(at + 1).map_or(1, |next| next - LADDER[at]);
    n[y] = LADDER[(at + 1).min(LADDER.len() - 1)];
    (canonical(n, bit), gap)
}

/// The history after `bit` if its count does not advance.
fn stay(h: History, bit: u8) -> History {
    let y = usize::from(bit);
    let mut n = h.n;
    n[1 - y] = discount(n[1 - y]);
    canonical(n, bit)
}

fn class(n: [u16; 2]) -> u8 {
    let side = |n: u16| match n {
        0..=1 => 0,
        2 => 1,
        3..=5 => 2,
        6..=15 => 3,
        _ => 4,
    };
    match (n[0], n[1]) {
        (0, 0) => 0,
        (a, 0) => 1 + side(a),
        (0, b) => 6 + side(b),
        (a, b) => {
            let share = 16 * u32::from(b) / (u32::from(a) + u32::from(b));
            match share {
                0..=2 => 11,
                3..=5 => 12,
                6..=9 => 13,
                10..=12 => 14,
                _ => 15,
            }
        }
    }
}

impl Default for StateTable {
    fn default() -> Self {
        Self::new()
    }
}

impl StateTable {
    /// The states that stand for counts. Kept, since it takes longer to make than a short message to code.
    #[must_use]
    pub fn nearest() -> &'static Nearest {
        static NEAREST: OnceLock<Nearest> = OnceLock::new();
        NEAREST.get_or_init(|| {
            let table = Self::new();
            Nearest::new(&table.counts[..table.used])
        })
    }

    /// A copy of the table. It is generated once, since that takes longer than to code a short message.
    #[must_use]
    pub fn new() -> Self {
        static TABLE: OnceLock<StateTable> = OnceLock::new();
        TABLE.get_or_init(Self::generate).clone()
    }

    /// Generates the table: breadth first from the empty history. That the states fit a byte is checked by a test.
    fn generate() -> Self {
        let start = History {
            n: [0, 0],
            last: 2,
            exact: 0,
        };
        let mut states = vec![start];
        let mut rows = Box::new([[0; 256]; 2]);
        let mut at = 0;
        while at < states.len() {
            let h = states[at];
            for bit in 0..2_u8 {
                let (up, gap) = advance(h, bit);
                let same = if gap > 1 { stay(h, bit) } else { up };
                let mut entry = u32::from(gap - 1) << 16;
                for (k, target) in [(0, up), (8, same)] {
                    let found = states.iter().position(|&s| s == target).unwrap_or_else(|| {
                        states.push(target);
                        states.len() - 1
                    });
                    entry |= (found as u32) << k;
                }
                rows[usize::from(bit)][at] = entry;
            }
            at += 1;
            assert!(states.len() <= 256, "states do not fit a byte");
        }
        // Those that have seen one bit value come first, so that a comparison tells them from the others.
        let mixed = |&s: &usize| states[s].n[0] != 0 && states[s].n[1] != 0;
        let (sure, others): (Vec<usize>, Vec<usize>) = (0..states.len()).partition(|s| !mixed(s));
        let order = [&sure[..], &others].concat();
        let mut place = [0_u32; 256];
        for (to, &from) in (0..).zip(&order) {
            place[from] = to;
        }
        let rows = Box::new(rows.map(|row: Advance| {
            let mut sorted = [0; 256];
            for (entry, &from) in sorted.iter_mut().zip(&order) {
                let [up, same, ..] = row[from].to_le_bytes().map(usize::from);
                *entry = row[from] & 0xFFFF_0000 | place[same] << 8 | place[up];
            }
            sorted
        }));
        let mut counts = Box::new([[0; 2]; 256]);
        for (entry, &state) in counts.iter_mut().zip(&order) {
            *entry = states[state].n;
        }
        let mut group = [0; 256];
        let mut totals = [0; 256];
        for (s, &n) in counts.iter().enumerate() {
            group[s] = class(n);
            totals[s] = (n[0] + n[1]).min(255) as u8;
        }
        Self {
            rows,
            counts,
            used: states.len(),
            mixed: sure.len() as u8,
            class: group,
            totals,
        }
    }

    /// State after `bit`; `random` decides where a count grows with a probability.
    #[inline(always)]
    #[must_use]
    pub fn next(&self, state: u8, bit: u32, random: u32) -> u8 {
        self.advance(bit).next(state, random)
    }

    /// The transitions on `bit`.
    #[inline(always)]
    #[must_use]
    pub fn advance(&self, bit: u32) -> Advancing<'_> {
        Advancing(&self.rows[(bit & 1) as usize])
    }

    /// Bits seen, exact up to [`EXACT`], saturated at 255.
    #[inline(always)]
    #[must_use]
    pub fn total(&self, state: u8) -> u32 {
        u32::from(self.totals[usize::from(state)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_closed_and_monotone() {
        let table = StateTable::new();
        let used = table.counts.iter().rposition(|&n| n != [0, 0]).unwrap() + 1;
        for s in 0..used {
            for y in 0..2 {
                for random in [0, u32::MAX] {
                    let t = table.next(s as u8, y, random);
                    assert!(usize::from(t) < used);
                    assert_ne!(t, 0);
                    let (a, b) = (table.counts[s], table.counts[usize::from(t)]);
                    assert!(b[y as usize] >= a[y as usize] || a[y as usize] > 5);
                    assert!(b[1 - y as usize] <= a[1 - y as usize]);
                }
            }
        }
    }
}
