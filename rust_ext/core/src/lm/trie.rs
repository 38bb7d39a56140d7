//! The tokens of a vocabulary by their bytes, so that a distribution of tokens tells that of the next byte.
//!
//! Tokens are sorted by their bytes: those that begin alike are neighbours, and what they weigh together is a difference of
//! two sums. Of tokens with the same bytes the one with the lowest number stands for all; tokens without bytes are left out.

use crate::bytelm::tree::Tree;
use crate::{Error, Result};

/// Sums of weights as [`Tree`] takes them, with its one for each byte.
const TREE_BITS: u32 = 31;

/// A vocabulary.
#[derive(Debug)]
pub struct Trie {
    /// The bytes of all tokens, one after the other, and where those of each end.
    data: Vec<u8>,
    ends: Vec<usize>,
    /// Tokens, by their bytes.
    order: Vec<u32>,
    /// For each token, the one that stands for it, if any.
    stands_for: Vec<Option<u32>>,
    /// Where in the order those begin that begin with each byte; all that have bytes do.
    first: Vec<usize>,
}

/// All tokens that begin with some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    from: usize,
    to: usize,
    depth: usize,
}

impl Trie {
    /// Sorts a vocabulary.
    ///
    /// # Errors
    /// [`Error::Model`] where the ends are not those of tokens, or no token has bytes.
    pub fn new(data: Vec<u8>, ends: Vec<usize>) -> Result<Self> {
        if !ends.is_sorted() || ends.last().is_none_or(|&end| end != data.len()) {
            return Err(Error::Model {
                what: "ends of tokens do not fit their bytes",
            });
        }
        let mut trie = Self {
            order: Vec::with_capacity(ends.len()),
            stands_for: vec![None; ends.len()],
            first: Vec::with_capacity(257),
            data,
            ends,
        };
        let mut order: Vec<u32> = (0..trie.ends.len())
            .filter_map(|token| u32::try_from(token).ok())
            .filter(|&token| !trie.bytes(token).is_empty())
            .collect();
        // The sort is stable: of like ones the lowest comes first.
        order.sort_by(|&a, &b| trie.bytes(a).cmp(trie.bytes(b)));
        for token in order {
            let before = trie.order.last().copied();
            let same = before.filter(|&before| trie.bytes(before) == trie.bytes(token));
            trie.stands_for[token as usize] = Some(same.unwrap_or(token));
            if same.is_none() {
                trie.order.push(token);
            }
        }
        if trie.order.is_empty() {
            return Err(Error::Model {
                what: "no token has bytes",
            });
        }
        for byte in 0..=256 {
            let at = trie
                .order
                .partition_point(|&token| usize::from(trie.bytes(token)[0]) < byte);
            trie.first.push(at);
        }
        Ok(trie)
    }

    /// The bytes of a token.
    #[must_use]
    pub fn bytes(&self, token: u32) -> &[u8] {
        let token = token as usize;
        let start = token.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.data[start..self.ends[token]]
    }

    /// The token that stands for a token; none where it has no bytes, or is none of the vocabulary.
    #[must_use]
    pub fn standing_for(&self, token: u32) -> Option<u32> {
        self.stands_for.get(token as usize).copied().flatten()
    }

    /// How many bytes the tokens of a node have in common.
    #[must_use]
    pub fn depth(&self, node: Node) -> usize {
        node.depth
    }

    /// All tokens.
    #[must_use]
    pub fn root(&self) -> Node {
        Node {
            from: 0,
            to: self.order.len(),
            depth: 0,
        }
    }

    /// The token whose bytes are those of the node, and no more.
    #[must_use]
    pub fn whole(&self, node: Node) -> Option<u32> {
        let token = self.order[node.from];
        (self.bytes(token).len() == node.depth).then_some(token)
    }

    /// Whether no token goes on after the bytes of the node.
    #[must_use]
    pub fn is_last(&self, node: Node) -> bool {
        node.to - node.from == 1 && self.whole(node).is_some()
    }

    /// The node of one byte more, where there is one.
    #[must_use]
    pub fn child(&self, node: Node, byte: u8) -> Option<Node> {
        let (from, to) = if node.depth == 0 {
            let byte = usize::from(byte);
            (self.first[byte], self.first[byte + 1])
        } else {
            let rest = self.longer(node);
            let part = &self.order[rest..node.to];
            let at = |&token: &u32| self.bytes(token)[node.depth];
            let from = rest + part.partition_point(|token| at(token) < byte);
            (from, rest + part.partition_point(|token| at(token) <= byte))
        };
        let depth = node.depth + 1;
        (from < to).then_some(Node { from, to, depth })
    }

    /// Where in the order those begin that go on after the bytes of the node.
    fn longer(&self, node: Node) -> usize {
        node.from + usize::from(self.whole(node).is_some())
    }

    /// Sets a one for each byte that goes on after the node, and a zero for each other one.
    pub fn mark(&self, node: Node, ones: &mut [u32]) {
        ones.fill(0);
        self.children(node, |byte, from, to| {
            ones[usize::from(byte)] = u32::from(from < to);
        });
    }

    /// Calls back with each byte that goes on after the node, and where those are in the order that do.
    fn children(&self, node: Node, mut each: impl FnMut(u8, usize, usize)) {
        if node.depth == 0 {
            for byte in 0..=255_u8 {
                let at = usize::from(byte);
                each(byte, self.first[at], self.first[at + 1]);
            }
            return;
        }
        let mut from = self.longer(node);
        while from < node.to {
            let byte = self.bytes(self.order[from])[node.depth];
            let part = &self.order[from..node.to];
            let length = part.partition_point(|&token| self.bytes(token)[node.depth] == byte);
            each(byte, from, from + length);
            from += length;
        }
    }
}

