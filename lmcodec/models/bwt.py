"""Burrows-Wheeler transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.errors import ModelError
from lmcodec.models.base import MODELS, Model

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols


@MODELS.register(id="bwt", version=1)
@dataclass(frozen=True)
class Bwt(Model):
    """Sorts the block by what follows each byte, then mixes contexts on the runs: the fast tier.

    Bytes before like contexts come to stand side by side. Their runs are coded as lengths and as
    ranks of the symbols' next occurrences, or as symbols where ranks say little (tables of
    numbers), each binary decision under a mixture of adaptive contexts. Which of the two, and
    whether letters are sorted in an order of their own, the encoder finds and the payload says.
    Decoding takes five to six bytes of memory a byte; `docs/models/bwt.md` specifies the payload.

    Source: M. Burrows, D. Wheeler, A block-sorting lossless data compression algorithm (1994);
    the sort is I. Grebnov's libsais; the models of runs are our own.
    """

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes.
            LimitError: There are more than 2**30 symbols, or too little memory.
        """
        if not isinstance(symbols, bytes):
            raise ModelError(f"bwt codes bytes: got {type(symbols).__name__}")
        return _core.bwt_encode(symbols)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return _core.bwt_decode(payload, count)

    def memory_bytes(self, count: int) -> int:
        """Return the memory that decoding takes."""
        return _core.bwt_memory_bytes(count)
