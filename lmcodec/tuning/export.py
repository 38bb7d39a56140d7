"""Rounds a trained model to the integers that ship."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import save

from lmcodec.tuning.quantize import NIBBLE, NIBBLES, NORM_STEPS, UNIT, nibble_scales

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lmcodec.tuning.model import Block, ByteModel

# Results of matrices are products times a scale, shifted right by this.
SHIFT = 20
# One in the sum of a byte or word; in the input of a gate; in a logit, of a bit.
SUM_ONE, GATE_ONE, LOGIT_ONE = 1 << 16, 1 << 7, 1 << 10
# A logit as torch has it, to the base e.
LOGIT_BIT = LOGIT_ONE * float(np.log2(np.e))
STATE_ONE, STATE_SHIFT = 1 << 20, 28
# The square of a hidden value is shifted right by this.
SQUARE_SHIFT = 15
# With matrices of 8 bits alone, and with others of 4.
FORMATS = {8: "bytelm-2", 4: "bytelm-3"}


def powers() -> NDArray[np.int32]:
    """Return the table of powers of two that makes weights of logits."""
    return np.round(2.0 ** (23 - np.arange(1024) / 1024)).astype(np.int32)


def tables() -> dict[str, NDArray[np.int32]]:
    """Return the tables of functions."""
    gate = np.arange(-1024, 1025) / GATE_ONE
    value = np.arange(-512, 513) / GATE_ONE
    return {
        "sigmoid": np.round(65536 / (1 + np.exp(-gate))).astype(np.int32),
        "tanh": np.round(32768 * np.tanh(value)).astype(np.int32),
        "exp2": powers(),
    }


def pairs(steps: NDArray[Any]) -> NDArray[np.uint8]:
    """Return values from -8 to 7 [rows, columns], two to a byte."""
    raised = steps.astype(np.int8) + 8
    return (raised[:, 0::2] | raised[:, 1::2] << 4).astype(np.uint8)


def halves(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the values [rows, columns] that `pairs` packed."""
    both = packed.astype(np.int64)
    return np.stack([both & 15, both >> 4], 2).reshape(len(both), -1) - 8


class Writer:
    """Gathers the tensors of an integer network.

    Args:
        tensors: What is in it before.
    """

    def __init__(self, tensors: dict[str, NDArray[Any]]) -> None:
        self.tensors = tensors

    def matrix(
        self,
        name: str,
        w: torch.Tensor,
        inputs: Any,
        unit: Any,
        *,
        bias: Any = None,
        grid: Any = None,
    ) -> None:
        """Add a matrix whose inputs count ``inputs``, and whose results count 1 / unit.

        Args:
            name: Of the tensors.
            w: The matrix [out, in].
            inputs: How much a step of an input is.
            unit: One in the results.
            bias: What is added to the results [out].
            grid: The scales [out, 1] of weights of 4 bits, as they meet steps; None for 8.
        """
        values = (w.detach().double() * inputs).numpy()
        if grid is None:
            scale = np.maximum(np.abs(values).max(1), 1e-8) / UNIT
            self.tensors[f"{name}.weight"] = np.round(values / scale[:, None]).astype(np.int8)
        else:
            scale = grid.double().numpy()[:, 0]
            steps = np.clip(np.round(values / scale[:, None]), *NIBBLES)
            self.tensors[f"{name}.weight"] = pairs(steps)
        whole = np.round(scale * unit * (1 << SHIFT))
        if whole.max() >= 1 << 31:
            raise ValueError(f"scale of {name} does not fit 32 bits")
        self.tensors[f"{name}.scale"] = whole.astype(np.int32)
        if bias is not None:
            rounded = np.round(bias.detach().double().numpy() * unit)
            self.tensors[f"{name}.bias"] = rounded.astype(np.int32)

    def layer(
        self,
        name: str,
        up: torch.Tensor,
        down: torch.Tensor,
        scale: torch.Tensor,
        grid: Callable[[str], Any] = lambda _: None,
    ) -> None:
        """Add a layer of hidden values, which are squares that count ``scale`` [hidden].

        Args:
            name: Of the layer.
            up: The matrix [hidden, in] before the squares.
            down: The matrix [out, hidden] behind them.
            scale: How much a step of a hidden value is.
            grid: Gives the scales of ``up`` and ``down`` where these have 4 bits.
        """
        hidden = scale.double()
        root = np.sqrt((1 << SQUARE_SHIFT) / hidden.numpy())
        self.matrix(f"{name}.up", up, 1.0 / NORM_STEPS, root, grid=grid("up"))
        self.matrix(f"{name}.down", down, hidden, SUM_ONE, grid=grid("down"))

    def reach(self) -> int:
        """Return the largest sum that all matrices together can make."""
        total = 0
        for name, weight in self.tensors.items():
            if name.endswith(".weight"):
                scale = self.tensors[name.removesuffix("weight") + "scale"].astype(np.int64)
                steps = halves(weight) if weight.dtype == np.uint8 else weight.astype(np.int64)
                largest = np.abs(steps).sum(1) * UNIT * scale >> SHIFT
                total += int(largest.max())
        return total


