"""Finds text that is in two collections: every 60 bytes of one against samples of the other."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LENGTH = 60
# Odd, so that it has an inverse.
_BASE = 0x9E37_79B9_7F4A_7C15
# Text is hashed in pieces of this many bytes.
_PIECE = 1 << 23
_FIRST_BITS = 27
_FIRST_SHIFT = np.uint64(64 - _FIRST_BITS)


@functools.cache
def _powers(base: int, count: int) -> NDArray[np.uint64]:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _hashes(data: bytes) -> NDArray[np.uint64]:
    """Return the hash of the `LENGTH` bytes at every place, a polynomial modulo 2**64.

    With the inverse of the base, the sums of all windows come from one running sum.
    """
    count = len(data)
    if count < LENGTH:
        return np.zeros(0, np.uint64)
    longest = max(count, _PIECE + LENGTH)
    values = np.frombuffer(data, np.uint8).astype(np.uint64) + np.uint64(1)
    values *= _powers(pow(_BASE, -1, 1 << 64), longest)[:count]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    windows = sums[LENGTH:] - sums[:-LENGTH]
    hashes: NDArray[np.uint64] = windows * _powers(_BASE, longest)[: len(windows)]
    return hashes


class Shingles:
    """The 60 bytes at every 60th place of some texts, as hashes.

    Any 119 bytes that a text has in common with one of them hold one of these.

    Args:
        texts: The texts.
    """

    def __init__(self, texts: Iterable[bytes]) -> None:
        parts = [
            _hashes(text[start : start + _PIECE - _PIECE % LENGTH + LENGTH - 1])[::LENGTH]
            for text in texts
            for start in range(0, len(text), _PIECE - _PIECE % LENGTH)
        ]
        self.hashes = np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]))
        # Most hashes of other texts are told apart by their first bits, which is far quicker.
        self._first = np.zeros(1 << _FIRST_BITS, bool)
        self._first[self.hashes >> _FIRST_SHIFT] = True

    def places(self, text: bytes) -> NDArray[np.int64]:
        """Return the places in a text where 60 bytes begin that are among these.

        Args:
            text: The text.

        Returns:
            Offsets, ``[n]``, rising.
        """
        found = [np.zeros(0, np.int64)]
        for start in range(0, len(text), _PIECE):
            hashes = _hashes(text[start : start + _PIECE + LENGTH - 1])
            likely = np.flatnonzero(self._first[hashes >> _FIRST_SHIFT])
            if len(likely):
                hashes = hashes[likely]
                at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
                found.append(likely[self.hashes[at] == hashes] + start)
        return np.concatenate(found)
