"""Tensors in files: what the formats safetensors and GGUF have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmcodec.errors import FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Values of a group that is stored together, and its bytes.
KINDS = {"F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "Q8_0": (32, 34)}
MAX_DIMENSIONS = 4
MAX_BYTES = 1 << 40


@dataclass(frozen=True, eq=False)
class Tensor:
    """Weights as they are stored: rows of bytes.

    Args:
        kind: One of `KINDS`; Q8_0 has blocks of 32 with one scale each.
        shape: Sizes, the last one along a row.
        data: The bytes; they may be a view of a file.
    """

    kind: str
    shape: tuple[int, ...]
    data: memoryview

    def bytes(self) -> NDArray[np.uint8]:
        """Return the bytes as an array of one dimension."""
        import numpy as np

        return np.frombuffer(self.data, np.uint8)

    def rows(self) -> NDArray[np.uint8]:
        """Return the bytes as [rows, bytes of a row]; a tensor of one dimension is one row."""
        width = row_bytes(self.kind, self.shape[-1:])
        return self.bytes().reshape(-1, width)

    def with_rows(self, rows: NDArray[np.uint8]) -> Tensor:
        """Return the tensor of these rows, which are some of its own in some order."""
        import numpy as np

        packed = np.ascontiguousarray(rows)
        return Tensor(self.kind, (len(packed), *self.shape[-1:]), packed.reshape(-1).data)

    def flat(self) -> Tensor:
        """Return the tensor with one dimension."""
        return Tensor(self.kind, (math.prod(self.shape),), self.data)

    def parts(self, count: int) -> list[Tensor]:
        """Cut along the first dimension into parts of equal size.

        Raises:
            FormatError: It cannot be cut so.
        """
        first = self.shape[0]
        if first % count:
            raise FormatError(f"tensor of {first} rows cannot be cut into {count} parts")
        step = len(self.data) // count
        shape = (first // count, *self.shape[1:])
        return [
            Tensor(self.kind, shape, self.data[at * step : (at + 1) * step]) for at in range(count)
        ]

    def transposed(self) -> Tensor:
        """Return the tensor with rows and columns exchanged.

        Raises:
            FormatError: It has no two dimensions of single values.
        """
        import numpy as np

        if len(self.shape) != 2 or self.kind not in ("F32", "F16", "BF16"):
            raise FormatError(f"tensor cannot be transposed: {self.kind} {list(self.shape)}")
        values = np.frombuffer(self.data, f"u{KINDS[self.kind][1]}").reshape(self.shape)
        turned: NDArray[Any] = np.ascontiguousarray(values.T)
        return Tensor(self.kind, self.shape[::-1], turned.reshape(-1).view(np.uint8).data)


def row_bytes(kind: str, shape: tuple[int, ...]) -> int:
    """Return the bytes of a tensor.

    Raises:
        FormatError: The kind is not known, or the last size does not fill its blocks.
    """
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise FormatError(f"kind of weights is not known: {kind}; known are {known}")
    group, size = KINDS[kind]
    if shape and shape[-1] % group:
        raise FormatError(f"rows of {kind} must be multiples of {group}: got {shape[-1]}")
    total = math.prod(shape) // group * size
    if total > MAX_BYTES:
        raise FormatError(f"tensor is too large: {total} bytes")
    return total


def check_shape(shape: object, name: str) -> tuple[int, ...]:
    """Return a shape as it was read, where it can be one.

    Raises:
        FormatError: It cannot.
    """
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_DIMENSIONS:
        raise FormatError(f"tensor {name} has no shape: {shape!r}")
    if not all(type(size) is int and 0 < size < 1 << 31 for size in shape):
        raise FormatError(f"tensor {name} has no shape: {shape!r}")
    return tuple(shape)
