//! What came where in a text: its larger memory, which goes back to the start after a message.

/// Places of words, slots of tokens, and pairs of bytes.
const WORDS: usize = 1 << 16;
const TOKENS: usize = 1 << 18;
const PAIRS: usize = 1 << 16;
/// Bytes of a text up to which is noted what they changed.
const MOST_NOTED: usize = 1 << 13;

/// Tables of what was last seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Position after the last occurrence of a word, by hash.
    words: Vec<u32>,
    /// What followed a token, a byte history by hash.
    followers: Vec<u16>,
    /// What followed two bytes, a byte history.
    by_pair: Vec<u32>,
    /// Slots and pairs that were changed, one of each for a byte, and words.
    changed: Vec<(u32, u16)>,
    changed_words: Vec<u16>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            words: vec![0; WORDS],
            followers: vec![0; TOKENS],
            by_pair: vec![0; PAIRS],
            changed: Vec::new(),
            changed_words: Vec::new(),
        }
    }
}

impl Seen {
    /// Memory in bytes, with notes.
    pub const BYTES: usize = WORDS * 4 + TOKENS * 2 + PAIRS * 4 + MOST_NOTED * 10;

    /// Memory in bytes of this one.
    #[cfg(test)]
    #[must_use]
    pub fn bytes(&self) -> usize {
        let notes = self.changed.capacity() * 8 + self.changed_words.capacity() * 2;
        4 * (self.words.len() + self.by_pair.len()) + 2 * self.followers.len() + notes
    }

    /// Goes back to the start, if little was changed.
    #[must_use]
    pub fn restored(mut self) -> Option<Self> {
        if self.changed.len() >= MOST_NOTED {
            return None;
        }
        for (slot, pair) in self.changed.drain(..) {
            self.followers[slot as usize] = 0;
            self.by_pair[usize::from(pair)] = 0;
        }
        for word in self.changed_words.drain(..) {
            self.words[usize::from(word)] = 0;
        }
        Some(self)
    }

    /// Learns a byte: as a small letter after a token, and after a pair of bytes.
    #[inline(always)]
    pub fn learn(&mut self, slot: usize, lower: u8, pair: u16, byte: u8) {
        let follower = &mut self.followers[slot];
        *follower = *follower << 8 | u16::from(lower);
        let history = &mut self.by_pair[usize::from(pair)];
        *history = *history << 8 | u32::from(byte);
        if self.changed.len() < MOST_NOTED {
            self.changed.push((slot as u32, pair));
        }
    }

    /// Learns where a word ends.
    #[inline(always)]
    pub fn end_word(&mut self, word: u64, position: usize) {
        let at = place(word);
        self.words[usize::from(at)] = position as u32;
        if self.changed.len() < MOST_NOTED {
            self.changed_words.push(at);
        }
    }

    /// Where a word last ended, 0 if it did not.
    #[inline(always)]
    #[must_use]
    pub fn end_of(&self, word: u64) -> usize {
        self.words[usize::from(place(word))] as usize
    }

    /// What followed a token.
    #[inline(always)]
    #[must_use]
    pub fn follower(&self, slot: usize) -> u16 {
        self.followers[slot]
    }

    /// What followed two bytes.
    #[inline(always)]
    #[must_use]
    pub fn after(&self, pair: u16) -> u32 {
        self.by_pair[usize::from(pair)]
    }
}

fn place(word: u64) -> u16 {
    (word >> 48) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_back_to_the_start_unless_the_text_is_long() {
        let mut seen = Seen::default();
        seen.learn(7, b'a', 9, b'A');
        seen.end_word(u64::MAX, 3);
        assert_eq!((seen.follower(7), seen.after(9)), (97, 65));
        assert_eq!(seen.end_of(u64::MAX), 3);
        let mut seen = seen.restored().unwrap();
        let fresh = Seen::default();
        assert!(seen.words == fresh.words && seen.followers == fresh.followers);
        assert!(seen.by_pair == fresh.by_pair && seen.changed.is_empty());
        for at in 0..MOST_NOTED {
            seen.learn(at, 1, 2, 3);
        }
        assert!(seen.restored().is_none());
    }
}
