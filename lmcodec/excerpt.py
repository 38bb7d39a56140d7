"""Chooses from samples the text that is most like all of them."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# What samples have in common is counted by so many bytes in a row, as 20 bits of a hash.
_GRAM_BYTES, _GRAM_BITS = 6, 20
_MULTIPLIER = 0x9E3779B97F4A7C15
# What is chosen once counts so much less the next time: it is known, but not yet well.
_KNOWN = 0.25
# A sample is a little longer than its bytes: many short ones are no better than few long ones.
_OVERHEAD_BYTES = 8
# Of the samples as much is looked at as gives a choice.
_LOOKED_AT = 16
# Long texts are taken in parts, so that several have a share: at most so many bytes.
_PART_BYTES = 1 << 10


def choose(samples: list[bytes], size: int) -> bytes:
    """Return a text of whole samples that has what most of them have in common.

    All samples, in their order, where there is room for them. Else each next sample is the one that
    has most, for its length, of what occurs in many samples and is not yet in the text. They stand
    in the text from the last chosen to the first, since what is nearest to its end counts most. A
    sample that does not end a line is made to, where there is room. Of a long sample parts are
    taken.

    Args:
        samples: The samples.
        size: Bytes of the text at most.

    Complexity: Time and memory linear in the smaller of the samples' bytes and 16 times `size`.
    """
    lines = [sample if sample.endswith(b"\n") else sample + b"\n" for sample in samples if sample]
    for whole in (lines, samples):
        if sum(map(len, whole)) <= size:
            return b"".join(whole)
    parts = _spread([part for line in lines for part in _parts(line)], _LOOKED_AT * size)
    grams = [_grams(part) for part in parts]
    counts = np.zeros(1 << _GRAM_BITS)
    for found in grams:
        counts[found] += 1
    # What is in one sample only is worth nothing to others.
    worth = np.sqrt(np.maximum(counts - 1, 0))

    def rate(at: int) -> float:
        return -float(worth[grams[at]].sum()) / (len(parts[at]) + _OVERHEAD_BYTES)

    # Rates only fall, so that a rate in the heap is the best that its part may have.
    heap = [(rate(at), at) for at in range(len(parts))]
    heapq.heapify(heap)
    chosen: list[bytes] = []
    room = size
    while heap:
        _, at = heapq.heappop(heap)
        if len(parts[at]) > room:
            continue
        now = rate(at)
        if heap and now > heap[0][0]:
            heapq.heappush(heap, (now, at))
            continue
        chosen.append(parts[at])
        room -= len(parts[at])
        worth[grams[at]] *= _KNOWN
    return b"".join(reversed(chosen))


def chooser_bytes(count: int, size: int) -> int:
    """Return about how much memory `choose` needs for so many bytes of samples."""
    # Numbers of 8 bytes, and copies of the parts.
    return (8 << _GRAM_BITS) + 12 * min(count, _LOOKED_AT * size) + count


def _parts(sample: bytes) -> Iterator[bytes]:
    """Yield a sample, or its lines together as far as they fit a part."""
    begin = 0
    while begin < len(sample):
        end = min(begin + _PART_BYTES, len(sample))
        if end < len(sample):
            # A line that is longer than a part is cut.
            end = sample.rfind(b"\n", begin, end) + 1 or end
        yield sample[begin:end]
        begin = end


def _spread(parts: list[bytes], size: int) -> list[bytes]:
    """Return about so many bytes of parts from everywhere."""
    total = sum(map(len, parts))
    kept: list[bytes] = []
    due = 0
    for part in parts:
        due += len(part) * size
        if due >= len(part) * total:
            kept.append(part)
            due -= len(part) * total
    return kept


def _grams(part: bytes) -> NDArray[np.int64]:
    """Return the numbers of what is in a part: int64 [n], each once."""
    count = len(part) - _GRAM_BYTES + 1
    if count <= 0:
        return np.zeros(0, np.int64)
    values = np.frombuffer(part, np.uint8).astype(np.uint64)
    hashed = np.zeros(count, np.uint64)
    for at in range(_GRAM_BYTES):
        hashed = hashed * np.uint64(_MULTIPLIER) + values[at : at + count] + np.uint64(1)
    return np.unique(hashed >> np.uint64(64 - _GRAM_BITS)).astype(np.int64)
