"""How many positions each call serves: the best steps for a number of calls.

The order of positions is fixed, so what a call takes is known but for noise: if it serves the
positions from the s-th to before the t-th of the order,

    w(s, t) = sum of C[s, j] for j from s to t - 1

with C[s, j] the bits of the j-th position when the first s are known. Each C falls as more is
known, so that w(a, d) - w(a, c) >= w(b, d) - w(b, c) for a <= b <= c <= d. Then the place where
the last call best begins never moves back as t grows, and all places are found by halving
(quadrangle inequality; Yao 1980), in O(calls * size * log size) where trying all takes
O(calls * size**2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lmcodec.ardm.costs import Costs, Floats, Ints

# Calls times positions that are looked at; there may be thousands of each.
_MOST = 1 << 22


def steps_for(costs: Costs, calls: int) -> tuple[int, ...]:
    """Return how many positions each call serves, so that all take the least bits.

    Of items with many thousands of positions, calls begin at every few of them only; where they
    would have no choice then, steps are equal.

    Args:
        costs: What positions take, falling.
        calls: How many: at least one for each stage, at most one for each position and stage.

    Raises:
        ValueError: The number of calls is out of range.
    """
    stages, size = costs.stages, costs.size
    check_calls(calls, stages, size)
    if calls == stages * size:
        return (1,) * calls
    most = min(size, calls - stages + 1)
    unit = -(-size * most // _MOST)
    borders = np.minimum(np.arange(-(-size // unit) + 1) * unit, size)
    if len(borders) <= most:
        return uniform(stages, size, calls)
    found, places = zip(*(_one_stage(costs, n, most, borders) for n in range(stages)), strict=True)
    shares = _shared(np.stack(found), calls)
    steps: list[int] = []
    for place, share in zip(places, shares, strict=True):
        steps.extend(_steps(place, share, borders))
    return tuple(steps)


def check_calls(calls: int, stages: int, size: int) -> None:
    """Check that so many calls can serve all positions.

    Raises:
        ValueError: They cannot.
    """
    if not stages <= calls <= stages * size:
        raise ValueError(f"calls must be {stages} to {stages * size}: got {calls}")


def uniform(stages: int, size: int, calls: int) -> tuple[int, ...]:
    """Return steps that are as equal as can be.

    Raises:
        ValueError: The number of calls is out of range.
    """
    check_calls(calls, stages, size)
    steps: list[int] = []
    for stage in range(stages):
        share = calls * (stage + 1) // stages - calls * stage // stages
        borders = np.arange(share + 1) * size // share
        steps.extend(np.diff(borders).tolist())
    return tuple(steps)


def cost(costs: Costs, steps: tuple[int, ...]) -> float:
    """Return the bits of an item that are predicted for steps."""
    ends = np.cumsum(steps)
    starts = ends - np.array(steps)
    total = 0.0
    for stage in range(costs.stages):
        first = stage * costs.size
        here = (starts >= first) & (starts < first + costs.size)
        total += float(costs.of_call(stage, starts[here] - first, ends[here] - first).sum())
    return total


def _one_stage(costs: Costs, stage: int, most: int, borders: Ints) -> tuple[Floats, Ints]:
    """Return the bits of a stage for 1 to `most` calls, and where the last call begins.

    Args:
        costs: What positions take.
        stage: Which one.
        most: Calls.
        borders: Where calls may begin and end [n + 1].

    Returns:
        Bits [most]; numbers of borders [most, n + 1], by calls and by the border where they end.
    """
    bits = costs.of_call(stage, np.zeros_like(borders), borders)
    places = np.zeros((most, len(borders)), np.int64)
    found = [bits[-1]]
    for calls in range(1, most):
        bits, places[calls] = _next(costs, stage, bits, calls, borders)
        found.append(bits[-1])
    return np.array(found), places


def _next(costs: Costs, stage: int, bits: Floats, calls: int, borders: Ints) -> tuple[Floats, Ints]:
    """Return bits and beginnings of the last call if there is one call more.

    Ends are done by halving: those in the middle of a range first, which bound the others. All of
    one depth are done together.
    """
    size = len(borders) - 1
    found = np.full(size + 1, np.inf)
    place = np.zeros(size + 1, np.int64)
    # Ranges of ends, and of beginnings that come into question.
    low, high = np.array([calls + 1]), np.array([size])
    least, last = np.array([calls]), np.array([size - 1])
    while len(low):
        middle = (low + high) // 2
        until = np.minimum(last, middle - 1)
        counts = until - least + 1
        starts = np.cumsum(counts) - counts
        owner = np.repeat(np.arange(len(middle)), counts)
        begin = np.arange(counts.sum()) - starts[owner] + least[owner]
        values = bits[begin] + costs.of_call(stage, borders[begin], borders[middle[owner]])
        lowest = np.minimum.reduceat(values, starts)
        # The first of equal ones.
        hits = np.flatnonzero(values == lowest[owner])
        _, first = np.unique(owner[hits], return_index=True)
        best = begin[hits[first]]
        found[middle], place[middle] = lowest, best
        parts = [(low, middle - 1, least, best), (middle + 1, high, best, last)]
        low, high, least, last = (np.concatenate(part) for part in zip(*parts, strict=True))
        kept = low <= high
        low, high, least, last = low[kept], high[kept], least[kept], last[kept]
    return found, place


def _shared(costs: Floats, calls: int) -> list[int]:
    """Return the calls of each stage with which all take the least bits."""
    most = costs.shape[1]
    best = np.full(calls + 1, np.inf)
    best[0] = 0.0
    chosen = np.zeros((len(costs), calls + 1), np.int64)
    for stage, row in enumerate(costs):
        after = np.full(calls + 1, np.inf)
        for share in range(1, min(most, calls) + 1):
            values = best[: calls + 1 - share] + row[share - 1]
            better = values < after[share:]
            after[share:][better] = values[better]
            chosen[stage, share:][better] = share
        best = after
    left, shares = calls, []
    for stage in range(len(costs) - 1, -1, -1):
        shares.append(int(chosen[stage, left]))
        left -= shares[-1]
    return shares[::-1]


def _steps(place: Ints, calls: int, borders: Ints) -> list[int]:
    """Return the steps of one stage."""
    end, steps = len(borders) - 1, []
    for number in range(calls - 1, -1, -1):
        begin = int(place[number, end])
        steps.append(int(borders[end] - borders[begin]))
        end = begin
    return steps[::-1]
