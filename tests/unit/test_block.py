"""Blocks with transforms of any kind, and with wide symbols, which no shipped model has yet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import lmcodec
from lmcodec import block, options, select
from lmcodec.errors import FormatError, LimitError, ModelError, UnsupportedError
from lmcodec.header import BlockHeader
from lmcodec.models.base import MODELS, Model
from lmcodec.models.order0 import Order0
from lmcodec.packing import Cursor
from lmcodec.registry import Registry
from lmcodec.testing import check_model
from lmcodec.transforms.base import Stream, Transform

NUMBERS = np.arange(0, 3000, 7, dtype="<u2").tobytes()


@dataclass(frozen=True)
class Delta(Model):
    """Differences of uint16, as bytes; for tests."""

    scale: int = 1

    width = 2

    def encode(self, symbols: Any) -> bytes:
        differences = np.diff(symbols, prepend=symbols.dtype.type(0))
        line = len(symbols) > 2 and len(np.unique(differences[1:])) == 1
        coded: bytes = (differences[:2] if line else differences).astype("<u2").tobytes()
        return (b"\1" if line else b"\0") + coded

    def decode(self, payload: bytes, count: int) -> Any:
        if len(payload) % 2 == 0 or payload[0] > 1 or (payload[0] and len(payload) != 5):
            raise FormatError("payload of delta does not fit")
        differences = np.frombuffer(payload, "<u2", offset=1).astype(np.uint16)
        if payload[0]:
            if count > 1 << 20:
                raise FormatError("too many symbols")
            differences = np.concatenate([differences[:1], np.full(count - 1, differences[1])])
        if len(differences) != count:
            raise FormatError("payload of delta does not fit")
        return np.cumsum(differences, dtype=np.uint16)


@dataclass(frozen=True)
class Pairs(Transform):
    """Content of even length as uint16, the rest of an odd one apart; for tests."""

    tail: bool = True
    wrong: int = 0

    @classmethod
    def probe(cls, raw: bytes) -> Pairs | None:
        return cls(tail=len(raw) % 2 == 1) if len(raw) > 8 and not raw[1] else None

    def forward(self, raw: bytes) -> Sequence[Stream]:
        if self.wrong == 3:
            return [Stream("large", bytes(17 * len(raw) + (1 << 16)))]
        even = len(raw) // 2 * 2
        streams = [Stream("pairs", np.frombuffer(raw[:even], "<u2").astype(np.uint16), "numbers")]
        return [*streams, Stream("tail", raw[even:])] if self.tail else streams

    def inverse(self, streams: Mapping[str, Any]) -> bytes:
        if self.wrong == 1:
            return b"something else"
        if self.wrong == 2 or "pairs" not in streams:
            raise FormatError("streams do not fit together")
        pairs: bytes = streams["pairs"].astype("<u2").tobytes()
        return pairs + bytes(streams.get("tail", b""))


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the block layer a transform and a model for it."""
    transforms: Registry[Any] = Registry("transform", "lmcodec.transforms")
    transforms.register(id="pairs", version=1)(Pairs)
    monkeypatch.setattr(block, "TRANSFORMS", transforms)
    monkeypatch.setattr(options, "TRANSFORMS", transforms)
    known = dict(MODELS._classes)
    if ("delta", 1) not in known:
        MODELS.register(id="delta", version=1)(Delta)

    def candidates(level: int, hint: str, width: int, shape: object = None) -> list[Model]:
        del level, shape
        assert (hint, width) in (("numbers", 2), ("", 1))
        return [Delta()] if width == 2 else []

    monkeypatch.setattr(block, "candidates", candidates)
    monkeypatch.setattr(select, "candidates", candidates)
    yield
    MODELS._classes.pop(("delta", 1))


@pytest.mark.parametrize("tail", [b"", b"x"])
def test_each_stream_has_its_own_model(tail: bytes) -> None:
    content = NUMBERS + tail
    stream = lmcodec.compress(content)
    assert lmcodec.decompress(stream) == content
    described = lmcodec.info(stream)
    assert described.transforms == ("pairs/1",)
    streams = {part.name: part.model for part in described.blocks[0].streams}
    assert streams == ({"pairs": "delta/1", "tail": "stored"} if tail else {"pairs": "delta/1"})
    assert len(stream) < 100


