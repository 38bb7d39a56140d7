"""The entropy coders: distributions in, bytes out.

A model says how likely each symbol is; a coder turns that into bytes, and back. Between the two
stand integer intervals only, made in one place (`quantize`), so that the bytes are the same on
every machine. There are three coders:

- `RansStack` for symbols: last in, first out, fast, and able to give bits back to models with
  latent variables. `push` takes the symbols in reverse, so `pop` returns them in order.
- `BinaryEncoder` and `BinaryDecoder` for bits, each under its own probability, and for short
  messages of symbols: first in, first out, with about a byte of overhead.
- `encode_bytes` and `decode_bytes` for plain bytes by their frequencies alone, at memory speed.

Rows of weights are arrays ``[k, alphabet]``, one row for each symbol, of unsigned integers or of
floats; they need not add up to anything. Symbols are integers ``[k]`` below `alphabet`.

Example:
    >>> import numpy as np
    >>> from lmcodec.coder import RansStack
    >>> rows = np.array([[0.7, 0.2, 0.1]] * 4)
    >>> stack = RansStack()
    >>> stack.push([0, 2, 0, 1], rows)
    >>> payload = stack.to_bytes()
    >>> stack = RansStack.from_bytes(payload)
    >>> stack.pop(rows).tolist()
    [0, 2, 0, 1]
    >>> stack.finish()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lmcodec._core as _core
from lmcodec.rows import (
    BIT_PRECISION,
    MAX_PRECISION,
    PRECISION,
    as_bytes,
    as_integers,
    as_probabilities,
    as_rows,
    intervals,
    quantize,
    quantize_bits,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Buffer

__all__ = [
    "BIT_PRECISION",
    "MAX_LANES",
    "MAX_PRECISION",
    "PRECISION",
    "BinaryDecoder",
    "BinaryEncoder",
    "RansStack",
    "decode_bytes",
    "encode_bytes",
    "intervals",
    "quantize",
    "quantize_bits",
]

MAX_LANES = 16


class RansStack:
    """Symbols under intervals, last in, first out.

    A state of 64 bits for each lane, and words of 32 bits that all lanes share. Push and pop undo
    each other in either order, so a model with latent variables may pop a latent from bits that
    are already there (bits-back). The stack never invents bits.

    Args:
        lanes: States that take turns, 1 to 16. Four work faster than one, and cost up to eight
            bytes each. Both sides must use the same number.

    Raises:
        ValueError: The number of lanes is out of range.

    Source: J. Duda (2013), arXiv:1311.2540, range variant; format in docs/coders.md.

    Example:
        >>> stack = RansStack()
        >>> stack.push_intervals([100], [1], precision=8)
        >>> stack.peek(precision=8)
        100
    """

    __slots__ = ("_stack",)

    def __init__(self, lanes: int = 1) -> None:
        self._stack = _core.RansStack(lanes)

    @classmethod
    def from_bytes(cls, payload: Buffer, lanes: int = 1) -> RansStack:
        """Read a stack.

        Args:
            payload: What `to_bytes` returned.
            lanes: As when it was written.

        Returns:
            The stack.

        Raises:
            TruncatedError: The payload is too short.
            CorruptError: No stack of so many lanes is written like this.
            ValueError: The number of lanes is out of range.
        """
        stack = cls.__new__(cls)
        stack._stack = _core.RansStack.from_bytes(as_bytes(payload), lanes)
        return stack

    def to_bytes(self) -> bytes:
        """Return the stack as bytes; an empty one takes none."""
        return self._stack.to_bytes()

    def push(self, symbols: ArrayLike, rows: ArrayLike, precision: int = PRECISION) -> None:
        """Push symbols, the last first, so that `pop` returns them in order.

        Args:
            symbols: One symbol for each row.
            rows: Weights, as for `quantize`.
            precision: Bits of the number of slots, 1 to 28.

        Raises:
            ModelError: As for `quantize`. Nothing is pushed then.
            ValueError: A symbol is outside its row, or as for `quantize`. Nothing is pushed then.

        Shapes:
            symbols: integers [k]
            rows: [k, V]
        """
        self._stack.push(as_integers(symbols, "symbols"), as_rows(rows), precision)

    def pop(self, rows: ArrayLike, precision: int = PRECISION) -> NDArray[np.uint32]:
        """Pop one symbol for each row.

        Args:
            rows: The weights under which the symbols were pushed, or others, to draw from them.
            precision: Bits of the number of slots, 1 to 28.

        Returns:
            The symbols.

        Raises:
            TruncatedError: The stack has run out of bits.
            ModelError: As for `quantize`.
            ValueError: As for `quantize`.

        Shapes:
            rows: [k, V]
            returns: uint32 [k]
        """
        return self._stack.pop(as_rows(rows), precision)

    def push_intervals(
        self, starts: ArrayLike, freqs: ArrayLike, precision: int = PRECISION
    ) -> None:
        """Push intervals, the last first.

        Args:
            starts: First slots.
            freqs: Numbers of slots, at least 1; no interval may pass 2**precision.
            precision: Bits of the number of slots, 1 to 28.

        Raises:
            ValueError: An interval or the precision is out of range. Nothing is pushed then.

        Shapes:
            starts: integers [k]
            freqs: integers [k]
        """
        self._stack.push_intervals(
            as_integers(starts, "starts"), as_integers(freqs, "freqs"), precision
        )

    def peek(self, precision: int = PRECISION) -> int:
        """Return the slot of the next symbol, from which a model can tell the symbol."""
        return self._stack.peek(precision)

    def pop_interval(self, start: int, freq: int, precision: int = PRECISION) -> None:
        """Pop the symbol with this interval, which must hold the slot that `peek` returned.

        Raises:
            TruncatedError: The stack has run out of bits. It is then as before.
            ValueError: The interval is not the one. The stack is then as before.
        """
        self._stack.pop_interval(start, freq, precision)

    def copy(self) -> RansStack:
        """Return a second stack with the same content."""
        stack = RansStack.__new__(RansStack)
        stack._stack = self._stack.copy()
        return stack

    @property
    def is_empty(self) -> bool:
        """Whether the stack is as it was when it was made."""
        return self._stack.is_empty

    @property
    def lanes(self) -> int:
        """The number of states."""
        return self._stack.lanes

    def finish(self) -> None:
        """Check that everything was popped: a wrong payload hardly ever ends so.

        Raises:
            CorruptError: The stack is not empty.
        """
        self._stack.finish()


class BinaryEncoder:
    """Bits under probabilities, and symbols under rows, first in, first out.

    An arithmetic coder with a range of 64 bits. It costs about one byte over the code length, so it
    suits short messages; for many symbols `RansStack` is faster.

    Example:
        >>> encoder = BinaryEncoder()
        >>> encoder.encode_bits([1, 0, 1], [0.9, 0.2, 0.7])
        >>> payload = encoder.finish()
        >>> decoder = BinaryDecoder(payload)
        >>> decoder.decode_bits([0.9, 0.2, 0.7]).tolist()
        [1, 0, 1]
        >>> decoder.finish()
    """

    __slots__ = ("_encoder",)

    def __init__(self) -> None:
        self._encoder = _core.BinaryEncoder()

    def encode_bits(self, bits: ArrayLike, probabilities: ArrayLike) -> None:
        """Encode bits.

        Args:
            bits: Zeros and ones.
            probabilities: Of a one, for each bit: integers from 1 to 2**22 - 1, or floats from 0
                to 1, which `quantize_bits` turns into such.

        Raises:
            ModelError: A float is not from 0 to 1.
            ValueError: A bit or an integer is out of range. Nothing is encoded then.

        Shapes:
            bits: integers [k]
            probabilities: [k]
        """
        import numpy as np

        array = np.ascontiguousarray(bits)
        if array.dtype != np.uint8:
            array = np.minimum(as_integers(array, "bits"), 2).astype(np.uint8)
        self._encoder.encode_bits(array, as_probabilities(probabilities))

    def encode_symbols(
        self, symbols: ArrayLike, rows: ArrayLike, precision: int = PRECISION
    ) -> None:
        """Encode symbols; arguments and errors are those of `RansStack.push`."""
        self._encoder.encode_symbols(as_integers(symbols, "symbols"), as_rows(rows), precision)

    def encode_interval(self, start: int, freq: int, precision: int = PRECISION) -> None:
        """Encode one symbol as its interval.

        Raises:
            ValueError: The interval or the precision is out of range.
        """
        self._encoder.encode_interval(start, freq, precision)

    def finish(self) -> bytes:
        """Return the payload; the encoder may go on, and this be called again."""
        return self._encoder.finish()


class BinaryDecoder:
    """Decodes what `BinaryEncoder` wrote, given the same probabilities and rows.

    Args:
        payload: What `BinaryEncoder.finish` returned.
    """

    __slots__ = ("_decoder",)

    def __init__(self, payload: Buffer) -> None:
        self._decoder = _core.BinaryDecoder(as_bytes(payload))

    def decode_bits(self, probabilities: ArrayLike) -> NDArray[np.uint8]:
        """Decode a bit for each probability.

        Raises:
            TruncatedError: The payload ended early.
            ModelError: A float is not from 0 to 1.
            ValueError: An integer is not from 1 to 2**22 - 1.

        Shapes:
            probabilities: [k]
            returns: uint8 [k]
        """
        return self._decoder.decode_bits(as_probabilities(probabilities))

    def decode_symbols(self, rows: ArrayLike, precision: int = PRECISION) -> NDArray[np.uint32]:
        """Decode a symbol for each row; arguments and errors are those of `RansStack.pop`."""
        return self._decoder.decode_symbols(as_rows(rows), precision)

    def peek(self, precision: int = PRECISION) -> int:
        """Return the slot of the next symbol."""
        return self._decoder.peek(precision)

    def advance(self, start: int, freq: int, precision: int = PRECISION) -> None:
        """Go past the symbol with this interval, which must hold the slot that `peek` returned.

        Raises:
            TruncatedError: The payload ended early.
            ValueError: The interval is not the one.
        """
        self._decoder.advance(start, freq, precision)

    def finish(self) -> None:
        """Check that the payload is the one that is written for what was decoded.

        Raises:
            TruncatedError: The payload ended early.
            CorruptError: There is more, or its last bytes are not right.
        """
        self._decoder.finish()


def encode_bytes(data: Buffer) -> bytes:
    """Code bytes by how often each occurs, in blocks where that changes.

    Args:
        data: Anything with bytes in it.

    Returns:
        At most a few bytes more than `data`.

    Complexity: linear; about 1 ns a byte with AVX2.

    Example:
        >>> payload = encode_bytes(b"abracadabra" * 100)
        >>> len(payload)
        301
        >>> decode_bytes(payload, 1100)[:11]
        b'abracadabra'
    """
    return _core.encode_bytes(as_bytes(data))


def decode_bytes(payload: Buffer, count: int) -> bytes:
    """Decode what `encode_bytes` wrote.

    Args:
        payload: What `encode_bytes` returned.
        count: How many bytes were coded; the output never grows past it.

    Returns:
        The bytes.

    Raises:
        TruncatedError: The payload ended early.
        CorruptError: The payload contradicts itself or `count`.
    """
    return _core.decode_bytes(as_bytes(payload), count)
