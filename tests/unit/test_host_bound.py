"""Models that decode only where they encoded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import lmcodec
from lmcodec.errors import ModelError, NotReproducibleError
from lmcodec.models.base import MODELS, Step, Steps
from lmcodec.models.order0 import Order0

if TYPE_CHECKING:
    from typing_extensions import Self

CONTENT = b"content of few letters, " * 20
HERE = b"this machine"


@dataclass(frozen=True)
class Bound(Order0):
    """Order 0 with a fingerprint; for tests."""

    fingerprint: bytes = HERE

    host_bound = True

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        model = super().from_record(params, digests)
        if model.fingerprint != HERE:
            raise NotReproducibleError(f"machine is another one: {model.fingerprint!r}")
        return model


@dataclass(frozen=True)
class Noisy(Bound):
    """One whose distributions are never the same; for tests."""

    def steps(self, state: Any, count: int) -> Steps:
        for position in range(count):
            state[0, :] += random.SystemRandom().randrange(1000)
            (symbol,) = yield Step([position], state)
            state[0, symbol] += 1000


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    MODELS.register(id="bound", version=1)(Bound)
    MODELS.register(id="bound", version=2)(Noisy)
    yield
    for version in (1, 2):
        del MODELS._classes["bound", version]


def test_the_stream_says_so() -> None:
    stream = lmcodec.compress(CONTENT, model=Bound())
    described = lmcodec.info(stream)
    assert described.models == ("bound/1",)
    assert not described.portable
    assert lmcodec.decompress(stream) == CONTENT


def test_another_machine_is_refused_before_decoding() -> None:
    stream = lmcodec.compress(CONTENT, model=Bound())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "HERE", b"other machine")
        with pytest.raises(NotReproducibleError, match="this machine"):
            lmcodec.decompress(stream)
        assert lmcodec.info(stream).memory_bytes is None


def test_encoding_is_verified_without_being_asked() -> None:
    with pytest.raises(ModelError, match="after encoding: bound/2"):
        lmcodec.compress(CONTENT, model=Noisy())
