"""Frames: content to blocks and an index, in threads, and back.

`FrameWriter` takes content in pieces of any size, `read_frames` gives it back from a buffer.
Blocks are coded side by side; the bytes do not depend on the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from lmcodec import embedded
from lmcodec.block import Plan, decode_block, encode_block, fitted
from lmcodec.checker import BlockPart, FrameChecker, WeightsPart, new_sha256
from lmcodec.container import (
    End,
    FrameHeader,
    IndexEntry,
    SkippableFrame,
    next_frame,
    next_part,
)
from lmcodec.errors import LimitError, TruncatedError
from lmcodec.header import BlockHeader, ModelRecord, WeightsRecord
from lmcodec.network import Network
from lmcodec.packing import Cursor
from lmcodec.prior import Prior
from lmcodec.progress import Meter
from lmcodec.transforms.base import HEAD_BYTES
from lmcodec.workers import Workers

if TYPE_CHECKING:
    from typing_extensions import Buffer


T = TypeVar("T")
Again: TypeAlias = Callable[[bytes, bytes, int], "bytes | None"]

# A file is read in pieces of this size, and a large payload in larger ones.
_READ_BYTES = 1 << 17
_MOST_BYTES = 1 << 24


class FrameWriter:
    """Writes one frame.

    Args:
        plan: How blocks are coded.
        block_size: Bytes of content in a block.
        content_size: Bytes of content in the frame where they are known. Blocks are then of about
            equal size, for a short last one would be coded badly.
        digest: Whether to record a SHA-256 of the content.
        workers: Threads for the blocks.
        again: Returns for the header of the frame, a content and its offset the block that was
            coded of it before, or None. It is asked in order.
    """

    def __init__(
        self,
        plan: Plan,
        block_size: int,
        *,
        content_size: int | None = None,
        digest: bool = False,
        workers: Workers | None = None,
        again: Again | None = None,
    ) -> None:
        if content_size:
            blocks = -(-content_size // block_size)
            block_size = -(-content_size // blocks)
        self._plan = plan
        self._block_size = block_size
        self._content_size = content_size
        self._digest = new_sha256() if digest else None
        self._workers = workers or Workers()
        self._again = again
        self._buffer = bytearray()
        self._head = b""
        self._header: FrameHeader | None = None
        # What the workers had done for other frames.
        self._done_before = self._workers.done
        self._submitted: deque[tuple[int, int]] = deque()
        self._entries: list[IndexEntry] = []
        # The digests of the weights of which the frame has a copy.
        self._embedded: set[bytes] = set()
        self._taken = 0
        self._written = 0

    @property
    def done(self) -> int:
        """Bytes of content that are coded, also inside of blocks at work; for any thread."""
        return self._workers.done - self._done_before

    def write(self, data: Buffer) -> Iterator[bytes]:
        """Take content; yield the bytes of the frame that are ready.

        Raises:
            ValueError: There is more content than announced.
        """
        view = memoryview(data).cast("B")
        position = 0
        self._check_announced(len(view))
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
        yield from self._begin(len(raw))
        if self._digest is not None:
            self._digest.update(raw)
        self._submitted.append((start, len(raw)))
        header = self._header.pack() if self._header is not None else b""
        before = self._again(header, raw, start) if self._again is not None else None
        if start == 0:
            self._head = raw[:HEAD_BYTES]
            self._plan = fitted(self._plan, raw)
        encode: Callable[[Meter], bytes] = partial(
            encode_block, raw, start, self._plan, head=self._head
        )
        if before is not None:
            known = before
            encode = lambda _meter: known  # noqa: E731
        for block in self._workers.submit(encode, len(raw)):
            yield self._finished(block)

    def drain(self) -> Iterator[bytes]:
        """Yield all blocks that are still being coded."""
        for block in self._workers.drain():
            yield self._finished(block)

    def finish(self) -> Iterator[bytes]:
        """End the frame; yield the rest of its bytes.

        Raises:
            ValueError: There was less content than announced.
        """
        got = self._taken + len(self._buffer)
        if self._content_size not in (None, got):
            raise ValueError(f"content has {got} bytes: {self._content_size} were announced")
        self._content_size = got
        yield from self.flush_block()
        yield from self._begin(0)
        yield from self.drain()
        if self._header is not None and self._header.one_block:
            return
        index = len(self._entries) > 1 or self._digest is not None
        digest = self._digest.digest() if self._digest is not None else None
        yield End(tuple(self._entries), digest).pack() if index else End().pack()

    def _begin(self, first_block: int) -> Iterator[bytes]:
        """Yield the header before the first block, of which the size of the content is known."""
        if self._header is not None:
            return
        # A block that is all of the content says its size itself.
        size = self._content_size if self._content_size != first_block else None
        digest = self._digest is not None
        alone = first_block > 0 and first_block == self._content_size and not digest
        self._header = FrameHeader(size, digest, alone)
        packed = self._header.pack()
        self._written = len(packed)
        yield packed

    def _check_announced(self, more: int) -> None:
        got = self._taken + len(self._buffer) + more
        if self._content_size is not None and got > self._content_size:
            raise ValueError(f"content has {got} bytes: {self._content_size} were announced")

    def _weights(self, model: ModelRecord, digest: bytes) -> embedded.Embeddable:
        """Return what is to be copied for a model."""
        for weights in (self._plan.prior, self._plan.network):
            if isinstance(weights, (Prior, Network)) and weights.digest == digest:
                return weights
        # Of a model that says itself what it starts from, and so has it.
        return embedded.find(model, digest)

    def _finished(self, block: bytes) -> bytes:
        start, size = self._submitted.popleft()
        header = BlockHeader.parse(Cursor(block))
        copies = b""
        for model in header.models:
            for digest in model.embedded:
                if digest not in self._embedded:
                    self._embedded.add(digest)
                    copies += embedded.pack(self._weights(model, digest))
        block = copies + block
        self._entries.append(IndexEntry(self._written, len(block), start, size, header.crc))
        self._written += len(block)
        return block


class Feed:
    """The bytes of a stream: all of them, or as many as were needed so far.

    Args:
        data: The stream, or its beginning.
        read: Returns up to so many of the next bytes, none at the end; None where `data` is all.
    """

    def __init__(self, data: Buffer = b"", read: Callable[[int], bytes] | None = None) -> None:
        self._data = memoryview(data).cast("B")
        self._read = read
        self.offset = 0

    def parse(self, parse: Callable[[Cursor], T]) -> T:
        """Parse what comes next, and pass over it.

        Raises:
            TruncatedError: The stream ends before it.
        """
        while True:
            cursor = Cursor(self._data, base=self.offset)
            try:
                value = parse(cursor)
            except TruncatedError as error:
                if error.missing is None or not self._fill(error.missing):
                    raise
            else:
                self._data = self._data[cursor.position :]
                self.offset += cursor.position
                return value

    def take(self, size: int, what: str) -> memoryview:
        """Return the next `size` bytes."""
        return self.parse(lambda cursor: cursor.take(size, what))

    def skip(self, size: int, what: str) -> None:
        """Pass over `size` bytes without keeping them."""
        while size > 0:
            size -= len(self.take(min(size, _READ_BYTES), what))

    def at_end(self) -> bool:
        """Return whether there are no more bytes."""
        return not self._data and not self._fill(1)

    def _fill(self, missing: int) -> bool:
        """Read at least so many bytes, unless the stream ends; what is claimed is not reserved."""
        if self._read is None:
            return False
        parts = [bytes(self._data)]
        while missing > 0 and (part := self._read(max(_READ_BYTES, min(missing, _MOST_BYTES)))):
            parts.append(part)
            missing -= len(part)
        self._data = memoryview(b"".join(parts))
        return missing <= 0


def read_parts(feed: Feed) -> Iterator[FrameHeader | WeightsPart | BlockPart | End]:
    """Read all frames of a stream, passing over skippable ones.

    Raises:
        FormatError: The bytes are not frames from the first to the last.
        UnsupportedError: A frame needs a newer release.
    """
    while feed.offset == 0 or not feed.at_end():
        begin = feed.offset
        head = feed.parse(next_frame)
        if isinstance(head, SkippableFrame):
            feed.skip(head.size, "skippable frame")
            continue
        yield head
        blocks, start = 0, feed.offset
        while True:
            part = feed.parse(partial(next_part, one_block=head.one_block, blocks=blocks))
            if isinstance(part, End):
                yield part
                break
            if isinstance(part, WeightsRecord):
                yield WeightsPart(part, feed.take(part.coded_size, "embedded weights"))
                continue
            blocks += 1
            payloads = feed.take(part.payload_size, "payload")
            yield BlockPart(part, payloads, start - begin, feed.offset - start)
            start = feed.offset


def decode_frames(
    feed: Feed,
    *,
    max_output_size: int | None = None,
    max_memory: int | None = None,
    workers: Workers | None = None,
    counts_coded: bool = False,
) -> Generator[bytes, None, None]:
    """Yield the content of all frames of a stream, block by block.

    Args:
        feed: The stream.
        max_output_size: Bytes of content to yield at most, or None for any number.
        max_memory: Bytes that decoding a block may need, or None for any number.
        workers: Threads for the blocks, which run ahead of the one that is yielded.
        counts_coded: Whether the workers are to count the bytes of the stream in what they have
            done, or those of the content.

    Raises:
        FormatError: The bytes are not frames from the first to the last.
        UnsupportedError: A frame needs a newer release or an unknown model.
        LimitError: The content is larger than allowed, or a block needs too much memory.
    """
    workers = workers or Workers()
    total = 0
    try:
        for part in read_parts(feed):
            if isinstance(part, FrameHeader):
                checker = FrameChecker(part)
                check_output(total + (part.content_size or 0), max_output_size)
            elif isinstance(part, WeightsPart):
                checker.weights(part, max_memory)
            elif isinstance(part, BlockPart):
                checker.block(part)
                total += part.header.raw_size
                check_output(total, max_output_size)
                # The meter, an argument by position, comes third.
                decode = partial(decode_block, part.header, part.payloads, max_memory=max_memory)
                size = part.coded_size if counts_coded else part.header.raw_size
                yield from map(checker.content, workers.submit(decode, size))
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