def test_models_of_wide_symbols_keep_the_contract() -> None:
    check_model(Delta())


def test_wide_symbols_are_stored_in_little_endian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "candidates", lambda *_: [])
    stream = lmcodec.compress(NUMBERS)
    assert lmcodec.info(stream).models == ("stored",)
    assert NUMBERS in stream
    assert lmcodec.decompress(stream) == NUMBERS
    big = np.frombuffer(NUMBERS, "<u2").astype(">u2")
    assert block._to_little_endian(big) == NUMBERS


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_a_transform_that_fails_is_not_used(wrong: int) -> None:
    content = b"content" * 10
    stream = lmcodec.compress(content, transform=Pairs(wrong=wrong))
    assert lmcodec.info(stream).transforms == ("raw",)
    assert lmcodec.decompress(stream) == content


def test_a_chosen_model_codes_the_whole_block() -> None:
    stream = lmcodec.compress(NUMBERS, model="stored")
    assert lmcodec.info(stream).transforms == ("raw",)


def test_a_transform_that_does_not_pay_is_not_used() -> None:
    content = bytes(random.Random(1).choices(b"\0\1", k=3000))
    assert Pairs.probe(b"\0\0" + content) is not None
    assert lmcodec.info(lmcodec.compress(b"\0\0" + content)).transforms == ("raw",)


@pytest.mark.parametrize("transform", ["pairs", Pairs()])
def test_a_transform_can_be_chosen(transform: Any) -> None:
    """Also where it would not be found or does not pay, and with a model of choice."""
    content = b"no numbers here."
    stream = lmcodec.compress(content, model="stored", transform=transform)
    assert lmcodec.info(stream).transforms == ("pairs/1",)
    assert lmcodec.decompress(stream) == content


def test_no_transform_can_be_chosen() -> None:
    assert lmcodec.info(lmcodec.compress(NUMBERS, transform="raw")).transforms == ("raw",)


def test_a_transform_must_be_known() -> None:
    with pytest.raises(ValueError, match="transform is not known: 'other'; known are auto, raw"):
        lmcodec.compress(b"", transform="other")
    with pytest.raises(TypeError, match="transform must be a transform or its id: got 5"):
        lmcodec.compress(b"", transform=5)  # type: ignore[arg-type]


def test_unknown_transforms_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = lmcodec.compress(NUMBERS)
    monkeypatch.setattr(block, "TRANSFORMS", Registry("transform", "lmcodec.transforms"))
    with pytest.raises(UnsupportedError, match="transform is not known: 'pairs'") as caught:
        lmcodec.decompress(stream)
    assert (caught.value.id, caught.value.version) == ("pairs", 1)
    assert lmcodec.info(stream).transforms == ("pairs/1",)


def test_memory_is_known_before_decoding() -> None:
    stream = lmcodec.compress(NUMBERS)
    needed = lmcodec.info(stream).memory_bytes
    assert needed is not None
    assert lmcodec.decompress(stream, max_memory=needed) == NUMBERS
    with pytest.raises(LimitError) as caught:
        lmcodec.decompress(stream, max_memory=needed - 1)
    assert caught.value.needed == needed


def test_verifying_finds_a_model_that_does_not_decode() -> None:
    class Other(Order0):
        def encode(self, symbols: Any) -> bytes:
            return super().encode(symbols[::-1])

    content = b"aaaaaaaaab" * 20
    verify = {lmcodec.CompressionParameter.verify: 1}
    with pytest.raises(ModelError, match="does not decode after encoding: order0/1"):
        lmcodec.compress(content, options=verify, model=Other())
    stream = lmcodec.compress(content, options=verify, model="order0")
    assert stream == lmcodec.compress(content, model="order0")


def test_same_models_share_a_record() -> None:
    coded = block.encode_block(NUMBERS + b"x", 5, block.Plan(5))
    header = BlockHeader.parse(Cursor(coded))
    assert (header.start, header.raw_size) == (5, len(NUMBERS) + 1)
    assert len(header.models) == 1
    assert header.payload_size == len(coded) - len(header.pack())
