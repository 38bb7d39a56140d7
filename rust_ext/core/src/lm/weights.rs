//! Weights as they are stored.

use super::dot::simd::widen;
use super::dot::{half, padded, upper_half, Rows, BLOCK};
use crate::memory::Memory;
use crate::{Error, Result};

/// How the values of a tensor are stored in the bytes that are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    F32,
    /// 16-bit floats of IEEE 754.
    F16,
    /// The upper halves of 32-bit floats.
    Bf16,
    /// Blocks of 32 integers of 8 bits after a factor, which is a 16-bit float.
    Q8,
}

/// Bytes of a block of [`Kind::Q8`].
const BLOCK_BYTES: usize = 2 + BLOCK;

impl Kind {
    /// The kind of a name: F32, F16, BF16 or `Q8_0`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "Q8_0" => Self::Q8,
            _ => return None,
        })
    }

    /// Bytes of rows of so many columns; nothing where these cannot be stored so.
    fn row_bytes(self, columns: usize) -> Option<usize> {
        match self {
            Self::F32 => Some(4 * columns),
            Self::F16 | Self::Bf16 => Some(2 * columns),
            Self::Q8 if columns.is_multiple_of(BLOCK) => Some(columns / BLOCK * BLOCK_BYTES),
            Self::Q8 => None,
        }
    }

    /// Checks that `data` has so many rows of finite values.
    fn check(
        self,
        data: &[u8],
        rows: usize,
        columns: usize,
    ) -> std::result::Result<(), &'static str> {
        let Some(bytes) = self.row_bytes(columns) else {
            return Err("its rows are not whole blocks of 32 values");
        };
        if data.len() != rows * bytes {
            return Err("its length is not that of its shape");
        }
        // A float is not finite where all bits of its exponent are set.
        let finite = match self {
            Self::F32 => all(data, |bytes| {
                u32::from_le_bytes(bytes) & 0x7F80_0000 != 0x7F80_0000
            }),
            Self::F16 => all(data, |bytes| u16::from_le_bytes(bytes) & 0x7C00 != 0x7C00),
            Self::Bf16 => all(data, |bytes| u16::from_le_bytes(bytes) & 0x7F80 != 0x7F80),
            Self::Q8 => all(data, |block: [u8; BLOCK_BYTES]| {
                u16::from_le_bytes([block[0], block[1]]) & 0x7C00 != 0x7C00
            }),
        };
        if finite {
            Ok(())
        } else {
            Err("it has infinite values, or some that are no numbers")
        }
    }
}

/// Whether something holds of all values.
fn all<const N: usize>(data: &[u8], holds: impl Fn([u8; N]) -> bool) -> bool {
    data.as_chunks()
        .0
        .iter()
        .fold(true, |all, &bytes| all & holds(bytes))
}

fn error(name: &str, what: &str) -> Error {
    Error::File {
        what: format!("tensor {name}: {what}"),
    }
}

/// A vector of floats, out of the bytes of a tensor.
///
/// # Errors
/// [`Error::File`] when these are not so many finite values.
pub fn vector(name: &str, kind: Kind, data: &[u8], length: usize) -> Result<Vec<f32>> {
    kind.check(data, 1, length)
        .map_err(|what| error(name, what))?;
    Ok(match kind {
        Kind::F32 => data
            .as_chunks()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect(),
        Kind::F16 => data
            .as_chunks()
            .0
            .iter()
            .map(|&b| half(u16::from_le_bytes(b)))
            .collect(),
        Kind::Bf16 => data
            .as_chunks()
            .0
            .iter()
            .map(|&b| upper_half(u16::from_le_bytes(b)))
            .collect(),
        Kind::Q8 => return Err(error(name, "vectors are not stored in blocks")),
    })
}

/// A matrix, whose rows are padded with zeros.
#[derive(Debug)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    width: usize,
    data: Data,
}

#[derive(Debug)]
enum Data {
    F32(Memory<f32>),
    F16(Memory<u16>),
    Bf16(Memory<u16>),
    Q8(Memory<i8>, Memory<f32>),
    /// With a scale for each row.
    I8(Memory<i8>, Vec<f32>),
}

