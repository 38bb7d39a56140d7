"""Frames: content to blocks and an index, in threads, and back.

`FrameWriter` takes content in pieces of any size, `read_frames` gives it back from a buffer.
Blocks are coded side by side; the bytes do not depend on the number of threads.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lmcodec.block import Plan, decode_block, encode_block
from lmcodec.container import (
    BlockHeader,
    End,
    FrameHeader,
    IndexEntry,
    SkippableFrame,
    next_frame,
    next_part,
)
from lmcodec.errors import CorruptError, LimitError
from lmcodec.packing import Cursor

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from typing_extensions import Buffer


class Workers:
    """Runs calls in threads and returns their results in order, a bounded number at a time.

    Args:
        threads: How many; with 1, calls run at once in the calling thread.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1: got {threads}")
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[bytes]] = deque()
        # One more than can run, so that a thread finds work while a result is being taken.
        self._window = threads + 1
        if threads > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="lmcodec")

    def submit(self, call: Callable[[], bytes]) -> list[bytes]:
        """Start a call; return the results that are ready and next in order."""
        if self._pool is None:
            return [call()]
        self._pending.append(self._pool.submit(call))
        done = []
        while len(self._pending) > self._window:
            done.append(self._pending.popleft().result())
        return done

    def drain(self) -> Iterator[bytes]:
        """Yield the results of all calls that are still running."""
        while self._pending:
            yield self._pending.popleft().result()

    def close(self) -> None:
        """Cancel what has not begun, and end the threads."""
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class BlockPart:
    """A block as it was read: its header, its payloads, and where it began in the frame."""

    header: BlockHeader
    payloads: Buffer
    offset: int
    coded_size: int

    @property
    def entry(self) -> IndexEntry:
        """What the index says of the block."""
        header = self.header
        return IndexEntry(self.offset, self.coded_size, header.start, header.raw_size, header.crc)


