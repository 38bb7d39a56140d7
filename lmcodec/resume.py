"""Work that was interrupted: the blocks that are coded already are found, and not coded again.

A compressor that may be interrupted writes to a file beside the output, which stays where it ends
early. The next run with the same choices reads it: blocks with the same place, size and checksum
of content are taken as they are, as far as they follow one another from the beginning.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

from lmcodec.container import FrameHeader
from lmcodec.errors import LmcodecError
from lmcodec.header import BlockHeader
from lmcodec.index import Source, walk
from lmcodec.outputs import copy_owner_and_mode, rename_new

if TYPE_CHECKING:
    from lmcodec.index import Part

SUFFIX = ".part"


class PartialFile:
    """An output that keeps what was written when it is abandoned.

    Args:
        path: The name that it gets in the end; until then, ".part" is added.
        like: Whose owner, mode and times it gets, or None.

    Attributes:
        path: The name.
        found: Bytes of content in the blocks that are there from an earlier run.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, path: str, *, like: os.stat_result | None = None) -> None:
        self.path: str | None = path
        self.part = path + SUFFIX
        self._like = like
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(self.part, flags, 0o600), "r+b", buffering=0)
        self._blocks = self._read()
        self._next = 0
        self.found = sum(header.raw_size for _, header in self._blocks)

    def _read(self) -> list[tuple[Part, BlockHeader]]:
        """Return the whole blocks of the first frame, from the first on."""
        found: list[tuple[Part, BlockHeader]] = []
        taken = 0
        try:
            for part in walk(Source(self._file)):
                if isinstance(part.header, BlockHeader) and not part.header.embedded:
                    if part.header.start != taken:
                        break
                    taken += part.header.raw_size
                    found.append((part, part.header))
                elif not isinstance(part.header, FrameHeader) or found:
                    break
        except LmcodecError:
            # It ends within a block.
            pass
        finally:
            self._file.seek(0)
        return found

    def again(self, header: bytes, raw: bytes, start: int) -> bytes | None:
        """Return the coded block of a content, where it is there; asked for in order.

        Args:
            header: That of the frame.
            raw: The content.
            start: Its offset in the content of the frame.
        """
        if self._next < len(self._blocks):
            part, block = self._blocks[self._next]
            same = (block.start, block.raw_size) == (start, len(raw))
            if same and block.crc == zlib.crc32(raw) and self._read_at(0, len(header)) == header:
                self._next += 1
                # It is written where it is read.
                return self._read_at(part.offset, part.size)
        # What follows would stand elsewhere.
        self._next = len(self._blocks)
        return None

    def _read_at(self, offset: int, size: int) -> bytes:
        here = self._file.tell()
        self._file.seek(offset)
        data = self._file.read(size)
        self._file.seek(here)
        return data

    def write(self, data: bytes) -> None:
        """Write all bytes."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]

    def close(self) -> str:
        """End it where it was written to, and return the name under which it can be read."""
        if not self._file.closed:
            self._file.truncate()
            if self._like is not None:
                copy_owner_and_mode(self._like, self._file.fileno(), self.part)
            self._file.close()
            if self._like is not None:
                os.utime(self.part, ns=(self._like.st_atime_ns, self._like.st_mtime_ns))
        return self.part

    def commit(self) -> None:
        """Give it its name.

        Raises:
            FileExistsError: The name was taken meanwhile.
        """
        self.close()
        rename_new(self.part, str(self.path))

    def abandon(self) -> None:
        """Keep what was written, unless that is nothing."""
        if not self._file.closed:
            empty = os.fstat(self._file.fileno()).st_size == 0
            self._file.close()
            if empty:
                os.unlink(self.part)
