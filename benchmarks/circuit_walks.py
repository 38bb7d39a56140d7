"""Three ways to find the distribution of each variable given those before it, edges counted.

The walk is what the coder does, the paths are the scheme of the paper, and the passes are the naive
way. All are plain numpy, in float64, node after node; many samples are worked on side by side.

Source: A. Liu, S. Mandt, G. Van den Broeck, Lossless Compression with Probabilistic Circuits (ICLR
2022), for the paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit import file
from lmcodec.circuit.structure import split
from lmcodec.circuit.tree import Tree
from lmcodec.circuit.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WAYS", "Found", "Hidden", "balanced", "passes", "passes_visits", "paths", "walk"]


@dataclass
class Found:
    """What a way finds, and what it takes.

    Args:
        bits: float64 [samples, variables], minus the logarithm to base 2 of the probability of
            each value, given those before it.
        visits: Edges that one sample visits, each time counted: entries of transitions and of
            emissions that are not 0.
    """

    bits: NDArray[np.float64]
    visits: int = 0


@dataclass(frozen=True)
class Hidden:
    """A hidden tree with its matrices at hand.

    Args:
        weights: Of the circuit.
    """

    weights: Weights
    transitions: list[NDArray[np.float64]] = field(init=False, repr=False)
    emissions: list[NDArray[np.float64] | None] = field(init=False, repr=False)
    edges: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take the matrices out of their rows."""
        nodes = range(len(self.weights.tree))
        variables = self.weights.tree.variables
        matrices = [self.weights.transition_matrix(node).astype(np.float64) for node in nodes]
        tables = [
            self.weights.emission_matrix(node).astype(np.float64) if variables[node] >= 0 else None
            for node in nodes
        ]
        object.__setattr__(self, "transitions", matrices)
        object.__setattr__(self, "emissions", tables)
        object.__setattr__(self, "edges", [int(np.count_nonzero(m)) for m in matrices])

    @staticmethod
    def of(data: bytes) -> Hidden:
        """Return that of a file, its weights as they are coded with.

        Raises:
            FormatError: It is no circuit.
        """
        return Hidden(file.read(data).weights())

    @property
    def tree(self) -> Tree:
        """Its nodes."""
        return self.weights.tree

    @cached_property
    def parents(self) -> list[int]:
        """The parent of each node, -1 for the root."""
        return [int(parent) for parent in self.tree.parents]

    @cached_property
    def children(self) -> list[list[int]]:
        """The children of each node."""
        found: list[list[int]] = [[] for _ in self.parents]
        for node in range(1, len(self.parents)):
            found[self.parents[node]].append(node)
        return found

    @cached_property
    def depths(self) -> list[int]:
        """Edges between the root and each node."""
        found = [0] * len(self.parents)
        for node in range(1, len(self.parents)):
            found[node] = found[self.parents[node]] + 1
        return found

    @cached_property
    def homes(self) -> list[int]:
        """Nodes with variables, depth first, smaller subtrees first: the order of coding."""
        sizes = [1] * len(self.parents)
        for node in range(len(self.parents) - 1, 0, -1):
            sizes[self.parents[node]] += sizes[node]
        order, open_nodes = [], [0]
        while open_nodes:
            node = open_nodes.pop()
            order.append(node)
            open_nodes += sorted(self.children[node], key=lambda child: (-sizes[child], -child))
        return [node for node in order if self.tree.variables[node] >= 0]

    def way_up(self, node: int, top: int) -> list[int]:
        """Return the nodes from one to before one above it."""
        found = []
        while node != top:
            found.append(node)
            node = self.parents[node]
        return found

    def common(self, one: int, other: int) -> int:
        """Return the lowest node that is above both, or one of them."""
        while one != other:
            if self.depths[one] >= self.depths[other]:
                one = self.parents[one]
            else:
                other = self.parents[other]
        return one

    def ones(self, samples: NDArray[np.uint8], node: int) -> NDArray[np.float64]:
        """Return a message that says nothing: [samples, states]."""
        return np.ones((len(samples), int(self.tree.states[node])))


def balanced(variables: int, states: int, categories: int, seed: int) -> Weights:
    """Return a random circuit whose tree halves the variables again and again.

    Args:
        variables: How many; |p| is proportional to it.
        states: Of each node.
        categories: Of each variable.
        seed: The same seed gives the same circuit.
    """
    weights = Weights.dense(split((variables,), np.full(variables, categories, np.int32), states))
    generator = np.random.default_rng(seed)
    # Exponential numbers are rows of a flat Dirichlet distribution, once they are divided by sums.
    for values, length in ((weights.transitions, states), (weights.emissions, categories)):
        rows = values.reshape(-1, length)
        rows[:] = generator.exponential(size=rows.shape)
        rows /= rows.sum(axis=1, keepdims=True)
    return weights


