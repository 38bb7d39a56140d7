//! Code lengths of columns, estimated by counts.

use crate::cm::content::hashing::fold;

/// Part of the weight of a mixture that is shared at each row.
const SHARED: f32 = 0.02;
/// Counts of that many pairs of a key and a value stand in one table by their numbers; of more, they are found by hashes.
const DENSE: u64 = 1 << 16;
/// What a product of probabilities, or the sum of weights, is multiplied with where it became less than `SMALL`.
const SCALE_BITS: u32 = 64;
const SCALE: f32 = (1_u64 << 32) as f32 * (1_u64 << 32) as f32;
const SMALL: f32 = 1e-20;

/// Numbers, one for each row, and how many there are at most.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    pub of: &'a [u32],
    pub many: usize,
}

/// The same where they are kept.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    of: Vec<u32>,
    many: usize,
}

impl Numbers {
    /// Numbers from 0 on for what is equal, in the order of rows.
    pub fn new(rows: impl Iterator<Item = u64>, numbering: &mut Numbering) -> Self {
        numbering.next += 1;
        let mut many = 0;
        let of = rows.map(|row| numbering.number(row, &mut many)).collect();
        Self {
            of,
            many: many as usize,
        }
    }

    /// Numbers for both of two.
    pub fn with(&self, other: &Self, numbering: &mut Numbering) -> Self {
        let many = self.many as u64;
        let both = self.of.iter().zip(&other.of);
        let both = both.map(|(&a, &b)| u64::from(a) + many * u64::from(b));
        Self::new(both, numbering)
    }

    /// All of them.
    pub fn keys(&self) -> Keys<'_> {
        Keys {
            of: &self.of,
            many: self.many,
        }
    }
}

/// Finds the numbers of what was seen before.
#[derive(Debug)]
pub struct Numbering {
    /// By hash: what it is, its number, and in which use of the table.
    slots: Vec<(u64, u32, u32)>,
    next: u32,
}

impl Numbering {
    /// For so many rows.
    pub fn new(rows: usize) -> Self {
        Self {
            slots: vec![(0, 0, 0); (rows * 2).next_power_of_two()],
            next: 0,
        }
    }

    fn number(&mut self, row: u64, many: &mut u32) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = (fold(5, row) >> 32) as usize & mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.2 != self.next {
                *slot = (row, *many, self.next);
                *many += 1;
                return *many - 1;
            }
            if slot.0 == row {
                return slot.1;
            }
            at = (at + 1) & mask;
        }
    }
}

/// A product of probabilities, as bits.
#[derive(Debug, Clone, Copy)]
struct Product {
    rest: f32,
    scaled: u32,
}

impl Product {
    const ONE: Self = Self {
        rest: 1.0,
        scaled: 0,
    };

    #[inline(always)]
    fn times(&mut self, p: f32) {
        self.rest *= p;
        if self.rest < SMALL {
            self.rest *= SCALE;
            self.scaled += 1;
        }
    }

    fn bits(self) -> f32 {
        (self.scaled * SCALE_BITS) as f32 - self.rest.log2()
    }
}

/// What was seen of a key, or of a key and a value.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// A part of the hash, and in the lower half which use of the table it is of.
    check: u32,
    /// Cells.
    n: u16,
    /// Different values among them.
    kinds: u16,
}

impl Slot {
    /// That of a hash; where there is none, the next free one.
    #[inline(always)]
    fn of(slots: &mut [Self], hash: u64, use_of: u32) -> &mut Self {
        let mask = slots.len() - 1;
        let check = (hash as u32) << 16 | use_of;
        let mut at = (hash >> 40) as usize & mask;
        loop {
            if slots[at].check == check {
                return &mut slots[at];
            }
            // What an earlier use left is free.
            if slots[at].check & 0xFFFF != use_of {
                let (n, kinds) = (0, 0);
                slots[at] = Self { check, n, kinds };
                return &mut slots[at];
            }
            at = (at + 1) & mask;
        }
    }
}

