"""Delimiter-separated text: CSV, TSV, lists of edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import FormatError
from lmcodec.models.base import Cells
from lmcodec.transforms.base import TRANSFORMS, Stream, Transform

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols

_NAMES = ("cells", "rest", "places")
_MOST_SEPARATOR = 4
# What measures the gain: the model of the fastest level sorts, and gains more than others do.
_GAUGE_LEVEL = 3
# Numbers of cells that no block has.
_MOST = 1 << 40


@TRANSFORMS.register(id="table", version=1)
@dataclass(frozen=True)
class Table(Transform):
    """Writes the cells of a table column by column, so that like stands beside like.

    Rows are lines with one number of cells. Headers, comments and ragged lines are kept as they
    are, with their places; what is between cells follows from the parameters. Cells are not
    interpreted, so any bytes come back. `docs/transforms/table.md` is the specification. It takes
    some ten nanoseconds a byte, and as much to undo.

    Source: RFC 4180 for quotes; the rest is our own.

    Args:
        columns: Cells of a row.
        rows: Rows of the block; found by `fit`, like `head`, `open` and `terminator`.
        head: Bytes before the first row.
        separator: What is between cells: 1 to 4 bytes, none an end of line, the first no quote.
        quoted: Whether separators and ends of lines between double quotes belong to the cell.
        returns: Whether rows end in a carriage return and a line feed, not in a line feed.
        open: Whether the last line has no end.
        terminator: The byte behind each cell in the stream of cells.
    """

    finds_shapes = Cells
    by_lines: ClassVar[bool] = True
    compared_below: ClassVar[int] = 3 << 17

    columns: int = 2
    rows: int = 0
    head: int = 0
    separator: bytes = b","
    quoted: bool = False
    returns: bool = False
    open: bool = False
    terminator: int = 0x0A

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not 1 <= self.columns < _MOST:
            raise ValueError(f"columns of table must be at least 1: got {self.columns}")
        if not 0 <= self.rows < _MOST or not 0 <= self.head < _MOST:
            raise ValueError(f"rows and head of table must not be negative: {self}")
        if not 1 <= len(self.separator) <= _MOST_SEPARATOR or self.separator[:1] == b'"':
            raise ValueError(f"separator of table is none: {self.separator!r}")
        if set(self.separator) & set(b"\r\n"):
            raise ValueError(f"separator of table ends a line: {self.separator!r}")
        if not 0 <= self.terminator <= 0xFF:
            raise ValueError(f"terminator of table must be a byte: got {self.terminator}")

    @classmethod
    def probe(cls, raw: bytes) -> Table | None:
        """Return the transform where most lines have one number of cells, two or more."""
        return cls.probe_later(raw, 0, b"")

    @classmethod
    def probe_later(cls, raw: bytes, start: int, head: bytes) -> Table | None:
        """Return the transform where most lines are alike; the first one may have been cut."""
        del head
        found = _core.table_survey(raw, start == 0)
        if found is None:
            return None
        columns, separator, quoted, returns = found
        return cls(columns, separator=separator, quoted=quoted, returns=returns)

    def fit(self, raw: bytes, start: int) -> Table:
        """Return the transform that knows where the rows of a block are."""
        rows, head, terminator, is_open = _core.table_measure(raw, self._dialect, start == 0)
        return replace(self, rows=rows, head=head, terminator=terminator, open=is_open)

    def gauge_level(self, level: int) -> int:
        """Return the level whose models tell what is gained: a fast one of the same kind."""
        return min(level, _GAUGE_LEVEL)

    def least_gain(self, level: int) -> int:
        """Return what must be saved, in thousandths: a part of it is lost again in a long block."""
        return 20 if level < _GAUGE_LEVEL else 10

    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Split a block that the transform was fitted to.

        Raises:
            ValueError: It was fitted to another.
        """
        parts = _core.table_split(raw, self._dialect, self._layout)
        cells = Cells(self.columns, self.terminator)
        kinds = zip(_NAMES, parts, ("table", "", ""), (cells, None, None), strict=True)
        return [Stream(name, part, hint, shape) for name, part, hint, shape in kinds if part]

    def inverse(self, streams: Mapping[str, Symbols]) -> bytes:
        """Undo `forward`.

        Raises:
            FormatError: A stream is unknown, its symbols are not bytes, or it does not fit the
                others.
        """
        if not streams.keys() <= set(_NAMES):
            known = ", ".join(_NAMES)
            raise FormatError(f"streams of table must be among {known}: got {sorted(streams)}")
        parts = []
        for name in _NAMES:
            part = streams.get(name, b"")
            if not isinstance(part, bytes):
                raise FormatError(f"streams of table are bytes: got {type(part).__name__}")
            parts.append(part)
        cells, rest, places = parts
        return _core.table_join(cells, rest, places, self._dialect, self._layout)

    @property
    def _dialect(self) -> tuple[int, bytes, bool, bool]:
        return self.columns, self.separator, self.quoted, self.returns

    @property
    def _layout(self) -> tuple[int, int, int, bool]:
        return self.rows, self.head, self.terminator, self.open
