from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec import coder
from lmcodec.coder import RansStack
from lmcodec.errors import ModelError, TruncatedError
from lmcodec.interop import ConstrictionModel

constriction: Any = pytest.importorskip("constriction")
models: Any = constriction.stream.model

PMF = np.array([0.05, 0.6, 0.0, 0.3, 0.05], np.float32)
FIXED = {
    "categorical": (models.Categorical(PMF, perfect=False), range(5)),
    "uniform": (models.Uniform(10), range(10)),
    "bernoulli": (models.Bernoulli(0.3, perfect=False), range(2)),
    "gaussian": (models.QuantizedGaussian(-20, 20, 0.3, 2.5), range(-20, 21)),
    "laplace": (models.QuantizedLaplace(-20, 20, 0.3, 2.5), range(-20, 21)),
}


@pytest.mark.parametrize("name", FIXED)
def test_intervals_tile_all_slots(name: str) -> None:
    source, support = FIXED[name]
    adapter = ConstrictionModel(source)
    at = 0
    for symbol in support:
        start, freq = adapter.interval(symbol)
        assert start == at
        assert freq > 0
        for slot in (start, start + freq - 1):
            assert adapter.find(slot) == (symbol, start, freq)
        at += freq
    assert at == 1 << 24
    with pytest.raises(ModelError):
        adapter.interval(support[-1] + 1)


def gaussians(count: int) -> tuple[NDArray[np.int32], NDArray[Any], NDArray[Any]]:
    generator = np.random.default_rng(1)
    means = generator.uniform(-60, 60, count)
    stds = generator.uniform(0.3, 20, count)
    symbols = generator.normal(means, stds).round().clip(-127, 127).astype(np.int32)
    return symbols, means, stds


def test_gaussians_reach_the_code_length_of_both_coders() -> None:
    symbols, means, stds = gaussians(3000)
    source = models.QuantizedGaussian(-128, 128)
    adapter = ConstrictionModel(source, means, stds)
    stack = RansStack()
    adapter.push(stack, symbols)
    payload = stack.to_bytes()

    ans = constriction.stream.stack.AnsCoder()
    ans.encode_reverse(symbols, source, means, stds)
    ranges = constriction.stream.queue.RangeEncoder()
    ranges.encode(symbols, source, means, stds)
    for rival in (ans, ranges):
        assert abs(8 * len(payload) - rival.num_bits()) < 1e-4 * rival.num_bits() + 64

    stack = RansStack.from_bytes(payload)
    assert (adapter.pop(stack, len(symbols)) == symbols).all()
    stack.finish()


def test_rows_reach_the_code_length_of_a_categorical() -> None:
    generator = np.random.default_rng(2)
    rows = generator.dirichlet(np.full(30, 0.3), 3000).astype(np.float32)
    symbols = (generator.random((3000, 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 29)
    source = models.Categorical(perfect=False)
    ans = constriction.stream.stack.AnsCoder()
    ans.encode_reverse(symbols.astype(np.int32), source, rows)
    ours, theirs = RansStack(), RansStack()
    ours.push(symbols, rows)
    ConstrictionModel(source, rows).push(theirs, symbols)
    for stack in (ours, theirs):
        assert abs(8 * len(stack.to_bytes()) - ans.num_bits()) < 1e-4 * ans.num_bits() + 64


def test_intervals_suit_the_binary_coder() -> None:
    adapter = ConstrictionModel(models.QuantizedGaussian(-10, 10, 0.0, 3.0))
    encoder = coder.BinaryEncoder()
    for symbol in (3, -2, 0):
        encoder.encode_interval(*adapter.interval(symbol))
    decoder = coder.BinaryDecoder(encoder.finish())
    for symbol in (3, -2, 0):
        found, start, freq = adapter.find(decoder.peek())
        decoder.advance(start, freq)
        assert found == symbol
    decoder.finish()


def test_wrong_arguments_raise() -> None:
    adapter = ConstrictionModel(models.QuantizedGaussian(-10, 10), np.zeros(2), np.ones(2))
    stack = RansStack()
    with pytest.raises(ValueError, match="parameters"):
        adapter.push(stack, [1])
    with pytest.raises(ModelError):
        adapter.push(stack, [1, 11])
    assert stack.is_empty
    with pytest.raises(TruncatedError):
        adapter.pop(stack, 2)
