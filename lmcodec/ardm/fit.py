"""From items to the file of a network: training, integers, an order, what positions take."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcodec import _core
from lmcodec.ardm.costs import Costs
from lmcodec.ardm.export import integers, to_bytes
from lmcodec.ardm.order import orders_of, raster
from lmcodec.ardm.schedule import cost, steps_for
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

# Symbols on which orders are tried, and on which what positions take is measured.
TRIED, MEASURED = 50_000, 400_000
_LEAST_ITEMS = 16
# Places where it is measured, about two thirds of them.
_PLACES = 20
# Calls of each stage with which orders are tried, beside a tenth of the positions and all.
_BUDGETS = (4, 8, 16, 32)


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
    orders: dict[str, NDArray[np.int32]] | None = None,
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
        measured: Symbols on which what positions take is measured.
        orders: In which positions may become known, by name; None for those that suit the axes.

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
    if orders is None:
        orders = {"raster": raster(config.size)} if plan.raster else orders_of(config.axes)
    return finish(trainer.mean, symbols, held, card, orders=orders, measured=measured)


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
    orders: dict[str, NDArray[np.int32]],
    tried: int = TRIED,
    measured: int = MEASURED,
) -> bytes:
    """Return the file of a network, in the format safetensors.

    Args:
        model: What was trained.
        symbols: The byte of each symbol.
        items: Bytes of items that it was not trained on [items, size].
        card: What it was trained on, and how.
        orders: In which positions may become known, by name. That with which few and many calls
            take the least bits is used.
        tried: Symbols on which orders are tried.
        measured: Symbols on which what positions take is measured.
    """
    tensors = integers(model)

    def file(name: str, costs: Costs | None) -> bytes:
        more = {**card, "order": name, "measured": str(len(of(measured)))}
        return to_bytes(tensors, model, symbols, orders[name], costs, more)

    def of(count: int) -> NDArray[np.uint8]:
        return items[: max(_LEAST_ITEMS, count // model.config.size)]

    core = _core.Ardm(file(next(iter(orders)), None))
    bits = {name: 0.0 for name in orders}
    if len(orders) > 1:
        for name, order in orders.items():
            bits[name] = expected(measure(core, order, of(tried)))
    name = min(bits, key=bits.__getitem__)
    return file(name, measure(core, orders[name], of(measured)))


def expected(costs: Costs) -> float:
    """Return the bits of an item with few and with many calls, added up."""
    most, falling = costs.stages * costs.size, costs.falling()
    budgets = {*(costs.stages * calls for calls in _BUDGETS), most // 10, most}
    return sum(
        cost(costs, steps_for(falling, calls))
        for calls in sorted(budgets)
        if costs.stages <= calls <= most
    )


def measure(core: _core.Ardm, order: NDArray[np.int32], items: NDArray[np.uint8]) -> Costs:
    """Return what positions take in an order, when so many before are known.

    Args:
        core: The network.
        order: Of positions.
        items: Bytes of items [items, size].
    """
    places = _places(core.size)
    sums = core.costs(items.tobytes(), order.tolist(), places.tolist())
    return Costs(places, sums / len(items))


def _places(size: int) -> NDArray[np.int64]:
    """Return how much is known where costs are measured: close where they fall fast."""
    grows = np.geomspace(1, size, _PLACES) - 1
    places = np.concatenate([grows, np.linspace(0, size - 1, _PLACES // 2)])
    return np.unique(np.round(places).astype(np.int64))
