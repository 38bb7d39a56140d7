//! The weights of a circuit.

use super::kernels::Matrix;
use super::stored::{parts, Emissions, Transitions};
use super::GROUP;
use crate::nn::tensors::Tensors;
use crate::{Error, Result};

/// The most hidden states of a node.
const MAX_STATES: usize = 1024;
/// The most values of a variable.
const MAX_CATEGORIES: usize = 256;
/// The most weights: those of a file beyond it would fill the memory of most machines.
const MAX_WEIGHTS: usize = 1 << 28;
const TOO_MANY: &str = "circuit has too many weights: at most 2^28";
const TOO_LARGE: &str = "weights of a circuit take more memory than is allowed";

pub fn wrong(what: &'static str) -> Error {
    Error::Weights { what }
}

/// Emissions of a variable: how likely each value is in each state.
#[derive(Debug)]
pub struct Emission {
    /// The variable.
    pub variable: usize,
    /// How many values it has.
    pub categories: usize,
    /// From states to groups of values, or to the values of the only group.
    pub first: Matrix,
    /// Of each group and state, the values of the group; zeros fill the last.
    values: Vec<f32>,
    states: usize,
}

impl Emission {
    fn new(variable: usize, categories: usize, rows: &[f32]) -> Self {
        let states = rows.len() / categories;
        let groups = categories.div_ceil(GROUP);
        let mut values = vec![0.0; groups * states * GROUP];
        for (state, row) in rows.chunks_exact(categories).enumerate() {
            for (group, row) in row.chunks(GROUP).enumerate() {
                let at = (group * states + state) * GROUP;
                values[at..at + row.len()].copy_from_slice(row);
            }
        }
        let first = if groups == 1 {
            Matrix::new(rows, states, categories)
        } else {
            let sums: Vec<f32> = rows
                .chunks_exact(categories)
                .flat_map(|row| {
                    row.chunks(GROUP)
                        .map(|row| row.iter().fold(0.0, |a, x| a + x))
                })
                .collect();
            Matrix::new(&sums, states, groups)
        };
        Self {
            variable,
            categories,
            first,
            values,
            states,
        }
    }

    /// Groups of values; 1 when the values are told apart at once.
    pub fn groups(&self) -> usize {
        self.categories.div_ceil(GROUP)
    }

    /// Values in a group.
    pub fn size(&self, group: usize) -> usize {
        (self.categories - group * GROUP).min(GROUP)
    }

    /// How likely the values of a group are, of each state.
    pub fn group(&self, group: usize) -> &[[f32; GROUP]] {
        let (rows, _) = self.values.as_chunks::<GROUP>();
        &rows[group * self.states..(group + 1) * self.states]
    }
}

/// A node of the tree.
#[derive(Debug)]
pub struct Node {
    /// Its parent; the root is its own.
    pub parent: usize,
    /// How many hidden states it has.
    pub states: usize,
    /// From the states of the parent to its own; of the root from one state.
    pub down: Matrix,
    /// From its own states to those of the parent.
    pub up: Matrix,
    /// The variable that it carries.
    pub emission: Option<Emission>,
}

impl Node {
    fn memory_bytes(&self) -> usize {
        let carried = self.emission.as_ref().map_or(0, |emission| {
            size_of_val(emission.values.as_slice()) + emission.first.memory_bytes()
        });
        size_of::<Self>() + self.down.memory_bytes() + self.up.memory_bytes() + carried
    }
}

/// A tree of hidden states.
#[derive(Debug)]
pub struct Circuit {
    pub(super) nodes: Vec<Node>,
    /// The node of each variable.
    pub(super) homes: Vec<usize>,
    edges: usize,
}

impl Circuit {
    /// Reads a file in the format safetensors: `parents` and `variables` (I32, of each node; -1 where there is none),
    /// `states` (U16, of each node), `categories` (U16, of each variable), `transitions` and `emissions` (U16, rows one after
    /// the other, in the order of the nodes). A weight is its part of the sum of its row.
    ///
    /// Where there are `counts` and `targets` (U16, of each row of transitions, and of each edge), the zeros of transitions are
    /// left out. Where there are `shapes` and `shares` (U16, rows of values, and in the place of emissions rows of shapes), a
    /// weight of a value is a sum of products of both.
    ///
    /// # Errors
    /// [`Error::Weights`] when it is not one, or does not describe a tree.
    pub fn parse(file: &[u8]) -> Result<Self> {
        Self::parse_within(file, usize::MAX)
    }

