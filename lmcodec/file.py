"""Compressed files as file objects."""

from __future__ import annotations

import builtins
import io
import os
from typing import IO, TYPE_CHECKING, Any, Literal, cast, overload

from lmcodec.incremental import LmcodecCompressor
from lmcodec.options import NetworkChoice, Options, PriorChoice
from lmcodec.reader import ContentReader

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Buffer, TypedDict, Unpack

    from lmcodec.models.base import Model
    from lmcodec.transforms.base import Transform

    Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
    ReadMode: TypeAlias = Literal["r", "rb"]
    WriteMode: TypeAlias = Literal["w", "wb", "x", "xb", "a", "ab"]
    TextMode: TypeAlias = Literal["rt", "wt", "xt", "at"]

    class _Coding(TypedDict, total=False):
        """What `open` hands on to `LmcodecFile`."""

        level: int | None
        options: Options | None
        model: Model | str
        transform: Transform | str
        prior: PriorChoice
        network: NetworkChoice
        embed: bool
        threads: int | None
        block_size: int | None
        max_memory: int | None


_CHUNK_BYTES = 1 << 17


class LmcodecFile(io.BufferedIOBase):
    """A compressed file: reading gives its content, writing compresses.

    When reading, all frames are joined, and `seek` decodes only the block that is needed. Reading
    from the first byte to the last checks everything that `decompress` checks.

    Args:
        file: A path, or a binary file object, which is not closed.
        mode: "r" to read, "w" to write, "x" to write a new file, "a" to add a frame at the end;
            each also with "b".
        level: 1 (fast) to 9 (small), when writing.
        options: Values by `CompressionParameter`, when writing; not together with `level`.
        model: "auto", "stored", the id of a model, or a model, when writing.
        transform: "auto", "raw" for none, the id of a transform, or a transform, when writing.
        prior: As for `lmcodec.compress`, when writing.
        network: As for `lmcodec.compress`, when writing.
        embed: As for `lmcodec.compress`, when writing.
        threads: Blocks that are coded side by side.
        block_size: Bytes of content in a block, when writing.
        max_memory: Bytes that decoding a block may need, when reading, or None for any number.

    Raises:
        TypeError: `level` or `options` are given for reading, or both for writing.
        ValueError: The mode is not known.
    """

    def __init__(
        self,
        file: Path | IO[bytes],
        /,
        mode: str = "r",
        *,
        level: int | None = None,
        options: Options | None = None,
        model: Model | str = "auto",
        transform: Transform | str = "auto",
        prior: PriorChoice = "auto",
        network: NetworkChoice = "auto",
        embed: bool = False,
        threads: int | None = None,
        block_size: int | None = None,
        max_memory: int | None = None,
    ) -> None:
        self._close_file = False
        self._reader: io.BufferedReader | None = None
        self._compressor: LmcodecCompressor | None = None
        self._fp: IO[bytes] | None = None
        letter = mode.removesuffix("b") or "r"
        if letter not in ("r", "w", "x", "a") or mode.count("b") > 1:
            raise ValueError(f"mode is not known: {mode!r}")
        self._mode = "rb" if letter == "r" else "wb"
        if letter == "r" and (level is not None or options is not None):
            raise TypeError("level and options are for writing: the stream says how it was written")
        if letter != "r":
            self._compressor = LmcodecCompressor(
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
        if isinstance(file, (str, bytes, os.PathLike)):
            self._fp = cast("IO[bytes]", builtins.open(file, letter + "b"))
            self._close_file = True
        elif hasattr(file, "read") or hasattr(file, "write"):
            self._fp = file
        else:
            raise TypeError(f"file must be a path or a file object: got {file!r}")
        self._written = 0
        if letter == "r":
            self._reader = io.BufferedReader(
                ContentReader(self._fp, max_memory, threads or 1), _CHUNK_BYTES
            )

    def close(self) -> None:
        """End the frame that is being written, and close the file that was opened here."""
        if self._fp is None:
            return
        file, self._fp = self._fp, None
        try:
            if self._reader is not None:
                self._reader.close()
            elif self._compressor is not None and not self._compressor.failed:
                file.write(self._compressor.flush())
        finally:
            self._compressor = None
            if self._close_file:
                file.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._fp is None

    @property
    def mode(self) -> str:
        """Either "rb" or "wb"."""
        return self._mode

    @property
    def name(self) -> Any:
        """The name of the underlying file."""
        return self._file().name  # type: ignore[union-attr, unused-ignore]

    def fileno(self) -> int:
        """Return the descriptor of the underlying file."""
        return self._file().fileno()

    def readable(self) -> bool:
        """Return whether the file was opened for reading."""
        self._file()
        return self._reader is not None

    def writable(self) -> bool:
        """Return whether the file was opened for writing."""
        self._file()
        return self._compressor is not None

    def seekable(self) -> bool:
        """Return whether the file is read from a file that can seek."""
        return self.readable() and self._input().seekable()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes of content; to the end when it is negative or None."""
        return self._input().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes without waiting for more than one piece of the file."""
        return self._input().read1(size if size >= 0 else _CHUNK_BYTES)

    def readinto(self, buffer: Buffer, /) -> int:
        """Read content into a buffer."""
        return self._input().readinto(buffer)

    def readinto1(self, buffer: Buffer, /) -> int:
        """Read content into a buffer without waiting for more than one piece of the file."""
        return self._input().readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line with its end, at most `size` bytes when that is not negative."""
        return self._input().readline(size)

    def peek(self, size: int = -1, /) -> bytes:
        """Return the next bytes of content without moving on: one at least, unless at the end."""
        return self._input().peek(size)

    def __next__(self) -> bytes:
        """Return the next line."""
        line = self._input().readline()
        if not line:
            raise StopIteration
        return line

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset of the content; only the block found there is decoded."""
        return self._input().seek(offset, whence)

    def tell(self) -> int:
        """Return the offset in the content."""
        self._file()
        return self._reader.tell() if self._reader is not None else self._written

    def write(self, data: Buffer, /) -> int:
        """Compress content.

        Returns:
            The number of bytes of content.
        """
        compressor = self._output()
        self._file().write(compressor.compress(data))
        size = memoryview(data).nbytes
        self._written += size
        return size

    def flush(self, mode: int = LmcodecCompressor.FLUSH_BLOCK) -> None:
        """Write out everything so far: as complete blocks, or as a complete frame.

        Args:
            mode: `LmcodecCompressor.FLUSH_BLOCK` or `LmcodecCompressor.FLUSH_FRAME`.
        """
        if self._reader is not None or self._fp is None:
            return
        self._fp.write(self._output().flush(mode))
        if hasattr(self._fp, "flush"):
            self._fp.flush()

    def _file(self) -> IO[bytes]:
        if self._fp is None:
            raise ValueError("I/O operation on closed file")
        return self._fp

    def _input(self) -> io.BufferedReader:
        self._file()
        if self._reader is None:
            raise io.UnsupportedOperation("file was not opened for reading")
        return self._reader

    def _output(self) -> LmcodecCompressor:
        self._file()
        if self._compressor is None:
            raise io.UnsupportedOperation("file was not opened for writing")
        return self._compressor


@overload
def open(
    file: Path | IO[bytes],
    /,
    mode: ReadMode | WriteMode = "rb",
    *,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    **coding: Unpack[_Coding],
) -> LmcodecFile: ...


@overload
def open(
    file: Path | IO[bytes],
    /,
    mode: TextMode,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **coding: Unpack[_Coding],
) -> io.TextIOWrapper: ...


@overload
def open(
    file: Path | IO[bytes],
    /,
    mode: str,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **coding: Unpack[_Coding],
) -> LmcodecFile | io.TextIOWrapper: ...


def open(
    file: Path | IO[bytes],
    /,
    mode: str = "rb",
    *,
    level: int | None = None,
    options: Options | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    model: Model | str = "auto",
    transform: Transform | str = "auto",
    prior: PriorChoice = "auto",
    network: NetworkChoice = "auto",
    embed: bool = False,
    threads: int | None = None,
    block_size: int | None = None,
    max_memory: int | None = None,
) -> LmcodecFile | io.TextIOWrapper:
    """Open a compressed file.

    Args:
        file: A path, or a binary file object, which is not closed.
        mode: As for `LmcodecFile`, or with "t" for text.
        level: 1 (fast) to 9 (small), when writing.
        options: Values by `CompressionParameter`, when writing; not together with `level`.
        encoding: As for the built-in `open`, in text modes.
        errors: As for the built-in `open`, in text modes.
        newline: As for the built-in `open`, in text modes.
        model: "auto", "stored", the id of a model, or a model, when writing.
        transform: "auto", "raw" for none, the id of a transform, or a transform, when writing.
        prior: As for `lmcodec.compress`, when writing.
        network: As for `lmcodec.compress`, when writing.
        embed: As for `lmcodec.compress`, when writing.
        threads: Blocks that are coded side by side.
        block_size: Bytes of content in a block, when writing.
        max_memory: Bytes that decoding a block may need, when reading, or None for any number.

    Returns:
        A binary file object, or a text one.

    Raises:
        TypeError: `level` or `options` are given for reading, or both for writing.
        ValueError: The mode is not known, or a text argument is given in a binary mode.
    """
    text = "t" in mode
    if text and "b" in mode:
        raise ValueError(f"mode is not known: {mode!r}")
    if not text:
        for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if value is not None:
                raise ValueError(f"argument {name} is for text modes")
    binary = LmcodecFile(
        file,
        mode.replace("t", "", 1),
        level=level,
        options=options,
        model=model,
        transform=transform,
        prior=prior,
        network=network,
        embed=embed,
        threads=threads,
        block_size=block_size,
        max_memory=max_memory,
    )
    if not text:
        return binary
    return io.TextIOWrapper(binary, encoding, errors, newline)
