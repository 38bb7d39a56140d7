//! Weights from a file in the format safetensors: tensors of whole numbers, and words on them.

use crate::{Error, Result};
use safetensors::{Dtype, SafeTensors};
use serde_json::{json, Map, Value};
use std::collections::HashMap;

/// Bytes of the length of the header.
const LENGTH_BYTES: usize = 8;

/// A shape that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// So many rows of so many columns.
    Matrix(usize, usize),
    /// So many values.
    Vector(usize),
}

/// The tensors of a file.
#[derive(Debug)]
pub struct Tensors<'a> {
    tensors: SafeTensors<'a>,
    words: HashMap<String, String>,
}

const fn refused(what: &'static str) -> Error {
    Error::Weights { what }
}

impl<'a> Tensors<'a> {
    /// Reads the header of a file. Nothing is copied.
    ///
    /// # Errors
    /// [`Error::Weights`] when the file is not safetensors, or is cut.
    pub fn parse(file: &'a [u8]) -> Result<Self> {
        let wrong = |_| refused("weights are not in the format safetensors, or cut");
        let (_, header) = SafeTensors::read_metadata(file).map_err(wrong)?;
        Ok(Self {
            words: header.metadata().clone().unwrap_or_default(),
            tensors: SafeTensors::deserialize(file).map_err(wrong)?,
        })
    }

    /// What the header says under a name.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.get(name).map(String::as_str)
    }

    /// Whether there is a tensor of a name.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// Whether there is a tensor of a name, of type `U8`.
    #[must_use]
    pub fn holds_bytes(&self, name: &str) -> bool {
        let tensor = self.tensors.tensor(name);
        tensor.is_ok_and(|tensor| tensor.dtype() == Dtype::U8)
    }

    /// The bytes of a tensor of type `U8`, if it is there.
    ///
    /// # Errors
    /// [`Error::Weights`] when it has another type.
    pub fn raw(&self, name: &str) -> Result<Option<&'a [u8]>> {
        match self.tensors.tensor(name) {
            Ok(tensor) if tensor.dtype() == Dtype::U8 => Ok(Some(tensor.data())),
            Ok(_) => Err(refused("tensor of another type than U8")),
            Err(_) => Ok(None),
        }
    }

    /// All values of 32 bits of a vector.
    ///
    /// # Errors
    /// [`Error::Weights`] when it is missing or no such vector.
    pub fn all_numbers(&self, name: &str) -> Result<Vec<i32>> {
        self.numbers(name, self.length(name)?)
    }

    /// All values of 16 bits of a vector.
    ///
    /// # Errors
    /// [`Error::Weights`] when it is missing or no such vector.
    pub fn shorts(&self, name: &str) -> Result<Vec<u16>> {
        let bytes = self.bytes(name, Dtype::U16, Shape::Vector(self.length(name)?))?;
        let (numbers, _) = bytes.as_chunks::<2>();
        Ok(numbers.iter().map(|&n| u16::from_le_bytes(n)).collect())
    }

    fn length(&self, name: &str) -> Result<usize> {
        let tensor = self.tensors.tensor(name);
        let tensor = tensor.map_err(|_| refused("weights lack a tensor"))?;
        Ok(tensor.shape().iter().product())
    }

    fn bytes(&self, name: &str, of: Dtype, shape: Shape) -> Result<&'a [u8]> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| refused("weights lack a tensor"))?;
        if tensor.dtype() != of {
            return Err(refused(
                "tensor of another type, only I8, U8, U16 and I32 are used",
            ));
        }
        let fits = match (shape, tensor.shape()) {
            (Shape::Matrix(rows, columns), &[r, c]) => (rows, columns) == (r, c),
            (Shape::Vector(length), &[n]) => length == n,
            _ => false,
        };
        if fits {
            Ok(tensor.data())
        } else {
            Err(refused("tensor of another shape"))
        }
    }

    /// Values of 8 bits, of which -128 is not used.
    ///
    /// # Errors
    /// [`Error::Weights`] when the tensor is missing or is not of that type and shape.
    pub fn weights(&self, name: &str, shape: Shape) -> Result<&'a [i8]> {
        let weights: &[i8] = bytemuck::cast_slice(self.bytes(name, Dtype::I8, shape)?);
        // Not by `any`, which looks at one at a time.
        if weights.iter().fold(0, |least, &w| w.min(least)) == i8::MIN {
            return Err(refused("weight of -128"));
        }
        Ok(weights)
    }

    /// Values of 8 bits without a sign.
    ///
    /// # Errors
    /// As [`Self::weights`].
    pub fn bytes_of(&self, name: &str, shape: Shape) -> Result<&'a [u8]> {
        self.bytes(name, Dtype::U8, shape)
    }

    /// Values of 32 bits.
    ///
    /// # Errors
    /// As [`Self::weights`].
    pub fn numbers(&self, name: &str, length: usize) -> Result<Vec<i32>> {
        let bytes = self.bytes(name, Dtype::I32, Shape::Vector(length))?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|&n| i32::from_le_bytes(n)).collect())
    }

    /// The same, of a number that is known before.
    ///
    /// # Errors
    /// As [`Self::weights`].
    pub fn table<const N: usize>(&self, name: &str) -> Result<Box<[i32; N]>> {
        let numbers = self.numbers(name, N)?;
        numbers
            .try_into()
            .map_err(|_| refused("tensor of another shape"))
    }
}

/// A file with one more tensor, of bytes, behind the others and in place of those of some names. Names are sorted, so
/// that the same file comes out each time.
///
/// # Errors
/// [`Error::Weights`] when the file is not one of tensors, or those of the names are not its last.
pub fn with_tensor(file: &[u8], name: &str, bytes: &[u8], instead: &[&str]) -> Result<Vec<u8>> {
    let wrong = |_| refused("weights are not in the format safetensors, or cut");
    let (size, _) = SafeTensors::read_metadata(file).map_err(wrong)?;
    let (header, data) = file[LENGTH_BYTES..].split_at(size);
    let mut header: Map<String, Value> =
        serde_json::from_slice(header).map_err(|_| refused("header of weights"))?;
    let mut end = data.len();
    for old in instead.iter().filter_map(|&old| header.remove(old)) {
        let place = |i: usize| old["data_offsets"][i].as_u64().map(|at| at as usize);
        if place(1) != Some(end) {
            return Err(refused("tensor is not the last of its file"));
        }
        end = place(0).unwrap_or(end);
    }
    header.insert(
        name.to_owned(),
        json!({"dtype": "U8", "shape": [bytes.len()], "data_offsets": [end, end + bytes.len()]}),
    );
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(LENGTH_BYTES), b' ');
    let length = (header.len() as u64).to_le_bytes();
    Ok([&length[..], &header, &data[..end], bytes].concat())
}
