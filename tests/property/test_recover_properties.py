"""Whatever happens to a stream: what is recovered is right, and what is not is reported."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

import lmcodec
from lmcodec.recover import Recovered
from tests.strategies import random_bytes

CONTENT = random_bytes(11, 700)
STREAM = lmcodec.compress(CONTENT, model="stored", block_size=100)

places = st.integers(0, len(STREAM))
damages = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), places, st.integers(1, 255)),
        st.tuples(st.just("cut"), places, st.integers(1, 300)),
        st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=60)),
        st.tuples(st.just("repeat"), places, st.integers(1, 300)),
        st.tuples(st.just("end"), places, st.just(0)),
    ),
    min_size=1,
    max_size=4,
)


def damage(stream: bytes, steps: list[tuple[str, int, int | bytes]]) -> bytes:
    for kind, place, value in steps:
        head, tail = stream[:place], stream[place:]
        if kind == "flip" and tail and isinstance(value, int):
            stream = head + bytes([tail[0] ^ value]) + tail[1:]
        elif kind == "cut" and isinstance(value, int):
            stream = head + tail[value:]
        elif kind == "insert" and isinstance(value, bytes):
            stream = head + value + tail
        elif kind == "repeat" and isinstance(value, int):
            stream = head + tail[:value] + tail
        elif kind == "end":
            stream = head
    return stream


def check(found: Recovered) -> None:
    """Pieces are right, and in each frame pieces and lost ranges follow each other without gaps."""
    parts = [(piece.frame, piece.start, piece.start + len(piece.content)) for piece in found.pieces]
    parts += [(lost.frame, lost.start, -1 if lost.end is None else lost.end) for lost in found.lost]
    for piece in found.pieces:
        assert piece.content == CONTENT[piece.start : piece.start + len(piece.content)]
    for frame in {part[0] for part in parts}:
        end: int = 0
        for _, start, stop in sorted(part for part in parts if part[0] == frame):
            assert start == end or end == -1
            end = stop


@given(damages)
@example([("cut", 12, 300)])
@example([("repeat", 265, 118)])
@example([("flip", 30, 1), ("flip", 500, 1)])
def test_damage_is_reported_and_nothing_is_invented(
    steps: list[tuple[str, int, int | bytes]],
) -> None:
    damaged = damage(STREAM, steps)
    found = lmcodec.recover(damaged)
    check(found)
    if not found.lost and found.pieces:
        assert found.content == CONTENT * (1 + max(piece.frame for piece in found.pieces))


@given(st.lists(st.integers(0, 6), max_size=3, unique=True))
def test_only_damaged_blocks_are_lost(numbers: list[int]) -> None:
    damaged = bytearray(STREAM)
    blocks = lmcodec.info(STREAM).blocks
    for number in numbers:
        damaged[blocks[number].offset + blocks[number].coded_size - 1] ^= 0x80
    found = lmcodec.recover(damaged)
    assert [lost.start // 100 for lost in found.lost] == sorted(numbers)
    assert len(found.pieces) == 7 - len(numbers)
