"""Counts of a table by label, and what each row would cost under each label.

Rows and columns change places by transposing: what is said of rows here serves both. Large tables
are counted by numba, where it is installed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

# Entries times labels from which compiled loops pay, since they take seconds to load.
_LARGE = 1 << 24
# Entries that are looked at together.
_CHUNK = 1 << 20


@cache
def _compiled() -> ModuleType | None:
    try:
        from lmcodec.latent import kernels
    except ImportError:
        return None
    return kernels


def _kernels(work: int) -> ModuleType | None:
    return _compiled() if work >= _LARGE else None


def count(
    ids: NDArray[Any], labels: NDArray[np.uint8], k: int, starts: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """Return how often each symbol comes in each group of columns, by label of the row.

    Args:
        ids: integers [rows, columns], numbers of symbols.
        labels: uint8 [rows], below `k`.
        k: Number of labels.
        starts: int64 [columns], place of the first symbol of the group of each column.
        width: Symbols of all groups.

    Returns:
        int64 [k, width].
    """
    kernels = _kernels(ids.size)
    if kernels is not None:
        counted: NDArray[np.int64] = kernels.count(ids, labels, k, starts, width)
        return counted
    counts = np.zeros(k * width, np.int64)
    for rows in _chunks(ids):
        places = ids[rows] + (starts[None] + labels[rows, None].astype(np.int64) * width)
        counts += np.bincount(places.ravel(), minlength=k * width)
    return counts.reshape(k, width)


def costs(
    ids: NDArray[Any], starts: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the sum of the weights of the entries of each row, under each label.

    Args:
        ids: integers [rows, columns], numbers of symbols.
        starts: int64 [columns], place of the first symbol of the group of each column.
        weights: float32 [k, width], of each symbol of each group under each label.

    Returns:
        float32 [rows, k].
    """
    kernels = _kernels(ids.size * len(weights))
    if kernels is not None:
        summed: NDArray[np.float32] = kernels.costs(ids, starts, np.ascontiguousarray(weights.T))
        return summed
    found = np.empty((len(ids), len(weights)), np.float32)
    for rows in _chunks(ids):
        places = ids[rows] + starts[None]
        for label, row in enumerate(weights):
            found[rows, label] = row[places].sum(axis=1)
    return found


def _chunks(ids: NDArray[Any]) -> list[slice]:
    rows = max(1, _CHUNK // max(1, ids.shape[1]))
    return [slice(at, at + rows) for at in range(0, len(ids), rows)]
