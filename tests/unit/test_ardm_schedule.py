"""Steps of a number of calls, against all that there are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec.ardm.schedule import check_calls, cost, falling, steps_for, uniform


def _plain(curve: NDArray[np.float64], calls: int) -> float:
    """Return the least bits of one stage, by trying all beginnings of all calls."""
    size = len(curve)
    best = np.full(size + 1, np.inf)
    best[0] = 0.0
    for _ in range(calls):
        after = np.full(size + 1, np.inf)
        for end in range(1, size + 1):
            after[end] = min(best[s] + (end - s) * curve[s] for s in range(end))
        best = after
    return float(best[size])


@pytest.mark.parametrize("size", range(1, 11))
def test_one_stage_equals_all_partitions(size: int) -> None:
    random = np.random.default_rng(size)
    for _ in range(3):
        curve = falling(random.random((1, size)) * 3)
        for calls in range(1, size + 1):
            steps = steps_for(curve, calls)
            assert sum(steps) == size
            assert len(steps) == calls
            least = min(
                cost(curve, tuple(np.diff([0, *cuts, size]).tolist()))
                for cuts in combinations(range(1, size), calls - 1)
            )
            assert cost(curve, steps) == pytest.approx(least, abs=1e-12)
            assert _plain(curve[0], calls) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize(("stages", "size"), [(2, 4), (3, 3)])
def test_stages_equal_all_partitions(stages: int, size: int) -> None:
    curve = falling(np.random.default_rng(0).random((stages, size)))
    whole = stages * size
    borders = set(range(size, whole, size))
    for calls in range(stages, whole + 1):
        steps = steps_for(curve, calls)
        least = min(
            cost(curve, tuple(np.diff([0, *cuts, whole]).tolist()))
            for cuts in combinations(range(1, whole), calls - 1)
            if borders <= set(cuts)
        )
        assert cost(curve, steps) == pytest.approx(least, abs=1e-12)
        assert borders <= set(np.cumsum(steps).tolist())


def test_longer_curves_equal_the_plain_program() -> None:
    curve = falling(np.random.default_rng(1).random((1, 100)) + np.linspace(3, 0, 100))
    before = np.inf
    for calls in (1, 2, 7, 30, 99, 100):
        bits = cost(curve, steps_for(curve, calls))
        assert bits == pytest.approx(_plain(curve[0], calls), abs=1e-9)
        assert bits <= cost(curve, uniform(1, 100, calls)) + 1e-9
        assert bits <= before + 1e-9
        before = bits


def test_equal_bits_take_any_steps() -> None:
    curve = np.ones((1, 20))
    assert cost(curve, steps_for(curve, 5)) == 20


def test_falling_curves_stay_and_others_keep_their_sum() -> None:
    curve = np.array([[3.0, 2.5, 2.5, 1.0], [1.0, 3.0, 2.0, 0.5]])
    found = falling(curve)
    assert found[0].tolist() == [3.0, 2.5, 2.5, 1.0]
    assert found[1].tolist() == [2.0, 2.0, 2.0, 0.5]
    noisy = np.random.default_rng(2).random((1, 500))
    found = falling(noisy)
    assert (np.diff(found) <= 1e-12).all()
    assert found.sum() == pytest.approx(noisy.sum())


def test_uniform_steps_differ_by_one_at_most() -> None:
    assert uniform(1, 10, 3) == (3, 3, 4)
    assert uniform(2, 4, 3) == (4, 2, 2)
    assert sum(uniform(3, 7, 11)) == 21


@pytest.mark.parametrize("calls", [0, -1, 1, 9])
def test_numbers_of_calls_that_cannot_be(calls: int) -> None:
    for refuse in (
        lambda: check_calls(calls, 2, 4),
        lambda: steps_for(np.ones((2, 4)), calls),
        lambda: uniform(2, 4, calls),
    ):
        with pytest.raises(ValueError, match=f"calls must be 2 to 8: got {calls}"):
            refuse()
