"""Samples in groups, and apart what a network does not know: the payload of `ardm`.

docs/models/circuit.md has its parts; `samples.rs` of the core is the same for groups that are coded
there. What codes a group is left to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcodec import coder
from lmcodec.errors import CorruptError, TruncatedError
from lmcodec.packing import Cursor, pack_varint

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    # The bytes of a group, how many samples it has, how many symbols were decoded before.
    Decoder = Callable[[memoryview, int, int], Bytes]

_WHAT = "samples of ardm"


@dataclass(frozen=True)
class Groups:
    """Splits symbols.

    Args:
        symbols: The byte of each symbol.
        size: Symbols of a sample.
        group: Samples that are coded together.
    """

    symbols: bytes
    size: int
    group: int

    def encode(self, data: bytes, code: Callable[[Bytes, int], bytes]) -> bytes:
        """Code bytes.

        Args:
            data: All of them.
            code: Codes the numbers of symbols of a group [samples, size], before which so many
                symbols were.
        """
        whole = len(data) // self.size * self.size
        samples = np.frombuffer(data, np.uint8, whole).reshape(-1, self.size)
        table = np.full(256, -1, np.int16)
        table[np.frombuffer(self.symbols, np.uint8)] = np.arange(len(self.symbols))
        is_strange = (table[samples] < 0).any(1)
        strangers = np.nonzero(is_strange)[0]
        gaps = np.diff(strangers, prepend=-1) - 1
        apart = coder.encode_bytes(samples[is_strange].tobytes() + data[whole:])
        numbers = table[samples[~is_strange]].astype(np.uint8)
        coded = [
            code(numbers[first : first + self.group], first * self.size)
            for first in range(0, len(numbers), self.group)
        ]
        heads = (len(gaps), *gaps.tolist(), len(apart))
        lengths = (len(group) for group in coded)
        head = b"".join(map(pack_varint, heads)) + apart
        return b"".join([head, *map(pack_varint, lengths), *coded])

    def decode(self, payload: bytes, count: int, code: Decoder) -> bytes:
        """Undo `encode`.

        Args:
            payload: What it returned.
            count: How many bytes were coded.
            code: Decodes the numbers of symbols of a group [samples, size].

        Raises:
            FormatError: The payload is no such one; and what `code` raises.
        """
        index = _Index.read(payload, count, self)
        return self._some(index, 0, count // self.size, code) + index.rest

    def decode_samples(
        self,
        payload: bytes,
        count: int,
        first: int,
        last: int,
        code: Decoder,
    ) -> bytes:
        """Return some samples; only the groups that hold them are decoded.

        Raises:
            FormatError: The payload is no such one; and what `code` raises.
            ValueError: There are no such samples.
        """
        if not 0 <= first <= last <= count // self.size:
            raise ValueError(f"there are {count // self.size} samples: not {first} to {last}")
        return self._some(_Index.read(payload, count, self), first, last, code)

    def _some(self, index: _Index, first: int, last: int, code: Decoder) -> bytes:
        # Where the samples stand among strangers, and among the others.
        low, high = np.searchsorted(index.strangers, [first, last]).tolist()
        begin, end = first - low, last - high
        start = begin // self.group
        groups = index.groups[start : -(-end // self.group)] if end > begin else []
        each = self.group * self.size
        known = [code(*group, number * each) for number, group in enumerate(groups)]
        found = np.empty((last - first, self.size), np.uint8)
        is_strange = np.zeros(last - first, bool)
        is_strange[index.strangers[low:high] - first] = True
        found[is_strange] = index.strange[low:high]
        if known:
            skipped = begin - start * self.group
            numbers = np.concatenate(known)[skipped : skipped + end - begin]
            found[~is_strange] = np.frombuffer(self.symbols, np.uint8)[numbers]
        return found.tobytes()


@dataclass(frozen=True)
class _Index:
    """What stands before the groups.

    Args:
        strangers: Numbers of the samples that the network does not know [strangers].
        strange: Their bytes [strangers, size].
        rest: Those behind the last whole sample.
        groups: The bytes of each group, and how many samples it has.
    """

    strangers: NDArray[np.int64]
    strange: Bytes
    rest: bytes
    groups: list[tuple[memoryview, int]]

    @classmethod
    def read(cls, payload: bytes, count: int, split: Groups) -> _Index:
        samples, tail = divmod(count, split.size)
        cursor = Cursor(payload)
        many = cursor.varint(_WHAT)
        # Each takes a byte at least.
        if many > min(samples, cursor.remaining):
            raise CorruptError(f"{many} of {samples} samples are outside of the alphabet")
        strangers, following = [], 0
        for _ in range(many):
            following += cursor.varint(_WHAT)
            if following >= samples:
                raise CorruptError(f"sample outside of the alphabet is not there: {following}")
            strangers.append(following)
            following += 1
        apart = bytes(cursor.take(cursor.varint(_WHAT), _WHAT))
        apart = coder.decode_bytes(apart, many * split.size + tail)
        known = samples - many
        if -(-known // split.group) > cursor.remaining:
            raise TruncatedError(f"{_WHAT} end early")
        sizes = [min(split.group, known - first) for first in range(0, known, split.group)]
        lengths = [cursor.varint(_WHAT) for _ in sizes]
        groups = [
            (cursor.take(length, _WHAT), size) for length, size in zip(lengths, sizes, strict=True)
        ]
        cursor.end(_WHAT)
        strange = np.frombuffer(apart, np.uint8, many * split.size).reshape(many, split.size)
        rest = apart[many * split.size :]
        return cls(np.array(strangers, np.int64), strange, rest, groups)
