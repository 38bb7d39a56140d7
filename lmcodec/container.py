"""The layout of a frame: dataclasses to bytes and back. Nothing here knows a model.

``docs/format.md`` is the authority. A frame is a header, blocks, and an end; every part but the
payloads is covered by its own checksum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lmcodec.errors import CorruptError, FormatError, TruncatedError, UnsupportedError
from lmcodec.header import BLOCK_MARKER, WEIGHTS_MARKER, BlockHeader, WeightsRecord
from lmcodec.packing import Cursor, pack_blob, pack_u32, pack_varint, seal

# 0xB5 cannot begin a character in UTF-8, so no text file begins with a magic.
MAGIC = b"\xb5LMZ"
SKIPPABLE_MAGIC = b"\xb5LM"  # and one byte, 0x60 + tag
MAJOR, MINOR = 1, 0

END_MARKER = b"\xb5E"
INDEX_MAGIC = b"\xb5IDX"
FOOTER_BYTES = 8

FRAME_HAS_CONTENT_SIZE = 1
FRAME_HAS_DIGEST = 2
FRAME_IS_ONE_BLOCK = 4
FRAME_FLAGS = FRAME_HAS_CONTENT_SIZE | FRAME_HAS_DIGEST | FRAME_IS_ONE_BLOCK
INDEX_HAS_DIGEST = 1


@dataclass(frozen=True)
class FrameHeader:
    """What a frame says of itself before its first block.

    Args:
        content_size: Bytes of content in the whole frame, or None where it is not announced.
        has_digest: Whether the end of the frame holds a SHA-256 of the content.
        one_block: Whether the frame is exactly one block, and ends with it.
        minor: Minor version of the format.
    """

    content_size: int | None = None
    has_digest: bool = False
    one_block: bool = False
    minor: int = MINOR

    def pack(self) -> bytes:
        """Return the header as bytes."""
        known = self.content_size is not None
        flags = FRAME_HAS_CONTENT_SIZE * known
        flags |= FRAME_HAS_DIGEST * self.has_digest | FRAME_IS_ONE_BLOCK * self.one_block
        head = MAGIC + bytes((MAJOR, self.minor, flags))
        return seal(head + pack_varint(self.content_size or 0)) if known else head

    @classmethod
    def parse(cls, cursor: Cursor) -> FrameHeader:
        """Read a header.

        Raises:
            FormatError: This is not a frame.
            UnsupportedError: It needs a newer version of the format.
        """
        start = cursor.position
        cursor.take(len(MAGIC), "frame header")
        major, minor, flags = cursor.take(3, "frame header")
        if major != MAJOR or flags & ~FRAME_FLAGS:
            what = f"version {major}.{minor}" if major != MAJOR else f"frame flags {flags:#04x}"
            raise UnsupportedError(
                f"format is not known: {what}, at byte {cursor.base + start}",
                id="format",
                version=major,
                hint="install a newer release of lmcodec, or check the file for damage",
            )
        size = None
        # Damage to anything else is found without a checksum: the rest of the frame does not fit.
        if flags & FRAME_HAS_CONTENT_SIZE:
            size = cursor.varint("content size")
            cursor.check_seal(start, "frame header")
        return cls(size, bool(flags & FRAME_HAS_DIGEST), bool(flags & FRAME_IS_ONE_BLOCK), minor)


def check_magic(cursor: Cursor) -> None:
    """Check that the next bytes can begin a frame or a skippable frame, as far as they are there.

    Raises:
        FormatError: They cannot.
    """
    head = cursor.peek(4)
    skippable = head[:3] == SKIPPABLE_MAGIC and b"\x60" <= head[3:] <= b"\x6f"
    if not MAGIC.startswith(head) and not skippable:
        where = "not an lmcodec stream" if cursor.offset == 0 else "bytes after the last frame"
        raise FormatError(f"{where}: no frame begins with {head.hex()}", offset=cursor.offset)


@dataclass(frozen=True)
class SkippableFrame:
    """Bytes that readers pass over.

    Args:
        tag: 0 to 15, for the writer's own use.
        size: Bytes of content behind the header.
    """

    tag: int
    size: int

    def pack(self) -> bytes:
        """Return the header as bytes; the content follows it.

        Raises:
            ValueError: The tag is outside its range.
        """
        if not 0 <= self.tag <= 15:
            raise ValueError(f"tag must be 0 to 15: got {self.tag}")
        return seal(SKIPPABLE_MAGIC + bytes((0x60 + self.tag,)) + self.size.to_bytes(8, "little"))

    @classmethod
    def parse(cls, cursor: Cursor) -> SkippableFrame:
        """Read the header."""
        start = cursor.position
        tag = cursor.take(4, "skippable frame")[3] - 0x60
        size = cursor.u64("size of a skippable frame")
        cursor.check_seal(start, "skippable frame")
        return cls(tag, size)


@dataclass(frozen=True)
class IndexEntry:
    """Where a block is.

    Args:
        offset: First byte of the block in the frame.
        coded_size: Bytes of the block, header and payloads.
        start: Offset of its content in the frame's content.
        raw_size: Bytes of content.
        crc: CRC-32 of the content.
    """

    offset: int
    coded_size: int
    start: int
    raw_size: int
    crc: int


@dataclass(frozen=True)
class End:
    """The end of a frame, with the index where the frame has one.

    Args:
        entries: All blocks of the frame in order, or None where there is no index.
        digest: SHA-256 of the frame's content, or None; only with an index.
    """

    entries: tuple[IndexEntry, ...] | None = None
    digest: bytes | None = None

    def pack(self) -> bytes:
        """Return marker, size, index, checksum and footer."""
        if self.entries is None:
            return END_MARKER + b"\0"
        first = self.entries[0].offset if self.entries else 0
        parts = [
            bytes((INDEX_HAS_DIGEST if self.digest else 0,)),
            self.digest or b"",
            pack_varint(first),
            pack_varint(len(self.entries)),
        ]
        for entry in self.entries:
            parts += [
                pack_varint(entry.coded_size),
                pack_varint(entry.raw_size),
                pack_u32(entry.crc),
            ]
        section = seal(END_MARKER + pack_blob(b"".join(parts)))
        return section + pack_u32(len(section)) + INDEX_MAGIC

    @classmethod
    def parse(cls, cursor: Cursor) -> End:
        """Read marker, size, index, checksum and footer.

        Raises:
            FormatError: They are not well formed.
            UnsupportedError: They need a newer release.
        """
        start = cursor.position
        if cursor.take(2, "end of the frame") != END_MARKER:
            raise FormatError("no end of a frame here", offset=cursor.base + start)
        size = cursor.varint("size of the index")
        if size == 0:
            return cls()
        base = cursor.offset
        # Index, checksum, footer: asked for at once, so that a waiting reader waits only once.
        cursor.take(size + 4 + FOOTER_BYTES, "index")
        cursor.position -= 4 + FOOTER_BYTES
        cursor.check_seal(start, "index")
        section_size = cursor.position - start
        inner = Cursor(
            cursor.data[cursor.position - 4 - size : cursor.position - 4], base=base, complete=True
        )
        footer = cursor.take(FOOTER_BYTES, "footer")
        if footer != pack_u32(section_size & 0xFFFFFFFF) + INDEX_MAGIC:
            raise CorruptError("footer does not fit the index", offset=cursor.offset - FOOTER_BYTES)
        flags = inner.u8("index flags")
        if flags & ~INDEX_HAS_DIGEST:
            raise UnsupportedError(
                f"index flags are not known to this release: {flags:#04x}",
                id="format",
                hint="install a newer release of lmcodec",
            )
        digest = bytes(inner.take(32, "digest")) if flags & INDEX_HAS_DIGEST else None
        offset = inner.varint("offset of the first block")
        content = 0
        entries = []
        for _ in range(inner.varint("number of blocks")):
            coded_size = inner.varint("coded size")
            raw_size = inner.varint("raw size")
            entries.append(IndexEntry(offset, coded_size, content, raw_size, inner.u32("checksum")))
            offset += coded_size
            content += raw_size
        inner.end("index")
        return cls(tuple(entries), digest)


# What a frame is made of, besides its header, payloads and copies of weights.
Part: TypeAlias = BlockHeader | WeightsRecord | End


def next_part(cursor: Cursor, *, one_block: bool = False, blocks: int = 0) -> Part:
    """Read the next part of a frame: a block header, what precedes a copy of weights, or the end.

    Args:
        cursor: Where to read.
        one_block: What the frame header says.
        blocks: Number of blocks of the frame that were read before.

    Returns:
        The part; the end of a frame of one block takes no bytes.

    Raises:
        FormatError: None of them is here.
        UnsupportedError: The part needs a newer release.
    """
    if one_block and blocks:
        return End()
    marker = cursor.peek(2)
    if marker == BLOCK_MARKER:
        return BlockHeader.parse(cursor)
    if marker == END_MARKER and not one_block:
        return End.parse(cursor)
    if marker == WEIGHTS_MARKER:
        return WeightsRecord.parse(cursor)
    if len(marker) < 2 and BLOCK_MARKER.startswith(marker):
        raise TruncatedError(
            "frame ends early: no end marker", missing=2 - len(marker), offset=cursor.offset
        )
    raise CorruptError(
        f"no part of a frame begins with {marker.hex()}", offset=cursor.offset, got=marker
    )


def next_frame(cursor: Cursor) -> FrameHeader | SkippableFrame:
    """Read the header of the next frame.

    Raises:
        FormatError: No frame begins here.
        UnsupportedError: It needs a newer version of the format.
    """
    check_magic(cursor)
    if cursor.peek(4)[3:] not in (b"", MAGIC[3:]):
        return SkippableFrame.parse(cursor)
    return FrameHeader.parse(cursor)
