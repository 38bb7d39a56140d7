"""What every transform is: a block of bytes as named streams of symbols, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lmcodec.errors import FormatError
from lmcodec.models.base import AnyShape
from lmcodec.packing import pack_fields, unpack_fields
from lmcodec.registry import Registry

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import Symbols


# Bytes at the beginning of the content that later blocks may look at.
HEAD_BYTES = 1 << 12


@dataclass(frozen=True)
class Stream:
    """Symbols of one kind that one model will code.

    Args:
        name: Lower-case ASCII letters, digits and ``_.-``, unique in the block.
        symbols: Bytes, or an array of uint16 or uint32.
        hint: Kind of content, by which the model is chosen: "" for bytes of any kind, "table" for
            the cells of a table, which have a shape.
        shape: How the symbols form samples, such as pictures, cells of a table, or links of a
            graph, where they do.
    """

    name: str
    symbols: Symbols
    hint: str = ""
    shape: AnyShape | None = None


class Transform(ABC):
    """Splits a block into streams that are easier to predict than the block itself.

    Subclasses are frozen dataclasses, registered by ``@TRANSFORMS.register(id=..., version=...)``;
    their fields are recorded in the block. `inverse` undoes `forward` for every input: what does
    not fit the kind of content goes to a stream of exceptions. The frame checks it for each block,
    and codes the block without a transform where it fails.
    """

    id: ClassVar[str]
    version: ClassVar[int]
    # True: samples of content are whole lines.
    by_lines: ClassVar[bool] = False
    # Blocks of fewer bytes are coded as they are, too, unless a small sample shows that the
    # transform pays, and the shorter code is taken. Such a transform has no variants.
    compared_below: ClassVar[int] = 0
    # It finds the shape of streams, of this kind, which some models need.
    finds_shapes: ClassVar[type[AnyShape] | None] = None

    @classmethod
    @abstractmethod
    def probe(cls, raw: bytes) -> Self | None:
        """Return the transform to try on this block, or None where the content is another kind.

        Args:
            raw: The whole block; looking at a sample of it is enough.
        """

    @classmethod
    def probe_later(cls, raw: bytes, start: int, head: bytes) -> Self | None:
        """Return the transform to try on a block that is not the first of its frame.

        By default it is found as for the first one. Where what a block is like stands at the
        beginning of the content, it can be read there.

        Args:
            raw: The whole block.
            start: Offset of the block in the content.
            head: The first `HEAD_BYTES` of the content, or all of its first block if that is
                shorter.
        """
        del start, head
        return cls.probe(raw)

    def for_level(self, level: int) -> Self | None:
        """Return what to try at a level, or None where it is not worth its time: by default itself.

        Args:
            level: 1 to 9.
        """
        del level
        return self

    def fit(self, raw: bytes, start: int) -> Self:
        """Return the transform with parameters that depend on all of a block: by default itself.

        It is called before `forward`, with the same block.

        Args:
            raw: The block, or a sample of it.
            start: Offset of the block in the content.
        """
        del raw, start
        return self

    def gauge_level(self, level: int) -> int:
        """Return the level whose models tell what is gained at a level: by default the fastest.

        Args:
            level: 1 to 9.
        """
        del level
        return 1

    def least_gain(self, level: int) -> int | None:
        """Return how many thousandths of the code by the models of `gauge_level` must be saved.

        None: what is gained does not show in the code by these models, and is known.

        Args:
            level: 1 to 9.
        """
        del level
        return 2

    def variants(self) -> Iterator[Self]:
        """Yield transforms to try in place of this one; none by default.

        The first that shortens the code is taken, and then its own variants are tried.
        """
        return iter(())

    @abstractmethod
    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Split a block.

        Args:
            raw: The block.

        Returns:
            The streams; together at most 16 times the block, plus 64 KiB.
        """

    @abstractmethod
    def inverse(self, streams: Mapping[str, Symbols]) -> bytes:
        """Undo `forward`.

        Args:
            streams: The symbols of each stream, by name.

        Returns:
            The block.

        Raises:
            FormatError: The streams do not fit together.
        """

    def params(self) -> bytes:
        """Return the fields as bytes for the block header."""
        return pack_fields(self)

    @classmethod
    def from_record(cls, params: bytes) -> Self:
        """Build the transform that a block header describes.

        Raises:
            FormatError: The parameters do not fit.
        """
        return unpack_fields(cls, params)


TRANSFORMS: Registry[Transform] = Registry("transform", "lmcodec.transforms")


def byte_streams(id: str, names: Sequence[str], streams: Mapping[str, Symbols]) -> list[bytes]:
    """Return the symbols of the streams that a transform writes, all of them bytes, in its order.

    Args:
        id: The transform, for messages.
        names: The streams that it writes.
        streams: The streams that were read.

    Raises:
        FormatError: There are others, or they are not of bytes.
    """
    if sorted(streams) != sorted(names):
        raise FormatError(f"streams of {id} must be {', '.join(names)}: got {sorted(streams)}")
    found: list[bytes] = []
    for name in names:
        symbols = streams[name]
        if not isinstance(symbols, bytes):
            raise FormatError(f"streams of {id} are bytes: got {type(symbols).__name__}")
        found.append(symbols)
    return found
