"""Causal language models on disk: their files, their tokens, and the engine that runs them."""
