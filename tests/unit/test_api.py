from __future__ import annotations

import hashlib
from array import array
from typing import Any

import numpy as np
import pytest

import lmcodec
from lmcodec import CompressionParameter
from lmcodec.errors import FormatError, LimitError, TruncatedError, UnsupportedError
from lmcodec.models.order0 import Order0
from lmcodec.options import BLOCK_BYTES_BY_LEVEL
from tests.strategies import random_bytes

CONTENT = b"the same words, the same words, " * 20


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        memoryview(b"0123456789")[2:5],
        array("I", [1, 2, 3]),
        np.arange(6, dtype=np.uint16).reshape(2, 3),
    ],
    ids=lambda data: type(data).__name__,
)
def test_any_contiguous_buffer(data: Any) -> None:
    stream = lmcodec.compress(data, model="stored")
    assert lmcodec.decompress(bytearray(stream)) == memoryview(data).tobytes()


def test_buffers_must_be_contiguous() -> None:
    with pytest.raises((TypeError, ValueError, BufferError)):
        lmcodec.compress(memoryview(b"0123456789")[::2])
    with pytest.raises(TypeError):
        lmcodec.compress("text")  # type: ignore[arg-type]


def test_models_by_id_and_instance() -> None:
    by_id = lmcodec.compress(CONTENT, model="order0")
    assert lmcodec.info(by_id).models == ("order0/1",)
    assert lmcodec.compress(CONTENT, model=Order0()) == by_id
    other = lmcodec.compress(CONTENT, model=Order0(increment=5))
    assert other != by_id
    assert lmcodec.decompress(other) == CONTENT


def test_wrong_models() -> None:
    with pytest.raises(ValueError, match=r"model is not known: 'nothing'; known are auto, stored,"):
        lmcodec.compress(b"", model="nothing")
    with pytest.raises(TypeError, match="model must be"):
        lmcodec.compress(b"", model=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", range(1, 10))
def test_levels(level: int) -> None:
    assert lmcodec.decompress(lmcodec.compress(CONTENT, level)) == CONTENT
    assert set(BLOCK_BYTES_BY_LEVEL) == set(range(1, 10))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"level": 0}, ValueError),
        ({"level": 10}, ValueError),
        ({"level": 2.5}, TypeError),
        ({"level": 1, "options": {}}, TypeError),
        ({"options": {CompressionParameter.block_size: 0}}, ValueError),
        ({"options": {77: 0}}, ValueError),
        ({"threads": 0}, ValueError),
        ({"block_size": 0}, ValueError),
        ({"block_size": 1 << 31}, ValueError),
    ],
)
def test_wrong_settings(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        lmcodec.compress(b"", **arguments)


def test_parameters_have_bounds() -> None:
    assert CompressionParameter.compression_level.bounds() == (1, 9)
    for parameter in CompressionParameter:
        low, high = parameter.bounds()
        assert low < high


def test_digest_is_checked() -> None:
    options = {CompressionParameter.content_digest: 1}
    stream = lmcodec.compress(CONTENT, options=options, model="stored")
    assert lmcodec.info(stream).digests == (hashlib.sha256(CONTENT).digest(),)
    assert lmcodec.decompress(stream) == CONTENT
    assert lmcodec.decompress(lmcodec.compress(b"", options=options)) == b""


def test_incompressible_bytes_are_stored() -> None:
    content = random_bytes(1, 5000)
    stream = lmcodec.compress(content)
    assert lmcodec.info(stream).models == ("stored",)
    assert len(stream) < len(content) + 40


def test_overhead_of_a_small_stream() -> None:
    # Every byte counts for small inputs: 7 bytes of frame header, 17 and sizes of block header.
    assert len(lmcodec.compress(b"")) == 10
    assert len(lmcodec.compress(b"a")) - 1 == 24
    assert len(lmcodec.compress(random_bytes(2, 1000))) - 1000 == 26


def test_output_limit() -> None:
    stream = lmcodec.compress(bytes(1000), model="order0", block_size=100)
    assert lmcodec.decompress(stream, max_output_size=1000) == bytes(1000)
    assert lmcodec.decompress(stream, max_output_size=None) == bytes(1000)
    with pytest.raises(LimitError, match="content is too large") as caught:
        lmcodec.decompress(stream, max_output_size=999)
    assert (caught.value.limit, caught.value.needed) == (999, 1000)
    twice = stream + stream
    with pytest.raises(LimitError):
        lmcodec.decompress(twice, max_output_size=1999)


def test_empty_input_is_not_a_stream() -> None:
    with pytest.raises(TruncatedError):
        lmcodec.decompress(b"")


def test_bytes_after_the_last_frame_are_an_error() -> None:
    stream = lmcodec.compress(CONTENT)
    with pytest.raises(FormatError, match="bytes after the last frame"):
        lmcodec.decompress(stream + b"\0")
    with pytest.raises(TruncatedError):
        lmcodec.decompress(stream + stream[:3])


def test_decompress_into() -> None:
    stream = lmcodec.compress(CONTENT, block_size=100)
    out = bytearray(b"." * (len(CONTENT) + 2))
    assert lmcodec.decompress_into(stream, out) == len(CONTENT)
    assert out == CONTENT + b".."
    array: Any = np.zeros(len(CONTENT) // 4, np.uint32)
    assert lmcodec.decompress_into(stream, array, threads=2) == len(CONTENT)
    assert array.tobytes() == CONTENT
    with pytest.raises(LimitError):
        lmcodec.decompress_into(stream, bytearray(10))
    with pytest.raises(TypeError, match="out must be writable"):
        lmcodec.decompress_into(stream, bytes(1000))


@pytest.mark.parametrize("threads", [1, 2])
def test_progress(threads: int) -> None:
    calls: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None) -> None:
        calls.append((done, total))

    stream = lmcodec.compress(
        bytes(1000), model="stored", block_size=100, threads=threads, progress=note
    )
    assert calls[-1] == (1000, 1000)
    assert calls == sorted(calls)
    calls.clear()
    lmcodec.decompress(stream, threads=threads, progress=note)
    assert calls == [(100 * done, None) for done in range(1, 11)]


def test_unknown_models_are_named() -> None:
    from lmcodec.container import End, FrameHeader
    from lmcodec.header import BlockHeader, ModelRecord, StreamRecord

    header = BlockHeader(
        0, 5, 0, models=(ModelRecord("future", 7),), streams=(StreamRecord("", 1, 1, 5, 2),)
    )
    stream = FrameHeader().pack() + header.pack() + b"xx" + End().pack()
    with pytest.raises(UnsupportedError, match="model is not known: 'future'") as caught:
        lmcodec.decompress(stream)
    assert (caught.value.id, caught.value.version) == ("future", 7)
    described = lmcodec.info(stream)
    assert described.models == ("future/7",)
    assert described.memory_bytes is None
