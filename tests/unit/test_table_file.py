"""Tables in compressed files, read by columns and rows."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lmcodec
from lmcodec import block, table_parts
from lmcodec.column import Column
from lmcodec.errors import FormatError, LimitError
from lmcodec.models.order0 import Order0
from lmcodec.models.table import Table as TableModel
from lmcodec.table_file import open_table
from lmcodec.table_parts import Streams
from lmcodec.transforms.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmcodec.table_file import TableFile

ROWS = [(f"{number}", f"name {number % 7}", f"{number / 8}") for number in range(200)]
TEXT = "id,name,share\n" + "".join(",".join(row) + "\n" for row in ROWS)
TABLE = Table(3, separator=b",")


def opened(content: bytes, **options: object) -> TableFile:
    stream = lmcodec.compress(content, model="stored", **options)  # type: ignore[arg-type]
    return open_table(io.BytesIO(stream))


def transposed(table: TableFile) -> list[tuple[str, ...]]:
    return list(zip(*(column.values() for column in table), strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("block_size", [40, 111, 333, 1 << 20])
@pytest.mark.parametrize("transform", ["raw", "table"])
def test_columns_and_rows_are_those_of_the_text(
    end: str, is_open: bool, block_size: int, transform: str
) -> None:
    text = TEXT.replace("\n", end)
    text = text.removesuffix(end) if is_open else text
    split = Table(3, returns=end == "\r\n") if transform == "table" else "raw"
    if transform == "raw" and block_size < 300:
        # Too few lines of the first block to see that it is a table.
        block_size = 300
    table = opened(text.encode(), transform=split, block_size=block_size)
    assert table.names == ("id", "name", "share")
    assert len(table) == len(ROWS)
    assert transposed(table) == ROWS
    for first, last in [(0, 1), (3, 3), (50, 150), (199, 200), (-2, 200)]:
        (column,) = table.read(["name"], slice(first, last))
        assert column.values() == [row[1] for row in ROWS[first:last]]
    assert list(table.lines(range(10, 12))) == [",".join(row).encode() for row in ROWS[10:12]]


def test_columns_are_numbers_where_all_cells_are() -> None:
    table = opened(TEXT.encode())
    assert [column.kind for column in table] == ["integer", "text", "number"]
    assert table["id"].to_numpy().tolist() == list(range(200))
    assert table[2].to_numpy().dtype == "float64"
    assert table["name"].to_numpy().tolist() == [row[1] for row in ROWS]
    assert table["name"][8] == "name 1"
    assert len(table["name"]) == 200
    assert list(table["name"])[:2] == table["name"].values()[:2]
    assert repr(table) == "<TableFile of 200 rows, 3 columns>"
    assert repr(table["id"]) == "<Column 'id' of 200 rows, integer>"


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([b"1", b"-20", b"0"], "integer"),
        ([b"007", b"1"], "text"),
        ([b"+5"], "text"),
        ([b"-0"], "number"),
        ([b"1e5", b"2"], "number"),
        ([b"", b"1.5"], "number"),
        ([b"", b""], "text"),
        ([b"9" * 400], "text"),
        ([b"123456789012345678"], "integer"),
        ([b"1234567890123456789"], "number"),
        ([b"1_000"], "text"),
        ([b"nan"], "text"),
        ([b"-"], "text"),
        ([b"e5"], "text"),
        ([b" 1"], "text"),
        ([], "text"),
    ],
)
def test_kinds_of_cells(cells: list[bytes], kind: str) -> None:
    column = Column("a", cells)
    assert column.kind == kind
    assert column.cells() == cells
    assert len(column.to_numpy()) == len(cells)


def test_quotes_belong_to_the_writing() -> None:
    table = opened(b'"a","b c"\n"x ""y""",1\n"line\nend","2"\nplain,3\n')
    assert table.names == ("a", "b c")
    assert table["a"].values() == ['x "y"', "line\nend", "plain"]
    assert table["a"].cells() == [b'"x ""y"""', b'"line\nend"', b"plain"]
    assert table["b c"].to_numpy().tolist() == [1, 2, 3]


def test_names_are_distinct() -> None:
    rows = b"".join(b"%d,x,y,z\n" % number for number in range(9))
    assert opened(b"\xef\xbb\xbfa,b,a,\n" + rows).names == ("a", "b", "a.1", "3")
    assert opened(rows).names == ("0", "1", "2", "3")
    edges = b"# Nodes: 3\n# From\tTo\n1\t2\n2\t3\n3\t1\n"
    table = opened(edges)
    assert table.names == ("From", "To")
    assert len(table) == 3
    assert list(table.others()) == [(0, b"# Nodes: 3"), (0, b"# From\tTo")]


@pytest.mark.parametrize("block_size", [100, 1 << 20])
def test_lines_that_are_no_rows_are_apart(block_size: int) -> None:
    lines = TEXT.splitlines()
    lines[5:5] = ["ragged,1"]
    lines[90:90] = ["", "a,b,c,d"]
    table = opened("\n".join(lines).encode(), transform=TABLE, block_size=block_size)
    assert transposed(table) == ROWS
    others = [line for _, line in table.others()]
    assert others == [b"id,name,share", b"ragged,1", b"", b"a,b,c,d"]
    assert [row for row, _ in table.others()] == [0, 4, 88, 88]


def test_other_content_is_refused() -> None:
    for content in [b"", b"no table\n", bytes(1000)]:
        with pytest.raises(FormatError, match="not a table"):
            opened(content)
    with pytest.raises(FormatError):
        open_table(io.BytesIO(b"no stream"))