/// Counts of values under keys.
pub struct Counts {
    /// `1 / n`.
    parts: Vec<f32>,
    /// Of each key, cells seen and different values among them.
    dense_keys: Vec<(u16, u16)>,
    /// Of each key and value, cells seen.
    dense: Vec<u16>,
    /// The same by hash of key, and of key and value.
    keys: Vec<Slot>,
    pairs: Vec<Slot>,
    /// Number of this use, from 1 to 2^16 - 1.
    use_of: u32,
}

impl Counts {
    /// For so many rows, 2^15 at most.
    pub fn new(rows: usize) -> Self {
        let slots = (rows * 4).next_power_of_two();
        Self {
            parts: (0..=2 * rows + 2).map(|n| 1.0 / n.max(1) as f32).collect(),
            dense_keys: Vec::new(),
            dense: Vec::new(),
            keys: vec![Slot::default(); slots],
            pairs: vec![Slot::default(); slots],
            use_of: 0,
        }
    }

    /// The probability of a value under a key, of which `n` cells with `kinds` values were seen, where it has `alone` without. As in
    /// PPM (method C): a new value has the weight of all those that were new before.
    #[inline(always)]
    fn p(parts: &[f32], (n, kinds): (u16, u16), count: u16, alone: f32) -> f32 {
        let part = parts[usize::from(n) + usize::from(kinds)];
        // Two pairs may have one check: a key may have seen nothing new then, and still no value is impossible.
        let fresh = if n == 0 {
            1.0
        } else {
            f32::from(kinds.max(1)) * part
        };
        fresh * alone + f32::from(count) * part
    }

    /// Tells the probability of each of `ids` given its key, of one or two numbers, where `alone` are those without.
    #[inline(always)]
    pub fn each(
        &mut self,
        ids: Keys<'_>,
        alone: &[f32],
        (first, second): (Keys<'_>, Option<Keys<'_>>),
        tell: impl FnMut(f32),
    ) {
        let many = first.many as u64 * second.map_or(1, |second| second.many as u64);
        let is_dense = many * ids.many as u64 <= DENSE;
        let firsts = first.of.iter().map(|&key| u64::from(key));
        let Some(second) = second else {
            return if is_dense {
                self.dense(ids, alone, many, firsts, tell);
            } else {
                self.hashed(ids, alone, firsts, tell);
            };
        };
        let seconds = second.of.iter().map(|&key| u64::from(key));
        let keys = firsts.zip(seconds).map(|(a, b)| a * second.many as u64 + b);
        if is_dense {
            self.dense(ids, alone, many, keys, tell);
        } else {
            self.hashed(ids, alone, keys, tell);
        }
    }

    #[inline(always)]
    fn dense(
        &mut self,
        ids: Keys<'_>,
        alone: &[f32],
        many: u64,
        keys: impl Iterator<Item = u64>,
        mut tell: impl FnMut(f32),
    ) {
        let many = many as usize;
        self.dense_keys.clear();
        self.dense_keys.resize(many, (0, 0));
        self.dense.clear();
        self.dense.resize(many * ids.many, 0);
        let (parts, all, counts) = (
            &self.parts[..],
            &mut self.dense_keys[..],
            &mut self.dense[..],
        );
        for (&id, key) in ids.of.iter().zip(keys) {
            let (n, kinds) = &mut all[key as usize];
            let count = &mut counts[key as usize * ids.many + id as usize];
            let alone = alone[id as usize];
            tell(Self::p(parts, (*n, *kinds), *count, alone));
            *kinds += u16::from(*count == 0);
            *n += 1;
            *count += 1;
        }
    }