impl Matrix {
    /// Takes the bytes of a tensor.
    ///
    /// # Errors
    /// [`Error::File`] when these are not so many finite values, [`Error::Limit`] when the system has no room for them.
    pub fn new(
        name: &str,
        kind: Kind,
        data: &[u8],
        (rows, columns): (usize, usize),
    ) -> Result<Self> {
        kind.check(data, rows, columns)
            .map_err(|what| error(name, what))?;
        let width = padded(columns);
        let data = match kind {
            Kind::F32 => Data::F32(copied(data, columns, width, f32::from_le_bytes)?),
            Kind::F16 => Data::F16(copied(data, columns, width, u16::from_le_bytes)?),
            Kind::Bf16 => Data::Bf16(copied(data, columns, width, u16::from_le_bytes)?),
            Kind::Q8 => {
                let mut values = Memory::new(rows * columns)?;
                let mut factors = Memory::new(rows * columns / BLOCK)?;
                let blocks = data.as_chunks::<BLOCK_BYTES>().0.iter();
                let to = values.values().as_chunks_mut::<BLOCK>().0.iter_mut();
                for ((block, to), factor) in blocks.zip(to).zip(factors.values()) {
                    *factor = half(u16::from_le_bytes([block[0], block[1]]));
                    for (to, &byte) in to.iter_mut().zip(&block[2..]) {
                        *to = byte.cast_signed();
                    }
                }
                Data::Q8(values, factors)
            }
        };
        Ok(Self {
            rows,
            columns,
            width,
            data,
        })
    }

    /// The same with integers from -127 to 127 and a scale for each row: the largest magnitude over 127.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system has no room for it.
    pub fn to_int8(&self) -> Result<Self> {
        let mut values = Memory::<i8>::new(self.rows * self.width)?;
        let mut floats = vec![0.0; self.width];
        let mut scales = Vec::with_capacity(self.rows);
        for (i, out) in values.values().chunks_exact_mut(self.width).enumerate() {
            self.row(i, &mut floats);
            let most = floats.iter().fold(
                0.0_f32,
                |most, &x| if x.abs() > most { x.abs() } else { most },
            );
            let scale = most / 127.0;
            for (out, &x) in out.iter_mut().zip(&floats) {
                // Half away from zero; a quotient may be a little above 127.
                let magnitude = if scale > 0.0 {
                    (x.abs() / scale + 0.5).floor()
                } else {
                    0.0
                };
                #[allow(clippy::cast_possible_truncation)] // at most 127
                let magnitude = magnitude.min(127.0) as i8;
                *out = if x < 0.0 { -magnitude } else { magnitude };
            }
            scales.push(scale);
        }
        let data = Data::I8(values, scales);
        Ok(Self { data, ..*self })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Length of a row with its padding.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes of the weights.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let count = self.rows * self.width;
        match &self.data {
            Data::F32(_) => 4 * count,
            Data::F16(_) | Data::Bf16(_) => 2 * count,
            Data::Q8(..) => count + 4 * (count / BLOCK),
            Data::I8(..) => count + 4 * self.rows,
        }
    }

    /// Some rows, to be multiplied with vectors; products have then to be multiplied with [`Matrix::scales`].
    #[must_use]
    pub fn some(&self, first: usize, count: usize) -> Rows<'_> {
        let all = match &self.data {
            Data::F32(values) => Rows::F32(values.get()),
            Data::F16(values) => Rows::F16(values.get()),
            Data::Bf16(values) => Rows::Bf16(values.get()),
            Data::Q8(values, factors) => Rows::Q8(values.get(), factors.get()),
            Data::I8(values, _) => Rows::I8(values.get()),
        };
        all.part(first * self.width, count * self.width)
    }

    /// What products of rows are multiplied with, where there is anything.
    #[must_use]
    pub fn scales(&self) -> Option<&[f32]> {
        match &self.data {
            Data::I8(_, scales) => Some(scales),
            _ => None,
        }
    }

    /// Writes a row, without padding if `out` has no room for it.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        widen(self.some(index, 1), out);
        if let Some(scales) = self.scales() {
            for out in out {
                *out *= scales[index];
            }
        }
    }
}

/// Values in rows that are padded.
fn copied<const N: usize, T: bytemuck::Pod>(
    data: &[u8],
    columns: usize,
    width: usize,
    read: impl Fn([u8; N]) -> T,
) -> Result<Memory<T>> {
    let (values, _) = data.as_chunks();
    let mut memory = Memory::new(values.len() / columns * width)?;
    let rows = memory.values().chunks_exact_mut(width);
    for (to, from) in rows.zip(values.chunks_exact(columns)) {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = read(from);
        }
    }
    Ok(memory)
}
