"""The compressor and the decompressor that take their input in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lmcodec.block import decode_block
from lmcodec.checker import BlockPart, FrameChecker, WeightsPart
from lmcodec.container import End, SkippableFrame, next_frame
from lmcodec.errors import TruncatedError
from lmcodec.frame import Again, FrameWriter
from lmcodec.header import BlockHeader, WeightsRecord
from lmcodec.options import NetworkChoice, Options, PriorChoice, settings
from lmcodec.packing import Cursor
from lmcodec.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from lmcodec.models.base import Model
    from lmcodec.transforms.base import Transform


class LmcodecCompressor:
    """Compresses content that comes in pieces.

    The bytes do not depend on the sizes of the pieces, nor on `threads`.

    Args:
        level: 1 (fast) to 9 (small); 5 when neither it nor `options` is given.
        options: Values by `CompressionParameter`; not together with `level`.
        model: "auto", "stored", the id of a model, or a model.
        transform: "auto", "raw" for none, the id of a transform, or a transform.
        prior: As for `lmcodec.compress`.
        network: As for `lmcodec.compress`.
        embed: As for `lmcodec.compress`; each frame has a copy of its own.
        threads: Blocks that are coded side by side.
        block_size: Bytes of content in a block, or None for that of the level.

    Example:
        >>> compressor = LmcodecCompressor(level=3)
        >>> parts = [compressor.compress(b"some "), compressor.compress(b"bytes")]
        >>> parts.append(compressor.flush())
        >>> import lmcodec
        >>> lmcodec.decompress(b"".join(parts))
        b'some bytes'
    """

    CONTINUE: ClassVar[int] = 0
    FLUSH_BLOCK: ClassVar[int] = 1
    FLUSH_FRAME: ClassVar[int] = 2

    def __init__(
        self,
        level: int | None = None,
        options: Options | None = None,
        *,
        model: Model | str = "auto",
        transform: Transform | str = "auto",
        prior: PriorChoice = "auto",
        network: NetworkChoice = "auto",
        embed: bool = False,
        threads: int | None = None,
        block_size: int | None = None,
    ) -> None:
        self._settings = settings(
            level,
            options,
            model=model,
            transform=transform,
            prior=prior,
            network=network,
            embed=embed,
            threads=threads,
            block_size=block_size,
        )
        self._workers = Workers(self._settings.threads)
        self._writer: FrameWriter | None = None
        self._pledged: int | None = None
        self._again: Again | None = None
        self._last_mode = self.FLUSH_FRAME
        self._failed = False

    @property
    def failed(self) -> bool:
        """Whether a call has raised while it was coding; the frame cannot be continued."""
        return self._failed

    @property
    def block_size(self) -> int:
        """Bytes of content in a block, at most."""
        return self._settings.block_size

    @property
    def done(self) -> int:
        """Bytes of content of this frame that are coded so far; any thread may ask."""
        writer = self._writer
        return writer.done if writer is not None else 0

    @property
    def last_mode(self) -> int:
        """The mode of the last call of `compress` or `flush`."""
        return self._last_mode

    def take_again(self, again: Again | None, /) -> None:
        """Take blocks of the next frame that were coded before as they are.

        Args:
            again: Returns such a block for the header of the frame, a content and its offset, or
                None where there is none; it is asked for all blocks, in order. The choices must
                be those of before.
        """
        self._again = again

    def set_pledged_input_size(self, size: int | None, /) -> None:
        """Announce how much content the next frame will have; it is then recorded.

        Args:
            size: Bytes of content, or None where they are not known.

        Raises:
            RuntimeError: A frame is being written.
            ValueError: The size is negative.
        """
        if self._last_mode != self.FLUSH_FRAME:
            raise RuntimeError("the size must be announced before the frame has begun")
        if size is not None and size < 0:
            raise ValueError(f"size must not be negative: got {size}")
        self._pledged = size

    def compress(self, data: Buffer, /, mode: int = CONTINUE) -> bytes:
        """Take content; return compressed bytes, where there are some.

        Args:
            data: Content, any number of bytes.
            mode: `CONTINUE`; or `FLUSH_BLOCK` to return everything so far as complete blocks, at
                the cost of their size; or `FLUSH_FRAME` to end the frame.

        Returns:
            The next bytes of the stream, perhaps none.

        Raises:
            ValueError: The mode is none of the three, the announced size is not kept, or a call
                has failed before.
            ModelError: The model cannot code this content.
        """
        if mode not in (self.CONTINUE, self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError(f"mode must be CONTINUE, FLUSH_BLOCK or FLUSH_FRAME: got {mode}")
        if self._failed:
            raise ValueError("compressor has failed before: the frame cannot be continued")
        if self._writer is None:
            self._writer = FrameWriter(
                self._settings.plan,
                self._settings.block_size,
                content_size=self._pledged,
                digest=self._settings.digest,
                workers=self._workers,
                again=self._again,
            )
        self._last_mode = mode
        try:
            return b"".join(self._write(self._writer, data, mode))
        except BaseException:
            # Blocks may be lost: nothing that could follow would make a whole frame.
            self._failed = True
            self._workers.close()
            raise

    def _write(self, writer: FrameWriter, data: Buffer, mode: int) -> Iterator[bytes]:
        yield from writer.write(data)
        if mode == self.FLUSH_BLOCK:
            yield from writer.flush_block()
            yield from writer.drain()
        elif mode == self.FLUSH_FRAME:
            yield from writer.finish()
            self._workers.close()
            self._writer = self._pledged = None

    def flush(self, mode: int = FLUSH_FRAME) -> bytes:
        """Return what was kept back.

        Args:
            mode: `FLUSH_FRAME` to end the frame, or `FLUSH_BLOCK` to end the block.

        Returns:
            The next bytes of the stream.

        Raises:
            ValueError: The mode is none of the two.
        """
        if mode not in (self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError(f"mode must be FLUSH_BLOCK or FLUSH_FRAME: got {mode}")
        return self.compress(b"", mode)


class LmcodecDecompressor:
    """Decompresses one frame that comes in pieces.

    Args:
        max_memory: Bytes that decoding a block may need, or None for any number.

    Example:
        >>> import lmcodec
        >>> decompressor = LmcodecDecompressor()
        >>> decompressor.decompress(lmcodec.compress(b"some bytes") + b"more")
        b'some bytes'
        >>> decompressor.eof, decompressor.unused_data
        (True, b'more')
    """

    def __init__(self, *, max_memory: int | None = None) -> None:
        self._max_memory = max_memory
        # Pieces are joined only when there are enough for the next part, not for each call.
        self._pieces: list[bytes] = []
        self._input = memoryview(b"")
        self._available = 0
        self._wanted = 1
        self._consumed = 0
        self._output = bytearray()
        self._checker: FrameChecker | None = None
        self._frame_begin = 0
        # The header of what comes next, and where its part of the frame began.
        self._part: BlockHeader | WeightsRecord | None = None
        self._part_begin: int | None = None
        self._skip = 0
        self._eof = False

    @property
    def eof(self) -> bool:
        """Whether the end of the frame was reached and all content returned."""
        return self._eof and not self._output

    @property
    def unused_data(self) -> bytes:
        """Bytes that came after the end of the frame."""
        return b"".join((self._input, *self._pieces)) if self.eof else b""

    @property
    def needs_input(self) -> bool:
        """Whether more input is needed before more content can be returned."""
        return not self._eof and not self._output and self._available < self._wanted

    def decompress(self, data: Buffer, max_length: int = -1) -> bytes:
        """Take compressed bytes; return content, where there is some.

        Args:
            data: The next bytes of the stream, any number.
            max_length: How many bytes to return at most; negative for any number. A whole block
                is decoded at once nevertheless.

        Returns:
            The next bytes of content, perhaps none.

        Raises:
            EOFError: The frame has ended before.
            FormatError: The bytes are not a frame.
            UnsupportedError: The frame needs a newer release or an unknown model.
            LimitError: A block needs more than `max_memory`.
        """
        if self.eof:
            raise EOFError("the end of the frame was reached before")
        self._pieces.append(bytes(data))
        self._available += len(self._pieces[-1])
        while not self._eof and (max_length < 0 or len(self._output) < max_length):
            if self._available < self._wanted:
                break
            self._input = memoryview(b"".join((self._input, *self._pieces)))
            self._pieces.clear()
            self._advance(max_length)
        size = len(self._output) if max_length < 0 else min(max_length, len(self._output))
        out = bytes(self._output[:size])
        del self._output[:size]
        return out

    def _advance(self, max_length: int) -> None:
        """Read parts until bytes are missing, the frame ends, or there is output enough."""
        while not self._eof and (max_length < 0 or len(self._output) < max_length):
            try:
                self._step()
            except TruncatedError as error:
                # A model that finds its payload too short knows no number: nothing will help it.
                if error.missing is None:
                    raise
                self._wanted = self._available + error.missing
                return

    def _step(self) -> None:
        """Read the next part of the frame, and decode it where it is a block."""
        cursor = Cursor(self._input, base=self._consumed)
        if self._skip:
            self._skip -= len(cursor.take(min(self._skip, max(1, cursor.remaining)), "content"))
            self._eof = not self._skip
        elif self._checker is None:
            head = next_frame(cursor)
            if isinstance(head, SkippableFrame):
                self._skip = head.size
                self._eof = not head.size
            else:
                self._checker = FrameChecker(head)
                self._frame_begin = self._consumed
        elif isinstance(self._part, WeightsRecord):
            copy = cursor.take(self._part.coded_size, "embedded weights")
            self._checker.weights(WeightsPart(self._part, copy), self._max_memory)
            self._part = None
        elif self._part is not None and self._part_begin is not None:
            payloads = cursor.take(self._part.payload_size, "payload")
            begin, self._part_begin = self._part_begin, None
            header, self._part = self._part, None
            size = cursor.offset - begin
            self._checker.block(BlockPart(header, payloads, begin - self._frame_begin, size))
            raw = decode_block(header, payloads, max_memory=self._max_memory)
            self._output += self._checker.content(raw)
        else:
            next_ = self._checker.next_part(cursor)
            if isinstance(next_, End):
                self._checker.end(next_)
                self._eof = True
            else:
                self._part = next_
                # A copy of weights counts as a piece of the block behind it.
                if self._part_begin is None:
                    self._part_begin = self._consumed
        self._input = self._input[cursor.position :]
        self._available -= cursor.position
        self._consumed += cursor.position
        self._wanted = 1