/// What the tokens of a vocabulary weigh: sums in the order of their bytes.
#[derive(Debug, Clone, Default)]
pub struct Sums(Vec<u64>);

impl Sums {
    /// Takes new weights, by token; each counts one more, and those that are missing count one.
    pub fn set(&mut self, trie: &Trie, weights: &[u32]) {
        self.0.clear();
        self.0.push(0);
        let mut sum = 0;
        self.0.extend(trie.order.iter().map(|&token| {
            sum += 1 + u64::from(weights.get(token as usize).copied().unwrap_or(0));
            sum
        }));
    }

    /// What all tokens of a node weigh.
    #[must_use]
    pub fn all(&self, node: Node) -> u64 {
        self.0[node.to] - self.0[node.from]
    }

    /// Probability in 22 bits that the node is the whole token, where it is one.
    #[must_use]
    pub fn p_whole(&self, node: Node) -> u32 {
        let one = u128::from(self.0[node.from + 1] - self.0[node.from]);
        let p = (one << 22) / u128::from(self.all(node));
        u32::try_from(p).unwrap_or(u32::MAX).clamp(1, (1 << 22) - 1)
    }

    /// Sets the distribution of the byte after those of the node, which is not the last of its token.
    #[allow(clippy::cast_possible_truncation)] // by the shift
    pub fn spread(&self, trie: &Trie, node: Node, tree: &mut Tree) {
        let all = self.0[node.to] - self.0[trie.longer(node)];
        let shift = (u64::BITS - all.leading_zeros()).saturating_sub(TREE_BITS);
        let leaves = tree.leaves();
        leaves.fill(1);
        trie.children(node, |byte, from, to| {
            let sum = (self.0[to] - self.0[from]) >> shift;
            leaves[usize::from(byte)] += sum as u32;
        });
        tree.add_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trie(tokens: &[&[u8]]) -> Trie {
        let ends = tokens.iter().scan(0, |end, token| {
            *end += token.len();
            Some(*end)
        });
        let ends = ends.collect();
        Trie::new(tokens.concat(), ends).unwrap()
    }

    #[test]
    fn tokens_are_found_by_their_bytes() {
        let trie = trie(&[b"b", b"", b"ab", b"a", b"abc", b"a"]);
        assert_eq!(trie.standing_for(1), None);
        assert_eq!(trie.standing_for(5), Some(3));
        assert_eq!(trie.standing_for(9), None);
        let a = trie.child(trie.root(), b'a').unwrap();
        assert_eq!(trie.whole(a), Some(3));
        assert!(!trie.is_last(a));
        let ab = trie.child(a, b'b').unwrap();
        let abc = trie.child(ab, b'c').unwrap();
        assert_eq!(trie.whole(abc), Some(4));
        assert!(trie.is_last(abc));
        assert_eq!(trie.child(ab, b'd'), None);
        assert_eq!(trie.child(trie.root(), b'z'), None);
        assert!(trie.is_last(trie.child(trie.root(), b'b').unwrap()));
    }

    #[test]
    fn bytes_have_the_shares_of_their_tokens() {
        let trie = trie(&[b"a", b"ab", b"ac", b"b"]);
        let mut sums = Sums::default();
        sums.set(&trie, &[4_000, 2_000, 1_000]);
        let a = trie.child(trie.root(), b'a').unwrap();
        assert_eq!(sums.all(a), 7_003);
        assert_eq!(u64::from(sums.p_whole(a)), (4_001 << 22) / 7_003);
        let mut tree = Tree::default();
        sums.spread(&trie, trie.root(), &mut tree);
        assert_eq!(tree.likeliest(1), b'a');
        sums.spread(&trie, a, &mut tree);
        assert_eq!(tree.likeliest(1), b'b');
        assert!((tree.p(0b1011_0001).abs_diff((1_001 << 22) / 3_002)) < 4_000);
    }

    #[test]
    fn bytes_that_go_on_are_marked() {
        let trie = trie(&[b"a", b"ab", b"ac", b"b"]);
        let marked = |node| {
            let mut ones = [7; 256];
            trie.mark(node, &mut ones);
            let of = |byte: u8| ones[usize::from(byte)];
            assert_eq!(ones.iter().sum::<u32>(), of(b'a') + of(b'b') + of(b'c'));
            [of(b'a'), of(b'b'), of(b'c')]
        };
        assert_eq!(marked(trie.root()), [1, 1, 0]);
        assert_eq!(marked(trie.child(trie.root(), b'a').unwrap()), [0, 1, 1]);
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        assert!(Trie::new(b"ab".to_vec(), vec![1]).is_err());
        assert!(Trie::new(b"ab".to_vec(), vec![2, 1]).is_err());
        assert!(Trie::new(Vec::new(), vec![0, 0]).is_err());
        assert!(Trie::new(Vec::new(), Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn every_token_is_a_path(tokens in prop::collection::vec(prop::collection::vec(0..4_u8, 0..5), 1..40)) {
            let views: Vec<&[u8]> = tokens.iter().map(Vec::as_slice).collect();
            prop_assume!(views.iter().any(|token| !token.is_empty()));
            let trie = trie(&views);
            for (number, token) in (0..).zip(&views) {
                let found = trie.standing_for(number);
                prop_assert_eq!(found.is_some(), !token.is_empty());
                let Some(found) = found else { continue };
                prop_assert_eq!(trie.bytes(found), *token);
                let mut node = trie.root();
                for &byte in *token {
                    prop_assert!(!trie.is_last(node));
                    node = trie.child(node, byte).unwrap();
                }
                prop_assert_eq!(trie.whole(node), Some(found));
            }
        }
    }
}
