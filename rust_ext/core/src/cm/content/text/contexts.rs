//! The list of text contexts.

use super::{Text, CONTEXTS};
use crate::cm::content::hashing::hash;

impl Text {
    /// Writes the hashes of the contexts of the next byte.
    #[allow(clippy::too_many_lines)] // a list
    pub fn contexts(&self, history: &[u8], out: &mut Vec<u64>) {
        let n = history.len();
        let at = |k: usize| u64::from(if n >= k { history[n - k] } else { 0 });
        let c1 = at(1);
        let lower = u64::from((c1 as u8).to_ascii_lowercase());
        let c4 = c1 | at(2) << 8 | at(3) << 16 | at(4) << 24;
        let w = self.words;
        let (word, gap) = (self.word, self.gap);
        let start = out.len();
        let age = self.seen.end_of(word);
        let age_class = if age == 0 || word == 0 {
            0
        } else {
            u64::from((n - age + 1).ilog2() / 2) + 1
        };
        let ends = u64::from(age_class != 0);
        let wl = u64::from(self.word_length.min(6)) << 1 | ends;
        let column = (n - self.starts[0]) as u64;
        let above = u64::from(self.above(history, 1));
        let above2 = u64::from(self.above(history, 2));
        let above3 = u64::from(self.above(history, 3));
        let above_agrees = u64::from(self.above_run >= 0);
        let follower = u64::from(self.seen.follower(self.follower_slot));
        let tag = self.tags.last().copied().unwrap_or(0);
        let parent = if self.tags.len() > 1 {
            self.tags[self.tags.len() - 2]
        } else {
            0
        };
        let mask = u64::from(self.mask);
        let upper = u64::from(self.since_upper < self.word_length);
        let g = self.groups & 0xFF;

        // words
        out.push(hash([word, c1]));
        out.push(hash([word, w[0], c1]));
        out.push(hash([self.suffixes[1], self.suffixes[2] & 0xFFFF, c1, wl]));
        out.push(hash([lower, word, self.last_gap]));
        out.push(hash([lower, gap, w[0]]));
        out.push(hash([word, c1, w[1]]));
        out.push(hash([
            self.sentence.min(15),
            wl,
            mask & 0x1FF,
            u64::from(self.last_word_length.min(8)),
        ]));
        out.push(hash([self.alphanumeric & 0xFF_FFFF_FFFF]));
        out.push(hash([self.phrase[0], self.phrase[1], self.phrase[2], 1]));
        out.push(hash([gap, self.keyword, 2]));
        out.push(hash([u64::from(self.first_letter), w[0], c1, wl]));
        out.push(hash([word, age_class, upper]));
        out.push(hash([n as u64 >> 11, word, 3]));
        // shape of the word
        out.push(hash([wl, u64::from(self.shape & 0xFFFF), 4]));
        out.push(hash([wl, self.letters & 0xFFFF_FFFF, 7]));
        // character classes
        out.push(hash([self.groups]));
        out.push(hash([u64::from(self.nibbles & 0xFFF), 8]));
        out.push(hash([mask & 0xFFFF, c4 & 0xFF_FF00]));
        out.push(hash([self.nest, word, 11]));
        out.push(hash([u64::from(self.opened), wl, g]));
        // lines
        out.push(hash([self.line, 12]));
        out.push(hash([above, above_agrees, c1, 13]));
        out.push(hash([above, above_agrees, c1, column]));
        out.push(hash([above, above2, above3, c1]));
        out.push(hash([column, c1, 14]));
        out.push(hash([column, mask & 0x1FF, u64::from(self.first_char)]));
        out.push(hash([self.first_word, word, 16]));
        // markup
        out.push(hash([tag, parent, word, c1]));
        out.push(hash([tag, c4 & 0xFF_FFFF, u64::from(self.in_tag)]));
        // the token at the same place of the previous line
        let (old, old_start) = self.tokens[1][self.field];
        let here = n - self.tokens[0][self.field].1.min(n);
        let aligned = if old_start == 0 {
            0
        } else {
            u64::from(history.get(old_start + here).copied().unwrap_or(0))
        };
        out.push(hash([old, word, gap]));
        out.push(hash([aligned, c1, self.field as u64]));
        // sparse and nested
        out.push(hash([c4 & 0xFF_FF00, 17]));
        out.push(hash([self.nest, c1, mask & 0x3F, 32]));
        // indirect
        out.push(hash([follower, wl, 20]));
        out.push(hash([follower & 0xFF, c4 & 0xFFFF, 21]));
        let by_pair = u64::from(self.seen.after((c4 & 0xFFFF) as u16));
        let by_byte = u64::from(self.by_byte[(c4 & 0xFF) as usize]);
        out.push(hash([by_pair & 0xFFFF, c4 & 0xFF, 22]));
        out.push(hash([by_byte & 0xFF_FFFF, c4 & 0xFF, 23]));
        // runs of classes
        out.push(hash([self.runs, 62]));
        out.push(hash([self.runs & 0xFFFF_FFFF, 60]));
        out.push(hash([self.marks, 65]));
        out.push(hash([self.marks & 0xFF_FFFF, wl, self.runs & 0xFFFF, 72]));
        out.push(hash([self.marks & 0xFFFF_FFFF, word, 66]));
        out.push(hash([self.marks, word, 70]));
        out.push(hash([self.groups & 0xFFFF_FFFF, c4 & 0xFFFF, 69]));
        out.push(hash([
            u64::from(self.shape),
            u64::from(self.last_word_length),
            78,
        ]));
        debug_assert_eq!(out.len() - start, CONTEXTS);
    }
}
