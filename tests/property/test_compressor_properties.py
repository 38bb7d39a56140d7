"""Any sequence of calls of the compressor gives a stream of exactly the content."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import LmcodecCompressor
from tests.strategies import BLOCK_BYTES

MODES = (
    LmcodecCompressor.CONTINUE,
    LmcodecCompressor.FLUSH_BLOCK,
    LmcodecCompressor.FLUSH_FRAME,
)
contents = st.one_of(st.binary(max_size=30), st.integers(0, 700).map(lambda size: b"x" * size))
calls = st.lists(st.tuples(contents, st.sampled_from(MODES)), max_size=10)


def run(steps: list[tuple[bytes, int]], threads: int, *, pledge: bool) -> list[bytes]:
    """Return what each call returned, and the last flush."""
    compressor = LmcodecCompressor(model="stored", block_size=BLOCK_BYTES, threads=threads)
    out = []
    for number, (data, mode) in enumerate(steps):
        if pledge and compressor.last_mode == LmcodecCompressor.FLUSH_FRAME:
            frame = 0
            for following, ends in steps[number:]:
                frame += len(following)
                if ends == LmcodecCompressor.FLUSH_FRAME:
                    break
            compressor.set_pledged_input_size(frame)
        out.append(compressor.compress(data, mode))
    out.append(compressor.flush())
    return out


@given(calls, st.sampled_from([2, 3]), st.booleans())
def test_calls(steps: list[tuple[bytes, int]], threads: int, pledge: bool) -> None:
    out = run(steps, 1, pledge=pledge)
    stream = b"".join(out)
    content = b"".join(data for data, _ in steps)
    assert b"".join(run(steps, threads, pledge=pledge)) == stream
    assert lmcodec.decompress(stream) == content
    assert lmcodec.recover(stream).lost == ()
    frames = 1 + sum(mode == LmcodecCompressor.FLUSH_FRAME for _, mode in steps)
    assert lmcodec.info(stream).frames == frames


@given(calls)
def test_everything_is_there_after_a_flush(steps: list[tuple[bytes, int]]) -> None:
    out = run(steps, 2, pledge=False)
    for number, (_, mode) in enumerate(steps):
        if mode != LmcodecCompressor.CONTINUE:
            content = b"".join(data for data, _ in steps[: number + 1])
            so_far = b"".join(out[: number + 1])
            assert lmcodec.recover(so_far).content == content
