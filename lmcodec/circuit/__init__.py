"""Circuits: exact probabilities of samples of one shape, by trees of hidden states.

What is fitted here is what the model `circuit` codes with.
"""

from __future__ import annotations

from lmcodec.circuit.model import Circuit

__all__ = ["Circuit"]
