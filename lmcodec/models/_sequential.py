"""Drives `SequentialModel` with rANS in pure Python: slow, and replaced by the Rust coder.

The arithmetic is that of the Rust coder (64-bit state, 32-bit words, 24-bit precision), but the
bytes are not promised to stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lmcodec.errors import CorruptError, ModelError, TruncatedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.models.base import SequentialModel, Symbols

PRECISION = 24
STATE_LOW = 1 << 31


def _weights(pmf: NDArray[Any]) -> NDArray[np.uint64]:
    """Turn rows into integers: floats become floor(x 2^(27 - e)), 2^e at or below the largest."""
    if pmf.dtype.kind == "u":
        return pmf.astype(np.uint64)
    if not (np.isfinite(pmf).all() and pmf.min() >= 0):
        raise ModelError("pmf must be finite and nonnegative")
    exponent = np.frexp(pmf.max(axis=1, keepdims=True))[1] - 1
    weights: NDArray[np.uint64] = np.floor(np.ldexp(pmf, 27 - exponent)).astype(np.uint64)
    return weights


def _cumulative(pmf: NDArray[Any]) -> NDArray[np.uint64]:
    """Quantize each row: cum(i) = floor(S_i (T - V) / W) + i."""
    weights = _weights(np.asarray(pmf))
    weights[weights.sum(axis=1) == 0] = 1
    alphabet = weights.shape[1]
    sums = np.zeros((len(weights), alphabet + 1), np.uint64)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    free = np.uint64((1 << PRECISION) - alphabet)
    cum: NDArray[np.uint64] = sums * free // sums[:, -1:]
    return cum + np.arange(alphabet + 1, dtype=np.uint64)


def encode(model: SequentialModel[Any], symbols: Symbols) -> bytes:
    """Run the model forward, collecting intervals, then code them backward."""
    values = np.frombuffer(symbols, np.uint8) if isinstance(symbols, bytes) else symbols
    intervals: list[tuple[int, int]] = []
    steps = model.steps(model.start(), len(values))
    step = next(steps, None)
    while step is not None:
        chosen = values[step.positions].astype(np.int64)
        for cum, symbol in zip(_cumulative(step.pmf), chosen, strict=True):
            intervals.append((int(cum[symbol]), int(cum[symbol + 1] - cum[symbol])))
        try:
            step = steps.send(chosen)
        except StopIteration:
            step = None
    if not intervals:
        return b""
    state = STATE_LOW
    words: list[int] = []
    for start, freq in reversed(intervals):
        if state >= ((STATE_LOW >> PRECISION) << 32) * freq:
            words.append(state & 0xFFFFFFFF)
            state >>= 32
        state = (state // freq << PRECISION) + state % freq + start
    if not words and state == STATE_LOW:
        return b""
    return np.array(words, "<u4").tobytes() + state.to_bytes(8, "little").rstrip(b"\0")


def decode(model: SequentialModel[Any], payload: bytes, count: int) -> Symbols:
    """Decode the symbols of each step, and send them to the model."""
    state, words = _parse(payload)
    out = bytearray()
    steps = model.steps(model.start(), count)
    step = next(steps, None)
    while step is not None:
        chosen = []
        for cum in _cumulative(step.pmf):
            slot = state & ((1 << PRECISION) - 1)
            symbol = int(np.searchsorted(cum, slot, side="right")) - 1
            start, freq = int(cum[symbol]), int(cum[symbol + 1] - cum[symbol])
            state = freq * (state >> PRECISION) + slot - start
            if state < STATE_LOW:
                if not words:
                    raise TruncatedError("payload of a sequential model ends early")
                state = state << 32 | words.pop()
            chosen.append(symbol)
        out += bytes(chosen)
        try:
            step = steps.send(np.array(chosen, np.int64))
        except StopIteration:
            step = None
    if state != STATE_LOW or words:
        raise CorruptError("coder did not return to its base state", expected=STATE_LOW, got=state)
    return bytes(out)


def _parse(payload: bytes) -> tuple[int, list[int]]:
    """Split a payload into the state and the words below it on the stack."""
    if not payload:
        return STATE_LOW, []
    # A state of four bytes has its highest bit set, one of eight has it clear.
    size = 4 + len(payload) % 4
    if size == 4 and payload[-1] < 0x80:
        size = 8
    if len(payload) < size:
        raise TruncatedError("payload of a sequential model ends early")
    at = len(payload) - size
    state = int.from_bytes(payload[at:], "little")
    if not STATE_LOW <= state < STATE_LOW << 32 or payload[-1] == 0:
        raise CorruptError("coder state is out of range")
    return state, np.frombuffer(payload[:at], "<u4").tolist()
