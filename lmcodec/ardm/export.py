"""Rounds a trained network to the integers that streams are coded with."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import save

from lmcodec.ardm.costs import pack
from lmcodec.fitted import ARDM_FORMAT
from lmcodec.tuning.export import LOGIT_BIT, SUM_ONE, Writer, powers
from lmcodec.tuning.quantize import HIGH, LOW, NORM_STEPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.ardm.costs import Costs
    from lmcodec.ardm.model import Ardm

# Of the length of a header.
_LENGTH_BYTES = 8


def integers(model: Ardm) -> dict[str, NDArray[Any]]:
    """Return the tensors of the integer network, as docs/models/ardm.md describes them.

    Raises:
        ValueError: Its weights are too large for sums of 32 bits.
    """
    writer, norm = Writer({"exp2": powers()}), 1.0 / NORM_STEPS
    writer.tensors["near"] = _steps(model.near)
    writer.matrix("first", model.first, norm, SUM_ONE)
    for n, block in enumerate(model.blocks):
        writer.layer(f"blocks.{n}", block.up, block.down, block.hidden.scale)
    writer.matrix("out", model.out, norm, LOGIT_BIT, bias=model.out_bias)
    if model.config.outline:
        writer.tensors["all"] = _steps(model.all)
        writer.matrix("enter", model.enter, norm, SUM_ONE)
        for n, layer in enumerate(model.layers):
            writer.layer(f"outline.{n}", layer.up, layer.down, layer.hidden.scale)
        writer.matrix("leave", model.leave, norm, SUM_ONE)
        writer.matrix("tell", model.tell, norm, SUM_ONE, bias=model.tell_bias)
    if writer.reach() >= 1 << 31:
        raise ValueError(f"sums may not fit 32 bits: {writer.reach()}")
    return writer.tensors


def _steps(features: torch.Tensor) -> NDArray[np.int8]:
    """Return features in steps of a normalised value."""
    steps = torch.round(features.detach() * NORM_STEPS).clamp(LOW, HIGH)
    found: NDArray[np.int8] = steps.numpy().astype(np.int8)
    return found


def to_bytes(
    tensors: dict[str, NDArray[Any]],
    model: Ardm,
    symbols: bytes,
    order: NDArray[np.int32],
    costs: Costs | None,
    card: dict[str, str],
) -> bytes:
    """Return the file of a network, in the format safetensors.

    Args:
        tensors: What `integers` made of it.
        model: The network.
        symbols: The byte of each symbol.
        order: The order in which positions are coded [size].
        costs: What positions take after so many others, or None where nobody will ask.
        card: What it was trained on, and how. Names and values are text.
    """
    more = {
        "symbols": np.frombuffer(symbols, np.uint8),
        "order": order.astype(np.int32),
        **(pack(costs) if costs is not None else {}),
    }
    config = json.dumps(asdict(model.config), separators=(",", ":"))
    file = save(tensors | more, {**card, "format": ARDM_FORMAT, "config": config})
    # The library has words in any order: the same network is to have the same digest.
    end = _LENGTH_BYTES + int.from_bytes(file[:_LENGTH_BYTES], "little")
    header = json.dumps(json.loads(file[_LENGTH_BYTES:end]), separators=(",", ":"), sort_keys=True)
    header += " " * (-len(header) % _LENGTH_BYTES)
    return len(header).to_bytes(_LENGTH_BYTES, "little") + header.encode() + file[end:]
