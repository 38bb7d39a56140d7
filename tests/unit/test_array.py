"""Arrays of bytes are found by their headers, and come back whatever the headers say."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec.errors import FormatError
from lmcodec.models.base import Shape
from lmcodec.models.cm import Cm
from lmcodec.transforms.array import Array, idx_header
from lmcodec.transforms.base import HEAD_BYTES
from tests.reference.test_reference import reference
from tests.strategies import hard_bytes, random_bytes


def npy(array: Any) -> bytes:
    """Return a file of NumPy."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def idx(*axes: int) -> bytes:
    """Return the header of a file of IDX."""
    return bytes([0, 0, 8, len(axes)]) + b"".join(axis.to_bytes(4, "big") for axis in axes)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ((7,), Shape(1, 1)),
        ((7, 5), Shape(1, 5)),
        ((7, 6, 5), Shape(6, 5)),
        ((7, 6, 3), Shape(6, 3)),
        ((7, 6, 5, 3), Shape(6, 5, 3)),
        ((7, 3, 6, 5), Shape(6, 5, planes=3)),
        ((7, 2, 2, 2), Shape(2, 2, planes=2)),
    ],
)
def test_idx_says_the_shape(axes: tuple[int, ...], shape: Shape) -> None:
    size = int(np.prod(axes))
    found = Array.probe(idx(*axes) + random_bytes(1, size))
    assert found is not None
    assert (found.offset, found.size, found.shape) == (4 + 4 * len(axes), size, shape)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ((), Shape(1, 1)),
        ((7,), Shape(1, 1)),
        ((7, 6, 3), Shape(7, 6, 3)),
        ((7, 6, 5), Shape(6, 5)),
        ((2, 7, 6, 5, 3), Shape(6, 5, 3, planes=7)),
        ((2, 7, 3, 6, 5), Shape(6, 5, planes=21)),
    ],
)
@pytest.mark.parametrize("kind", ["u1", "i1", "?"])
def test_numpy_says_the_shape(axes: tuple[int, ...], shape: Shape, kind: str) -> None:
    file = npy(np.ones(axes, kind))
    found = Array.probe(file)
    assert found is not None
    assert found.shape == shape
    assert found.offset + found.size == len(file)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_numpy_are_read(version: tuple[int, int]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.zeros((9, 8, 7), "u1"), version)
    found = Array.probe(file.getvalue())
    assert found is not None
    assert found.shape == Shape(8, 7)


def test_netpbm_says_the_shape() -> None:
    for header, shape in (
        (b"P5 4 3 255\n", Shape(3, 4)),
        (b"P6\n# made by hand\n4\n3\n15\n", Shape(3, 4, 3)),
    ):
        assert Array.probe(header + bytes(36)) == Array(
            len(header), shape.sample, shape.rows, shape.columns, shape.channels
        )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        idx(3, 3),
        idx(0, 3) + b"abc",
        idx(3, 1)[:7],
        b"\0\0\x08\x05" + bytes(100),
        b"\0\0\x09\x01\0\0\0\1a",
        idx(*[0xFFFFFFFF] * 4) + b"a",
        npy(np.zeros((3, 4), "<u2")),
        npy(np.asfortranarray(np.zeros((3, 4), "u1"))),
        npy(np.zeros((0, 4), "u1")),
        npy(np.zeros((3, 4), "u1"))[:80],
        npy(np.zeros((3, 4), "u1")).replace(b"(3, 4)", b"(3, -)"),
        npy(np.zeros((3, 4), "u1")).replace(b"(3, 4)", b"(9**9)"),
        npy(np.zeros((3, 4), "u1")).replace(b"{", b"["),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr': '|u1'",
        b"\x93NUMPY\x01\x00\x00\x10" + b"1" * 5000,
        b"P5 4 3 256\n" + bytes(30),
        b"P5 0 3 255\n" + bytes(30),
        b"P4 4 3 255\n" + bytes(30),
        b"P5" + b" " * 5000,
    ],
)
def test_what_does_not_fit_is_left_alone(content: bytes) -> None:
    assert Array.probe(content) is None
    stream = lmcodec.compress(content, model="stored", transform="array")
    assert lmcodec.decompress(stream) == content


