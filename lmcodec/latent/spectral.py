"""A start for latent classes: the leading singular vectors of a table whose symbols became numbers.

Symbols have no order, so they are mapped to numbers in several ways, of which each gives one
matrix: one-hot for few symbols, by random numbers for many.

Source: A. Montanari, E. Weiner, Compressing Tabular Data via Latent Variable Estimation (ICML
2023), section 3; N. Halko, P. G. Martinsson, J. A. Tropp, Finding Structure with Randomness (2011),
algorithm 4.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Symbols of which each but one has a matrix of its own.
_FEW = 5
_RANDOM_MAPS = 4
# Columns of the sketch beyond the vectors that are wanted.
_MORE = 8
_POWER_STEPS = 4


def maps(
    ids: NDArray[Any],
    starts: NDArray[np.int64],
    width: int,
    room: int,
    random: np.random.Generator,
) -> list[NDArray[np.float32]]:
    """Return matrices of numbers for the symbols of a table.

    Args:
        ids: integers [rows, columns], numbers of symbols.
        starts: int64 [columns], place of the first symbol of the group of each column; all zero
            where the columns share their symbols.
        width: Symbols of all groups.
        room: Entries that all matrices may have; at least one is returned.
        random: Draws the maps.

    Returns:
        float32 [rows, columns] each. Their mean is zero; that of each column, where columns have
        symbols of their own.
    """
    most = max(1, room // max(1, ids.size))
    is_shared = not starts.any()
    if is_shared and width <= _FEW:
        # The share of the last symbol follows from the others.
        tables = list(np.eye(width, dtype=np.float32)[: max(1, width - 1)])[:most]
    else:
        many = min(most, _RANDOM_MAPS)
        tables = list(random.standard_normal((many, width)).astype(np.float32))
    found = []
    for table in tables:
        matrix = table[ids + starts[None]] if starts.any() else table[ids]
        matrix -= matrix.mean(axis=None if is_shared else 0, dtype=np.float64).astype(np.float32)
        if not is_shared:
            # Columns of many symbols shall not outweigh the others.
            spread = np.sqrt(np.mean(np.square(matrix), axis=0, dtype=np.float64))
            matrix /= np.maximum(spread, 1e-6).astype(np.float32)
        found.append(matrix)
    return found


def leading(
    matrices: list[NDArray[np.float32]], rank: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the rows' coordinates by the leading singular vectors of matrices side by side.

    Args:
        matrices: float32 [rows, columns] each; transposed, they give those of the columns.
        rank: How many vectors.
        random: Draws the sketch.

    Returns:
        float64 [rows, rank]: singular vectors times singular values. There are fewer where the
        matrices have fewer.
    """
    rows = len(matrices[0])
    many = min(rows, rank + _MORE)
    sketch = random.standard_normal((rows, many)).astype(np.float32)
    for _ in range(_POWER_STEPS):
        basis, _ = np.linalg.qr(_squared(matrices, sketch))
        sketch = basis.astype(np.float32)
    small = sketch.T.astype(np.float64) @ _squared(matrices, sketch)
    values, vectors = np.linalg.eigh((small + small.T) / 2)
    order = np.argsort(values)[::-1][:rank]
    scales = np.sqrt(np.maximum(values[order], 0))
    result: NDArray[np.float64] = (sketch @ vectors[:, order]) * scales
    return result


def _squared(
    matrices: list[NDArray[np.float32]], sketch: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the sum of M Mᵀ S over all matrices M."""
    total = np.zeros(sketch.shape, np.float64)
    for matrix in matrices:
        total += matrix @ (matrix.T @ sketch)
    return total
