"""The weights of a circuit: transitions as rows of edges, and tables of emissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.tree import Tree
from lmcodec.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.circuit.shapes import Shapes


@dataclass
class Weights:
    """A tree with its weights.

    Args:
        tree: Its nodes.
        row_edges: int64 [rows + 1], edges of all rows before each. The rows are those of the
            transition matrices, in the order of the nodes: one for each state of the parent.
        targets: int32 [edges], the state of the node that an edge leads to.
        transitions: float32 [edges], sums to 1 over each row.
        emissions: float32 [entries], node after node: categories x states, so that what a value
            says of the states lies together. The values of a state sum to 1.
        shapes: What the emissions are mixtures of; None where they are free.
    """

    tree: Tree
    row_edges: NDArray[np.int64]
    targets: NDArray[np.int32]
    transitions: NDArray[np.float32]
    emissions: NDArray[np.float32]
    shapes: Shapes | None = None

    @staticmethod
    def dense(tree: Tree) -> Weights:
        """Return weights of a tree with every edge there, all rows uniform."""
        counts = np.repeat(tree.states.astype(np.int64), tree.row_counts)
        row_edges = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=row_edges[1:])
        targets = np.arange(row_edges[-1]) - np.repeat(row_edges[:-1], counts)
        transitions = np.repeat(1 / counts, counts)
        observing = tree.variables != -1
        widths = tree.categories[tree.variables]
        entries = np.where(observing, tree.emission_counts, 0)
        emissions = np.repeat(1 / widths, entries)
        return Weights(
            tree,
            row_edges,
            targets.astype(np.int32),
            transitions.astype(np.float32),
            emissions.astype(np.float32),
        )

    def emission_rows(self) -> NDArray[np.float32]:
        """Return float32 [entries], node after node: states x categories."""
        tree = self.tree
        tables = [self.emission_matrix(node).ravel() for node in tree.observing]
        return np.concatenate(tables)

    @property
    def num_edges(self) -> int:
        """Edges of transitions and entries of emissions that are not 0."""
        return int(np.count_nonzero(self.transitions) + np.count_nonzero(self.emissions))

    def check(self) -> None:
        """Check that the arrays are of the tree.

        Raises:
            FormatError: One is too long or too short, or an edge leads to no state.
        """
        tree, lengths = self.tree, np.diff(self.row_edges)
        rows, edges = int(tree.row_starts[-1]), len(self.targets)
        if len(lengths) != rows or self.row_edges[0] != 0 or (lengths < 1).any():
            raise FormatError(f"a circuit has edges in each of {rows} rows")
        if self.row_edges[-1] != edges or len(self.transitions) != edges:
            raise FormatError(f"a circuit has {edges} edges, {len(self.transitions)} weights")
        if len(self.emissions) != tree.emission_starts[-1]:
            raise FormatError(f"a circuit has {len(self.emissions)} emissions for its states")
        if self.shapes is not None and len(self.shapes.shares) != self.shapes.starts(tree)[-1]:
            raise FormatError(f"a circuit has {len(self.shapes.shares)} shares for its states")
        states = np.repeat(np.repeat(tree.states, tree.row_counts), lengths)
        if ((self.targets < 0) | (self.targets >= states)).any():
            raise FormatError("an edge of a circuit leads to a state that is not there")

    def copy(self) -> Weights:
        """Return a copy whose weights can be changed."""
        return Weights(
            self.tree,
            self.row_edges.copy(),
            self.targets.copy(),
            self.transitions.copy(),
            self.emissions.copy(),
            self.shapes and self.shapes.copy(),
        )

    def transition_matrix(self, node: int) -> NDArray[np.float32]:
        """Return float32 [states of the parent, states], with zeros where there is no edge."""
        starts, states = self.tree.row_starts, self.tree.states
        first, last = starts[node], starts[node + 1]
        edges = self.row_edges[first : last + 1]
        matrix = np.zeros((last - first, states[node]), np.float32)
        rows = np.repeat(np.arange(last - first), np.diff(edges))
        begin, end = edges[0], edges[-1]
        matrix[rows, self.targets[begin:end]] = self.transitions[begin:end]
        return matrix

    def emission_matrix(self, node: int) -> NDArray[np.float32]:
        """Return float32 [states, categories] of a node that observes a variable."""
        starts = self.tree.emission_starts
        entries = self.emissions[starts[node] : starts[node + 1]]
        table: NDArray[np.float32] = entries.reshape(-1, self.tree.states[node]).T
        return table
