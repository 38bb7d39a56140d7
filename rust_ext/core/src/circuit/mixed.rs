//! What a circuit tells of pictures to contexts of pixels beside it ([`crate::samples::mixed`]).

use super::walk::{Next, Walk};
use super::{Circuit, Program, GROUP};
use crate::bytelm::tree::Tree;
use crate::lm::dot::proven;
use crate::samples::mixed::{Code, Teller};
use crate::Result;

/// Weights of the values of a pixel add up to about this.
const TOTAL: f32 = 16_777_216.0;

/// A walk from pixel to pixel.
pub struct Pixels<'c> {
    circuit: &'c Circuit,
    walk: Walk<'c, 1>,
}

impl<'c> Pixels<'c> {
    /// Prepares for pictures; the program has variables in the order in which they are stored.
    #[must_use]
    pub fn new(circuit: &'c Circuit, program: &'c Program) -> Self {
        Self {
            circuit,
            walk: Walk::new(circuit, program, proven()),
        }
    }
}

impl Teller for Pixels<'_> {
    fn width(&self) -> usize {
        self.circuit.variables()
    }

    fn go(&mut self, code: Code<'_>) -> Result<()> {
        let circuit = self.circuit;
        self.walk.go(|next| {
            let place = next.variable();
            let value = code(place, &mut |tree| expect(&next, tree))?;
            // After a value that it does not know, the circuit goes on as if that were its first.
            let known = usize::from(value) < circuit.categories(place);
            Ok([if known { value } else { 0 }])
        })
    }
}

/// Sets the weights of the values of a pixel in a sample; those that the circuit does not know are the least likely.
fn expect(next: &Next<'_, 1>, tree: &mut Tree) {
    let leaves = tree.leaves();
    leaves.fill(1);
    let mut rows = [[0.0; GROUP]; 256 / GROUP];
    let mut sum = 0.0;
    for (group, row) in rows.iter_mut().enumerate().take(next.groups()) {
        *row = next.second(0, group).0;
        for &weight in row.iter() {
            sum += weight;
        }
    }
    if sum > 0.0 {
        let scale = TOTAL / sum;
        for (leaf, &weight) in leaves.iter_mut().zip(rows.as_flattened()) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            // from zero to the total
            let share = (weight * scale) as u32;
            *leaf += share;
        }
    }
    tree.add_up();
}
