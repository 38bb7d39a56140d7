//! What a network tells of pictures to contexts of pixels beside it ([`crate::samples::mixed`]).

use super::network::Network;
use super::state::State;
use crate::samples::mixed::{Code, Teller};
use crate::{Error, Result};

/// A call for each pixel, in the order in which pixels are stored.
pub struct Pixels<'n> {
    network: &'n Network,
    state: State<'n>,
    leaves: Vec<u32>,
    weights: Vec<u32>,
}

impl<'n> Pixels<'n> {
    /// Prepares for pictures.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the network has more than one stage: it was not trained for pixels that are known at once.
    pub fn new(network: &'n Network) -> Result<Self> {
        if network.stages() > 1 {
            return Err(Error::Parameter {
                what: "network beside contexts of pixels: of one stage",
            });
        }
        Ok(Self {
            network,
            state: State::new(network),
            leaves: vec![0; network.alphabet()],
            weights: vec![0; network.alphabet()],
        })
    }
}

impl Teller for Pixels<'_> {
    fn width(&self) -> usize {
        self.network.size()
    }

    fn go(&mut self, code: Code<'_>) -> Result<()> {
        self.state.clear();
        for position in 0..self.network.size() {
            self.state.call();
            self.state
                .branches(position, 0, &mut self.leaves, &mut self.weights);
            let value = code(position, &mut |tree| {
                let leaves = tree.leaves();
                leaves.fill(1);
                for (&byte, &weight) in self.network.bytes.iter().zip(&self.weights) {
                    leaves[usize::from(byte)] += weight;
                }
                tree.add_up();
            })?;
            // What the network does not know stays unknown.
            if let Some(symbol) = self.network.symbol(value) {
                self.state.refine(position, symbol, 1);
            }
        }
        Ok(())
    }
}
