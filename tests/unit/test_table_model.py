"""The model of cells of tables."""

import random

import pytest

from lmcodec.errors import FormatError, ModelError
from lmcodec.models.base import MODELS, Cells, Shape
from lmcodec.models.cm import Cm
from lmcodec.models.table import Table
from lmcodec.select import candidates, choose

ODD = [b"", b"-0", b"+5", b"1e5", b"007", b"0.50", b"\xff\xfe", b"\0", b"9" * 400, b"2020-02-30"]


def columns(rows: int) -> list[list[bytes]]:
    """Return a table: codes, names of these, sums, times, and odd cells."""
    rng = random.Random(rows)
    codes = [rng.randrange(40) for _ in range(rows)]
    prices = [rng.randrange(10**6) for _ in range(rows)]
    return [
        [b"%d" % code for code in codes],
        [b"name %d" % (code * code % 37) for code in codes],
        [b"%d.%02d" % divmod(price, 100) for price in prices],
        [
            b"%d.%02d" % divmod(price + 5 * code, 100)
            for price, code in zip(prices, codes, strict=True)
        ],
        [b"2024-03-%02d %02d:%02d" % (1 + i // 1440, i // 60 % 24, i % 60) for i in range(rows)],
        [rng.choice(ODD) for _ in range(rows)],
    ]


def joined(*table: list[bytes], terminator: bytes = b"\n") -> bytes:
    """Return the cells of columns, each with its terminator."""
    return b"".join(cell + terminator for column in table for cell in column)


@pytest.mark.parametrize("level", [3, 5, 9])
@pytest.mark.parametrize("rows", [1, 2, 700])
def test_tables_are_restored(level: int, rows: int) -> None:
    cells = joined(*columns(rows))
    model = Table(level, columns=6)
    assert model.decode(model.encode(cells), len(cells)) == cells


def test_a_table_takes_less_than_its_bytes_in_contexts() -> None:
    cells = joined(*columns(3000)[:5])
    assert len(Table(columns=5).encode(cells)) < 0.7 * len(Cm(9, 1).encode(cells))


def test_columns_are_decoded_alone() -> None:
    table = columns(500)
    cells = joined(*table, terminator=b";")
    model = Table(terminator=ord(";"), columns=6)
    payload = model.encode(cells)
    for wanted in ([], [1], [5, 0], [3, 3]):
        found = model.decode_columns(payload, len(cells), wanted)
        assert found == [joined(table[x], terminator=b";") for x in wanted]
    with pytest.raises(ValueError, match="columns 0 to 5: not 6"):
        model.decode_columns(payload, len(cells), [6])


def test_a_payload_of_another_shape_is_corrupt() -> None:
    cells = joined(*columns(300))
    payload = Table(columns=6).encode(cells)
    for other in (Table(columns=5), Table(columns=7)):
        with pytest.raises(FormatError):
            other.decode(payload, len(cells))


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([b"x" * 400] * 5000, id="one-value"),
        pytest.param([b"x" * 400 + b"%d" % (i % 9) for i in range(5000)], id="few-values"),
        pytest.param([b"x" * 400 + b"%d" % i for i in range(5000)], id="numbers-in-text"),
    ],
)
def test_claims_of_long_cells_are_refused(cells: list[bytes]) -> None:
    raw = joined(cells)
    model = Table(columns=1)
    payload = model.encode(raw)
    assert len(payload) < 200
    assert model.decode(payload, len(raw)) == raw
    for count in (len(cells), len(cells) + 399, len(raw) // 2, len(raw) - 1):
        with pytest.raises(FormatError, match="more bytes in cells than symbols"):
            model.decode(payload, count)
        with pytest.raises(FormatError, match="more bytes in cells than symbols"):
            model.decode_columns(payload, count, [0])


def test_many_columns_of_few_rows_take_less_than_their_bytes() -> None:
    many = 1 << 16
    cells = b"".join(b"%d\n" % (x * x % 997) for x in range(2 * many))
    model = Table(columns=many)
    payload = model.encode(cells)
    assert len(payload) < len(cells)
    assert model.decode(payload, len(cells)) == cells


def test_the_shape_of_cells_is_taken() -> None:
    model = Table.for_level(9).shaped(Cells(7, terminator=0))
    assert model == Table(9, 0, 7)
    assert Table().shaped(Shape(1, 5)) == Table()
    assert Table.from_record(model.params(), ()) == model
    assert [Table.for_level(level).level for level in (1, 3, 8)] == [3, 3, 8]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": 2}, "level of table must be 3 to 9: got 2"),
        ({"terminator": 256}, "terminator of table must be a byte: got 256"),
        ({"columns": 0}, "columns of table must be 1 to 65536: got 0"),
    ],
)
def test_parameters_are_checked(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Table(**wrong)


def test_symbols_are_bytes() -> None:
    import numpy as np

    with pytest.raises(ModelError, match="table codes bytes: got ndarray"):
        Table().encode(np.zeros(3, "u2"))


def test_cells_have_the_model_beside_that_of_bytes() -> None:
    shape = Cells(3)
    assert candidates(5, "table", shape=shape) == [
        Table(5, columns=3),
        MODELS.get("cm").for_level(5),
    ]
    assert [type(model).id for model in candidates(1, shape=shape)] == ["bwt"]
    assert all(not isinstance(model, Table) for model in candidates(9))


def test_the_model_is_chosen_by_code_length_of_rows() -> None:
    table = columns(9000)[:5]
    cells = joined(*table)
    shape = Cells(5)
    assert choose(cells, candidates(5, shape=shape), shape).model == Table(5, columns=5)
    text = joined([b"%032x" % random.Random(i).getrandbits(128) for i in range(40)])
    assert choose(text, candidates(5, shape=Cells(1)), Cells(1)).model is not None


@pytest.mark.parametrize("number", [-1, 3, 2**70])
def test_columns_that_are_not_there(number: int) -> None:
    model = Table(columns=3)
    cells = joined(*columns(5)[:3])
    with pytest.raises(ValueError, match=f"columns 0 to 2: not {number}"):
        model.decode_columns(model.encode(cells), len(cells), [0, number])
