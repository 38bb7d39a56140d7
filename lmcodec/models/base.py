"""What every model is, and the two ways to write one in Python.

A model codes one stream of one block. It is an immutable dataclass: its fields are the parameters
that the stream records, and `MODELS` finds its class again by id and version. State lives inside
one call of `encode` or `decode`, so that blocks are independent of each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from lmcodec.errors import WeightsError
from lmcodec.packing import pack_fields, unpack_fields
from lmcodec.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    # Symbols of one byte are bytes; wider ones are arrays of uint16 or uint32.
    Symbols: TypeAlias = bytes | NDArray[Any]

State = TypeVar("State")


class Model(ABC):
    """Codes the symbols of one stream.

    Subclasses are frozen dataclasses with fields of type `int`, `bool`, `bytes` or `str`, and are
    registered by ``@MODELS.register(id=..., version=...)``.
    """

    id: ClassVar[str]
    version: ClassVar[int]
    # False: the same bytes on every machine. True: decodes only where it was encoded.
    host_bound: ClassVar[bool] = False
    # Bytes of a symbol: 1, 2 or 4.
    width: ClassVar[int] = 1

    @classmethod
    def for_level(cls, level: int) -> Self:
        """Return the model with the parameters that suit a level from 1 to 9."""
        del level
        return cls()

    @abstractmethod
    def encode(self, symbols: Symbols) -> bytes:
        """Code symbols.

        Args:
            symbols: All symbols of the stream.

        Returns:
            The payload: the same bytes for the same symbols, always.

        Raises:
            ModelError: A symbol is outside the model's alphabet.
        """

    @abstractmethod
    def decode(self, payload: bytes, count: int) -> Symbols:
        """Undo `encode`.

        Args:
            payload: What `encode` returned, or anything at all.
            count: How many symbols were coded. It is not to be trusted: memory may grow with the
                symbols that were decoded, not with this number.

        Returns:
            The symbols.

        Raises:
            FormatError: The payload is not one that `encode` returns for `count` symbols.
        """

    def memory_bytes(self, count: int) -> int:
        """Return about how much memory coding `count` symbols needs, besides the symbols."""
        del count
        return 0

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 digests of the weights, and the tokenizer, that decoding needs."""
        return ()

    def params(self) -> bytes:
        """Return the fields as bytes for the model record."""
        return pack_fields(self)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Args:
            params: What `params` returned when the stream was written.
            digests: What `digests` returned then.

        Returns:
            The model.

        Raises:
            FormatError: The parameters do not fit.
            WeightsError: The weights here are not those with which the stream was written.
        """
        model = unpack_fields(cls, params)
        if model.digests() != digests:
            needed = " ".join(digest.hex() for digest in digests) or "none"
            here = " ".join(digest.hex() for digest in model.digests()) or "none"
            raise WeightsError(
                f"weights of model {cls.id} differ: {needed} are needed, {here} are here"
            )
        return model


MODELS: Registry[Model] = Registry("model", "lmcodec.models")


@dataclass(frozen=True, eq=False)
class Step:
    """The distributions of the next k symbols, given all symbols received so far.

    Shapes:
        positions: integers [k], each position of the stream in exactly one step
        pmf: nonnegative [k, alphabet], rows need not sum to one; entries may be reused after the
            step, since they are copied
    """

    positions: NDArray[Any]
    pmf: NDArray[Any]


Steps: TypeAlias = Generator[Step, "NDArray[np.int64]", None]


class SequentialModel(Model, Generic[State]):
    """A model written once for both directions: yields distributions, receives symbols."""

    @abstractmethod
    def start(self) -> State:
        """Return the state before the first symbol."""

    @abstractmethod
    def steps(self, state: State, count: int) -> Steps:
        """Yield steps that cover positions 0 to `count` - 1; each yield returns its symbols.

        Args:
            state: What `start` returned; free to be changed.
            count: Number of symbols in the stream.
        """

    def encode(self, symbols: Symbols) -> bytes:
        """Code symbols by running `steps` forward and the coder backward."""
        from lmcodec.models import _sequential

        return _sequential.encode(self, symbols)

    def decode(self, payload: bytes, count: int) -> Symbols:
        """Undo `encode` by running `steps` on the decoded symbols."""
        from lmcodec.models import _sequential

        return _sequential.decode(self, payload, count)
