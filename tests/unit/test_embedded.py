"""Copies of priors in streams."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

import lmcodec
from lmcodec import CompressionParameter, Prior, _core
from lmcodec.container import FrameHeader, next_part
from lmcodec.embedded import pack, unpack
from lmcodec.errors import FormatError, LimitError, WeightsError
from lmcodec.header import MAX_WEIGHTS_BYTES, WEIGHTS_CODED, WEIGHTS_STORED, WeightsRecord
from lmcodec.index import Source, walk
from lmcodec.info import WeightsInfo
from lmcodec.models.cm import Cm
from lmcodec.packing import Cursor
from tests.priors import ENGLISH, GENERAL, OWN, RECORDS, forget
from tests.strategies import machine_code, random_bytes

FILE = bytes(OWN)
COPY = pack(OWN)
BINARY = machine_code(5, 400)
_BLOCKS = {CompressionParameter.content_digest: 1, CompressionParameter.block_size: 200}

STREAMS = {
    "one": (RECORDS, lmcodec.compress(RECORDS, prior=OWN, embed=True)),
    "blocks": (
        RECORDS,
        lmcodec.compress(RECORDS, options=_BLOCKS, model="cm", prior=OWN, embed=True),
    ),
    "frames": (RECORDS + ENGLISH + RECORDS, b""),
}
STREAMS["frames"] = (
    STREAMS["frames"][0],
    STREAMS["one"][1] + lmcodec.compress(ENGLISH) + STREAMS["blocks"][1],
)


def weights(stream: bytes) -> list[WeightsRecord]:
    headers = [part.header for part in walk(Source(io.BytesIO(stream)))]
    return [header for header in headers if isinstance(header, WeightsRecord)]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No prior is loaded, and no folder is named."""
    forget(monkeypatch)
    yield
    # Nor has a reader left one behind.
    gc.collect()
    with pytest.raises(WeightsError):
        lmcodec.prior.by_digest(OWN.digest)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("threads", [1, 3])
def test_streams_need_nothing_else(name: str, threads: int) -> None:
    content, stream = STREAMS[name]
    assert lmcodec.decompress(stream, threads=threads) == content
    out = bytearray(len(content))
    assert lmcodec.decompress_into(stream, out, threads=threads) == len(content)
    assert out == content
    with lmcodec.open(io.BytesIO(stream), threads=threads) as file:
        assert file.read() == content
    found = lmcodec.recover(stream)
    assert (found.content, found.lost) == (content, ())


