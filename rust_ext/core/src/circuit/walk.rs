//! Samples side by side on a walk through a circuit.

use super::program::{Program, Step};
use super::simd::{group, mix, multiply, rescale};
use super::tree::Emission;
use super::{Circuit, Lanes, GROUP, LANES};
use crate::lm::dot::Simd;
use crate::Result;

/// What is known of some samples.
pub struct Walk<'c> {
    circuit: &'c Circuit,
    program: &'c Program,
    by: Simd,
    values: Vec<Lanes>,
    /// What is believed of the node at hand.
    belief: Vec<Lanes>,
    /// Weights of values, or of groups of values.
    first: Vec<Lanes>,
    message: Vec<Lanes>,
}

/// The distributions of one variable in each of the samples.
pub struct Next<'w> {
    emission: &'w Emission,
    belief: &'w [Lanes],
    first: &'w [Lanes],
    by: Simd,
}

impl Next<'_> {
    /// Which variable comes.
    pub fn variable(&self) -> usize {
        self.emission.variable
    }

    /// Groups of values; 1 where values are told apart at once.
    pub fn groups(&self) -> usize {
        self.emission.groups()
    }

    /// Weights of the groups in a sample, or of the values where there is only one group; how many there are.
    pub fn first(&self, lane: usize) -> ([f32; GROUP], usize) {
        let mut row = [0.0; GROUP];
        for (out, weights) in row.iter_mut().zip(self.first) {
            *out = weights[lane];
        }
        (row, self.first.len())
    }

    /// Weights of the values of a group in a sample; how many there are.
    pub fn second(&self, lane: usize, which: usize) -> ([f32; GROUP], usize) {
        let row = group(self.by, self.emission.group(which), self.belief, lane);
        (row, self.emission.size(which))
    }
}

impl<'c> Walk<'c> {
    /// Prepares for walks.
    pub fn new(circuit: &'c Circuit, program: &'c Program, by: Simd) -> Self {
        let largest = circuit
            .nodes
            .iter()
            .map(|node| node.states)
            .max()
            .unwrap_or(1);
        let most = largest.max(GROUP);
        let zeros = || vec![[0.0; LANES]; most];
        Self {
            circuit,
            program,
            by,
            values: vec![[0.0; LANES]; program.room],
            belief: zeros(),
            first: zeros(),
            message: zeros(),
        }
    }

    /// Walks, and asks for the values of each variable of the samples as soon as their distributions are known.
    ///
    /// # Errors
    /// Those of `code`.
    pub fn go(&mut self, mut code: impl FnMut(Next<'_>) -> Result<[u8; LANES]>) -> Result<()> {
        if self.program.again {
            // Of nodes where the walk has not been yet, nothing is known.
            self.values.fill([1.0; LANES]);
        }
        for &step in &self.program.steps {
            match step {
                Step::Down { node, again } => self.down(node, again),
                Step::Up { node, again } => self.up(node, again),
                Step::Code { node } => self.code(node, &mut code)?,
            }
        }
        Ok(())
    }

    /// What is known of a node from above and below.
    fn split(&mut self, node: usize) -> (&mut [Lanes], &mut [Lanes]) {
        let (start, states) = (
            self.program.places[node].start,
            self.circuit.nodes[node].states,
        );
        self.values[start..start + 2 * states].split_at_mut(states)
    }

    fn down(&mut self, node: usize, again: bool) {
        let at = &self.circuit.nodes[node];
        let by = self.by;
        if node == 0 {
            self.belief[0] = [1.0; LANES];
        } else if again {
            self.gather(at.parent, Some(node), true);
        } else {
            self.believe(at.parent);
        }
        let start = self.program.places[node].start;
        let (above, below) = self.values[start..start + 2 * at.states].split_at_mut(at.states);
        mix(by, &at.down, &self.belief, above);
        rescale(by, above);
        // What lies below a node does not change while the walk is elsewhere.
        if !again {
            below.fill([1.0; LANES]);
        }
    }

    /// Multiplies what is known of a node from above and below.
    fn believe(&mut self, node: usize) {
        let (start, states) = (
            self.program.places[node].start,
            self.circuit.nodes[node].states,
        );
        let (above, below) = self.values[start..start + 2 * states].split_at(states);
        let belief = &mut self.belief[..states];
        belief.copy_from_slice(above);
        multiply(self.by, belief, below);
    }

    /// Multiplies what is known of a node, but for what comes from a child.
    fn gather(&mut self, node: usize, but: Option<usize>, above: bool) {
        let (places, states) = (&self.program.places, self.circuit.nodes[node].states);
        let belief = &mut self.belief[..states];
        let parent = self.circuit.nodes[self.circuit.nodes[node].parent].states;
        let seen = places[node].kept + parent;
        belief.copy_from_slice(&self.values[seen..seen + states]);
        if above {
            let start = places[node].start;
            multiply(self.by, belief, &self.values[start..start + states]);
            rescale(self.by, belief);
        }
        for &child in &self.program.children[node] {
            if Some(child) != but {
                let kept = places[child].kept;
                multiply(self.by, belief, &self.values[kept..kept + states]);
                rescale(self.by, belief);
            }
        }
    }

    fn up(&mut self, node: usize, again: bool) {
        let at = &self.circuit.nodes[node];
        let states = self.circuit.nodes[at.parent].states;
        let by = self.by;
        let place = self.program.places[node];
        let below = &self.values[place.start + at.states..place.start + 2 * at.states];
        let message = &mut self.message[..states];
        mix(by, &at.up, below, message);
        rescale(by, message);
        if self.program.again {
            self.values[place.kept..place.kept + states].copy_from_slice(message);
        }
        if again {
            self.gather(at.parent, None, false);
            let start = self.program.places[at.parent].start + states;
            self.values[start..start + states].copy_from_slice(&self.belief[..states]);
        } else {
            let start = self.program.places[at.parent].start + states;
            let below = &mut self.values[start..start + states];
            multiply(by, below, &self.message[..states]);
            rescale(by, below);
        }
    }

    fn code(
        &mut self,
        node: usize,
        code: &mut impl FnMut(Next<'_>) -> Result<[u8; LANES]>,
    ) -> Result<()> {
        let at = &self.circuit.nodes[node];
        let Some(emission) = &at.emission else {
            return Ok(());
        };
        let by = self.by;
        self.believe(node);
        let first = &mut self.first[..emission.first.columns()];
        mix(by, &emission.first, &self.belief, first);
        let values = code(Next {
            emission,
            belief: &self.belief[..at.states],
            first,
            by,
        })?;
        let message = &mut self.message[..at.states];
        for (lane, value) in values.into_iter().enumerate() {
            let (which, place) = (usize::from(value) / GROUP, usize::from(value) % GROUP);
            for (out, row) in message.iter_mut().zip(emission.group(which)) {
                out[lane] = row[place];
            }
        }
        if self.program.again {
            let kept = self.program.places[node].kept + self.circuit.nodes[at.parent].states;
            self.values[kept..kept + at.states].copy_from_slice(&self.message[..at.states]);
        }
        let message = std::mem::take(&mut self.message);
        let (_, below) = self.split(node);
        multiply(by, below, &message[..below.len()]);
        rescale(by, below);
        self.message = message;
        Ok(())
    }
}
