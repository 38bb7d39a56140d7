"""Networks of `ardm` of random whole numbers, which are the same everywhere."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcodec.ardm.config import Config
from lmcodec.ardm.costs import Costs, pack
from lmcodec.ardm.order import shuffled
from lmcodec.fitted import ARDM_FORMAT, FittedArdm

_KINDS = {"int8": "I8", "uint8": "U8", "int32": "I32", "uint16": "U16"}


class Stored:
    """What the file of a network says; see `docs/models/ardm.md`.

    Args:
        config: The sizes.
        symbols: The byte of each symbol.
        seed: Of the weights.
    """

    def __init__(self, config: Config, symbols: bytes, seed: int = 1) -> None:
        self.config = config
        # Its integers are the same in every release of NumPy.
        self._random = np.random.RandomState(seed)
        powers = [math.floor(2.0 ** (23 - n / 1024) + 0.5) for n in range(1024)]
        # Bits from 3 to 1, by how much is known.
        line, half = np.linspace(3, 1, config.size), config.size // 2
        rows = [np.full(config.size, 3.0), np.full(config.size, line[half]), line]
        rows[1][:half] = 0.0
        places = np.array([0, half][: 1 + (half > 0)])
        bits = np.stack([rows[0], *rows[1:][-len(places) :]])
        self.tensors: dict[str, NDArray[Any]] = {
            "symbols": np.frombuffer(symbols, np.uint8),
            "order": shuffled(config.size, seed),
            "exp2": np.array(powers, np.int32),
            **pack(Costs(places, np.stack([bits] * config.stages))),
        }
        self._features("near", config.features)
        inputs = math.prod(2 * reach + 1 for reach in config.reach) * config.features
        if config.outline:
            whole = config.size * config.outline_features
            self._features("all", config.outline_features)
            self._matrix("enter", config.outline, whole, 3000)
            for n in range(config.outline_blocks):
                self._layer(f"outline.{n}", config.outline, config.outline_hidden)
            self._matrix("leave", config.said, config.outline, 3000)
            self._matrix("tell", config.size * config.told, config.said, 3000, 1 << 16)
            inputs += config.said + config.told
        self._matrix("first", config.width, inputs, 3000)
        for n in range(config.blocks):
            self._layer(f"blocks.{n}", config.width, config.hidden)
        self._matrix("out", config.alphabet, config.width, 900, 500)

    def _features(self, name: str, each: int) -> None:
        shape = self.config.nodes, each
        self.tensors[name] = self._random.randint(-64, 64, shape).astype(np.int8)

    def _matrix(self, name: str, rows: int, columns: int, most: int, bias: int = 0) -> None:
        weights = self._random.randint(-127, 128, (rows, columns))
        self.tensors[f"{name}.weight"] = weights.astype(np.int8)
        scales = self._random.randint(0, most << 10, rows)
        self.tensors[f"{name}.scale"] = scales.astype(np.int32)
        if bias:
            biases = self._random.randint(-bias, bias, rows)
            self.tensors[f"{name}.bias"] = biases.astype(np.int32)

    def _layer(self, name: str, width: int, hidden: int) -> None:
        self._matrix(f"{name}.up", hidden, width, 600)
        self._matrix(f"{name}.down", width, hidden, 2000)

    def file(self, **card: str) -> bytes:
        """Return the bytes of its file."""
        config = json.dumps(vars(self.config))
        words = {"format": ARDM_FORMAT, "config": config, **card}
        header: dict[str, object] = {"__metadata__": words}
        data = b""
        # Wider numbers first, so that all are at multiples of their width.
        for name, array in sorted(self.tensors.items(), key=lambda item: -item[1].itemsize):
            part = array.astype(array.dtype.newbyteorder("<")).tobytes()
            offsets = [len(data), len(data) + len(part)]
            kind = _KINDS[array.dtype.name]
            header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
            data += part
        head = json.dumps(header, separators=(",", ":")).encode()
        head += b" " * (-len(head) % 8)
        return len(head).to_bytes(8, "little") + head + data


def small(axes: tuple[int, ...] = (4, 5), levels: tuple[int, ...] = (4, 4), **more: int) -> Config:
    """Return sizes of a network that is quick."""
    sizes = {
        "features": 3,
        "width": 20,
        "hidden": 40,
        "blocks": 1,
        "outline_features": 2,
        "outline": 24,
        "outline_hidden": 36,
        "outline_blocks": 1,
        "said": 10,
        "told": 32,
        **more,
    }
    reach = tuple(min(2, side - 1) for side in axes)
    return Config(axes, levels, reach, **sizes)


def network(
    axes: tuple[int, ...] = (4, 5), levels: tuple[int, ...] = (4, 4), seed: int = 1, **more: int
) -> FittedArdm:
    """Return a network of random weights, whose symbols are the first bytes."""
    config = small(axes, levels, **more)
    return FittedArdm(Stored(config, bytes(range(config.alphabet)), seed).file())
