"""Cells of a table, column after column: numbers in dictionaries, with classes, and text.

::

    varint    0 where cells form no table: then text is all that follows; 1 where each column has a
              dictionary of its own, 2 where one serves all
    varint    rows
    varint    of each column, the values of its dictionary; 0 where it is text
    varint    bytes of text
    blob      text by `cm`: values of dictionaries, then cells of columns without, each with the
              terminator behind it
    rest      numbers of the other columns, row by row, as the table of `latent`

Source: dictionaries as those of columnar stores (D. Abadi, S. Madden, M. Ferreira, Integrating
Compression and Execution in Column-Oriented Database Systems, SIGMOD 2006); that classes are found
on their numbers is our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lmcodec import _core
from lmcodec.errors import CorruptError
from lmcodec.labels import Labels
from lmcodec.latent.estimator import Latents
from lmcodec.packing import Cursor, pack_blob, pack_varint

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lmcodec.latent.estimator import Progress

# Values of a column that has a dictionary: numbers are bytes.
MAX_VALUES = 256
# Rows that a value must have on average; a column of fewer is text.
_LEAST_ROWS = 3
# What text is coded with: level, kind, lengths and lanes of `cm`, and small tables.
_TEXT = (5, 1, 1, 1, 1, False)
_PLAIN, _OWN, _SHARED = range(3)


class Layout(NamedTuple):
    """Which bytes are cells.

    Args:
        columns: Of the table, at least 1.
        terminator: The byte behind each cell, 0 to 255.
    """

    columns: int
    terminator: int

    @property
    def end(self) -> bytes:
        """What is behind each cell."""
        return bytes([self.terminator])


@dataclass(frozen=True)
class _Parts:
    """Cells in parts.

    Args:
        rows: Of the table.
        sizes: Of each column, how many values its dictionary has, at most 256; 0 for one that is
            text.
        values: Values of all dictionaries, one after the other, without terminators.
        ids: uint8 [rows, columns with a dictionary], places in these.
        text: Cells of the other columns, one column after the other, without terminators.
    """

    rows: int
    sizes: Sequence[int]
    values: Sequence[bytes]
    ids: NDArray[np.uint8]
    text: Sequence[bytes]


def fit(raw: bytes, layout: Layout, progress: Callable[[Progress], None]) -> Labels | None:
    """Return the classes with the shorter code, or None where there is nothing to be numbered.

    Args:
        raw: Cells, each with its terminator, column after column.
        layout: Of these.
        progress: Called after each try. What it raises ends the fitting.

    Returns:
        Labels of rows, and of the columns that have dictionaries.
    """
    best: tuple[float, Labels] | None = None
    for columns, is_shared in (("unlike", False), ("alike", True)):
        parts = _part(raw, layout, is_shared=is_shared)
        if parts is None or not parts.ids.size:
            continue
        latents = Latents(columns).fit(parts.ids, progress=progress)
        # Of a letter in a dictionary half a byte is left, about.
        bits = latents.bits_ + 4 * sum(map(len, parts.values))
        if best is None or bits < best[0]:
            best = bits, latents.labels()
    return None if best is None else best[1]


def encode(raw: bytes, layout: Layout, labels: Labels | None) -> bytes:
    """Code cells.

    Args:
        raw: Cells, or any bytes.
        layout: Of these.
        labels: What `fit` returned; those of another table are left out.

    Returns:
        The payload.
    """
    is_shared = labels is not None and not labels.is_kept
    parts = _part(raw, layout, is_shared=is_shared)
    if parts is None:
        return pack_varint(_PLAIN) + _core.cm_encode(raw, _TEXT)
    rows, columns = parts.ids.shape
    if labels is None or not labels.suits(rows, columns):
        labels = Labels.none(rows, columns, is_kept=not is_shared)
    text = b"".join([cell + layout.end for cell in (*parts.values, *parts.text)])
    head = (_SHARED if is_shared else _OWN, rows, *parts.sizes, len(text))
    coded = b"".join(map(pack_varint, head)) + pack_blob(_core.cm_encode(text, _TEXT))
    if not columns:
        return coded
    raw_ids = parts.ids.tobytes()
    return coded + _core.latent_encode(
        raw_ids, labels.rows, labels.columns, labels.is_kept, labels.step
    )


def decode(payload: bytes, count: int, layout: Layout) -> bytes:
    """Undo `encode`.

    Args:
        payload: What it returned.
        count: Bytes of all cells, with their terminators.
        layout: Of these.

    Raises:
        FormatError: The payload is not one that `encode` returns for `count` bytes.
    """
    cursor = Cursor(payload, complete=True)
    kind = cursor.varint("kind of cells")
    if kind == _PLAIN:
        return _core.cm_decode(bytes(cursor.take(cursor.remaining, "cells")), count, _TEXT)
    rows = cursor.varint("rows of cells")
    # Each cell is a byte at least, and each size.
    if kind > _SHARED or rows * layout.columns > count or layout.columns > cursor.remaining:
        raise CorruptError(f"cells are of another table: kind {kind}, {rows} rows")
    sizes = [cursor.varint("size of a dictionary") for _ in range(layout.columns)]
    length = cursor.varint("length of text")
    if max(sizes) > MAX_VALUES or length > count:
        raise CorruptError("dictionaries of cells are too large")
    coded = bytes(cursor.take(cursor.varint("length of coded text"), "text of cells"))
    text = _core.cm_decode(coded, length, _TEXT)
    is_shared = kind == _SHARED
    many = max(sizes) if is_shared else sum(sizes)
    words = text.split(layout.end)
    if words.pop() or len(words) != many + rows * sizes.count(0):
        raise CorruptError(f"text of cells has other cells: {len(words)}")
    columns = len(sizes) - sizes.count(0)
    table = bytes(cursor.take(cursor.remaining, "numbers of cells"))
    ids = _core.latent_decode(table, rows * columns, max(1, columns))
    numbers = np.frombuffer(ids, np.uint8).reshape(rows, columns)
    parts = _Parts(rows, sizes, words[:many], numbers, words[many:])
    return _join(parts, count, layout, is_shared=is_shared)


def memory_bytes(count: int) -> int:
    """Return the bytes of memory that coding takes, besides that of numbers, about.

    Args:
        count: Bytes of all cells, with their terminators.
    """
    # A cell is an object, and each byte may be one.
    return _core.cm_memory_bytes(count, _TEXT) + 16 * count


def _part(raw: bytes, layout: Layout, *, is_shared: bool) -> _Parts | None:
    """Give columns of few values dictionaries.

    Args:
        raw: Cells.
        layout: Of these.
        is_shared: Whether all such columns have one dictionary.

    Returns:
        The parts, or None where these are no cells, or have too many values for one dictionary.
    """
    cells = raw.split(layout.end)
    if cells.pop() or not cells or len(cells) % layout.columns:
        return None
    rows = len(cells) // layout.columns
    table = [cells[at : at + rows] for at in range(0, len(cells), rows)]
    few = [len(set(column)) <= min(MAX_VALUES, rows // _LEAST_ROWS) for column in table]
    ids = np.zeros((rows, sum(few)), np.uint8)
    sizes = [0] * layout.columns
    values: list[bytes] = []
    text: list[bytes] = []
    numbers: dict[bytes, int] = {}
    at = 0
    for place, column in enumerate(table):
        if not few[place]:
            text += column
            continue
        if not is_shared:
            values += numbers
            numbers = {}
        for cell in column:
            numbers.setdefault(cell, len(numbers))
        if len(numbers) > MAX_VALUES:
            return None
        ids[:, at] = [numbers[cell] for cell in column]
        sizes[place] = len(numbers)
        at += 1
    values += numbers
    if is_shared:
        sizes = [len(values) if one else 0 for one in few]
    return _Parts(rows, sizes, values, ids, text)


def _join(parts: _Parts, count: int, layout: Layout, *, is_shared: bool) -> bytes:
    """Undo `_part`.

    Raises:
        CorruptError: A number is beyond its dictionary, or there are not `count` bytes.
    """
    out: list[bytes] = []
    at = first = place = 0
    for size in parts.sizes:
        if size == 0:
            out += parts.text[place : place + parts.rows]
            place += parts.rows
            continue
        values = parts.values[first : first + size]
        numbers = parts.ids[:, at].tolist()
        if max(numbers, default=0) >= size:
            raise CorruptError(f"number of a cell is beyond its dictionary: {size} values")
        out += [values[number] for number in numbers]
        first += 0 if is_shared else size
        at += 1
    # Before anything is copied: a value may come many times.
    total = sum(map(len, out)) + len(out)
    if total != count:
        raise CorruptError(f"cells have {total} bytes", expected=count, got=total)
    return b"".join([cell + layout.end for cell in out])
