//! Prefix codes: a number as a path of decisions, short for frequent numbers.

/// Longest path.
pub const MAX_LENGTH: u32 = 28;
/// The depth below which a code that keeps an order halves numbers, not weights: that many halvings end in time.
const DEEP: u8 = 14;
/// Marks what is a number, not a node.
const LEAF: u32 = 1 << 31;

/// Lengths of an optimal prefix code; those of weight 0 have none.
pub fn lengths(weights: &[u64]) -> Vec<u8> {
    let mut scaled: Vec<u64> = weights.to_vec();
    loop {
        let found = huffman(&scaled);
        if found.iter().all(|&length| u32::from(length) <= MAX_LENGTH) {
            return found;
        }
        for weight in &mut scaled {
            *weight = weight.div_ceil(2);
        }
    }
}

fn huffman(weights: &[u64]) -> Vec<u8> {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    let used: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0).collect();
    let mut lengths = vec![0; weights.len()];
    if used.len() < 2 {
        return lengths;
    }
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = used
        .iter()
        .enumerate()
        .map(|(node, &i)| Reverse((weights[i], node)))
        .collect();
    let mut parents = vec![0; 2 * used.len() - 1];
    let mut next = used.len();
    while let (Some(Reverse((a, left))), Some(Reverse((b, right)))) = (heap.pop(), heap.pop()) {
        (parents[left], parents[right]) = (next, next);
        if next + 1 == parents.len() {
            break;
        }
        heap.push(Reverse((a + b, next)));
        next += 1;
    }
    let mut depths = vec![0_u8; parents.len()];
    for node in (0..parents.len() - 1).rev() {
        depths[node] = depths[parents[node]].saturating_add(1);
    }
    for (node, &i) in used.iter().enumerate() {
        lengths[i] = depths[node];
    }
    lengths
}

/// Lengths of a code whose paths are in the order of their numbers: each decision halves weights, about.
pub fn ordered_lengths(weights: &[u64]) -> Vec<u8> {
    let mut lengths = vec![0; weights.len()];
    if weights.len() < 2 {
        return lengths;
    }
    let mut sums = Vec::with_capacity(weights.len() + 1);
    sums.push(0);
    for weight in weights {
        sums.push(sums[sums.len() - 1] + weight);
    }
    let mut left = vec![(0, weights.len(), 0)];
    while let Some((first, end, depth)) = left.pop() {
        if end - first == 1 {
            lengths[first] = depth;
            continue;
        }
        let middle = if depth < DEEP {
            // Twice the weights on both sides are nearest to this.
            let both = sums[first] + sums[end];
            let after = first + sums[first..end].partition_point(|&sum| 2 * sum < both);
            let after = after.clamp(first + 1, end - 1);
            let before = (after - 1).max(first + 1);
            if both.abs_diff(2 * sums[before]) < both.abs_diff(2 * sums[after]) {
                before
            } else {
                after
            }
        } else {
            first.midpoint(end)
        };
        left.extend([(first, middle, depth + 1), (middle, end, depth + 1)]);
    }
    lengths
}

/// What follows a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another one.
    Node(usize),
    /// The path ends with this number.
    Number(usize),
}

/// A complete prefix code.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Path of each number, and its length; 0 for those without.
    codes: Vec<(u32, u8)>,
    /// What follows each decision, by its outcome.
    nodes: Vec<[u32; 2]>,
    /// The first number below each decision, the first after a one, and the one behind the last.
    spans: Vec<[u32; 3]>,
    ordered: bool,
}

impl Tree {
    /// Builds the code of some lengths; none where these do not make a complete one. It is canonical, by length and then by
    /// number, or by number alone where it is to be `ordered`.
    pub fn new(lengths: &[u8], ordered: bool) -> Option<Self> {
        const WHOLE: u64 = 1 << MAX_LENGTH;
        let mut numbers: Vec<u32> = (0..lengths.len() as u32)
            .filter(|&i| lengths[i as usize] > 0)
            .collect();
        if !ordered {
            numbers.sort_by_key(|&i| (lengths[i as usize], i));
        }
        let mut tree = Self {
            codes: vec![(0, 0); lengths.len()],
            nodes: Vec::new(),
            spans: Vec::new(),
            ordered,
        };
        let mut place = 0_u64;
        for &number in &numbers {
            let length = u32::from(lengths[number as usize]);
            let share = WHOLE.checked_shr(length).filter(|&share| share > 0)?;
            if !place.is_multiple_of(share) || place + share > WHOLE {
                return None;
            }
            tree.insert(number, (place / share) as u32, length);
            place += share;
        }
        (numbers.is_empty() || place == WHOLE).then_some(tree)
    }

