//! Which columns tell most about a column.
//!
//! Code lengths are estimated by counts on a sample of the rows. First each column gets the parent that gains most, without
//! circles (after Chow and Liu, 1968); then more are added, one by one, where a mixture of all counts becomes shorter. At
//! last columns are moved in their order, where that lets them have better parents.

use super::column::MAX_PARENTS;
use super::crowd;
use super::echo::echoes;
use super::estimates::{mix, Counts, Numbering, Numbers};
use super::needs::Needs;
use super::plan::{Parent, View};
use foldhash::{HashMap, HashMapExt};
use std::rc::Rc;

mod insertion;

/// Parts of the table that they are taken from.
const SLICES: usize = 8;
/// Rows of all pairs that are looked at, about.
const WORK: usize = 60_000_000;
/// Columns beside one that are looked at.
const WINDOW: usize = 200;
/// Bits that a parent must gain.
const WORTH: f32 = 8.0;
/// Columns up to which they are put in a better order.
pub const MOST_MOVED: usize = 256;

/// Columns that may have an echo, and how many values these have at least.
const MOST_ECHOES: usize = 12;
pub const LEAST_ECHOED: usize = 256;
/// Symbols of a column beside one, at most, and the part of its bits that they must save.
const MOST_KINDS: usize = 256;
const ECHO_WORTH: f32 = 0.01;
/// Bits of a column for each that is listened to: to tell which takes some five.
const HEARD_BITS: f32 = 2048.0;

/// How much is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rows.
    pub rows: usize,
    /// Candidates for a further parent.
    pub near: usize,
}

/// What a column is coded beside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen<P> {
    pub parents: Vec<P>,
    /// The column whose echo counts, too.
    pub echo: Option<usize>,
    /// Columns that are listened to, beside those of parents.
    pub more: Vec<usize>,
}

/// What is known of the columns of a sample.
struct Sample {
    /// What is coded of each column.
    targets: Vec<Target>,
    /// Nothing, in each row.
    nothing: Numbers,
    /// What can be a parent, and its cells.
    keys: Vec<Key>,
    /// Columns that may have an echo.
    echoes: Vec<usize>,
}

/// What can be a parent.
struct Key {
    parent: Parent,
    cells: Rc<Numbers>,
    /// Whether its values hardly ever come again: where one does, it tells much, else nothing.
    rare: bool,
}

/// What is coded of a column.
struct Target {
    ids: Numbers,
    /// Probability of each of them.
    alone: Vec<f32>,
    /// What stands above.
    above: Numbers,
}

impl Target {
    fn new(ids: Numbers, numbering: &mut Numbering) -> Self {
        let keys = ids.keys();
        let mut counts = vec![0_u32; keys.many];
        for &id in keys.of {
            counts[id as usize] += 1;
        }
        let rows = keys.of.len() as f32;
        let alone = counts.iter().map(|&n| n as f32 / rows).collect();
        let before = std::iter::once(u64::MAX).chain(keys.of.iter().map(|&id| id.into()));
        let above = Numbers::new(before.take(keys.of.len()), numbering);
        Self { ids, alone, above }
    }
}

/// Takes slices from all over the rows.
fn sampled(rows: &[u32], most: usize, numbering: &mut Numbering) -> Numbers {
    let (slice, slices) = if rows.len() <= most {
        (rows.len(), 1)
    } else {
        (most / SLICES, SLICES)
    };
    let first = |k: usize| (rows.len() - slice) * k / (SLICES - 1);
    let rows = (0..slices).flat_map(|k| &rows[first(k)..first(k) + slice]);
    Numbers::new(rows.map(|&row| row.into()), numbering)
}

