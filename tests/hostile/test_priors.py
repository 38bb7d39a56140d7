"""Damaged streams, records and files where a prior is in use."""

from __future__ import annotations

import random
import zlib

import pytest

import lmcodec
from lmcodec import Prior
from lmcodec.container import End, FrameHeader
from lmcodec.errors import FormatError, LmcodecError, WeightsError
from lmcodec.header import BlockHeader, ModelRecord, StreamRecord
from lmcodec.models.cm import Cm
from tests.priors import ENGLISH, GENERAL, OWN, RECORDS
from tests.strategies import log_lines

STREAMS = {
    "own": (RECORDS, lmcodec.compress(RECORDS, prior=OWN)),
    "general": (ENGLISH, lmcodec.compress(ENGLISH)),
    "level 8": (ENGLISH, lmcodec.compress(ENGLISH, 8, prior="general")),
    "blocks": (RECORDS, lmcodec.compress(RECORDS, model="cm", prior=OWN, block_size=200)),
}
# Nobody reads the minor version of a frame.
UNCHECKED = {5}


def decode(stream: bytes, content: bytes) -> bool:
    """Return whether a stream decodes, and then to the right bytes."""
    try:
        decoded = lmcodec.decompress(stream, max_output_size=1 << 16)
    except LmcodecError:
        return False
    assert decoded == content
    return True


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation_is_seen(name: str) -> None:
    content, stream = STREAMS[name]
    assert decode(stream, content)
    for size in range(len(stream)):
        assert not decode(stream[:size], content), size


@pytest.mark.parametrize("name", STREAMS)
def test_every_mutation_is_seen(name: str) -> None:
    content, stream = STREAMS[name]
    rng = random.Random(0)
    for at, byte in enumerate(stream):
        for other in {byte ^ 1 << rng.randrange(8), rng.randrange(256)} - {byte}:
            damaged = stream[:at] + bytes([other]) + stream[at + 1 :]
            assert not decode(damaged, content) or at in UNCHECKED, at


@pytest.mark.parametrize("name", STREAMS)
def test_other_readers_meet_the_same_damage(name: str) -> None:
    content, stream = STREAMS[name]
    rng = random.Random(1)
    for at in range(0, len(stream), 3):
        damaged = stream[:at] + bytes([rng.randrange(256)]) + stream[at + 1 :]
        try:
            lmcodec.info(damaged)
        except LmcodecError:
            pass
        for piece in lmcodec.recover(damaged).pieces:
            assert piece.content in content


def framed(record: ModelRecord, payload: bytes, content: bytes) -> bytes:
    """A stream whose checksums hide nothing from the parser."""
    header = BlockHeader(
        0,
        len(content),
        zlib.crc32(content),
        models=(record,),
        streams=(StreamRecord("", 1, 1, len(content), len(payload)),),
    )
    return FrameHeader().pack() + header.pack() + payload + End().pack()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("host_bound", [False, True])
@pytest.mark.parametrize(
    "named",
    [(), (GENERAL,), (OWN.digest,), (bytes(32),), (GENERAL, OWN.digest), (GENERAL, bytes(32))],
)
@pytest.mark.parametrize("params", [b"", b"\x06", b"\x06\x04", b"\x12\x00", b"\x14", b"\xff"])
def test_records_with_priors_that_do_not_fit(
    version: int, host_bound: bool, named: tuple[bytes, ...], params: bytes
) -> None:
    stream = framed(ModelRecord("cm", version, params, host_bound, named), b"payload", b"content")
    assert not decode(stream, b"content")
    assert lmcodec.info(stream).raw_size == 7
    lmcodec.recover(stream)


def test_a_prior_that_is_not_the_right_one_is_seen_by_the_checksum() -> None:
    model = Cm().primed(OWN)
    payload = model.encode(RECORDS)
    assert decode(
        framed(ModelRecord("cm", 3, b"", False, (OWN.digest,)), payload, RECORDS), RECORDS
    )
    for named in ((), (GENERAL,)):
        stream = framed(ModelRecord("cm", 3, b"", False, named), payload, RECORDS)
        with pytest.raises(FormatError):
            lmcodec.decompress(stream)
    stream = framed(ModelRecord("cm", 1, b"", False, (OWN.digest,)), payload, RECORDS)
    with pytest.raises(FormatError, match="version 1 of cm has no prior"):
        lmcodec.decompress(stream)
    stream = framed(ModelRecord("cm", 3, b"", False, (bytes(32),)), payload, RECORDS)
    with pytest.raises(WeightsError, match=bytes(32).hex()):
        lmcodec.decompress(stream)


def test_every_truncation_of_a_file_is_refused_or_another_prior() -> None:
    file = bytes(OWN)
    for size in range(len(file)):
        try:
            prior = Prior(file[:size])
        except FormatError:
            continue
        # The table ends with a bucket, and nothing but the digest says that there were more.
        assert size % 64 == 0
        assert prior != OWN


def test_every_change_of_a_file_has_another_digest_and_still_works() -> None:
    file = bytes(OWN)
    rng = random.Random(2)
    content = log_lines(98, 2)
    for _ in range(150):
        at = rng.randrange(len(file))
        damaged = file[:at] + bytes([file[at] ^ 1 << rng.randrange(8)]) + file[at + 1 :]
        try:
            prior = Prior(damaged)
        except FormatError:
            assert at < 64
            continue
        assert prior != OWN
        stream = lmcodec.compress(content, model="cm", prior=prior)
        assert lmcodec.decompress(stream) == content
