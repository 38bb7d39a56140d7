"""Trains a small language model in the layout of Llama. Needs torch and tokenizers."""
