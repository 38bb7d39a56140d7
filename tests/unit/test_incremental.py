from __future__ import annotations

import zlib

import pytest

import lmcodec
from lmcodec import CompressionParameter, LmcodecCompressor, LmcodecDecompressor
from lmcodec.container import FrameHeader, SkippableFrame
from lmcodec.errors import CorruptError, LimitError, TruncatedError
from lmcodec.header import BlockHeader, ModelRecord, StreamRecord
from lmcodec.models.order0 import Order0

CONTENT = b"0123456789" * 30


def stored(content: bytes, block_size: int | None = None) -> bytes:
    return lmcodec.compress(content, model="stored", block_size=block_size)


def test_modes() -> None:
    compressor = LmcodecCompressor(model="stored")
    assert compressor.last_mode == compressor.FLUSH_FRAME
    assert compressor.compress(b"first") == b""
    assert compressor.last_mode == compressor.CONTINUE
    start = compressor.compress(b" second", compressor.FLUSH_BLOCK)
    decompressor = LmcodecDecompressor()
    assert decompressor.decompress(start) == b"first second"
    assert decompressor.needs_input
    rest = compressor.flush()
    assert compressor.last_mode == compressor.FLUSH_FRAME
    assert decompressor.decompress(rest) == b""
    assert decompressor.eof
    assert lmcodec.decompress(compressor.flush()) == b""


def test_flush_of_an_empty_block_writes_no_block() -> None:
    compressor = LmcodecCompressor(model="stored")
    start = compressor.flush(compressor.FLUSH_BLOCK)
    assert lmcodec.info(start + compressor.flush()).blocks == ()


def test_wrong_modes() -> None:
    compressor = LmcodecCompressor()
    with pytest.raises(ValueError, match="mode must be CONTINUE"):
        compressor.compress(b"", 3)
    with pytest.raises(ValueError, match="mode must be FLUSH_BLOCK"):
        compressor.flush(compressor.CONTINUE)


def test_several_frames_from_one_compressor() -> None:
    compressor = LmcodecCompressor(model="stored")
    stream = compressor.compress(b"one", compressor.FLUSH_FRAME)
    stream += compressor.compress(b"two", compressor.FLUSH_FRAME)
    assert lmcodec.info(stream).frames == 2
    assert lmcodec.decompress(stream) == b"onetwo"


def test_pledged_size_is_recorded_and_kept() -> None:
    compressor = LmcodecCompressor(model="stored", block_size=100)
    compressor.set_pledged_input_size(300)
    stream = compressor.compress(CONTENT) + compressor.flush()
    with pytest.raises(LimitError):
        lmcodec.decompress(stream[:20], max_output_size=299)
    compressor.set_pledged_input_size(300)
    compressor.compress(b"short")
    with pytest.raises(RuntimeError, match="before the frame has begun"):
        compressor.set_pledged_input_size(5)
    with pytest.raises(ValueError, match="content has 5 bytes: 300 were announced"):
        compressor.flush()
    with pytest.raises(ValueError, match="must not be negative"):
        LmcodecCompressor().set_pledged_input_size(-1)


def test_pledge_holds_for_one_frame() -> None:
    compressor = LmcodecCompressor(model="stored")
    compressor.set_pledged_input_size(3)
    compressor.compress(b"one", compressor.FLUSH_FRAME)
    assert lmcodec.decompress(compressor.compress(b"other", compressor.FLUSH_FRAME)) == b"other"


def test_blocks_of_announced_content_are_of_equal_size() -> None:
    blocks = lmcodec.info(stored(bytes(301), 100)).blocks
    assert [block.raw_size for block in blocks] == [76, 76, 76, 73]


def test_max_length() -> None:
    stream = stored(CONTENT, 100)
    decompressor = LmcodecDecompressor()
    out = decompressor.decompress(stream, 7)
    assert len(out) == 7
    assert not decompressor.needs_input
    while not decompressor.eof:
        part = decompressor.decompress(b"", 70)
        assert 0 < len(part) <= 70 or decompressor.eof
        out += part
    assert out == CONTENT
    assert decompressor.unused_data == b""
    with pytest.raises(EOFError):
        decompressor.decompress(b"")


def test_max_length_zero_takes_input_only() -> None:
    decompressor = LmcodecDecompressor()
    assert decompressor.decompress(stored(CONTENT), 0) == b""
    assert decompressor.decompress(b"") == CONTENT


def test_skippable_frames_end_too() -> None:
    skippable = SkippableFrame(3, 5).pack() + b"12345"
    for size in (1, 4, 100):
        decompressor = LmcodecDecompressor()
        stream = skippable + b"more"
        position = 0
        while not decompressor.eof:
            assert decompressor.decompress(stream[position : position + size]) == b""
            position += size
        assert decompressor.unused_data + stream[position:] == b"more"
    empty = LmcodecDecompressor()
    empty.decompress(SkippableFrame(0, 0).pack())
    assert empty.eof


def test_damage_raises() -> None:
    stream = bytearray(stored(CONTENT))
    stream[-20] ^= 1
    with pytest.raises(CorruptError, match="checksum of the content differs"):
        LmcodecDecompressor().decompress(stream)


def test_memory_limit_names_what_is_needed() -> None:
    stream = stored(CONTENT)
    with pytest.raises(LimitError, match="block needs too much memory") as caught:
        LmcodecDecompressor(max_memory=100).decompress(stream)
    assert caught.value.needed is not None
    assert lmcodec.decompress(stream, max_memory=caught.value.needed) == CONTENT


def test_a_payload_that_is_too_short_is_not_taken_for_missing_input() -> None:
    # All of the block is there, so that more input would not help: it must raise at once.
    payload = Order0().encode(CONTENT)[:8]
    header = BlockHeader(
        0,
        len(CONTENT),
        zlib.crc32(CONTENT),
        models=(ModelRecord("order0", 1),),
        streams=(StreamRecord("", 1, 1, len(CONTENT), len(payload)),),
    )
    with pytest.raises((TruncatedError, CorruptError)):
        LmcodecDecompressor().decompress(FrameHeader().pack() + header.pack() + payload)


def test_options() -> None:
    options = {
        CompressionParameter.compression_level: 2,
        CompressionParameter.block_size: 100,
        CompressionParameter.nb_workers: 2,
        CompressionParameter.content_digest: 1,
    }
    compressor = LmcodecCompressor(options=options, model="stored")
    stream = compressor.compress(CONTENT) + compressor.flush()
    described = lmcodec.info(stream)
    assert len(described.blocks) == 3
    assert described.digests[0] is not None
    assert lmcodec.decompress(stream) == CONTENT
