"""The network of `ardm` in integers, written from docs/models/ardm.md with numpy alone.

Network(path) ── call(nodes) ─ logits(position) ─ branches(position, level)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference.bytelm import norm, read_safetensors

Ints = NDArray[np.int64]
PRECISION = 24


class Network:
    """Sections 2 to 5.

    Args:
        path: A safetensors file.
    """

    def __init__(self, path: Path) -> None:
        metadata, tensors = read_safetensors(path)
        self.tensors = {name: values.astype(np.int64) for name, values in tensors.items()}
        config: dict[str, Any] = json.loads(metadata["config"])
        self.config = config
        self.axes: list[int] = config["axes"]
        self.levels: list[int] = config["levels"]
        self.size = int(np.prod(self.axes))
        self.symbols = tensors["symbols"].tolist()
        self.order = tensors["order"].tolist()
        # The number of the first node of each level, and of what is outside.
        self.starts, count = [0], 1
        for branches in self.levels:
            self.starts.append(self.starts[-1] + count)
            count *= branches
        self.outside = self.starts[-1] + count
        self.nodes = np.zeros(self.size, np.int64)
        self.said: Ints = np.zeros(0, np.int64)

    def below(self, level: int) -> int:
        """Return how many symbols a node of a level stands for."""
        return int(np.prod(self.levels[level:], initial=1))

    def refine(self, position: int, symbol: int, level: int) -> None:
        """Put a position to the node of a level above a symbol."""
        self.nodes[position] = self.starts[level] + symbol // self.below(level)

    def matrix(self, name: str, values: Ints) -> Ints:
        """Return the product of a matrix and steps, in the units of its result."""
        product = self.tensors[f"{name}.weight"] @ values
        result: Ints = (product * self.tensors[f"{name}.scale"] + (1 << 19)) >> 20
        bias = self.tensors.get(f"{name}.bias")
        return result if bias is None else result + bias

    def layer(self, name: str, x: Ints) -> Ints:
        """Return x after a layer of hidden values."""
        up = np.clip(self.matrix(f"{name}.up", normed(x)), 0, 2039)
        hidden = np.minimum((up * up + (1 << 14)) >> 15, 127)
        return x + self.matrix(f"{name}.down", hidden)

    def call(self) -> None:
        """Look at the whole item."""
        if not self.config["outline"]:
            return
        x = self.matrix("enter", self.tensors["all"][self.nodes].ravel())
        for n in range(self.config["outline_blocks"]):
            x = self.layer(f"outline.{n}", x)
        self.said = normed(self.matrix("leave", normed(x)))

    def neighbours(self, position: int) -> list[int]:
        """Return the nodes of the neighbourhood of a position."""
        places = np.unravel_index(position, self.axes)
        found = []
        for by in np.ndindex(*(2 * reach + 1 for reach in self.config["reach"])):
            at = [
                int(place) + step - reach
                for place, step, reach in zip(places, by, self.config["reach"], strict=True)
            ]
            inside = all(0 <= a < side for a, side in zip(at, self.axes, strict=True))
            number = np.ravel_multi_index(at, self.axes) if inside else None
            found.append(self.outside if number is None else int(self.nodes[number]))
        return found

    def logits(self, position: int) -> Ints:
        """Return the logits of a position [alphabet], in 1/1024 bit."""
        inputs = self.tensors["near"][self.neighbours(position)].ravel()
        if self.config["outline"]:
            told = self.config["told"]
            rows = slice(position * told, (position + 1) * told)
            weight, scale = self.tensors["tell.weight"][rows], self.tensors["tell.scale"][rows]
            values = ((weight @ self.said * scale + (1 << 19)) >> 20) + self.tensors["tell.bias"][
                rows
            ]
            inputs = np.concatenate([inputs, self.said, normed(values)])
        x = self.matrix("first", inputs)
        for n in range(self.config["blocks"]):
            x = self.layer(f"blocks.{n}", x)
        return self.matrix("out", normed(x))

    def branches(self, position: int, level: int) -> list[int]:
        """Return the weights of the branches of the node of a position."""
        node = int(self.nodes[position]) - self.starts[level]
        below = self.below(level)
        logits = self.logits(position)[node * below : (node + 1) * below]
        behind = logits.max() - logits
        exp2 = self.tensors["exp2"][behind & 1023]
        leaves = np.maximum(exp2 >> np.minimum(behind >> 10, 31), 1)
        return [int(some.sum()) for some in np.split(leaves, self.levels[level])]

    def intervals(self, item: bytes, steps: list[int]) -> list[tuple[int, int]]:
        """Return start and freq of each branch of an item, in the order in which they are coded."""
        found = []
        self.nodes[:] = 0
        done = 0
        for step in steps:
            level, place = divmod(done, self.size)
            positions = self.order[place : place + step]
            self.call()
            for position in positions:
                symbol = self.symbols.index(item[position])
                branch = symbol % self.below(level) // self.below(level + 1)
                found.append(interval(self.branches(position, level), branch))
            for position in positions:
                self.refine(position, self.symbols.index(item[position]), level + 1)
            done += step
        return found


def normed(x: Ints) -> Ints:
    """Return the steps of one vector."""
    steps: Ints = norm(x[None])[0]
    return steps


def interval(weights: list[int], branch: int) -> tuple[int, int]:
    """Return start and freq by docs/coders.md."""
    spread, total = (1 << PRECISION) - len(weights), sum(weights)
    before = sum(weights[:branch])
    start = before * spread // total + branch
    end = (before + weights[branch]) * spread // total + branch + 1
    return start, end - start
