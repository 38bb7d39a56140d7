"""Salvages the undamaged blocks of a damaged stream.

Blocks are independent, and each header has its own checksum and says where its content belongs. So
after damage the next block is found by looking for a marker whose header has the right checksum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec.block import decode_block
from lmcodec.container import (
    END_MARKER,
    MAGIC,
    FrameHeader,
    Part,
    SkippableFrame,
    next_frame,
    next_part,
)
from lmcodec.embedded import Embeddable, unpack
from lmcodec.errors import LmcodecError
from lmcodec.frame import check_output
from lmcodec.header import MAX_COPIES, BlockHeader, WeightsRecord
from lmcodec.options import DEFAULT_MAX_OUTPUT_BYTES
from lmcodec.packing import Cursor

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True)
class Piece:
    """Content that was salvaged.

    Args:
        frame: Number of the frame, from 0.
        start: Offset in the content of the frame.
        content: The bytes, whose checksum was right.
    """

    frame: int
    start: int
    content: bytes


@dataclass(frozen=True)
class Lost:
    """Content that was not salvaged.

    Args:
        frame: Number of the frame, from 0.
        start: Offset in the content of the frame.
        end: Offset behind it, or None where it is not known how much there was.
        reason: What was found.
    """

    frame: int
    start: int
    end: int | None
    reason: str


@dataclass(frozen=True)
class Recovered:
    """What could be salvaged of a stream, and what could not.

    Args:
        pieces: Salvaged blocks in order.
        lost: Lost ranges in order; empty where the stream is undamaged.
    """

    pieces: tuple[Piece, ...]
    lost: tuple[Lost, ...]

    @property
    def content(self) -> bytes:
        """All salvaged content, joined without the lost ranges."""
        return b"".join(piece.content for piece in self.pieces)


def recover(
    data: Buffer,
    *,
    max_output_size: int | None = DEFAULT_MAX_OUTPUT_BYTES,
    max_memory: int | None = None,
) -> Recovered:
    """Decompress what is undamaged, and say what is not.

    Args:
        data: Any contiguous buffer.
        max_output_size: Bytes of content to return at most, or None for any number.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Returns:
        The salvaged pieces and the lost ranges.

    Raises:
        LimitError: There is more content than `max_output_size`.

    Example:
        >>> import lmcodec
        >>> content = b"a" * 99 + b"b" * 99
        >>> stream = bytearray(lmcodec.compress(content, model="stored", block_size=99))
        >>> stream[60] ^= 1
        >>> found = lmcodec.recover(stream)
        >>> found.content == b"b" * 99, found.lost[0].start, found.lost[0].end
        (True, 0, 99)
    """
    pieces: list[Piece] = []
    lost: list[Lost] = []
    total = 0
    for found in _Salvage(data, max_memory).run():
        if isinstance(found, Lost):
            lost.append(found)
        else:
            total += len(found.content)
            check_output(total, max_output_size)
            pieces.append(found)
    return Recovered(tuple(pieces), tuple(lost))


class _Salvage:
    """One pass over a damaged stream."""

    def __init__(self, data: Buffer, max_memory: int | None) -> None:
        self._data = memoryview(data).cast("B")
        self._bytes = data if isinstance(data, bytes) else bytes(self._data)
        self._max_memory = max_memory
        self._frame = -1
        self._inside = False
        # Content of the frame up to here was yielded, as a piece or as lost.
        self._expected = 0
        # None where the frame header was lost.
        self._header: FrameHeader | None = None
        self._blocks = 0
        self._position = 0
        # The embedded weights that were read last: models find them.
        self._copies: deque[Embeddable] = deque(maxlen=MAX_COPIES)
        # False while a part must be believed only if its own checksum says so.
        self._in_step = True
        self._reason = ""

    def run(self) -> Iterator[Piece | Lost]:
        """Yield pieces and lost ranges in order."""
        while self._position < len(self._data):
            try:
                header, cursor = self._parse()
            except LmcodecError as error:
                if self._in_step:
                    self._reason = _first_line(error)
                self._seek_marker()
                continue
            if isinstance(header, BlockHeader):
                yield from self._block(header, cursor.position)
                continue
            if isinstance(header, WeightsRecord):
                self._weights(header, cursor.position)
                continue
            self._position += cursor.position
            self._in_step = True
            if isinstance(header, FrameHeader):
                yield from self._end_frame(None)
                self._begin_frame(header)
            elif isinstance(header, SkippableFrame):
                self._position += header.size
            else:
                sizes = [entry.raw_size for entry in header.entries or ()]
                yield from self._end_frame(sum(sizes) if sizes else self._expected)
        yield from self._end_frame(None)

    def _parse(self) -> tuple[FrameHeader | SkippableFrame | Part, Cursor]:
        """Parse what is at the position: in step what belongs there, else anything with a seal."""
        cursor = Cursor(self._data[self._position :], base=self._position)
        marker = cursor.peek(2)
        header: FrameHeader | SkippableFrame | Part
        if self._in_step and not (self._may_end and marker == MAGIC[:2]):
            header = (next_part if self._inside else next_frame)(cursor)
        elif marker == END_MARKER and cursor.peek(3)[2:] == b"\0":
            # An end without an index has no checksum: three bytes that may be anything.
            raise LmcodecError("end of a frame without a checksum")
        elif marker == MAGIC[:2]:
            header = next_frame(cursor)
        else:
            header = next_part(cursor)
        if (
            isinstance(header, BlockHeader)
            and header.start < self._expected
            and not self._begins_frame(header)
        ):
            raise LmcodecError(f"block at {header.start} comes again, or is of another frame")
        return header, cursor

    @property
    def _may_end(self) -> bool:
        """Whether the frame may be one of a single block, which has no end."""
        return self._inside and self._header is None and self._blocks == 1

    def _begins_frame(self, header: BlockHeader) -> bool:
        return not self._inside or (self._may_end and header.start == 0)

    def _seek_marker(self) -> None:
        """Move to the next byte with which a part could begin."""
        self._in_step = False
        found = self._bytes.find(b"\xb5", self._position + 1)
        self._position = found if found >= 0 else len(self._data)

    def _block(self, header: BlockHeader, header_size: int) -> Iterator[Piece | Lost]:
        if self._begins_frame(header):
            yield from self._end_frame(None)
            self._begin_frame(None)
        if header.start > self._expected:
            yield self._lost(header.start)
        begin = self._position + header_size
        payloads = self._data[begin : begin + header.payload_size]
        end = header.start + header.raw_size
        self._in_step = True
        self._blocks += 1
        if self._header is not None and self._header.one_block:
            self._inside = False
        try:
            if len(payloads) < header.payload_size:
                raise LmcodecError("payload ends early")
            content = decode_block(header, payloads, max_memory=self._max_memory)
            yield Piece(self._frame, header.start, content)
            self._expected = end
            self._position = begin + header.payload_size
        except LmcodecError as error:
            self._reason = _first_line(error)
            yield self._lost(end)
            # Bytes may be missing or too many: what follows is looked for from the header on,
            # unless it stands where it should.
            self._pass_over(begin, header.payload_size)

    def _weights(self, record: WeightsRecord, header_size: int) -> None:
        """Read a copy of weights. Without it, blocks need what is here otherwise."""
        begin = self._position + header_size
        copy = self._data[begin : begin + record.coded_size]
        # Where the frame header was lost, a block need not follow.
        self._in_step = self._inside
        try:
            if len(copy) < record.coded_size:
                raise LmcodecError("embedded weights end early")
            self._copies.append(unpack(record, copy, self._max_memory))
            self._position = begin + record.coded_size
        except LmcodecError as error:
            self._reason = _first_line(error)
            self._pass_over(begin, record.coded_size)

    def _pass_over(self, begin: int, size: int) -> None:
        """Go on behind what is damaged, or look for a marker inside of it."""
        self._position = begin + size
        try:
            self._parse()
        except LmcodecError:
            self._position = begin - 1
            self._seek_marker()

    def _begin_frame(self, header: FrameHeader | None) -> None:
        self._frame += 1
        self._inside = True
        self._expected = 0
        self._blocks = 0
        self._header = header

    def _end_frame(self, size: int | None) -> Iterator[Lost]:
        """Report what is missing at the end of a frame; `size` is its content where it is known."""
        if not self._inside:
            return
        known = size
        if self._header is not None and size is None:
            known = self._header.content_size
        elif self._may_end and self._in_step:
            known = self._expected
        self._inside = False
        if known is None or known > self._expected:
            self._reason = self._reason or "frame ends early"
            yield self._lost(known)

    def _lost(self, end: int | None) -> Lost:
        lost = Lost(self._frame, self._expected, end, self._reason)
        self._expected = self._expected if end is None else end
        self._reason = ""
        return lost


def _first_line(error: LmcodecError) -> str:
    return str(error).splitlines()[0]
