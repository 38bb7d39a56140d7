from __future__ import annotations

import pytest

import lmcodec
from lmcodec.container import SkippableFrame
from lmcodec.errors import LimitError
from lmcodec.recover import Lost, Piece
from tests.strategies import random_bytes

CONTENT = random_bytes(7, 1000)


def stored(content: bytes, block_size: int = 100) -> bytes:
    return lmcodec.compress(content, model="stored", block_size=block_size)


STREAM = stored(CONTENT)
BLOCKS = lmcodec.info(STREAM).blocks


def test_undamaged_streams_lose_nothing() -> None:
    found = lmcodec.recover(STREAM + SkippableFrame(0, 2).pack() + b"xx" + STREAM)
    assert found.lost == ()
    assert found.content == CONTENT * 2
    assert [(piece.frame, piece.start) for piece in found.pieces] == [
        (frame, start) for frame in (0, 1) for start in range(0, 1000, 100)
    ]


@pytest.mark.parametrize("number", range(10))
def test_a_flipped_bit_costs_one_block(number: int) -> None:
    for offset in range(BLOCKS[number].offset, BLOCKS[number].offset + BLOCKS[number].coded_size):
        damaged = bytearray(STREAM)
        damaged[offset] ^= 4
        found = lmcodec.recover(damaged)
        start = 100 * number
        assert found.content == CONTENT[:start] + CONTENT[start + 100 :]
        (lost,) = found.lost
        assert (lost.frame, lost.start, lost.end) == (0, start, start + 100)
        assert lost.reason


def test_missing_bytes_cost_one_block() -> None:
    offset = BLOCKS[3].offset + 50
    for cut in (STREAM[:offset] + STREAM[offset + 7 :], STREAM[:offset] + b"x" + STREAM[offset:]):
        found = lmcodec.recover(cut)
        assert found.content == CONTENT[:300] + CONTENT[400:]
        assert [(lost.start, lost.end) for lost in found.lost] == [(300, 400)]


def test_a_missing_block_is_reported() -> None:
    begin, end = BLOCKS[2].offset, BLOCKS[5].offset
    found = lmcodec.recover(STREAM[:begin] + STREAM[end:])
    assert found.content == CONTENT[:200] + CONTENT[500:]
    assert [(lost.start, lost.end) for lost in found.lost] == [(200, 500)]


def test_a_lost_frame_header_costs_nothing() -> None:
    found = lmcodec.recover(STREAM[5:])
    assert found.content == CONTENT
    found = lmcodec.recover(STREAM + STREAM[7:])
    assert found.content == CONTENT * 2
    assert [piece.frame for piece in found.pieces] == [0] * 10 + [1] * 10


def test_a_lost_header_of_a_single_block_costs_nothing() -> None:
    single = stored(CONTENT, 1000)
    assert single[6] == 4
    for stream in (single[3:], single[3:] + single, single + single[3:]):
        found = lmcodec.recover(stream)
        assert found.lost == ()
        assert found.content == CONTENT * (len(stream) // 1000)
    # Here it cannot be known whether there was more behind the first block.
    found = lmcodec.recover(single[3:] + single[3:])
    assert found.content == CONTENT * 2
    assert [(lost.frame, lost.start, lost.end) for lost in found.lost] == [(0, 1000, None)]


def test_a_damaged_single_block_ends_its_frame() -> None:
    single = stored(CONTENT[:100])
    damaged = bytearray(single + single)
    damaged[len(single) - 1] ^= 1
    found = lmcodec.recover(damaged)
    assert [(piece.frame, piece.start) for piece in found.pieces] == [(1, 0)]
    assert [(lost.frame, lost.start, lost.end) for lost in found.lost] == [(0, 0, 100)]


def test_a_stream_that_ends_early() -> None:
    found = lmcodec.recover(STREAM[: BLOCKS[4].offset + 20])
    assert found.content == CONTENT[:400]
    # The block header was whole, and the frame header announces the size.
    assert [(lost.start, lost.end) for lost in found.lost] == [(400, 500), (500, 1000)]


def test_an_unknown_size_is_said_to_be_unknown() -> None:
    compressor = lmcodec.LmcodecCompressor(model="stored", block_size=100)
    stream = compressor.compress(CONTENT)
    (lost,) = lmcodec.recover(stream).lost
    assert (lost.start, lost.end) == (1000, None)


def test_streams_inside_streams_are_not_taken_for_their_own_blocks() -> None:
    inner = stored(b"inner" * 100)
    content = CONTENT[:150] + inner + CONTENT[:100]
    stream = stored(content, 200 + len(inner))
    outer = lmcodec.info(stream).blocks
    damaged = bytearray(stored(b"x" * 1000, 1000) + stream)
    damaged[-1 - sum(block.coded_size for block in outer[1:]) - 40] ^= 1
    found = lmcodec.recover(damaged)
    assert all(b"inner" not in piece.content or piece.frame == 1 for piece in found.pieces)


def test_bytes_that_are_no_stream() -> None:
    assert lmcodec.recover(b"").pieces == ()
    assert lmcodec.recover(CONTENT).pieces == ()


def test_output_limit() -> None:
    with pytest.raises(LimitError):
        lmcodec.recover(STREAM, max_output_size=999)
    assert lmcodec.recover(STREAM, max_output_size=1000).content == CONTENT


def test_reprs_are_readable() -> None:
    assert repr(Piece(0, 1, b"x")) == "Piece(frame=0, start=1, content=b'x')"
    assert repr(Lost(0, 1, None, "why")) == "Lost(frame=0, start=1, end=None, reason='why')"
