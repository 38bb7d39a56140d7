"""Orders in which positions become known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec.ardm.order import halved, orders_of, raster, spread


def _nearest(order: NDArray[np.int32], axes: tuple[int, ...], count: int) -> float:
    """Return the least distance of any two of the first positions."""
    places = np.stack(np.unravel_index(order[:count], axes), 1).astype(float)
    distances = np.sqrt(((places[:, None] - places) ** 2).sum(2))
    return float(distances[np.triu_indices(count, 1)].min())


@pytest.mark.parametrize(
    "axes", [(1,), (2,), (9,), (64,), (3, 5), (8, 8), (3, 4, 5), (1, 7, 1), (2,) * 9]
)
def test_all_orders_are_permutations(axes: tuple[int, ...]) -> None:
    for name, order in orders_of(axes).items():
        assert sorted(order.tolist()) == list(range(int(np.prod(axes)))), name
        assert order.dtype == np.int32
    assert raster(4).tolist() == [0, 1, 2, 3]


def test_halves_are_halved() -> None:
    assert halved((8,)).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    # The first of each grid of Bayer: a corner, then the other corner of the same diagonal.
    assert halved((2, 2)).tolist() == [0, 3, 1, 2]
    assert halved((4, 4))[:4].tolist() == [0, 10, 2, 8]


def test_spread_positions_are_far_apart() -> None:
    assert spread((9,))[0] in (3, 4)
    assert _nearest(spread((64,)), (64,), 4) >= 14
    for axes in ((64,), (16, 16)):
        for count in (4, 16):
            apart = _nearest(spread(axes), axes, count)
            assert apart > 2 * _nearest(orders_of(axes)["shuffled"], axes, count)
            assert apart >= 0.7 * _nearest(halved(axes), axes, count)