impl Sample {
    fn new(columns: &[Seen<'_>], rows: usize, most: usize, numbering: &mut Numbering) -> Self {
        let many = columns.len();
        let targets: Vec<Target> = columns
            .iter()
            .map(|column| Target::new(sampled(column.target, most, numbering), numbering))
            .collect();
        let nothing = targets[0].ids.keys().of.iter().map(|_| 0);
        let nothing = Numbers::new(nothing, numbering);
        let repeats = |seen: &Seen<'_>| seen.values * 10 < rows * 9;
        let mut keys = Vec::new();
        for (column, seen) in columns
            .iter()
            .enumerate()
            .filter(|(_, seen)| seen.values > 1)
        {
            let mut add = |cells, view, rare| {
                keys.push(Key {
                    parent: Parent { column, view },
                    cells: sampled(cells, most, numbering).into(),
                    rare,
                });
            };
            if repeats(seen) {
                add(seen.ids, View::Value, seen.values * 2 >= rows);
            }
            if let Some(coarse) = seen.coarse {
                add(coarse, View::Range, false);
            }
            if let Some(stems) = seen.stems {
                add(stems, View::Stem, false);
            }
        }
        let mut echoes: Vec<usize> = (0..if many <= MOST_MOVED { many } else { 0 })
            .filter(|&x| columns[x].values >= LEAST_ECHOED && repeats(&columns[x]))
            .collect();
        echoes.sort_by_key(|&x| std::cmp::Reverse(columns[x].values));
        echoes.truncate(MOST_ECHOES);
        Self {
            targets,
            nothing,
            keys,
            echoes,
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
    /// Stems of its values, where these are fewer.
    pub stems: Option<&'a [u32]>,
}

/// What is known of a cell beside its key, if anything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Look {
    Alone,
    Above,
    Key(usize),
    Echo(usize),
}

/// Finds parents on a sample.
pub struct Search<'a> {
    sample: Sample,
    columns: Vec<Seen<'a>>,
    counts: Counts,
    numbering: Numbering,
    /// Probabilities of the cells of a column, as they were told before.
    told: HashMap<(usize, Look), Rc<Vec<f32>>>,
    /// What mixtures took before, by the steps to them, and which they were.
    bits_of: HashMap<Steps, f32>,
    mixtures: HashMap<Steps, Mixed>,
    /// What echoes tell of each column.
    echoed: HashMap<(usize, usize), Rc<Numbers>>,
    /// What each column gains by each parent, and which these are.
    gains: Vec<Vec<(f32, usize)>>,
    /// Bits of a row of each column alone, at least.
    bits: Vec<f32>,
    window: usize,
    near: usize,
    rows: usize,
}

impl<'a> Search<'a> {
    /// Looks at each column beside each other one.
    pub fn new(columns: &[Seen<'a>], rows: usize, effort: Effort) -> Self {
        let many = columns.len();
        let most = effort.rows.min((WORK / (many * many.min(WINDOW))).max(256));
        let mut numbering = Numbering::new(most.min(rows));
        let sample = Sample::new(columns, rows, most, &mut numbering);
        let mut search = Self {
            near: effort.near,
            rows,
            counts: Counts::new(most.min(rows)),
            numbering,
            told: HashMap::new(),
            bits_of: HashMap::new(),
            mixtures: HashMap::new(),
            echoed: HashMap::new(),
            columns: columns.to_vec(),
            gains: vec![Vec::new(); columns.len()],
            bits: vec![0.0; columns.len()],
            window: columns.len().min(WINDOW),
            sample,
        };
        (0..columns.len()).for_each(|x| search.look(x));
        search
    }

    fn look(&mut self, x: usize) {
        let Target { ids, alone, above } = &self.sample.targets[x];
        if alone.len() < 2 {
            return;
        }
        let ids = ids.keys();
        let rows = ids.of.len() as f32;
        let counts = &mut self.counts;
        let plain = counts.bits(ids, alone, self.sample.nothing.keys());
        if plain <= WORTH {
            self.bits[x] = plain / rows;
            return;
        }
        let above = counts.bits(ids, alone, above.keys());
        let first = x
            .saturating_sub(self.window / 2)
            .min(self.gains.len() - self.window);
        let near = first..first + self.window;
        let mut gains = Vec::new();
        for (y, key) in self.sample.keys.iter().enumerate() {
            if key.parent.column != x && near.contains(&key.parent.column) {
                let bits = counts.bits(ids, alone, key.cells.keys());
                gains.push((plain - bits, y));
            }
        }
        gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let best = gains.first().map_or(0.0, |&(gain, _)| gain);
        self.bits[x] = above.min(plain - best) / rows;
        self.gains[x] = gains;
    }

    fn rows_of_sample(&self) -> usize {
        self.sample.nothing.keys().of.len()
    }

    /// About how many bits a row of a column takes beside its best parent.
    pub fn bits(&self, x: usize) -> f32 {
        self.bits[x]
    }

    /// What can be a parent of each column, that which gains most first; nothing of more columns than are moved.
    pub fn keys(&self) -> Vec<Vec<Parent>> {
        let parent = |&(_, y): &(f32, usize)| self.sample.keys[y].parent;
        let few = self.gains.len() <= MOST_MOVED;
        let gains = self.gains.iter().filter(|_| few);
        gains.map(|of| of.iter().map(parent).collect()).collect()
    }

    /// Codes something else of a column.
    pub fn replace(&mut self, x: usize, target: &'a [u32]) {
        self.columns[x].target = target;
        let ids = sampled(target, self.rows_of_sample(), &mut self.numbering);
        self.sample.targets[x] = Target::new(ids, &mut self.numbering);
        self.told.retain(|&(of, _), _| of != x);
        self.bits_of.retain(|steps, _| steps[0] != x as u32);
        self.mixtures.retain(|steps, _| steps[0] != x as u32);
        self.echoed.retain(|&(of, _), _| of != x);
        self.look(x);
    }

    /// Finds up to [`MAX_PARENTS`] parents of each column, without circles.
    pub fn find(mut self, needs: &mut Needs) -> Vec<Chosen<Parent>> {
        let many = self.gains.len();
        let base = needs.clone();
        let mut chosen: Vec<Chosen<usize>> = vec![Chosen::default(); many];
        let mut all: Vec<(f32, usize, usize)> = (0..many)
            .flat_map(|x| self.gains[x].iter().map(move |&(gain, y)| (gain, x, y)))
            .filter(|&(gain, _, y)| gain > WORTH && !self.sample.keys[y].rare)
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, x, y) in all {
            let column = self.column(y);
            if chosen[x].parents.is_empty() && needs.allows(x, column) {
                chosen[x].parents.push(y);
                needs.link(x, column);
            }
        }
        let mut mixed: Vec<Mixed> = (0..many)
            .map(|x| self.start(x, chosen[x].parents.first().copied()))
            .collect();
        for _ in 0..MAX_PARENTS {
            for x in 0..many {
                let parents = &chosen[x].parents;
                if let Some(y) = self.more(parents, |y| needs.allows(x, y), &mut mixed[x]) {
                    chosen[x].parents.push(y);
                    needs.link(x, self.column(y));
                }
            }
        }
        for x in 0..many {
            let first = chosen[x].parents.first().copied();
            let echo = self.echo(first, |y| needs.allows(x, y), &mut mixed[x]);
            chosen[x].echo = echo;
            if let Some(y) = echo {
                needs.link(x, y);
            }
        }
        if many <= MOST_MOVED {
            let bits = mixed.iter().map(|mixed| mixed.bits).collect();
            drop(mixed);
            self.reorder(&base, needs, &mut chosen, bits);
        }
        // What helps little alone may help in the mixture, and costs next to nothing.
        for (x, Chosen { parents: of, .. }) in chosen.iter_mut().enumerate() {
            for &(gain, y) in self.gains[x].iter().take(self.near) {
                let column = self.column(y);
                if gain > WORTH
                    && of.len() < MAX_PARENTS
                    && !of.contains(&y)
                    && needs.allows(x, column)
                {
                    of.push(y);
                    needs.link(x, column);
                }
            }
            of.sort_by_key(|&y| self.sample.keys[y].rare);
        }
        self.listen(needs, &mut chosen);
        let parent = |&y: &usize| self.sample.keys[y].parent;
        chosen
            .iter()
            .map(|of| Chosen {
                parents: of.parents.iter().map(parent).collect(),
                echo: of.echo,
                more: of.more.clone(),
            })
            .collect()
    }

