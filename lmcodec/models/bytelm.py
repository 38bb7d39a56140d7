"""A network over bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import FormatError, ModelError
from lmcodec.models.base import MODELS, Model
from lmcodec.network import SHIPPED, Network, by_digest, default
from lmcodec.packing import unpack_fields

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from lmcodec.models.base import Symbols


@MODELS.register(id="bytelm", version=1)
@dataclass(frozen=True)
class Bytelm(Model):
    """Predicts each byte by a network that was trained on text before it shipped.

    Gated recurrences over bytes and, at a lower rate, over words; all arithmetic is on integers.
    Two small adaptive maps learn how far to trust it in the text at hand. It knows language, code
    and markup before the first byte, but learns little of what is special to a file: `cm` at level
    9 mixes it with contexts of its own, and is smaller.

    Source: Z. Qin, S. Yang, Y. Zhong, Hierarchically Gated Recurrent Neural Network for Sequence
    Modeling (2023) for the recurrences; the network is our own.

    Args:
        network: The network, or None for that of the package.
    """

    weights: ClassVar[tuple[str, ...]] = ("network",)

    network: Network | None = field(default=None, metadata={"packed": False})

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes.
        """
        if not isinstance(symbols, bytes):
            raise ModelError(f"bytelm codes bytes: got {type(symbols).__name__}")
        return _core.bytelm_encode(symbols, self._network().core)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return _core.bytelm_decode(payload, count, self._network().core)

    def message_symbols(self) -> int:
        """Return how many bytes `encode_message` codes at most."""
        return _core.MESSAGE_SYMBOLS

    def encode_message(self, symbols: bytes) -> bytes:
        """Code a short message so that its payload tells where it ends.

        Raises:
            LimitError: There are too many bytes.
        """
        return _core.bytelm_encode_message(symbols, self._network().core)

    def decode_message(self, payload: bytes) -> bytes:
        """Undo `encode_message`."""
        return _core.bytelm_decode_message(payload, self._network().core)

    def to_windows(
        self, symbols: bytes, bits: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Code bytes in windows of `bits`; return the value and the number of bytes of each.

        Shapes:
            returns: uint32 [n] and uint16 [n]
        """
        return _core.bytelm_to_windows(symbols, bits, self._network().core)

    def of_windows(
        self, values: NDArray[np.uint32], counts: NDArray[np.uint16], bits: int
    ) -> bytes:
        """Undo `to_windows`.

        Raises:
            CorruptError: A window without symbols is no part of one.
        """
        return _core.bytelm_of_windows(values, counts, bits, self._network().core)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of the network and of the maps."""
        del count
        return _core.bytelm_memory_bytes() + self._network().memory_bytes

    def can_be_networked(self) -> bool:
        """Return true: it is nothing else."""
        return True

    def networked(self, network: Network | None = None) -> Self:
        """Return the model with another network, that of the package if None."""
        return replace(self, network=network)

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the network."""
        return (self._network().digest,)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, or no network is named.
            WeightsError: The network is not here.
        """
        unpack_fields(cls, params)
        if len(digests) != 1:
            raise FormatError(f"bytelm needs one network: {len(digests)} are named")
        if digests[0].hex() == next(iter(SHIPPED.values())):
            return cls()
        return cls(by_digest(digests[0]))

    def _network(self) -> Network:
        return self.network if self.network is not None else default()
