"""What a stream says about itself, without decoding it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from lmcodec import embedded
from lmcodec.block import memory_bytes
from lmcodec.container import End, FrameHeader, SkippableFrame
from lmcodec.errors import LmcodecError
from lmcodec.header import STORED, BlockHeader, ModelRecord, WeightsRecord
from lmcodec.index import Source, walk, weights_of
from lmcodec.models.base import MODELS
from lmcodec.prior import by_digest

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.checker import WeightsPart
    from lmcodec.prior import Prior


@dataclass(frozen=True)
class StreamInfo:
    """One stream of a block.

    Args:
        name: Name, empty where the block was not split.
        model: The model as "id/version", or "stored".
        count: Number of symbols.
        coded_size: Bytes of the payload.
    """

    name: str
    model: str
    count: int
    coded_size: int


@dataclass(frozen=True)
class BlockInfo:
    """One block.

    Args:
        offset: First byte in the stream.
        coded_size: Bytes, header and payloads.
        start: Offset of its content in the content of its frame.
        raw_size: Bytes of content.
        transform: The transform as "id/version", or "raw".
        streams: Its streams.
        memory_bytes: About how much memory decoding needs, or None where a model is not known here.
        portable: Whether every machine can decode it.
    """

    offset: int
    coded_size: int
    start: int
    raw_size: int
    transform: str
    streams: tuple[StreamInfo, ...]
    memory_bytes: int | None
    portable: bool


@dataclass(frozen=True)
class PriorInfo:
    """A prior that blocks start from.

    Args:
        digest: SHA-256 of its file, by which the stream names it.
        name: What it is called, or None where it is not here.
        embedded: Whether each frame that needs it has a copy.
        here: Whether it is found: in the stream, in the package, in a folder, or loaded.
    """

    digest: bytes
    name: str | None
    embedded: bool
    here: bool


@dataclass(frozen=True)
class Info:
    """A whole stream.

    Args:
        frames: Number of frames.
        skippable_frames: Number of skippable frames.
        indexed_frames: Number of frames with an index.
        coded_size: Bytes of the stream.
        raw_size: Bytes of content.
        blocks: All blocks, in order.
        digests: SHA-256 of the content of each frame, or None where it is not recorded.
        priors: What decoding needs, in the order of the blocks.
    """

    frames: int
    skippable_frames: int
    indexed_frames: int
    coded_size: int
    raw_size: int
    blocks: tuple[BlockInfo, ...]
    digests: tuple[bytes | None, ...]
    priors: tuple[PriorInfo, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """All models as "id/version", sorted; "stored" among them where there are such streams."""
        return tuple(sorted({stream.model for block in self.blocks for stream in block.streams}))

    @property
    def transforms(self) -> tuple[str, ...]:
        """All transforms as "id/version", sorted; "raw" among them where there are such blocks."""
        return tuple(sorted({block.transform for block in self.blocks}))

    @property
    def memory_bytes(self) -> int | None:
        """About how much memory decoding needs on one thread; None where a model is unknown."""
        needs = [block.memory_bytes for block in self.blocks]
        return max((need or 0 for need in needs), default=0) if None not in needs else None

    @property
    def portable(self) -> bool:
        """Whether every machine can decode it."""
        return all(block.portable for block in self.blocks)


def info(stream: Buffer | str | os.PathLike[str] | IO[bytes]) -> Info:
    """Describe a stream by its headers; payloads are neither read nor checked.

    A copy of a prior is, for its name.

    Args:
        stream: The stream as a buffer, or a path, or a binary file that can seek.

    Returns:
        What the headers say.

    Raises:
        FormatError: It is not made of whole frames, as far as the headers tell.
        UnsupportedError: A frame needs a newer release.
        OSError: The file cannot be read.

    Example:
        >>> import lmcodec
        >>> lmcodec.info(lmcodec.compress(b"banana " * 1000, model="order0")).models
        ('order0/1',)
    """
    if isinstance(stream, (str, os.PathLike)):
        with open(stream, "rb") as file:
            return _describe(Source(file))
    if hasattr(stream, "seek"):
        return _describe(Source(cast("IO[bytes]", stream)))
    return _describe(Source(io.BytesIO(stream)))


def _describe(source: Source) -> Info:
    frames = skippable = indexed = 0
    blocks: list[BlockInfo] = []
    digests: list[bytes | None] = []
    priors = _Priors()
    for part in walk(source):
        if isinstance(part.header, FrameHeader):
            frames += 1
            priors.copy = None
        elif isinstance(part.header, WeightsRecord):
            priors.read(weights_of(source, part, part.header))
        elif isinstance(part.header, SkippableFrame):
            skippable += 1
        elif isinstance(part.header, End):
            indexed += part.header.entries is not None
            digests.append(part.header.digest)
        else:
            needed = _memory_bytes(part.header, priors)
            blocks.append(_describe_block(part.header, part.offset, part.size, needed))
    return Info(
        frames,
        skippable,
        indexed,
        source.size,
        sum(block.raw_size for block in blocks),
        tuple(blocks),
        tuple(digests),
        tuple(priors.described.values()),
    )


class _Priors:
    """Looks for the priors that the blocks of a stream need, each once."""

    def __init__(self) -> None:
        self.described: dict[bytes, PriorInfo] = {}
        # Of the frame at hand. What is held is found by `memory_bytes`, too.
        self.copy: Prior | None = None
        self.copy_memory_bytes = 0
        self._elsewhere: dict[bytes, Prior | None] = {}

    def read(self, part: WeightsPart) -> None:
        """Take a copy, if it is not damaged."""
        self.copy_memory_bytes = embedded.memory_bytes(part.record)
        try:
            self.copy = embedded.unpack(part.record, part.copy)
        except LmcodecError:
            self.copy = None

    def need(self, header: BlockHeader) -> bool:
        """Take note of what a block needs; return whether it is all here."""
        complete = True
        for model in _primed(header):
            digest = model.digests[0]
            prior = self._find(digest)
            complete &= prior is not None
            found = PriorInfo(
                digest, prior.name if prior else None, model.embedded, prior is not None
            )
            before = self.described.get(digest, found)
            self.described[digest] = PriorInfo(
                digest,
                before.name or found.name,
                before.embedded and found.embedded,
                before.here and found.here,
            )
        return complete

    def _find(self, digest: bytes) -> Prior | None:
        if self.copy is not None and self.copy.digest == digest:
            return self.copy
        if digest not in self._elsewhere:
            try:
                self._elsewhere[digest] = by_digest(digest)
            except LmcodecError:
                self._elsewhere[digest] = None
        return self._elsewhere[digest]


def _primed(header: BlockHeader) -> Iterator[ModelRecord]:
    """Yield the models of a block that start from a prior, as far as they are known here."""
    for model in header.models:
        try:
            primed = MODELS.get(model.id, model.version)().can_be_primed()
        except LmcodecError:
            continue
        if primed and model.digests:
            yield model


def _memory_bytes(header: BlockHeader, priors: _Priors) -> int | None:
    """Return what decoding a block needs, or None where that is not known."""
    if not priors.need(header):
        # Looking again and again for what is missing would take long.
        return None
    try:
        needed = memory_bytes(header)
    except LmcodecError:
        return None
    return max(needed, priors.copy_memory_bytes if header.embedded else 0)


def _describe_block(header: BlockHeader, offset: int, size: int, needed: int | None) -> BlockInfo:
    names = ["stored", *(f"{model.id}/{model.version}" for model in header.models)]
    streams = tuple(
        StreamInfo(stream.name, names[stream.model], stream.count, stream.coded_size)
        for stream in header.streams
    )
    used = {stream.model - 1 for stream in header.streams if stream.model != STORED}
    return BlockInfo(
        offset,
        size,
        header.start,
        header.raw_size,
        f"{header.transform.id}/{header.transform.version}" if header.transform.id else "raw",
        streams,
        needed,
        not any(header.models[index].host_bound for index in used),
    )
