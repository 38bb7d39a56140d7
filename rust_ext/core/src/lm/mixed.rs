//! Tokens as bytes, with a network of language and contexts of bytes beside each other.
//!
//! The bytes of a token are coded one after the other. Of each, the network tells a distribution: the share of the tokens
//! that go on so ([`super::trie`]). It is weighed against what [`Strong`] makes of the text beside the network of the
//! package ([`super::judge`]). Where a token is whole but others go on, whether it ends is coded too.
//!
//! In the first version of such streams it entered the mixer of [`Strong`] in the place of that network's.
//!
//! Chunks of tokens in lanes take turns by tokens; they share all that the contexts learn.

use super::codec::{weigh, Settings};
use super::judge::Judge;
use super::lanes::in_lanes;
use super::model::Model;
use super::trie::{Node, Sums, Trie};
use super::watch::Listener;
use crate::cm::strong::apm::Apm;
use crate::cm::strong::Strong;
use crate::cm::tables::Tables;
use crate::cm::{Kind, Knowledge, Params, MAX_COUNT};
use crate::coder::binary::{BinaryDecoder, BinaryEncoder, Side, PROB_ONE};
use crate::coder::quantize;
use crate::{Error, Result};

/// The depths that are told apart by what corrects the ends of tokens.
const DEPTHS: usize = 16;
/// The rate of its entries falls to one over this.
const LIMIT: u32 = 255;

/// What the bytes are taken for.
const CONTEXTS: Params = Params {
    level: 9,
    kind: Kind::Text,
    record: 1,
    row: 1,
    lanes: 1,
    roomy: true,
};

/// What is known of the text besides what the network says.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The vocabulary.
    pub trie: &'a Trie,
    /// What the contexts start from, and the network beside them.
    pub known: Knowledge<'a>,
    /// Whether that network is used; else only what was learnt beside it.
    pub joint: bool,
    /// Where in the text each chunk begins.
    pub starts: &'a [usize],
    /// Bytes of the text.
    pub bytes: usize,
}

impl Beside<'_> {
    /// Checks that there is a start for each chunk, in order.
    fn check(&self, count: usize, settings: &Settings) -> Result<()> {
        let chunks = count.div_ceil(settings.chunk);
        let ordered = self.starts.is_sorted() && self.starts.first().is_none_or(|&s| s == 0);
        let inside = self.starts.last().is_none_or(|&start| start <= self.bytes);
        if self.starts.len() != chunks
            || !ordered
            || !inside
            || !(count..=MAX_COUNT).contains(&self.bytes)
        {
            return Err(Error::Corrupt {
                what: "chunks of tokens do not fit the text",
            });
        }
        Ok(())
    }
}

/// What codes tokens in their turn.
struct Mixed<'a, S> {
    side: S,
    contexts: Strong<'a>,
    judge: Option<Judge<'a>>,
    beside: Beside<'a>,
    settings: Settings,
    sums: Sums,
    weights: Vec<u32>,
    ends: Apm,
    tables: Tables,
    /// Where the next byte of each lane is, and where it must not be.
    places: Vec<(usize, usize)>,
}

impl<'a, S: Side> Mixed<'a, S> {
    fn new(side: S, beside: Beside<'a>, settings: Settings) -> Result<Self> {
        let tables = Tables::new();
        let network = beside.known.network.filter(|_| beside.joint);
        let judge = network.map(|known| Judge::new(known.network(), settings.lanes));
        if beside.joint && judge.is_none() {
            return Err(Error::Parameter {
                what: "a network is needed beside the language model",
            });
        }
        Ok(Self {
            side,
            judge,
            contexts: Strong::guided(&CONTEXTS, beside.bytes, beside.known, settings.lanes)?,
            beside,
            settings,
            sums: Sums::default(),
            weights: Vec::new(),
            ends: Apm::new(DEPTHS, LIMIT, &tables, None)?,
            tables,
            places: vec![(0, 0); settings.lanes],
        })
    }

