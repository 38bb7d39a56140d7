"""The network of `ardm`, as the reference computes it, against what codes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lmcodec import _core
from lmcodec.ardm.order import shuffled
from tests.ardm import Stored, small
from tests.reference.ardm import PRECISION, Network

_CASES = {
    "picture": ((4, 5), (4, 4), {}),
    "row": ((9,), (27,), {}),
    "colours": ((3, 2, 3), (16, 16), {"outline_blocks": 2}),
    "near": ((6, 3), (2, 2, 2), {"outline": 0, "blocks": 2}),
}


@pytest.mark.parametrize("name", _CASES)
def test_intervals(name: str, tmp_path: Path) -> None:
    axes, levels, more = _CASES[name]
    config = small(axes, levels, **more)
    symbols = np.random.RandomState(7).permutation(256)[: config.alphabet].astype(np.uint8)
    path = tmp_path / "network.ardm"
    path.write_bytes(Stored(config, symbols.tobytes(), 3).file())
    reference, core = Network(path), _core.Ardm(path.read_bytes())
    items = symbols[np.random.RandomState(8).randint(0, config.alphabet, (2, config.size))]
    half = config.size // 2
    for steps in ([config.size], [1] * 3 + [config.size - 3], [half, config.size - half]):
        steps = steps * config.stages
        lengths = core.code_lengths(items.tobytes(), steps)
        payload = core.encode(items.tobytes(), steps, 2)
        stack = _core.RansStack(1)
        pairs = []
        for item, length in zip(items, lengths, strict=True):
            found = reference.intervals(item.tobytes(), steps)
            pairs += found
            bits = sum(PRECISION - math.log2(freq) for _, freq in found)
            assert bits == pytest.approx(length, abs=1e-9)
        starts, freqs = (np.array(part, np.uint32) for part in zip(*pairs, strict=True))
        stack.push_intervals(starts, freqs, PRECISION)
        assert payload.endswith(stack.to_bytes())


def test_orders_are_those_of_the_generator() -> None:
    # SplitMix64 from 1: 0x910a2dec89025cc1 and 0xbeeb8da1658eec67 come first.
    assert shuffled(3, 1).tolist() == _by_hand(3, [0x910A2DEC89025CC1, 0xBEEB8DA1658EEC67])
    for size in (1, 2, 50, 784):
        assert sorted(shuffled(size, 5).tolist()) == list(range(size))
    assert shuffled(50, 5).tolist() != shuffled(50, 6).tolist()


def _by_hand(size: int, numbers: list[int]) -> list[int]:
    order = list(range(size))
    for place, number in zip(range(size - 1, 0, -1), numbers, strict=True):
        other = (number * (place + 1)) >> 64
        order[place], order[other] = order[other], order[place]
    return order