headers = st.one_of(
    st.lists(st.integers(0, 9), min_size=1, max_size=4).map(lambda axes: idx(*axes)),
    st.lists(st.integers(0, 1 << 32), max_size=3).map(
        lambda axes: npy(np.zeros((1, 1), "u1"))[:-1].replace(b"(1, 1)", str(tuple(axes)).encode())
    ),
    st.just(b"P5 7 9 255\n"),
    hard_bytes,
)


@given(headers, hard_bytes, st.integers(1, 700))
def test_any_bytes_come_back(header: bytes, content: bytes, block_size: int) -> None:
    content = header + content
    stream = lmcodec.compress(
        content, model="stored", transform="array", block_size=max(block_size, len(content) // 9)
    )
    assert lmcodec.info(stream).transforms == (("array/1",) if content else ())
    assert lmcodec.decompress(stream) == content
    assert reference.decode(stream) == content


def test_what_is_missing_and_what_is_behind_does_no_harm() -> None:
    content = idx(3, 2, 2) + b"0123456789abcdef"
    found = Array.probe(content)
    assert found is not None
    streams = {stream.name: stream.symbols for stream in found.forward(content)}
    assert streams == {"header": idx(3, 2, 2), "samples": b"0123456789ab", "rest": b"cdef"}
    cut = Array.probe(content[:21])
    assert cut is not None
    assert [stream.name for stream in cut.forward(content[:21])] == ["header", "samples"]
    assert Array().forward(b"abc")[0].name == "rest"


def test_later_blocks_begin_with_a_sample() -> None:
    content = idx(50, 10, 10) + random_bytes(3, 5000) + b"behind"
    head = content[:HEAD_BYTES]
    later = Array.probe_later(content[1000:2000], 1000, head)
    assert later == Array(16, 984, 10, 10)
    assert Array.probe_later(content[5000:], 5000, head) is None
    last = Array.probe_later(content[4900:], 4900, head)
    assert last == Array(16, 100, 10, 10)
    assert Array.probe_later(content[10:], 10, content[:10]) is None
    # Pictures that are too large to be cut between are cut between rows.
    large = b"P6 500 1000 255\n"
    assert Array.probe_later(bytes(10_000), 2000, large) == Array(1016, 8984, 1000, 500, 3)


def test_parameters_are_checked() -> None:
    for params in ((-1, 0), (0, -1), (0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 1, 0), (0, 0, 1, 1, 1, -2)):
        with pytest.raises(ValueError, match="must"):
            Array(*params)
    with pytest.raises(FormatError):
        Array.from_record(b"\1")
    with pytest.raises(FormatError, match="streams of array must be among"):
        Array().inverse({"other": b""})
    with pytest.raises(FormatError, match="streams of array are bytes"):
        Array().inverse({"rest": np.zeros(2, "u2")})


def test_huge_shapes_take_no_memory() -> None:
    content = idx(1, 0x7FFFFFFF, 0x7FFFFFFF) + bytes(100)
    tracemalloc.start()
    try:
        found = Array.probe(content)
        assert found is not None
        assert Cm.for_level(9).shaped(found.shape) == Cm.for_level(9)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert lmcodec.decompress(lmcodec.compress(content, 9)) == content


def rings(count: int, channels: int = 1) -> bytes:
    """Return pictures of 16 times 16 pixels with a ring each."""
    places = np.frombuffer(random_bytes(count, 2 * count), np.uint8).reshape(count, 2, 1, 1) % 16
    row, column = np.mgrid[:16, :16].astype(np.int64)
    distance = (row - places[:, 0]) ** 2 + (column - places[:, 1]) ** 2
    bright = 255 * 9 // (9 + abs(distance - 20))
    return np.stack([bright // (1 + k) for k in range(channels)], -1).astype("u1").tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_level_9_knows_pictures(channels: int) -> None:
    shape = Shape(16, 16, channels)
    content = idx_header(shape, 90) + rings(90, channels)
    stream = lmcodec.compress(content, 9)
    assert lmcodec.info(stream).transforms == ("array/1",)
    assert lmcodec.decompress(stream) == content
    assert len(stream) < 0.95 * len(lmcodec.compress(content, 9, transform="raw"))
    blocks = lmcodec.compress(content, 9, block_size=9000)
    assert lmcodec.decompress(blocks) == content
    assert lmcodec.info(blocks).transforms == ("array/1",)
    assert lmcodec.info(lmcodec.compress(content, 5)).transforms == ("raw",)


def test_what_is_no_picture_is_coded_as_before() -> None:
    text = b"It is true that the men who had been there before came back to see the old house. "
    content = idx(20, len(text)) + text * 20
    stream = lmcodec.compress(content, 9)
    assert len(stream) < len(lmcodec.compress(content, 9, transform="raw")) + 40
    assert lmcodec.decompress(stream) == content


def test_pixels_have_a_kind_of_their_own() -> None:
    assert Cm.for_level(9).shaped(Shape(28, 28)) == Cm(9, 4, 28, 28)
    assert Cm.for_level(9).shaped(Shape(20, 10, 3)) == Cm(9, 5, 30, 20)
    assert Cm.for_level(9).shaped(Shape(1, 10)) == Cm(9, 4, 10, 1 << 20)
    for level, shape in ((8, Shape(28, 28)), (9, Shape(2, 2, 2)), (9, Shape(1, 1))):
        assert Cm.for_level(level).shaped(shape) == Cm.for_level(level)
    assert Cm(9).shaped(Shape(28, 28)) == Cm(9)
    with pytest.raises(ValueError, match="level of cm must be 9 for pixels"):
        Cm(8, 4)
    for sizes in (((1 << 20) + 1, 1), (1, (1 << 20) + 1), (0, 1)):
        with pytest.raises(ValueError, match="of cm must be 1 to 1048576"):
            Cm(9, 5, *sizes)
    with pytest.raises(ValueError, match="kind of cm must be 0 to 5"):
        Cm(9, 6)


def test_priors_of_pictures_are_for_pictures_of_their_size() -> None:
    shape = Shape(16, 16)
    sample = idx_header(shape, 60) + rings(60)
    prior = lmcodec.train_prior([sample], name="rings", text=12_000)
    assert (prior.table.axes, prior.base, len(prior)) == ([46, 16, 16], None, 0)
    assert prior.text_bytes == 16 + 46 * 256
    content = idx_header(shape, 20) + rings(20)
    primed = lmcodec.compress(content, 9, prior=prior)
    assert lmcodec.decompress(primed) == content
    assert len(primed) < len(lmcodec.compress(content, 9))
    carried = lmcodec.compress(content, 9, prior=prior, embed=True)
    assert lmcodec.decompress(carried) == content
    model = Cm(9, 4, 16, 16)
    assert model.primed(prior).digests() == (prior.digest,)
    for other in (Cm(9, 4, 16, 17), Cm(9, 5, 16, 16), Cm(9), Cm(5), Cm(9, 2, 16, 16)):
        assert other.primed(prior) == other
    assert model.primed(lmcodec.prior.default()) == model
    with pytest.raises(FormatError, match="the prior is of other content"):
        Cm.from_record(Cm(9, 4, 16, 17).params(), (prior.digest,))
    with pytest.raises(FormatError, match="only text and pixels start from a prior"):
        Cm.from_record(Cm(9, 2, 16, 17).params(), (prior.digest,))


def test_pictures_of_a_prior_must_fit() -> None:
    one, other = (idx_header(Shape(4, size), 3) + bytes(12 * size) for size in (5, 6))
    assert lmcodec.train_prior([one, one], name="own").table.axes == [6, 4, 5]
    assert lmcodec.train_prior([one, other], name="own", base="none", text=99).table.axes is None
    with pytest.raises(ValueError, match="text must have room for a picture: 36 bytes, got 35"):
        lmcodec.train_prior([one], name="own", text=35)
