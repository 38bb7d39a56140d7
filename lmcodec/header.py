"""The headers of blocks and of copies of weights: what codes what, and how long everything is.

A header needs nothing that came before it, so that a block can be read alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lmcodec.errors import CorruptError, FormatError, LimitError, UnsupportedError
from lmcodec.packing import Cursor, pack_blob, pack_u32, pack_varint, seal

BLOCK_MARKER = b"\xb5B"
MAX_HEADER_BYTES = 1 << 20
# Positions inside a block fit a signed 32-bit number in every decoder.
MAX_BLOCK_BYTES = (1 << 31) - 1

MODEL_HOST_BOUND = 1
MODEL_WEIGHTS_SHIFT = 1
MODEL_WEIGHTS_DIGEST = 1
MODEL_WEIGHTS_EMBEDDED = 2
MODEL_WEIGHTS_SOME_EMBEDDED = 3

WEIGHTS_MARKER = b"\xb5W"
WEIGHTS_STORED = 1
WEIGHTS_CODED = 2
WEIGHTS_BY_FREQUENCY = 3
# Larger copies would make a small stream need much memory.
MAX_WEIGHTS_BYTES = 1 << 26
# So that what a stream makes a decoder do is bounded by its length.
MAX_WEIGHTS_RATIO = 64
# Of a frame. Blocks of one kind need two at most: what they start from and what predicts them.
MAX_COPIES = 4

STORED = 0
WIDTHS = (1, 2, 4)
NAME_PATTERN = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class ModelRecord:
    """Which model coded a stream, and everything needed to build it again.

    Args:
        id: Id in the registry.
        version: Version of the model's bitstream.
        params: The model's packed fields.
        host_bound: True where only the encoding machine can decode.
        digests: SHA-256 of the weights, and of the tokenizer where there is one.
        embedded: Those of them of whose weights a copy stands in the frame, before the block.
    """

    id: str
    version: int
    params: bytes = b""
    host_bound: bool = False
    digests: tuple[bytes, ...] = ()
    embedded: tuple[bytes, ...] = ()

    def pack(self) -> bytes:
        """Return the record as bytes."""
        flags = MODEL_HOST_BOUND if self.host_bound else 0
        digests = bytes((len(self.digests),)) if self.digests else b""
        if self.digests:
            mask = sum(1 << n for n, digest in enumerate(self.digests) if digest in self.embedded)
            weights = MODEL_WEIGHTS_SOME_EMBEDDED
            if mask < 2:
                weights = MODEL_WEIGHTS_EMBEDDED if mask else MODEL_WEIGHTS_DIGEST
            flags |= weights << MODEL_WEIGHTS_SHIFT
            digests += bytes((mask,)) if weights == MODEL_WEIGHTS_SOME_EMBEDDED else b""
        head = pack_blob(self.id.encode()) + pack_varint(self.version) + bytes((flags,))
        return head + digests + b"".join(self.digests) + pack_blob(self.params)

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
        if weights > MODEL_WEIGHTS_SOME_EMBEDDED:
            raise UnsupportedError(
                f"model flags {flags:#04x} are not known to this release: "
                f"model {id} version {version}",
                id=id,
                version=version,
                hint="install a newer release of lmcodec",
            )
        count = cursor.u8("number of digests") if weights else 0
        if weights and not count:
            raise FormatError("weights have no digest", offset=cursor.offset)
        mask = int(weights == MODEL_WEIGHTS_EMBEDDED)
        if weights == MODEL_WEIGHTS_SOME_EMBEDDED:
            mask = cursor.u8("which weights are embedded")
            if not 1 < mask < 1 << count:
                raise FormatError(
                    f"weights that are embedded are {mask:#04x} of {count}", offset=cursor.offset
                )
        digests = tuple(bytes(cursor.take(32, "digest of weights")) for _ in range(count))
        params = cursor.blob("model parameters")
        embedded = tuple(digest for n, digest in enumerate(digests) if mask >> n & 1)
        return cls(id, version, params, bool(flags & MODEL_HOST_BOUND), digests, embedded)


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

    @property
    def embedded(self) -> tuple[bytes, ...]:
        """Digests of the weights of which the frame has a copy before the block."""
        return tuple(dict.fromkeys(digest for model in self.models for digest in model.embedded))

    def pack(self) -> bytes:
        """Return marker, size, header and checksum; the payloads follow.

        Raises:
            LimitError: The header is larger than the format allows.
        """
        parts = [
            self.transform.pack(),
            pack_varint(self.start),
            pack_varint(self.raw_size),
            pack_u32(self.crc),
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
        return seal(BLOCK_MARKER + pack_blob(header))

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
        cursor.check_seal(start, "block header")
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
class WeightsRecord:
    """What stands before a copy of weights.

    Args:
        coding: `WEIGHTS_STORED`, or `WEIGHTS_CODED` by ``bwt``, version 1, or
            `WEIGHTS_BY_FREQUENCY`, by ``freqs``, version 1.
        raw_size: Bytes of the weights.
        coded_size: Bytes of the copy.
        digest: SHA-256 of the weights.
    """

    coding: int
    raw_size: int
    coded_size: int
    digest: bytes

    def pack(self) -> bytes:
        """Return the record as bytes; the copy follows it."""
        sizes = pack_varint(self.raw_size) + pack_varint(self.coded_size)
        return seal(WEIGHTS_MARKER + bytes((self.coding,)) + sizes + self.digest)

    @classmethod
    def parse(cls, cursor: Cursor) -> WeightsRecord:
        """Read the record, leaving the copy.

        Raises:
            FormatError: It is not well formed, or says that the copy is too large.
            UnsupportedError: The copy is coded in a way that this release does not know.
        """
        start = cursor.position
        if cursor.take(2, "embedded weights") != WEIGHTS_MARKER:
            raise FormatError("no embedded weights begin here", offset=cursor.base + start)
        coding = cursor.u8("coding of embedded weights")
        if not WEIGHTS_STORED <= coding <= WEIGHTS_BY_FREQUENCY:
            raise UnsupportedError(
                f"embedded weights are not known to this release: coding {coding}, "
                f"at byte {cursor.base + start}",
                id="weights",
                hint="install a newer release of lmcodec, or check the file for damage",
            )
        raw_size = cursor.varint("size of embedded weights")
        coded_size = cursor.varint("size of the copy of weights")
        digest = bytes(cursor.take(32, "digest of embedded weights"))
        cursor.check_seal(start, "header of embedded weights")
        record = cls(coding, raw_size, coded_size, digest)
        record._check(cursor.base + start)
        return record

    def _check(self, offset: int) -> None:
        """Check what the fields say together."""
        if self.raw_size > MAX_WEIGHTS_BYTES:
            raise FormatError(
                f"embedded weights are too large: {self.raw_size} of {MAX_WEIGHTS_BYTES} bytes",
                offset=offset,
            )
        fits = self.coded_size == self.raw_size
        if self.coding != WEIGHTS_STORED:
            fits = self.coded_size < self.raw_size <= MAX_WEIGHTS_RATIO * self.coded_size
        if not fits or not self.raw_size:
            raise CorruptError(
                f"copy of {self.coded_size} bytes does not fit weights of {self.raw_size}",
                offset=offset,
            )


def _name(cursor: Cursor, what: str) -> str:
    raw = cursor.blob(what)
    text = raw.decode("ascii", "replace")
    if NAME_PATTERN.fullmatch(text) is None:
        raise FormatError(f"{what} is not well formed: {raw[:80]!r}", offset=cursor.offset)
    return text
