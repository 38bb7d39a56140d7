"""Transforms give back any bytes, in blocks of any size, and refuse streams that do not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec.errors import FormatError, LmcodecError
from lmcodec.transforms.x86 import X86
from tests.reference.test_reference import reference
from tests.strategies import hard_bytes, machine_code

_OPCODES = [b"\xe8", b"\xe9", b"\x0f\x84", b"\x48\x8d\x05", b"\xf1", b"\0\0", b"\xff\xff"]

programs = st.one_of(
    hard_bytes,
    st.builds(machine_code, st.integers(0, 99), st.integers(1, 300)),
    st.lists(st.one_of(st.sampled_from(_OPCODES), st.binary(max_size=3))).map(b"".join),
)


@given(programs, st.booleans(), st.integers(1, 700))
def test_any_bytes_come_back(content: bytes, data: bool, block_size: int) -> None:
    stream = lmcodec.compress(
        content, model="stored", transform=X86(data), block_size=max(block_size, len(content) // 9)
    )
    assert lmcodec.info(stream).transforms == (("x86/1",) if content else ())
    assert lmcodec.decompress(stream) == content
    assert reference.decode(stream) == content


@given(programs, programs, programs, st.one_of(st.none(), programs))
def test_any_streams_are_joined_alike(
    code: bytes, calls: bytes, jumps: bytes, data: bytes | None
) -> None:
    streams = {"code": code, "calls": calls, "jumps": jumps}
    if data is not None:
        streams["data"] = data
    try:
        ours = X86(data is not None).inverse(streams)
    except LmcodecError:
        ours = None
    try:
        theirs = reference.join_x86(streams, data is not None)
    except reference.InvalidError:
        theirs = None
    assert ours == theirs


def test_streams_must_be_those_of_the_parameters() -> None:
    streams = {stream.name: stream.symbols for stream in X86().forward(b"\xe8\1\0\0\0")}
    with pytest.raises(FormatError, match="streams of x86 must be code, calls, jumps, data"):
        X86(data=True).inverse(streams)
    wide = pytest.importorskip("numpy").zeros(4, "u2")
    with pytest.raises(FormatError, match="streams of x86 are bytes"):
        X86().inverse(streams | {"calls": wide})


@pytest.mark.parametrize("level", [1, 3, 5])
def test_machine_code_is_found_and_becomes_smaller(level: int) -> None:
    program = machine_code(3, 30_000)
    assert X86.probe(program) == X86(data=True)
    stream = lmcodec.compress(program, level)
    assert lmcodec.info(stream).transforms == ("x86/1",)
    assert lmcodec.decompress(stream) == program
    assert len(stream) < 0.9 * len(lmcodec.compress(program, level, transform="raw"))


def test_other_content_is_left_alone() -> None:
    text = b"call me at eight, or call again. " * 20_000
    for content in (text, bytes(100_000), b"\xe8\xff\xff\xff\xff" * 20_000, b""):
        assert X86.probe(content) is None
