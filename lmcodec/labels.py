"""What the coder is told of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

# Of a count against a symbol that was not seen, where nothing was fitted.
_STEP = 2


@dataclass(frozen=True)
class Labels:
    """Classes of the rows and columns of a table, and how entries are counted.

    Args:
        rows: Of each row, a number below 256.
        columns: Of each column.
        is_kept: Whether columns keep counts of their own.
        step: What a count weighs, where a symbol that was not seen weighs 1: 1 to 1024.
    """

    rows: bytes
    columns: bytes
    is_kept: bool
    step: int

    @classmethod
    def none(cls, rows: int, columns: int, *, is_kept: bool = False) -> Self:
        """Return the labels where all rows and columns are alike."""
        return cls(bytes(rows), bytes(columns), is_kept, _STEP)

    def suits(self, rows: int, columns: int) -> bool:
        """Return whether they are of a table of that size."""
        return (len(self.rows), len(self.columns)) == (rows, columns)
