"""Steps of a number of calls, against all that there are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec.ardm.costs import Costs, costs_of, pack
from lmcodec.ardm.schedule import check_calls, cost, steps_for, uniform
from lmcodec.errors import FormatError
from lmcodec.fitted import FittedArdm
from tests.ardm import Stored, small


def _costs(stages: int, size: int, seed: int, noise: float = 1.0) -> Costs:
    """Return costs of random numbers, measured at some places."""
    random = np.random.default_rng(seed)
    some = random.permutation(np.arange(1, size))[: size // 3]
    places = np.array([0, *sorted(some.tolist())])
    bits = random.random((stages, len(places) + 1, size)) * noise
    bits[:, :-1] += np.linspace(3, 1, len(places))[:, None] * random.random(size)
    bits[:, :-1][:, np.arange(size) < places[:, None]] = 0
    # What stands at a place was measured once.
    bits[:, -1, places] = bits[:, np.arange(len(places)), places]
    return Costs(places, bits)


def _bits(costs: Costs, stage: int, known: int, position: int) -> float:
    """Return what a position takes, by the definition."""
    at = [int(place) for place in costs.places if place <= position]
    values = costs.bits[stage, : len(at), position].tolist()
    if position not in at:
        at, values = [*at, position], [*values, costs.bits[stage, -1, position]]
    return float(np.interp(known, at, values))


def _plain(costs: Costs, calls: int) -> float:
    """Return the least bits of one stage, by trying all beginnings of all calls."""
    size = costs.size
    best = np.full(size + 1, np.inf)
    best[0] = 0.0
    for _ in range(calls):
        after = np.full(size + 1, np.inf)
        for end in range(1, size + 1):
            starts = np.arange(end)
            after[end] = (best[:end] + costs.of_call(0, starts, np.full(end, end))).min()
        best = after
    return float(best[size])


def test_calls_take_what_their_positions_take() -> None:
    costs = _costs(2, 13, 1)
    for stage in range(2):
        for begin, end in combinations(range(14), 2):
            found = costs.of_call(stage, np.array([begin]), np.array([end]))
            parts = sum(_bits(costs, stage, begin, position) for position in range(begin, end))
            assert found[0] == pytest.approx(parts, abs=1e-12)


def test_more_that_is_known_never_costs_more_in_falling_costs() -> None:
    costs = _costs(1, 30, 2, noise=4.0).falling()
    every = np.arange(31)
    table = np.full((31, 31), np.nan)
    for begin in range(30):
        ends = every[begin:]
        table[begin, begin:] = costs.of_call(0, np.full(len(ends), begin), ends)
    for a in range(29):
        for b in range(a + 1, 30):
            later = np.diff(table[b, b:])
            assert (np.diff(table[a, b:]) >= later - 1e-12).all()


def test_falling_costs_stay_and_others_keep_their_sum() -> None:
    costs = _costs(1, 20, 3, noise=0.0)
    last = costs.bits[0, :-1].copy()
    last[last == 0] = np.inf
    costs.bits[0, -1] = last.min(0)
    assert np.allclose(costs.falling().bits, costs.bits, atol=1e-12)
    noisy = _costs(1, 20, 4, noise=9.0)
    found = noisy.falling()
    for position in range(20):
        at = [n for n, place in enumerate(noisy.places) if place < position]
        before = noisy.bits[0, [*at, -1], position]
        after = found.bits[0, [*at, -1], position]
        assert (np.diff(after) <= 1e-12).all()
        assert after.sum() == pytest.approx(before.sum())


@pytest.mark.parametrize("size", range(1, 11))
def test_one_stage_equals_all_partitions(size: int) -> None:
    for seed in range(3):
        costs = _costs(1, size, seed).falling()
        for calls in range(1, size + 1):
            steps = steps_for(costs, calls)
            assert sum(steps) == size
            assert len(steps) == calls
            least = min(
                cost(costs, tuple(np.diff([0, *cuts, size]).tolist()))
                for cuts in combinations(range(1, size), calls - 1)
            )
            assert cost(costs, steps) == pytest.approx(least, abs=1e-12)
            assert _plain(costs, calls) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize(("stages", "size"), [(2, 4), (3, 3)])
def test_stages_equal_all_partitions(stages: int, size: int) -> None:
    costs = _costs(stages, size, 0).falling()
    whole = stages * size
    borders = set(range(size, whole, size))
    for calls in range(stages, whole + 1):
        steps = steps_for(costs, calls)
        least = min(
            cost(costs, tuple(np.diff([0, *cuts, whole]).tolist()))
            for cuts in combinations(range(1, whole), calls - 1)
            if borders <= set(cuts)
        )
        assert cost(costs, steps) == pytest.approx(least, abs=1e-12)
        assert borders <= set(np.cumsum(steps).tolist())


def test_longer_items_equal_the_plain_program() -> None:
    costs = _costs(1, 100, 1).falling()
    before = np.inf
    for calls in (1, 2, 7, 30, 99, 100):
        bits = cost(costs, steps_for(costs, calls))
        assert bits == pytest.approx(_plain(costs, calls), abs=1e-9)
        assert bits <= cost(costs, uniform(1, 100, calls)) + 1e-9
        assert bits <= before + 1e-9
        before = bits


def test_equal_bits_take_any_steps() -> None:
    costs = Costs(np.array([0]), np.ones((1, 2, 20)))
    assert cost(costs, steps_for(costs, 5)) == 20


def test_uniform_steps_differ_by_one_at_most() -> None:
    assert uniform(1, 10, 3) == (3, 3, 4)
    assert uniform(2, 4, 3) == (4, 2, 2)
    assert sum(uniform(3, 7, 11)) == 21


@pytest.mark.parametrize("calls", [0, -1, 1, 9])
def test_numbers_of_calls_that_cannot_be(calls: int) -> None:
    for refuse in (
        lambda: check_calls(calls, 2, 4),
        lambda: steps_for(_costs(2, 4, 1), calls),
        lambda: uniform(2, 4, calls),
    ):
        with pytest.raises(ValueError, match=f"calls must be 2 to 8: got {calls}"):
            refuse()


def test_files_have_costs_to_a_part_of_a_bit() -> None:
    stored = Stored(small(), bytes(range(16)))
    costs = _costs(2, 20, 5)
    costs.bits[0, 0, 0] = 99.0
    stored.tensors |= pack(costs)
    found = costs_of(FittedArdm(stored.file()))
    assert np.array_equal(found.places, costs.places)
    assert np.abs(found.bits - costs.bits.clip(0, 65535 / 4096)).max() <= 1 / 8192


def _changed(name: str, values: NDArray[np.generic]) -> FittedArdm:
    stored = Stored(small(), bytes(range(16)))
    stored.tensors[name] = values
    return FittedArdm(stored.file())


def test_costs_that_are_none_are_refused() -> None:
    for places in ([], [1, 2], [0, 2, 2], [0, 3, 2], [0, 20]):
        with pytest.raises(FormatError, match="no places of costs"):
            costs_of(_changed("places", np.array(places, np.int32)))
    for costs in (np.zeros(119, np.uint16), np.zeros(120, np.int32), np.zeros(240, np.uint8)):
        with pytest.raises(FormatError, match="not the costs of all positions"):
            costs_of(_changed("costs", costs))


@pytest.mark.parametrize(("calls", "unit"), [(300, 2), (3000, 1)])
def test_items_of_many_positions_have_steps_soon(calls: int, unit: int) -> None:
    size = 20000
    places = np.array([0, 100, 5000])
    bits = np.repeat([5.0, 3.0, 2.0, 1.0], size).reshape(1, 4, size)
    bits[:, :-1][:, np.arange(size) < places[:, None]] = 0
    bits[0, -1, places] = bits[0, np.arange(3), places]
    costs = Costs(places, bits).falling()
    steps = steps_for(costs, calls)
    assert (len(steps), sum(steps)) == (calls, size)
    assert all(step % unit == 0 for step in steps)
    equal = uniform(1, size, calls)
    # Where calls could begin nowhere else, steps are equal.
    assert (cost(costs, steps) < cost(costs, equal)) == (unit > 1)
    assert (steps == equal) == (unit == 1)
