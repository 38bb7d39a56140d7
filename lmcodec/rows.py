"""Rows of weights, and the integer intervals that they become: the same on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lmcodec._core as _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Buffer

# Bits of an interval where nothing else is said: alphabets up to some ten thousand symbols lose
# less than 0.001 bit a symbol. Vocabularies of language models need MAX_PRECISION.
PRECISION = 24
MAX_PRECISION = 28
# Bits of a probability of `BinaryEncoder`.
BIT_PRECISION = 22


def as_rows(rows: ArrayLike) -> NDArray[Any]:
    """Return rows as a contiguous array [k, alphabet] of a type that the quantizer takes."""
    import numpy as np

    array = np.ascontiguousarray(rows)
    if array.ndim != 2:
        raise ValueError(f"rows must have two dimensions: got shape {array.shape}")
    if array.dtype.kind == "i":
        if array.size and array.min() < 0:
            raise ValueError("weights must not be negative")
        array = array.astype(np.uint64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype.kind not in "uf":
        raise TypeError(f"weights must be integers or floats: got {array.dtype}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_integers(values: ArrayLike, name: str) -> NDArray[np.uint32]:
    """Return values as a contiguous array [k] of uint32."""
    import numpy as np

    array = np.ascontiguousarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension: got shape {array.shape}")
    if array.dtype == np.uint32:
        return array
    if array.size:
        if array.dtype.kind not in "uib":
            raise TypeError(f"{name} must be integers: got {array.dtype}")
        if array.min() < 0 or array.max() >= 1 << 32:
            raise ValueError(f"{name} must be from 0 to 2**32 - 1")
    return array.astype(np.uint32)


def as_bytes(data: Buffer) -> bytes | bytearray:
    """Return a buffer as what the extension module takes."""
    return data if isinstance(data, (bytes, bytearray)) else memoryview(data).tobytes()


def quantize(rows: ArrayLike, precision: int = PRECISION) -> NDArray[np.uint32]:
    """Turn rows of weights into the tables of slots that the coders use.

    With prefix sums S, total W and T = 2**precision slots, symbol i of an alphabet of V begins at
    ``cum[i] = floor(S[i] (T - V) / W) + i``: each symbol has at least one slot. Rows of floats
    are first turned into integers, ``floor(x 2**(27 - e))`` with 2**e the power of two at or below
    the largest entry of the row. A row of zeros is coded as uniform.

    Args:
        rows: Weights, unsigned integers or floats.
        precision: Bits of T, 1 to 28.

    Returns:
        Tables that begin with 0 and end with T.

    Raises:
        ModelError: A weight is negative, infinite or not a number, or integers add up to 2**64.
        ValueError: The precision is out of range, or an alphabet is empty or larger than T.

    Shapes:
        rows: [k, V]
        returns: uint32 [k, V + 1]

    Example:
        >>> quantize([[1, 0, 3]], 8).tolist()
        [[0, 64, 65, 256]]
    """
    return _core.quantize(as_rows(rows), precision)


def intervals(
    symbols: ArrayLike, rows: ArrayLike, precision: int = PRECISION
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the slots of symbols under rows of weights.

    Args:
        symbols: One symbol for each row.
        rows: Weights, as for `quantize`.
        precision: Bits of the number of slots, 1 to 28.

    Returns:
        First slots and numbers of slots: what `RansStack.push_intervals` takes. A model that
        learns as it goes gathers them forward and pushes them at the end.

    Raises:
        ModelError: As for `quantize`.
        ValueError: A symbol is outside its row, or as for `quantize`.

    Shapes:
        symbols: integers [k]
        rows: [k, V]
        returns: uint32 [k], uint32 [k]

    Example:
        >>> starts, freqs = intervals([2], [[1, 0, 3]], 8)
        >>> starts.tolist(), freqs.tolist()
        ([65], [191])
    """
    return _core.intervals(as_integers(symbols, "symbols"), as_rows(rows), precision)


def quantize_bits(probabilities: ArrayLike) -> NDArray[np.uint32]:
    """Turn probabilities of ones into the integers that the binary coder takes.

    Args:
        probabilities: Floats from 0 to 1; both ends become the nearest that can be coded.

    Returns:
        Integers from 1 to 2**22 - 1.

    Raises:
        ModelError: A probability is not from 0 to 1.

    Shapes:
        probabilities: floats [k]
        returns: uint32 [k]

    Example:
        >>> quantize_bits([0.5, 1.0]).tolist()
        [2097152, 4194303]
    """
    import numpy as np

    return _core.quantize_bits(np.ascontiguousarray(probabilities, np.float64))


def as_probabilities(probabilities: ArrayLike) -> NDArray[np.uint32]:
    """Return probabilities of ones, floats or integers, as the binary coder takes them."""
    import numpy as np

    array = np.asarray(probabilities)
    if array.dtype.kind == "f":
        return quantize_bits(array)
    return as_integers(array, "probabilities")