    /// Codes the token of a number, whose distribution is in `row`; `token` counts only when encoding.
    fn token(&mut self, number: usize, row: &[f32], token: u32) -> Result<u32> {
        let Settings { chunk, lanes, .. } = self.settings;
        let (of_chunk, lane) = (number / chunk, number / chunk % lanes);
        if number.is_multiple_of(chunk) {
            self.begin(of_chunk, lane);
        }
        let trie = self.beside.trie;
        quantize::weights(row, &mut self.weights)?;
        self.sums.set(trie, &self.weights);
        let mut node = trie.root();
        let bytes = trie.bytes(token);
        loop {
            let depth = trie.depth(node);
            let byte = self.byte(lane, node, bytes.get(depth).copied().unwrap_or(0))?;
            node = trie.child(node, byte).ok_or(Error::Corrupt {
                what: "no token has these bytes",
            })?;
            if let Some(found) = trie.whole(node) {
                if trie.is_last(node) || self.ends(node, depth, bytes.len() == depth + 1) {
                    return Ok(found);
                }
            }
        }
    }

    /// Lets a lane go on with a chunk.
    fn begin(&mut self, of_chunk: usize, lane: usize) {
        let start = self.beside.starts[of_chunk];
        let end = self.beside.starts.get(of_chunk + 1);
        if self.places[lane].0 != start {
            self.contexts.jump(lane, start);
        }
        self.places[lane] = (start, end.copied().unwrap_or(self.beside.bytes));
    }

    /// Codes a byte after those of a node.
    fn byte(&mut self, lane: usize, node: Node, byte: u8) -> Result<u8> {
        let (place, end) = &mut self.places[lane];
        if place == end {
            return Err(Error::Corrupt {
                what: "a chunk of tokens is longer than it was",
            });
        }
        *place += 1;
        self.side.goes_on("coded tokens")?;
        let (trie, sums) = (self.beside.trie, &self.sums);
        if let Some(judge) = &mut self.judge {
            let coders = (&mut self.side, &mut self.contexts);
            return Ok(judge.code_byte(coders, lane, (trie, node), sums, byte));
        }
        self.contexts
            .tell(lane, |tree| sums.spread(trie, node, tree));
        Ok(self.contexts.code_byte(&mut self.side, byte))
    }

    /// Codes whether a token ends.
    fn ends(&mut self, node: Node, depth: usize, end: bool) -> bool {
        let p = self.sums.p_whole(node);
        self.ends.select(depth.min(DEPTHS - 1));
        let refined = self.ends.refine(self.tables.stretch22(p));
        let p = refined.midpoint(p).clamp(1, PROB_ONE - 1);
        let bit = self.side.code(u32::from(end), p);
        #[allow(clippy::cast_possible_wrap)] // of 22 bits
        let target = ((bit << 22) - bit) as i32;
        self.ends.update(target, &self.tables);
        bit == 1
    }
}

/// Encodes tokens, each of which stands for itself in the vocabulary.
///
/// # Errors
/// Those of [`super::codec::encode`], and [`Error::Model`] when a token has no bytes, or others stand for it.
pub fn encode(
    model: &Model,
    tokens: &[u32],
    beside: Beside<'_>,
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u8>> {
    settings.check(model, tokens)?;
    beside.check(tokens.len(), settings)?;
    let stands = |&token: &u32| beside.trie.standing_for(token) == Some(token);
    if !tokens.iter().all(stands) {
        return Err(Error::Model {
            what: "a token has no bytes of its own",
        });
    }
    let settings = whole_lanes(tokens.len(), settings);
    let mut mixed = Mixed::new(BinaryEncoder::new(), beside, settings)?;
    let by = settings.by;
    in_lanes(
        model,
        tokens.len(),
        &settings,
        listener,
        move |row| weigh(by, row),
        |number, row| mixed.token(number, row, tokens[number]),
    )?;
    Ok(mixed.side.finish())
}

/// Decodes `count` tokens.
///
/// # Errors
/// Those of [`super::codec::decode`].
pub fn decode(
    model: &Model,
    payload: &[u8],
    count: usize,
    beside: Beside<'_>,
    settings: &Settings,
    listener: Listener<'_>,
) -> Result<Vec<u32>> {
    settings.check(model, &[])?;
    beside.check(count, settings)?;
    let settings = whole_lanes(count, settings);
    let mut mixed = Mixed::new(BinaryDecoder::new(payload), beside, settings)?;
    let by = settings.by;
    let tokens = in_lanes(
        model,
        count,
        &settings,
        listener,
        move |row| weigh(by, row),
        |number, row| mixed.token(number, row, 0),
    )?;
    mixed.side.finish()?;
    Ok(tokens)
}

/// No more lanes than chunks.
fn whole_lanes(count: usize, settings: &Settings) -> Settings {
    let chunks = count.div_ceil(settings.chunk).max(1);
    Settings {
        lanes: settings.lanes.clamp(1, chunks),
        ..*settings
    }
}
