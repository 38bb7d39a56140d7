"""Transforms give back any bytes, in blocks of any size, and refuse streams that do not fit."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec.errors import FormatError, LmcodecError
from lmcodec.select import shortest
from lmcodec.transforms.text import Text
from lmcodec.transforms.x86 import X86
from tests.reference.test_reference import reference
from tests.strategies import hard_bytes, machine_code, prose, random_bytes

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


_PIECES = [b"the ", b"The ", b"THE", b" ", b"\n", b" \n", b"\r\n", b"\r", b"tHe", b"\xc3\xa9"]

texts = st.one_of(
    hard_bytes,
    st.builds(
        prose,
        st.integers(0, 99),
        st.integers(1, 300),
        st.integers(20, 80),
        st.sampled_from(["\n", "\r\n", " \n"]),
    ),
    st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=2))).map(b"".join),
)


@given(texts, st.builds(Text, st.booleans(), st.booleans(), st.booleans()), st.integers(1, 700))
def test_any_text_comes_back(content: bytes, transform: Text, block_size: int) -> None:
    stream = lmcodec.compress(
        content,
        model="stored",
        transform=transform,
        block_size=max(block_size, len(content) // 9),
    )
    assert lmcodec.info(stream).transforms == (("text/1",) if content else ())
    assert lmcodec.decompress(stream) == content
    assert reference.decode(stream) == content


@given(texts, st.integers(0, 60), texts, texts, st.builds(Text, *[st.booleans()] * 3))
def test_any_streams_of_text_are_joined_alike(
    head: bytes, size: int, text: bytes, lines: bytes, transform: Text
) -> None:
    written = transform.forward(head)[0].symbols
    assert isinstance(written, bytes)
    streams = {"text": written[: size or len(written)] + text}
    if transform.lines:
        streams["lines"] = lines
    try:
        ours = transform.inverse(streams)
    except LmcodecError:
        ours = None
    try:
        theirs = reference.join_text(streams, *dataclasses.astuple(transform))
    except reference.InvalidError:
        theirs = None
    assert ours == theirs


def test_levels_rewrite_text_in_their_own_way() -> None:
    text = prose(5, 6000)
    plain = Text(capitals=False, words=False)
    for level, transform in ((1, None), (2, Text()), (3, plain)):
        stream = lmcodec.compress(text, level)
        assert lmcodec.info(stream).transforms == ("text/1" if transform else "raw",)
        assert lmcodec.decompress(stream) == text
        if transform:
            assert stream == lmcodec.compress(text, level, transform=transform)
            assert len(stream) < len(lmcodec.compress(text, level, transform="raw"))
    assert Text(lines=False).for_level(3) is None
    asked = lmcodec.compress(b"no lines", 3, model="stored", transform="text")
    assert lmcodec.info(asked).transforms == ("text/1",)


def test_parts_of_text_that_do_not_pay_are_left_out() -> None:
    text = prose(6, 6000)
    assert Text.probe(text) == Text()
    assert shortest(Text(), text, 2) == (Text(), True)
    # In capitals alone there is nothing to mark, and without ends of lines none to take out.
    loud = prose(7, 6000, 10**6).upper()
    assert Text.probe(loud) == Text(lines=False)
    assert not Text.probe(random_bytes(1, 100_000))
    assert shortest(Text(), random_bytes(1, 100_000), 2)[1] is False
