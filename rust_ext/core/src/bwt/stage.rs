//! Entropy stage: codes the last column as runs.

use super::context::Runs;
use super::lengths::{self, LengthModel};
use super::logistic::Tables;
use super::predictor::BitCoder;
use super::ranks::{self, RankModel};
use super::runs::{rank, run_length};
use super::symbols::{self, SymbolModel, HASH_BITS};
use super::{no_memory, order};
use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
use crate::memory::Memory;
use crate::{Error, Result};

/// How the symbol of the next run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// By the ranks of the runs before it: text, and most else.
    Ranks,
    /// By itself: tables of numbers.
    Symbols,
}

/// Parts of the column that are tried to choose a stage.
const SAMPLES: usize = 4;
/// Bounds of the length of all samples together.
const SAMPLED_BYTES: (usize, usize) = (1 << 14, 1 << 17);

/// Finds the stage that codes samples of `last` in fewer bytes, symbols only where by 2 %.
///
/// # Errors
/// [`Error::Limit`] when memory cannot be had.
pub fn choose(last: &[u8]) -> Result<Stage> {
    let wanted = (last.len() / 32).clamp(SAMPLED_BYTES.0, SAMPLED_BYTES.1);
    let part = (wanted / SAMPLES).min(last.len() / SAMPLES);
    let mut sample = Vec::with_capacity(part * SAMPLES);
    for i in 0..SAMPLES {
        let start = last.len() / SAMPLES * i;
        sample.extend_from_slice(&last[start..start + part]);
    }
    let ranks = encode(&sample, Stage::Ranks)?.len();
    let mut coder = BinaryEncoder::new();
    // Tables that fit the sample: touching large ones would take most of the time of a short input.
    let hash_bits = (sample.len().max(SAMPLED_BYTES.0).ilog2() + 2).min(HASH_BITS);
    encode_symbols(&mut coder, &sample, hash_bits)?;
    let symbols = coder.finish().len();
    // The contexts of ranks go on learning where those of symbols have learned: a sample flatters the latter.
    Ok(if symbols + symbols / 50 < ranks {
        Stage::Symbols
    } else {
        Stage::Ranks
    })
}

/// Encodes a column.
///
/// # Errors
/// [`Error::Limit`] when memory cannot be had.
pub fn encode(last: &[u8], stage: Stage) -> Result<Vec<u8>> {
    let mut coder = BinaryEncoder::new();
    if last.is_empty() {
        return Ok(coder.finish());
    }
    match stage {
        Stage::Ranks => encode_ranks(&mut coder, last)?,
        Stage::Symbols => encode_symbols(&mut coder, last, HASH_BITS)?,
    }
    Ok(coder.finish())
}

fn encode_ranks(coder: &mut BinaryEncoder, last: &[u8]) -> Result<()> {
    let ranked = rank(last)?;
    order::code(coder, &ranked.order)?;
    let tables = Tables::new();
    let mut memory = Memory::new(lengths::SLOTS + ranks::SLOTS)?;
    let (by_length, by_rank) = memory.values().split_at_mut(lengths::SLOTS);
    let mut lengths = LengthModel::new(&tables, by_length);
    let mut ranks = RankModel::new(&tables, by_rank);
    let mut runs = Runs::new();
    let mut rest = last;
    for rank in ranked.ranks {
        let symbol = rest[0];
        let length = run_length(rest);
        lengths.code(coder, &tables, &runs, symbol, length);
        rest = &rest[length..];
        if let Some(&next) = rest.first() {
            ranks.code(coder, &tables, &runs, [symbol, next], length, rank);
            runs.push(symbol, length, rank);
        }
    }
    Ok(())
}