    /// Adds columns that are listened to, of those that come before, those of the largest gains first; a column that takes
    /// little has few.
    fn listen(&self, needs: &mut Needs, chosen: &mut [Chosen<usize>]) {
        let mut order: Vec<usize> = (0..chosen.len()).collect();
        let found = (order.len() <= MOST_MOVED).then(|| insertion::order(needs, order.len()));
        if let Some(found) = found.flatten() {
            order = found;
            // Of columns that are equally far from the first ones, those that take most come first.
            let mut far = vec![0_usize; chosen.len()];
            for &x in &order {
                let before = (0..chosen.len()).filter(|&y| needs.needs(x, y));
                far[x] = before.map(|y| far[y] + 1).max().unwrap_or(0);
            }
            order.sort_by(|&a, &b| {
                let most = self.bits[b].total_cmp(&self.bits[a]);
                far[a].cmp(&far[b]).then(most)
            });
        }
        let mut known = vec![false; chosen.len()];
        for x in order {
            let Chosen { parents, more, .. } = &mut chosen[x];
            let mut heard: Vec<usize> = parents.iter().map(|&y| self.column(y)).collect();
            let worth = (self.left(x, parents) * self.rows as f32 / HEARD_BITS) as usize;
            for &(_, y) in &self.gains[x] {
                if heard.len() >= crowd::MOST || more.len() >= worth {
                    break;
                }
                let column = self.column(y);
                if known[column] && !heard.contains(&column) && needs.allows(x, column) {
                    needs.link(x, column);
                    heard.push(column);
                    more.push(column);
                }
            }
            known[x] = true;
        }
    }