    #[inline(always)]
    fn hashed(
        &mut self,
        ids: Keys<'_>,
        alone: &[f32],
        keys: impl Iterator<Item = u64>,
        mut tell: impl FnMut(f32),
    ) {
        self.use_of = (self.use_of + 1) & 0xFFFF;
        if self.use_of == 0 {
            self.keys.fill(Slot::default());
            self.pairs.fill(Slot::default());
            self.use_of = 1;
        }
        for (&id, key) in ids.of.iter().zip(keys) {
            let hash = fold(3, key);
            let key = Slot::of(&mut self.keys, hash, self.use_of);
            let pair = Slot::of(&mut self.pairs, fold(hash, id.into()), self.use_of);
            let alone = alone[id as usize];
            tell(Self::p(&self.parts, (key.n, key.kinds), pair.n, alone));
            key.kinds += u16::from(pair.n == 0);
            key.n += 1;
            pair.n += 1;
        }
    }

    /// Bits of all `ids`.
    pub fn bits(&mut self, ids: Keys<'_>, alone: &[f32], key: Keys<'_>) -> f32 {
        let mut product = Product::ONE;
        self.each(ids, alone, (key, None), |p| product.times(p));
        product.bits()
    }
}

/// Mixes predictions as they prove right: those of the mixture, and its bits.
pub fn mix(first: &[f32], others: &[&[f32]]) -> (Vec<f32>, f32) {
    match *others {
        [a] => mixture(first, [a]),
        [a, b] => mixture(first, [a, b]),
        [a, b, c] => mixture(first, [a, b, c]),
        _ => mixture(first, []),
    }
}

