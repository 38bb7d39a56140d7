from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from lmcodec import coder
from lmcodec.coder import BinaryDecoder, BinaryEncoder, RansStack
from lmcodec.errors import FormatError

Case = tuple[NDArray[Any], NDArray[Any], int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Rows of weights, a symbol for each, and a precision."""
    count = draw(st.integers(0, 30))
    alphabet = draw(st.integers(1, 40))
    dtype = np.dtype(draw(st.sampled_from(["u1", "u2", "u4", "f4", "f8"])))
    elements: Any = None
    if dtype.kind == "f":
        elements = st.floats(0, 1, width=32 if dtype.itemsize == 4 else 64)
    rows = draw(hnp.arrays(dtype, (count, alphabet), elements=elements))
    symbols = draw(hnp.arrays(np.uint32, count, elements=st.integers(0, alphabet - 1)))
    return rows, symbols, draw(st.integers(6, 28))


@given(cases(), st.sampled_from([1, 2, 4, 8]))
def test_pop_undoes_push(case: Case, lanes: int) -> None:
    rows, symbols, precision = case
    stack = RansStack(lanes)
    stack.push(symbols, rows, precision)
    payload = stack.to_bytes()
    stack = RansStack.from_bytes(payload, lanes)
    assert stack.to_bytes() == payload
    assert (stack.pop(rows, precision) == symbols).all()
    stack.finish()


@given(cases(), st.sampled_from([1, 3]))
def test_push_undoes_pop(case: Case, lanes: int) -> None:
    rows, _, precision = case
    stack = RansStack(lanes)
    stack.push_intervals(np.arange(40) * 12345, np.ones(40, np.uint32), 28)
    before = stack.to_bytes()
    popped = stack.pop(rows, precision)
    stack.push(popped, rows, precision)
    assert stack.to_bytes() == before


@given(cases())
def test_tables_ascend_from_zero_to_the_total(case: Case) -> None:
    rows, symbols, precision = case
    table = coder.quantize(rows, precision)
    assert (table[:, 0] == 0).all()
    assert (table[:, -1] == 1 << precision).all()
    assert (np.diff(table.astype(np.int64)) > 0).all()
    starts, freqs = coder.intervals(symbols, rows, precision)
    at = np.arange(len(symbols))
    assert (starts == table[at, symbols]).all()
    assert (freqs == table[at, symbols + 1] - starts).all()


@given(cases(), st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=50))
def test_binary_coder_round_trips(case: Case, bits: list[tuple[bool, float]]) -> None:
    rows, symbols, precision = case
    values = [bit for bit, _ in bits]
    probabilities = np.array([p for _, p in bits], np.float64)
    encoder = BinaryEncoder()
    encoder.encode_bits(np.array(values, np.uint8), probabilities)
    encoder.encode_symbols(symbols, rows, precision)
    decoder = BinaryDecoder(encoder.finish())
    assert decoder.decode_bits(probabilities).tolist() == values
    assert (decoder.decode_symbols(rows, precision) == symbols).all()
    decoder.finish()


@given(st.binary(max_size=3000), st.integers(1, 40))
def test_bytes_round_trip(data: bytes, repeat: int) -> None:
    data *= repeat
    payload = coder.encode_bytes(data)
    assert coder.decode_bytes(payload, len(data)) == data
    assert len(payload) <= len(data) + 4


@given(st.binary(max_size=200), st.integers(0, 10_000), st.sampled_from([1, 4, 16]))
def test_any_payload_ends(payload: bytes, count: int, lanes: int) -> None:
    rows = np.array([[1, 5, 2, 0]] * 300, np.uint16)
    with contextlib.suppress(FormatError):
        assert len(coder.decode_bytes(payload, count)) == count
    with contextlib.suppress(FormatError):
        stack = RansStack.from_bytes(payload, lanes)
        stack.pop(rows)
        stack.finish()
    with contextlib.suppress(FormatError):
        decoder = BinaryDecoder(payload)
        decoder.decode_bits(np.full(500, 0.3))
        decoder.decode_symbols(rows)
        decoder.finish()
