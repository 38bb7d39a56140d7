"""Decodes payloads of `circuit` as its specification says, with NumPy and nothing fast.

One sample at a time and one product at a time, in 32-bit floats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lmcodec import coder
from tests.circuits import Stored

LANES, GROUP, PRECISION = 16, 16, 24
Row = NDArray[np.float32]


def rescale(values: Row) -> Row:
    """Bring the largest to 1 or more, below 2."""
    most = values.max()
    if most == 0:
        return np.ones_like(values)
    _, exponent = np.frexp(most)
    scaled: Row = np.ldexp(values, 1 - exponent)
    scaled[scaled < np.float32(2.0**-40)] = 0
    return scaled


def product(weights: Row, values: Row) -> Row:
    """Return the sums over rows, in their order: no product of NumPy's, which has another order."""
    sums = np.zeros(weights.shape[1], np.float32)
    for row, value in zip(weights, values, strict=True):
        sums += row * value
    return sums


def parts(rows: NDArray[np.uint16]) -> Row:
    """Return each entry as a part of the sum of its row."""
    divided: Row = rows.astype("f4") / rows.sum(1, keepdims=True).astype("f4")
    return divided


class Sample:
    """What is known of a sample."""

    def __init__(self, circuit: Stored) -> None:
        self.circuit = circuit
        # Where there is no variable, no table is asked for.
        none = np.ones((1, 1), np.uint16)
        self.rows = [
            (parts(transitions), parts(none if emissions is None else emissions))
            for transitions, emissions in circuit.rows()
        ]
        self.above: dict[int, Row] = {}
        self.below: dict[int, Row] = {}

    def down(self, node: int) -> None:
        """Learn what is known from outside of a node."""
        parent = int(self.circuit.parents[node])
        known = self.above[parent] * self.below[parent] if node else np.ones(1, np.float32)
        self.above[node] = rescale(product(self.rows[node][0], known))
        self.below[node] = np.ones(int(self.circuit.states[node]), np.float32)

    def up(self, node: int) -> None:
        """Tell the parent what is known in the subtree."""
        message = rescale(product(self.rows[node][0].T, self.below[node]))
        parent = int(self.circuit.parents[node])
        self.below[parent] = rescale(self.below[parent] * message)

    def belief(self, node: int) -> Row:
        """Return the weights of the states."""
        return self.above[node] * self.below[node]

    def first(self, node: int) -> Row:
        """Return the weights of groups of values, or of values where they are few."""
        table = self.rows[node][1]
        if table.shape[1] > GROUP:
            groups = -(-table.shape[1] // GROUP)
            padded = np.zeros((len(table), groups * GROUP), np.float32)
            padded[:, : table.shape[1]] = table
            sums = np.zeros((len(table), groups), np.float32)
            for place in range(GROUP):
                sums += padded[:, place::GROUP]
            table = sums
        return product(table, self.belief(node))

    def second(self, node: int, group: int) -> Row:
        """Return the weights of the values of a group."""
        table = self.rows[node][1][:, group * GROUP : (group + 1) * GROUP]
        return product(table, self.belief(node))

    def see(self, node: int, value: int) -> None:
        """Take note of the value of a node."""
        self.below[node] = rescale(self.below[node] * self.rows[node][1][:, value])


def walk(circuit: Stored) -> list[tuple[str, int]]:
    """Return the steps of a depth-first search, small subtrees first, empty ones never."""
    parents = [int(parent) for parent in circuit.parents]
    sizes = [1] * len(parents)
    carried = [int(variable >= 0) for variable in circuit.variables]
    for node in range(len(parents) - 1, 0, -1):
        sizes[parents[node]] += sizes[node]
        carried[parents[node]] += carried[node]
    steps: list[tuple[str, int]] = []

    def visit(node: int) -> None:
        steps.append(("down", node))
        if circuit.variables[node] >= 0:
            steps.append(("code", node))
        later = range(node + 1, len(parents))
        children = [child for child in later if parents[child] == node and carried[child]]
        for child in sorted(children, key=lambda child: (sizes[child], child)):
            visit(child)
            steps.append(("up", child))

    visit(0)
    return steps


def number(rest: bytearray) -> int:
    """Read a varint."""
    value = shift = 0
    while True:
        byte = rest.pop(0)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
        shift += 7


def decode(circuit: Stored, payload: bytes, count: int, group: int) -> bytes:
    """Return the symbols of a payload."""
    rest = bytearray(payload)
    width = len(circuit.categories)
    strangers, index = [], 0
    for _ in range(number(rest)):
        index += number(rest)
        strangers.append(index)
        index += 1
    size = number(rest)
    strange = coder.decode_bytes(bytes(rest[:size]), len(strangers) * width + count % width)
    del rest[:size]
    known = count // width - len(strangers)
    lengths = [number(rest) for _ in range(-(-known // group))]
    samples: list[bytes] = []
    for length in lengths:
        stack = coder.RansStack.from_bytes(bytes(rest[:length]))
        del rest[:length]
        some = min(group, known - len(samples))
        for first in range(0, some, LANES):
            samples += side_by_side(circuit, stack, min(LANES, some - first))
        stack.finish()
    assert not rest
    for place, index in enumerate(strangers):
        samples.insert(index, strange[place * width : (place + 1) * width])
    return b"".join(samples) + strange[len(strangers) * width :]


def side_by_side(circuit: Stored, stack: coder.RansStack, count: int) -> list[bytes]:
    """Decode samples that take turns."""
    samples = [Sample(circuit) for _ in range(count)]
    values = np.zeros((count, len(circuit.categories)), np.uint8)

    def pop(row: Row) -> int:
        return int(stack.pop(row[None], PRECISION)[0]) if len(row) > 1 else 0

    for step, node in walk(circuit):
        for number_of, sample in enumerate(samples):
            if step != "code":
                getattr(sample, step)(node)
                continue
            value = pop(sample.first(node))
            if circuit.categories[circuit.variables[node]] > GROUP:
                value = value * GROUP + pop(sample.second(node, value))
            sample.see(node, value)
            values[number_of, circuit.variables[node]] = value
    return [row.tobytes() for row in values]
