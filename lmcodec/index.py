"""Finds the blocks of a file without decoding them: by its index, or from header to header."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, TypeVar

from lmcodec.checker import WeightsPart
from lmcodec.container import (
    FOOTER_BYTES,
    INDEX_MAGIC,
    End,
    FrameHeader,
    SkippableFrame,
    next_frame,
    next_part,
)
from lmcodec.errors import CorruptError, LmcodecError, TruncatedError
from lmcodec.header import WEIGHTS_MARKER, BlockHeader, WeightsRecord
from lmcodec.packing import Cursor

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

# Most headers fit; a longer one is read again when its size is known.
_READ_BYTES = 512


class Source:
    """A seekable binary file, read at any offset.

    Args:
        file: The file; its position when this is made counts as offset 0.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._base = file.tell()
        self.size = file.seek(0, os.SEEK_END) - self._base

    def read(self, offset: int, size: int) -> bytes:
        """Read up to `size` bytes at an offset; fewer only at the end of the file."""
        self._file.seek(self._base + offset)
        parts = []
        # A file without a buffer may return less than asked for. No more is asked for than exists.
        size = min(size, max(0, self.size - offset))
        while size > 0 and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def parse(self, offset: int, parse: Callable[[Cursor], T]) -> tuple[T, int]:
        """Parse what begins at an offset.

        Returns:
            What `parse` returned, and the offset behind it.

        Raises:
            TruncatedError: The file ends before it.
        """
        size = _READ_BYTES
        while True:
            data = self.read(offset, size)
            cursor = Cursor(data, base=offset)
            try:
                return parse(cursor), cursor.offset
            except TruncatedError as error:
                if error.missing is None or len(data) < size:
                    raise
                size = len(data) + error.missing


@dataclass(frozen=True)
class Location:
    """Where a block is in a file, and its content in the content of all frames.

    Args:
        offset: First byte of the block in the file.
        coded_size: Bytes of the block.
        start: Offset of its content in the content of the file.
        raw_size: Bytes of content.
        crc: CRC-32 of the content.
        frame: First byte of its frame in the file.
    """

    offset: int
    coded_size: int
    start: int
    raw_size: int
    crc: int
    frame: int


@dataclass(frozen=True)
class BlockTable:
    """All blocks of a file that have content, in order."""

    locations: tuple[Location, ...]
    starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the search."""
        object.__setattr__(self, "starts", tuple(block.start for block in self.locations))

    @property
    def size(self) -> int:
        """Bytes of content in all blocks."""
        return self.locations[-1].start + self.locations[-1].raw_size if self.locations else 0

    def find(self, position: int) -> int:
        """Return the number of the block that holds a position of the content."""
        return bisect_right(self.starts, position) - 1


@dataclass(frozen=True)
class Part:
    """A part of a file: where it is, and its parsed header."""

    offset: int
    size: int
    header: FrameHeader | SkippableFrame | BlockHeader | WeightsRecord | End


def walk(source: Source, offset: int = 0) -> Iterator[Part]:
    """Read all headers of a file, passing over the payloads.

    Args:
        source: The file.
        offset: Where a frame begins.

    Raises:
        FormatError: The file is not made of whole frames, as far as the headers tell.
        UnsupportedError: A frame needs a newer release.
    """
    inside: FrameHeader | None = None
    blocks = 0
    while inside or offset < source.size or offset == 0:
        parse: Callable[[Cursor], FrameHeader | SkippableFrame | BlockHeader | WeightsRecord | End]
        parse = next_frame
        if inside:
            parse = partial(next_part, one_block=inside.one_block, blocks=blocks)
        header, end = source.parse(offset, parse)
        if isinstance(header, BlockHeader):
            blocks += 1
            end += header.payload_size
        elif isinstance(header, WeightsRecord):
            end += header.coded_size
        elif isinstance(header, SkippableFrame):
            end += header.size
        else:
            inside = header if isinstance(header, FrameHeader) else None
            blocks = 0
        if end > source.size:
            raise TruncatedError(
                f"file ends early: {end - source.size} bytes are missing",
                missing=end - source.size,
                offset=source.size,
            )
        yield Part(offset, end - offset, header)
        offset = end


def read_table(source: Source) -> BlockTable:
    """Find all blocks of a file, by its index where one index covers the whole file.

    Raises:
        FormatError: The file is not made of whole frames, as far as the headers tell.
        UnsupportedError: A frame needs a newer release.
    """
    try:
        table = _by_index(source)
    except LmcodecError:
        # A damaged index costs nothing but time: the headers say the same.
        table = None
    return table or _by_headers(source)


def _by_index(source: Source) -> BlockTable | None:
    if source.size < FOOTER_BYTES:
        return None
    footer = source.read(source.size - FOOTER_BYTES, FOOTER_BYTES)
    if footer[4:] != INDEX_MAGIC:
        return None
    offset = source.size - FOOTER_BYTES - int.from_bytes(footer[:4], "little")
    if offset < 0:
        return None
    end, _ = source.parse(offset, End.parse)
    entries = end.entries or ()
    # In a file of several frames the last index ends elsewhere than where the file begins.
    if not entries or entries[-1].offset + entries[-1].coded_size != offset:
        return None
    source.parse(0, FrameHeader.parse)
    return BlockTable(
        tuple(
            Location(entry.offset, entry.coded_size, entry.start, entry.raw_size, entry.crc, 0)
            for entry in entries
            if entry.raw_size
        )
    )


def _by_headers(source: Source) -> BlockTable:
    locations = []
    content = frame = 0
    for part in walk(source):
        header = part.header
        if isinstance(header, FrameHeader):
            frame = part.offset
        elif isinstance(header, BlockHeader) and header.raw_size:
            locations.append(
                Location(part.offset, part.size, content, header.raw_size, header.crc, frame)
            )
            content += header.raw_size
    return BlockTable(tuple(locations))


def read_block(source: Source, location: Location) -> tuple[BlockHeader, Buffer]:
    """Read the header and the payloads of a block.

    Raises:
        FormatError: The block is damaged, or is not the one that the table describes.
    """
    data = source.read(location.offset, location.coded_size)
    cursor = Cursor(data, base=location.offset)
    while cursor.peek(2) == WEIGHTS_MARKER:
        cursor.take(WeightsRecord.parse(cursor).coded_size, "embedded weights")
    header = BlockHeader.parse(cursor)
    payloads = cursor.take(header.payload_size, "payload")
    cursor.end("block")
    if (header.raw_size, header.crc) != (location.raw_size, location.crc):
        raise CorruptError("block is not the one in the index", offset=location.offset)
    return header, payloads


def read_copy(source: Source, location: Location, digest: bytes) -> WeightsPart:
    """Read the copy of some weights that the frame of a block has before it.

    Raises:
        FormatError: There is none, or the headers before it are damaged.
    """
    for part in walk(source, location.frame):
        if isinstance(part.header, WeightsRecord):
            if part.header.digest == digest:
                return weights_of(source, part, part.header)
        elif part.offset >= location.offset:
            break
    raise CorruptError(
        f"block needs weights that are not embedded before it: {digest.hex()}",
        expected=digest,
        offset=location.offset,
    )


def weights_of(source: Source, part: Part, record: WeightsRecord) -> WeightsPart:
    """Read the copy of weights behind its header."""
    size = record.coded_size
    return WeightsPart(record, source.read(part.offset + part.size - size, size))
