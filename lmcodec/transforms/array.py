"""Arrays of bytes in files that say their shape: IDX, NumPy, PGM and PPM."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from lmcodec.errors import FormatError
from lmcodec.models.base import Shape
from lmcodec.transforms.base import HEAD_BYTES, TRANSFORMS, Stream, Transform

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols

_NAMES = ("header", "samples", "rest")
# The first level whose model knows shapes.
_SHAPES_LEVEL = 9
# More symbols than any file has; products of lengths stay below it.
_MOST = 1 << 62
# Of the rest of a sample, or of a row, with which a later block begins: so much is coded apart.
_MOST_APART = 1 << 16
# A last axis of so few is the channels of a pixel.
_MOST_CHANNELS = 4

_IDX_BYTES = 8
_NPY_MAGIC = b"\x93NUMPY"
# As NumPy writes it: no other order of keys, and nothing that needs evaluation.
_NPY_HEADER = re.compile(
    rb"\{'descr': '\|[uib]1', 'fortran_order': False, "
    rb"'shape': \((\d{1,18}(?:, \d{1,18})*,?|)\), ?\}\s*"
)
_BLANK = rb"(?:[ \t\r\n]|#[^\r\n]{0,200}[\r\n])+"
_PNM_HEADER = re.compile(
    rb"P([56])%b(\d{1,9})%b(\d{1,9})%b(\d{1,3})[ \t\r\n]" % (_BLANK, _BLANK, _BLANK)
)


@TRANSFORMS.register(id="array", version=1)
@dataclass(frozen=True)
class Array(Transform):
    """Parts an array of bytes from the header before it, and tells models the shape.

    Files are recognised whose header says it: IDX of unsigned bytes, with one axis to four; NumPy
    with elements of one byte, in C order; PGM and PPM with up to 8 bits a value. Headers are
    compared with what their writers write, and nothing in them is evaluated. The bytes stay as they
    are, so that nothing can be lost: what a header promises and the block does not have is missed
    by nobody. `docs/transforms/array.md` is the specification. It takes no time.

    Source: the formats of Y. LeCun's MNIST pages, of NumPy (NEP 1) and of Netpbm.

    Args:
        offset: Bytes before the first sample: the header or, in a later block, what is left of a
            sample, or of a row of one that is large.
        size: Bytes of samples.
        rows: Rows of a picture; 1 where a sample has but one.
        columns: Pixels of a row.
        channels: Bytes of a pixel, side by side.
        planes: Pictures of a sample, one whole picture after the other.
    """

    finds_shapes = Shape

    offset: int = 0
    size: int = 0
    rows: int = 1
    columns: int = 1
    channels: int = 1
    planes: int = 1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if min(self.offset, self.size) < 0:
            raise ValueError(f"sizes of array must not be negative: {self.offset}, {self.size}")
        self.shape  # noqa: B018 - checks the lengths

    @property
    def shape(self) -> Shape:
        """What a sample is like."""
        return Shape(self.rows, self.columns, self.channels, self.planes)

    @classmethod
    def probe(cls, raw: bytes) -> Array | None:
        """Return the transform where the block begins with a header that says the shape."""
        return cls.probe_later(raw, 0, raw[:HEAD_BYTES])

    @classmethod
    def probe_later(cls, raw: bytes, start: int, head: bytes) -> Array | None:
        """Return the transform where the content begins with a header that says the shape."""
        found = _parse(head)
        if found is None:
            return None
        begin, size, shape = found
        if start < begin:
            # The header is whole in the first block, or the array is left alone.
            offset = begin if start == 0 else len(raw)
        else:
            units = (shape.sample, shape.row, shape.channels)
            unit = next((unit for unit in units if unit <= _MOST_APART), 1)
            offset = -(start - begin) % unit
        there = min(begin + size, start + len(raw)) - start - offset
        if there < 1:
            return None
        return cls(offset, there, shape.rows, shape.columns, shape.channels, shape.planes)

    def for_level(self, level: int) -> Array | None:
        """Return what a level uses: shapes are for models that know them."""
        return self if level >= _SHAPES_LEVEL and self.shape.sample > 1 else None

    def least_gain(self, level: int) -> int | None:
        """Return None: the fastest model knows no shapes."""
        del level
        return None

    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Cut a block into header, samples and rest, of which there may be none."""
        end = self.offset + self.size
        parts = raw[: self.offset], raw[self.offset : end], raw[end:]
        shapes = None, self.shape, None
        streams = zip(_NAMES, parts, shapes, strict=True)
        return [Stream(name, part, shape=shape) for name, part, shape in streams if part]

    def inverse(self, streams: Mapping[str, Symbols]) -> bytes:
        """Undo `forward`.

        Raises:
            FormatError: A stream is unknown, or its symbols are not bytes.
        """
        if not streams.keys() <= set(_NAMES):
            known = ", ".join(_NAMES)
            raise FormatError(f"streams of array must be among {known}: got {sorted(streams)}")
        parts = [streams[name] for name in _NAMES if name in streams]
        for part in parts:
            if not isinstance(part, bytes):
                raise FormatError(f"streams of array are bytes: got {type(part).__name__}")
        return b"".join(part for part in parts if isinstance(part, bytes))


