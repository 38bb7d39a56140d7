from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec import coder
from lmcodec.coder import BinaryDecoder, BinaryEncoder, RansStack
from lmcodec.errors import CorruptError, FormatError, ModelError, TruncatedError


def draws(seed: int, count: int, alphabet: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Peaked rows, and a symbol drawn from each."""
    generator = np.random.default_rng(seed)
    rows = generator.dirichlet(np.full(alphabet, 0.05), count)
    cumulated = rows.cumsum(axis=1)
    symbols = (generator.random((count, 1)) > cumulated).sum(axis=1).clip(0, alphabet - 1)
    return symbols.astype(np.uint32), rows


def test_importing_the_coders_imports_no_numpy() -> None:
    code = "import sys, lmcodec.coder; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "dtype", ["u1", "u2", "u4", "u8", "i2", "i8", "f2", "f4", "f8", ">u4", ">f4"]
)
def test_weights_of_any_type_are_taken(dtype: str) -> None:
    weights = np.array([[1, 0, 3], [0, 0, 0], [7, 7, 100]], dtype)
    table = coder.quantize(weights, 20)
    wide = coder.quantize([[1, 0, 3], [1, 1, 1], [7, 7, 100]], 20)
    assert table.dtype == np.uint32
    assert (table == wide).all()


def test_quantize_follows_the_formula() -> None:
    generator = np.random.default_rng(1)
    for alphabet, precision in ((1, 28), (2, 1), (5, 12), (256, 8), (300, 24), (70_000, 28)):
        weights = generator.integers(0, 1 << 31, (2, alphabet), np.uint32)
        table = coder.quantize(weights, precision)
        for row, cum in zip(weights.tolist(), table.tolist(), strict=True):
            total, before = sum(row), 0
            free = (1 << precision) - alphabet
            for i, weight in enumerate(row):
                assert cum[i] == before * free // total + i
                before += weight
            assert cum[alphabet] == 1 << precision


def test_floats_become_integers_by_the_stated_rule() -> None:
    generator = np.random.default_rng(2)
    rows = generator.dirichlet(np.full(300, 0.03), 20)
    exponent = np.frexp(rows.max(axis=1, keepdims=True))[1] - 1
    weights = np.floor(np.ldexp(rows, 27 - exponent)).astype(np.uint32)
    assert (coder.quantize(rows, 24) == coder.quantize(weights, 24)).all()
    assert (coder.quantize(rows.astype(np.float32), 24)[:, -1] == 1 << 24).all()


def test_rows_that_are_not_contiguous_are_copied() -> None:
    rows = np.arange(24, dtype=np.uint32).reshape(4, 6)
    assert (coder.quantize(rows[::2, 1:4]) == coder.quantize(rows[::2, 1:4].copy())).all()
    assert (coder.quantize(rows.T) == coder.quantize(rows.T.copy())).all()


@pytest.mark.parametrize("lanes", [1, 4, 8, 16])
@pytest.mark.parametrize("precision", [12, 24, 28])
def test_stack_round_trips(lanes: int, precision: int) -> None:
    symbols, rows = draws(3, 500, 40)
    stack = RansStack(lanes)
    stack.push(symbols, rows, precision)
    payload = stack.to_bytes()
    stack = RansStack.from_bytes(payload, lanes)
    assert stack.lanes == lanes
    first = stack.pop(rows[:100], precision)
    rest = stack.pop(rows[100:], precision)
    assert np.concatenate([first, rest]).tolist() == symbols.tolist()
    stack.finish()
    assert stack.is_empty
    assert stack.to_bytes() == b""


def test_intervals_gathered_forward_give_the_same_bytes() -> None:
    symbols, rows = draws(4, 200, 9)
    stack, other = RansStack(4), RansStack(4)
    stack.push(symbols, rows)
    parts = [coder.intervals(symbols[i : i + 7], rows[i : i + 7]) for i in range(0, 200, 7)]
    starts = np.concatenate([part[0] for part in parts])
    freqs = np.concatenate([part[1] for part in parts])
    other.push_intervals(starts, freqs)
    assert other.to_bytes() == stack.to_bytes()
    for start, freq in zip(starts.tolist(), freqs.tolist(), strict=True):
        assert start <= other.peek() < start + freq
        other.pop_interval(start, freq)
    other.finish()


def test_latents_give_their_bits_back() -> None:
    prior, posterior = np.ones((1, 64)), np.arange(64.0)[None]
    symbols, likelihoods = draws(5, 64, 10)
    stack = RansStack()
    stack.push(np.arange(50) % 64, np.ones((50, 64)))
    before = stack.copy()
    latent = stack.pop(posterior)
    stack.push(symbols[latent], likelihoods[latent])
    stack.push(latent, prior)

    found = stack.pop(prior)
    assert stack.pop(likelihoods[found]).tolist() == symbols[latent].tolist()
    stack.push(found, posterior)
    assert stack.to_bytes() == before.to_bytes()


def test_an_empty_stack_raises() -> None:
    stack = RansStack()
    with pytest.raises(TruncatedError):
        stack.pop([[1, 1]])
    with pytest.raises(TruncatedError):
        stack.pop_interval(0, 1 << 23)
    # A sure symbol takes no bits.
    assert stack.pop([[1], [1]]).tolist() == [0, 0]
    stack.finish()


def test_what_is_left_on_the_stack_is_an_error() -> None:
    stack = RansStack()
    stack.push([1], [[1, 1]])
    with pytest.raises(CorruptError):
        stack.finish()


def test_bits_round_trip() -> None:
    generator = np.random.default_rng(6)
    probabilities = generator.random(5000)
    bits = generator.random(5000) < probabilities
    encoder = BinaryEncoder()
    encoder.encode_bits(bits[:2500], probabilities[:2500])
    encoder.encode_bits(bits[2500:].astype(np.uint8), coder.quantize_bits(probabilities[2500:]))
    payload = encoder.finish()
    decoder = BinaryDecoder(payload)
    assert (decoder.decode_bits(probabilities) == bits).all()
    decoder.finish()


def test_bits_and_symbols_mix() -> None:
    symbols, rows = draws(7, 30, 5)
    encoder = BinaryEncoder()
    encoder.encode_bits([1, 0], [0.5, 0.1])
    encoder.encode_symbols(symbols, rows, 28)
    encoder.encode_interval(7, 3, 8)
    decoder = BinaryDecoder(bytearray(encoder.finish()))
    assert decoder.decode_bits([0.5, 0.1]).tolist() == [1, 0]
    assert decoder.decode_symbols(rows, 28).tolist() == symbols.tolist()
    assert 7 <= decoder.peek(8) < 10
    decoder.advance(7, 3, 8)
    decoder.finish()


def test_a_short_message_costs_about_a_byte_more_than_its_code_length() -> None:
    symbols, rows = draws(8, 20, 1000)
    _, freqs = coder.intervals(symbols, rows, 28)
    ideal = float((28 - np.log2(freqs)).sum()) / 8
    encoder = BinaryEncoder()
    encoder.encode_symbols(symbols, rows, 28)
    assert len(encoder.finish()) < ideal + 2
    stack = RansStack()
    stack.push(symbols, rows, 28)
    assert len(stack.to_bytes()) < ideal + 5.5


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"ab" * 10, bytes(range(256)) * 3, bytes(100_000), b"text of letters " * 5000],
    ids=["empty", "one", "short", "all", "run", "text"],
)
def test_bytes_round_trip(data: bytes) -> None:
    payload = coder.encode_bytes(data)
    assert coder.decode_bytes(payload, len(data)) == data
    assert coder.decode_bytes(memoryview(payload), len(data)) == data
    assert coder.encode_bytes(memoryview(data)) == payload
    assert len(payload) <= len(data) + 4


Refused = list[tuple[type[Exception], Callable[[], object]]]


def refused_rows() -> Refused:
    return [
        (ModelError, lambda: coder.quantize([[0.5, float("nan")]])),
        (ModelError, lambda: coder.quantize([[0.5, float("inf")]])),
        (ModelError, lambda: coder.quantize([[0.5, -0.1]])),
        (ModelError, lambda: coder.quantize(np.array([[1 << 63, 1 << 63]], np.uint64))),
        (ModelError, lambda: coder.quantize_bits([1.5])),
        (ValueError, lambda: coder.quantize([[1, -1]])),
        (ValueError, lambda: coder.quantize([1, 2])),
        (ValueError, lambda: coder.quantize(np.zeros((2, 0)))),
        (ValueError, lambda: coder.quantize([[1, 2, 3]], 1)),
        (ValueError, lambda: coder.quantize([[1]], 29)),
        (ValueError, lambda: coder.quantize([[1]], 0)),
        (TypeError, lambda: coder.quantize(np.array([["a"]]))),
        (ValueError, lambda: coder.intervals([2], [[1, 1]])),
        (ValueError, lambda: coder.intervals([0, 0], [[1, 1]])),
    ]


def refused_stacks() -> Refused:
    stack = RansStack()
    return [
        (ValueError, lambda: RansStack(0)),
        (ValueError, lambda: RansStack(17)),
        (ValueError, lambda: stack.push([-1], [[1, 1]])),
        (ValueError, lambda: stack.push([1 << 32], [[1, 1]])),
        (ValueError, lambda: stack.push([[0]], [[1, 1]])),
        (TypeError, lambda: stack.push([0.5], [[1, 1]])),
        (ValueError, lambda: stack.push_intervals([0, 1], [1])),
        (ValueError, lambda: stack.push_intervals([0], [0])),
        (ValueError, lambda: stack.push_intervals([255], [2], 8)),
        (ValueError, lambda: stack.pop_interval(5, 1)),
        (CorruptError, lambda: RansStack.from_bytes(bytes(8))),
        (TruncatedError, lambda: RansStack.from_bytes(b"\x80")),
    ]


def refused_bits() -> Refused:
    encoder, decoder = BinaryEncoder(), BinaryDecoder(b"")
    return [
        (ValueError, lambda: encoder.encode_bits([2], [0.5])),
        (ValueError, lambda: encoder.encode_bits(np.array([2], np.uint8), [0.5])),
        (ValueError, lambda: encoder.encode_bits([258], [0.5])),
        (ValueError, lambda: encoder.encode_bits([1], [0])),
        (ValueError, lambda: encoder.encode_bits([1], [1 << 22])),
        (ValueError, lambda: encoder.encode_bits([1, 0], [0.5])),
        (ValueError, lambda: encoder.encode_interval(0, 0)),
        (ValueError, lambda: decoder.decode_bits([0])),
        (ValueError, lambda: decoder.advance(1, 1)),
        (CorruptError, lambda: BinaryDecoder(b"\0").finish()),
        (CorruptError, lambda: BinaryDecoder(b"a" * 9).finish()),
        (CorruptError, lambda: coder.decode_bytes(b"\0\0", 1)),
        (TruncatedError, lambda: coder.decode_bytes(b"", 1)),
        (CorruptError, lambda: coder.decode_bytes(b"a", 0)),
    ]


@pytest.mark.parametrize("cases", [refused_rows, refused_stacks, refused_bits])
def test_wrong_arguments_raise(cases: Callable[[], Refused]) -> None:
    for number, (error, call) in enumerate(cases()):
        try:
            call()
        except error:
            continue
        pytest.fail(f"case {number} raised no {error.__name__}")


def test_a_refused_push_changes_nothing() -> None:
    stack = RansStack(2)
    stack.push([1, 0, 1], [[1, 3]] * 3)
    before = stack.to_bytes()
    with pytest.raises(ValueError, match="symbol"):
        stack.push([1, 2], [[1, 3]] * 2)
    with pytest.raises(ModelError):
        stack.push([1, 1], [[1.0, 3.0], [np.nan, 1.0]])
    assert stack.to_bytes() == before


def test_a_truncated_payload_of_bits_ends() -> None:
    encoder = BinaryEncoder()
    probabilities = np.full(1000, 0.5)
    encoder.encode_bits(np.arange(1000) % 3 % 2, probabilities)
    payload = encoder.finish()
    for length in range(0, len(payload) - 12, 7):
        with pytest.raises(FormatError):
            BinaryDecoder(payload[:length]).decode_bits(probabilities)


@pytest.mark.slow
@pytest.mark.parametrize("precision", [12, 16, 20, 24, 28])
def test_excess_over_the_code_length(precision: int) -> None:
    """Coder alone, and coder with quantization, on rows of 256 with about two bits a symbol."""
    symbols, rows = draws(9, 100_000, 256)
    chosen = rows[np.arange(len(symbols)), symbols]
    symbols, rows = symbols[chosen > 0], rows[chosen > 0]
    ideal = float(-np.log2(chosen[chosen > 0]).sum())
    _, freqs = coder.intervals(symbols, rows, precision)
    quantized = float((precision - np.log2(freqs)).sum())
    stack = RansStack()
    stack.push(symbols, rows, precision)
    coded = 8 * len(stack.to_bytes())
    assert -1 < coded - quantized < 3e-5 * quantized + 48
    # The floor of one slot for each symbol costs at most -log2(1 - V / T) bits a symbol.
    floor = -np.log2(1 - 256 / (1 << precision)) * len(symbols)
    assert coded - ideal < floor + 3e-5 * ideal + 48


@pytest.mark.parametrize(
    ("alphabet", "precision", "bits"),
    [
        (256, 16, 0.0056),
        (256, 24, 2.2e-5),
        (49_152, 16, 2.0),
        (49_152, 20, 0.069),
        (49_152, 24, 0.0042),
        (49_152, 28, 0.00026),
        (151_936, 20, 0.226),
        (151_936, 24, 0.0131),
        (151_936, 28, 0.0008),
    ],
)
def test_cost_of_the_floor_on_a_sure_symbol(alphabet: int, precision: int, bits: float) -> None:
    row = np.zeros((1, alphabet), np.float32)
    row[0, alphabet // 3] = 1
    _, freqs = coder.intervals([alphabet // 3], row, precision)
    cost = precision - float(np.log2(freqs[0]))
    assert 0.96 * bits < cost < 1.04 * bits
