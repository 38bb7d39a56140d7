"""The conformance suite finds what is wrong with a model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lmcodec.errors import FormatError
from lmcodec.models.base import MODELS, Model
from lmcodec.models.order0 import Order0
from lmcodec.testing import check_model, default_samples

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Plain(Model):
    """Stores bytes behind their number; keeps the contract; for tests."""

    level: int = 1

    def encode(self, symbols: Any) -> bytes:
        return bytes([len(symbols) % 251]) + bytes(symbols)

    def decode(self, payload: bytes, count: int) -> Any:
        if len(payload) != count + 1 or payload[0] != count % 251:
            raise FormatError("payload does not fit")
        return payload[1:]


class Forgetful(Plain):
    def decode(self, payload: bytes, count: int) -> Any:
        return super().decode(payload, count).lower()


class Random(Plain):
    def encode(self, symbols: Any) -> bytes:
        return super().encode(symbols) + random.randbytes(1)


class Careless(Plain):
    def decode(self, payload: bytes, count: int) -> Any:
        return payload[1:] if payload[0] == count % 251 and payload[count] >= 0 else b""


class Long(Plain):
    def decode(self, payload: bytes, count: int) -> Any:
        return (payload[1:] + bytes(count))[: max(count, len(payload) - 1)]


class Shrinking(Plain):
    def memory_bytes(self, count: int) -> int:
        return 1000 - count % 1000


class Shallow(Plain):
    def digests(self) -> tuple[bytes, ...]:
        return (b"short",)


class OtherLevel(Plain):
    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        super().from_record(params, digests)
        return cls(level=7)


class Open(Plain):
    @classmethod
    def for_level(cls, level: int) -> Self:
        return cls(level=-level)

    def fit(self, symbols: Any) -> Self:
        del symbols
        return type(self)(level=self.level + 1)


@dataclass
class Mutable(Model):
    def encode(self, symbols: Any) -> bytes:
        return bytes(symbols)

    def decode(self, payload: bytes, count: int) -> Any:
        return payload[:count]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = dict(MODELS._classes)
    yield
    MODELS._classes.clear()
    MODELS._classes.update(before)


def test_models_that_keep_the_contract() -> None:
    MODELS.register(id="plain", version=1)(Plain)
    check_model(Plain())
    check_model(Plain(level=3), samples=[b"only this"])
    check_model(Order0(increment=7))


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Forgetful, "decode undoes encode"),
        (Random, "same bytes twice"),
        (Careless, "damaged payload"),
        (Long, "as many symbols as asked"),
        (Shrinking, "memory_bytes"),
        (Shallow, "SHA-256"),
        (OtherLevel, "same model again"),
        (Mutable, "frozen"),
        (Open, "fit leaves nothing open: level 1"),
    ],
)
def test_models_that_do_not(cls: type[Model], message: str) -> None:
    MODELS.register(id="broken", version=1)(cls)
    with pytest.raises(AssertionError, match=message):
        check_model(cls())


def test_models_that_are_not_registered() -> None:
    MODELS.register(id="broken", version=1)(type("Other", (Plain,), {}))
    Plain.id, Plain.version = "broken", 1
    with pytest.raises(AssertionError, match="registered"):
        check_model(Plain())


def test_default_samples_have_the_width() -> None:
    for width in (2, 4):
        for symbols in default_samples(width):
            assert not isinstance(symbols, bytes)
            assert symbols.itemsize == width
