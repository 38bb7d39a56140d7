"""Circuits of whole numbers that are the same everywhere, and what they mean in 64-bit floats."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcodec.fitted import FORMAT


def numbers(seed: int) -> np.random.RandomState:
    """Return a generator whose integers are the same in every release of NumPy."""
    return np.random.RandomState(seed)


@dataclass(frozen=True)
class Shaped:
    """Emissions as shares of shapes.

    Args:
        shapes: uint16 [shapes, categories].
        shares: uint16 [states of nodes with a variable, shapes].
    """

    shapes: NDArray[np.uint16]
    shares: NDArray[np.uint16]


def packed(version: str, tensors: dict[str, NDArray[Any]], card: dict[str, str]) -> bytes:
    """Return the bytes of a file of tensors."""
    header: dict[str, object] = {"__metadata__": {"format": FORMAT, "version": version, **card}}
    data = b""
    for name, array in tensors.items():
        part = array.astype(array.dtype.newbyteorder("<")).tobytes()
        kind = "I32" if array.dtype == np.int32 else "U16"
        offsets = [len(data), len(data) + len(part)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
        data += part
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    return len(words).to_bytes(8, "little") + words + data


@dataclass
class Stored:
    """What the file of a circuit says; see `docs/models/circuit.md`."""

    parents: NDArray[np.int32]
    states: NDArray[np.uint16]
    variables: NDArray[np.int32]
    categories: NDArray[np.uint16]
    transitions: NDArray[np.uint16]
    emissions: NDArray[np.uint16]

    def file(self, **card: str) -> bytes:
        """Return the bytes of its file."""
        return packed("1", vars(self), card)

    def sparse_file(self, shapes: Shaped | None = None, **card: str) -> bytes:
        """Return the bytes of a file of version 2, of `sparse_tensors`."""
        return packed("2", self.sparse_tensors(shapes), card)

    def sparse_tensors(self, shapes: Shaped | None = None) -> dict[str, NDArray[Any]]:
        """Return the tensors of a file without the zeros of transitions.

        Args:
            shapes: What is stored in the place of the emissions, which mean the same.
        """
        matrices = [transitions for transitions, _ in self.rows()]
        tensors = vars(self) | {
            "counts": np.concatenate([(m > 0).sum(axis=1) for m in matrices]).astype(np.uint16),
            "targets": np.concatenate([np.nonzero(m)[1] for m in matrices]).astype(np.uint16),
            "transitions": np.concatenate([m[m > 0] for m in matrices]),
        }
        if shapes is not None:
            del tensors["emissions"]
            tensors |= {"shapes": shapes.shapes.ravel(), "shares": shapes.shares.ravel()}
        return tensors

    def rows(self) -> list[tuple[NDArray[np.uint16], NDArray[np.uint16] | None]]:
        """Return transitions and emissions of each node, as matrices."""
        found = []
        at = place = 0
        for node, count in enumerate(map(int, self.states)):
            above = int(self.states[self.parents[node]]) if node else 1
            transitions = self.transitions[at : at + above * count].reshape(above, count)
            at += above * count
            emissions = None
            if self.variables[node] >= 0:
                width = int(self.categories[self.variables[node]])
                emissions = self.emissions[place : place + count * width].reshape(count, width)
                place += count * width
            found.append((transitions, emissions))
        return found

    def log2(self, sample: NDArray[np.uint8]) -> float:
        """Return the logarithm of the probability of a sample, in 64-bit floats."""
        rows = [
            (t / t.sum(1, keepdims=True), None if e is None else e / e.sum(1, keepdims=True))
            for t, e in self.rows()
        ]
        below = [np.ones(int(count)) for count in self.states]
        scale = 0.0
        for node in range(len(rows) - 1, -1, -1):
            transitions, emissions = rows[node]
            if emissions is not None:
                below[node] = below[node] * emissions[:, sample[self.variables[node]]]
            message = transitions @ below[node]
            scale += float(np.log2(message.max()))
            message = message / message.max()
            if node == 0:
                return scale + float(np.log2(message[0]))
            below[self.parents[node]] = below[self.parents[node]] * message
        raise AssertionError


def random_circuit(
    seed: int, nodes: int, *, states: int = 4, categories: int = 20, bare: int = 0
) -> Stored:
    """Return a circuit of random weights; every `bare`-th node has no variable."""
    random = numbers(seed)
    parents = [-1, *(int(random.randint(max(0, n - 3), n)) for n in range(1, nodes))]
    counts = random.randint(1, states + 1, nodes).astype(np.uint16)
    carries = [bare == 0 or n % bare != 1 for n in range(nodes)]
    order = random.permutation(sum(carries)).tolist()
    variables = [order.pop() if carry else -1 for carry in carries]
    widths = random.randint(1, categories + 1, sum(carries)).astype(np.uint16)
    transitions, emissions = [], []
    for node in range(nodes):
        above = int(counts[parents[node]]) if node else 1
        rows = random.randint(0, 1 << 16, (above, int(counts[node])))
        rows[random.random_sample(rows.shape) < 0.3] = 0
        rows[:, 0] |= 1
        transitions.append(rows.ravel())
        if variables[node] >= 0:
            width = int(widths[variables[node]])
            # Some values are common, most are not.
            table = 1 + random.randint(0, 1 << 16, (int(counts[node]), width)) ** 3 // (1 << 32)
            emissions.append(np.minimum(table, 65535).ravel())
    return Stored(
        np.array(parents, np.int32),
        counts,
        np.array(variables, np.int32),
        widths,
        np.concatenate(transitions).astype(np.uint16),
        np.concatenate(emissions).astype(np.uint16),
    )


def random_samples(circuit: Stored, seed: int, count: int) -> NDArray[np.uint8]:
    """Return uint8 [count, variables] that a circuit knows."""
    random = numbers(seed)
    columns = [random.randint(0, int(width), count) for width in circuit.categories]
    return np.stack(columns, axis=1).astype(np.uint8)


def shaped(stored: Stored, seed: int, categories: int) -> tuple[Stored, Shaped]:
    """Return a circuit whose emissions are small sums of products, and these as shares of shapes.

    Args:
        stored: Where all else comes from.
        seed: Of what is drawn.
        categories: Values of every variable.
    """
    generator = numbers(seed)
    shapes = generator.randint(0, 50, (5, categories)).astype(np.uint16)
    shapes[0] += 1
    states = int(stored.states[stored.variables >= 0].sum())
    shares = generator.randint(1, 200, (states, 5)).astype(np.uint16)
    emissions = (shares.astype(np.int64) @ shapes).astype(np.uint16)
    same = np.full(len(stored.categories), categories, np.uint16)
    changed = replace(stored, categories=same, emissions=emissions.ravel())
    return changed, Shaped(shapes, shares)
