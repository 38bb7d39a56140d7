"""Finds content that no model makes much smaller, such as archives, photographs and ciphertext.

Coding it with a strong model takes minutes to learn that. All arithmetic is on integers, so that
the decision, and with it the stream, is the same on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Shorter content is coded and seen to be so: that costs little.
MIN_BYTES = 1 << 20

_CHUNK_BYTES = 1 << 12
_SLAB_CHUNKS = 256
# Sum of the squared counts of the byte values in a chunk. Bytes drawn evenly give
# n + n (n - 1) / 256 = 69,600 on average; photographs and archives up to 80,000; text a million.
_FLAT_SQUARES = 90_000
# One chunk in so many may be another kind of content.
_FLAT_CHUNKS = 200
# One place in so many is remembered, and one remembered place in so many may come again.
_PLACES = 256
_REPEATS = 200


def is_noise(content: bytes) -> bool:
    """Return whether content looks like noise everywhere, and like no other part of itself.

    Args:
        content: At least `MIN_BYTES` bytes.

    Complexity: linear, some nanoseconds a byte.
    """
    import numpy as np

    array = np.frombuffer(content, np.uint8)
    return _is_flat(array) and not _repeats(array)


def _is_flat(array: NDArray[np.uint8]) -> bool:
    """Return whether in nearly every chunk all byte values are about as frequent as each other."""
    import numpy as np

    chunks = len(array) // _CHUNK_BYTES
    uneven = 0
    for first in range(0, chunks, _SLAB_CHUNKS):
        count = min(_SLAB_CHUNKS, chunks - first)
        slab = array[first * _CHUNK_BYTES : (first + count) * _CHUNK_BYTES]
        keys = slab.reshape(count, _CHUNK_BYTES) + 256 * np.arange(count)[:, None]
        counts = np.bincount(keys.ravel(), minlength=256 * count).reshape(count, 256)
        uneven += int(((counts * counts).sum(axis=1) > _FLAT_SQUARES).sum())
        if uneven * _FLAT_CHUNKS > chunks:
            return False
    return True


def _repeats(array: NDArray[np.uint8]) -> bool:
    """Return whether longer parts come again, wherever they begin."""
    import numpy as np

    places = []
    for shift in range(8):
        words = array[shift : shift + (len(array) - shift) // 8 * 8].view("<u8")
        # What is remembered depends on the bytes, not on the place, so that a repeat is found at
        # any distance. The factor is 2**64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
        hashed = words * np.uint64(0x9E3779B97F4A7C15)
        places.append(words[hashed >> np.uint64(64 - _PLACES.bit_length() + 1) == 0])
    found = np.concatenate(places)
    # Of few different words perhaps none is remembered.
    if len(found) * 2 * _PLACES < len(array):
        return True
    return (len(found) - len(np.unique(found))) * _REPEATS > len(found)
