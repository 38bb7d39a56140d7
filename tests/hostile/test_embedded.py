"""Copies of priors that are damaged, lie, or are not where they must be."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import CompressionParameter, Prior
from lmcodec.container import End, FrameHeader
from lmcodec.embedded import pack
from lmcodec.errors import CorruptError, FormatError, LmcodecError, UnsupportedError
from lmcodec.header import (
    WEIGHTS_BY_FREQUENCY,
    WEIGHTS_CODED,
    WEIGHTS_STORED,
    BlockHeader,
    ModelRecord,
    StreamRecord,
    WeightsRecord,
)
from lmcodec.models.base import MODELS
from lmcodec.models.cm import Cm
from lmcodec.packing import Cursor
from tests.priors import forget
from tests.strategies import random_bytes

CONTENT = b"yes yet yen " * 20
# Read from its bytes only: no stream here may find it elsewhere.
TINY = bytes(
    lmcodec.train_prior(
        [b"yes"] * 8 + [b"yet"] * 3 + [b"yen"] * 2, name="tiny", size=64, base="none", text=0
    )
)
DIGEST = hashlib.sha256(TINY).digest()
RECORD = WeightsRecord(WEIGHTS_STORED, len(TINY), len(TINY), DIGEST)
COPY = RECORD.pack() + TINY
PAYLOAD = Cm(prior=Prior(TINY)).encode(CONTENT)
BLOCK = BlockHeader(
    0,
    len(CONTENT),
    zlib.crc32(CONTENT),
    models=(ModelRecord("cm", 3, b"", False, (DIGEST,), (DIGEST,)),),
    streams=(StreamRecord("", 1, 1, len(CONTENT), len(PAYLOAD)),),
)
NEEDY = BLOCK.pack() + PAYLOAD
STORED = lmcodec.compress(b"abc", model="stored")[7:]
_BLOCKS = {CompressionParameter.block_size: 90, CompressionParameter.content_digest: 1}
STREAMS = {
    "one": lmcodec.compress(CONTENT, prior=Prior(TINY), embed=True),
    "blocks": lmcodec.compress(CONTENT, options=_BLOCKS, model="cm", prior=Prior(TINY), embed=True),
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)
    gc.collect()


def frame(*parts: bytes) -> bytes:
    return b"".join((FrameHeader().pack(), *parts, End().pack()))


def in_order(stream: bytes) -> bytes:
    return lmcodec.decompress(stream, max_output_size=1 << 16)


def in_pieces(stream: bytes) -> bytes:
    decompressor = lmcodec.LmcodecDecompressor()
    parts = [decompressor.decompress(stream[at : at + 50]) for at in range(0, len(stream), 50)]
    if not decompressor.eof:
        raise lmcodec.TruncatedError("more is wanted")
    return b"".join(parts)


def from_the_end(stream: bytes) -> bytes:
    with lmcodec.open(io.BytesIO(stream)) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 7))
        last = file.read()
        file.seek(0)
        content = file.read()
    assert content[-7:] == last
    return content


READERS = pytest.mark.parametrize("read", [in_order, in_pieces, from_the_end])
Read = Callable[[bytes], bytes]


@READERS
def test_the_frame_that_the_others_change_is_right(read: Read) -> None:
    assert read(frame(COPY, NEEDY)) == CONTENT
    assert read(frame(pack(Prior(TINY)), NEEDY)) == CONTENT
    for stream in STREAMS.values():
        assert read(stream) == CONTENT
    # A copy that nothing needs, and a block that names what is embedded without saying so.
    assert read(frame(COPY, STORED)) == b"abc"
    named = replace(BLOCK, models=(replace(BLOCK.models[0], embedded=()),))
    if read is not from_the_end:
        assert read(frame(COPY, named.pack() + PAYLOAD)) == CONTENT


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation_is_seen(name: str) -> None:
    stream = STREAMS[name]
    for size in range(len(stream)):
        for read in (in_order, in_pieces):
            with pytest.raises(EOFError):
                read(stream[:size])
        with contextlib.suppress(LmcodecError):
            assert from_the_end(stream[:size]) == CONTENT
        lmcodec.recover(stream[:size])


def mutations(stream: bytes) -> Iterator[bytes]:
    rng = random.Random(0)
    for at, byte in enumerate(stream):
        for other in {byte ^ 1 << rng.randrange(8), rng.randrange(256)} - {byte}:
            if at != 5:
                yield stream[:at] + bytes([other]) + stream[at + 1 :]


@pytest.mark.parametrize("name", STREAMS)
def test_every_mutation_is_seen(name: str) -> None:
    for damaged in mutations(STREAMS[name]):
        for read in (in_order, in_pieces):
            with pytest.raises(LmcodecError):
                read(damaged)
        # A reader of some blocks may pass over damage elsewhere.
        with contextlib.suppress(LmcodecError):
            assert from_the_end(damaged) == CONTENT
        with contextlib.suppress(LmcodecError):
            lmcodec.info(damaged)
        for piece in lmcodec.recover(damaged).pieces:
            assert piece.content in CONTENT


@READERS
@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (frame(NEEDY), "needs weights that are not embedded before it"),
        (frame(STORED, NEEDY), "needs weights|block starts at 0"),
        (frame(COPY, STORED) + frame(NEEDY), "needs weights that are not embedded before it"),
        (frame(COPY, COPY, NEEDY), "second copy of weights|no block begins here"),
        (frame(COPY), "no block follows|is damaged"),
        (frame(NEEDY, COPY), "needs weights that are not|no block follows"),
    ],
)
def test_copies_that_are_not_where_they_must_be(stream: bytes, words: str, read: Read) -> None:
    if read is from_the_end and stream == frame(COPY):
        # There is no content to read.
        assert read(stream) == b""
        return
    if read is from_the_end and stream == frame(COPY, COPY, NEEDY):
        # The second one is never looked at.
        assert read(stream) == CONTENT
        return
    if read is in_pieces and stream.startswith(frame(COPY, STORED)):
        stream = stream[len(frame(COPY, STORED)) :]
    with pytest.raises(FormatError, match=words):
        read(stream)


def test_there_are_not_too_many() -> None:
    others = [
        pack(lmcodec.train_prior([b"yes"] * 8, name=f"other{n}", size=64, base="none", text=0))
        for n in range(4)
    ]
    assert in_order(frame(COPY, *others[1:], NEEDY)) == CONTENT
    crowd = frame(COPY, *others, NEEDY)
    for read in (in_order, in_pieces):
        with pytest.raises(FormatError, match="too many copies of weights"):
            read(crowd)
    # Readers of single blocks take what these need.
    assert from_the_end(crowd) == CONTENT
    assert lmcodec.info(crowd).priors[0].here
    assert lmcodec.recover(crowd).content in (b"", CONTENT)


@READERS
def test_copies_of_something_else(read: Read) -> None:
    other = TINY[:70] + bytes([TINY[70] ^ 1]) + TINY[71:]
    for copy, words in (
        (pack(Prior(other)), "needs weights that are not embedded before it"),
        (RECORD.pack() + other, "embedded weights are damaged: their SHA-256 is"),
        (replace(RECORD, digest=bytes(32)).pack() + TINY, "embedded weights are damaged"),
        (
            stored(b"text"),
            "embedded weights are of no kind that is known: [0-9a-f]{64}: weights are not",
        ),
        (
            stored(TINY[:-1]),
            "embedded weights are of no kind that is known: [0-9a-f]{64}: prior is damaged",
        ),
    ):
        # Where a block is looked for first, no copy of another digest is read.
        passed = read is from_the_end and DIGEST not in copy
        expected = "needs weights that are not embedded before it" if passed else words
        with pytest.raises(FormatError, match=expected):
            read(frame(copy, NEEDY))


def stored(data: bytes) -> bytes:
    digest = hashlib.sha256(data).digest()
    return WeightsRecord(WEIGHTS_STORED, len(data), len(data), digest).pack() + data


@READERS
@pytest.mark.parametrize("coding", [WEIGHTS_CODED, WEIGHTS_BY_FREQUENCY])
@pytest.mark.parametrize("payload", [b"", b"\0" * 9, b"\xff" * 60, random_bytes(1, 60), TINY[:60]])
def test_copies_that_do_not_decode(payload: bytes, coding: int, read: Read) -> None:
    record = replace(RECORD, coding=coding, coded_size=len(payload))
    with pytest.raises(CorruptError):
        read(frame(record.pack() + payload, NEEDY))


@READERS
def test_every_coding_is_read(read: Read) -> None:
    for coding, id in ((WEIGHTS_CODED, "bwt"), (WEIGHTS_BY_FREQUENCY, "freqs")):
        # The ids are those for ever.
        assert coding == {"bwt": 2, "freqs": 3}[id]
        copy = MODELS.get(id, 1)().encode(TINY)
        assert len(copy) < len(TINY)
        record = replace(RECORD, coding=coding, coded_size=len(copy))
        assert read(frame(record.pack() + copy, NEEDY)) == CONTENT


@READERS
@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"coding": 0}, UnsupportedError, "coding 0"),
        ({"coding": 4}, UnsupportedError, "coding 4"),
        ({"coding": 255}, UnsupportedError, "coding 255"),
        ({"raw_size": 0, "coded_size": 0}, CorruptError, "does not fit"),
        ({"raw_size": 127}, CorruptError, "does not fit"),
        ({"coded_size": 1 << 60}, CorruptError, "does not fit"),
        ({"raw_size": 1 << 60, "coded_size": 1 << 60}, FormatError, "embedded weights are too"),
        ({"raw_size": (1 << 26) + 1, "coded_size": (1 << 26) + 1}, FormatError, "too large"),
        ({"coding": 2}, CorruptError, "does not fit"),
        ({"coding": 2, "coded_size": 1}, CorruptError, "copy of 1 bytes does not fit"),
        ({"coding": 2, "coded_size": 0}, CorruptError, "does not fit"),
        ({"coding": 3}, CorruptError, "does not fit"),
        ({"coding": 3, "coded_size": 1}, CorruptError, "copy of 1 bytes does not fit"),
        ({"coding": 2, "raw_size": 1 << 26, "coded_size": 1 << 19}, CorruptError, "does not fit"),
    ],
)
def test_headers_that_lie(
    fields: dict[str, int], error: type[LmcodecError], words: str, read: Read
) -> None:
    record = replace(RECORD, **fields)  # type: ignore[arg-type]
    stream = frame(record.pack() + TINY, NEEDY)
    tracemalloc.start()
    with pytest.raises(error, match=words):
        read(stream)
    with contextlib.suppress(LmcodecError):
        lmcodec.info(stream)
    lmcodec.recover(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("coding", [WEIGHTS_STORED, WEIGHTS_CODED])
def test_nothing_is_reserved_for_bytes_that_are_not_there(coding: int) -> None:
    size = 1 << 26
    record = WeightsRecord(coding, size, size if coding == WEIGHTS_STORED else size // 4, DIGEST)
    stream = frame(record.pack() + TINY, NEEDY)
    tracemalloc.start()
    for read in (in_order, in_pieces, from_the_end):
        with pytest.raises(EOFError):
            read(stream)
    with pytest.raises(EOFError):
        lmcodec.info(stream)
    # The block behind it is found, and what it lacks is told.
    (lost,) = lmcodec.recover(stream).lost
    assert (lost.start, lost.end) == (0, len(CONTENT))
    assert lost.reason.startswith("prior is not here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_many_frames_do_not_add_up() -> None:
    """Of the copies of all frames, one is held at a time."""
    record = WeightsRecord(WEIGHTS_STORED, len(LARGE), len(LARGE), hashlib.sha256(LARGE).digest())
    stream = frame(record.pack() + LARGE, STORED) * 20
    # What Rust holds is not traced, but each copy passes as bytes.
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    assert lmcodec.decompress(stream) == b"abc" * 20
    assert lmcodec.info(stream).raw_size == 60
    assert lmcodec.recover(stream).content == b"abc" * 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - base < 8 * len(LARGE)
    gc.collect()
    assert not list(lmcodec.prior.SHELF.loaded.values())


LARGE = TINY[:56] + (1 << 12).to_bytes(8, "little") + random_bytes(3, 64 << 12)


@given(st.binary(max_size=200), st.sampled_from(sorted(STREAMS)), st.data())
def test_noise_in_a_stream(noise: bytes, name: str, data: st.DataObject) -> None:
    stream = STREAMS[name]
    begin = data.draw(st.integers(0, len(stream)))
    end = data.draw(st.integers(begin, len(stream)))
    damaged = stream[:begin] + noise + stream[end:]
    for read in (in_order, in_pieces, from_the_end):
        with contextlib.suppress(LmcodecError):
            assert read(damaged) == CONTENT
    with contextlib.suppress(LmcodecError):
        lmcodec.info(damaged)
    for piece in lmcodec.recover(damaged).pieces:
        assert piece.content in CONTENT


def test_records_are_read_back() -> None:
    assert WeightsRecord.parse(Cursor(COPY)) == RECORD
