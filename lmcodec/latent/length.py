"""Code lengths of adaptive counters, as the coder will need them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a count may weigh against a symbol that was not seen.
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
# Steps of the recurrence after which the series of Stirling is exact enough.
_SHIFT = 8


def log2_gamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the binary logarithm of the gamma function of numbers above 0.

    Source: Stirling's series, after eight steps of the recurrence; the error is below 1e-10.
    """
    product = np.ones_like(values)
    for shift in range(_SHIFT):
        product *= values + shift
    high = values + _SHIFT
    inverse = 1 / high
    series = inverse * (1 / 12 - inverse**2 * (1 / 360 - inverse**2 / 1260))
    natural = (high - 0.5) * np.log(high) - high + 0.5 * math.log(2 * math.pi) + series
    result: NDArray[np.float64] = (natural - np.log(product)) / math.log(2)
    return result


def _rising(counts: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of log2(first + t) over t below each count."""
    return log2_gamma(counts + first) - log2_gamma(first)


def counted_bits(
    counts: NDArray[np.int64], starts: NDArray[np.int64], step: int
) -> NDArray[np.float64]:
    """Return the bits that Dirichlet counters need for what they counted.

    Args:
        counts: int64 [k, symbols], of each label the counts of all groups, one after the other.
        starts: int64 [groups], where each group of symbols begins.
        step: What a count weighs, where a symbol that was not seen weighs 1.

    Returns:
        float64 [k]: of each label.
    """
    widths = np.diff(starts, append=counts.shape[1]).astype(np.float64)
    totals = np.add.reduceat(counts, starts, axis=1).astype(np.float64)
    all_of = _rising(totals, np.broadcast_to(widths / step, totals.shape)).sum(axis=1)
    # Most counts are zero in large alphabets, and cost nothing.
    labels, places = np.nonzero(counts)
    seen = counts[labels, places].astype(np.float64)
    each = _rising(seen, np.full(seen.shape, 1 / step))
    of = np.bincount(labels, weights=each, minlength=len(counts))
    # Both products have as many factors `step`, which cancel.
    result: NDArray[np.float64] = all_of - of
    return result


def label_bits(labels: NDArray[np.uint8]) -> float:
    """Return the bits of labels that are coded by how often those before were the same."""
    counts = np.bincount(labels)
    if len(counts) < 2:
        return 0.0
    return float(counted_bits(counts[None].astype(np.int64), np.zeros(1, np.int64), 2)[0])


def best_step(counts: NDArray[np.int64], starts: NDArray[np.int64]) -> tuple[int, float]:
    """Return the step with the shortest code, and its bits."""
    bits, step = min((float(counted_bits(counts, starts, step).sum()), step) for step in STEPS)
    return step, bits


def presence_bits(present: NDArray[np.bool_]) -> float:
    """Return the bits that tell which symbols each column has.

    Args:
        present: bool [columns, symbols].
    """
    if not present.size:
        return 0.0
    with_it = present.sum(axis=0).astype(np.int64)
    counts = np.stack([with_it, len(present) - with_it], axis=1)
    return float(counted_bits(counts, np.zeros(1, np.int64), 2).sum())
