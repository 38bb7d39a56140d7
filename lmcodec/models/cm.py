"""Context mixing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import FormatError, ModelError
from lmcodec.models.base import MODELS, Model
from lmcodec.network import Network
from lmcodec.network import by_digest as network_by_digest
from lmcodec.network import default as default_network
from lmcodec.packing import unpack_fields
from lmcodec.prior import Prior, by_digest

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import Symbols

_LEVELS = (3, 9)
_OPEN, _TEXT, _BINARY, _BILEVEL = range(4)
_MAX_RECORD = 1024
_MAX_ROW = 4096
_MAX_LANES = 8
# Two lanes let two cores code text with a network. They cost up to a percent, of short texts more.
_LANES = 2
_LANES_FROM = 1 << 20


@MODELS.register(id="cm", version=2)
@dataclass(frozen=True)
class Cm(Model):
    """Mixes the predictions of many contexts, bit by bit: the model for content of any kind.

    Each byte is coded as eight binary decisions. Every context (the last bytes, words, the line or
    record above, ...) keeps bit histories that adaptive maps turn into probabilities; match models
    predict what followed the same bytes before; gated logistic mixers, whose weights learn from
    every bit, combine them; adaptive probability maps refine the result. All arithmetic is on
    integers. `memory_bytes` tells the memory, and `lmcodec bench` the speed, of a level.

    Contexts of text that are new start from a prior, where there is one, as if what it knows had
    been seen. If the prior has a text, that is coded first, and thrown away.

    Source: M. Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression (2005)
    and Data Compression Explained (2013), 4.3; the design and its tables are our own.

    Args:
        level: 3 to 9, more contexts and memory with each.
        kind: 1 for text, 2 for binary content, 3 for a bilevel image, 0 to let `fit` look.
        record: Bytes between like fields of binary content or rows of an image, 1 to 1024; 1 where
            there are none.
        row: Bytes between like records, as the cells of a column of a sheet, 1 to 4096; 1 where
            there are none. Used from level 7 on.
        lanes: Pieces of text that are coded side by side, 1 to 8: with more than one, a second
            thread can run the network. More than one only for text at level 9.
        prior: What new contexts of text start from, or None.
        network: A network that predicts text beside the contexts, at level 9 and only with a
            prior, or None.
    """

    # The level at which a network can predict, too.
    NETWORK_LEVEL: ClassVar[int] = 9
    weights: ClassVar[tuple[str, ...]] = ("prior", "network")

    level: int = 5
    kind: int = _TEXT
    record: int = 1
    row: int = 1
    lanes: int = 1
    prior: Prior | None = field(default=None, metadata={"packed": False})
    network: Network | None = field(default=None, metadata={"packed": False})

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
        if self.network is not None and (self.level != self.NETWORK_LEVEL or self.prior is None):
            raise ValueError(f"network of cm needs level {self.NETWORK_LEVEL} and a prior")
        if not 1 <= self.lanes <= _MAX_LANES:
            raise ValueError(f"lanes of cm must be 1 to {_MAX_LANES}: got {self.lanes}")
        laned = self.level == self.NETWORK_LEVEL and self.kind in (_OPEN, _TEXT)
        if self.lanes > 1 and not laned:
            raise ValueError(f"lanes of cm need text at level {self.NETWORK_LEVEL}")

    @classmethod
    def for_level(cls, level: int) -> Self:
        """Return the model of a level, its kind left open; levels below 3 are as 3."""
        return cls(max(level, _LEVELS[0]), _OPEN)

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with kind and lengths found in the symbols, if it is open.

        Prior and network stay only where the symbols are text.
        """
        if self.kind != _OPEN:
            return self
        kind, record, row = _core.cm_probe(_bytes(symbols), self.level)
        prior = self.prior if kind == _TEXT else None
        network, lanes = (self.network, self.lanes) if kind == _TEXT else (None, 1)
        return replace(
            self, kind=kind, record=record, row=row, lanes=lanes, prior=prior, network=network
        )

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The kind is open, or the symbols are not bytes.
            LimitError: There are more than 2**30 symbols, or too little memory.
        """
        if self.kind == _OPEN:
            raise ModelError("kind of cm is open", hint="encode with the model that fit returns")
        return _core.cm_encode(_bytes(symbols), *self._parameters())

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return _core.cm_decode(payload, count, *self._parameters())

    def memory_bytes(self, count: int) -> int:
        """Return the memory of tables for `count` symbols, and of the prior."""
        kind = self.kind or _TEXT
        text = self.prior.text_bytes if self.prior is not None else None
        sizes = (self.level, kind, self.record, self.row, self.lanes)
        tables = _core.cm_memory_bytes(count, *sizes, text)
        known = (self.prior, self.network)
        return tables + sum(part.memory_bytes for part in known if part is not None)

    def can_be_primed(self) -> bool:
        """Return whether the model is one of text."""
        return self.kind == _TEXT

    def primed(self, prior: Prior) -> Self:
        """Return the model of text that starts from a prior; other kinds know none."""
        return replace(self, prior=prior) if self.can_be_primed() else self

    def can_be_networked(self) -> bool:
        """Return whether the level is one with a network, and the symbols may be text."""
        return self.level == self.NETWORK_LEVEL and self.kind in (_OPEN, _TEXT)

    def networked(self, network: Network | None = None, *, count: int = 0) -> Self | None:
        """Return the model with a network, that of the package if None, where that may help."""
        if self.level != self.NETWORK_LEVEL or self.kind != _TEXT or self.prior is None:
            return None
        lanes = _LANES if count >= _LANES_FROM else 1
        return replace(self, network=network or default_network(), lanes=lanes)

    def quick(self) -> Self:
        """Return the model of the lowest level."""
        return replace(self, level=_LEVELS[0], network=None, lanes=1)

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the prior and that of the network, as far as they are there."""
        known = (self.prior, self.network)
        return tuple(part.digest for part in known if part is not None)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit.
            WeightsError: The prior or the network is not here.
        """
        model = unpack_fields(cls, params)
        if model.kind == _OPEN:
            raise FormatError("parameters of cm are refused: kind is open")
        if len(digests) not in (1, 2):
            return super().from_record(params, digests)
        if model.kind != _TEXT:
            raise FormatError("parameters of cm are refused: only text starts from a prior")
        if len(digests) == 1:
            return replace(model, prior=by_digest(digests[0]))
        if model.level != cls.NETWORK_LEVEL:
            raise FormatError("parameters of cm are refused: no network at this level")
        prior, network = by_digest(digests[0]), network_by_digest(digests[1])
        return replace(model, prior=prior, network=network)

    def _parameters(
        self,
    ) -> tuple[int, int, int, int, int, _core.Prior | None, _core.Network | None]:
        table = self.prior.table if self.prior is not None else None
        network = self.network.core if self.network is not None else None
        return self.level, self.kind, self.record, self.row, self.lanes, table, network


@MODELS.register(id="cm", version=1)
@dataclass(frozen=True)
class CmWithoutPrior(Cm):
    """The first version: as the second without a prior."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range, or there is a prior or more lanes.
        """
        super().__post_init__()
        if self.prior is not None:
            raise ValueError("version 1 of cm has no prior")
        if self.lanes > 1:
            raise ValueError("version 1 of cm has one lane")

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, or there is a prior.
        """
        if digests:
            raise FormatError("version 1 of cm has no prior")
        return super().from_record(params, digests)


def _bytes(symbols: Symbols) -> bytes:
    if not isinstance(symbols, bytes):
        raise ModelError(f"cm codes bytes: got {type(symbols).__name__}")
    return symbols
