"""Models written as generators: the contract, and models that break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lmcodec.errors import ModelError
from lmcodec.models.base import SequentialModel, Step, Steps
from lmcodec.models.order0 import Order0
from lmcodec.testing import default_samples

SYMBOLS = b"abcabcabcaabbcc" * 10
UNIFORM = np.ones((1, 256), np.uint8)


@dataclass(frozen=True)
class Written(SequentialModel[None]):
    """A model whose steps are given."""

    make: Callable[[int], Steps] = field(repr=False)
    id = "written"

    def start(self) -> None:
        return None

    def steps(self, state: None, count: int) -> Steps:
        del state
        return self.make(count)


@dataclass(frozen=True)
class Wide(Written):
    width = 2


def test_order_of_positions_is_free() -> None:
    def backward(count: int) -> Steps:
        for position in reversed(range(count)):
            yield Step([position], UNIFORM)

    def all_at_once(count: int) -> Steps:
        yield Step(range(count), np.ones((count, 256), np.float32))

    def evens_then_odds(count: int) -> Steps:
        evens = yield Step(np.arange(0, count, 2), np.ones((-(-count // 2), 256)))
        rows = np.ones((count // 2, 256))
        rows[np.arange(count // 2), evens[: count // 2]] = 1000
        yield Step(np.arange(1, count, 2), rows)

    for make in (backward, all_at_once, evens_then_odds):
        model = Written(make)
        for symbols in default_samples(1):
            assert isinstance(symbols, bytes)
            assert model.decode(model.encode(symbols), len(symbols)) == symbols


def test_wide_symbols() -> None:
    symbols = np.array([0, 65535, 300, 300, 7], np.uint16)

    def steps(count: int) -> Steps:
        for position in range(count):
            yield Step([position], np.ones((1, 1 << 16), np.uint8))

    model = Wide(steps)
    payload = model.encode(symbols)
    decoded: Any = model.decode(payload, 5)
    assert decoded.dtype == np.uint16
    assert decoded.tolist() == symbols.tolist()
    assert 10 <= len(payload) <= 18


def test_code_length_is_that_of_the_model() -> None:
    rng = np.random.default_rng(1)
    rows = rng.random((2000, 256)) ** 8
    symbols = bytes(int(rng.choice(256, p=row / row.sum())) for row in rows)

    def steps(count: int) -> Steps:
        for position in range(count):
            yield Step([position], rows[position : position + 1])

    chosen = rows[np.arange(2000), list(symbols)] / rows.sum(axis=1)
    ideal_bytes = -np.log2(chosen).sum() / 8
    size = len(Written(steps).encode(symbols))
    assert ideal_bytes <= size <= ideal_bytes * 1.001 + 16


def step(positions: Any, pmf: Any) -> Callable[[int], Steps]:
    def steps(count: int) -> Steps:
        del count
        yield Step(positions, pmf)

    return steps


def twice(count: int) -> Steps:
    for _ in range(count):
        yield Step([0], UNIFORM)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (step([0], UNIFORM), "steps cover 1 of 2 positions"),
        (twice, "position comes twice"),
        (step([0, 0], np.ones((2, 256))), "position comes twice"),
        (step([2], UNIFORM), "position is outside the stream"),
        (step([-1], UNIFORM), "position is outside the stream"),
        (step([0, 2], np.ones((2, 256))), "position is outside the stream"),
        (step([0, 1], UNIFORM), "step does not fit"),
        (step([0], np.ones((1, 257))), "alphabet is too large"),
        (step([0, 1], np.ones((2, 257))), "alphabet is too large"),
        (step([0], np.ones((1, 97))), "symbol has no interval in model written"),
        (step([0], np.ones((1, 0))), "symbol has no interval"),
        (step([0], -UNIFORM.astype(float)), "negative"),
        (step([0], UNIFORM * np.nan), r"not a number|NaN|finite"),
    ],
)
def test_broken_contracts(make: Callable[[int], Steps], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Written(make).encode(b"ab")


def test_broken_contracts_are_seen_when_decoding() -> None:
    payload = Order0().encode(b"ab")
    for make in (twice, step([5], UNIFORM), step([0], UNIFORM)):
        with pytest.raises((ModelError, ValueError)):
            Written(make).decode(payload, 2)


def test_memory_follows_the_symbols_not_the_claim() -> None:
    payload = Order0().encode(b"ab")
    with pytest.raises(ValueError, match="ended early"):
        Order0().decode(payload, 1 << 40)