    fn insert(&mut self, number: u32, path: u32, length: u32) {
        self.codes[number as usize] = (path, length as u8);
        let node = |tree: &mut Self| {
            tree.nodes.push([0; 2]);
            tree.spans.push([number; 3]);
            tree.nodes.len() - 1
        };
        let mut at = if self.nodes.is_empty() { node(self) } else { 0 };
        for left in (0..length).rev() {
            let bit = (path >> left & 1) as usize;
            let span = &mut self.spans[at];
            if bit == 1 && self.nodes[at][1] == 0 {
                span[1] = number;
            }
            span[2] = number + 1;
            if left == 0 {
                self.nodes[at][bit] = LEAF | number;
            } else if self.nodes[at][bit] == 0 {
                self.nodes[at][bit] = node(self) as u32;
                at = self.nodes.len() - 1;
            } else {
                at = self.nodes[at][bit] as usize;
            }
        }
    }

    /// The path of a number, and how long it is.
    #[inline(always)]
    pub fn code(&self, number: usize) -> (u32, u32) {
        self.codes
            .get(number)
            .map_or((0, 0), |&(code, length)| (code, length.into()))
    }

    /// What follows a decision, 0 for the first.
    #[inline(always)]
    pub fn next(&self, node: usize, bit: u32) -> Next {
        let next = self.nodes[node][bit as usize & 1];
        if next & LEAF == 0 {
            Next::Node(next as usize)
        } else {
            Next::Number((next & !LEAF) as usize)
        }
    }

    /// Of an ordered code the numbers that a decision chooses from: the first, the first after a one, the one behind the last.
    #[inline(always)]
    pub fn span(&self, node: usize) -> Option<[u32; 3]> {
        self.ordered.then(|| self.spans[node])
    }

    /// Whether there is but one number or none, and no path.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows each path to its number.
    fn sound(tree: &Tree, lengths: &[u8]) {
        for (number, &length) in lengths.iter().enumerate().filter(|(_, &length)| length > 0) {
            let (path, long) = tree.code(number);
            assert_eq!(long, u32::from(length));
            let mut at = 0;
            for left in (0..long).rev() {
                let bit = path >> left & 1;
                if let Some([first, middle, end]) = tree.span(at) {
                    let below = if bit == 0 { first..middle } else { middle..end };
                    assert!(below.contains(&(number as u32)));
                }
                match tree.next(at, bit) {
                    Next::Node(next) => at = next,
                    Next::Number(found) => assert_eq!((found, left), (number, 0)),
                }
            }
        }
    }

    #[test]
    fn paths_lead_to_their_numbers() {
        let weights: Vec<u64> = (0..300)
            .map(|i| i * i % 97 + u64::from(i == 40) * 90_000)
            .collect();
        let found = lengths(&weights);
        sound(&Tree::new(&found, false).unwrap(), &found);
        let found = ordered_lengths(&weights);
        assert!(found[40] <= 2);
        sound(&Tree::new(&found, true).unwrap(), &found);
        // Weights that would make paths of any length.
        let steep: Vec<u64> = (0..60).map(|i| 1 << i).collect();
        for (found, ordered) in [(lengths(&steep), false), (ordered_lengths(&steep), true)] {
            sound(&Tree::new(&found, ordered).unwrap(), &found);
        }
        assert!(Tree::new(&[], true).unwrap().is_empty());
        assert_eq!(ordered_lengths(&[7]), [0]);
    }

    #[test]
    fn lengths_that_make_no_code_are_refused() {
        for ordered in [false, true] {
            for wrong in [
                &[1][..],
                &[1, 1, 1],
                &[1, 2],
                &[29, 29],
                &[200, 1],
                &[2, 2, 2],
            ] {
                assert!(Tree::new(wrong, ordered).is_none(), "{wrong:?}");
            }
        }
        // In this order the second path would have to begin inside the first one's.
        assert!(Tree::new(&[2, 1, 2], true).is_none());
        assert!(Tree::new(&[2, 1, 2], false).is_some());
    }
}
