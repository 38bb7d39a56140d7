"""Latent classes of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import ModelError
from lmcodec.labels import Labels
from lmcodec.models.base import MODELS, Cells, Model, Shape

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.latent import cells
    from lmcodec.models.base import AnyShape, Symbols

_MAX_COLUMNS = 1 << 24
# No byte: symbols are not cells.
_NO_TERMINATOR = 256


@MODELS.register(id="latent", version=1)
@dataclass(frozen=True)
class Latent(Model):
    """Codes a table of categories by hidden classes of its rows and of its columns.

    An entry depends on the class of its row and on that of its column, or on the column itself
    where columns are unlike each other. Classes are found when encoding, by the spectrum of the
    table and by code length, and are in the payload; entries are coded by the counts of those
    before. So decoding is of integers, fits nothing, and takes a few operations an entry. It
    suits tables that have such classes and little else: ratings, answers, genotypes, adjacency
    matrices. Symbols are bytes [rows * columns], row by row; the last row need not be whole. An
    array that says its shape is taken as rows of that many bytes.
    Cells of a table that come column after column are numbered first, by a dictionary of each
    column, or one of all; columns of more than 256 values are coded as text.
    `docs/models/latent.md` specifies the payload.

    Complexity:
        To find classes takes O(entries) for each number of classes that is tried, times that
        number, and thirty times the memory of the entries. Coding takes as many operations an
        entry as an alphabet has bits, each way, and at most 64 MiB of counts.

    Source: A. Montanari, E. Weiner, Compressing Tabular Data via Latent Variable Estimation (ICML
    2023); counters of R. Krichevsky, V. Trofimov (1981). What differs: classes are refined, and
    their number chosen, by code length, and columns may keep counts of their own.

    Args:
        columns: Bytes of a row, or columns of cells, 1 to 2**24.
        terminator: The byte behind each cell; 256 where symbols are no cells, but a table.
        labels: Classes that are known, or None for those that `fit` finds.
    """

    needs_shape = Shape
    # Classes are those of a block; to find them takes thirty times its memory.
    block_bytes: ClassVar[int | None] = 1 << 24

    columns: int = 1
    terminator: int = _NO_TERMINATOR
    labels: Labels | None = field(
        default=None, metadata={"packed": False}, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not 1 <= self.columns <= _MAX_COLUMNS:
            raise ValueError(f"columns of latent must be 1 to {_MAX_COLUMNS}: got {self.columns}")
        if not 0 <= self.terminator <= _NO_TERMINATOR:
            raise ValueError(f"terminator of latent must be 0 to 256: got {self.terminator}")

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model for rows of as many bytes as a sample has, or for cells."""
        if isinstance(shape, Cells) and shape.columns <= _MAX_COLUMNS:
            return replace(self, columns=shape.columns, terminator=shape.terminator)
        if isinstance(shape, Shape) and shape.sample <= _MAX_COLUMNS:
            return replace(self, columns=shape.sample, terminator=_NO_TERMINATOR)
        return self

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with the classes of these symbols; itself if it has those of as many.

        Args:
            symbols: Bytes, a table row by row, or cells column by column.

        Raises:
            ModelError: The symbols are not bytes.
        """
        raw = _bytes(symbols)
        rows = -(-len(raw) // self.columns)
        # Not at the top: only encoding needs it.
        from lmcodec.latent import Latents, cells

        if self.terminator != _NO_TERMINATOR:
            labels = cells.fit(raw, self._layout(), _report)
            return self if labels is None else replace(self, labels=labels)
        is_known = self.labels is not None and self.labels.suits(rows, self.columns)
        whole = len(raw) // self.columns
        if is_known or whole < 2:
            return self
        import numpy as np

        table = np.frombuffer(raw, np.uint8, whole * self.columns).reshape(whole, self.columns)
        latents = Latents().fit(table, progress=_report)
        return replace(self, labels=latents.labels(rows))

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Args:
            symbols: A table row by row, or cells column by column, or any bytes.

        Returns:
            The payload. Classes that `fit` has not found, that are of another table, or that need
            too many counts, are left out.

        Raises:
            ModelError: The symbols are not bytes.
        """
        raw = _bytes(symbols)
        if self.terminator != _NO_TERMINATOR:
            from lmcodec.latent import cells

            return cells.encode(raw, self._layout(), self.labels)
        rows, labels = -(-len(raw) // self.columns), self.labels
        if labels is None or not labels.suits(rows, self.columns):
            labels = Labels.none(rows, self.columns)
        return _core.latent_encode(raw, labels.rows, labels.columns, labels.is_kept, labels.step)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`.

        Args:
            payload: What it returned.
            count: Bytes that were coded.

        Raises:
            FormatError: The payload is not one of a table, or of cells, of so many bytes.
        """
        if self.terminator == _NO_TERMINATOR:
            return _core.latent_decode(payload, count, self.columns)
        from lmcodec.latent import cells

        return cells.decode(payload, count, self._layout())

    def memory_bytes(self, count: int) -> int:
        """Return the memory of counts and labels, and of `cm` where symbols are cells, in bytes.

        Args:
            count: Bytes that are coded.
        """
        counted = _core.latent_memory_bytes(count, self.columns)
        if self.terminator == _NO_TERMINATOR:
            return counted
        from lmcodec.latent import cells

        return counted + cells.memory_bytes(count)

    def _layout(self) -> cells.Layout:
        from lmcodec.latent import cells

        return cells.Layout(self.columns, self.terminator)


def _report(progress: object) -> None:
    """Notice when the caller wants to stop, between two tries."""
    del progress
    _core.report(0, 0)


def _bytes(symbols: Symbols) -> bytes:
    if not isinstance(symbols, bytes):
        raise ModelError(f"latent codes bytes: got {type(symbols).__name__}")
    return symbols
