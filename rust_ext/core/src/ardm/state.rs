//! What is known of an item, and what a network says of it.

use super::network::{Layer, Network};
use crate::nn::gates::squares;
use crate::nn::norm::norm;
use crate::nn::padded;

/// What is known of an item, and room for calls.
#[derive(Debug, Clone)]
pub struct State<'n> {
    network: &'n Network,
    /// The node at which each position is; behind them, that of being outside.
    nodes: Vec<u16>,
    /// Features of all positions.
    whole: Vec<u8>,
    /// What all positions are told.
    said: Vec<u8>,
    /// The input of the first matrix over positions.
    inputs: Vec<u8>,
    outline: Vec<i32>,
    x: Vec<i32>,
    logits: Vec<i32>,
    scratch: Scratch,
}

#[derive(Debug, Clone)]
struct Scratch {
    steps: Vec<u8>,
    hidden: Vec<u8>,
    values: Vec<i32>,
}

impl Scratch {
    fn run(&mut self, layers: &[Layer], x: &mut [i32]) {
        let wide = padded(x.len());
        for layer in layers {
            let hidden = layer.up.rows();
            norm(x, &mut self.steps[..x.len()]);
            layer
                .up
                .set(&self.steps[..wide], &mut self.values[..hidden]);
            squares(&self.values[..hidden], &mut self.hidden[..hidden]);
            layer.down.add(&self.hidden[..padded(hidden)], x);
        }
    }
}

impl<'n> State<'n> {
    /// An item of which nothing is known.
    pub fn new(network: &'n Network) -> Self {
        let config = &network.config;
        let has = |width: usize| if config.outline > 0 { width } else { 0 };
        let widths = [
            config.width,
            config.hidden,
            config.features,
            has(config.outline),
            has(config.outline_hidden),
            has(config.said),
            has(config.told),
        ];
        let most = widths.into_iter().max().unwrap_or(0);
        let mut state = Self {
            network,
            nodes: vec![(config.nodes() - 1) as u16; config.size() + 1],
            whole: vec![0; padded(config.size() * has(config.outline_features))],
            said: vec![0; padded(has(config.said))],
            inputs: vec![0; padded(config.inputs())],
            outline: vec![0; has(config.outline)],
            x: vec![0; config.width],
            logits: vec![0; config.alphabet()],
            scratch: Scratch {
                steps: vec![0; padded(most)],
                hidden: vec![0; padded(most)],
                values: vec![0; most],
            },
        };
        state.clear();
        state
    }

    /// Forgets the item.
    pub fn clear(&mut self) {
        for position in 0..self.network.size() {
            self.set(position, 0);
        }
    }

    /// Puts a position to a node.
    pub fn set(&mut self, position: usize, node: usize) {
        self.nodes[position] = node as u16;
        if let Some(outline) = &self.network.outline {
            let each = self.network.config.outline_features;
            self.whole[position * each..][..each]
                .copy_from_slice(&outline.features[node * each..][..each]);
        }
    }

    /// Puts a position to the node of a level that a symbol is below.
    pub fn refine(&mut self, position: usize, symbol: usize, level: usize) {
        let config = &self.network.config;
        self.set(
            position,
            config.start(level) + symbol / config.leaves(level),
        );
    }

    /// Looks at the whole item, as it is now.
    pub fn call(&mut self) {
        let Some(outline) = &self.network.outline else {
            return;
        };
        outline.enter.set(&self.whole, &mut self.outline);
        self.scratch.run(&outline.layers, &mut self.outline);
        let width = self.outline.len();
        norm(&self.outline, &mut self.scratch.steps[..width]);
        let said = self.network.config.said;
        let values = &mut self.scratch.values[..said];
        outline
            .leave
            .set(&self.scratch.steps[..padded(width)], values);
        norm(values, &mut self.said[..said]);
    }

    /// The logits of a position, as the last call saw the item; its neighbours are taken as they are now.
    pub fn logits(&mut self, position: usize) -> &[i32] {
        let network = self.network;
        let (config, around) = (&network.config, network.config.around());
        let each = config.features;
        let neighbours = &network.neighbours[position * around..][..around];
        let (near, _) = self.inputs.split_at_mut(around * each);
        for (to, &neighbour) in near.chunks_exact_mut(each).zip(neighbours) {
            let node = usize::from(self.nodes[neighbour as usize]);
            to.copy_from_slice(&network.features[node * each..][..each]);
        }
        if let Some(outline) = &network.outline {
            let (said, told) = (config.said, config.told);
            let inputs = &mut self.inputs[around * each..];
            inputs[..said].copy_from_slice(&self.said[..said]);
            let values = &mut self.scratch.values[..told];
            outline.tell[position].set(&self.said, values);
            norm(values, &mut inputs[said..said + told]);
        }
        network.first.set(&self.inputs, &mut self.x);
        self.scratch.run(&network.blocks, &mut self.x);
        let steps = &mut self.scratch.steps[..padded(self.x.len())];
        norm(&self.x, &mut steps[..self.x.len()]);
        network.out.set(steps, &mut self.logits);
        &self.logits
    }

    /// Sets the weights of the branches of a node of a position, where a symbol that is below it will be.
    pub fn branches(&mut self, position: usize, level: usize, leaves: &mut [u32], out: &mut [u32]) {
        let network = self.network;
        let config = &network.config;
        self.logits(position);
        let node = usize::from(self.nodes[position]) - config.start(level);
        let (below, each) = (config.leaves(level), config.leaves(level + 1));
        // Those of the other symbols play no part.
        let logits = &self.logits[node * below..][..below];
        network.exp2.weigh(logits, &mut leaves[..below]);
        for (out, leaves) in out.iter_mut().zip(leaves[..below].chunks_exact(each)) {
            // At most 256 of 2^23.
            *out = leaves.iter().sum();
        }
    }
}
