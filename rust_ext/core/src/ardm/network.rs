//! The weights of a network.

use super::config::Config;
use crate::nn::exp2::Exp2;
use crate::nn::matrix::Matrix;
use crate::nn::tensors::{Shape, Tensors};
use crate::nn::ZERO;
use crate::{Error, Result};

/// What the file says it is.
const FORMAT: &str = "ardm-1";
/// Stands for a byte that is not in the alphabet.
const NONE: u16 = u16::MAX;

const fn refused(what: &'static str) -> Error {
    Error::Weights { what }
}

/// A layer of hidden values, added to what came in.
#[derive(Debug)]
pub struct Layer {
    pub up: Matrix,
    pub down: Matrix,
}

impl Layer {
    fn take(tensors: &Tensors<'_>, name: &str, width: usize, hidden: usize) -> Result<Self> {
        let part = |part: &str, shape| Matrix::take(tensors, &format!("{name}.{part}"), shape);
        Ok(Self {
            up: part("up", (hidden, width))?,
            down: part("down", (width, hidden))?.of_hidden(),
        })
    }
}

/// What looks at the whole item.
#[derive(Debug)]
pub struct Outline {
    /// Steps of each node.
    pub features: Vec<u8>,
    pub enter: Matrix,
    pub layers: Vec<Layer>,
    pub leave: Matrix,
    /// For each position.
    pub tell: Vec<Matrix>,
}

impl Outline {
    fn take(tensors: &Tensors<'_>, config: &Config) -> Result<Self> {
        let (size, width) = (config.size(), config.outline);
        let layer = |n| {
            Layer::take(
                tensors,
                &format!("outline.{n}"),
                width,
                config.outline_hidden,
            )
        };
        let tell = Matrix::take(tensors, "tell", (size * config.told, config.said))?;
        Ok(Self {
            features: features(tensors, "all", config.nodes(), config.outline_features)?,
            enter: Matrix::take(tensors, "enter", (width, size * config.outline_features))?,
            layers: (0..config.outline_blocks)
                .map(layer)
                .collect::<Result<_>>()?,
            leave: Matrix::take(tensors, "leave", (config.said, width))?,
            tell: tell.biased(tensors, "tell")?.split(config.told),
        })
    }
}

/// Takes steps of nodes, as the bytes that matrices want.
fn features(tensors: &Tensors<'_>, name: &str, nodes: usize, each: usize) -> Result<Vec<u8>> {
    let steps = tensors.weights(name, Shape::Matrix(nodes, each))?;
    let byte = |&step: &i8| {
        let byte = i32::from(step) + ZERO;
        u8::try_from(byte)
            .ok()
            .filter(|&byte| i32::from(byte) < 2 * ZERO)
    };
    let bytes: Option<Vec<u8>> = steps.iter().map(byte).collect();
    bytes.ok_or(refused("steps of features are out of range"))
}

/// A network, read only.
#[derive(Debug)]
pub struct Network {
    pub(super) config: Config,
    /// The byte of each symbol, and the symbol of each byte.
    pub(super) bytes: Vec<u8>,
    symbols: Box<[u16; 256]>,
    /// The order in which positions are coded.
    pub(super) order: Vec<u32>,
    pub(super) neighbours: Vec<u32>,
    pub(super) features: Vec<u8>,
    pub(super) outline: Option<Outline>,
    pub(super) first: Matrix,
    pub(super) blocks: Vec<Layer>,
    pub(super) out: Matrix,
    pub(super) exp2: Exp2,
    memory_bytes: usize,
}

impl Network {
    /// Reads the bytes of a file of weights.
    ///
    /// # Errors
    /// [`Error::Weights`] when they are none, or a value is out of range.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let tensors = Tensors::parse(file)?;
        if tensors.word("format") != Some(FORMAT) {
            return Err(refused("weights are not those of ardm, version 1"));
        }
        let config = Config::parse(tensors.word("config").unwrap_or_default())?;
        let (width, alphabet) = (config.width, config.alphabet());
        let (bytes, symbols) = alphabet_of(&tensors, alphabet)?;
        let order = tensors.numbers("order", config.size())?;
        let order = permutation(&order).ok_or(refused("order of positions is no permutation"))?;
        let layer = |n| Layer::take(&tensors, &format!("blocks.{n}"), width, config.hidden);
        let outline = (config.outline > 0).then(|| Outline::take(&tensors, &config));
        let network = Self {
            features: features(&tensors, "near", config.nodes(), config.features)?,
            outline: outline.transpose()?,
            first: Matrix::take(&tensors, "first", (width, config.inputs()))?,
            blocks: (0..config.blocks).map(layer).collect::<Result<_>>()?,
            out: Matrix::take(&tensors, "out", (alphabet, width))?.biased(&tensors, "out")?,
            exp2: Exp2::take(&tensors)?,
            neighbours: config.neighbours(),
            memory_bytes: file.len() + 4 * config.size() * config.around(),
            bytes,
            symbols,
            order,
            config,
        };
        let reach: i64 = network.matrices().map(Matrix::reach).sum();
        if reach >= 1 << 31 {
            return Err(refused("sums of a network may be too large"));
        }
        Ok(network)
    }

    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let outline = self.outline.iter();
        let single = outline.clone().flat_map(|o| [&o.enter, &o.leave]);
        // Its parts have the reach of the whole.
        let tell = outline.clone().filter_map(|o| o.tell.first());
        let layers = outline.flat_map(|o| &o.layers).chain(&self.blocks);
        [&self.first, &self.out]
            .into_iter()
            .chain(single)
            .chain(tell)
            .chain(layers.flat_map(|layer| [&layer.up, &layer.down]))
    }

    /// Symbols of an item.
    #[must_use]
    pub fn size(&self) -> usize {
        self.config.size()
    }

    /// How many symbols there are.
    #[must_use]
    pub fn alphabet(&self) -> usize {
        self.config.alphabet()
    }

    /// How often each position is refined.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.config.stages()
    }

    /// Lengths of the axes of an item.
    #[must_use]
    pub fn axes(&self) -> &[usize] {
        &self.config.axes
    }

    /// The order in which positions are coded.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The symbol of a byte, if it is one of the alphabet.
    #[must_use]
    pub fn symbol(&self, byte: u8) -> Option<usize> {
        let symbol = self.symbols[usize::from(byte)];
        (symbol != NONE).then(|| usize::from(symbol))
    }
}

fn alphabet_of(tensors: &Tensors<'_>, count: usize) -> Result<(Vec<u8>, Box<[u16; 256]>)> {
    let bytes = tensors.bytes_of("symbols", Shape::Vector(count))?.to_vec();
    let mut symbols = Box::new([NONE; 256]);
    for (symbol, &byte) in (0..).zip(&bytes) {
        if std::mem::replace(&mut symbols[usize::from(byte)], symbol) != NONE {
            return Err(refused("two symbols are the same byte"));
        }
    }
    Ok((bytes, symbols))
}

/// The numbers, if each from 0 on is there once.
pub fn permutation(numbers: &[i32]) -> Option<Vec<u32>> {
    let mut seen = vec![false; numbers.len()];
    for &number in numbers {
        let place = seen.get_mut(usize::try_from(number).ok()?)?;
        if std::mem::replace(place, true) {
            return None;
        }
    }
    Some(numbers.iter().map(|&n| n.unsigned_abs()).collect())
}
