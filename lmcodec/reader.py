"""Reads the content of a compressed file: in order, or from any offset."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from lmcodec.block import decode_block
from lmcodec.embedded import Embeddable, unpack
from lmcodec.errors import FormatError, LmcodecError
from lmcodec.frame import Feed, decode_frames
from lmcodec.header import MAX_COPIES
from lmcodec.index import BlockTable, Location, Source, read_block, read_copy, read_table
from lmcodec.workers import Workers

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.header import BlockHeader


class ContentReader(io.RawIOBase):
    """The content of a compressed file, read in order until the first seek, by blocks after it.

    Args:
        file: The compressed file, at the beginning of the stream.
        max_memory: Bytes that decoding a block may need, or None for any number.
        threads: Blocks that are decoded side by side, until the first seek.
    """

    def __init__(self, file: IO[bytes], max_memory: int | None, threads: int) -> None:
        self._file = file
        self._max_memory = max_memory
        # Some sources have nothing but `read`.
        self._seekable = hasattr(file, "seekable") and file.seekable()
        self._origin = file.tell() if self._seekable else 0
        # Until the first seek: the content in order.
        self._in_order = decode_frames(
            Feed(read=file.read), max_memory=max_memory, workers=Workers(threads)
        )
        self._error: LmcodecError | None = None
        # After it: where the blocks are.
        self._table: BlockTable | None = None
        self._source: Source | None = None
        # The frame whose copies of weights were read last, and these, by digest: models find them.
        self._copies: tuple[int, dict[bytes, Embeddable]] = -1, {}
        # The block that was decoded last, whole: seeks inside of it cost nothing.
        self._block = b""
        self._block_start = 0
        self._position = 0

    def close(self) -> None:
        """End reading; the file stays open."""
        if not self.closed:
            self._in_order.close()
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether the file can seek."""
        return self._seekable

    def tell(self) -> int:
        """Return the offset in the content."""
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Read content into a buffer, of one block at most."""
        view = memoryview(buffer).cast("B")
        if not self._holds(self._position):
            self._load()
        at = self._position - self._block_start
        part = memoryview(self._block)[at : at + len(view)] if at >= 0 else b""
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset of the content; nothing is decoded yet."""
        if not self.seekable():
            raise io.UnsupportedOperation("the underlying file is not seekable")
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self._find_blocks().size
        elif whence != io.SEEK_SET:
            raise ValueError(f"whence must be 0, 1 or 2: got {whence}")
        if offset < 0:
            raise ValueError(f"negative seek position: {offset}")
        # The end of the block too: the next one in order begins there.
        if not self._holds(offset) and offset != self._block_start + len(self._block):
            self._find_blocks()
        self._position = offset
        return offset

    def _holds(self, position: int) -> bool:
        return self._block_start <= position < self._block_start + len(self._block)

    def _load(self) -> None:
        """Decode the block that holds the position, or nothing at the end of the file."""
        if self._table is None:
            raw = self._next_in_order()
            self._block_start += len(self._block)
            self._block = raw
        elif self._position < self._table.size and self._source is not None:
            header, payloads, start = self.block_at(self._position)
            self._block = decode_block(header, payloads, max_memory=self._max_memory)
            self._block_start = start

    def block_at(self, position: int) -> tuple[BlockHeader, Buffer, int]:
        """Return header and payloads of the block that holds a position, and where it begins.

        What the models of the block need is then here, as far as the stream has it.

        Args:
            position: An offset in the content, before its end.

        Raises:
            FormatError: The block is damaged.
        """
        table = self._find_blocks()
        location = table.locations[table.find(position)]
        assert self._source is not None  # that of the table
        header, payloads = read_block(self._source, location)
        for digest in header.embedded:
            self._need(self._source, location, digest)
        return header, payloads, location.start

    def _need(self, source: Source, location: Location, digest: bytes) -> None:
        """Have the weights of which the frame of a block has a copy."""
        if self._copies[0] != location.frame:
            self._copies = location.frame, {}
        copies = self._copies[1]
        if digest not in copies:
            if len(copies) == MAX_COPIES:
                raise FormatError("frame has too many copies of weights", offset=location.offset)
            part = read_copy(source, location, digest)
            copies[digest] = unpack(part.record, part.copy, self._max_memory)

    def _next_in_order(self) -> bytes:
        """Decode the next block that has content; empty at the end of the file."""
        if self._error is not None:
            raise self._error
        try:
            return next((raw for raw in self._in_order if raw), b"")
        except LmcodecError as error:
            # The generator has ended, which must not be taken for the end of the file.
            self._error = error
            raise

    def _find_blocks(self) -> BlockTable:
        if self._table is None:
            self._file.seek(self._origin)
            self._source = Source(self._file)
            self._table = read_table(self._source)
            self._in_order.close()
        return self._table
