"""What `lmcodec table` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

import lmcodec
from tests.cli.conftest import Run

TEXT = "id;name;share\n" + "".join(f"{n};n {n % 3};{n / 4}\n" for n in range(40))


@pytest.fixture
def table(folder: Path) -> str:
    (folder / "t.lmz").write_bytes(lmcodec.compress(TEXT.encode(), 1))
    return "t.lmz"


def test_columns_are_summarized(run: Run, table: str) -> None:
    done = run("lmcodec", "table", table)
    assert done.code == 0
    assert done.out.decode().splitlines() == [
        "column  distinct  empty  name   kind     least  most",
        "     0        40      0  id     integer  0      39",
        "     1         3      0  name   text     n 0    n 2",
        "     2        40      0  share  number   0.0    9.75",
        "40 rows",
    ]


@pytest.mark.parametrize(
    ("words", "first", "last", "columns"),
    [
        (("--columns", "name,id"), 0, 40, (1, 0)),
        (("--columns", "2"), 0, 40, (2,)),
        (("--rows", "10:12"), 10, 12, (0, 1, 2)),
        (("--rows", "7"), 7, 8, (0, 1, 2)),
        (("--rows=-1",), 39, 40, (0, 1, 2)),
        (("--rows=-3:", "--columns=share"), 37, 40, (2,)),
        (("--rows", "5:5"), 0, 0, (0, 1, 2)),
    ],
)
def test_parts_are_written(
    run: Run, table: str, words: tuple[str, ...], first: int, last: int, columns: tuple[int, ...]
) -> None:
    done = run("lmcodec", "table", table, *words)
    lines = [line.split(";") for line in TEXT.splitlines()]
    wanted = [lines[0], *lines[1 + first : 1 + last]]
    assert done.code == 0
    assert done.out.decode() == "".join(
        ";".join(line[at] for at in columns) + "\n" for line in wanted
    )


def test_names_are_quoted_where_they_need_it(run: Run, folder: Path) -> None:
    text = b'"a,b","c ""d""",e\n' + b"1,2,3\n" * 5
    (folder / "q.lmz").write_bytes(lmcodec.compress(text, 1))
    done = run("lmcodec", "table", "q.lmz", "--rows", "0:1")
    assert done.out == b'"a,b","c ""d""",e\n1,2,3\n'


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("t.lmz", "--columns", "none"), 1, "no column of that name: 'none'"),
        (("t.lmz", "--rows", "a:b"), 1, "rows are FROM:TO"),
        (("t.lmz", "--rows", ""), 1, "rows are FROM:TO"),
        (("none.lmz",), 1, "none.lmz"),
        (("a.lmz",), 1, "not a table"),
    ],
)
def test_errors_are_told(
    run: Run, folder: Path, table: str, words: tuple[str, ...], code: int, said: str
) -> None:
    (folder / "a.lmz").write_bytes(lmcodec.compress(b"abc\n" * 25, 1))
    assert (folder / table).exists()
    done = run("lmcodec", "table", *words)
    assert done.code == code
    assert said in done.err


def test_parquet_is_written(run: Run, folder: Path, table: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run("lmcodec", "table", table, "--parquet", "t.parquet", "--rows", "1:4").code == 0
    assert parquet.read_table(folder / "t.parquet")["id"].to_pylist() == [1, 2, 3]
