"""Takes a model in floats from the integers of a file: what export.py does, undone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import load

from lmcodec.errors import FormatError
from lmcodec.tuning.export import (
    FORMATS,
    GATE_ONE,
    LOGIT_BIT,
    SHIFT,
    SQUARE_SHIFT,
    STATE_ONE,
    STATE_SHIFT,
    SUM_ONE,
    halves,
    tables,
)
from lmcodec.tuning.model import ByteModel, Config
from lmcodec.tuning.quantize import NORM_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lmcodec.tuning.model import Block

# How large a step of a hidden value is, is not in a file: it divides a row of one matrix and
# multiplies a column of the next. A power of two, so that this rounds nothing; those of the
# network of the package were about as large.
_HIDDEN_STEP = 0.125
# For a scale that was rounded to 0, whose values are not lost so.
_LEAST_SCALE = 0.25


class Reader:
    """Takes matrices in floats from the tensors of an integer network: a `Writer`, undone.

    Args:
        tensors: What is in the file.

    Attributes:
        used: Names of the tensors that have been taken.
    """

    def __init__(self, tensors: dict[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self.used: set[str] = set()

    def _take(self, name: str) -> torch.Tensor:
        self.used.add(name)
        return torch.from_numpy(self._tensors[name].astype(np.float64))

    def _scale(self, name: str) -> torch.Tensor:
        return self._take(f"{name}.scale").clamp(min=_LEAST_SCALE)[:, None]

    def matrix(self, name: str, unit: float, inputs: Any, grid: Any = None) -> torch.Tensor:
        """Return a matrix [out, in] whose inputs count ``inputs``, and whose results 1 / unit.

        Args:
            name: Of the tensors.
            unit: One in the results.
            inputs: How much a step of an input is.
            grid: Takes the scales [out, 1] of weights of 4 bits; None for 8.

        Raises:
            FormatError: The weights have another number of bits.
        """
        if (self._tensors[f"{name}.weight"].dtype == np.uint8) != (grid is not None):
            raise FormatError(f"network cannot be trained further: bits of the weights of {name}")
        scale = self._scale(name) / (unit * (1 << SHIFT))
        if grid is None:
            steps = self._take(f"{name}.weight")
        else:
            self.used.add(f"{name}.weight")
            steps = torch.from_numpy(halves(self._tensors[f"{name}.weight"])).double()
            grid.copy_(scale)
        return steps * scale / inputs

    def bias(self, name: str, unit: float) -> torch.Tensor:
        """Return the bias of a matrix [out], which counts 1 / unit."""
        return self._take(f"{name}.bias") / unit

    def layer(
        self,
        name: str,
        up: torch.Tensor,
        down: torch.Tensor,
        scale: torch.Tensor,
        grid: Callable[[str], Any] = lambda _: None,
    ) -> None:
        """Fill the matrices of a layer of hidden values, and the scale of these [hidden]."""
        scale.fill_(_HIDDEN_STEP)
        root = ((1 << SQUARE_SHIFT) / _HIDDEN_STEP) ** 0.5
        up.copy_(self.matrix(f"{name}.up", root, 1.0 / NORM_STEPS, grid("up")))
        down.copy_(self.matrix(f"{name}.down", SUM_ONE, _HIDDEN_STEP, grid("down")))

    def features(self, name: str) -> torch.Tensor:
        """Return normalised values that stand in steps."""
        return self._take(name) / NORM_STEPS


class _Recurrent(Reader):
    """Knows of the parts that are of networks of bytes alone."""

    def state(self, name: str) -> torch.Tensor:
        """Return how large a step of the output of a recurrence is."""
        return ((1 << STATE_SHIFT) / STATE_ONE / self._take(f"{name}.state")).float()

    def table(self, name: str) -> torch.Tensor:
        self.used.add(name)
        return (torch.from_numpy(halves(self._tensors[name])) * self._scale(name) / SUM_ONE).float()

    def block(self, name: str, block: Block) -> None:
        norm = 1.0 / NORM_STEPS
        state = self.state(name)
        block.quantize["state"].scale.copy_(state)
        block.gates.copy_(self.matrix(f"{name}.gates", GATE_ONE, norm, block.scale("gates")))
        block.bias.copy_(self.bias(f"{name}.gates", GATE_ONE))
        block.mix.copy_(self.matrix(f"{name}.mix", SUM_ONE, state.double(), block.scale("mix")))
        self.layer(name, block.up, block.down, block.quantize["hidden"].scale, block.scale)


def from_bytes(data: bytes) -> tuple[ByteModel, dict[str, NDArray[Any]]]:
    """Return the model of a file, and what else is in it.

    Where it is rounded it says what the integers say. Exported again it gives the same integers,
    but for the last bits of scales of more than 23, which single floats do not hold.

    Args:
        data: The bytes of a file that has been read as a network.

    Returns:
        The model, and the tensors that are no part of it.

    Raises:
        FormatError: The file is of another format, or has weights of 4 bits elsewhere than in all
            matrices of the blocks over words.
    """
    words = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    if words["format"] not in FORMATS.values():
        raise FormatError(f"network is of a format that is not known: {words['format']}")
    tensors = load(data)
    config = Config.of(json.loads(words["config"]))
    if config.word_bits not in FORMATS:
        raise FormatError(f"network cannot be trained further: {config.word_bits} bits over words")
    model, reader = ByteModel(config), _Recurrent(tensors)
    with torch.no_grad():
        _fill(model, reader)
    return model, {
        name: value for name, value in tensors.items() if name not in reader.used | set(tables())
    }


def _fill(model: ByteModel, reader: _Recurrent) -> None:
    norm = 1.0 / NORM_STEPS
    model.table.values.copy_(reader.table("table"))
    model.word_table.values.copy_(reader.table("words"))
    first = reader.state("first")
    model.quantize["state"].scale.copy_(first)
    model.gates.copy_(reader.matrix("first.gates", GATE_ONE, norm))
    model.bias.copy_(reader.bias("first.gates", GATE_ONE))
    model.mix.copy_(reader.matrix("first.mix", SUM_ONE, first.double()))
    model.enter.copy_(reader.matrix("enter", SUM_ONE, norm))
    model.enter_state.copy_(reader.matrix("enter.first", SUM_ONE, first.double()))
    for n, block in enumerate(model.word_blocks):
        reader.block(f"words.{n}", block)
    model.leave.copy_(reader.matrix("leave", SUM_ONE, norm))
    for n, block in enumerate(model.blocks):
        reader.block(f"blocks.{n}", block)
    model.out.copy_(reader.matrix("out", LOGIT_BIT, norm))
    model.out_bias.copy_(reader.bias("out", LOGIT_BIT))
