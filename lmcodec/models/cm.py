"""Context mixing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.errors import ModelError
from lmcodec.models.base import MODELS, Model

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import Symbols

_LEVELS = (3, 9)
_OPEN, _TEXT, _BINARY, _BILEVEL = range(4)
_MAX_RECORD = 1024
_MAX_ROW = 4096


@MODELS.register(id="cm", version=1)
@dataclass(frozen=True)
class Cm(Model):
    """Mixes the predictions of many contexts, bit by bit: the model for content of any kind.

    Each byte is coded as eight binary decisions. Every context (the last bytes, words, the line or
    record above, ...) keeps bit histories that adaptive maps turn into probabilities; match models
    predict what followed the same bytes before; gated logistic mixers, whose weights learn from
    every bit, combine them; adaptive probability maps refine the result. All arithmetic is on
    integers. `memory_bytes` tells the memory, and `lmcodec bench` the speed, of a level.

    Source: M. Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression (2005)
    and Data Compression Explained (2013), 4.3; the design and its tables are our own.

    Args:
        level: 3 to 9, more contexts and memory with each.
        kind: 1 for text, 2 for binary content, 3 for a bilevel image, 0 to let `fit` look.
        record: Bytes between like fields of binary content or rows of an image, 1 to 1024; 1 where
            there are none.
        row: Bytes between like records, as the cells of a column of a sheet, 1 to 4096; 1 where
            there are none. Used from level 7 on.
    """

    level: int = 5
    kind: int = _TEXT
    record: int = 1
    row: int = 1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not _LEVELS[0] <= self.level <= _LEVELS[1]:
            raise ValueError(f"level of cm must be 3 to 9: got {self.level}")
        if not _OPEN <= self.kind <= _BILEVEL:
            raise ValueError(f"kind of cm must be 0 to 3: got {self.kind}")
        if not 1 <= self.record <= _MAX_RECORD:
            raise ValueError(f"record of cm must be 1 to {_MAX_RECORD}: got {self.record}")
        if not 1 <= self.row <= _MAX_ROW:
            raise ValueError(f"row of cm must be 1 to {_MAX_ROW}: got {self.row}")

    @classmethod
    def for_level(cls, level: int) -> Self:
        """Return the model of a level, its kind left open; levels below 3 are as 3."""
        return cls(max(level, _LEVELS[0]), _OPEN)

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with kind and lengths found in the symbols, if it is open."""
        if self.kind != _OPEN:
            return self
        kind, record, row = _core.cm_probe(_bytes(symbols), self.level)
        return replace(self, kind=kind, record=record, row=row)

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The kind is open, or the symbols are not bytes.
            LimitError: There are more than 2**30 symbols, or too little memory.
        """
        if self.kind == _OPEN:
            raise ModelError("kind of cm is open", hint="encode with the model that fit returns")
        return _core.cm_encode(_bytes(symbols), self.level, self.kind, self.record, self.row)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return _core.cm_decode(payload, count, self.level, self.kind, self.record, self.row)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of tables for `count` symbols."""
        kind = self.kind or _TEXT
        return _core.cm_memory_bytes(count, self.level, kind, self.record, self.row)


def _bytes(symbols: Symbols) -> bytes:
    if not isinstance(symbols, bytes):
        raise ModelError(f"cm codes bytes: got {type(symbols).__name__}")
    return symbols
