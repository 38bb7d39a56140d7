"""k-means with starts that are far apart.

Source: D. Arthur, S. Vassilvitskii, k-means++: The Advantages of Careful Seeding (SODA 2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Points by which centres are found; all are assigned in the end.
_POINTS = 1 << 13
_ROUNDS = 25


def cluster(
    points: NDArray[np.float64], k: int, restarts: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the number of the nearest of k centres for each point.

    Args:
        points: float64 [points, dimensions].
        k: Number of centres, at most 256.
        restarts: From how many starts the best one is taken.
        random: Draws the starts.

    Returns:
        uint8 [points].
    """
    some = points
    if len(points) > _POINTS:
        some = points[np.sort(random.choice(len(points), _POINTS, replace=False))]
    best, least = some[:1], np.inf
    for _ in range(restarts):
        centres = _seeds(some, k, random)
        before = np.inf
        for _ in range(_ROUNDS):
            distances = _distances(some, centres)
            nearest = distances.argmin(axis=1)
            total = float(distances[np.arange(len(some)), nearest].sum())
            if total >= before * (1 - 1e-6):
                break
            before = total
            counts = np.bincount(nearest, minlength=len(centres))
            for axis in range(points.shape[1]):
                sums = np.bincount(nearest, some[:, axis], minlength=len(centres))
                centres[:, axis] = np.where(counts, sums / np.maximum(counts, 1), centres[:, axis])
        if before < least:
            best, least = centres, before
    labels: NDArray[np.uint8] = _distances(points, best).argmin(axis=1).astype(np.uint8)
    return labels


def _seeds(points: NDArray[np.float64], k: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw centres, each with the square of its distance from those before as its chance."""
    centres: NDArray[np.float64] = points[random.integers(len(points))][None].copy()
    nearest = _distances(points, centres)[:, 0]
    while len(centres) < k:
        total = float(nearest.sum())
        chances = nearest / total if total > 0 else None
        centre = points[random.choice(len(points), p=chances)][None]
        centres = np.concatenate([centres, centre])
        nearest = np.minimum(nearest, _distances(points, centre)[:, 0])
    return centres


def _distances(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squares of the distances, float64 [points, centres]."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(centres).sum(axis=1)
    result: NDArray[np.float64] = np.maximum(squares - 2 * points @ centres.T, 0)
    return result
