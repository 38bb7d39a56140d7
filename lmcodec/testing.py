"""The conformance suite: what every model must do, for authors to run on their own.

::

    from lmcodec.testing import check_model

    def test_my_model():
        check_model(MyModel())
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import lmcodec
from lmcodec.errors import LmcodecError
from lmcodec.models.base import MODELS, Model, symbol_width

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols


def check_model(model: Model, samples: Iterable[Symbols] | None = None) -> None:
    """Check that a model keeps its contract.

    Args:
        model: The model, with the parameters that are to be checked.
        samples: Symbols that it must code, or None for a set that every model of its width must
            code. A model of a smaller alphabet needs its own.

    Raises:
        AssertionError: It does not; the message says what, and for which sample.
    """
    check_description(model)
    checked = list(default_samples(model.width) if samples is None else samples)
    for number, symbols in enumerate(checked):
        where = f"sample {number} of {len(symbols)} symbols"
        payload = model.encode(symbols)
        _check(isinstance(payload, bytes), f"encode returns bytes: {where}")
        _check(model.encode(symbols) == payload, f"encode returns the same bytes twice: {where}")
        _check_decodes(model, payload, symbols, where)
        check_damage(model, payload, len(symbols), where)
        _check_decodes(model, payload, symbols, f"after damaged payloads, {where}")
    check_levels(model, max(checked, key=len))
    if model.width == 1:
        _check_frame(model)


def check_description(model: Model) -> None:
    """Check that the stream can describe the model, and that the model is found again.

    Raises:
        AssertionError: It does not; the message says what.
    """
    cls = type(model)
    _check(dataclasses.is_dataclass(cls), "a model is a dataclass")
    _check(getattr(cls, "__dataclass_params__").frozen, "a model is frozen")  # noqa: B009
    _check(MODELS.get(cls.id, cls.version) is cls, "a model is registered")
    again = cls.from_record(model.params(), model.digests())
    _check(again == model, "params and from_record give the same model again")
    _check(all(len(digest) == 32 for digest in model.digests()), "digests are SHA-256")
    for level in _levels(cls):
        _check(isinstance(cls.for_level(level), cls), f"for_level({level}) returns a model")
    needs = [model.memory_bytes(count) for count in (0, 1, 1 << 10, 1 << 20, 1 << 30)]
    _check(needs == sorted(needs) and needs[0] >= 0, "memory_bytes does not fall with the count")


def check_levels(model: Model, symbols: Symbols) -> None:
    """Check that each level, fitted to symbols, is described by its record and decodes.

    Args:
        model: A model of the class.
        symbols: Symbols that it must code.

    Raises:
        AssertionError: A level does not; the message says which.
    """
    cls = type(model)
    for level in _levels(cls):
        fitted = cls.for_level(level).fit(symbols)
        where = f"level {level}"
        _check(fitted == fitted.fit(symbols), f"fit leaves nothing open: {where}")
        again = cls.from_record(fitted.params(), fitted.digests())
        _check(again == fitted, f"params and from_record give the fitted model again: {where}")
        _check_decodes(again, fitted.encode(symbols), symbols, where)


def _levels(cls: type[Model]) -> range:
    """Return the levels; a model that needs weights of the user's own has none."""
    return range(0) if cls.external else range(1, 10)


def check_damage(model: Model, payload: bytes, count: int, where: str) -> None:
    """Check that damaged payloads raise a `LmcodecError` or give symbols, and nothing else.

    Args:
        model: The model.
        payload: A payload of `count` symbols.
        count: Number of symbols.
        where: What the payload is, for messages.

    Raises:
        AssertionError: Another exception was raised, or the number of symbols was another one.
    """
    for damaged, wrong_count in _damaged(payload, count):
        try:
            symbols = model.decode(damaged, wrong_count)
        except LmcodecError:
            continue
        except Exception as error:
            raise AssertionError(
                f"decode of a damaged payload raised {error!r}: {where}"
            ) from error
        _check(len(symbols) == wrong_count, f"decode gives as many symbols as asked: {where}")


def default_samples(width: int) -> Iterator[Symbols]:
    """Yield symbols of a width that every model must code: none, one, runs, noise, text."""
    rng = random.Random(0)
    for raw in (
        b"",
        b"\0" * width,
        b"\xff" * width,
        b"\xff" * 50 * width,
        bytes(range(256)) * width,
        rng.randbytes(100 * width),
        bytes(rng.choices(b"ab", k=300 * width)),
        b"the cat sat on the mat; the dog sat on the log. " * 5 * width,
    ):
        if width == 1:
            yield raw
        else:
            import numpy as np

            yield np.frombuffer(raw, f"<u{width}").astype(f"u{width}")


def _damaged(payload: bytes, count: int) -> Iterator[tuple[bytes, int]]:
    """Yield payloads and counts that do not belong together."""
    rng = random.Random(len(payload))
    for _ in range(8):
        yield payload[: rng.randrange(len(payload) + 1)], count
    for _ in range(8):
        if payload:
            flipped = bytearray(payload)
            flipped[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
            yield bytes(flipped), count
    yield payload + b"\0", count
    yield payload, count + 1
    yield payload, max(0, count - 1)
    yield payload, 2 * count + 100
    yield b"", count
    yield rng.randbytes(64), count


def _check_decodes(model: Model, payload: bytes, symbols: Symbols, where: str) -> None:
    decoded = model.decode(payload, len(symbols))
    _check(symbol_width(decoded) == model.width, f"decode gives symbols of its width: {where}")
    _check(bytes(decoded) == bytes(symbols), f"decode undoes encode: {where}")


def _check_frame(model: Model) -> None:
    """Check the model inside a stream of several blocks."""
    content = b"one block after the other, " * 30
    stream = lmcodec.compress(content, model=model, block_size=200)
    _check(lmcodec.decompress(stream) == content, "a stream of several blocks decodes")


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"contract of models is broken: {what}")