def _scaled(message: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = message / message.max(axis=1, keepdims=True)
    return scaled


def _told(
    hidden: Hidden, node: int, belief: NDArray[np.float64], samples: NDArray[np.uint8], to: Found
) -> NDArray[np.float64]:
    """Note the bits of the variable of a node, and return what its values say: [samples, states].

    Args:
        hidden: The tree.
        node: The node.
        belief: How likely its states are, by all that was coded.
        samples: The samples.
        to: Takes the bits.
    """
    table = hidden.emissions[node]
    if table is None:
        raise ValueError(f"node {node} has no variable")
    variable = int(hidden.tree.variables[node])
    values = samples[:, variable]
    shares = belief @ table
    own = shares[np.arange(len(samples)), values]
    to.bits[:, variable] = np.log2(shares.sum(axis=1)) - np.log2(own)
    to.visits += int(np.count_nonzero(table)) + len(table)
    said: NDArray[np.float64] = table[:, values].T
    return said


def walk(hidden: Hidden, samples: NDArray[np.uint8]) -> Found:
    """Go from each variable to the next through the tree, and keep what is known at each node.

    Args:
        hidden: The tree.
        samples: uint8 [samples, variables].
    """
    to = Found(np.zeros(samples.shape))
    above = {0: hidden.ones(samples, 0) * hidden.transitions[0]}
    to.visits += hidden.edges[0]
    below: dict[int, NDArray[np.float64]] = {}
    here = 0
    for home in hidden.homes:
        top = hidden.common(here, home)
        for node in hidden.way_up(here, top):
            parent = hidden.parents[node]
            known = below.pop(node, hidden.ones(samples, node)) @ hidden.transitions[node].T
            below[parent] = _scaled(below.get(parent, 1.0) * known)
            to.visits += hidden.edges[node]
        for node in reversed(hidden.way_up(home, top)):
            parent = hidden.parents[node]
            known = above[parent] * below.get(parent, 1.0)
            above[node] = _scaled(known @ hidden.transitions[node])
            to.visits += hidden.edges[node]
        said = _told(hidden, home, above[home] * below.get(home, 1.0), samples, to)
        below[home] = _scaled(below.get(home, 1.0) * said)
        here = home
    return to


def paths(hidden: Hidden, samples: NDArray[np.uint8]) -> Found:
    """Go, for each variable, from the top of what is known down to it and up again.

    What the tops are like when nothing is known is computed beforehand, and not counted.

    Args:
        hidden: The tree.
        samples: uint8 [samples, variables].
    """
    to = Found(np.zeros(samples.shape))
    start = [hidden.transitions[0][0]]
    for node in range(1, len(hidden.parents)):
        start.append(start[hidden.parents[node]] @ hidden.transitions[node])
    # What each node says to its parent, and what its own variable says.
    messages: dict[int, NDArray[np.float64]] = {}
    own: dict[int, NDArray[np.float64]] = {}

    def known(node: int, but: int) -> NDArray[np.float64]:
        """Return what is known at a node, but for what one child says."""
        found = own.get(node, hidden.ones(samples, node))
        for child in hidden.children[node]:
            if child != but and child in messages:
                found = _scaled(found * messages[child])
        return found

    def rise(bottom: int, top: int) -> None:
        for node in hidden.way_up(bottom, top):
            messages[node] = _scaled(known(node, -1) @ hidden.transitions[node].T)
            to.visits += hidden.edges[node]

    top = hidden.homes[0]
    for home in hidden.homes:
        higher = hidden.common(top, home)
        rise(top, higher)
        top = higher
        way = hidden.way_up(home, top)
        belief = start[top] * known(top, way[-1] if way else -1)
        for at in range(len(way) - 1, -1, -1):
            node, but = way[at], way[at - 1] if at else -1
            belief = _scaled(belief @ hidden.transitions[node]) * known(node, but)
            to.visits += hidden.edges[node]
        own[home] = _told(hidden, home, belief, samples, to)
        rise(home, top)
    return to


def passes(hidden: Hidden, samples: NDArray[np.uint8]) -> Found:
    """Pass, for each variable, all of the circuit: what is not coded yet is left open.

    A pass gives the probability of one value, as the ratio to that of the pass before.

    Args:
        hidden: The tree.
        samples: uint8 [samples, variables].
    """
    to = Found(np.zeros(samples.shape))
    last = np.zeros(len(samples))
    seen: set[int] = set()
    for home in hidden.homes:
        seen.add(home)
        logs = _upward(hidden, samples, seen)
        to.bits[:, int(hidden.tree.variables[home])] = (last - logs) / np.log(2)
        last = logs
    to.visits = passes_visits(hidden)
    return to


def passes_visits(hidden: Hidden) -> int:
    """Return the edges that `passes` visits, without doing so."""
    homes = hidden.homes
    left = range(len(homes), 0, -1)
    own = (many * int(hidden.tree.states[home]) for many, home in zip(left, homes, strict=True))
    return len(homes) * sum(hidden.edges) + sum(own)


def _upward(hidden: Hidden, samples: NDArray[np.uint8], seen: Iterable[int]) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities of the values at some nodes: nats."""
    below = [hidden.ones(samples, node) for node in range(len(hidden.parents))]
    logs = np.zeros(len(samples))
    for node in seen:
        table = hidden.emissions[node]
        if table is not None:
            below[node] *= table[:, samples[:, int(hidden.tree.variables[node])]].T
    for node in range(len(hidden.parents) - 1, -1, -1):
        message = below[node] @ hidden.transitions[node].T
        largest = message.max(axis=1, keepdims=True)
        logs += np.log(largest[:, 0])
        if node:
            below[hidden.parents[node]] *= message / largest
    return logs


WAYS: dict[str, Callable[[Hidden, NDArray[np.uint8]], Found]] = {
    "walk": walk,
    "paths": paths,
    "passes": passes,
}
"""Each way by its name."""
