from __future__ import annotations

import io
from pathlib import Path

import pytest

import lmcodec
from lmcodec.container import SkippableFrame
from lmcodec.errors import FormatError, TruncatedError

CONTENT = b"abracadabra " * 50


def test_buffer_path_and_file_say_the_same(tmp_path: Path) -> None:
    stream = lmcodec.compress(CONTENT, model="order0", block_size=256)
    path = tmp_path / "file.lmz"
    path.write_bytes(stream)
    described = lmcodec.info(stream)
    assert lmcodec.info(path) == described
    assert lmcodec.info(str(path)) == described
    assert lmcodec.info(io.BytesIO(stream)) == described
    assert lmcodec.info(bytearray(stream)) == described


def test_fields() -> None:
    stream = lmcodec.compress(CONTENT, model="order0", block_size=256)
    skippable = SkippableFrame(1, 3).pack() + b"xyz"
    described = lmcodec.info(skippable + stream + lmcodec.compress(b"a"))
    assert (described.frames, described.skippable_frames, described.indexed_frames) == (2, 1, 1)
    assert described.raw_size == len(CONTENT) + 1
    assert described.coded_size == 19 + len(stream) + 25
    assert described.models == ("order0/1", "stored")
    assert described.transforms == ("raw",)
    assert described.portable
    assert described.memory_bytes is not None
    assert [block.start for block in described.blocks] == [0, 200, 400, 0]
    assert [block.raw_size for block in described.blocks] == [200, 200, 200, 1]
    (stream_info,) = described.blocks[0].streams
    assert (stream_info.name, stream_info.model, stream_info.count) == ("", "order0/1", 200)


def test_payloads_are_not_read() -> None:
    stream = bytearray(lmcodec.compress(CONTENT, model="stored"))
    before = lmcodec.info(stream)
    stream[100] ^= 1
    assert lmcodec.info(stream) == before


def test_damage_is_seen_as_far_as_the_headers_tell() -> None:
    stream = lmcodec.compress(CONTENT, model="stored")
    for size in range(len(stream)):
        with pytest.raises(TruncatedError):
            lmcodec.info(stream[:size])
    with pytest.raises(FormatError):
        lmcodec.info(stream + b"junk")
    with pytest.raises(FormatError):
        lmcodec.info(b"not a stream at all")
