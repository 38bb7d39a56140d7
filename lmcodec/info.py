"""What a stream says about itself, without decoding it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from lmcodec import embedded
from lmcodec.block import memory_bytes
from lmcodec.container import End, FrameHeader, SkippableFrame
from lmcodec.errors import LmcodecError
from lmcodec.header import MAX_COPIES, STORED, BlockHeader, WeightsRecord
from lmcodec.index import Source, walk, weights_of
from lmcodec.models.base import MODELS

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.checker import WeightsPart
    from lmcodec.fitted import FittedArdm, FittedCircuit
    from lmcodec.lm.model import LanguageModel
    from lmcodec.network import Network
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
class WeightsInfo:
    """A prior that blocks start from, or a network that predicts them.

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
        networks: What else it needs.
        language_models: And what these are named by: the SHA-256 of weights and configuration.
        circuits: And the circuits.
        ardms: And the networks of `ardm`.
    """

    frames: int
    skippable_frames: int
    indexed_frames: int
    coded_size: int
    raw_size: int
    blocks: tuple[BlockInfo, ...]
    digests: tuple[bytes | None, ...]
    priors: tuple[WeightsInfo, ...] = ()
    networks: tuple[WeightsInfo, ...] = ()
    language_models: tuple[WeightsInfo, ...] = ()
    circuits: tuple[WeightsInfo, ...] = ()
    ardms: tuple[WeightsInfo, ...] = ()

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
    weights = _Weights()
    for part in walk(source):
        if isinstance(part.header, FrameHeader):
            frames += 1
            weights.copies.clear()
            weights.copy_memory_bytes = 0
        elif isinstance(part.header, WeightsRecord):
            weights.read(weights_of(source, part, part.header))
        elif isinstance(part.header, SkippableFrame):
            skippable += 1
        elif isinstance(part.header, End):
            indexed += part.header.entries is not None
            digests.append(part.header.digest)
        else:
            needed = _memory_bytes(part.header, weights)
            blocks.append(_describe_block(part.header, part.offset, part.size, needed))
    return Info(
        frames,
        skippable,
        indexed,
        source.size,
        sum(block.raw_size for block in blocks),
        tuple(blocks),
        tuple(digests),
        *(tuple(some.values()) for some in weights.described.values()),
    )


# In the order of the fields of `Info`.
_KINDS = ("prior", "network", "language model", "circuit", "ardm")
Found: TypeAlias = "Prior | Network | LanguageModel | FittedCircuit | FittedArdm | None"


class _Weights:
    """Looks for the weights that the blocks of a stream need, each once."""

    def __init__(self) -> None:
        self.described: dict[str, dict[bytes, WeightsInfo]] = {kind: {} for kind in _KINDS}
        # Of the frame at hand, by digest. What is held is found by `memory_bytes`, too.
        self.copies: dict[bytes, embedded.Embeddable] = {}
        self.copy_memory_bytes = 0
        self._elsewhere: dict[tuple[str, tuple[bytes, ...]], Found] = {}

    def read(self, part: WeightsPart) -> None:
        """Take a copy, if it is not damaged."""
        needed = embedded.memory_bytes(part.record)
        self.copy_memory_bytes = max(self.copy_memory_bytes, needed)
        if len(self.copies) < MAX_COPIES:
            with contextlib.suppress(LmcodecError):
                self.copies[part.record.digest] = embedded.unpack(part.record, part.copy)

    def need(self, header: BlockHeader) -> bool:
        """Take note of what a block needs; return whether it is all here."""
        complete = True
        for kind, all_digests, is_embedded in _needs(header):
            digest = all_digests[0]
            weights = self._find(kind, all_digests)
            complete &= weights is not None
            found = WeightsInfo(
                digest, weights.name if weights else None, is_embedded, weights is not None
            )
            before = self.described[kind].get(digest, found)
            self.described[kind][digest] = WeightsInfo(
                digest,
                before.name or found.name,
                before.embedded and found.embedded,
                before.here and found.here,
            )
        return complete

    def _find(self, kind: str, digests: tuple[bytes, ...]) -> Found:
        if digests[0] in self.copies:
            return self.copies[digests[0]]
        if (kind, digests) not in self._elsewhere:
            try:
                self._elsewhere[kind, digests] = _look_for(kind, digests)
            except LmcodecError:
                self._elsewhere[kind, digests] = None
        return self._elsewhere[kind, digests]


def _look_for(kind: str, digests: tuple[bytes, ...]) -> Found:
    if kind == "language model":
        from lmcodec.lm.model import by_digests

        return by_digests(digests)
    found: Found = embedded.SHELVES[kind].by_digest(digests[0])
    return found


def _needs(header: BlockHeader) -> Iterator[tuple[str, tuple[bytes, ...], bool]]:
    """Yield the weights that a block needs, as far as its models are known here.

    Each by its kind and digests, and whether the frame has a copy. A language model has a second
    digest where its tokenizer is a file of its own.
    """
    for model in header.models:
        try:
            kinds = MODELS.get(model.id, model.version).kinds(model.params, model.digests)
        except LmcodecError:
            continue
        needed = list(zip(kinds, model.digests, strict=False))
        tokenizers = tuple(digest for kind, digest in needed if kind == "tokenizer")
        for kind, digest in needed:
            if kind == "language model":
                yield kind, (digest, *tokenizers), False
            elif kind in _KINDS:
                yield kind, (digest,), digest in model.embedded


def _memory_bytes(header: BlockHeader, weights: _Weights) -> int | None:
    """Return what decoding a block needs, or None where that is not known."""
    if not weights.need(header):
        # Looking again and again for what is missing would take long.
        return None
    try:
        needed = memory_bytes(header)
    except LmcodecError:
        return None
    return max(needed, weights.copy_memory_bytes if header.embedded else 0)


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
