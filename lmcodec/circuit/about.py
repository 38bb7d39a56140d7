"""What a circuit is like: its tree, its size, what it was fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec.circuit import file

if TYPE_CHECKING:
    from lmcodec.fitted import FittedCircuit

__all__ = ["About", "describe"]


@dataclass(frozen=True)
class About:
    """A circuit in numbers.

    Args:
        sha256: Of its file, by which streams name it.
        file_bytes: Of its file.
        memory_bytes: In memory while it is in use.
        shape: Of a sample.
        variables: Symbols of a sample.
        categories: The fewest and the most values of a variable.
        nodes: Of the tree.
        depth: Nodes on the longest way down the tree.
        states: The fewest and the most hidden states of a node.
        edges: Weights that are not 0, between states and of values.
        transitions: Those between states.
        possible: As many as there would be if none were pruned.
        multiplications: What a sample takes.
        card: What the file says of how it was made.
    """

    sha256: str
    file_bytes: int
    memory_bytes: int
    shape: tuple[int, ...]
    variables: int
    categories: tuple[int, int]
    nodes: int
    depth: int
    states: tuple[int, int]
    edges: int
    transitions: int
    possible: int
    multiplications: int
    card: dict[str, str]


def describe(circuit: FittedCircuit) -> About:
    """Return what a circuit is like.

    Raises:
        FormatError: The shape that its file states is not that of its variables.
    """
    stored = file.read(bytes(circuit))
    tree = stored.tree
    possible = stored.places + int(tree.emission_counts.sum())
    return About(
        sha256=circuit.digest.hex(),
        file_bytes=circuit.file_bytes,
        memory_bytes=circuit.memory_bytes,
        shape=file.shape_of(stored.card, circuit.variables),
        variables=circuit.variables,
        categories=(int(tree.categories.min()), int(tree.categories.max())),
        nodes=len(tree),
        depth=tree.depth,
        states=(int(tree.states.min()), int(tree.states.max())),
        edges=circuit.core.edges,
        transitions=len(stored.transitions),
        possible=possible,
        multiplications=circuit.core.products,
        card=stored.card,
    )
