//! Prefix codes: a number as a path of decisions, short for frequent numbers.

/// Longest path.
pub const MAX_LENGTH: u32 = 28;

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

/// A canonical prefix code.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Path of each number, and its length; 0 for those without.
    codes: Vec<(u32, u8)>,
    /// Numbers by their paths.
    sorted: Vec<u32>,
    /// For each length the first path of that length, and where its numbers begin in `sorted`.
    first: [(u64, usize); MAX_LENGTH as usize + 2],
}

impl Tree {
    /// Builds the code of some lengths; none where these do not make a complete one.
    pub fn new(lengths: &[u8]) -> Option<Self> {
        let mut sorted: Vec<u32> = (0..lengths.len() as u32)
            .filter(|&i| lengths[i as usize] > 0)
            .collect();
        sorted.sort_by_key(|&i| (lengths[i as usize], i));
        let mut codes = vec![(0, 0); lengths.len()];
        let mut first = [(u64::MAX, sorted.len()); MAX_LENGTH as usize + 2];
        let (mut code, mut at) = (0_u64, 0);
        #[allow(clippy::needless_range_loop)] // lengths are more than places
        for length in 1..=MAX_LENGTH as usize {
            code <<= 1;
            first[length] = (code, at);
            while at < sorted.len() && usize::from(lengths[sorted[at] as usize]) == length {
                codes[sorted[at] as usize] = (code as u32, length as u8);
                code += 1;
                at += 1;
            }
            if code > 1 << length {
                return None;
            }
        }
        let complete = sorted.is_empty() || code == 1 << MAX_LENGTH;
        (complete && at == sorted.len()).then_some(Self {
            codes,
            sorted,
            first,
        })
    }

    /// The path of a number, and how long it is.
    #[inline(always)]
    pub fn code(&self, number: usize) -> (u32, u32) {
        self.codes
            .get(number)
            .map_or((0, 0), |&(code, length)| (code, length.into()))
    }

    /// The number at the end of a path, if it ends.
    #[inline(always)]
    pub fn ends(&self, path: u32, length: u32) -> Option<usize> {
        let (first, at) = self.first[length as usize];
        let (_, end) = self.first[length as usize + 1];
        let place = at + u64::from(path).checked_sub(first)? as usize;
        (place < end).then(|| self.sorted[place] as usize)
    }

    /// Whether there is but one number or none, and no path.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}
