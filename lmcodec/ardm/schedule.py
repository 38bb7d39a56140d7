"""How many positions each call serves: the best steps for a number of calls.

With L_s the bits of a position after s others are known, a call that then serves the next t - s of
them costs (t - s) L_s. Since L falls, the place where the last call best begins never moves back
as t grows, so that all places are found by halving (quadrangle inequality; Yao 1980), in
O(calls * size * log size) where trying all takes O(calls * size**2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def falling(curve: Floats) -> Floats:
    """Return the falling curve that is nearest to noisy values, which would fall without noise.

    Neighbours that rise become their mean (Ayer et al. 1955), so that sums stay.

    Args:
        curve: Bits of a position at each stage after so many others are known [stages, size].
    """
    return np.array([_falling(row) for row in curve])


def _falling(row: Floats) -> list[float]:
    sums: list[float] = []
    counts: list[int] = []
    for value in row:
        total, count = float(value), 1
        while sums and sums[-1] * count <= total * counts[-1]:
            total, count = total + sums.pop(), count + counts.pop()
        sums.append(total)
        counts.append(count)
    pooled = zip(sums, counts, strict=True)
    return [total / count for total, count in pooled for _ in range(count)]


def steps_for(curve: Floats, calls: int) -> tuple[int, ...]:
    """Return how many positions each call serves, so that all take the least bits.

    Args:
        curve: Bits of a position at each stage after so many others are known [stages, size], each
            stage falling.
        calls: How many: at least one for each stage, at most one for each value of the curve.

    Raises:
        ValueError: The number of calls is out of range.
    """
    stages, size = curve.shape
    check_calls(calls, stages, size)
    if calls == stages * size:
        return (1,) * calls
    most = min(size, calls - stages + 1)
    costs, places = zip(*(_one_stage(row, most) for row in curve), strict=True)
    shares = _shared(np.stack(costs), calls)
    steps: list[int] = []
    for place, share in zip(places, shares, strict=True):
        steps.extend(_steps(place, share, size))
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


def cost(curve: Floats, steps: tuple[int, ...]) -> float:
    """Return the bits of an item that a curve [stages, size] predicts for steps."""
    size = curve.shape[1]
    starts = np.cumsum((0, *steps[:-1]))
    return float(curve[starts // size, starts % size] @ np.array(steps))


def _one_stage(curve: Floats, most: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return the bits of a stage for 1 to `most` calls, and where the last call begins.

    Returns:
        Bits [most]; places [most, size + 1], by calls and by how many positions are served.
    """
    size = len(curve)
    ends = np.arange(size + 1)
    costs = ends * curve[0]
    places = np.zeros((most, size + 1), np.int64)
    found = [costs[size]]
    for calls in range(1, most):
        costs, places[calls] = _next(costs, curve, calls)
        found.append(costs[size])
    return np.array(found), places


def _next(costs: Floats, curve: Floats, calls: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return bits and beginnings of the last call if there is one call more.

    Ends are done by halving: those in the middle of a range first, which bound the others. All of
    one depth are done together.
    """
    size = len(curve)
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
        values = costs[begin] + (middle[owner] - begin) * curve[begin]
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


def _steps(place: NDArray[np.int64], calls: int, size: int) -> list[int]:
    """Return the steps of one stage."""
    end, steps = size, []
    for number in range(calls - 1, -1, -1):
        begin = int(place[number, end])
        steps.append(end - begin)
        end = begin
    return steps[::-1]
