"""Takes a network in floats from the integers of a file: what export.py does, undone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.numpy import load

from lmcodec.ardm.config import Config
from lmcodec.ardm.model import Ardm
from lmcodec.tuning.export import LOGIT_BIT, SUM_ONE
from lmcodec.tuning.quantize import NORM_STEPS
from lmcodec.tuning.restore import Reader

if TYPE_CHECKING:
    from lmcodec.fitted import FittedArdm


def floats(network: FittedArdm) -> Ardm:
    """Return a network in floats: its weights times their scales.

    Where it is rounded it says what the integers say.

    Args:
        network: What was read from a file.
    """
    model = Ardm(Config.of(json.loads(network.card["config"])))
    with torch.no_grad():
        _fill(model, Reader(load(bytes(network))))
    return model.eval()


def _fill(model: Ardm, reader: Reader) -> None:
    norm = 1.0 / NORM_STEPS
    model.near.copy_(reader.features("near"))
    model.first.copy_(reader.matrix("first", SUM_ONE, norm))
    for n, block in enumerate(model.blocks):
        reader.layer(f"blocks.{n}", block.up, block.down, block.hidden.scale)
    model.out.copy_(reader.matrix("out", LOGIT_BIT, norm))
    model.out_bias.copy_(reader.bias("out", LOGIT_BIT))
    if model.config.outline:
        model.all.copy_(reader.features("all"))
        model.enter.copy_(reader.matrix("enter", SUM_ONE, norm))
        for n, layer in enumerate(model.layers):
            reader.layer(f"outline.{n}", layer.up, layer.down, layer.hidden.scale)
        model.leave.copy_(reader.matrix("leave", SUM_ONE, norm))
        model.tell.copy_(reader.matrix("tell", SUM_ONE, norm))
        model.tell_bias.copy_(reader.bias("tell", SUM_ONE))
