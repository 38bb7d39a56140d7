"""A column of a table: its cells as bytes, text or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

# Numbers that are written as Python writes them: 007, +5 and -0 are text, of which nothing is lost.
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,17}")
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]{0,300})?(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")


class Column:
    """Cells of one column, one behind the other.

    Args:
        name: Of the column.
        cells: The bytes of each, as they stand between separators.
        quoted: Whether double quotes around a cell do not belong to its text.

    Attributes:
        name: Of the column.
    """

    def __init__(self, name: str, cells: Sequence[bytes], quoted: bool = False) -> None:
        self.name = name
        self._cells = list(cells)
        self._quoted = quoted
        self._kind: Literal["integer", "number", "text"] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._cells)

    def __getitem__(self, row: int, /) -> str:
        """Return the text of a cell.

        Raises:
            IndexError: There is no such row.
        """
        return self._bare(self._cells[row]).decode(errors="surrogateescape")

    def __iter__(self) -> Iterator[str]:
        """Yield the text of each cell."""
        return iter(self.values())

    @property
    def kind(self) -> Literal["integer", "number", "text"]:
        """What all cells are: integers of 64 bits, numbers or nothing, or else text."""
        if self._kind is None:
            distinct = {self._bare(cell) for cell in set(self._cells)}
            self._kind = "text"
            if distinct and all(map(_INTEGER.fullmatch, distinct)):
                self._kind = "integer"
            elif distinct - {b""} and all(map(_is_number, distinct)):
                self._kind = "number"
        return self._kind

    def cells(self) -> list[bytes]:
        """Return the bytes of each cell, as they stand between separators."""
        return list(self._cells)

    def values(self) -> list[str]:
        """Return the text of each cell, without quotes; what is not UTF-8 becomes surrogates."""
        return [self._bare(cell).decode(errors="surrogateescape") for cell in self._cells]

    def to_numpy(self) -> NDArray[Any]:
        """Return an array: int64, float64 with NaN for empty cells, or objects that are text."""
        import numpy as np

        if self.kind == "integer":
            return np.array([int(self._bare(cell)) for cell in self._cells], np.int64)
        if self.kind == "number":
            return np.array([float(self._bare(cell) or b"nan") for cell in self._cells])
        return np.array(self.values(), object)

    def to_arrow(self) -> pyarrow.Array:
        """Return an array of Arrow: int64, double with nulls, text, or bytes that are not UTF-8.

        Raises:
            ImportError: The extra `tables` is not installed.
        """
        import pyarrow

        if self.kind != "text":
            return pyarrow.array(self.to_numpy(), from_pandas=True)
        bare = [self._bare(cell) for cell in self._cells]
        try:
            return pyarrow.array([cell.decode() for cell in bare], pyarrow.string())
        except UnicodeDecodeError:
            return pyarrow.array(bare, pyarrow.binary())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return what `to_numpy` does."""
        del copy
        values = self.to_numpy()
        return values if dtype is None else values.astype(dtype)

    def __repr__(self) -> str:
        """Return what the column is like."""
        return f"<Column {self.name!r} of {len(self):,} rows, {self.kind}>"

    def _bare(self, cell: bytes) -> bytes:
        return unquoted(cell) if self._quoted else cell


def unquoted(cell: bytes) -> bytes:
    """Return a cell without the double quotes around it, if it has any."""
    if len(cell) > 1 and cell[:1] == cell[-1:] == b'"':
        return cell[1:-1].replace(b'""', b'"')
    return cell


def _is_number(cell: bytes) -> bool:
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return False
    # Nothing at all is a number that is missing; a minus or an exponent alone is text.
    return not cell or bool(match[1] or match[2])
