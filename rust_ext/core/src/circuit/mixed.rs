//! A circuit and contexts of pixels beside each other.
//!
//! Samples are pictures, and coded pixel after pixel. The circuit tells a distribution of each ([`Walk`]), which enters the
//! mixer of [`Strong`] as that of a network does; adaptive maps there learn how far to trust it. Pictures come one after the
//! other: side by side, each would have but its share of what is learnt.

use super::walk::{Next, Walk};
use super::{Circuit, Program, GROUP};
use crate::bytelm::tree::Tree;
use crate::cm::strong::Strong;
use crate::cm::{Knowledge, Params, MAX_COUNT};
use crate::coder::binary::{Ahead, BinaryDecoder, BinaryEncoder, Side};
use crate::lm::dot::proven;
use crate::lm::watch::{Listener, Watch};
use crate::{machine, Error, Result};

/// What ends early, in messages.
const WHAT: &str = "pixels";
/// Weights of the values of a pixel add up to about this.
const TOTAL: f32 = 16_777_216.0;

/// What codes beside a circuit.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'c> {
    /// Where distributions come from.
    pub circuit: &'c Circuit,
    /// Pixels in the order in which they are stored.
    pub program: &'c Program,
    /// The contexts.
    pub params: Params,
    /// Pictures that are coded first and thrown away: whole samples.
    pub ahead: &'c [u8],
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

/// A coder of pictures.
struct Pictures<'c> {
    beside: Beside<'c>,
    contexts: Strong<'c>,
    walk: Walk<'c, 1>,
    width: usize,
}

impl<'c> Pictures<'c> {
    /// Starts, and codes the pictures ahead.
    fn new(beside: Beside<'c>, count: usize, watch: &mut Watch<'_>) -> Result<Self> {
        let width = beside.circuit.variables();
        if !beside.ahead.len().is_multiple_of(width) {
            return Err(Error::Parameter {
                what: "pictures ahead: whole samples",
            });
        }
        let all = beside.ahead.len().saturating_add(count);
        if all > MAX_COUNT {
            return Err(Error::Limit {
                what: "symbols of a stream: at most 2^30 with the pictures ahead",
            });
        }
        let mut pictures = Self {
            beside,
            contexts: Strong::guided(&beside.params, all, Knowledge::default(), 1)?,
            walk: Walk::new(beside.circuit, beside.program, proven()),
            width,
        };
        for one in beside.ahead.chunks(width) {
            pictures.one(&mut one.to_vec(), &mut Ahead)?;
            watch.check(0)?;
        }
        Ok(pictures)
    }

    /// Codes a picture, or a part of one; its pixels are known when encoding, and set when decoding.
    fn one(&mut self, values: &mut [u8], side: &mut impl Side) -> Result<()> {
        let (contexts, circuit) = (&mut self.contexts, self.beside.circuit);
        if values.len() < self.width {
            // The circuit says nothing of it.
            for value in values {
                side.goes_on(WHAT)?;
                contexts.tell(0, |tree| {
                    tree.leaves().fill(1);
                    tree.add_up();
                });
                *value = contexts.code_byte(side, *value);
            }
            return Ok(());
        }
        self.walk.go(|next| {
            side.goes_on(WHAT)?;
            let place = next.variable();
            contexts.tell(0, |tree| expect(&next, tree));
            values[place] = contexts.code_byte(side, values[place]);
            // After a value that it does not know, the circuit goes on as if that were its first.
            let known = usize::from(values[place]) < circuit.categories(place);
            Ok([if known { values[place] } else { 0 }])
        })
    }
}

/// Encodes pictures.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Limit`] when there is too little memory, [`Error::Machine`], [`Error::Interrupted`].
pub fn encode(beside: Beside<'_>, symbols: &[u8], listener: Listener<'_>) -> Result<Vec<u8>> {
    machine::check()?;
    let mut watch = Watch::new(listener);
    let mut side = BinaryEncoder::new();
    let mut pictures = Pictures::new(beside, symbols.len(), &mut watch)?;
    for (number, one) in symbols.chunks(pictures.width).enumerate() {
        pictures.one(&mut one.to_vec(), &mut side)?;
        watch.check(number * pictures.width)?;
    }
    Ok(side.finish())
}

/// Decodes `count` symbols.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Corrupt`] when it is no such payload; those of [`encode`].
pub fn decode(
    beside: Beside<'_>,
    payload: &[u8],
    count: usize,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    machine::check()?;
    let mut watch = Watch::new(listener);
    let mut side = BinaryDecoder::new(payload);
    let mut pictures = Pictures::new(beside, count, &mut watch)?;
    let mut out = Vec::new();
    while out.len() < count {
        let mut one = vec![0; pictures.width.min(count - out.len())];
        pictures.one(&mut one, &mut side)?;
        out.extend_from_slice(&one);
        watch.check(out.len())?;
    }
    side.finish()?;
    Ok(out)
}
