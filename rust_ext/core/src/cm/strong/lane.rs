//! What each lane of a stream has of its own: a place in the text, and what is known of the text before it.
//!
//! Symbols are cut into pieces that are coded side by side, one symbol of each in turn. Lanes learn together, but each
//! predicts from its own past. The lane of the last piece of a group goes on with the first piece of the next one, which
//! follows it; the others move on by one and begin anew there.

use super::contextmap::Buckets;
use super::direct::Lines;
use super::image::Bilevel;
use super::matchmodel::Match;
use super::neural::Follower;
use crate::cm::content::binary::Binary;
use crate::cm::content::pixels::Pixels;
use crate::cm::content::text::{Seen, Text};
use crate::cm::fast::contexts::Contexts;
use std::borrow::Cow;
use std::sync::Arc;

/// What is known of the data, by kind.
#[derive(Debug, Clone)]
pub enum Content {
    Text(Box<Text>),
    Binary(Box<Binary>),
    Bilevel(Box<Bilevel>),
    Pixels(Box<Pixels>),
}

impl Content {
    /// The memory of a text, as it was at the start, if that is what it is.
    #[must_use]
    pub fn into_seen(self) -> Option<Seen> {
        match self {
            Self::Text(text) => text.into_seen(),
            Self::Binary(_) | Self::Bilevel(_) | Self::Pixels(_) => None,
        }
    }
}

/// One lane.
#[derive(Debug, Clone)]
pub struct Lane<'a> {
    /// Which one it is, whatever its turn.
    pub number: usize,
    /// Where in the history its next byte is.
    pub position: usize,
    pub content: Content,
    /// Contexts that a prior knows.
    pub known: Contexts,
    pub follower: Option<Arc<Follower<'a>>>,
    pub matches: Vec<Match>,
    /// Mispredicted recent bytes.
    pub misses: u32,
    /// Of the next byte.
    pub buckets: Buckets,
    pub lines: Lines,
    pub selectors: [u32; 4],
    pub map_bases: [u64; 4],
}

impl Lane<'_> {
    /// Goes on at another position.
    pub fn jump(&mut self, position: usize) {
        self.position = position;
        self.matches.fill_with(|| Match::new(position));
        if let Content::Text(text) = &mut self.content {
            text.new_line(position);
        }
    }

    /// The byte so many bytes back.
    #[inline(always)]
    #[must_use]
    pub fn back(&self, history: &[u8], k: usize) -> u8 {
        self.position.checked_sub(k).map_or(0, |at| history[at])
    }
}

/// Most symbols that a lane codes before it takes another place in turn.
const PIECE: usize = 1 << 15;

/// How symbols are cut: first into groups, one after the other, and each of these into as many pieces as there are
/// lanes. The longer ones come first, by one symbol at most.
#[derive(Debug, Clone)]
pub struct Groups {
    rest: usize,
    left: usize,
}

impl Groups {
    /// The groups of `count` symbols.
    #[must_use]
    pub fn new(count: usize, lanes: usize) -> Self {
        // One lane has no reason to move on.
        let piece = if lanes == 1 { count.max(1) } else { PIECE };
        Self {
            rest: count,
            left: count.div_ceil(lanes * piece),
        }
    }
}

impl Iterator for Groups {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let length = self.rest.div_ceil(self.left);
        self.rest -= length;
        self.left -= 1;
        Some(length)
    }
}

/// Lengths of the pieces of a group.
pub fn pieces(group: usize, lanes: usize) -> impl Iterator<Item = usize> {
    (0..lanes).map(move |lane| (group + lanes - 1 - lane) / lanes)
}

/// Calls back with the place of each symbol, and that in the order in which they are coded.
fn places(count: usize, lanes: usize, mut each: impl FnMut(usize, usize)) {
    let mut start = 0;
    for group in Groups::new(count, lanes) {
        let mut place = start;
        for (lane, length) in pieces(group, lanes).enumerate() {
            for i in 0..length {
                each(place, start + i * lanes + lane);
                place += 1;
            }
        }
        start += group;
    }
}

/// Symbols in the order in which they are coded.
#[must_use]
pub fn interleave(symbols: &[u8], lanes: usize) -> Cow<'_, [u8]> {
    if lanes == 1 {
        return Cow::Borrowed(symbols);
    }
    let mut coded = vec![0; symbols.len()];
    places(symbols.len(), lanes, |place, turn| {
        coded[turn] = symbols[place];
    });
    Cow::Owned(coded)
}

/// Undoes [`interleave`].
#[must_use]
pub fn join(coded: Vec<u8>, lanes: usize) -> Vec<u8> {
    if lanes == 1 {
        return coded;
    }
    let mut symbols = vec![0; coded.len()];
    places(coded.len(), lanes, |place, turn| {
        symbols[place] = coded[turn];
    });
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lanes_take_turns() {
        assert_eq!(*interleave(b"abcdefg", 1), *b"abcdefg");
        assert_eq!(*interleave(b"abcdefg", 2), *b"aebfcgd");
        assert_eq!(*interleave(b"abcdefg", 3), *b"adfbegc");
        assert_eq!(*interleave(b"ab", 3), *b"ab");
        assert_eq!(pieces(7, 3).collect::<Vec<_>>(), [3, 2, 2]);
    }

    #[test]
    fn long_texts_have_several_groups_of_about_equal_length() {
        let groups = |count, lanes| Groups::new(count, lanes).collect::<Vec<_>>();
        assert!(groups(0, 2).is_empty());
        assert_eq!(groups(1 << 30, 1), [1 << 30]);
        assert_eq!(groups(2 * PIECE, 2), [2 * PIECE]);
        assert_eq!(groups(2 * PIECE + 1, 2), [PIECE + 1, PIECE]);
        // The first symbols of the second group come behind all of the first one.
        let symbols: Vec<u8> = (0..=2 * PIECE).map(|at| u8::from(at > PIECE)).collect();
        assert!(*interleave(&symbols, 2) == symbols);
    }

    proptest! {
        #[test]
        fn pieces_are_joined(symbols in prop::collection::vec(any::<u8>(), 0..50), lanes in 1..9_usize, times in 1..9_usize) {
            // Short ones in one group, long ones in several.
            let symbols = symbols.repeat(times.pow(6) / 100 + 1);
            let coded = interleave(&symbols, lanes).into_owned();
            prop_assert!(join(coded, lanes) == symbols);
        }
    }
}
