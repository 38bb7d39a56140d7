"""Orders of positions, from a generator that is the same everywhere.

SplitMix64 (Steele, Lea, Flood 2014) drives the shuffle of Fisher and Yates: for each place from the
last down to the second, it changes with the place ``number * (place + 1) >> 64``.
"""

from __future__ import annotations

import numpy as np

_MASK = (1 << 64) - 1


def shuffled(size: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return the numbers from 0 to size - 1 in an order that only the seed decides.

    Args:
        size: How many.
        seed: From 0 to 2**64 - 1.
    """
    if not 0 <= seed <= _MASK:
        raise ValueError(f"seed of an order must be 0 to 2**64 - 1: got {seed}")
    order = list(range(size))
    state = seed
    for place in range(size - 1, 0, -1):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        number = state
        number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
        number ^= number >> 31
        other = number * (place + 1) >> 64
        order[place], order[other] = order[other], order[place]
    return np.array(order, np.int32)
