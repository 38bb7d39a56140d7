//! Code lengths of columns, estimated by counts.

use crate::cm::content::hashing::fold;

/// Part of the weight of a mixture that is shared at each row.
const SHARED: f32 = 0.02;

/// Counts of values under keys.
pub struct Counts {
    /// `1 / n`.
    parts: Vec<f32>,
    /// By hash of key: a check, cells seen and different values among them.
    keys: Vec<(u32, u16, u16)>,
    /// By hash of key and value: a check and cells seen.
    pairs: Vec<(u32, u32)>,
}

impl Counts {
    /// For so many rows, 2^16 at most.
    pub fn new(rows: usize) -> Self {
        let slots = (rows * 4).next_power_of_two();
        Self {
            parts: (0..=2 * rows + 2).map(|n| 1.0 / n.max(1) as f32).collect(),
            keys: vec![(0, 0, 0); slots],
            pairs: vec![(0, 0); slots],
        }
    }

    /// Tells the probability of each of `ids` given its key, where `alone` are those without.
    pub fn each(
        &mut self,
        ids: &[u32],
        alone: &[f32],
        key: impl Fn(usize) -> u64,
        mut tell: impl FnMut(usize, f32),
    ) {
        self.keys.fill((0, 0, 0));
        self.pairs.fill((0, 0));
        for (at, &id) in ids.iter().enumerate() {
            let key = fold(3, key(at));
            let slot = (key >> 40) as usize & (self.keys.len() - 1);
            let pair = fold(key, u64::from(id));
            let place = (pair >> 38) as usize & (self.pairs.len() - 1);
            let (check_key, n, kinds) = &mut self.keys[slot];
            if *check_key != key as u32 | 1 {
                (*check_key, *n, *kinds) = (key as u32 | 1, 0, 0);
            }
            let (check, count) = &mut self.pairs[place];
            if *check != pair as u32 | 1 {
                *check = pair as u32 | 1;
                *count = 0;
            }
            // As in PPM (method C): a new value has the weight of all those that were new before.
            let part = self.parts[usize::from(*n) + usize::from(*kinds)];
            // A count may be older than its key, which then has seen nothing new.
            let fresh = if *n == 0 {
                1.0
            } else {
                f32::from((*kinds).max(1)) * part
            };
            tell(at, fresh * alone[id as usize] + *count as f32 * part);
            *kinds += u16::from(*count == 0);
            *n += 1;
            *count += 1;
        }
    }

    /// Bits of all `ids`.
    pub fn bits(&mut self, ids: &[u32], alone: &[f32], key: impl Fn(usize) -> u64) -> f32 {
        let (mut sum, mut product) = (0.0, 1.0_f32);
        self.each(ids, alone, key, |_, p| {
            product *= p;
            if product < 1e-25 {
                sum -= product.log2();
                product = 1.0;
            }
        });
        sum - product.log2()
    }
}

/// Mixes a prediction with others as they prove right; returns the bits of the mixture, which it puts in place of the first.
pub fn mix(first: &mut [f32], others: &[&[f32]]) -> f32 {
    let many = (1 + others.len()) as f32;
    let (mut own, mut weights) = (1.0 / many, vec![1.0 / many; others.len()]);
    let (mut bits, mut product) = (0.0, 1.0_f32);
    for (at, p) in first.iter_mut().enumerate() {
        own *= *p;
        let mut sum = own;
        for (weight, other) in weights.iter_mut().zip(others) {
            *weight *= other[at];
            sum += *weight;
        }
        let kept = (1.0 - SHARED) / sum;
        own = own * kept + SHARED / many;
        for weight in &mut weights {
            *weight = *weight * kept + SHARED / many;
        }
        *p = sum;
        // One logarithm for many rows.
        product *= sum;
        if product < 1e-25 {
            bits -= product.log2();
            product = 1.0;
        }
    }
    bits - product.log2()
}
