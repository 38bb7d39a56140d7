"""The specification of `circuit` and the fast coder agree."""

from __future__ import annotations

import numpy as np
import pytest

from lmcodec import _core
from tests.circuits import numbers, random_circuit, random_samples
from tests.reference import circuit as reference


@pytest.mark.parametrize(
    ("seed", "nodes", "states", "categories", "bare", "count", "group"),
    [
        (1, 1, 3, 5, 0, 3, 1),
        (2, 7, 5, 16, 3, 40, 9),
        (3, 12, 6, 256, 4, 37, 20),
        (4, 30, 2, 40, 0, 20, 128),
        (5, 9, 4, 1, 0, 5, 2),
    ],
)
def test_payloads_decode_by_the_specification(
    seed: int, nodes: int, states: int, categories: int, bare: int, count: int, group: int
) -> None:
    stored = random_circuit(seed, nodes, states=states, categories=categories, bare=bare)
    samples = random_samples(stored, seed, count)
    if categories < 256:
        # Some that the circuit does not know.
        samples[count // 3, -1] = samples[-1, 0] = 255
    symbols = samples.tobytes() + b"\7" * (len(stored.categories) - 1)
    circuit = _core.Circuit(stored.file(), by_number=False)
    payload = circuit.encode(symbols, group)
    assert circuit.decode(payload, len(symbols), group) == symbols
    assert reference.decode(stored, payload, len(symbols), group) == symbols


def test_code_lengths_are_logarithms_of_probabilities() -> None:
    stored = random_circuit(6, 40, states=7, categories=30, bare=5)
    samples = random_samples(stored, 6, 30)
    for by_number in (False, True):
        lengths = _core.Circuit(stored.file(), by_number=by_number).code_lengths(samples.tobytes())
        assert lengths == pytest.approx([-stored.log2(sample) for sample in samples], rel=1e-5)


def test_numbers_are_those_of_every_release() -> None:
    assert numbers(1).randint(0, 1000, 4).tolist() == [37, 235, 908, 72]
    assert np.bincount(random_circuit(1, 3).states).sum() == 3