    /// About how many bits a row of a column takes beside the best of some parents, which need not be the best of all.
    fn left(&self, x: usize, parents: &[usize]) -> f32 {
        let mut gains = self.gains[x].iter();
        let best = gains.clone().next().map_or(0.0, |&(gain, _)| gain.max(0.0));
        let own = gains.find(|(_, y)| parents.contains(y));
        let own = own.map_or(0.0, |&(gain, _)| gain.max(0.0));
        self.bits[x] + (best - own) / self.rows_of_sample() as f32
    }

    fn column(&self, y: usize) -> usize {
        self.sample.keys[y].parent.column
    }

    /// Probabilities of the cells of a column by what is known beside each, and by numbers if there are some.
    fn predict(&mut self, x: usize, look: Look, other: Option<&Numbers>) -> Rc<Vec<f32>> {
        let echoed = match look {
            Look::Echo(column) => Some(self.echoed(x, column)),
            _ => None,
        };
        let sample = &self.sample;
        let Target { ids, alone, above } = &sample.targets[x];
        let key = match look {
            Look::Alone | Look::Echo(_) => echoed.as_deref().unwrap_or(&sample.nothing),
            Look::Above => above,
            Look::Key(y) => &sample.keys[y].cells,
        };
        let keys = (key.keys(), other.map(Numbers::keys));
        let mut told = vec![0.0; self.rows_of_sample()];
        let mut rows = told.iter_mut();
        self.counts.each(ids.keys(), alone, keys, |p| {
            if let Some(told) = rows.next() {
                *told = p;
            }
        });
        told.into()
    }

    /// The same, which may have been asked for before.
    fn look_at(&mut self, x: usize, look: Look) -> Rc<Vec<f32>> {
        if let Some(told) = self.told.get(&(x, look)) {
            return Rc::clone(told);
        }
        let told = self.predict(x, look, None);
        // Of more columns it would take too much memory, and little is asked for again.
        if self.gains.len() <= MOST_MOVED {
            self.told.insert((x, look), Rc::clone(&told));
        }
        told
    }

    /// The prediction of a column by itself and its first parent, if it has one.
    fn start(&mut self, x: usize, parent: Option<usize>) -> Mixed {
        let mut steps = [NONE; MAX_PARENTS + 3];
        steps[0] = x as u32;
        if let Some(y) = parent {
            steps[1] = y as u32;
        }
        let mut mixed = self.mixed(steps, |search| {
            let told = search.look_at(x, Look::Alone);
            let mut others = vec![search.look_at(x, Look::Above)];
            if let Some(y) = parent {
                others.push(search.look_at(x, Look::Key(y)));
                let cells = Rc::clone(&search.sample.keys[y].cells);
                others.push(search.predict(x, Look::Above, Some(&cells)));
            }
            (told, others)
        });
        mixed.joint = parent.map(|y| Rc::clone(&self.sample.keys[y].cells));
        self.keep(&mixed);
        mixed
    }

    /// A mixture with others, given the steps to it; what is mixed is asked for if it was not before.
    fn mixed(
        &mut self,
        steps: Steps,
        parts: impl FnOnce(&mut Self) -> (Rc<Vec<f32>>, Vec<Rc<Vec<f32>>>),
    ) -> Mixed {
        if let Some(mixed) = self.mixtures.get(&steps) {
            return mixed.clone();
        }
        let (told, others) = parts(self);
        let others: Vec<&[f32]> = others.iter().map(|other| &other[..]).collect();
        let (told, bits) = mix(&told, &others);
        self.bits_of.insert(steps, bits);
        Mixed {
            steps,
            told: told.into(),
            bits,
            joint: None,
        }
    }

    /// Keeps a mixture for those who ask for it again.
    fn keep(&mut self, mixed: &Mixed) {
        // As with predictions.
        if self.gains.len() <= MOST_MOVED {
            self.mixtures.insert(mixed.steps, mixed.clone());
        }
    }

