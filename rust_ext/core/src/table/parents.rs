//! Which columns tell most about a column.
//!
//! Code lengths are estimated by counts on a sample of the rows. First each column gets the parent that gains most, without
//! circles (after Chow and Liu, 1968); then more are added, one by one, where a mixture of all counts becomes shorter.

use super::column::MAX_PARENTS;
use super::needs::Needs;
use super::plan::Parent;
use crate::cm::content::hashing::fold;

/// Rows that are looked at.
const SAMPLE: usize = 1 << 13;
/// Parts of the table that they are taken from.
const SLICES: usize = 8;
/// Rows of all pairs that are looked at, about.
const WORK: usize = 60_000_000;
/// Columns beside one that are looked at.
const WINDOW: usize = 200;
/// Candidates for a further parent.
const NEAR: usize = 12;
/// Bits that a parent must gain.
const WORTH: f32 = 8.0;

/// Part of the weight of a mixture that is shared at each row.
const SHARED: f32 = 0.02;

/// Counts of values under keys.
struct Counts {
    /// `1 / n`.
    parts: Vec<f32>,
    /// By hash of key: cells seen and different values among them.
    keys: Vec<(u32, u32)>,
    /// By hash of key and value: a check and cells seen.
    pairs: Vec<(u32, u32)>,
}

impl Counts {
    fn new(rows: usize) -> Self {
        let slots = (rows * 2).next_power_of_two();
        Self {
            parts: (0..=2 * rows + 2).map(|n| 1.0 / n.max(1) as f32).collect(),
            keys: vec![(0, 0); slots],
            pairs: vec![(0, 0); 2 * slots],
        }
    }

    /// Tells the probability of each of `ids` given its key, where `alone` are those without.
    fn each(
        &mut self,
        ids: &[u32],
        alone: &[f32],
        key: impl Fn(usize) -> u64,
        mut tell: impl FnMut(usize, f32),
    ) {
        self.keys.fill((0, 0));
        self.pairs.fill((0, 0));
        for (at, &id) in ids.iter().enumerate() {
            let key = fold(3, key(at));
            let slot = (key >> 40) as usize & (self.keys.len() - 1);
            let pair = fold(key, u64::from(id));
            let place = (pair >> 38) as usize & (self.pairs.len() - 1);
            let (n, kinds) = &mut self.keys[slot];
            let (check, count) = &mut self.pairs[place];
            if *check != pair as u32 | 1 {
                *check = pair as u32 | 1;
                *count = 0;
            }
            // As in PPM (method C): a new value has the weight of all those that were new before.
            let part = self.parts[(*n + *kinds) as usize];
            let fresh = if *n == 0 { 1.0 } else { *kinds as f32 * part };
            tell(at, fresh * alone[id as usize] + *count as f32 * part);
            *kinds += u32::from(*count == 0);
            *n += 1;
            *count += 1;
        }
    }

