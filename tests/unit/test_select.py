from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lmcodec.models.base import Model
from lmcodec.models.order0 import Order0
from lmcodec.select import _sample, candidates, choose


@dataclass(frozen=True)
class Sized(Model):
    """Codes to as many bytes as it is told, and notes what it was given."""

    size: int
    seen: Any = None

    def encode(self, symbols: Any) -> bytes:
        if self.seen is not None:
            self.seen.append(len(symbols))
        return bytes(self.size)

    def decode(self, payload: bytes, count: int) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("level", range(1, 10))
def test_every_level_has_candidates_for_bytes_only(level: int) -> None:
    assert candidates(level)
    assert all(model.width == 1 for model in candidates(level))
    assert candidates(level, width=4) == []


def test_the_shortest_code_wins() -> None:
    models = [Sized(5), Sized(3), Sized(4)]
    assert choose(b"anything", models) is models[1]
    # The first guess wins a tie.
    assert choose(b"anything", [models[0], Sized(5)]) is models[0]


def test_one_candidate_is_not_tried() -> None:
    seen: list[int] = []
    model = Sized(1, seen)
    assert choose(b"anything", [model]) is model
    assert seen == []
    assert choose(b"anything", []) is None


def test_short_streams_are_tried_whole_and_long_ones_on_a_sample() -> None:
    seen: list[int] = []
    choose(bytes(1000), [Sized(1, seen), Sized(2)])
    choose(bytes(10_000_000), [Sized(1, seen), Sized(2)])
    assert seen == [1000, 3 << 16]


def test_samples_cover_the_stream() -> None:
    symbols = bytes(1 << 20) + b"x" * (1 << 20)
    sample = _sample(symbols)
    assert isinstance(sample, bytes)
    assert (sample[0], sample[-1]) == (0, ord("x"))
    wide = np.arange(1 << 20, dtype=np.uint32)
    part = np.asarray(_sample(wide))
    assert (part[0], part[-1], part.itemsize) == (0, (1 << 20) - 1, 4)


def test_choice_is_the_best_for_real_models() -> None:
    models = [Order0(1), Order0(32), Order0(1000)]
    for content in (b"ab" * 200, bytes(range(256)) * 3):
        best = min(len(model.encode(content)) for model in models)
        chosen = choose(content, models)
        assert chosen is not None
        assert len(chosen.encode(content)) == best
