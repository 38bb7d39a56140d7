"""Context mixing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import FormatError, ModelError
from lmcodec.models.base import MODELS, Model, Shape
from lmcodec.network import Network
from lmcodec.network import by_digest as network_by_digest
from lmcodec.network import default as default_network
from lmcodec.packing import unpack_fields
from lmcodec.prior import Prior, by_digest

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import AnyShape, Symbols

_LEVELS = (3, 9)
_OPEN, _TEXT, _BINARY, _BILEVEL, _GREY, _COLOUR = range(6)
# By the symbols of a pixel.
_PIXELS = {1: _GREY, 3: _COLOUR}
_MAX_RECORD = 1024
_MAX_ROW = 4096
_MAX_PIXELS = 1 << 20
_MAX_LANES = 8


@MODELS.register(id="cm", version=3)
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
        kind: 1 for text, 2 for binary content, 3 for a bilevel image, 4 for pixels of one byte, 5
            for pixels of three, both at level 9 only; 0 to let `fit` look.
        record: Bytes between like fields of binary content or rows of an image, 1 to 1024; 1 where
            there are none. Of pixels the bytes of a row, up to 2**20.
        row: Bytes between like records, as the cells of a column of a sheet, 1 to 4096; 1 where
            there are none. Used from level 7 on. Of pixels the rows of a picture, up to 2**20.
        lanes: Pieces of text that are coded side by side, 1 to 8. Two of them, up to a percent
            larger, are decoded faster by two threads, and encoded slower. More than one only for
            text at level 9.
        prior: What new contexts of text start from, or pictures of the same size that are coded
            first, or None.
        network: A network that predicts text beside the contexts, at level 9 and only with a
            prior, or None.
    """

    # The level at which a network can predict, too.
    NETWORK_LEVEL: ClassVar[int] = 9
    # Tables of short streams have room for all that is seen, at levels below 9.
    roomy: ClassVar[bool] = True
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
        if not _OPEN <= self.kind <= _COLOUR:
            raise ValueError(f"kind of cm must be 0 to {_COLOUR}: got {self.kind}")
        pixels = self.kind in _PIXELS.values()
        if pixels and self.level != _LEVELS[1]:
            raise ValueError(f"level of cm must be {_LEVELS[1]} for pixels: got {self.level}")
        most_record, most_row = (_MAX_PIXELS,) * 2 if pixels else (_MAX_RECORD, _MAX_ROW)
        if not 1 <= self.record <= most_record:
            raise ValueError(f"record of cm must be 1 to {most_record}: got {self.record}")
        if not 1 <= self.row <= most_row:
            raise ValueError(f"row of cm must be 1 to {most_row}: got {self.row}")
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

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model for pictures of a shape, or rows of an array, if the kind is open."""
        if not isinstance(shape, Shape):
            return self
        kind = _PIXELS.get(shape.channels)
        # The rows of an array go on as those of one picture.
        rows = shape.rows if shape.rows > 1 else _MAX_PIXELS
        if kind is None or max(shape.row, rows) > _MAX_PIXELS or shape.sample == 1:
            return self
        if self.kind != _OPEN or self.level != _LEVELS[1]:
            return self
        model = replace(
            self, kind=kind, record=shape.row, row=rows, lanes=1, prior=None, network=None
        )
        return model.primed(self.prior) if self.prior is not None else model

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with kind and lengths found in the symbols, if it is open.

        Prior and network stay only where the symbols are text.
        """
        if self.kind != _OPEN:
            return self
        kind, record, row = _core.cm_probe(_bytes(symbols), self.level)
        prior = self.prior if kind == _TEXT and not _has_pictures(self.prior) else None
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
        return _core.cm_encode(_bytes(symbols), self._fields(), *self._known())

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return _core.cm_decode(payload, count, self._fields(), *self._known())

    def message_symbols(self) -> int:
        """Return how many bytes `encode_message` codes at most: none in lanes, no pixels."""
        one_lane = self.kind in (_TEXT, _BINARY, _BILEVEL) and self.lanes == 1
        return _core.MESSAGE_SYMBOLS if one_lane else 0

    def encode_message(self, symbols: bytes) -> bytes:
        """Code a short message so that its payload tells where it ends.

        Raises:
            LimitError: There are too many bytes.
            ModelError: The model has several lanes, or is for pixels, or its kind is open.
        """
        if not self.message_symbols():
            return super().encode_message(symbols)
        return _core.cm_encode_message(symbols, self._fields(), *self._known())

    def decode_message(self, payload: bytes) -> bytes:
        """Undo `encode_message`."""
        if not self.message_symbols():
            return super().decode_message(payload)
        return _core.cm_decode_message(payload, self._fields(), *self._known())

    def memory_bytes(self, count: int) -> int:
        """Return the memory of tables for `count` symbols, and of the prior."""
        text = self.prior.text_bytes if self.prior is not None else None
        some = replace(self, kind=self.kind or _TEXT)
        tables = _core.cm_memory_bytes(count, some._fields(), text)
        known = (self.prior, self.network)
        return tables + sum(part.memory_bytes for part in known if part is not None)

    def is_of_pixels(self) -> bool:
        """Return whether the kind is one of pixels."""
        return self.kind in _PIXELS.values()

    def can_be_primed(self) -> bool:
        """Return whether the model is one of text or of pixels."""
        return self.kind == _TEXT or self.kind in _PIXELS.values()

    def primed(self, prior: Prior) -> Self:
        """Return the model of text, or of pixels, that starts from a prior of the like.

        Other kinds know none, and pictures are of use for those of their own size only.
        """
        if self.kind == _TEXT:
            return self if _has_pictures(prior) else replace(self, prior=prior)
        return replace(self, prior=prior) if self._knows(prior) else self

    def _knows(self, prior: Prior) -> bool:
        axes = prior.table.axes
        if axes is None or self.kind not in _PIXELS.values():
            return False
        _, rows, columns, *channels = axes
        kind = _PIXELS.get(channels[0] if channels else 1)
        row = columns * (channels[0] if channels else 1)
        return (self.kind, self.record, self.row) == (kind, row, rows)

    def can_be_networked(self) -> bool:
        """Return whether the level is one with a network, and the symbols may be text."""
        return self.level == self.NETWORK_LEVEL and self.kind in (_OPEN, _TEXT)

    def networked(self, network: Network | None = None) -> Self | None:
        """Return the model with a network, that of the package if None, where that may help."""
        if self.level != self.NETWORK_LEVEL or self.kind != _TEXT or self.prior is None:
            return None
        return replace(self, network=network or default_network())

    def quick(self) -> Self:
        """Return the model of the lowest level that has the kind, without what it learnt.

        That is gained once, at the start, and tells nothing of the rest.
        """
        if self.kind in _PIXELS.values():
            return self
        prior = self.prior
        if prior is not None and prior.has_only_starts:
            prior = prior.base
        return replace(self, level=_LEVELS[0], prior=prior, network=None, lanes=1)

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
        if not model.can_be_primed():
            raise FormatError(
                "parameters of cm are refused: only text and pixels start from a prior"
            )
        if len(digests) == 1:
            primed = model.primed(by_digest(digests[0]))
            if primed.prior is None:
                raise FormatError("parameters of cm are refused: the prior is of other content")
            return primed
        if model.level != cls.NETWORK_LEVEL or model.kind != _TEXT:
            raise FormatError("parameters of cm are refused: no network at this level")
        prior, network = by_digest(digests[0]), network_by_digest(digests[1])
        return replace(model, prior=prior, network=network)

    def _fields(self) -> tuple[int, int, int, int, int, bool]:
        return self.level, self.kind, self.record, self.row, self.lanes, self.roomy

    def _known(self) -> tuple[_core.Prior | None, _core.Network | None]:
        table = self.prior.table if self.prior is not None else None
        network = self.network.core if self.network is not None else None
        return table, network


@MODELS.register(id="cm", version=2)
@dataclass(frozen=True)
class CmWithSmallTables(Cm):
    """The second version, frozen: as the third, with smaller tables for short streams."""

    roomy: ClassVar[bool] = False


@MODELS.register(id="cm", version=1)
@dataclass(frozen=True)
class CmWithoutPrior(CmWithSmallTables):
    """The first version, frozen: as the second without a prior."""

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


def _has_pictures(prior: Prior | None) -> bool:
    return prior is not None and prior.table.axes is not None


def _bytes(symbols: Symbols) -> bytes:
    if not isinstance(symbols, bytes):
        raise ModelError(f"cm codes bytes: got {type(symbols).__name__}")
    return symbols