class _Recurrent(Writer):
    """Knows of the parts that are of networks of bytes alone."""

    def state(self, name: str, scale: torch.Tensor) -> None:
        whole = np.round((1 << STATE_SHIFT) / STATE_ONE / scale.numpy())
        self.tensors[f"{name}.state"] = whole.astype(np.int32)

    def table(self, name: str, rows: torch.Tensor) -> None:
        """Add a table [rows, width], two values to a byte, with a scale for each row."""
        values, scale = rows.double(), nibble_scales(rows.double())
        self.tensors[name] = pairs(torch.round(values / scale).numpy())
        whole = np.round(scale[:, 0].numpy() * SUM_ONE)
        self.tensors[f"{name}.scale"] = whole.astype(np.int32)

    def block(self, name: str, block: Block) -> None:
        gates, norm = block.gates, 1.0 / NORM_STEPS
        self.matrix(
            f"{name}.gates", gates, norm, GATE_ONE, bias=block.bias, grid=block.scale("gates")
        )
        state = block.quantize["state"].scale.double()
        self.state(name, state)
        self.matrix(f"{name}.mix", block.mix, state, SUM_ONE, grid=block.scale("mix"))
        self.layer(name, block.up, block.down, block.quantize["hidden"].scale, block.scale)


def integers(model: ByteModel) -> dict[str, NDArray[Any]]:
    """Return the tensors of the integer network, as docs/models/bytelm.md describes them."""
    writer, norm = _Recurrent(dict(tables())), 1.0 / NORM_STEPS
    writer.table("table", model.table.values)
    writer.table("words", model.word_table.values)
    first = model.quantize["state"].scale.double()
    writer.matrix("first.gates", model.gates, norm, GATE_ONE, bias=model.bias)
    writer.state("first", first)
    writer.matrix("first.mix", model.mix, first, SUM_ONE)
    writer.matrix("enter", model.enter, norm, SUM_ONE)
    writer.matrix("enter.first", model.enter_state, first, SUM_ONE)
    for n, block in enumerate(model.word_blocks):
        writer.block(f"words.{n}", block)
    writer.matrix("leave", model.leave, norm, SUM_ONE)
    for n, block in enumerate(model.blocks):
        writer.block(f"blocks.{n}", block)
    writer.matrix("out", model.out, norm, LOGIT_BIT, bias=model.out_bias)
    _check(writer, model.contexts.starts)
    return writer.tensors


def _check(writer: Writer, starts: NDArray[np.int32]) -> None:
    """Raise where sums could leave 32 bits."""
    total, tensors = writer.reach(), writer.tensors
    for scales in (*np.split(tensors["table.scale"], starts[1:]), tensors["words.scale"]):
        total += (NIBBLE + 1) * int(scales.max())
    if total >= 1 << 31:
        raise ValueError(f"sums may not fit 32 bits: {total}")


def to_bytes(model: ByteModel, more: dict[str, NDArray[Any]] | None = None) -> bytes:
    """Return the safetensors file of a model, with more tensors in it."""
    config = json.dumps(asdict(model.config))
    return save(
        integers(model) | (more or {}),
        {"format": FORMATS[model.config.word_bits], "config": config},
    )