    /// Reads a file as [`Self::parse`] does, if its weights take no more than `most` bytes of memory: shapes make many
    /// values of few. What is beyond is not made.
    ///
    /// # Errors
    /// [`Error::Limit`] when they take more; those of [`Self::parse`].
    pub fn parse_within(file: &[u8], most: usize) -> Result<Self> {
        let tensors = Tensors::parse(file)?;
        let parents = tensors.all_numbers("parents")?;
        let variables = tensors.numbers("variables", parents.len())?;
        let states = tensors.shorts("states")?;
        let categories = tensors.shorts("categories")?;
        let few = |name, there| {
            if there {
                tensors.shorts(name)
            } else {
                Ok(Vec::new())
            }
        };
        let (sparse, shaped) = (tensors.holds("targets"), tensors.holds("shapes"));
        if tensors.holds("counts") != sparse
            || tensors.holds("shares") != shaped
            || tensors.holds("emissions") == shaped
        {
            return Err(wrong(
                "weights of a circuit are stored in two ways, or in none",
            ));
        }
        if shaped && categories.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(wrong(
                "shapes of a circuit have other values than a variable",
            ));
        }
        let weights = tensors.shorts("transitions")?;
        let (counts, targets) = (few("counts", sparse)?, few("targets", sparse)?);
        let (shapes, shares) = (few("shapes", shaped)?, few("shares", shaped)?);
        let tables = few("emissions", !shaped)?;
        let transitions = if sparse {
            Transitions::Edges {
                counts: &counts,
                targets: &targets,
                weights: &weights,
            }
        } else {
            Transitions::Whole(&weights)
        };
        let emissions = if shaped {
            Emissions::Shapes {
                shapes: &shapes,
                shares: &shares,
            }
        } else {
            Emissions::Tables(&tables)
        };
        if weights.len().max(tables.len()).max(shares.len()) > MAX_WEIGHTS {
            return Err(wrong(TOO_MANY));
        }
        Self::build(
            &parents,
            &states,
            &variables,
            &categories,
            (transitions, emissions),
            most,
        )
    }

    /// Builds a circuit from whole rows and tables.
    ///
    /// # Errors
    /// [`Error::Weights`] when it does not describe a tree.
    #[cfg(test)]
    pub fn new(
        parents: &[i32],
        states: &[u16],
        variables: &[i32],
        categories: &[u16],
        (transitions, emissions): (&[u16], &[u16]),
    ) -> Result<Self> {
        let weights = (
            Transitions::Whole(transitions),
            Emissions::Tables(emissions),
        );
        Self::build(parents, states, variables, categories, weights, usize::MAX)
    }

    fn build(
        parents: &[i32],
        states: &[u16],
        variables: &[i32],
        categories: &[u16],
        (mut transitions, mut emissions): (Transitions<'_>, Emissions<'_>),
        most_bytes: usize,
    ) -> Result<Self> {
        if parents.is_empty() || parents[0] != -1 {
            return Err(wrong("circuit has no root in its first node"));
        }
        if states.len() != parents.len() || variables.len() != parents.len() {
            return Err(wrong("tensors of a circuit have other lengths"));
        }
        let (mut cells, mut entries, mut held) = (0, 0, 0);
        let most = transitions.most().min(MAX_WEIGHTS);
        let mut homes = vec![usize::MAX; categories.len()];
        let mut nodes: Vec<Node> = Vec::with_capacity(parents.len());
        let mut edges = 0;
        for (number, &parent) in parents.iter().enumerate() {
            let count = usize::from(states[number]);
            if !(1..=MAX_STATES).contains(&count) {
                return Err(wrong("node of a circuit has no states, or more than 1024"));
            }
            let (parent, above) = match usize::try_from(parent) {
                Ok(parent) if parent < number => (parent, nodes[parent].states),
                Err(_) if number == 0 => (0, 1),
                _ => return Err(wrong("node of a circuit comes before its parent")),
            };
            cells += above * count;
            if cells > most {
                return Err(wrong(TOO_MANY));
            }
            let rows = parts(&transitions.next(above, count)?, count)?;
            edges += rows.iter().filter(|&&x| x > 0.0).count();
            let emission = match variables[number] {
                -1 => None,
                variable => {
                    let home = usize::try_from(variable)
                        .ok()
                        .and_then(|v| homes.get_mut(v));
                    let Some(home) = home.filter(|home| **home == usize::MAX) else {
                        return Err(wrong("variable of a circuit is unknown, or comes twice"));
                    };
                    *home = number;
                    let variable = variable.unsigned_abs() as usize;
                    let categories = usize::from(categories[variable]);
                    if !(1..=MAX_CATEGORIES).contains(&categories) {
                        return Err(wrong(
                            "variable of a circuit has no values, or more than 256",
                        ));
                    }
                    // Shapes make many of few.
                    entries += count * categories.next_multiple_of(GROUP);
                    if entries > MAX_WEIGHTS {
                        return Err(wrong(TOO_MANY));
                    }
                    let values = count * categories.next_multiple_of(GROUP) * size_of::<f32>();
                    if values > most_bytes.saturating_sub(held) {
                        return Err(Error::Limit { what: TOO_LARGE });
                    }
                    let rows = emissions.next(count, categories)?;
                    edges += rows.len();
                    Some(Emission::new(variable, categories, &rows))
                }
            };
            let node = Node {
                parent,
                states: count,
                down: Matrix::new(&rows, above, count),
                up: Matrix::transposed(&rows, above, count),
                emission,
            };
            held += node.memory_bytes();
            if held > most_bytes {
                return Err(Error::Limit { what: TOO_LARGE });
            }
            nodes.push(node);
        }
        if !transitions.is_empty() || !emissions.is_empty() {
            return Err(wrong("circuit has too many weights"));
        }
        if homes.is_empty() || homes.contains(&usize::MAX) {
            return Err(wrong("variable of a circuit has no node"));
        }
        Ok(Self {
            nodes,
            homes,
            edges,
        })
    }

    /// Variables of a sample.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.homes.len()
    }

    /// How many values a variable has.
    ///
    /// # Panics
    /// If there is no such variable.
    #[must_use]
    pub fn categories(&self, variable: usize) -> usize {
        let emission = &self.nodes[self.homes[variable]].emission;
        emission.as_ref().map_or(0, |emission| emission.categories)
    }

    /// Weights that are not zero: |p|.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.edges
    }

    /// Whether every value of a sample is in the alphabet of its variable.
    #[must_use]
    pub fn knows(&self, sample: &[u8]) -> bool {
        let fits =
            |(variable, &value): (usize, &u8)| usize::from(value) < self.categories(variable);
        sample.len() == self.variables() && sample.iter().enumerate().all(fits)
    }

    /// About how many bytes the weights take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.nodes.iter().map(Node::memory_bytes).sum()
    }
}