    /// A mixture with a further parent.
    fn with(&mut self, mixed: &Mixed, y: usize, steps: Steps) -> Mixed {
        let x = steps[0] as usize;
        self.mixed(steps, |search| {
            let mut others = vec![search.look_at(x, Look::Key(y))];
            if let Some(joint) = &mixed.joint {
                others.push(search.predict(x, Look::Key(y), Some(joint)));
            }
            (Rc::clone(&mixed.told), others)
        })
    }

    /// What each row of a column has where a value of another last came, of all rows.
    fn echoed(&mut self, x: usize, column: usize) -> Rc<Numbers> {
        let (most, columns) = (self.rows_of_sample(), &self.columns);
        let found = self.echoed.entry((x, column));
        let echoed = found.or_insert_with(|| {
            let rows = echoes(columns[column].ids, columns[x].target);
            sampled(&rows, most, &mut self.numbering).into()
        });
        Rc::clone(echoed)
    }

    /// The column whose echo tells most of those that are allowed, if that helps beside parents.
    fn echo(
        &mut self,
        first: Option<usize>,
        allowed: impl Fn(usize) -> bool,
        mixed: &mut Mixed,
    ) -> Option<usize> {
        let x = mixed.steps[0] as usize;
        if !(2..=MOST_KINDS).contains(&self.sample.targets[x].alone.len()) {
            return None;
        }
        let mut best: Option<(usize, Mixed)> = None;
        for column in self.sample.echoes.clone() {
            if column == x || !allowed(column) {
                continue;
            }
            let mut steps = mixed.steps;
            steps[MAX_PARENTS + 2] = column as u32;
            let told = Rc::clone(&mixed.told);
            let found = self.mixed(steps, |search| {
                let mut others = vec![search.look_at(x, Look::Echo(column))];
                if let Some(y) = first {
                    let cells = Rc::clone(&search.sample.keys[y].cells);
                    others.push(search.predict(x, Look::Echo(column), Some(&cells)));
                }
                (told, others)
            });
            let least = best
                .as_ref()
                .map_or(mixed.bits * (1.0 - ECHO_WORTH) - WORTH, |(_, best)| {
                    best.bits
                });
            if found.bits < least {
                best = Some((column, found));
            }
        }
        let (column, mut found) = best?;
        found.joint = mixed.joint.take();
        *mixed = found;
        self.keep(mixed);
        Some(column)
    }

    /// The further parent that helps most, of those that are allowed, if one does.
    fn more(
        &mut self,
        parents: &[usize],
        allowed: impl Fn(usize) -> bool,
        mixed: &mut Mixed,
    ) -> Option<usize> {
        if parents.len() == MAX_PARENTS {
            return None;
        }
        let x = mixed.steps[0] as usize;
        let step = 2 + mixed.steps[2..MAX_PARENTS + 2]
            .iter()
            .position(|&y| y == NONE)?;
        let mut best: Option<(usize, f32)> = None;
        let mut kept: Option<Mixed> = None;
        for k in 0..self.gains[x].len().min(self.near) {
            let (_, y) = self.gains[x][k];
            if parents.contains(&y) || !allowed(self.column(y)) {
                continue;
            }
            let mut steps = mixed.steps;
            steps[step] = y as u32;
            let (bits, found) = if let Some(&bits) = self.bits_of.get(&steps) {
                (bits, None)
            } else {
                let found = self.with(mixed, y, steps);
                (found.bits, Some(found))
            };
            if bits < best.map_or(mixed.bits - WORTH, |(_, least)| least) {
                (best, kept) = (Some((y, bits)), found);
            }
        }
        let (y, _) = best?;
        let mut steps = mixed.steps;
        steps[step] = y as u32;
        let mut found = kept.unwrap_or_else(|| self.with(mixed, y, steps));
        let cells = &self.sample.keys[y].cells;
        found.joint.get_or_insert_with(|| match &mixed.joint {
            None => Rc::clone(cells),
            Some(joint) => Rc::new(joint.with(cells, &mut self.numbering)),
        });
        self.keep(&found);
        *mixed = found;
        Some(y)
    }
}

/// A column, its first parent, and those that came to it, one after the other; last the column of the echo.
type Steps = [u32; MAX_PARENTS + 3];
/// Stands in them for none.
const NONE: u32 = u32::MAX;

/// The prediction of a column by all that is known of it.
#[derive(Clone)]
struct Mixed {
    steps: Steps,
    told: Rc<Vec<f32>>,
    bits: f32,
    /// What the parents are together, if there are some.
    joint: Option<Rc<Numbers>>,
}
