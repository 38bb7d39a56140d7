from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcodec.container import End, FrameHeader, IndexEntry, SkippableFrame, next_frame, next_part
from lmcodec.errors import (
    CorruptError,
    FormatError,
    LimitError,
    TruncatedError,
    UnsupportedError,
)
from lmcodec.header import (
    MAX_BLOCK_BYTES,
    MAX_HEADER_BYTES,
    BlockHeader,
    ModelRecord,
    StreamRecord,
    TransformRecord,
)
from lmcodec.packing import Cursor

u32 = st.integers(0, (1 << 32) - 1)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
records = st.builds(
    ModelRecord,
    names,
    st.integers(1, 1000),
    st.binary(max_size=20),
    st.booleans(),
    st.lists(st.binary(min_size=32, max_size=32), max_size=2).map(tuple),
)

RAW = BlockHeader(0, 3, 7, streams=(StreamRecord("", 0, 1, 3, 3),))


@st.composite
def block_headers(draw: st.DrawFn) -> BlockHeader:
    models = tuple(draw(st.lists(records, max_size=3)))
    start, size, crc = draw(st.integers(0, 1 << 40)), draw(st.integers(0, 1 << 20)), draw(u32)
    if draw(st.booleans()):
        model = draw(st.integers(0, len(models)))
        coded = draw(u32) if model else size
        return BlockHeader(
            start, size, crc, models=models, streams=(StreamRecord("", model, 1, size, coded),)
        )
    streams = []
    for name in draw(st.lists(names, max_size=4, unique=True)):
        width = draw(st.sampled_from([1, 2, 4]))
        count = draw(st.integers(0, 1000))
        model = draw(st.integers(0, len(models)))
        coded = draw(u32) if model else count * width
        streams.append(StreamRecord(name, model, width, count, coded))
    transform = TransformRecord(draw(names), draw(st.integers(1, 99)), draw(st.binary(max_size=9)))
    return BlockHeader(start, size, crc, transform, models, tuple(streams))


@given(st.builds(FrameHeader, st.none() | st.integers(0, 1 << 63), st.booleans(), st.booleans()))
def test_frame_header_comes_back(header: FrameHeader) -> None:
    cursor = Cursor(header.pack() + b"more")
    assert next_frame(cursor) == header
    assert cursor.remaining == 4


@given(block_headers())
def test_block_header_comes_back(header: BlockHeader) -> None:
    cursor = Cursor(header.pack() + b"more")
    assert next_part(cursor) == header
    assert cursor.remaining == 4


@given(
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40), u32), max_size=5),
    st.none() | st.binary(min_size=32, max_size=32),
)
def test_end_comes_back(
    offset: int, sizes: list[tuple[int, int, int]], digest: bytes | None
) -> None:
    entries = []
    start = 0
    for coded_size, raw_size, crc in sizes:
        entries.append(IndexEntry(offset, coded_size, start, raw_size, crc))
        offset += coded_size
        start += raw_size
    end = End(tuple(entries), digest)
    cursor = Cursor(end.pack() + b"more")
    assert next_part(cursor) == end
    assert cursor.remaining == 4


def test_end_without_index_is_three_bytes() -> None:
    assert End().pack() == b"\xb5E\0"
    assert next_part(Cursor(b"\xb5E\0")) == End()


@given(st.builds(SkippableFrame, st.integers(0, 15), st.integers(0, 1 << 63)))
def test_skippable_frame_comes_back(frame: SkippableFrame) -> None:
    assert next_frame(Cursor(frame.pack())) == frame


def test_skippable_tags_are_four_bits() -> None:
    for tag in (-1, 16):
        with pytest.raises(ValueError, match="tag must be 0 to 15"):
            SkippableFrame(tag, 0).pack()


