"""Emissions as mixtures of shapes: distributions of values that all variables have in common.

A state has a share of each shape, far fewer numbers than there are values, and its distribution is
smooth where the shapes are. Frequent values are shapes by themselves; between them, shapes overlap
as hats do, so that their mixtures run straight from knot to knot, times the shares that the values
have everywhere. Shares are found by expectation maximization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.structure import equal_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.circuit.tree import Tree

# Steps in which the shares of a variable alone are found.
_STEPS = 50


@dataclass
class Shapes:
    """Shapes, and what share of each all states have.

    Args:
        tables: float32 [shapes, values], what each shape has of each value; rows sum to 1.
        shares: float32 [entries], node after node: shapes x states. Those of a state sum to 1.
    """

    tables: NDArray[np.float32]
    shares: NDArray[np.float32]

    def copy(self) -> Shapes:
        """Return a copy whose shares can be changed."""
        return Shapes(self.tables, self.shares.copy())

    def starts(self, tree: Tree) -> NDArray[np.int64]:
        """Return int64 [nodes + 1]: the number of shares of all nodes before each."""
        counts = np.where(tree.variables >= 0, tree.states.astype(np.int64) * len(self.tables), 0)
        return np.concatenate([[0], np.cumsum(counts)])

    def matrix(self, tree: Tree, node: int) -> NDArray[np.float32]:
        """Return float32 [shapes, states], the shares of a node."""
        starts = self.starts(tree)
        part: NDArray[np.float32] = self.shares[starts[node] : starts[node + 1]]
        return part.reshape(len(self.tables), -1)

    def emissions(self, tree: Tree) -> NDArray[np.float32]:
        """Return what each state has of each value: float32 [entries], as `Weights` has them."""
        starts = self.starts(tree)
        size = len(self.tables)
        found = [
            self.tables.T @ self.shares[starts[node] : starts[node + 1]].reshape(size, -1)
            for node in tree.observing
        ]
        return np.concatenate([table.ravel() for table in found])


def tables_of(counts: NDArray[np.float64], most: int) -> NDArray[np.float32]:
    """Return shapes: float32 [shapes, values], each value in at least one.

    Args:
        counts: [values], how often each value comes, of whatever variable.
        most: The most shapes, but for one more behind each run of those that overlap.
    """
    width = len(counts)
    shares = counts + 1 / width
    bins = equal_bins(np.ceil(counts).astype(np.int64), min(most, width))
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    ends = np.append(starts[1:], width)
    tables = []
    knots: list[int] = []

    def hats() -> None:
        # A knot lies at the first value of a bin; the last knot at the last value of its run.
        values = np.arange(width)
        for at, knot in enumerate(knots):
            near = knots[max(at - 1, 0) : at + 2]
            hat = np.interp(values, near, [float(other == knot) for other in near])
            hat[(values < knots[0]) | (values > knots[-1])] = 0
            tables.append(hat * shares)
        knots.clear()

    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start == 1:
            hats()
            one = np.zeros(width)
            one[start] = 1
            tables.append(one)
            continue
        # The end of one run is no knot of its own where the next bin goes on from it.
        if knots and knots[-1] == start - 1:
            knots[-1] = start
        else:
            knots.append(start)
        knots.append(end - 1)
    hats()
    found = np.array(tables)
    normal: NDArray[np.float32] = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal


def usual_shares(tables: NDArray[np.float32], prior: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 [variables, shapes], the shares that come closest to those of the values.

    Args:
        tables: [shapes, values].
        prior: [variables, values], shares of the values of each variable.
    """
    shares = np.full((len(prior), len(tables)), 1 / len(tables))
    wide = tables.astype(np.float64)
    for _ in range(_STEPS):
        shares *= (prior / (shares @ wide)) @ wide.T
        shares /= shares.sum(axis=1, keepdims=True)
    usual: NDArray[np.float32] = np.maximum(shares, 1e-7).astype(np.float32)
    return usual
