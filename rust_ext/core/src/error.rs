//! The one error type of the crate.

use std::fmt;

/// Result of every fallible function of the crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why coded bytes could not be decoded, or an argument was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The payload ended before all symbols were decoded.
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// The payload contradicts itself: range, base state or trailing bytes.
    Corrupt {
        /// What was found to be wrong.
        what: &'static str,
    },
    /// A file is not what a model needs, a prior or a network, or is damaged.
    Weights {
        /// What was found, in whole words.
        what: &'static str,
    },
    /// A file is not what a model needs, as [`Error::Weights`], in words that name a part of it.
    File {
        /// What was found, in whole words.
        what: String,
    },
    /// The processor, as it is set, does not compute what every other one computes.
    Machine {
        /// What it does.
        what: &'static str,
    },
    /// Coding would need more than a cap allows or than the machine has.
    Limit {
        /// What is too large.
        what: &'static str,
    },
    /// A model broke its contract: a distribution that is none.
    Model {
        /// What the model did.
        what: &'static str,
    },
    /// A parameter or argument is outside its documented range.
    Parameter {
        /// Which one, and its range.
        what: &'static str,
    },
    /// The caller asked to stop.
    Interrupted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { what } => write!(f, "payload ended early: {what}"),
            Self::Corrupt { what } => write!(f, "payload is corrupt: {what}"),
            Self::Weights { what } => write!(f, "{what}"),
            Self::File { what } => write!(f, "{what}"),
            Self::Machine { what } => write!(f, "arithmetic of this process: {what}"),
            Self::Limit { what } => write!(f, "limit exceeded: {what}"),
            Self::Model { what } => write!(f, "model broke its contract: {what}"),
            Self::Parameter { what } => write!(f, "parameter out of range: {what}"),
            Self::Interrupted => write!(f, "stopped"),
        }
    }
}

impl std::error::Error for Error {}
