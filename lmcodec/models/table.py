"""Cells of tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.errors import CorruptError, ModelError
from lmcodec.models.base import MODELS, Cells, Model
from lmcodec.packing import Cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from lmcodec.models.base import AnyShape, Symbols

_LEVELS = (3, 9)
_MAX_COLUMNS = 1 << 16


@MODELS.register(id="table", version=1)
@dataclass(frozen=True)
class Table(Model):
    """Codes the cells of a table column by column, each beside the columns that tell most of it.

    A cell is coded as the number of a value that came before, as what its number is more than the
    number above it or in other columns, or byte by byte where it is new. Each binary decision is
    predicted from the cells above and from up to four columns that were coded before; counters are
    combined by a gated logistic mixer, as in `cm`. Which columns those are the encoder finds by
    estimates of code length, and the payload says. All arithmetic is on integers.

    Of a table of 2^20 cells or more a column can be decoded with only those that it needs, of a
    smaller one with all that are coded before it. `docs/models/table.md` specifies the
    payload. Bytes behind the last whole row of cells are coded by their frequencies alone, so that
    the model suits tables only.

    Source: the tree of columns is after C. Chow and C. Liu, Approximating discrete probability
    distributions with dependence trees (1968), with more parents where they help; mixing is that
    of M. Mahoney's PAQ line. The design is our own.

    Encoding takes 0.3 to 2 microseconds a byte at the default level, decoding as much: least where
    cells repeat, most where they are new text. Memory is 96 MiB, 16 bytes a symbol, and up to 80 to
    320 MiB, by level, for long new text.

    Args:
        level: 3 to 9. Below 5, fewer contexts and trials: up to 1.6 times as fast. From 8 on, more
            contexts of text, and ways of coding a column are tried on all rows. At 9 several
            plans are tried: encoding takes three times as long.
        terminator: The byte behind each cell.
        columns: Cells of a row, 1 to 65536.
    """

    needs_shape = (Cells,)

    level: int = 5
    terminator: int = 0x0A
    columns: int = 1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not _LEVELS[0] <= self.level <= _LEVELS[1]:
            raise ValueError(f"level of table must be 3 to 9: got {self.level}")
        if not 0 <= self.terminator <= 0xFF:
            raise ValueError(f"terminator of table must be a byte: got {self.terminator}")
        if not 1 <= self.columns <= _MAX_COLUMNS:
            raise ValueError(f"columns of table must be 1 to {_MAX_COLUMNS}: got {self.columns}")

    @classmethod
    def for_level(cls, level: int) -> Self:
        """Return the model of the level, 1 to 9, or of the nearest that there is."""
        return cls(min(max(level, _LEVELS[0]), _LEVELS[1]))

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model for the cells of a table, if there are not too many columns."""
        if not isinstance(shape, Cells) or shape.columns > _MAX_COLUMNS:
            return self
        return replace(self, terminator=shape.terminator, columns=shape.columns)

    def encode(self, symbols: Symbols) -> bytes:
        """Code cells, column after column, each with its terminator behind it.

        Any bytes can be coded; those behind the last whole row of cells take most.

        Raises:
            ModelError: The symbols are not bytes.
            LimitError: There are more than 2**30 symbols, or too little memory.
        """
        if not isinstance(symbols, bytes):
            raise ModelError(f"table codes bytes: got {type(symbols).__name__}")
        return _core.table_encode(symbols, self.level, self.terminator, self.columns)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`.

        Raises:
            FormatError: The payload is none of `count` symbols.
            LimitError: There are more than 2**30 symbols, or too little memory.
        """
        return _core.table_decode(payload, count, self.level, self.terminator, self.columns)

    def decode_columns(self, payload: bytes, count: int, wanted: Sequence[int]) -> list[bytes]:
        """Return some columns.

        Of a table of 2^20 cells or more only those that they need are decoded beside them, of a
        smaller one all that are coded before.

        Args:
            payload: What `encode` gave.
            count: Symbols that were encoded.
            wanted: Numbers of columns, from 0, in any order and as often as wanted.

        Returns:
            The cells of each, with a terminator behind each cell.

        Raises:
            ValueError: There is no such column.
            FormatError: The payload is none of `count` symbols.
            LimitError: There are more than 2**30 symbols, or too little memory.
        """
        if wrong := [number for number in wanted if not 0 <= number < self.columns]:
            raise ValueError(f"there are columns 0 to {self.columns - 1}: not {wrong[0]}")
        return _core.table_decode_columns(
            payload, count, list(wanted), self.level, self.terminator, self.columns
        )

    def column_bytes(self, payload: bytes) -> list[int]:
        """Return the bytes of the code of each column; what is coded for all is not among them."""
        cursor = Cursor(payload, complete=True)
        rows = cursor.varint("rows of a table")
        cursor.varint("symbols behind the last row")
        cursor.blob("code of what is behind the last row")
        if rows == 0:
            return [0] * self.columns
        cursor.blob("directory of a table")
        sizes = [cursor.varint("length of a column") for _ in range(self.columns)]
        if sum(sizes) != cursor.remaining:
            raise CorruptError(f"columns of a table have {sum(sizes)} bytes: {cursor.remaining}")
        return sizes

    def memory_bytes(self, count: int) -> int:
        """Return the bytes of counters and of what is known of each cell, for `count` symbols."""
        return _core.table_memory_bytes(count, self.level, self.columns)
