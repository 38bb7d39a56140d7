"""What each column of a table takes in a stream, and what its cells are."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

import lmcodec
from benchmarks.circuit_figures import Figure, Figures
from benchmarks.gains import Note
from lmcodec import corpora
from lmcodec.column import Column

__all__ = [
    "COLUMNS",
    "DATES",
    "KINDS",
    "NUMBERS",
    "ONE",
    "TEXT",
    "VALUES",
    "kind_of",
    "measure",
    "of_tables",
]

COLUMNS = "columns"
"""Part of the report."""

ONE, VALUES, NUMBERS, DATES, TEXT = KINDS = (
    "one value",
    "few values",
    "numbers",
    "dates and times",
    "text",
)
"""What the cells of a column are."""

CODED = "bytes"
LEVEL = 5

_DATE = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}([ T][0-9:.]+( ?[AP]M)?Z?)?")
# Where values are few: numbers, or rows for each value, on average.
_FEW_NUMBERS, _FEW_ROWS = 16, 32


def kind_of(column: Column) -> str:
    """Return what the cells of a column are; those without anything in them do not count."""
    cells = column.values()
    values = set(cells)
    if len(values) < 2:
        return ONE
    given = values - {""}
    if column.kind != "text":
        return VALUES if len(values) <= _FEW_NUMBERS else NUMBERS
    if all(map(_DATE.fullmatch, given)):
        return DATES
    return VALUES if len(values) * _FEW_ROWS <= len(cells) else TEXT


def measure(figures: Figures, note: Note, names: Sequence[str]) -> None:
    """Measure what columns take at one level, those of tables that are split into columns.

    Args:
        figures: Takes what was found; what is there is not measured again.
        note: Told what is done.
        names: Of corpora.

    Raises:
        ValueError: A table is not coded by columns.
    """
    version = str(lmcodec.__version__)
    for name in names:
        if figures.has(COLUMNS, name, version):
            continue
        stream = lmcodec.compress(corpora.load(name), LEVEL)
        with lmcodec.open_table(io.BytesIO(stream)) as table:
            sizes = table.column_bytes()
            if sizes is None:
                raise ValueError(f"columns have no code of their own: {name}")
            found = [
                # The name and what it is: names come once in a table.
                Figure(COLUMNS, name, f"{kind_of(column)}: {column.name}", CODED, size, version)
                for size, column in zip(sizes, table, strict=True)
            ]
        note(f"{name}: {sum(sizes):,} bytes in {len(sizes)} columns")
        figures.put(COLUMNS, name, found)


def of_tables(figures: Iterable[Figure]) -> dict[str, list[tuple[str, str, float]]]:
    """Return name, kind and bytes of each column, by table."""
    found: dict[str, list[tuple[str, str, float]]] = {}
    for one in figures:
        if one.part == COLUMNS:
            kind, _, name = one.way.partition(": ")
            found.setdefault(one.subject, []).append((name, kind, one.value))
    return found
