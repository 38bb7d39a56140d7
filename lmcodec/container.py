"""The layout of a frame: dataclasses to bytes and back. Nothing here knows a model.

``docs/format.md`` is the authority. A frame is a header, blocks, and an end; every part but the
payloads is covered by its own checksum.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lmcodec.errors import CorruptError, FormatError, LimitError, TruncatedError, UnsupportedError
from lmcodec.packing import Cursor, pack_blob, pack_varint

if TYPE_CHECKING:
    pass

# 0xB5 cannot begin a character in UTF-8, so no text file begins with a magic.
MAGIC = b"\xb5LMZ"
SKIPPABLE_MAGIC = b"\xb5LM"  # and one byte, 0x60 + tag
MAJOR, MINOR = 1, 0

BLOCK_MARKER = b"\xb5B"
END_MARKER = b"\xb5E"
WEIGHTS_MARKER = b"\xb5W"
INDEX_MAGIC = b"\xb5IDX"
FOOTER_BYTES = 8

MAX_HEADER_BYTES = 1 << 20
# Positions inside a block fit a signed 32-bit number in every decoder.
MAX_BLOCK_BYTES = (1 << 31) - 1

FRAME_HAS_CONTENT_SIZE = 1
FRAME_HAS_DIGEST = 2
MODEL_HOST_BOUND = 1
MODEL_WEIGHTS_SHIFT = 1
MODEL_WEIGHTS_DIGEST = 1
MODEL_WEIGHTS_EMBEDDED = 2
INDEX_HAS_DIGEST = 1

STORED = 0
WIDTHS = (1, 2, 4)
NAME_PATTERN = re.compile(r"[a-z0-9_.-]{1,64}")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _sealed(data: bytes) -> bytes:
    """Append the checksum that `_check_seal` reads."""
    return data + _u32(zlib.crc32(data))


def _check_seal(cursor: Cursor, start: int, what: str) -> None:
    """Read a CRC-32 of everything since `start`."""
    computed = zlib.crc32(cursor.data[start : cursor.position])
    offset = cursor.base + start
    stored = cursor.u32(f"checksum of the {what}")
    if stored != computed:
        raise CorruptError(
            f"checksum of the {what} differs: {stored:#010x} in the stream, {computed:#010x} here",
            expected=stored,
            got=computed,
            offset=offset,
        )


def _name(cursor: Cursor, what: str) -> str:
    raw = cursor.blob(what)
    text = raw.decode("ascii", "replace")
    if NAME_PATTERN.fullmatch(text) is None:
        raise FormatError(f"{what} is not well formed: {raw[:80]!r}", offset=cursor.offset)
    return text


@dataclass(frozen=True)
class FrameHeader:
    """What a frame says of itself before its first block.

    Args:
        content_size: Bytes of content in the whole frame, or None where it is not announced.
        has_digest: Whether the end of the frame holds a SHA-256 of the content.
        minor: Minor version of the format.
    """

    content_size: int | None = None
    has_digest: bool = False
    minor: int = MINOR

    def pack(self) -> bytes:
        """Return the header as bytes."""
        known = self.content_size is not None
        flags = FRAME_HAS_CONTENT_SIZE * known | FRAME_HAS_DIGEST * self.has_digest
        size = pack_varint(self.content_size or 0) if known else b""
        return _sealed(MAGIC + bytes((MAJOR, self.minor, flags)) + size)

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
        if major != MAJOR or flags & ~(FRAME_HAS_CONTENT_SIZE | FRAME_HAS_DIGEST):
            what = f"version {major}.{minor}" if major != MAJOR else f"frame flags {flags:#04x}"
            raise UnsupportedError(
                f"format is not known: {what}, at byte {cursor.base + start}",
                id="format",
                version=major,
                hint="install a newer release of lmcodec, or check the file for damage",
            )
        size = cursor.varint("content size") if flags & FRAME_HAS_CONTENT_SIZE else None
        _check_seal(cursor, start, "frame header")
        return cls(size, bool(flags & FRAME_HAS_DIGEST), minor)


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
        return _sealed(
            SKIPPABLE_MAGIC + bytes((0x60 + self.tag,)) + self.size.to_bytes(8, "little")
        )

    @classmethod
    def parse(cls, cursor: Cursor) -> SkippableFrame:
        """Read the header."""
        start = cursor.position
        tag = cursor.take(4, "skippable frame")[3] - 0x60
        size = cursor.u64("size of a skippable frame")
        _check_seal(cursor, start, "skippable frame")
        return cls(tag, size)


@dataclass(frozen=True)
class ModelRecord:
    """Which model coded a stream, and everything needed to build it again.

    Args:
        id: Id in the registry.
        version: Version of the model's bitstream.
        params: The model's packed fields.
        host_bound: True where only the encoding machine can decode.
        digests: SHA-256 of the weights, and of the tokenizer where there is one.
    """

    id: str
    version: int
    params: bytes = b""
    host_bound: bool = False
    digests: tuple[bytes, ...] = ()

    def pack(self) -> bytes:
        """Return the record as bytes."""
        flags = MODEL_HOST_BOUND if self.host_bound else 0
        if self.digests:
            flags |= MODEL_WEIGHTS_DIGEST << MODEL_WEIGHTS_SHIFT
        head = pack_blob(self.id.encode()) + pack_varint(self.version) + bytes((flags,))
        digests = bytes((len(self.digests),)) + b"".join(self.digests) if self.digests else b""
        return head + digests + pack_blob(self.params)

    @classmethod
    def parse(cls, cursor: Cursor) -> ModelRecord:
        """Read a record.

        Raises:
            UnsupportedError: It has flags that this version does not know.
        """
        id = _name(cursor, "model id")
        version = cursor.varint("model version")
        flags = cursor.u8("model flags")
        weights = flags >> MODEL_WEIGHTS_SHIFT
        if weights > MODEL_WEIGHTS_DIGEST:
            embedded = weights == MODEL_WEIGHTS_EMBEDDED
            feature = "embedded weights" if embedded else f"model flags {flags:#04x}"
            raise UnsupportedError(
                f"{feature} are not known to this release: model {id} version {version}",
                id=id,
                version=version,
                hint="install a newer release of lmcodec",
            )
        count = cursor.u8("number of digests") if weights else 0
        if weights and not count:
            raise FormatError("weights have no digest", offset=cursor.offset)
        digests = tuple(bytes(cursor.take(32, "digest of weights")) for _ in range(count))
        params = cursor.blob("model parameters")
        return cls(id, version, params, bool(flags & MODEL_HOST_BOUND), digests)


@dataclass(frozen=True)
class TransformRecord:
    """Which transform split the block; `id` is empty where none did."""

    id: str = ""
    version: int = 0
    params: bytes = b""

    def pack(self) -> bytes:
        """Return the record as bytes."""
        if not self.id:
            return b"\0"
        return pack_blob(self.id.encode()) + pack_varint(self.version) + pack_blob(self.params)

    @classmethod
    def parse(cls, cursor: Cursor) -> TransformRecord:
        """Read a record."""
        if cursor.peek(1) == b"\0":
            cursor.u8("transform id")
            return cls()
        id = _name(cursor, "transform id")
        return cls(id, cursor.varint("transform version"), cursor.blob("transform parameters"))


@dataclass(frozen=True)
class StreamRecord:
    """One stream of a block.

    Args:
        name: Name, empty where no transform split the block.
        model: 0 where the symbols are stored, else 1 + index in the block's model records.
        width: Bytes of a symbol.
        count: Number of symbols.
        coded_size: Bytes of the payload.
    """

    name: str
    model: int
    width: int
    count: int
    coded_size: int


@dataclass(frozen=True)
class BlockHeader:
    """Everything needed to decode one block without having seen any other.

    Args:
        start: Offset of the block's content in the frame's content.
        raw_size: Bytes of content.
        crc: CRC-32 of the content.
        transform: The transform that split the block.
        models: Model records, to which the streams refer.
        streams: The streams, in the order of their payloads.
    """

    start: int
    raw_size: int
    crc: int
    transform: TransformRecord = field(default_factory=TransformRecord)
    models: tuple[ModelRecord, ...] = ()
    streams: tuple[StreamRecord, ...] = ()

    @property
    def payload_size(self) -> int:
        """Bytes of all payloads together."""
        return sum(stream.coded_size for stream in self.streams)

    def pack(self) -> bytes:
        """Return marker, size, header and checksum; the payloads follow.

        Raises:
            LimitError: The header is larger than the format allows.
        """
        parts = [
            self.transform.pack(),
            pack_varint(self.start),
            pack_varint(self.raw_size),
            _u32(self.crc),
            pack_varint(len(self.models)),
            *(model.pack() for model in self.models),
        ]
        if self.transform.id:
            parts.append(pack_varint(len(self.streams)))
        for stream in self.streams:
            if self.transform.id:
                parts.append(pack_blob(stream.name.encode()))
            parts.append(pack_varint(stream.model << 2 | WIDTHS.index(stream.width)))
            if self.transform.id:
                parts.append(pack_varint(stream.count))
            parts.append(pack_varint(stream.coded_size))
        header = b"".join(parts)
        if len(header) > MAX_HEADER_BYTES:
            raise LimitError(
                f"block header is too large: {len(header)} of {MAX_HEADER_BYTES} bytes",
                limit=MAX_HEADER_BYTES,
                needed=len(header),
            )
        return _sealed(BLOCK_MARKER + pack_blob(header))

    @classmethod
    def parse(cls, cursor: Cursor) -> BlockHeader:
        """Read marker, size, header and checksum, leaving the payloads.

        Raises:
            FormatError: They are not well formed.
            UnsupportedError: They need a newer release.
        """
        start = cursor.position
        if cursor.take(2, "block header") != BLOCK_MARKER:
            raise FormatError("no block begins here", offset=cursor.base + start)
        size = cursor.varint("size of the block header")
        if size > MAX_HEADER_BYTES:
            raise FormatError(
                f"block header is too large: {size} of {MAX_HEADER_BYTES} bytes",
                offset=cursor.base + start,
            )
        base = cursor.offset
        # Both are asked for at once, so that a reader that waits for bytes waits only once.
        cursor.take(size + 4, "block header")
        cursor.position -= 4
        _check_seal(cursor, start, "block header")
        end = cursor.position - 4
        inner = Cursor(cursor.data[end - size : end], base=base, complete=True)
        header = cls._parse_fields(inner)
        inner.end("block header")
        header._check(base)
        return header

    @classmethod
    def _parse_fields(cls, cursor: Cursor) -> BlockHeader:
        transform = TransformRecord.parse(cursor)
        start = cursor.varint("start of the block")
        raw_size = cursor.varint("size of the block")
        crc = cursor.u32("checksum of the content")
        models = tuple(ModelRecord.parse(cursor) for _ in range(cursor.varint("number of models")))
        count = cursor.varint("number of streams") if transform.id else 1
        streams = []
        for _ in range(count):
            name = _name(cursor, "stream name") if transform.id else ""
            reference = cursor.varint("model of the stream")
            if reference & 3 == 3:
                raise UnsupportedError(
                    "symbols of this width are not known to this release",
                    id="format",
                    hint="install a newer release of lmcodec",
                )
            symbols = cursor.varint("number of symbols") if transform.id else raw_size
            coded_size = cursor.varint("size of the payload")
            streams.append(
                StreamRecord(name, reference >> 2, WIDTHS[reference & 3], symbols, coded_size)
            )
        return cls(start, raw_size, crc, transform, models, tuple(streams))

    def _check(self, offset: int) -> None:
        """Check what the fields say together."""
        if self.raw_size > MAX_BLOCK_BYTES:
            raise FormatError(
                f"block is too large: {self.raw_size} of {MAX_BLOCK_BYTES} bytes", offset=offset
            )
        if len({stream.name for stream in self.streams}) < len(self.streams):
            raise FormatError("two streams have the same name", offset=offset)
        # Bounds the memory of a decoder by the size of the block.
        total = sum(stream.count * stream.width for stream in self.streams)
        if total > 16 * self.raw_size + (1 << 16) or (
            not self.transform.id and total != self.raw_size
        ):
            raise FormatError(
                f"streams of {total} bytes do not fit a block of {self.raw_size}", offset=offset
            )
        for stream in self.streams:
            if stream.model > len(self.models):
                raise FormatError(
                    f"stream has model {stream.model} of {len(self.models)}", offset=offset
                )
            if stream.model == STORED and stream.coded_size != stream.count * stream.width:
                raise FormatError(
                    f"stored stream has {stream.coded_size} bytes for {stream.count} symbols",
                    offset=offset,
                )


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
            parts += [pack_varint(entry.coded_size), pack_varint(entry.raw_size), _u32(entry.crc)]
        section = _sealed(END_MARKER + pack_blob(b"".join(parts)))
        return section + _u32(len(section)) + INDEX_MAGIC

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
        _check_seal(cursor, start, "index")
        section_size = cursor.position - start
        inner = Cursor(
            cursor.data[cursor.position - 4 - size : cursor.position - 4], base=base, complete=True
        )
        footer = cursor.take(FOOTER_BYTES, "footer")
        if footer != _u32(section_size & 0xFFFFFFFF) + INDEX_MAGIC:
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


def next_part(cursor: Cursor) -> BlockHeader | End:
    """Read the next part of a frame: a block header, or the end.

    Raises:
        FormatError: Neither is here.
        UnsupportedError: The part needs a newer release.
    """
    marker = cursor.peek(2)
    if marker == BLOCK_MARKER:
        return BlockHeader.parse(cursor)
    if marker == END_MARKER:
        return End.parse(cursor)
    if marker == WEIGHTS_MARKER:
        raise UnsupportedError(
            f"embedded weights are not known to this release: at byte {cursor.offset}",
            id="weights",
            hint="install a newer release of lmcodec",
        )
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
