//! Transforms: a block as streams of symbols that are easier to predict than the block, and back.

pub mod table;
pub mod text;
pub mod x86;

/// How often a byte occurs.
#[allow(clippy::naive_bytecount)] // the compiler makes vector code of it
pub(crate) fn count(bytes: &[u8], value: u8) -> usize {
    bytes.iter().filter(|&&byte| byte == value).count()
}
