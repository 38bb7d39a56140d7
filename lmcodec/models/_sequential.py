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


def _cumulative(pmf: NDArray[Any]) -> NDArray[np.uint64]:
    """Quantize each row: cum(i) = floor(S_i (T - V) / W) + i."""
    weights = np.asarray(pmf, np.float64)
    peak = weights.max()
    if not (peak > 0 and np.isfinite(peak) and weights.min() >= 0):
        raise ModelError("pmf must be finite, nonnegative and not all zero")
    scaled = np.floor(weights / peak * float(1 << 29)).astype(np.uint64)
    sums = np.zeros((len(scaled), scaled.shape[1] + 1), np.uint64)
    np.cumsum(scaled, axis=1, out=sums[:, 1:])
    alphabet = scaled.shape[1]
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
    coded = np.array(words[::-1], "<u4").tobytes()
    return state.to_bytes(8, "little") + coded


def decode(model: SequentialModel[Any], payload: bytes, count: int) -> Symbols:
    """Decode the symbols of each step, and send them to the model."""
    if count == 0 and not payload:
        return b""
    if len(payload) < 8 or len(payload) % 4:
        raise TruncatedError("payload of a sequential model ends early")
    state = int.from_bytes(payload[:8], "little")
    words = np.frombuffer(payload, "<u4", offset=8)
    used = 0
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
                if used == len(words):
                    raise TruncatedError("payload of a sequential model ends early")
                state = state << 32 | int(words[used])
                used += 1
            chosen.append(symbol)
        out += bytes(chosen)
        try:
            step = steps.send(np.array(chosen, np.int64))
        except StopIteration:
            step = None
    if state != STATE_LOW or used != len(words):
        raise CorruptError("coder did not return to its base state", expected=STATE_LOW, got=state)
    return bytes(out)
