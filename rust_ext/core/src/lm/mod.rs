//! Causal language models.

pub mod trie;
