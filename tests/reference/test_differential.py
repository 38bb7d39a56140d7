"""The library and the reference decoder accept the same streams, with the same content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec.errors import LmcodecError
from lmcodec.models.base import MODELS
from tests.hostile.test_damage import STREAMS, mutations
from tests.hostile.test_resealed import STREAMS as SEALED
from tests.hostile.test_resealed import resealed
from tests.reference.test_reference import reference

READABLE = [name for name in STREAMS if name not in MODELS.ids()]


def outcomes(stream: bytes) -> tuple[bytes | None, bytes | None]:
    """What each decoder makes of a stream, None where it refuses."""
    ours: bytes | None
    theirs: bytes | None
    try:
        ours = lmcodec.decompress(stream, max_output_size=1 << 20)
    except LmcodecError:
        ours = None
    try:
        theirs = reference.decode(stream)
    except (reference.InvalidError, reference.UnsupportedError):
        theirs = None
    return ours, theirs


@pytest.mark.parametrize("name", READABLE)
def test_damaged_streams(name: str) -> None:
    for _, damaged in mutations(name):
        ours, theirs = outcomes(damaged)
        assert ours == theirs, damaged.hex(" ")


@pytest.mark.parametrize("name", SEALED)
def test_streams_that_are_sealed_again(name: str) -> None:
    for damaged in resealed(SEALED[name]):
        ours, theirs = outcomes(damaged)
        assert ours == theirs, damaged.hex(" ")


@given(st.sampled_from(READABLE), st.sampled_from(READABLE), st.integers(0, 400))
def test_spliced_streams(first: str, second: str, place: int) -> None:
    spliced = STREAMS[first][1][:place] + STREAMS[second][1][place:]
    ours, theirs = outcomes(spliced)
    assert ours == theirs
