"""From items to the file of a network: training, integers, an order, a curve of bits."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcodec import _core
from lmcodec.ardm.export import integers, to_bytes
from lmcodec.ardm.order import shuffled
from lmcodec.ardm.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from lmcodec.ardm.config import Config
    from lmcodec.ardm.model import Ardm
    from lmcodec.ardm.trainer import Plan

# From so many values on, items may come to have any byte.
_ANY_BYTE = 65

# Orders that are tried, and on how many items.
ORDERS, TRIED = 4, 64
# Items on which the curve is measured.
MEASURED = 512
# Places of it, about.
_MEASURED = 24


def alphabet_of(items: NDArray[np.uint8]) -> bytes:
    """Return the bytes that items have, or all where they are many."""
    found = np.unique(items).astype(np.uint8).tobytes()
    return bytes(range(256)) if len(found) >= _ANY_BYTE else found


def train(
    items: NDArray[np.uint8],
    held: NDArray[np.uint8],
    config: Config,
    plan: Plan,
    symbols: bytes,
    tell: Callable[[int, float, float], None],
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    every: int = 100,
    measured: int = MEASURED,
) -> bytes:
    """Train a network, and return its file in the format safetensors.

    Args:
        items: Bytes of items [items, size].
        held: Of items that are held back [items, size].
        config: Sizes of the network.
        plan: How to train.
        symbols: What bytes items have; others join them where the alphabet is larger.
        tell: Takes the step, the bits of each symbol in training and of what is held back. What it
            raises ends the training.
        checkpoint: Where to leave what is needed to go on, or None.
        resume: Whether to go on from there.
        every: Steps between two calls of `tell`.
        measured: Items on which the curve of bits is measured.

    Raises:
        ValueError: Items have other bytes, or the checkpoint is of others.
        FormatError: The checkpoint is damaged.
        OSError: It cannot be read or written.
    """
    others = bytes(byte for byte in range(256) if byte not in symbols)
    symbols += others[: config.alphabet - len(symbols)]
    trainer = Trainer(config, plan, numbered(items, symbols), numbered(held, symbols), tell)
    if resume and checkpoint is not None:
        trainer.resume(checkpoint)
    trainer.run(every, checkpoint)
    card = {
        "items": str(len(items)),
        "items_sha256": hashlib.sha256(items.tobytes()).hexdigest(),
        "steps": str(trainer.step),
        "seconds": str(round(trainer.spent)),
        **{f"plan_{name}": str(value) for name, value in asdict(plan).items()},
    }
    return finish(trainer.mean, symbols, held, card, measured=measured)


def numbered(items: NDArray[np.uint8], symbols: bytes) -> torch.Tensor:
    """Return items as numbers of symbols [items, size].

    Raises:
        ValueError: They have other bytes.
    """
    table = np.full(256, -1, np.int16)
    table[np.frombuffer(symbols, np.uint8)] = np.arange(len(symbols))
    found = table[items]
    if (found < 0).any():
        raise ValueError(f"items have a byte that is not of the alphabet: {items[found < 0][0]}")
    return torch.from_numpy(found.astype(np.uint8))


def finish(
    model: Ardm,
    symbols: bytes,
    items: NDArray[np.uint8],
    card: dict[str, str],
    *,
    orders: int = ORDERS,
    tried: int = TRIED,
    measured: int = MEASURED,
    seed: int = 1,
) -> bytes:
    """Return the file of a network, in the format safetensors.

    Args:
        model: What was trained.
        symbols: The byte of each symbol.
        items: Bytes of items that it was not trained on [items, size].
        card: What it was trained on, and how.
        orders: How many orders of positions are tried.
        tried: On how many items.
        measured: Items on which the curve is measured.
        seed: Of the first order of positions, and of those in which the curve is measured.
    """
    config, tensors = model.config, integers(model)
    flat = np.zeros((config.stages, config.size))

    def file(number: int, curve: NDArray[np.float64]) -> bytes:
        more = {**card, "order": str(number)}
        return to_bytes(tensors, model, symbols, shuffled(config.size, number), curve, more)

    numbers = range(seed, seed + orders)
    bits = [_bits(file(number, flat), items[:tried]) for number in numbers] if orders > 1 else [0.0]
    number = numbers[int(np.argmin(bits))]
    return file(number, measure(_core.Ardm(file(number, flat)), items[:measured], seed))


def _bits(file: bytes, items: NDArray[np.uint8]) -> float:
    """Return the bits of items where each call serves one position."""
    core = _core.Ardm(file)
    steps = [1] * (core.stages * core.size)
    return float(core.code_lengths(items.tobytes(), steps).sum())


def measure(core: _core.Ardm, items: NDArray[np.uint8], seed: int) -> NDArray[np.float64]:
    """Return the bits of a position after so many others are known [stages, size].

    They are means over all items, each in an order of its own, and all positions that are left.
    In the order of the network alone, the curve would rise and fall with what positions are left,
    some of which are hard. All items are at all places, for differences between places are what
    matters. Places between those that are measured lie on a line.

    Args:
        core: The network.
        items: Bytes of items [items, size].
        seed: Of the orders.
    """
    random = np.random.default_rng(seed)
    places = np.unique(np.round(_places(core.size)).astype(int))
    found = np.zeros((core.stages, len(places)))
    for item in items:
        data, order = item.tobytes(), random.permutation(core.size).tolist()
        for stage in range(core.stages):
            for at, known in enumerate(places.tolist()):
                bits = core.position_bits(data, order, stage, known)
                found[stage, at] += bits.sum() / (core.size - known)
    every = np.arange(core.size)
    return np.array([np.interp(every, places, row / len(items)) for row in found])


def _places(size: int) -> NDArray[np.float64]:
    """Return how much is known where the curve is measured: close where it falls fast."""
    grows = np.geomspace(1, size, _MEASURED) - 1
    return np.concatenate([grows, np.linspace(0, size - 1, _MEASURED // 3)])
