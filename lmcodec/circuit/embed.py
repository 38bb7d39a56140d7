"""Circuits that are fitted while something is compressed, for streams that have a copy."""

from __future__ import annotations

import math
import zlib

import numpy as np

from lmcodec.circuit.model import Circuit
from lmcodec.fitted import FittedCircuit

# Of the weights in a copy: more would cost more than they save.
_BITS = 8
_EPOCHS = 20
# Samples of a batch, if there are few of them.
_BATCH, _MANY = 256, 20_000


def fit(symbols: bytes, sample: tuple[int, ...], most: int) -> FittedCircuit | None:
    """Return the circuit with which samples and a copy of it are shortest.

    It is found among those of 1, 2, 4, ... hidden states a node; more are tried as long as that
    gains.

    Args:
        symbols: Samples one after the other; the last may be cut.
        sample: Shape of a sample.
        most: Hidden states of each node.

    Returns:
        The circuit, or None where there is no whole sample.

    Raises:
        UnsupportedError: numba is not installed.
    """
    size = math.prod(sample)
    count = len(symbols) // size
    if count == 0:
        return None
    array = np.frombuffer(symbols, np.uint8, count * size).reshape(count, *sample)
    best, least = None, math.inf
    states = 1
    while states <= most:
        # What is drawn to more than that, samples of a few values have no room for.
        circuit = Circuit(
            states=states,
            categories="each",
            epochs=_EPOCHS,
            batch=_BATCH if count < _MANY else 8 * _BATCH,
            smoothing=1.0,
            reach=0.0,
            held=0.0,
        ).fit(array)
        copy = circuit.to_bytes(bits=_BITS)
        fitted = FittedCircuit(copy)
        bits = fitted.core.code_lengths(array.tobytes()).sum()
        # About what the copy takes in a stream.
        total = bits / 8 + len(zlib.compress(copy))
        if total >= least:
            break
        best, least = fitted, total
        states *= 2
    return best
