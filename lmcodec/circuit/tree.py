"""Hidden trees: which latent variables there are, and which of them observe what.

Node n has so many hidden states and hangs on a node before it; node 0 is the root. A node may
observe one variable. Hidden Chow-Liu trees, splits of images, hidden Markov models and mixtures
are all of this form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_STATES, MAX_CATEGORIES = 1024, 256
# Of variables in a sample: above that, samples are cut into smaller ones.
MAX_VARIABLES = 1 << 20


@dataclass(frozen=True)
class Tree:
    """The nodes of a circuit, each one after its parent.

    Args:
        parents: int32 [nodes], below the node's own number; -1 for node 0.
        states: int32 [nodes], hidden states of each.
        variables: int32 [nodes], what the node observes, or -1. Each variable is at one node.
        categories: int32 [variables], how many values each variable has.
    """

    parents: NDArray[np.int32]
    states: NDArray[np.int32]
    variables: NDArray[np.int32]
    categories: NDArray[np.int32]

    @staticmethod
    def of(
        parents: ArrayLike, states: ArrayLike, variables: ArrayLike, categories: ArrayLike
    ) -> Tree:
        """Return a tree of anything that numpy takes for arrays, checked.

        Raises:
            FormatError: It is no tree, or a number is out of its range.
        """
        fields = [np.asarray(field) for field in (parents, states, variables, categories)]
        if any(field.ndim != 1 or field.dtype.kind not in "iu" for field in fields):
            raise FormatError("a tree is described by rows of integers")
        tree = Tree(*(field.astype(np.int32) for field in fields))
        tree.check()
        return tree

    def check(self) -> None:
        """Check that it is a tree.

        Raises:
            FormatError: It is not, or a number is out of its range.
        """
        nodes = len(self.parents)
        if not nodes or len(self.states) != nodes or len(self.variables) != nodes:
            raise FormatError(f"a tree has {nodes} parents, {len(self.states)} numbers of states")
        if self.parents[0] != -1:
            raise FormatError(f"the root of a tree has a parent: {self.parents[0]}")
        late = (self.parents[1:] < 0) | (self.parents[1:] >= np.arange(1, nodes))
        if late.any():
            node = 1 + int(np.argmax(late))
            raise FormatError(f"node {node} hangs on node {self.parents[node]}: not one before it")
        if not 1 <= self.states.min() <= self.states.max() <= MAX_STATES:
            raise FormatError(f"a node has between 1 and {MAX_STATES} states")
        if not len(self.categories) or len(self.categories) > MAX_VARIABLES:
            raise FormatError(f"a circuit has between 1 and {MAX_VARIABLES} variables")
        if not 1 <= self.categories.min() <= self.categories.max() <= MAX_CATEGORIES:
            raise FormatError(f"a variable has between 1 and {MAX_CATEGORIES} values")
        observed = np.sort(self.variables[self.variables != -1])
        if not np.array_equal(observed, np.arange(len(self.categories))):
            raise FormatError("each variable of a circuit is observed at one node")

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.parents)

    @property
    def state_starts(self) -> NDArray[np.int64]:
        """int64 [nodes + 1]: the number of states of all nodes before each."""
        return _starts(self.states)

    @property
    def row_counts(self) -> NDArray[np.int64]:
        """int64 [nodes]: rows of each transition matrix, states of the parent; 1 at the root."""
        counts = self.states[self.parents].astype(np.int64)
        counts[0] = 1
        return counts

    @property
    def row_starts(self) -> NDArray[np.int64]:
        """int64 [nodes + 1]: the number of rows of the transitions of all nodes before each."""
        return _starts(self.row_counts)

    @property
    def emission_counts(self) -> NDArray[np.int64]:
        """int64 [nodes]: weights in the emissions of each node, 0 where it observes nothing."""
        observing = self.variables != -1
        return np.where(
            observing, self.states.astype(np.int64) * self.categories[self.variables], 0
        )

    @property
    def emission_starts(self) -> NDArray[np.int64]:
        """int64 [nodes + 1]: the number of weights in the emissions of all nodes before each."""
        return _starts(self.emission_counts)

    @property
    def observing(self) -> list[int]:
        """The nodes that observe a variable."""
        found: list[int] = np.flatnonzero(self.variables >= 0).tolist()
        return found

    @property
    def depth(self) -> int:
        """Nodes on the longest way down from the root."""
        depths = np.ones(len(self), np.int64)
        for node in range(1, len(self)):
            depths[node] = depths[self.parents[node]] + 1
        return int(depths.max())


def _starts(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts
