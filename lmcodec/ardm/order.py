"""Orders in which positions become known.

What is served by one call is coded as if it told nothing of itself. So positions that follow each
other should be far apart, and have those between them known before: coarse ones first, all over
the item, then the finer ones between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Order = NDArray[np.int32]

_MASK = (1 << 64) - 1


def orders_of(axes: tuple[int, ...]) -> dict[str, Order]:
    """Return orders that come into question for items of some axes, by name."""
    size = int(np.prod(axes))
    return {"spread": spread(axes), "halved": halved(axes), "shuffled": shuffled(size, 1)}


def raster(size: int) -> Order:
    """Return positions as they are numbered."""
    return np.arange(size, dtype=np.int32)


def halved(axes: tuple[int, ...]) -> Order:
    """Return positions on coarse grids first: bits of places from the last to the first.

    Along one axis that is the order of van der Corput; along two, in which the second place counts
    by its bits that differ from those of the first, the matrix of Bayer (1973).
    """
    places = np.indices(axes).reshape(len(axes), -1)
    places[1:] ^= places[:-1].copy()
    bits = max(side - 1 for side in axes).bit_length()
    # From the least to the most important.
    keys = [place >> bit & 1 for bit in range(bits - 1, -1, -1) for place in places]
    return np.lexsort(keys).astype(np.int32) if keys else raster(1)


def spread(axes: tuple[int, ...]) -> Order:
    """Return positions in an order in which each is as far from those before as can be.

    Those before repel a position by one over the square of the distance, added up; the one that is
    repelled least comes next. The first one is in the middle.
    """
    places = np.indices(axes).reshape(len(axes), -1).T.astype(np.float64)
    size = len(places)
    force = np.zeros(size)
    found = np.empty(size, np.int32)
    # The middle, with a push to one side, so that no two are equally near.
    away = ((places - (np.array(axes) - 1.25) / 2) ** 2).sum(1)
    for number in range(size):
        position = int(np.argmin(force)) if number else int(np.argmin(away))
        found[number] = position
        distance = ((places - places[position]) ** 2).sum(1)
        distance[position] = 1.0
        force += 1.0 / distance
        force[position] = np.inf
    return found


def shuffled(size: int, seed: int) -> Order:
    """Return the numbers from 0 to size - 1 in an order that only the seed decides.

    SplitMix64 (Steele, Lea, Flood 2014) drives the shuffle of Fisher and Yates: for each place
    from the last down to the second, it changes with the place ``number * (place + 1) >> 64``.

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