@pytest.mark.parametrize(
    "packed",
    [
        FrameHeader(1 << 40).pack(),
        SkippableFrame(1, 5).pack(),
    ],
)
def test_every_bit_of_a_frame_header_counts(packed: bytes) -> None:
    for position in range(len(packed) * 8):
        damaged = bytearray(packed)
        damaged[position // 8] ^= 1 << position % 8
        # Without the flag of the content size there is no size, and no checksum to protect it.
        if damaged[:7] == FrameHeader().pack():
            assert next_frame(Cursor(damaged)) == FrameHeader()
            continue
        with pytest.raises((FormatError, UnsupportedError)):
            next_frame(Cursor(damaged))


@pytest.mark.parametrize(
    "packed",
    [
        dataclasses.replace(RAW, models=(ModelRecord("cm", 1, b"\1\2"),)).pack(),
        End((IndexEntry(11, 50, 0, 100, 9), IndexEntry(61, 60, 100, 7, 8)), bytes(32)).pack(),
    ],
)
def test_every_bit_of_a_part_counts(packed: bytes) -> None:
    for position in range(len(packed) * 8):
        damaged = bytearray(packed)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises((FormatError, UnsupportedError)):
            next_part(Cursor(damaged))


@pytest.mark.parametrize(
    ("parse", "packed"),
    [
        (next_frame, FrameHeader(1 << 40).pack()),
        (next_frame, SkippableFrame(1, 5).pack()),
        (next_part, RAW.pack()),
        (next_part, End((IndexEntry(11, 50, 0, 100, 9),), bytes(32)).pack()),
    ],
)
def test_every_truncation_says_what_is_missing(
    parse: Callable[[Cursor], object], packed: bytes
) -> None:
    for size in range(len(packed)):
        with pytest.raises(TruncatedError) as caught:
            parse(Cursor(packed[:size]))
        assert caught.value.missing is not None
        assert 1 <= caught.value.missing <= len(packed) - size


def test_major_versions_are_refused_by_number() -> None:
    packed = bytearray(FrameHeader().pack())
    packed[4] = 2
    with pytest.raises(UnsupportedError, match=r"version 2\.0") as caught:
        next_frame(Cursor(packed))
    assert (caught.value.id, caught.value.version) == ("format", 2)


def test_minor_versions_are_read() -> None:
    assert next_frame(Cursor(FrameHeader(minor=9).pack())) == FrameHeader(minor=9)


def test_unknown_features_are_named() -> None:
    flags = bytearray(FrameHeader().pack())
    flags[6] = 0x80
    with pytest.raises(UnsupportedError, match="frame flags 0x80"):
        next_frame(Cursor(flags))
    with pytest.raises(UnsupportedError, match="embedded weights are not known"):
        next_part(Cursor(b"\xb5W\0"))


def test_weights_of_a_model() -> None:
    one, two, three = (bytes([n]) * 32 for n in range(3))
    for digests, embedded, flags in (
        ((one,), (), b"\x02\1"),
        ((one,), (one,), b"\x04\1"),
        ((one, two), (one,), b"\x04\2"),
        ((one, two), (two,), b"\x06\2\2"),
        ((one, two), (one, two), b"\x06\2\3"),
        ((one, two, three), (one, three), b"\x06\3\5"),
    ):
        record = ModelRecord("cm", 2, b"\x06", False, digests, embedded)
        packed = record.pack()
        assert packed == b"\2cm\2" + flags + b"".join(digests) + b"\1\6"
        assert ModelRecord.parse(Cursor(packed)) == record
    # None, the first one alone, for which there are other flags, and one that is not there.
    for mask in (b"\0", b"\1", b"\4", b"\xff"):
        with pytest.raises(FormatError, match=f"embedded are 0x{mask.hex()} of 2"):
            ModelRecord.parse(Cursor(b"\2cm\2\6\2" + mask + bytes(64) + b"\0"))
    with pytest.raises(UnsupportedError, match="model flags 0x08"):
        ModelRecord.parse(Cursor(b"\x02cm\x01\x08\x00"))
    with pytest.raises(FormatError, match="weights have no digest"):
        ModelRecord.parse(Cursor(b"\x02cm\x01\x04\x00\x00"))
    with pytest.raises(UnsupportedError, match="model flags 0x80"):
        ModelRecord.parse(Cursor(b"\x02cm\x01\x80\x00"))
    with pytest.raises(FormatError, match="weights have no digest"):
        ModelRecord.parse(Cursor(b"\x02cm\x01\x02\x00\x00"))


def test_other_bytes_are_not_a_stream() -> None:
    with pytest.raises(FormatError, match="not an lmcodec stream"):
        next_frame(Cursor(b"PK\3\4"))
    with pytest.raises(FormatError, match="bytes after the last frame"):
        next_frame(Cursor(b"PK\3\4", base=100))
    with pytest.raises(CorruptError, match="no part of a frame"):
        next_part(Cursor(b"PK\3\4"))


@pytest.mark.parametrize(
    "header",
    [
        dataclasses.replace(RAW, raw_size=MAX_BLOCK_BYTES + 1),
        dataclasses.replace(RAW, raw_size=4, streams=(StreamRecord("", 0, 1, 4, 3),)),
        dataclasses.replace(RAW, streams=(StreamRecord("", 1, 1, 3, 3),)),
        dataclasses.replace(RAW, streams=(StreamRecord("", 0, 2, 3, 6),)),
        BlockHeader(
            0,
            3,
            7,
            TransformRecord("t", 1),
            (),
            (StreamRecord("a", 0, 1, 1, 1), StreamRecord("a", 0, 1, 1, 1)),
        ),
        BlockHeader(
            0,
            3,
            7,
            TransformRecord("t", 1),
            (ModelRecord("m", 1),),
            (StreamRecord("a", 1, 4, 1 << 60, 1),),
        ),
        BlockHeader(0, 3, 7, TransformRecord("t", 1), (), (StreamRecord("A b", 0, 1, 1, 1),)),
        BlockHeader(0, 3, 7, TransformRecord("T", 1)),
        dataclasses.replace(RAW, models=(ModelRecord("", 1),)),
    ],
)
def test_headers_that_contradict_themselves_are_refused(header: BlockHeader) -> None:
    with pytest.raises(FormatError):
        next_part(Cursor(header.pack()))


def test_header_size_is_capped() -> None:
    claim = Cursor(b"\xb5B" + b"\xff\xff\xff\x7f")
    with pytest.raises(FormatError, match="block header is too large"):
        next_part(claim)
    large = dataclasses.replace(RAW, models=(ModelRecord("m", 1, bytes(MAX_HEADER_BYTES)),))
    with pytest.raises(LimitError, match="block header is too large") as caught:
        large.pack()
    assert caught.value.limit == MAX_HEADER_BYTES