def test_wrong_names_and_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.lmz"
    path.write_bytes(lmcodec.compress(TEXT.encode(), 1))
    with open_table(path) as table:
        with pytest.raises(KeyError, match="no column"):
            table["none"]
        with pytest.raises(IndexError):
            table[3]
        with pytest.raises(ValueError, match="one behind the other"):
            table.read(rows=slice(0, 10, 2))
        assert table.read([]) == []
        assert [column.name for column in table.read([-1, "id"])] == ["share", "id"]
    stream = lmcodec.compress(TEXT.encode(), 1, transform="table")
    with pytest.raises(LimitError):
        open_table(io.BytesIO(stream), max_memory=100)["id"]


def test_only_wanted_columns_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Columns(Order0):
        def decode_columns(self, payload: bytes, count: int, wanted: Sequence[int]) -> list[bytes]:
            asked.append(list(wanted))
            cells = bytes(self.decode(payload, count))
            return Streams({"cells": cells}).columns(Table(3), wanted)

    content = TEXT.encode()
    stream = lmcodec.compress(content, model=Order0(), transform="table", block_size=2000)
    monkeypatch.setattr(table_parts, "stream_model", lambda *_: Columns())
    table = open_table(io.BytesIO(stream))
    assert table["name"].values() == [row[1] for row in ROWS]
    assert set(map(tuple, asked)) == {(1,)}
    asked.clear()
    # The column is kept; another one is decoded.
    table.read(["share", "name"], slice(190, 195))
    assert asked == [[2]]


def test_damage_is_found() -> None:
    stream = bytearray(lmcodec.compress(TEXT.encode(), model="stored", transform="table"))
    at = stream.index(b"name 1\n")
    stream[at + 6] = ord("x")
    with pytest.raises(FormatError):
        open_table(io.BytesIO(bytes(stream)))["name"]


def test_bytes_that_are_no_text_come_back() -> None:
    table = opened(b"a,b\n" + b"\xff,1\n\0,2\n" * 5)
    assert table["a"].values()[0].encode(errors="surrogateescape") == b"\xff"
    assert table["a"].cells()[:2] == [b"\xff", b"\0"]


def test_pandas_arrow_and_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = opened(TEXT.encode())
    frame = table.to_pandas()
    pandas.testing.assert_frame_equal(frame, pandas.read_csv(io.StringIO(TEXT)), check_dtype=False)
    assert table.to_pandas(["id"], slice(3, 5))["id"].tolist() == [3, 4]
    assert table.to_arrow().to_pylist()[1] == {"id": 1, "name": "name 1", "share": 0.125}
    table.to_parquet(tmp_path / "table.parquet", compression="zstd")
    assert parquet.read_table(tmp_path / "table.parquet").num_rows == len(ROWS)
    assert json.loads(frame.to_json())["id"]["7"] == 7


def test_empty_cells_of_numbers_are_missing_in_arrow() -> None:
    pytest.importorskip("pyarrow")
    assert Column("a", [b"1.5", b""]).to_arrow().to_pylist() == [1.5, None]
    assert Column("a", [b"\xff", b"b"]).to_arrow().to_pylist() == [b"\xff", b"b"]


@pytest.mark.parametrize("block_size", [1500, 1 << 20])
def test_bytes_of_columns_are_those_of_their_codes(block_size: int) -> None:
    stream = lmcodec.compress(TEXT.encode(), 5, transform=TABLE, block_size=block_size)
    table = open_table(io.BytesIO(stream))
    sizes = table.column_bytes()
    assert sizes is not None
    assert len(sizes) == 3
    # Names follow from numbers; the header, names of columns and directories are besides.
    assert sizes[1] < min(sizes[0], sizes[2]) + 40
    assert 0 < sum(sizes) < len(stream)


def test_columns_without_code_of_their_own() -> None:
    assert opened(TEXT.encode(), transform="table").column_bytes() is None
    assert opened(TEXT.encode(), transform="raw").column_bytes() is None


def test_bytes_of_columns_must_be_there() -> None:
    model = TableModel(5, 10, 2)
    cells = b"".join(b"%d\n" % (number % 50) for number in range(400))
    payload = model.encode(cells)
    sizes = model.column_bytes(payload)
    assert 0 < sum(sizes) < len(payload)
    assert model.column_bytes(model.encode(b"")) == [0, 0]
    for wrong in (payload[:-1], payload + b"0", payload[:1], b""):
        with pytest.raises(FormatError):
            model.column_bytes(wrong)


def test_names_that_repeat_in_a_wide_table_are_told_apart_soon() -> None:
    # Each try of a number for each name would be half a billion of them.
    text = "x," * 30000 + "x\n" + ("1," * 30000 + "2\n") * 4
    with open_table(io.BytesIO(lmcodec.compress(text.encode(), 1, transform="table"))) as table:
        assert len(set(table.names)) == 30001
        assert table.names[:3] == ("x", "x.1", "x.2")
        assert len(table.read()) == 30001
        assert table["x.30000"].values() == ["2"] * 4


@pytest.mark.parametrize(
    ("field", "value"), [("rows", 2**40 - 1), ("columns", 2**28), ("columns", 2**40 - 1)]
)
def test_tables_that_say_to_be_larger_than_their_cells_are_refused(
    field: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = TEXT.encode()
    params = Table.params
    with monkeypatch.context() as patch:
        # As a hostile writer would, with a record that is well formed.
        patch.setattr(Table, "params", lambda table: params(replace(table, **{field: value})))
        patch.setattr(block, "_verify", lambda *_: None)
        stream = lmcodec.compress(content, 1, transform="table")
    with pytest.raises(FormatError):
        open_table(io.BytesIO(stream))
