"""Checks that the parts of a frame fit together, as they are read in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lmcodec.container import End, FrameHeader, IndexEntry, Part, next_part
from lmcodec.embedded import Embeddable, unpack
from lmcodec.errors import CorruptError, FormatError
from lmcodec.header import MAX_COPIES, BlockHeader, WeightsRecord

if TYPE_CHECKING:
    import hashlib

    from typing_extensions import Buffer

    from lmcodec.packing import Cursor


@dataclass(frozen=True)
class WeightsPart:
    """A copy of weights as it was read, with what preceded it."""

    record: WeightsRecord
    copy: Buffer


@dataclass(frozen=True)
class BlockPart:
    """A block as it was read: its header, its payloads, and where it began in the frame.

    A copy of weights before it counts as its own.
    """

    header: BlockHeader
    payloads: Buffer
    offset: int
    coded_size: int

    @property
    def entry(self) -> IndexEntry:
        """What the index says of the block."""
        header = self.header
        return IndexEntry(self.offset, self.coded_size, header.start, header.raw_size, header.crc)


class FrameChecker:
    """Checks that the parts of one frame fit together, as they are read in order.

    Args:
        header: The frame header.
    """

    def __init__(self, header: FrameHeader) -> None:
        self._header = header
        self._entries: list[IndexEntry] = []
        # By digest. As long as they are here, models find them.
        self._copies: dict[bytes, Embeddable] = {}
        self._is_pending = False
        self._content = 0
        self._sha256 = new_sha256() if header.has_digest else None

    @property
    def next_part(self) -> Callable[[Cursor], Part]:
        """What reads the next part of this frame."""
        return partial(next_part, one_block=self._header.one_block, blocks=len(self._entries))

    def weights(self, part: WeightsPart, max_memory: int | None = None) -> None:
        """Read a copy of weights, and keep it until the end of the frame.

        Args:
            part: The copy.
            max_memory: Bytes that decoding may need, or None for any number.

        Raises:
            FormatError: It is damaged, or there was one before, or too many of others.
            LimitError: Decoding it needs more memory than allowed.
        """
        if part.record.digest in self._copies:
            raise FormatError("frame has a second copy of weights")
        if len(self._copies) == MAX_COPIES:
            raise FormatError("frame has too many copies of weights")
        self._copies[part.record.digest] = unpack(part.record, part.copy, max_memory)
        self._is_pending = True

    def block(self, part: BlockPart) -> None:
        """Check the place of a block, and that what it needs came before it.

        Raises:
            CorruptError: A block before it is missing, or it comes twice, or needs a copy of
                weights that is not there.
        """
        header = part.header
        self._is_pending = False
        for digest in header.embedded:
            if digest not in self._copies:
                raise CorruptError(
                    f"block needs weights that are not embedded before it: {digest.hex()}",
                    expected=digest,
                )
        if header.start != self._content:
            raise CorruptError(
                f"block starts at {header.start} of the content: {self._content} bytes came before",
                expected=self._content,
                got=header.start,
            )
        self._entries.append(part.entry)
        self._content += header.raw_size

    def content(self, raw: bytes) -> bytes:
        """Add decoded content to the digest, and return it."""
        if self._sha256 is not None:
            self._sha256.update(raw)
        return raw

    def end(self, end: End) -> None:
        """Check the end of the frame, when all content was seen.

        Raises:
            FormatError: A copy of weights stands behind all blocks.
            CorruptError: The blocks are not those of the index, or the size or digest differs.
        """
        if self._is_pending:
            raise FormatError("no block follows the embedded weights")
        if self._header.content_size not in (None, self._content):
            raise CorruptError(
                f"frame has {self._content} bytes of content: "
                f"{self._header.content_size} were announced",
                expected=self._header.content_size,
                got=self._content,
            )
        if end.entries is not None and end.entries != tuple(self._entries):
            raise CorruptError("index does not fit the blocks before it")
        digest = self._sha256.digest() if self._sha256 is not None else None
        if end.digest != digest:
            raise CorruptError("SHA-256 of the content differs", expected=end.digest, got=digest)


def new_sha256() -> hashlib._Hash:
    """Return a SHA-256 of nothing yet."""
    # Not at the top: importing it takes as long as half of the package.
    import hashlib

    return hashlib.sha256()
