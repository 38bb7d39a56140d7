//! Sizes of a network.

use crate::nn::matrix::ROWS;
use crate::{Error, Result};
use serde::Deserialize;

/// The largest width of a part, number of layers and of axes, and size of an alphabet.
const MAX_WIDTH: usize = 4096;
const MAX_LAYERS: usize = 16;
const MAX_ALPHABET: usize = 256;
/// The largest number of inputs of a matrix: sums of so many products fit 32 bits.
const MAX_INPUTS: usize = 1 << 17;
/// The largest number of symbols of an item.
const MAX_SIZE: usize = 1 << 16;
/// The largest number of neighbours of all positions together.
const MAX_NEIGHBOURS: usize = 1 << 22;
/// The largest number of rows of all positions together.
const MAX_TOLD: usize = 1 << 22;

/// Sizes of a network; those of parts that it does not have are not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Lengths of the axes of an item, outermost first.
    pub axes: Vec<usize>,
    /// Branches of a node at each stage.
    pub levels: Vec<usize>,
    /// How far the neighbourhood of a position goes along each axis.
    pub reach: Vec<usize>,
    /// Values for each node in a neighbourhood.
    pub features: usize,
    /// Values for each position.
    pub width: usize,
    /// Of the layers over positions.
    pub hidden: usize,
    /// How many.
    pub blocks: usize,
    /// Values for each node where the whole item is looked at.
    pub outline_features: usize,
    /// Values for the whole item, or 0.
    pub outline: usize,
    /// Of the layers over them.
    pub outline_hidden: usize,
    /// How many.
    pub outline_blocks: usize,
    /// Values that all positions are told.
    pub said: usize,
    /// Values that each position makes of these for itself.
    pub told: usize,
}

fn product(factors: impl IntoIterator<Item = usize>, most: usize) -> Option<usize> {
    let mut product = 1_usize;
    for factor in factors {
        product = product.checked_mul(factor).filter(|&p| p <= most)?;
    }
    Some(product)
}

impl Config {
    /// Reads sizes, and checks them before anything is made of them.
    ///
    /// # Errors
    /// [`Error::Weights`] when they are none, or out of range.
    pub fn parse(text: &str) -> Result<Self> {
        // Of an object: serde would take a list as well.
        let config: Self = serde_json::from_str::<serde_json::Map<_, _>>(text)
            .and_then(|sizes| serde_json::from_value(sizes.into()))
            .map_err(|_| Error::Weights {
                what: "sizes of a network",
            })?;
        if config.is_in_range().is_some() {
            Ok(config)
        } else {
            Err(Error::Weights {
                what: "sizes of a network are out of range",
            })
        }
    }

    fn is_in_range(&self) -> Option<()> {
        let has = |is: bool| is.then_some(());
        has(!self.axes.is_empty() && self.axes.len() == self.reach.len())?;
        has(!self.axes.contains(&0) && self.axes.len() <= MAX_LAYERS)?;
        let size = product(self.axes.iter().copied(), MAX_SIZE)?;
        has(!self.levels.is_empty() && self.levels.iter().all(|&branches| branches >= 2))?;
        product(self.levels.iter().copied(), MAX_ALPHABET)?;
        has(self.reach.iter().all(|&reach| reach <= MAX_SIZE))?;
        let around = product(self.reach.iter().map(|r| 2 * r + 1), MAX_INPUTS)?;
        product([size, around], MAX_NEIGHBOURS)?;
        product([around, self.features], MAX_INPUTS)?;
        let widths = [self.features, self.width, self.hidden];
        let is_width = |width: &usize| (1..=MAX_WIDTH).contains(width);
        has(widths.iter().all(is_width) && self.blocks <= MAX_LAYERS)?;
        if self.outline > 0 {
            let widths = [
                self.outline_features,
                self.outline,
                self.outline_hidden,
                self.said,
                self.told,
            ];
            has(widths.iter().all(is_width) && self.outline_blocks <= MAX_LAYERS)?;
            product([size, self.outline_features], MAX_INPUTS)?;
            product([size, self.told], MAX_TOLD)?;
            has(self.told.is_multiple_of(ROWS))?;
        }
        has(self.inputs() <= MAX_INPUTS)
    }

    /// Symbols of an item.
    #[must_use]
    pub fn size(&self) -> usize {
        self.axes.iter().product()
    }

    /// How many symbols there are.
    #[must_use]
    pub fn alphabet(&self) -> usize {
        self.levels.iter().product()
    }

    /// How often a position is refined.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.levels.len()
    }

    /// How many symbols a node of a level stands for.
    #[must_use]
    pub fn leaves(&self, level: usize) -> usize {
        self.levels[level..].iter().product()
    }

    /// The branch that a symbol takes at a stage.
    #[must_use]
    pub fn branch(&self, symbol: usize, stage: usize) -> usize {
        symbol % self.leaves(stage) / self.leaves(stage + 1)
    }

    /// The number of the first node of a level; behind the last level, that of being outside.
    #[must_use]
    pub fn start(&self, level: usize) -> usize {
        (0..level).map(|l| self.alphabet() / self.leaves(l)).sum()
    }

    /// How many states a position can have, that of being outside among them.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.start(self.stages() + 1) + 1
    }

    /// Positions in a neighbourhood.
    #[must_use]
    pub fn around(&self) -> usize {
        self.reach.iter().map(|r| 2 * r + 1).product()
    }

    /// Values that go into the first matrix over positions.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let more = if self.outline > 0 {
            self.said + self.told
        } else {
            0
        };
        self.around() * self.features + more
    }

    /// The neighbours of all positions; [`Self::size`] stands for one outside.
    #[must_use]
    pub fn neighbours(&self) -> Vec<u32> {
        let size = self.size();
        let mut found = Vec::with_capacity(size * self.around());
        for position in 0..size {
            for neighbour in 0..self.around() {
                let (mut at, mut by) = (position, neighbour);
                let (mut number, mut stride, mut inside) = (0, 1, true);
                // From the innermost axis on.
                for (&side, &reach) in self.axes.iter().zip(&self.reach).rev() {
                    let place = at % side + by % (2 * reach + 1);
                    inside &= (reach..side + reach).contains(&place);
                    number += place.saturating_sub(reach) * stride;
                    at /= side;
                    by /= 2 * reach + 1;
                    stride *= side;
                }
                found.push(if inside { number } else { size } as u32);
            }
        }
        found
    }
}