@pytest.mark.parametrize("name", STREAMS)
def test_any_place_can_be_read_first(name: str) -> None:
    content, stream = STREAMS[name]
    for place in range(0, len(content), 150):
        with lmcodec.open(io.BytesIO(stream)) as file:
            file.seek(place)
            assert file.read(99) == content[place : place + 99]
            file.seek(0)
            assert file.read(1) == content[:1]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces(size: int) -> None:
    content, stream = STREAMS["blocks"]
    decompressor = lmcodec.LmcodecDecompressor()
    parts = [decompressor.decompress(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert b"".join(parts) == content
    assert decompressor.eof


def test_a_frame_has_one_copy() -> None:
    for name, copies in (("one", 1), ("blocks", 1), ("frames", 2)):
        records = weights(STREAMS[name][1])
        assert [record.digest for record in records] == [OWN.digest] * copies
        assert STREAMS[name][1].count(COPY) == copies
    loaded = Prior(FILE)
    compressor = lmcodec.LmcodecCompressor(prior=loaded, embed=True, block_size=200, model="cm")
    stream = compressor.compress(RECORDS) + compressor.flush()
    assert stream.count(COPY) == 1
    stream += compressor.compress(RECORDS) + compressor.flush()
    del loaded, compressor
    gc.collect()
    assert stream.count(COPY) == 2
    assert lmcodec.decompress(stream) == RECORDS * 2


@pytest.mark.parametrize("threads", [1, 3])
def test_it_stands_before_the_first_block_that_needs_it(threads: int) -> None:
    content = BINARY[:1000] + (RECORDS * 2)[:1000] + BINARY[:1000] + (RECORDS * 2)[:1000]
    stream = lmcodec.compress(
        content, prior=Prior(FILE), embed=True, block_size=1000, threads=threads
    )
    gc.collect()
    kinds = [type(part.header).__name__ for part in walk(Source(io.BytesIO(stream)))]
    blocks = ["BlockHeader", "WeightsRecord", *["BlockHeader"] * 3]
    assert kinds == ["FrameHeader", *blocks, "End"]
    assert lmcodec.decompress(stream) == content
    with lmcodec.open(io.BytesIO(stream)) as file:
        for start in (3000, 1000, 0, 2000):
            file.seek(start)
            assert file.read(1000) == content[start : start + 1000]


@pytest.mark.parametrize("content", [b"", b"a", random_bytes(1, 1000), BINARY])
def test_what_does_not_need_it_has_none(content: bytes) -> None:
    loaded = Prior(FILE)
    plain = lmcodec.compress(content, prior=loaded)
    assert lmcodec.compress(content, prior=loaded, embed=True) == plain


def test_those_of_the_package_are_not_embedded() -> None:
    copy = Prior(bytes(lmcodec.prior.default()))
    for choice in ("auto", "general-1.1", "none", copy):
        plain = lmcodec.compress(ENGLISH, prior=choice)
        assert lmcodec.compress(ENGLISH, prior=choice, embed=True) == plain


def test_a_model_says_itself_what_it_starts_from() -> None:
    stream = lmcodec.compress(RECORDS, model=Cm(prior=Prior(FILE)), embed=True)
    gc.collect()
    assert weights(stream) == [WeightsRecord.parse(Cursor(COPY))]
    assert lmcodec.decompress(stream) == RECORDS


def test_files(tmp_path: Path) -> None:
    (tmp_path / "own.prior").write_bytes(FILE)
    for mode in ("w", "a"):
        with lmcodec.open(
            tmp_path / "log.lmz", mode, prior=tmp_path / "own.prior", embed=True
        ) as file:
            file.write(RECORDS)
    (tmp_path / "own.prior").unlink()
    gc.collect()
    with lmcodec.open(tmp_path / "log.lmz") as file:
        assert file.read() == RECORDS * 2


def test_copies_are_coded_where_that_is_shorter() -> None:
    record = WeightsRecord.parse(Cursor(COPY))
    assert record.coding == WEIGHTS_CODED
    assert record.raw_size == len(FILE) > record.coded_size
    noise = Prior(FILE[:64] + random_bytes(2, len(FILE) - 64))
    packed = pack(noise)
    record = WeightsRecord.parse(Cursor(packed))
    assert (record.coding, record.coded_size) == (WEIGHTS_STORED, len(FILE))
    assert packed.endswith(bytes(noise))
    # What would become far larger is stored, too: a decoder refuses it otherwise.
    empty = Prior(FILE[:56] + (1 << 13).to_bytes(8, "little") + bytes(64 << 13))
    record = WeightsRecord.parse(Cursor(pack(empty)))
    assert (record.coding, record.coded_size) == (WEIGHTS_STORED, 64 + (64 << 13))


def test_the_largest() -> None:
    buckets = MAX_WEIGHTS_BYTES // 64
    large = Prior(FILE[:56] + buckets.to_bytes(8, "little") + bytes(64 * buckets))
    with pytest.raises(LimitError, match="prior is too large to be embedded") as caught:
        lmcodec.compress(b"", prior=large, embed=True)
    assert caught.value.needed == MAX_WEIGHTS_BYTES + 64
    assert lmcodec.compress(b"", prior=large) == lmcodec.compress(b"")


def test_memory_is_bounded() -> None:
    content, stream = STREAMS["one"]
    needed = lmcodec.info(stream).memory_bytes
    assert needed is not None
    assert lmcodec.decompress(stream, max_memory=needed) == content
    copy = 2 * len(FILE)
    for limit in (copy, needed - 1):
        with pytest.raises(LimitError):
            lmcodec.decompress(stream, max_memory=limit)
        with pytest.raises(LimitError):
            lmcodec.LmcodecDecompressor(max_memory=limit).decompress(stream)
        with lmcodec.open(io.BytesIO(stream), max_memory=limit) as file:
            file.seek(10)
            with pytest.raises(LimitError):
                file.read(1)
    with pytest.raises(LimitError, match="embedded weights need too much memory"):
        lmcodec.decompress(stream, max_memory=copy)


def test_what_info_says() -> None:
    described = lmcodec.info(STREAMS["one"][1])
    assert described.priors == (WeightsInfo(OWN.digest, "log", True, True),)
    assert described.memory_bytes is not None
    described = lmcodec.info(STREAMS["frames"][1])
    assert described.priors == (
        WeightsInfo(OWN.digest, "log", True, True),
        WeightsInfo(GENERAL, "general-1.1", False, True),
    )
    # The copy is damaged.
    stream = bytearray(STREAMS["one"][1])
    stream[200] ^= 1
    described = lmcodec.info(stream)
    assert described.priors == (WeightsInfo(OWN.digest, None, True, False),)
    assert described.memory_bytes is None


def test_what_info_says_of_a_prior_that_is_elsewhere() -> None:
    loaded = Prior(FILE)
    stream = lmcodec.compress(RECORDS, prior=loaded)
    assert lmcodec.info(stream).priors == (WeightsInfo(OWN.digest, "log", False, True),)
    both = STREAMS["one"][1] + stream
    assert lmcodec.info(both).priors == (WeightsInfo(OWN.digest, "log", False, True),)
    del loaded
    gc.collect()
    assert lmcodec.info(stream).priors == (WeightsInfo(OWN.digest, None, False, False),)
    assert lmcodec.info(both).priors == (WeightsInfo(OWN.digest, "log", False, False),)
    with pytest.raises(WeightsError, match=OWN.digest.hex()):
        lmcodec.decompress(both)
    assert lmcodec.info(b"".join((stream, lmcodec.compress(b"abc")))).raw_size == 503


def test_recovery_goes_on_after_the_copy() -> None:
    content, stream = STREAMS["blocks"]
    # The frame header is lost: the copy is found nevertheless.
    found = lmcodec.recover(b"\0" * 5 + stream[5:])
    assert found.content == content
    # The copy is damaged: what needs it is lost, and why is said.
    at = stream.index(COPY)
    damaged = stream[: at + 300] + b"\0" + stream[at + 301 :]
    found = lmcodec.recover(damaged)
    assert found.pieces == ()
    assert found.lost[0].reason.startswith(f"prior is not here: {OWN.digest.hex()}")
    assert found.lost[-1].end == len(content)
    # Where it is here, nothing is.
    loaded = Prior(FILE)
    found = lmcodec.recover(damaged)
    assert found.content == content
    with pytest.raises(FormatError, match="embedded weights are damaged"):
        lmcodec.decompress(damaged)
    # Bytes of the copy are missing: the blocks are found behind it.
    found = lmcodec.recover(stream[: at + 300] + stream[at + 350 :])
    assert found.content == content
    assert loaded == OWN


def test_records() -> None:
    for record in (
        WeightsRecord(WEIGHTS_STORED, 128, 128, bytes(32)),
        WeightsRecord(WEIGHTS_CODED, 6400, 100, OWN.digest),
    ):
        assert next_part(Cursor(record.pack())) == record
    prior = unpack(WeightsRecord.parse(Cursor(COPY)), COPY[-weights_size() :])
    assert bytes(prior) == FILE
    assert isinstance(prior, Prior)
    assert isinstance(prior.table, _core.Prior)
    assert FrameHeader.parse(Cursor(STREAMS["one"][1])).one_block


def weights_size() -> int:
    return WeightsRecord.parse(Cursor(COPY)).coded_size
