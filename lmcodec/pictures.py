"""Pictures that are all of one size, out of the arrays of files: what priors of pictures have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmcodec.transforms.array import Array, idx_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lmcodec.models.base import Shape


def read(files: Iterable[bytes]) -> tuple[Shape, list[bytes]] | None:
    """Return the pictures in some files, and their shape.

    Args:
        files: Contents of files.

    Returns:
        The shape of each picture, which has one plane, and the whole pictures in their order; None
        where a file is no array of pictures, or they are not all of one shape.
    """
    shape: Shape | None = None
    pictures: list[bytes] = []
    for file in files:
        array = Array.probe(file)
        if array is None or array.rows < 2:
            return None
        found = Array(0, 0, array.rows, array.columns, array.channels).shape
        if shape not in (None, found):
            return None
        shape = found
        ends = range(array.offset + shape.sample, array.offset + array.size + 1, shape.sample)
        pictures.extend(file[end - shape.sample : end] for end in ends)
    return (shape, pictures) if shape is not None and pictures else None


def pack(shape: Shape, pictures: Sequence[bytes]) -> bytes:
    """Return a file of IDX of some pictures."""
    return idx_header(shape, len(pictures)) + b"".join(pictures)


def choose(shape: Shape, pictures: Sequence[bytes], size: int) -> bytes:
    """Return a file of IDX of so many bytes at most, of pictures from everywhere, in their order.

    Raises:
        ValueError: There is no room for one.
    """
    least = len(pack(shape, pictures[:1]))
    if least > size:
        raise ValueError(f"text must have room for a picture: {least} bytes, got {size}")
    count = min(len(pictures), 1 + (size - least) // shape.sample)
    return pack(shape, [pictures[at * len(pictures) // count] for at in range(count)])
