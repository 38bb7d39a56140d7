"""Checksums that are right and claims that are not: memory follows the bytes, not the claims."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace

import pytest

import lmcodec
from lmcodec.container import End, FrameHeader, IndexEntry, SkippableFrame
from lmcodec.errors import CorruptError, FormatError, LimitError, LmcodecError, TruncatedError
from lmcodec.header import MAX_BLOCK_BYTES, BlockHeader, ModelRecord, StreamRecord, TransformRecord
from lmcodec.packing import pack_varint
from tests.models import OWN_IDS

LIMIT_BYTES = 64 << 20
HUGE = 1 << 60

ABC = BlockHeader(0, 3, zlib.crc32(b"abc"), streams=(StreamRecord("", 0, 1, 3, 3),))


def frame(*parts: bytes, header: FrameHeader | None = None) -> bytes:
    return b"".join(((header or FrameHeader()).pack(), *parts))


def decode(stream: bytes) -> bytes:
    """Decompress, and check that little memory was taken on the way."""
    tracemalloc.start()
    try:
        return lmcodec.decompress(stream)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < LIMIT_BYTES


def test_the_frame_that_the_others_change_is_right() -> None:
    assert decode(frame(ABC.pack(), b"abc", End().pack())) == b"abc"


@pytest.mark.parametrize(
    "stream",
    [
        frame(replace(ABC, streams=(StreamRecord("", 0, 1, 3, HUGE),)).pack(), b"abc"),
        frame(replace(ABC, raw_size=HUGE, streams=(StreamRecord("", 0, 1, HUGE, HUGE),)).pack()),
        frame(replace(ABC, raw_size=MAX_BLOCK_BYTES).pack(), b"abc"),
        frame(b"\xb5B" + pack_varint(HUGE)),
        frame(b"\xb5B" + pack_varint(1 << 20)),
        frame(b"\xb5E" + pack_varint(HUGE)),
        frame(b"\xb5E" + pack_varint(1 << 31)),
        SkippableFrame(0, HUGE).pack() + b"abc",
    ],
)
def test_sizes_without_bytes(stream: bytes) -> None:
    with pytest.raises(FormatError):
        decode(stream)
    with pytest.raises(LmcodecError):
        lmcodec.info(stream)
    lmcodec.recover(stream)


@pytest.mark.parametrize("id", OWN_IDS)
@pytest.mark.parametrize("payload", [b"", b"\0" * 20, b"\xff" * 20, b"lmcodec " * 5])
def test_symbols_without_payload(id: str, payload: bytes) -> None:
    count = 50_000
    header = replace(
        ABC,
        raw_size=count,
        models=(ModelRecord(id, 1),),
        streams=(StreamRecord("", 1, 1, count, len(payload)),),
    )
    with pytest.raises(LmcodecError):
        decode(frame(header.pack(), payload, End().pack()))


@pytest.mark.parametrize("size", [HUGE, 1 << 40, 1 << 32])
def test_announced_content_beyond_the_limit(size: int) -> None:
    with pytest.raises(LimitError) as caught:
        decode(frame(header=FrameHeader(size)))
    assert caught.value.needed == size


def test_a_small_stream_of_large_content_is_refused_before_it_is_decoded() -> None:
    count = 1 << 30
    bomb = replace(
        ABC,
        raw_size=count,
        models=(ModelRecord("order0", 1),),
        streams=(StreamRecord("", 1, 1, count, 8),),
    )
    stream = frame(bomb.pack(), bytes(8), End().pack())
    with pytest.raises(LimitError):
        lmcodec.decompress(stream, max_output_size=count - 1)
    with pytest.raises(LimitError):
        lmcodec.decompress(stream, max_memory=count - 1)


def test_many_frames_count_together() -> None:
    stream = lmcodec.compress(bytes(1000), model="order0") * 20
    with pytest.raises(LimitError):
        lmcodec.decompress(stream, max_output_size=19_999)


def test_a_frame_of_one_block_is_one_block() -> None:
    alone = FrameHeader(one_block=True)
    block = ABC.pack() + b"abc"
    assert decode(frame(block, header=alone)) == b"abc"
    for more in (End().pack(), block):
        with pytest.raises(FormatError, match="bytes after the last frame"):
            decode(frame(block, more, header=alone))
    with pytest.raises(TruncatedError):
        decode(frame(header=alone))
    with pytest.raises(CorruptError, match="no part of a frame"):
        decode(frame(End().pack(), header=alone))
    with pytest.raises(CorruptError, match="SHA-256"):
        decode(frame(block, header=replace(alone, has_digest=True)))
    with pytest.raises(CorruptError, match="4 were announced"):
        decode(frame(block, header=replace(alone, content_size=4)))


def test_content_size_must_be_kept() -> None:
    for size in (2, 4):
        with pytest.raises(CorruptError, match=f"{size} were announced"):
            decode(frame(ABC.pack(), b"abc", End().pack(), header=FrameHeader(size)))


def test_blocks_must_follow_each_other() -> None:
    again = frame(ABC.pack(), b"abc", ABC.pack(), b"abc", End().pack())
    with pytest.raises(CorruptError, match="block starts at 0 of the content"):
        decode(again)
    later = frame(replace(ABC, start=5).pack(), b"abc", End().pack())
    with pytest.raises(CorruptError, match="block starts at 5 of the content"):
        decode(later)


@pytest.mark.parametrize(
    "change",
    [{"offset": 6}, {"coded_size": 1}, {"raw_size": 4}, {"crc": 0}],
)
def test_the_index_must_fit_the_blocks(change: dict[str, int]) -> None:
    block = ABC.pack() + b"abc"
    entry = IndexEntry(7, len(block), 0, 3, ABC.crc)
    assert decode(frame(block, End((entry,)).pack())) == b"abc"
    with pytest.raises(CorruptError, match="index does not fit"):
        decode(frame(block, End((replace(entry, **change),)).pack()))
    with pytest.raises(CorruptError, match="index does not fit"):
        decode(frame(block, End((entry, entry)).pack()))


def test_a_digest_must_be_announced_and_right() -> None:
    block = ABC.pack() + b"abc"
    entry = IndexEntry(7, len(block), 0, 3, ABC.crc)
    end = End((entry,), bytes(32)).pack()
    for header in (FrameHeader(has_digest=True), FrameHeader()):
        with pytest.raises(CorruptError, match="SHA-256"):
            decode(frame(block, end, header=header))
    with pytest.raises(CorruptError, match="SHA-256"):
        decode(frame(block, End().pack(), header=FrameHeader(has_digest=True)))


def test_parameters_outside_their_range() -> None:
    for params in (b"\0", b"\xff" * 30, b"\x01\x01"):
        header = replace(
            ABC,
            models=(ModelRecord("order0", 1, params),),
            streams=(StreamRecord("", 1, 1, 3, 8),),
        )
        with pytest.raises(FormatError):
            decode(frame(header.pack(), bytes(8), End().pack()))


def test_a_profile_must_be_the_one_of_the_model() -> None:
    record = ModelRecord("order0", 1, host_bound=True)
    header = replace(ABC, models=(record,), streams=(StreamRecord("", 1, 1, 3, 8),))
    with pytest.raises(FormatError, match="profile"):
        decode(frame(header.pack(), bytes(8), End().pack()))


def test_weights_that_the_model_does_not_have() -> None:
    record = ModelRecord("order0", 1, digests=(bytes(32),))
    header = replace(ABC, models=(record,), streams=(StreamRecord("", 1, 1, 3, 8),))
    with pytest.raises(lmcodec.WeightsError, match="weights of model order0 differ"):
        decode(frame(header.pack(), bytes(8), End().pack()))


def test_ids_from_the_stream_import_nothing() -> None:
    for id in ("os", "base", "..", "_sequential"):
        for header in (
            replace(ABC, models=(ModelRecord(id, 1),), streams=(StreamRecord("", 1, 1, 3, 3),)),
            BlockHeader(0, 3, 0, TransformRecord(id, 1)),
        ):
            with pytest.raises(LmcodecError, match=r"not known|not well formed"):
                decode(frame(header.pack(), b"abc", End().pack()))


def test_a_truncated_frame_is_not_an_empty_one() -> None:
    with pytest.raises(TruncatedError):
        decode(frame())
