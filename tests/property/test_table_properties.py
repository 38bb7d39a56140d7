"""The transform of tables gives back any bytes, in any blocks, and refuses what does not fit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec.errors import FormatError, LmcodecError
from lmcodec.models.base import Cells
from lmcodec.transforms.table import Table
from tests.reference.test_reference import reference
from tests.strategies import hard_bytes, prose

_PIECES = [b",", b", ", b"\t", b"\n", b"\r\n", b"\r", b'"', b'""', b'"a\nb"', b"a", b"007", b"1e5"]
_PIECES += [b"-0", b"+5", b"9" * 400, b"\0", b"\xff", b"#", b"\xef\xbb\xbf"]

contents = st.one_of(
    hard_bytes, st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=2))).map(b"".join)
)
tables = st.builds(
    Table,
    st.integers(1, 4),
    separator=st.sampled_from([b",", b", ", b"\t", b"a"]),
    quoted=st.booleans(),
    returns=st.booleans(),
)


@given(contents, tables, st.integers(1, 700))
def test_any_bytes_come_back(content: bytes, transform: Table, block_size: int) -> None:
    stream = lmcodec.compress(
        content,
        model="stored",
        transform=transform,
        block_size=max(block_size, len(content) // 9),
    )
    assert lmcodec.info(stream).transforms == (("table/1",) if content else ())
    assert lmcodec.decompress(stream) == content
    assert reference.decode(stream) == content


@given(contents, contents, st.binary(max_size=8), tables, st.integers(0, 9), st.integers(0, 9))
def test_any_streams_are_joined_alike(
    cells: bytes, rest: bytes, places: bytes, table: Table, rows: int, head: int
) -> None:
    table = dataclasses.replace(table, rows=rows, head=head, open=bool(head & 1))
    streams = {"cells": cells, "rest": rest, "places": places}
    try:
        ours = table.inverse(streams)
    except LmcodecError:
        ours = None
    try:
        theirs = reference.read_table_transform(reference.Reader(table.params()))(streams)
    except reference.InvalidError:
        theirs = None
    assert ours == theirs


def test_cells_have_their_shape() -> None:
    raw = b"name,age\n" + b"".join(b"A%d,%d\n" % (number, number) for number in range(20))
    table = Table.probe(raw)
    assert table == Table(2)
    fitted = table.fit(raw, 0)
    assert fitted == Table(2, rows=20, head=9)
    cells, rest = fitted.forward(raw)
    assert (cells.name, cells.hint, cells.shape) == ("cells", "table", Cells(2))
    assert (rest.name, rest.symbols, rest.shape) == ("rest", b"name,age\n", None)
    assert fitted.params() == b"\4\x28\x12"
    with pytest.raises(ValueError, match="layout"):
        fitted.forward(raw + b"A,1\n")


def test_later_blocks_are_found_to_be_tables() -> None:
    rows = b"".join(b"%d;%d;a\r\n" % (number, number) for number in range(100))
    table = Table.probe_later(rows[1:], 5000, rows[:10])
    assert table == Table(3, separator=b";", returns=True)
    assert table.fit(rows[1:], 5000).rows == 99


def test_streams_must_be_those_of_a_table() -> None:
    with pytest.raises(FormatError, match="streams of table must be among cells, rest, places"):
        Table().inverse({"cell": b""})
    wide = pytest.importorskip("numpy").zeros(4, "u2")
    with pytest.raises(FormatError, match="streams of table are bytes"):
        Table().inverse({"cells": wide})
    assert Table().inverse({}) == b""


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 0},
        {"rows": -1},
        {"head": 1 << 50},
        {"separator": b""},
        {"separator": b"12345"},
        {"separator": b'"'},
        {"separator": b",\n"},
        {"terminator": 256},
    ],
)
def test_parameters_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of table"):
        Table(**wrong)


def test_other_content_is_left_alone() -> None:
    record = b'{"time": 12, "kind": "a", "of": [1, 2]}\n'
    code = b"def call(a, b):\n    return a, b\n\n\ncall(1, 2)\n"
    for content in (prose(3, 2000, 60), record * 900, code * 900, bytes(9000), b"", b"a,b\n"):
        assert Table.probe(content) is None


@pytest.mark.parametrize("level", [1, 3])
def test_tables_are_found_and_become_smaller(level: int) -> None:
    rows = ((number * number % 9973, number % 7 * 1001, number // 3) for number in range(4000))
    raw = b"".join(b"%d,%d,%d\n" % row for row in rows)
    stream = lmcodec.compress(raw, level)
    assert lmcodec.info(stream).transforms == ("table/1",)
    assert lmcodec.decompress(stream) == raw
    assert len(stream) < 0.9 * len(lmcodec.compress(raw, level, transform="raw"))


@pytest.mark.parametrize("rows", [3, 9, 30, 100, 300])
def test_small_tables_never_become_larger(rows: int) -> None:
    lines = ["id,square,word"] + [f"{n},{n * n % 97},{'abc'[n % 3]}" for n in range(rows)]
    raw = "\n".join(lines).encode()
    stream = lmcodec.compress(raw, 1)
    assert lmcodec.decompress(stream) == raw
    assert len(stream) <= len(lmcodec.compress(raw, 1, transform="raw"))
