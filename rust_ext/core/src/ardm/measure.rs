//! What positions take after so many others are known, in an order.

use super::codec::{bits, Items, Layout};
use super::network::{permutation, Network};
use crate::samples::{share, whole, Listener};
use crate::{Error, Result};

/// Parts of the items that threads work on. Sums of them are added in order, so that threads change nothing.
const PARTS: usize = 16;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'m> {
    /// The network.
    pub network: &'m Network,
    /// The order in which positions become known.
    pub order: &'m [i32],
    /// How many are known when all others are asked for: ascending, from 0 on.
    pub places: &'m [usize],
    /// Threads that may work on it, without effect on sums: at least 1.
    pub threads: usize,
}

/// Bits of positions, added up over items. For each stage there are rows of as many values as there are positions, which
/// stand in the order: first a row for each place, with what positions take when so many are known before, and zeros for
/// those that are; then a row with what each takes when all before it are known, and none behind it.
///
/// # Errors
/// [`Error::Parameter`] when the last item is not whole or has symbols outside of the alphabet, the order is no
/// permutation, or places are none or do not ascend from 0; [`Error::Interrupted`].
pub fn costs(measured: &Measured<'_>, items: &[u8], listener: Listener<'_>) -> Result<Vec<f64>> {
    let &Measured {
        network,
        order,
        places,
        threads,
    } = measured;
    let wrong = |what| Error::Parameter { what };
    let size = network.size();
    let order = permutation(order).filter(|order| order.len() == size);
    let order = order.ok_or(wrong("order: a permutation of the positions"))?;
    let ascend = places.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascend || places.first() != Some(&0) || places.last().is_some_and(|&last| last >= size) {
        return Err(wrong("places: ascending, from 0 on"));
    }
    // All at once: no more than threads work with.
    let steps = vec![u32::try_from(size).unwrap_or(u32::MAX); network.stages()];
    let layout = Layout {
        network,
        steps: &steps,
        group: 1,
        threads,
    };
    let items = whole(&layout, items)?;
    let each = items.len().div_ceil(PARTS).max(1);
    let parts: Vec<_> = items.chunks(each).collect();
    let length = network.stages() * (places.len() + 1) * size;
    let found = share(&layout, parts.len(), listener, |coder, number, pace| {
        let mut sums = vec![0.0; length];
        for item in parts[number] {
            coder.measure(item, &order, places, &mut sums)?;
            pace.done(size)?;
        }
        Ok(sums)
    })?;
    let mut total = vec![0.0; length];
    for sums in found {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    Ok(total)
}

impl Items<'_> {
    /// Adds what an item takes to sums, which stand as [`costs`] says.
    fn measure(
        &mut self,
        item: &[u8],
        order: &[u32],
        places: &[usize],
        sums: &mut [f64],
    ) -> Result<()> {
        let size = item.len();
        let symbols: Option<Vec<usize>> = item.iter().map(|&b| self.network.symbol(b)).collect();
        let symbols = symbols.ok_or(Error::Parameter {
            what: "symbols: those of the alphabet",
        })?;
        self.state.clear();
        for (stage, rows) in sums.chunks_exact_mut((places.len() + 1) * size).enumerate() {
            let (rows, each) = rows.split_at_mut(places.len() * size);
            let mut rows = places.iter().zip(rows.chunks_exact_mut(size)).peekable();
            for known in 0..size {
                self.state.call();
                let row = rows.next_if(|(&place, _)| place == known);
                each[known] += self.bits(order[known] as usize, &symbols, stage)?;
                if let Some((_, row)) = row {
                    for (sum, &position) in row[known..].iter_mut().zip(&order[known..]) {
                        *sum += self.bits(position as usize, &symbols, stage)?;
                    }
                }
                let position = order[known] as usize;
                self.state.refine(position, symbols[position], stage + 1);
            }
        }
        Ok(())
    }

    /// What the branch of a position takes, as the last call saw the item.
    fn bits(&mut self, position: usize, symbols: &[usize], stage: usize) -> Result<f64> {
        let config = &self.network.config;
        let branches = &mut self.branches[..config.levels[stage]];
        self.state
            .branches(position, stage, &mut self.leaves, branches);
        let branch = config.branch(symbols[position], stage);
        Ok(bits(self.quantizer.interval(branches, branch)?))
    }
}