def idx_header(shape: Shape, count: int) -> bytes:
    """Return the header of a file of IDX of so many pictures of a plane each."""
    axes = [count, shape.rows, shape.columns, *([shape.channels] * (shape.channels > 1))]
    return bytes([0, 0, 8, len(axes)]) + b"".join(axis.to_bytes(4, "big") for axis in axes)


def _parse(head: bytes) -> tuple[int, int, Shape] | None:
    """Return the bytes of the header, those of the array, and the shape, of a file that says so."""
    found = _idx(head) or _npy(head)
    if found is not None:
        begin, axes, pictures = found
        return (begin, prod(axes), _shape(axes, pictures)) if 1 <= prod(axes) < _MOST else None
    match = _PNM_HEADER.match(head)
    if match is None:
        return None
    columns, rows, most = (int(match[at]) for at in (2, 3, 4))
    channels = 3 if match[1] == b"6" else 1
    if min(columns, rows) < 1 or not 1 <= most <= 255:
        return None
    return match.end(), rows * columns * channels, Shape(rows, columns, channels)


def _idx(head: bytes) -> tuple[int, list[int], bool] | None:
    """Return the bytes of a header of IDX and the axes; their first one counts samples."""
    axes = head[3] if len(head) > _IDX_BYTES else 0
    end = 4 + 4 * axes
    if head[:3] != b"\0\0\x08" or not 1 <= axes <= 4 or len(head) <= end:
        return None
    return end, [int.from_bytes(head[at : at + 4], "big") for at in range(4, end, 4)], False


def _npy(head: bytes) -> tuple[int, list[int], bool] | None:
    """Return the bytes of a header of NumPy and the axes; one picture may be all."""
    version = head[6:8]
    if head[:6] != _NPY_MAGIC or version not in (b"\1\0", b"\2\0", b"\3\0"):
        return None
    begin = 10 if version == b"\1\0" else 12
    end = begin + int.from_bytes(head[8:begin], "little")
    match = _NPY_HEADER.fullmatch(head, begin, end) if end <= len(head) else None
    return (end, [int(axis) for axis in re.findall(rb"\d+", match[1])], True) if match else None


def _shape(axes: Sequence[int], pictures: bool) -> Shape:
    """Return what the samples of an array are like.

    Args:
        axes: The lengths of its axes, outermost first.
        pictures: Whether it may be one picture with channels.
    """
    if len(axes) < 2:
        return Shape(1, 1)
    if len(axes) == 2:
        return Shape(1, axes[1])
    coloured = axes[-1] <= _MOST_CHANNELS < axes[-2]
    if len(axes) == 3:
        return Shape(*axes) if coloured and pictures else Shape(axes[1], axes[2])
    if coloured:
        return Shape(axes[-3], axes[-2], axes[-1], prod(axes[1:-3]))
    return Shape(axes[-2], axes[-1], planes=prod(axes[1:-2]))


@dataclass(frozen=True)
class Layout:
    """What the header of a file says of its array.

    Args:
        begin: Bytes of the header.
        axes: The lengths of the axes, that of the samples first; a picture alone is one sample.
        dtype: Of the values, as NumPy writes it.
    """

    begin: int
    axes: tuple[int, ...]
    dtype: str


def read_layout(head: bytes) -> Layout | None:
    """Return what a header says, or None where it is none that is known.

    Args:
        head: The beginning of a file.
    """
    found = _idx(head) or _npy(head)
    if found is not None:
        begin, axes, is_npy = found
        # As `_NPY_HEADER` found it.
        kind = head[head.index(b"'|") + 2 :][:2].decode() if is_npy else "u1"
        return Layout(begin, tuple(axes), kind) if axes and prod(axes) < _MOST else None
    picture = _parse(head)
    if picture is None:
        return None
    begin, _, shape = picture
    axes_of_picture = (1, shape.rows, shape.columns, shape.channels)
    return Layout(begin, axes_of_picture[: 3 if shape.channels == 1 else 4], "u1")