fn mixture<const N: usize>(first: &[f32], others: [&[f32]; N]) -> (Vec<f32>, f32) {
    let many = (1 + N) as f32;
    let others = others.map(|other| &other[..first.len()]);
    // Weights are not divided by their sum, so that no row waits for a division of the row before.
    let (mut own, mut weights) = (1.0 / many, [1.0 / many; N]);
    let (mut last, mut scaled) = (1.0, 0);
    let mut mixed = vec![0.0; first.len()];
    for (at, (p, mixed)) in first.iter().zip(&mut mixed).enumerate() {
        own *= p;
        let mut sum = own;
        for (weight, other) in weights.iter_mut().zip(others) {
            *weight *= other[at];
            sum += *weight;
        }
        *mixed = sum / last;
        last = sum;
        let shared = sum * (SHARED / many);
        own = own * (1.0 - SHARED) + shared;
        for weight in &mut weights {
            *weight = *weight * (1.0 - SHARED) + shared;
        }
        if sum < SMALL {
            last *= SCALE;
            own *= SCALE;
            for weight in &mut weights {
                *weight *= SCALE;
            }
            scaled += 1;
        }
    }
    let product = Product { rest: last, scaled };
    (mixed, product.bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(rows: &[u32]) -> Numbers {
        let mut numbering = Numbering::new(rows.len());
        Numbers::new(rows.iter().map(|&row| row.into()), &mut numbering)
    }

    /// What [`Counts::each`] is to tell, with a search through all rows before.
    fn expected(ids: &[u32], keys: &[u32]) -> Vec<f64> {
        let share = |id: u32| ids.iter().filter(|&&other| other == id).count() as f64;
        let rows = ids.iter().zip(keys).enumerate();
        rows.map(|(at, (&id, key))| {
            let before = ids[..at].iter().zip(&keys[..at]);
            let mut seen: Vec<u32> = before.filter(|(_, k)| *k == key).map(|(&i, _)| i).collect();
            let count = seen.iter().filter(|&&other| other == id).count() as f64;
            let n = seen.len() as f64;
            seen.sort_unstable();
            seen.dedup();
            let kinds = seen.len() as f64;
            let alone = share(id) / ids.len() as f64;
            if n == 0.0 {
                alone
            } else {
                (kinds * alone + count) / (n + kinds)
            }
        })
        .collect()
    }

    fn shares(ids: Keys<'_>) -> Vec<f32> {
        let share = |id| ids.of.iter().filter(|&&other| other == id).count() as f32;
        (0..ids.many as u32)
            .map(|id| share(id) / ids.of.len() as f32)
            .collect()
    }

    #[test]
    fn equal_rows_have_equal_numbers_in_each_use() {
        let mut numbering = Numbering::new(4);
        for rows in [[7, 9, 7, 1 << 40], [9, 9, 7, 7]] {
            let of = Numbers::new(rows.into_iter(), &mut numbering);
            let first = |row| rows.iter().position(|&other| other == row);
            for (at, &row) in rows.iter().enumerate() {
                assert_eq!(Some(of.of[at]), first(row).map(|at| of.of[at]));
            }
            let mut kinds = of.of.clone();
            kinds.sort_unstable();
            kinds.dedup();
            assert_eq!(kinds, (0..of.many as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn numbers_of_two_tell_what_each_of_them_tells() {
        let mut numbering = Numbering::new(5);
        let [a, b] = [[0, 0, 1, 1, 0], [5, 6, 5, 5, 5]].map(|rows| numbers(&rows));
        let both = a.with(&b, &mut numbering);
        assert_eq!((&both.of[..], both.many), (&[0, 1, 2, 2, 0][..], 3));
    }

    proptest! {
        #[test]
        fn probabilities_are_those_of_ppm(
            rows in prop::collection::vec((0_u32..5, 0_u32..3, 0_u32..2), 1..120),
            spread in prop::bool::ANY,
        ) {
            // Of many numbers, which hashes find, each stands for one of few.
            let far = if spread { 1 << 12 } else { 1 };
            let column = |of: fn(&(u32, u32, u32)) -> u32| -> Vec<u32> { rows.iter().map(of).collect() };
            let (ids, firsts, seconds) = (column(|row| row.0), column(|row| row.1), column(|row| row.2));
            let (of_ids, first, second) = (numbers(&ids), numbers(&firsts), numbers(&seconds));
            let [ids_keys, mut first, second] = [&of_ids, &first, &second].map(Numbers::keys);
            first.many *= far;
            let alone = shares(ids_keys);
            let mut counts = Counts::new(rows.len());
            let both: Vec<u32> = rows.iter().map(|row| row.1 * 2 + row.2).collect();
            for (other, keys) in [(None, &firsts), (Some(second), &both), (None, &firsts)] {
                let mut found = Vec::new();
                counts.each(ids_keys, &alone, (first, other), |p| found.push(p));
                for (found, expected) in found.iter().zip(expected(&ids, keys)) {
                    prop_assert!((f64::from(*found) - expected).abs() < 1e-5 * expected);
                }
                prop_assert_eq!(found.len(), rows.len());
            }
            let bits: f64 = expected(&ids, &firsts).iter().map(|p| -p.log2()).sum();
            prop_assert!((f64::from(counts.bits(ids_keys, &alone, first)) - bits).abs() < 1e-3 * (1.0 + bits));
        }

        #[test]
        fn mixtures_share_a_part_of_their_weight(
            rows in prop::collection::vec([1e-9_f32..1.0, 1e-9_f32..1.0, 1e-9_f32..1.0], 1..300),
            few in prop::bool::ANY,
        ) {
            let column = |k: usize| -> Vec<f32> { rows.iter().map(|row| row[k]).collect() };
            let [a, b, c] = [0, 1, 2].map(column);
            let others = if few { &[&b[..]][..] } else { &[&b[..], &c] };
            let (mixed, bits) = mix(&a, others);
            let many = 1 + others.len();
            let mut weights = vec![1.0 / many as f64; many];
            let mut all = 0.0;
            for (at, &mixed) in mixed.iter().enumerate() {
                for (weight, p) in weights.iter_mut().zip(&rows[at]) {
                    *weight *= f64::from(*p);
                }
                let sum: f64 = weights.iter().sum();
                prop_assert!((f64::from(mixed) - sum).abs() < 1e-4 * sum);
                all -= sum.log2();
                for weight in &mut weights {
                    *weight = *weight / sum * (1.0 - f64::from(SHARED)) + f64::from(SHARED) / many as f64;
                }
            }
            prop_assert!((f64::from(bits) - all).abs() < 1e-3 * (1.0 + all));
        }
    }
}
