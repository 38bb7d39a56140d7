//! Lines of contexts: what was seen at the nodes of four decisions.

use crate::cm::strong::simd::prefetch_row;
use crate::cm::strong::states::StateTable;
use crate::memory::Memory;
use crate::Result;

/// Nodes of a line: the first is none, those of four decisions follow.
const NODES: usize = 16;
/// Where the check of a line without counters is in a hash.
const CHECK: u32 = 23;

/// Bytes of a line, with counters or without.
pub const fn line_bytes(counted: bool) -> u64 {
    NODES as u64 * if counted { 5 } else { 1 }
}

/// Lines that hashes find. Each node has a bit history; where contexts are seen often, an adaptive probability beside it says
/// more, but takes four times the memory, and the time that this takes to come.
#[derive(Debug)]
pub struct Lines {
    log2: u32,
    /// Without counters, the check is where the history of the first node would be.
    pub histories: Memory<u8>,
    /// Adaptive probabilities, xor one half; the check is where that of the first node would be.
    pub counters: Memory<u32>,
}

impl Lines {
    /// Creates 2^`log2` lines of which nothing was seen, or none where there are no contexts.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(log2: u32, contexts: usize, counted: bool) -> Result<Self> {
        let nodes = if contexts > 0 { NODES << log2 } else { 0 };
        Ok(Self {
            log2,
            histories: Memory::new(nodes)?,
            counters: Memory::new(if counted { nodes } else { 0 })?,
        })
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.histories.values().fill(0);
        self.counters.values().fill(0);
    }

    /// Asks for the cache lines of the lines of hashes.
    #[inline(always)]
    pub fn ask(&self, hashes: &[u64]) {
        let (histories, counters) = (self.histories.get(), self.counters.get());
        for &hash in hashes {
            let at = (hash >> (64 - self.log2)) as usize * NODES;
            prefetch_row(histories, at, NODES);
            if !counters.is_empty() {
                prefetch_row(counters, at, NODES);
            }
        }
    }

    /// Finds the first nodes of lines with counters: those of hashes, or for each that of two lines of which less was seen,
    /// cleared.
    #[inline(always)]
    pub fn find(&mut self, hashes: &[u64], found: &mut [usize]) {
        let (histories, counters) = (self.histories.values(), self.counters.values());
        for (found, &hash) in found.iter_mut().zip(hashes) {
            let line = (hash >> (64 - self.log2)) as usize;
            let check = hash as u32 | 1;
            let [first, second] = [line, line ^ 1].map(|line| line * NODES);
            *found = if counters[first] == check {
                first
            } else if counters[second] == check {
                second
            } else {
                let seen = |at: usize| counters[at + 1] & 1023;
                let place = if seen(second) < seen(first) {
                    second
                } else {
                    first
                };
                counters[place..place + NODES].fill(0);
                counters[place] = check;
                histories[place..place + NODES].fill(0);
                place
            };
        }
    }

    /// The same of lines without counters, and of three, which are in one line of the cache.
    #[inline(always)]
    pub fn find_small(&mut self, hashes: &[u64], found: &mut [usize], states: &StateTable) {
        let histories = self.histories.values();
        for (found, &hash) in found.iter_mut().zip(hashes) {
            let line = (hash >> (64 - self.log2)) as usize;
            let check = (hash >> CHECK) as u8;
            let [first, second, third] = [line, line ^ 1, line ^ 2].map(|line| line * NODES);
            *found = if histories[first] == check {
                first
            } else if histories[second] == check {
                second
            } else if histories[third] == check {
                third
            } else {
                let seen = |at: usize| states.total(histories[at + 1]);
                let mut place = first;
                for other in [second, third] {
                    if seen(other) < seen(place) {
                        place = other;
                    }
                }
                histories[place..place + NODES].fill(0);
                histories[place] = check;
                place
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of a check, in small lines, whose upper bits tell line 4.
    fn small(check: u64) -> u64 {
        4 << 61 | check << CHECK
    }

    fn find(lines: &mut Lines, hash: u64) -> usize {
        let mut found = [0];
        lines.find(&[hash], &mut found);
        found[0]
    }

    fn find_small(lines: &mut Lines, check: u64, states: &StateTable) -> usize {
        let mut found = [0];
        lines.find_small(&[small(check)], &mut found, states);
        found[0]
    }

    #[test]
    fn small_lines_are_found_and_the_least_used_is_cleared() {
        let states = StateTable::new();
        let mut lines = Lines::new(3, 1, false).unwrap();
        // Nothing of which nothing was seen differs from check 0.
        assert_eq!(find_small(&mut lines, 0, &states), 4 * NODES);
        let places = [7, 8, 9].map(|check| find_small(&mut lines, check, &states));
        assert_eq!(places, [4, 4, 4].map(|line| line * NODES));
        for (check, seen, line) in [(9, 2, 4), (10, 1, 5), (11, 3, 6)] {
            let at = find_small(&mut lines, check, &states);
            assert_eq!(at, line * NODES);
            assert_eq!(lines.histories.get()[at], check as u8);
            for _ in 0..seen {
                let history = &mut lines.histories.values()[at + 1];
                *history = states.next(*history, 1, 0);
            }
        }
        assert_eq!(find_small(&mut lines, 11, &states), 6 * NODES);
        // That with check 10 was seen once.
        assert_eq!(find_small(&mut lines, 12, &states), 5 * NODES);
        assert_eq!(
            lines.histories.get()[5 * NODES..][..NODES],
            [12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        lines.clear();
        assert!(lines.histories.get().iter().all(|&history| history == 0));
    }

    #[test]
    fn lines_with_counters_are_found_and_the_less_used_is_cleared() {
        let mut lines = Lines::new(3, 1, true).unwrap();
        let hash = |check: u64| 4 << 61 | check;
        for (check, seen, line) in [(3, 5, 4), (5, 4, 5)] {
            let at = find(&mut lines, hash(check));
            assert_eq!(at, line * NODES);
            lines.counters.values()[at + 1] = seen;
            lines.histories.values()[at + 1] = 1;
        }
        assert_eq!(find(&mut lines, hash(3)), 4 * NODES);
        assert_eq!(find(&mut lines, hash(5)), 5 * NODES);
        assert_eq!(find(&mut lines, hash(7)), 5 * NODES);
        assert_eq!(lines.counters.get()[5 * NODES..][..2], [7, 0]);
        assert_eq!(lines.histories.get()[5 * NODES + 1], 0);
        lines.clear();
        assert!(lines.counters.get().iter().all(|&counter| counter == 0));
    }
}