    fn bits(&mut self, ids: &[u32], alone: &[f32], key: impl Fn(usize) -> u64) -> f32 {
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
fn mix(first: &mut [f32], others: &[Vec<f32>]) -> f32 {
    let many = 1 + others.len();
    let mut weights = vec![1.0 / many as f32; many];
    let mut bits = 0.0;
    for (at, p) in first.iter_mut().enumerate() {
        let mut sum = weights[0] * *p;
        for (weight, other) in weights[1..].iter().zip(others) {
            sum += weight * other[at];
        }
        weights[0] *= *p;
        for (weight, other) in weights[1..].iter_mut().zip(others) {
            *weight *= other[at];
        }
        for weight in &mut weights {
            *weight = *weight / sum * (1.0 - SHARED) + SHARED / many as f32;
        }
        bits -= sum.log2();
        *p = sum;
    }
    bits
}

/// What is known of the columns of a sample.
struct Sample {
    /// What is coded of each column.
    targets: Vec<Vec<u32>>,
    /// Probability of each of them.
    alone: Vec<Vec<f32>>,
    /// What can be a parent, and its cells.
    keys: Vec<(Parent, Vec<u32>)>,
}

/// Takes slices from all over the rows.
fn sampled(rows: &[u32], most: usize) -> Vec<u32> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let slice = most / SLICES;
    let first = |k: usize| (rows.len() - slice) * k / (SLICES - 1);
    (0..SLICES)
        .flat_map(|k| &rows[first(k)..first(k) + slice])
        .copied()
        .collect()
}

/// Which part of all each value is.
fn shares(ids: &[u32]) -> Vec<f32> {
    let mut counts = vec![0_u32; ids.iter().max().map_or(0, |&id| id as usize + 1)];
    for &id in ids {
        counts[id as usize] += 1;
    }
    counts
        .iter()
        .map(|&n| n as f32 / ids.len() as f32)
        .collect()
}

impl Sample {
    fn new(columns: &[Seen<'_>], rows: usize) -> Self {
        let many = columns.len();
        let most = SAMPLE.min((WORK / (many * many.min(WINDOW))).max(256));
        let targets: Vec<Vec<u32>> = columns
            .iter()
            .map(|column| sampled(column.target, most))
            .collect();
        let alone = targets.iter().map(|ids| shares(ids)).collect();
        let mut keys = Vec::new();
        for (column, seen) in columns
            .iter()
            .enumerate()
            .filter(|(_, seen)| seen.values > 1)
        {
            if seen.values * 2 < rows {
                keys.push((
                    Parent {
                        column,
                        coarse: false,
                    },
                    sampled(seen.ids, most),
                ));
            }
            if let Some(coarse) = seen.coarse {
                keys.push((
                    Parent {
                        column,
                        coarse: true,
                    },
                    sampled(coarse, most),
                ));
            }
        }
        Self {
            targets,
            alone,
            keys,
        }
    }
}

/// What is to be known of a column.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What is coded of it, row by row.
    pub target: &'a [u32],
    /// Its values, and how many there are.
    pub ids: &'a [u32],
    /// See `ids`.
    pub values: usize,
    /// Ranges of its values, where these are many.
    pub coarse: Option<&'a [u32]>,
}

/// Finds parents on a sample.
pub struct Search {
    sample: Sample,
    counts: Counts,
    /// What each column gains by each parent, and which these are.
    gains: Vec<Vec<(f32, usize)>>,
    /// Bits of a row of each column alone, at least.
    bits: Vec<f32>,
    window: usize,
}

impl Search {
    /// Looks at each column beside each other one.
    pub fn new(columns: &[Seen<'_>], rows: usize) -> Self {
        let sample = Sample::new(columns, rows);
        let mut search = Self {
            counts: Counts::new(sample.targets[0].len()),
            gains: vec![Vec::new(); columns.len()],
            bits: vec![0.0; columns.len()],
            window: columns.len().min(WINDOW),
            sample,
        };
        (0..columns.len()).for_each(|x| search.look(x));
        search
    }

    fn look(&mut self, x: usize) {
        let (ids, alone) = (&self.sample.targets[x], &self.sample.alone[x]);
        if alone.len() < 2 {
            return;
        }
        let counts = &mut self.counts;
        let plain = counts.bits(ids, alone, |_| 0);
        if plain <= WORTH {
            self.bits[x] = plain / ids.len() as f32;
            return;
        }
        let above = counts.bits(ids, alone, |at| {
            if at > 0 {
                u64::from(ids[at - 1]) + 1
            } else {
                0
            }
        });
        let first = x
            .saturating_sub(self.window / 2)
            .min(self.gains.len() - self.window);
        let near = first..first + self.window;
        let mut gains = Vec::new();
        for (y, (parent, keys)) in self.sample.keys.iter().enumerate() {
            if parent.column != x && near.contains(&parent.column) {
                gains.push((plain - counts.bits(ids, alone, |at| u64::from(keys[at])), y));
            }
        }
        gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let best = gains.first().map_or(0.0, |&(gain, _)| gain);
        self.bits[x] = above.min(plain - best) / ids.len() as f32;
        self.gains[x] = gains;
    }

    /// About how many bits a row of a column takes beside its best parent.
    pub fn bits(&self, x: usize) -> f32 {
        self.bits[x]
    }

    /// Codes something else of a column.
    pub fn replace(&mut self, x: usize, target: &[u32]) {
        let most = self.sample.targets[x].len();
        self.sample.targets[x] = sampled(target, most);
        self.sample.alone[x] = shares(&self.sample.targets[x]);
        self.look(x);
    }

    /// Finds up to [`MAX_PARENTS`] parents of each column, without circles.
    pub fn find(mut self, needs: &mut Needs) -> Vec<Vec<Parent>> {
        let many = self.gains.len();
        let mut parents: Vec<Vec<usize>> = vec![Vec::new(); many];
        let mut all: Vec<(f32, usize, usize)> = (0..many)
            .flat_map(|x| self.gains[x].iter().map(move |&(gain, y)| (gain, x, y)))
            .filter(|&(gain, ..)| gain > WORTH)
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, x, y) in all {
            let column = self.sample.keys[y].0.column;
            if parents[x].is_empty() && needs.allows(x, column) {
                parents[x].push(y);
                needs.link(x, column);
            }
        }
        let starts = (0..many).map(|x| start(&self.sample, &mut self.counts, x, &parents[x]));
        let mut mixed: Vec<(Vec<f32>, f32)> = starts.collect();
        for _ in 0..MAX_PARENTS {
            for x in 0..many {
                if parents[x].len() < MAX_PARENTS {
                    let near = &self.gains[x][..self.gains[x].len().min(NEAR)];
                    let found = add(
                        &self.sample,
                        &mut self.counts,
                        x,
                        near,
                        &parents[x],
                        needs,
                        &mut mixed[x],
                    );
                    if let Some(y) = found {
                        parents[x].push(y);
                        needs.link(x, self.sample.keys[y].0.column);
                    }
                }
            }
        }
        // What helps little alone may help in the mixture, and costs next to nothing.
        for (x, of) in parents.iter_mut().enumerate() {
            for &(gain, y) in self.gains[x].iter().take(NEAR) {
                let column = self.sample.keys[y].0.column;
                if gain > WORTH
                    && of.len() < MAX_PARENTS
                    && !of.contains(&y)
                    && needs.allows(x, column)
                {
                    of.push(y);
                    needs.link(x, column);
                }
            }
        }
        parents
            .iter()
            .map(|of| of.iter().map(|&y| self.sample.keys[y].0).collect())
            .collect()
    }
}

fn predict(sample: &Sample, counts: &mut Counts, x: usize, key: impl Fn(usize) -> u64) -> Vec<f32> {
    let mut told = vec![0.0; sample.targets[x].len()];
    counts.each(&sample.targets[x], &sample.alone[x], key, |at, p| {
        told[at] = p;
    });
    told
}

/// The prediction of a column by itself and its first parent.
fn start(sample: &Sample, counts: &mut Counts, x: usize, parents: &[usize]) -> (Vec<f32>, f32) {
    let ids = &sample.targets[x];
    let above = |at: usize| {
        if at > 0 {
            u64::from(ids[at - 1]) + 1
        } else {
            0
        }
    };
    let mut told = predict(sample, counts, x, |_| 0);
    let mut others = vec![predict(sample, counts, x, above)];
    if let Some(&y) = parents.first() {
        let key = |at: usize| u64::from(sample.keys[y].1[at]);
        others.push(predict(sample, counts, x, key));
        others.push(predict(sample, counts, x, |at| fold(above(at), key(at))));
    }
    let bits = mix(&mut told, &others);
    (told, bits)
}

/// The further parent that helps most, if one does.
fn add(
    sample: &Sample,
    counts: &mut Counts,
    x: usize,
    near: &[(f32, usize)],
    parents: &[usize],
    needs: &Needs,
    mixed: &mut (Vec<f32>, f32),
) -> Option<usize> {
    let mut best: Option<(f32, usize, Vec<f32>)> = None;
    for &(_, y) in near {
        if parents.contains(&y) || !needs.allows(x, sample.keys[y].0.column) {
            continue;
        }
        let key = |y: usize, at: usize| u64::from(sample.keys[y].1[at]);
        let all = |at: usize| {
            parents
                .iter()
                .fold(key(y, at), |hash, &p| fold(hash, key(p, at)))
        };
        let mut others = vec![predict(sample, counts, x, |at| key(y, at))];
        if !parents.is_empty() {
            others.push(predict(sample, counts, x, all));
        }
        let mut told = mixed.0.clone();
        let bits = mix(&mut told, &others);
        if bits < mixed.1 - WORTH && best.as_ref().is_none_or(|best| bits < best.0) {
            best = Some((bits, y, told));
        }
    }
    let (bits, y, told) = best?;
    *mixed = (told, bits);
    Some(y)
}