class FrameWriter:
    """Writes one frame.

    Args:
        plan: How blocks are coded.
        block_size: Bytes of content in a block.
        content_size: Bytes of content in the frame where they are known. Blocks are then of about
            equal size, for a short last one would be coded badly.
        digest: Whether to record a SHA-256 of the content.
        workers: Threads for the blocks.
    """

    def __init__(
        self,
        plan: Plan,
        block_size: int,
        *,
        content_size: int | None = None,
        digest: bool = False,
        workers: Workers | None = None,
    ) -> None:
        if content_size:
            blocks = -(-content_size // block_size)
            block_size = -(-content_size // blocks)
        self._plan = plan
        self._block_size = block_size
        self._content_size = content_size
        self._digest = hashlib.sha256() if digest else None
        self._workers = workers or Workers()
        self._buffer = bytearray()
        self._header: bytes | None = None
        self._submitted: deque[tuple[int, int]] = deque()
        self._entries: list[IndexEntry] = []
        self._taken = 0
        self._written = 0

    @property
    def done(self) -> int:
        """Bytes of content in the blocks that were yielded."""
        return self._entries[-1].start + self._entries[-1].raw_size if self._entries else 0

    def write(self, data: Buffer) -> Iterator[bytes]:
        """Take content; yield the bytes of the frame that are ready."""
        view = memoryview(data).cast("B")
        position = 0
        while position < len(view):
            size = min(self._block_size - len(self._buffer), len(view) - position)
            self._buffer += view[position : position + size]
            position += size
            if len(self._buffer) == self._block_size:
                yield from self.flush_block()

    def flush_block(self) -> Iterator[bytes]:
        """End the current block where it is; yield the bytes of the frame that are ready."""
        if not self._buffer:
            return
        raw = bytes(self._buffer)
        self._buffer.clear()
        start = self._taken
        self._taken += len(raw)
        yield from self._begin()
        if self._digest is not None:
            self._digest.update(raw)
        self._submitted.append((start, len(raw)))
        for block in self._workers.submit(lambda: encode_block(raw, start, self._plan)):
            yield self._finished(block)

    def drain(self) -> Iterator[bytes]:
        """Yield all blocks that are still being coded."""
        for block in self._workers.drain():
            yield self._finished(block)

    def finish(self) -> Iterator[bytes]:
        """End the frame; yield the rest of its bytes.

        Raises:
            ValueError: There was more or less content than announced.
        """
        if self._content_size is not None and self._content_size != self._taken + len(self._buffer):
            got = self._taken + len(self._buffer)
            raise ValueError(f"content has {got} bytes: {self._content_size} were announced")
        yield from self.flush_block()
        yield from self._begin()
        yield from self.drain()
        index = len(self._entries) > 1 or self._digest is not None
        digest = self._digest.digest() if self._digest is not None else None
        yield End(tuple(self._entries), digest).pack() if index else End().pack()

    def _begin(self) -> Iterator[bytes]:
        if self._header is None:
            # A single block says its size itself.
            several = self._content_size is not None and self._content_size > self._block_size
            size = self._content_size if several else None
            self._header = FrameHeader(size, self._digest is not None).pack()
            self._written = len(self._header)
            yield self._header

    def _finished(self, block: bytes) -> bytes:
        start, size = self._submitted.popleft()
        header = BlockHeader.parse(Cursor(block))
        self._entries.append(IndexEntry(self._written, len(block), start, size, header.crc))
        self._written += len(block)
        return block


class FrameChecker:
    """Checks that the parts of one frame fit together, as they are read in order.

    Args:
        header: The frame header.
    """

    def __init__(self, header: FrameHeader) -> None:
        self._header = header
        self._entries: list[IndexEntry] = []
        self._content = 0
        self._sha256 = hashlib.sha256() if header.has_digest else None

    def block(self, part: BlockPart) -> None:
        """Check the place of a block.

        Raises:
            CorruptError: A block before it is missing, or it comes twice.
        """
        header = part.header
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
            CorruptError: The blocks are not those of the index, or the size or digest differs.
        """
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


def read_parts(cursor: Cursor) -> Iterator[FrameHeader | BlockPart | End]:
    """Read all frames of a buffer, passing over skippable ones.

    Raises:
        FormatError: The bytes are not frames from the first to the last.
        UnsupportedError: A frame needs a newer release.
    """
    begin = cursor.position
    inside = False
    while inside or cursor.remaining or begin == cursor.position:
        start = cursor.position
        if not inside:
            head = next_frame(cursor)
            if isinstance(head, SkippableFrame):
                cursor.take(head.size, "skippable frame")
                continue
            begin = start
            inside = True
            yield head
            continue
        part = next_part(cursor)
        if isinstance(part, End):
            inside = False
            yield part
        else:
            payloads = cursor.take(part.payload_size, "payload")
            yield BlockPart(part, payloads, start - begin, cursor.position - start)


def decode_frames(
    data: Buffer,
    *,
    max_output_size: int | None,
    max_memory: int | None = None,
    threads: int = 1,
) -> Iterator[bytes]:
    """Yield the content of all frames in a buffer, block by block.

    Raises:
        FormatError: The bytes are not frames from the first to the last.
        UnsupportedError: A frame needs a newer release or an unknown model.
        LimitError: The content or a model is larger than allowed.
    """
    workers = Workers(threads)
    total = 0
    try:
        for part in read_parts(Cursor(data)):
            if isinstance(part, FrameHeader):
                checker = FrameChecker(part)
                check_output(total + (part.content_size or 0), max_output_size)
            elif isinstance(part, BlockPart):
                checker.block(part)
                total += part.header.raw_size
                check_output(total, max_output_size)
                decode = partial(decode_block, part.header, part.payloads, max_memory=max_memory)
                yield from map(checker.content, workers.submit(decode))
            else:
                yield from map(checker.content, workers.drain())
                checker.end(part)
    finally:
        workers.close()


def check_output(needed: int, limit: int | None) -> None:
    """Check the size of the output before it is made.

    Raises:
        LimitError: It exceeds the limit.
    """
    if limit is not None and needed > limit:
        raise LimitError(
            f"content is too large: at least {needed} bytes, the limit is {limit}",
            limit=limit,
            needed=needed,
            hint="pass a larger max_output_size, or read the stream through lmcodec.open",
        )
