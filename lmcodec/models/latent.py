"""Latent classes of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import ModelError
from lmcodec.models.base import MODELS, Model, Shape

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.latent import Latents
    from lmcodec.models.base import Cells, Links, Symbols

_MAX_COLUMNS = 1 << 24
# Of a count against a symbol that was not seen, where nothing was fitted.
_STEP = 2


@dataclass(frozen=True)
class _Labels:
    """What was found in a table: labels of its rows and columns, and how entries are counted."""

    rows: bytes
    columns: bytes
    is_kept: bool
    step: int

    @classmethod
    def none(cls, rows: int, columns: int) -> Self:
        """Return the labels where all rows and columns are alike."""
        return cls(bytes(rows), bytes(columns), False, _STEP)

    @classmethod
    def of(cls, latents: Latents, rows: int) -> Self:
        """Return what an estimator found; rows that it has not seen are of its first class."""
        found = latents.rows_.tobytes()
        more = bytes(rows - len(found))
        return cls(found + more, latents.columns_.tobytes(), latents.is_kept_, latents.step_)


@MODELS.register(id="latent", version=1)
@dataclass(frozen=True)
class Latent(Model):
    """Codes a table of categories by hidden classes of its rows and of its columns.

    An entry depends on the class of its row and on that of its column, or on the column itself
    where columns are unlike each other. Classes are found when encoding, by the spectrum of the
    table and by code length, and are in the payload; entries are coded by the counts of those
    before. So decoding is of integers, fits nothing, and takes a few operations an entry. It
    suits tables that have such classes and little else: ratings, answers, genotypes, adjacency
    matrices. Symbols are bytes; an array that says its shape is taken as rows of that many bytes.

    Source: A. Montanari, E. Weiner, Compressing Tabular Data via Latent Variable Estimation (ICML
    2023); counters of R. Krichevsky, V. Trofimov (1981). What differs: classes are refined, and
    their number chosen, by code length, and columns may keep counts of their own.

    Args:
        columns: Bytes of a row, 1 to 2**24.
    """

    needs_shape = Shape
    # Classes are those of a block.
    block_bytes: ClassVar[int | None] = 1 << 26

    columns: int = 1
    labels: _Labels | None = field(
        default=None, metadata={"packed": False}, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: The number of columns is out of its range.
        """
        if not 1 <= self.columns <= _MAX_COLUMNS:
            raise ValueError(f"columns of latent must be 1 to {_MAX_COLUMNS}: got {self.columns}")

    def shaped(self, shape: Shape | Cells | Links) -> Self:
        """Return the model for rows of as many bytes as a sample has."""
        if not isinstance(shape, Shape) or shape.sample > _MAX_COLUMNS:
            return self
        return replace(self, columns=shape.sample)

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with the classes of these symbols."""
        raw = _bytes(symbols)
        if len(raw) < 2 * self.columns:
            return self
        # Not at the top: only encoding needs it.
        import numpy as np

        from lmcodec.latent import Latents

        whole = len(raw) // self.columns
        table = np.frombuffer(raw, np.uint8, whole * self.columns).reshape(whole, self.columns)
        latents = Latents().fit(table, progress=lambda _: _core.report(0, 0))
        return replace(self, labels=_Labels.of(latents, -(-len(raw) // self.columns)))

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes.
        """
        raw = _bytes(symbols)
        rows = -(-len(raw) // self.columns)
        labels = self.labels
        if labels is None or len(labels.rows) != rows:
            labels = _Labels.none(rows, self.columns)
        return _core.latent_encode(raw, labels.rows, labels.columns, labels.is_kept, labels.step)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        return _core.latent_decode(payload, count, self.columns)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of counts and labels."""
        return _core.latent_memory_bytes(count)


def _bytes(symbols: Symbols) -> bytes:
    if not isinstance(symbols, bytes):
        raise ModelError(f"latent codes bytes: got {type(symbols).__name__}")
    return symbols