fn encode_symbols(coder: &mut BinaryEncoder, last: &[u8], hash_bits: u32) -> Result<()> {
    let tables = Tables::new();
    let mut memory = Memory::new(lengths::SLOTS + symbols::slots(hash_bits))?;
    let (by_length, by_symbol) = memory.values().split_at_mut(lengths::SLOTS);
    let mut lengths = LengthModel::new(&tables, by_length);
    let mut symbols = SymbolModel::new(&tables, by_symbol, hash_bits);
    let mut runs = Runs::new();
    let mut rest = last;
    while let Some(&symbol) = rest.first() {
        let length = run_length(rest);
        symbols.code(coder, &tables, &runs, symbol);
        lengths.code(coder, &tables, &runs, symbol, length);
        runs.push(symbol, length, 0);
        rest = &rest[length..];
    }
    Ok(())
}

/// Decodes a column of `count` symbols. Memory grows with what was decoded, not with `count`.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when `payload` is not what [`encode`] returned for a column
/// of `count` symbols, [`Error::Limit`] when memory cannot be had.
pub fn decode(payload: &[u8], count: usize, stage: Stage) -> Result<Vec<u8>> {
    let mut coder = BinaryDecoder::new(payload);
    let mut column = Column {
        last: Vec::new(),
        count,
    };
    if count > 0 {
        match stage {
            Stage::Ranks => decode_ranks(&mut coder, &mut column)?,
            Stage::Symbols => decode_symbols(&mut coder, &mut column)?,
        }
    }
    coder.finish()?;
    Ok(column.last)
}

fn decode_ranks(coder: &mut BinaryDecoder, column: &mut Column) -> Result<()> {
    let order = order::code(coder, &[])?;
    let mut list = [0_u8; 256];
    list[..order.len()].copy_from_slice(&order);
    let tables = Tables::new();
    let mut memory = Memory::new(lengths::SLOTS + ranks::SLOTS)?;
    let (by_length, by_rank) = memory.values().split_at_mut(lengths::SLOTS);
    let mut lengths = LengthModel::new(&tables, by_length);
    let mut ranks = RankModel::new(&tables, by_rank);
    let mut runs = Runs::new();
    loop {
        let [symbol, next] = [list[0], list[1]];
        let length = lengths.code(coder, &tables, &runs, symbol, 0);
        if column.push(coder, symbol, length)? {
            return Ok(());
        }
        let rank = ranks.code(coder, &tables, &runs, [symbol, next], length, 0);
        runs.push(symbol, length, rank);
        let rank = usize::from(rank);
        if rank >= order.len() {
            return Err(Error::Corrupt {
                what: "rank of a symbol",
            });
        }
        for place in 0..rank {
            list[place] = list[place + 1];
        }
        list[rank] = symbol;
    }
}

fn decode_symbols(coder: &mut BinaryDecoder, column: &mut Column) -> Result<()> {
    let tables = Tables::new();
    let mut memory = Memory::new(lengths::SLOTS + symbols::slots(HASH_BITS))?;
    let (by_length, by_symbol) = memory.values().split_at_mut(lengths::SLOTS);
    let mut lengths = LengthModel::new(&tables, by_length);
    let mut symbols = SymbolModel::new(&tables, by_symbol, HASH_BITS);
    let mut runs = Runs::new();
    loop {
        let symbol = symbols.code(coder, &tables, &runs, 0);
        let length = lengths.code(coder, &tables, &runs, symbol, 0);
        if column.push(coder, symbol, length)? {
            return Ok(());
        }
        runs.push(symbol, length, 0);
    }
}

/// A column that is being decoded.
struct Column {
    last: Vec<u8>,
    count: usize,
}

impl Column {
    /// Appends a run; true when the column is complete.
    #[inline(always)]
    fn push<C: BitCoder>(&mut self, coder: &C, symbol: u8, length: usize) -> Result<bool> {
        if coder.is_exhausted() {
            return Err(Error::Truncated {
                what: "runs of the Burrows-Wheeler transform",
            });
        }
        let left = self.count - self.last.len();
        if length > left {
            return Err(Error::Corrupt {
                what: "length of a run",
            });
        }
        self.last.try_reserve(length).map_err(|_| no_memory())?;
        self.last.resize(self.last.len() + length, symbol);
        Ok(length == left)
    }
}
