"""Frequencies of the bytes, and nothing else, at memory speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec import coder
from lmcodec.errors import ModelError
from lmcodec.models.base import MODELS, Model

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols


@MODELS.register(id="freqs", version=1)
@dataclass(frozen=True)
class Freqs(Model):
    """Codes bytes by how often each occurs, in blocks where that changes, with a table for each.

    For streams whose order says nothing more: what a transform has left over, noise that is not
    uniform. Code and table are those of `lmcodec.coder.encode_bytes`, of which docs/coders.md is
    the specification. Coding needs a few kilobytes and takes about a nanosecond a byte.
    """

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes.
        """
        if not isinstance(symbols, bytes):
            raise ModelError(f"freqs codes bytes: got {type(symbols).__name__}")
        return coder.encode_bytes(symbols)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return coder.decode_bytes(payload, count)
