"""Finds content that no model makes much smaller, such as archives, photographs and ciphertext.

Coding it with a strong model takes minutes to learn that. All arithmetic is on integers, so that
the decision, and with it the stream, is the same on every machine.
"""

from __future__ import annotations

from lmcodec import _core

# Shorter content is coded and seen to be so: that costs little.
MIN_BYTES = 1 << 20


def is_noise(content: bytes) -> bool:
    """Return whether content looks like noise everywhere, and like no other part of itself.

    Args:
        content: At least `MIN_BYTES` bytes.

    Complexity: linear, some nanoseconds a byte.
    """
    return _core.is_noise(content)
