"""The loops of `counting`, compiled by numba."""

from __future__ import annotations

import numba
import numpy as np

_jit = numba.njit(nogil=True, cache=True)


@_jit
def count(ids, labels, k, starts, width):
    """Count symbols by label; see `counting.count`."""
    counts = np.zeros((k, width), np.int64)
    for i in range(ids.shape[0]):
        row = counts[labels[i]]
        for j in range(ids.shape[1]):
            row[starts[j] + ids[i, j]] += 1
    return counts


@_jit
def costs(ids, starts, weights):
    """Add up weights, float32 [width, k]; see `counting.costs`."""
    k = weights.shape[1]
    found = np.empty((ids.shape[0], k), np.float32)
    for i in range(ids.shape[0]):
        sums = np.zeros(k, np.float32)
        for j in range(ids.shape[1]):
            row = weights[starts[j] + ids[i, j]]
            for label in range(k):
                sums[label] += row[label]
        found[i] = sums
    return found
