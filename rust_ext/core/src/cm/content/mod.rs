//! Contexts that depend on the kind of content, for the predictors that take many of them.

pub mod binary;
pub mod hashing;
pub mod pixels;
pub mod text;
