"""Headers that are damaged and then sealed again: the checksum hides nothing from the parser."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import CompressionParameter
from lmcodec.container import END_MARKER, FrameHeader, next_part
from lmcodec.errors import LmcodecError
from lmcodec.header import BLOCK_MARKER, BlockHeader, ModelRecord, StreamRecord
from lmcodec.packing import Cursor, pack_blob, seal
from lmcodec.transforms.text import Text
from tests.strategies import machine_code

CONTENT = b"some words and some more words; " * 3
STREAMS = {
    "stored": lmcodec.compress(CONTENT, model="stored"),
    "order0": lmcodec.compress(CONTENT, model="order0"),
    "text": lmcodec.compress(CONTENT, model="stored", transform=Text(capitals=False)),
    "x86": lmcodec.compress(machine_code(2, 20), model="stored", transform="x86"),
    "blocks": lmcodec.compress(
        CONTENT,
        model="stored",
        options={CompressionParameter.content_digest: 1, CompressionParameter.block_size: 40},
    ),
}


def sections(stream: bytes) -> list[tuple[int, int, bytes, bytes]]:
    """Where each sealed section is: begin, end, marker, body."""
    found = []
    cursor = Cursor(stream)
    FrameHeader.parse(cursor)
    while cursor.remaining:
        begin = cursor.position
        part = next_part(cursor)
        inner = Cursor(stream[begin + 2 : cursor.position])
        body = inner.blob("body")
        end = begin + 2 + inner.position + 4
        if body:
            found.append((begin, end, stream[begin : begin + 2], body))
        if isinstance(part, BlockHeader):
            cursor.take(part.payload_size, "payload")
    return found


def resealed(stream: bytes) -> Iterator[bytes]:
    rng = random.Random(1)
    for begin, end, marker, body in sections(stream):
        for at, byte in enumerate(body):
            others = {byte ^ 1 << bit for bit in range(8)} | {0, 0xFF, 0x7F, rng.randrange(256)}
            for other in others - {byte}:
                changed = body[:at] + bytes([other]) + body[at + 1 :]
                yield stream[:begin] + seal(marker + pack_blob(changed)) + stream[end:]
        for at in range(len(body)):
            for changed in (body[:at] + body[at + 1 :], body[:at] + b"\x80" + body[at:]):
                yield stream[:begin] + seal(marker + pack_blob(changed)) + stream[end:]


@pytest.mark.parametrize("name", STREAMS)
def test_mutations(name: str) -> None:
    tracemalloc.start()
    for damaged in resealed(STREAMS[name]):
        try:
            assert lmcodec.decompress(damaged, max_output_size=1 << 20) == CONTENT
        except LmcodecError:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


@given(st.binary(max_size=60), st.sampled_from([BLOCK_MARKER, END_MARKER]))
def test_noise_as_a_header(body: bytes, marker: bytes) -> None:
    stream = FrameHeader().pack() + seal(marker + pack_blob(body)) + b"some payload"
    with pytest.raises(LmcodecError):
        lmcodec.decompress(stream, max_output_size=1 << 16)
    with pytest.raises(LmcodecError):
        lmcodec.info(stream)
    lmcodec.recover(stream, max_output_size=1 << 16)


@given(
    st.lists(st.builds(ModelRecord, st.sampled_from(["order0", "x"]), st.integers(0, 3))),
    st.integers(0, 5),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_fields_that_do_not_fit(
    models: list[ModelRecord], model: int, raw_size: int, coded_size: int
) -> None:
    header = BlockHeader(
        0, raw_size, 0, models=tuple(models), streams=(StreamRecord("", model, 1, 9, coded_size),)
    )
    stream = FrameHeader().pack() + header.pack() + bytes(20)
    with pytest.raises(LmcodecError):
        lmcodec.decompress(stream)
