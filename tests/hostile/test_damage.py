"""Damaged streams raise `LmcodecError` or give the same content; nothing else happens."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import CompressionParameter
from lmcodec.container import SkippableFrame
from lmcodec.errors import LmcodecError
from lmcodec.transforms.text import Text
from lmcodec.transforms.x86 import X86
from tests.models import OWN_IDS
from tests.strategies import machine_code, prose

CONTENT = b"some words and some more words; " * 3
_DIGEST = {CompressionParameter.content_digest: 1, CompressionParameter.block_size: 40}

PROGRAM = machine_code(1, 40)
# With every byte in it, so that each meaning that a byte is given matters.
PROSE = prose(1, 60) + bytes(range(256))

_ONE, _TWO = (lmcodec.compress(part, model="stored") for part in (b"one", b"two"))
_BETWEEN = SkippableFrame(0, 3).pack() + b"abc"

STRUCTURES: dict[str, tuple[bytes, bytes]] = {
    "empty": (b"", lmcodec.compress(b"")),
    "stored": (CONTENT, lmcodec.compress(CONTENT, model="stored")),
    "blocks": (CONTENT, lmcodec.compress(CONTENT, model="stored", block_size=40)),
    "digest": (CONTENT, lmcodec.compress(CONTENT, model="stored", options=_DIGEST)),
    "text": (PROSE, lmcodec.compress(PROSE, model="stored", transform=Text())),
    "x86": (PROGRAM, lmcodec.compress(PROGRAM, model="stored", transform=X86(data=True))),
    "frames": (b"onetwo", _ONE + _BETWEEN + _TWO),
}
CODED = {id: (CONTENT, lmcodec.compress(CONTENT, model=id)) for id in OWN_IDS}
STREAMS = STRUCTURES | CODED
# Nobody reads the minor version of a frame, nor the content of a skippable one.
UNCHECKED = {name: {5} for name in STREAMS}
UNCHECKED["frames"] |= {len(_ONE + _BETWEEN) + at for at in (-3, -2, -1, 5)}
# Where a stream may end although there was more.
ENDS = {"frames": {len(_ONE): b"one", len(_ONE + _BETWEEN): b"one"}}


def mutations(name: str) -> Iterator[tuple[int, bytes]]:
    """Every bit flipped, and every byte set to four values, one at a time.

    Streams of models get fewer: their headers are those of the others, and decoding takes longer.
    """
    rng = random.Random(0)
    stream = STREAMS[name][1]
    for offset, byte in enumerate(stream):
        others = {byte ^ 1 << bit for bit in range(8)} | {0, 0xFF, 0xB5, rng.randrange(256)}
        if name in CODED:
            others = {byte ^ 1 << rng.randrange(8)}
        for other in sorted(others - {byte}):
            yield offset, stream[:offset] + bytes([other]) + stream[offset + 1 :]


def check(damaged: bytes, content: bytes) -> bool:
    """Return whether the damage was seen."""
    try:
        decoded = lmcodec.decompress(damaged, max_output_size=1 << 20)
    except LmcodecError:
        return True
    assert decoded == content
    return False


@pytest.mark.parametrize("name", STREAMS)
def test_every_mutation_is_seen(name: str) -> None:
    content, _ = STREAMS[name]
    for offset, damaged in mutations(name):
        assert check(damaged, content) or offset in UNCHECKED[name], offset


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation_is_seen(name: str) -> None:
    content, stream = STREAMS[name]
    ends = ENDS.get(name, {})
    for size in range(len(stream)):
        if size in ends:
            assert lmcodec.decompress(stream[:size]) == ends[size]
            continue
        assert check(stream[:size], content)
        with lmcodec.open(io.BytesIO(stream[:size])) as file, pytest.raises(EOFError):
            file.read()
        if not ends:
            decompressor = lmcodec.LmcodecDecompressor()
            decompressor.decompress(stream[:size])
            assert not decompressor.eof


@pytest.mark.parametrize("name", STREAMS)
def test_other_readers_raise_the_same_errors(name: str) -> None:
    """The file object, `info` and `recover` meet the same damage."""
    for offset, damaged in mutations(name):
        if offset % 5:
            continue
        for start in (0, 50):
            with (
                contextlib.suppress(LmcodecError),
                lmcodec.open(io.BytesIO(damaged)) as file,
            ):
                file.seek(start)
                file.read(1 << 20)
        with contextlib.suppress(LmcodecError):
            lmcodec.info(damaged)
        lmcodec.recover(damaged)


@given(st.binary(max_size=200), st.sampled_from(sorted(STREAMS)), st.data())
def test_noise_in_a_stream(noise: bytes, name: str, data: st.DataObject) -> None:
    content, stream = STREAMS[name]
    begin = data.draw(st.integers(0, len(stream)))
    end = data.draw(st.integers(begin, len(stream)))
    damaged = stream[:begin] + noise + stream[end:]
    if name != "frames":
        check(damaged, content)
    for piece in lmcodec.recover(damaged).pieces:
        assert isinstance(piece.content, bytes)


@given(st.binary(max_size=300))
def test_noise_alone(noise: bytes) -> None:
    with pytest.raises(LmcodecError):
        lmcodec.decompress(noise)
    with pytest.raises(LmcodecError):
        lmcodec.info(noise)
