"""The network of `bytelm`, as the reference computes it, against the vectors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reference.bytelm import (
    Contexts,
    Network,
    halves_of,
    hashed,
    isqrt,
    norm,
    read_safetensors,
    rows_of,
)

_HERE = Path(__file__).parent
_SHIPPED = Path(__file__).parents[2] / "lmcodec" / "data" / "bytelm-2.1.safetensors"


def _cases() -> list[Any]:
    cases = []
    files = {name: _HERE / f"bytelm-{name}.safetensors" for name in ("tiny", "tiny-3")}
    for name, weights in (files | {"2": _SHIPPED}).items():
        content = json.loads((_HERE / f"bytelm-{name}.json").read_text())
        cases += [
            pytest.param(weights, case, id=f"{name}-{case['name']}") for case in content["cases"]
        ]
    return cases


@pytest.mark.parametrize(("weights", "case"), _cases())
def test_vectors(weights: Path, case: dict[str, Any]) -> None:
    network = Network(weights)
    # Two lanes, of which one is behind: what a lane gives does not depend on the other.
    state = network.start(2)
    text = bytes.fromhex(case["bytes"])
    rows = []
    for byte, other in zip(b"\n" + text, text + b"\n", strict=True):
        rows.append(network.step(state, np.array([byte, other], np.uint8))[0])
    logits = np.array(rows)
    sums = network.weights(logits)
    assert logits[0].tolist() == case["first_logits"]
    assert logits[-1].tolist() == case["last_logits"]
    assert sums.sum(1).tolist() == case["weight_sums"]
    assert hashlib.sha256(logits.astype("<i4").tobytes()).hexdigest() == case["logits_sha256"]
    assert hashlib.sha256(sums.astype("<u4").tobytes()).hexdigest() == case["weights_sha256"]


def test_words_end_after_the_byte_that_follows_them() -> None:
    contexts = Contexts([8, 12, 13, 12, 14, 14], 13, 16)
    ends = [contexts.push(byte)[1] >= 0 for byte in b"Ab c, " + b"1" * 20 + b"x\n"]
    assert [n for n, end in enumerate(ends) if end] == [2, 4, 20, 27]


def test_words_are_the_same_in_both_cases() -> None:
    rows = []
    for text in (b"\nWord ", b"\nwORD "):
        contexts = Contexts([8, 12, 13, 12, 14, 14], 13, 16)
        rows.append([contexts.push(byte) for byte in text][-1])
    assert rows[0][1] == rows[1][1] >= 0
    assert rows[0][0][3] != rows[1][0][3]


def test_norm_is_at_most_63_steps() -> None:
    x = np.zeros((3, 64), np.int64)
    x[1, 5] = 1 << 30
    x[2] = 1 << 16
    x[2, 0] = -1 << 16
    result = norm(x)
    assert not result[0].any()
    assert result[1, 5] == 63
    assert result[2].tolist() == [-10] + [10] * 63


def test_roots_and_hashes() -> None:
    for value in (0, 1, 4095, 4096, (1 << 49) - 1, 3037000499**2, 3037000499**2 - 1):
        root = isqrt(value)
        assert root * root <= value < (root + 1) ** 2
    assert [hashed(value, 8) for value in (0, 1, 2, 0xFFFFFFFF)] == [0, 93, 212, 244]


def test_rows_have_the_lower_half_of_a_byte_first() -> None:
    packed = np.array([[0x78, 0xF0], [0x9A, 0x88]], np.int64)
    assert rows_of(packed, np.array([3, 1000])).tolist() == [[0, -3, -24, 21], [2000, 1000, 0, 0]]


def test_matrices_of_a_file_are_of_either_kind() -> None:
    _, tensors = read_safetensors(_HERE / "bytelm-tiny-3.safetensors")
    weights = {name: w for name, w in tensors.items() if name.endswith(".weight")}
    assert {w.dtype.name for w in weights.values()} == {"int8", "uint8"}
    found = Network(_HERE / "bytelm-tiny-3.safetensors").tensors
    for name, w in weights.items():
        if w.dtype == np.uint8:
            assert (found[name] == halves_of(w.astype(np.int64))).all()
            assert (found[name].min(), found[name].max()) == (-8, 7)
        else:
            assert (found[name] == w).all()
