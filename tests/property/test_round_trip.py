"""What comes out is what went in, however it was cut, coded or threaded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from tests.models import OWN_IDS
from tests.strategies import BLOCK_BYTES, SAMPLES, cuts, hard_bytes, pieces

CHOICES = ("auto", "stored", *OWN_IDS)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name: str, choice: str) -> None:
    data = SAMPLES[name]
    stream = lmcodec.compress(data, model=choice)
    assert lmcodec.decompress(stream) == data
    assert lmcodec.compress(data, model=choice) == stream


@given(hard_bytes, st.sampled_from(CHOICES))
def test_any_bytes(data: bytes, choice: str) -> None:
    stream = lmcodec.compress(data, model=choice)
    assert lmcodec.decompress(stream) == data
    assert len(stream) <= len(data) + 26


@given(hard_bytes, st.sampled_from(["stored", "order0"]), st.sampled_from([BLOCK_BYTES, 1000]))
def test_several_blocks(data: bytes, choice: str, block_size: int) -> None:
    stream = lmcodec.compress(data, model=choice, block_size=block_size)
    assert lmcodec.decompress(stream) == data
    # Headers of the frame and the end, 40 bytes at most; of each block, and its place in the
    # index, 40 at most.
    assert len(stream) <= len(data) + 40 + 40 * -(-len(data) // block_size)


@given(hard_bytes, st.sampled_from([1, 2, 5]))
def test_threads_do_not_change_bytes(data: bytes, threads: int) -> None:
    one = lmcodec.compress(data, model="stored", block_size=BLOCK_BYTES)
    many = lmcodec.compress(data, model="stored", block_size=BLOCK_BYTES, threads=threads)
    assert many == one
    assert lmcodec.decompress(many, threads=threads) == data


@given(hard_bytes, hard_bytes, cuts)
def test_pieces_do_not_change_bytes(first: bytes, second: bytes, lengths: list[int]) -> None:
    compressor = lmcodec.LmcodecCompressor(model="stored", block_size=BLOCK_BYTES)
    whole = compressor.compress(first) + compressor.flush()
    again = b"".join(compressor.compress(piece) for piece in pieces(first, lengths))
    assert again + compressor.flush() == whole

    stream = whole + lmcodec.compress(second, model="stored")
    decompressor = lmcodec.LmcodecDecompressor()
    out = b""
    rest = b""
    for piece in pieces(stream, lengths):
        if decompressor.eof:
            rest += piece
        else:
            out += decompressor.decompress(piece)
    assert decompressor.eof
    assert out == first
    assert lmcodec.decompress(decompressor.unused_data + rest) == second


@given(hard_bytes, hard_bytes)
def test_frames_concatenate(first: bytes, second: bytes) -> None:
    stream = lmcodec.compress(first, model="stored")
    stream += lmcodec.compress(second, model="stored", block_size=BLOCK_BYTES)
    assert lmcodec.decompress(stream) == first + second
    assert lmcodec.decompress(stream, threads=2) == first + second


@given(hard_bytes, cuts)
def test_announced_size_gives_the_bytes_of_compress(data: bytes, lengths: list[int]) -> None:
    compressor = lmcodec.LmcodecCompressor(model="stored", block_size=BLOCK_BYTES)
    compressor.set_pledged_input_size(len(data))
    stream = b"".join(compressor.compress(piece) for piece in pieces(data, lengths))
    stream += compressor.flush()
    assert stream == lmcodec.compress(data, model="stored", block_size=BLOCK_BYTES)
