"""Tables in compressed files, read by columns and rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from lmcodec.column import Column, unquoted
from lmcodec.content_file import ContentFile, Path
from lmcodec.table_parts import Part, parts_of

if TYPE_CHECKING:
    import pandas
    import pyarrow


class TableFile(ContentFile):
    """The columns of a table in a compressed file.

    Rows are the lines that have as many cells as most. Of a block, only the streams that hold what
    is asked for are decoded, and of the cells only the columns, where the model can do that. What
    is read so has no checksum but that its code must come out even. Columns of the block that was
    used last are kept.

    Args:
        file: A path, or a binary file object that can seek, which is not closed.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Attributes:
        names: Of the columns, each once: a name that comes again has a number behind it, and
            columns without names have but the number.

    Raises:
        FormatError: The content is no table that is recognised.
        OSError: The file cannot be read.
    """

    names: tuple[str, ...]

    def _recognise(self) -> None:
        """Find the rows of each block, and the names of columns."""
        self._parts, names = parts_of(self._content, self._max_memory)
        first = self._parts[0].table
        self._quoted = any(part.table.quoted for part in self._parts)
        cells = names or [b""] * first.columns
        self.names = _distinct([_text(cell, self._quoted) for cell in cells])
        self._numbers = {name: number for number, name in enumerate(self.names)}
        # The row with which each part begins.
        self._starts = [0]
        for part in self._parts:
            self._starts.append(self._starts[-1] + part.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._starts[-1]

    def __getitem__(self, name: str | int, /) -> Column:
        """Return a whole column, by its name or number.

        Raises:
            KeyError: There is none of that name.
            IndexError: There is none of that number.
            FormatError: The file is damaged.
        """
        return self.read([name])[0]

    def __iter__(self) -> Iterator[Column]:
        """Yield all columns, one after the other."""
        for number in range(len(self.names)):
            yield self[number]

    def read(
        self, columns: Sequence[str | int] | None = None, rows: slice | range | None = None
    ) -> list[Column]:
        """Return columns, or a part of each.

        Args:
            columns: Names or numbers, in any order; all columns by default.
            rows: Which rows, one behind the other, such as ``slice(10, 20)``; all by default.

        Raises:
            KeyError: There is no column of a name.
            IndexError: There is no column of a number.
            ValueError: The rows are not one behind the other.
            FormatError: The file is damaged.
        """
        every = range(len(self.names))
        wanted = [*every] if columns is None else [self.number(name) for name in columns]
        if isinstance(rows, range):
            rows = slice(rows.start, rows.stop, rows.step)
        first, last, step = (rows or slice(None)).indices(len(self))
        if step != 1:
            raise ValueError(f"rows must be one behind the other: got {rows}")
        found: list[list[bytes]] = [[] for _ in wanted]
        for part, begin, end in self._between(first, last):
            distinct = sorted(set(wanted))
            cells = dict(zip(distinct, part.cells(distinct, begin, end), strict=True))
            for column, number in zip(found, wanted, strict=True):
                column += cells[number]
        return [
            Column(self.names[number], column, self._quoted)
            for number, column in zip(wanted, found, strict=True)
        ]

    def lines(self, rows: slice | range | None = None) -> Iterator[bytes]:
        """Yield rows as they stand in the content, without their ends.

        Args:
            rows: Which rows, one behind the other; all by default.

        Raises:
            ValueError: The rows are not one behind the other.
            FormatError: The file is damaged.
        """
        columns = [column.cells() for column in self.read(rows=rows)]
        yield from map(self.separator.join, zip(*columns, strict=True))

    @property
    def separator(self) -> bytes:
        """What is between cells."""
        return self._parts[0].table.separator

    def others(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are no rows, without their ends, and the row before which each is.

        They are comments, the names of columns, and lines with too few cells or too many.
        """
        for part, start in zip(self._parts, self._starts, strict=False):
            for row, line in part.others():
                yield start + row, line

    def column_bytes(self) -> list[int] | None:
        """Return the bytes that each column takes in the file, without what is told of all columns.

        Rows that were cut between blocks are not counted.

        Returns:
            Bytes of each column; None where columns have no code of their own in some block.

        Raises:
            FormatError: The file is damaged.
        """
        total = [0] * len(self.names)
        for part in self._parts:
            if part.rows and not part.is_joined:
                found = part.column_bytes()
                if found is None or len(found) != len(total):
                    return None
                total = [before + more for before, more in zip(total, found, strict=True)]
        return total

    def to_pandas(
        self, columns: Sequence[str | int] | None = None, rows: slice | range | None = None
    ) -> pandas.DataFrame:
        """Return a DataFrame, of numbers where all cells of a column are, else of text.

        Args:
            columns: As for `read`.
            rows: As for `read`.

        Raises:
            ImportError: The extra `tables` is not installed.
        """
        import pandas

        return pandas.DataFrame({each.name: each.to_numpy() for each in self.read(columns, rows)})

    def to_arrow(
        self, columns: Sequence[str | int] | None = None, rows: slice | range | None = None
    ) -> pyarrow.Table:
        """Return a table of Arrow; cells of text that are not UTF-8 make a column of bytes.

        Args:
            columns: As for `read`.
            rows: As for `read`.

        Raises:
            ImportError: The extra `tables` is not installed.
        """
        import pyarrow

        return pyarrow.table({each.name: each.to_arrow() for each in self.read(columns, rows)})

    def to_parquet(
        self,
        path: Path,
        columns: Sequence[str | int] | None = None,
        rows: slice | range | None = None,
        **options: Any,
    ) -> None:
        """Write a Parquet file.

        Args:
            path: Where to.
            columns: As for `read`.
            rows: As for `read`.
            options: Those of `pyarrow.parquet.write_table`, such as ``compression="zstd"``.

        Raises:
            ImportError: The extra `tables` is not installed.
            OSError: The file cannot be written.
        """
        from pyarrow import parquet

        parquet.write_table(self.to_arrow(columns, rows), path, **options)

    def __repr__(self) -> str:
        """Return what the table is like."""
        return f"<TableFile of {len(self):,} rows, {len(self.names):,} columns>"

    def number(self, name: str | int) -> int:
        """Return the number of a column, 0 for the first, by its name or number.

        Raises:
            KeyError: There is none of that name.
            IndexError: There is none of that number.
        """
        if isinstance(name, int):
            return range(len(self.names))[name]
        if name not in self._numbers:
            raise KeyError(f"there is no column of that name: {name!r}")
        return self._numbers[name]

    def _between(self, first: int, last: int) -> Iterator[tuple[Part, int, int]]:
        """Yield the parts that have some of the rows, and which of their own these are."""
        number = bisect_right(self._starts, first) - 1
        while first < last:
            start, end = self._starts[number : number + 2]
            if end > first:
                yield self._parts[number], first - start, min(last, end) - start
            first, number = max(first, end), number + 1


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return names, each once: with numbers behind those that come again, and for none."""
    # How often each came again; of those with a number behind, too.
    taken: dict[str, int] = {}
    for number, name in enumerate(names):
        name = candidate = name or str(number)
        while candidate in taken:
            taken[name] += 1
            candidate = f"{name}.{taken[name]}"
        taken[candidate] = 0
    return tuple(taken)


def _text(cell: bytes, quoted: bool) -> str:
    return (unquoted(cell) if quoted else cell).decode(errors="surrogateescape").strip()


def open_table(file: Path | IO[bytes], *, max_memory: int | None = None) -> TableFile:
    r"""Open a table in a compressed file, to read some of its columns and rows.

    Args:
        file: A path, or a binary file object that can seek, which is not closed.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Returns:
        Columns by name or number.

    Raises:
        FormatError: The content is no table that is recognised.
        OSError: The file cannot be read.

    Example:
        >>> import io
        >>> import lmcodec
        >>> text = b"name,born\nAda,1815\nGrace,1906\nAlan,1912\n"
        >>> table = open_table(io.BytesIO(lmcodec.compress(text)))
        >>> table.names, len(table)
        (('name', 'born'), 3)
        >>> table["born"].to_numpy().tolist()
        [1815, 1906, 1912]
        >>> table.read(["name"], slice(1, 3))[0].values()
        ['Grace', 'Alan']
    """
    return TableFile(file, max_memory=max_memory)
