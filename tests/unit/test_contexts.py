"""The rows that bytes select, for training, against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from lmcodec import _core
from tests.reference.bytelm import Contexts
from tests.strategies import prose, random_bytes

BITS = [8, 6, 7, 9, 12, 13]


@pytest.mark.parametrize("text", [prose(1, 3000), random_bytes(2, 3000), b"", b"\n", b"ab" * 40])
@pytest.mark.parametrize("most", [16, 5])
def test_rows_are_those_of_the_reference(text: bytes, most: int) -> None:
    rows, words = _core.bytelm_contexts(text, BITS, 11, most)
    assert rows.dtype == words.dtype == np.int32
    assert rows.shape == (len(text), len(BITS))
    assert words.shape == (len(text),)
    reference = Contexts(BITS, 11, most)
    expected = [reference.push(byte) for byte in text]
    assert rows.tolist() == [row for row, _ in expected]
    assert words.tolist() == [word for _, word in expected]


@pytest.mark.parametrize(
    ("bits", "words"), [([8, 0, 6, 6, 6, 6], 6), ([8, 6, 6, 6, 6, 32], 6), (BITS, 0), (BITS, 32)]
)
def test_sizes_are_checked(bits: list[int], words: int) -> None:
    with pytest.raises(ValueError, match="tables must have 2 to"):
        _core.bytelm_contexts(b"text", bits, words, 16)
    with pytest.raises(ValueError, match="expected a sequence of length 6"):
        _core.bytelm_contexts(b"text", bits[1:], words, 16)
