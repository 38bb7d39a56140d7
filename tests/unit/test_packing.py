from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcodec.errors import CorruptError, FormatError, TruncatedError
from lmcodec.packing import (
    MAX_U64,
    Cursor,
    pack_fields,
    pack_varint,
    unpack_fields,
    unzigzag,
    zigzag,
)


@dataclass(frozen=True)
class Fields:
    number: int = 3
    flag: bool = False
    name: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Unpackable:
    ratio: float = 0.5


@dataclass(frozen=True)
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError("number must be positive")


@given(st.integers(0, MAX_U64))
def test_varint_comes_back(value: int) -> None:
    packed = pack_varint(value)
    cursor = Cursor(packed)
    assert cursor.varint("number") == value
    assert cursor.remaining == 0
    assert len(packed) == max(1, -(-value.bit_length() // 7))


@pytest.mark.parametrize(
    "packed",
    [b"\x80\x00", b"\xff\x80\x00", b"\x80" * 10 + b"\x01", b"\xff" * 9 + b"\x02", b"\xff" * 12],
)
def test_varint_must_be_in_its_shortest_form(packed: bytes) -> None:
    with pytest.raises(FormatError):
        Cursor(packed).varint("number")


def test_varint_refuses_what_does_not_fit() -> None:
    for value in (-1, MAX_U64 + 1):
        with pytest.raises(ValueError, match="a varint holds"):
            pack_varint(value)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_zigzag(value: int) -> None:
    assert unzigzag(zigzag(value)) == value
    assert 0 <= zigzag(value) <= MAX_U64


def test_cursor_says_what_is_missing() -> None:
    cursor = Cursor(b"abc", base=100)
    cursor.take(2, "thing")
    with pytest.raises(TruncatedError, match="thing ends early: 4 bytes are missing") as caught:
        cursor.take(5, "thing")
    assert (caught.value.missing, caught.value.offset) == (4, 102)
    with pytest.raises(CorruptError):
        Cursor(b"abc", complete=True).take(4, "thing")


@given(
    st.builds(
        Fields,
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.booleans(),
        st.text(),
        st.binary(),
    )
)
def test_fields_come_back(fields: Fields) -> None:
    assert unpack_fields(Fields, pack_fields(fields)) == fields


def test_defaults_at_the_end_are_dropped() -> None:
    assert pack_fields(Fields()) == b""
    assert pack_fields(Fields(number=-1)) == b"\x01"
    assert pack_fields(Fields(name="ab")) == b"\x06\x00\x02ab"


@pytest.mark.parametrize(
    "params",
    [b"\x80", b"\x06\x02", b"\x06\x00\x05ab", b"\x06\x00\x01\xff", b"\x06\x00\x00\x00more"],
)
def test_fields_refuse_what_does_not_fit(params: bytes) -> None:
    with pytest.raises(FormatError):
        unpack_fields(Fields, params)


def test_fields_refused_by_the_class() -> None:
    for params in (b"", b"\x00"):
        with pytest.raises(FormatError, match="parameters of Positive are refused"):
            unpack_fields(Positive, params)


def test_fields_of_other_types_cannot_be_packed() -> None:
    with pytest.raises(TypeError, match="must be int, bool, bytes or str"):
        pack_fields(Unpackable())
