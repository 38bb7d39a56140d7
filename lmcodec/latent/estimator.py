"""Latent classes as an estimator: fitted to a table, asked for labels and code lengths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lmcodec.labels import Labels
from lmcodec.latent.blocks import Classes, View, counts_of, measured, merged, moved_rows, refined
from lmcodec.latent.clusters import cluster
from lmcodec.latent.length import best_step, label_bits, presence_bits
from lmcodec.latent.spectral import leading, maps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

CANDIDATES = (1, 2, 3, 4, 6, 8, 12, 16)
COLUMNS = ("auto", "alike", "unlike")
# Entries of the matrices of a spectral start: 256 MiB of them.
_ROOM = 1 << 26
# Counts that a coder takes, and what a column that has its own takes besides twice its symbols.
_MOST_COUNTS = 1 << 24
_COLUMN_COUNTS = 16
# Numbers of labels that may fail before larger ones are given up.
_FAILURES = 2


class CodeLength(NamedTuple):
    """Bits of a table, by what they are of.

    Args:
        entries: Entries, given the labels.
        rows: Labels of rows.
        columns: Labels of columns.
        symbols: Which symbols columns have, where these are told.
    """

    entries: float
    rows: float
    columns: float
    symbols: float

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self)


class Progress(NamedTuple):
    """What has been tried.

    Args:
        is_kept: Whether columns had counts of their own.
        k: Labels of rows that it began with.
        cols: Labels of columns.
        bits: What that came to.
        best: The shortest code until then.
    """

    is_kept: bool
    k: int
    cols: int
    bits: float
    best: float


@dataclass
class Latents:
    """Classes of rows and of columns of a table of categories.

    An entry depends on the class of its row and that of its column alone, and its distribution is
    learnt while it is coded. Where columns are unlike, each has distributions of its own, for each
    class of rows. How many classes there are is chosen by the code length of the whole, labels
    included; one class for all is always tried, so that little can be lost.

    Args:
        columns: "alike" for columns that share their symbols and have classes, "unlike" for columns
            with counts of their own, "auto" for the shorter code.
        candidates: Numbers of classes to try, in ascending order; merges may end at others.
        restarts: Of k-means, on singular vectors.
        sweeps: Times that all rows and columns are looked at to be moved.
        seed: Of all that is drawn.

    Attributes:
        rows_: uint8 [rows], class of each row.
        columns_: uint8 [columns], class of each column; all zero where columns are kept.
        is_kept_: Whether each column has its own counts.
        step_: What a count weighs, where a symbol that was not seen weighs 1.
        bits_: Code length of the table, in bits.

    Source: A. Montanari, E. Weiner, Compressing Tabular Data via Latent Variable Estimation (ICML
    2023); the refinement and the choice by code length are our own.

    Example:
        >>> table = np.kron(np.eye(2, dtype=np.uint8), np.ones((20, 30), np.uint8))
        >>> latents = Latents().fit(table)
        >>> latents.k_, latents.l_
        (2, 2)
        >>> latents.bits_ < 120
        True
    """

    columns: str = "auto"
    candidates: Sequence[int] = CANDIDATES
    restarts: int = 8
    sweeps: int = 10
    seed: int = 0
    rows_: NDArray[np.uint8] = field(init=False, repr=False)
    columns_: NDArray[np.uint8] = field(init=False, repr=False)
    is_kept_: bool = field(init=False, repr=False)
    step_: int = field(init=False, repr=False)
    bits_: float = field(init=False, repr=False)
    _length: CodeLength = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: An argument is out of its range.
        """
        if self.columns not in COLUMNS:
            raise ValueError(f"columns must be one of {', '.join(COLUMNS)}: got {self.columns!r}")
        if not all(1 <= k <= 256 for k in self.candidates):
            raise ValueError(f"candidates must be 1 to 256: got {self.candidates}")
        if self.restarts < 1 or self.sweeps < 0:
            raise ValueError(f"restarts must be 1 or more, sweeps 0: got {self}")

    @property
    def k_(self) -> int:
        """Classes of rows."""
        return int(self.rows_.max(initial=0)) + 1

    @property
    def l_(self) -> int:
        """Classes of columns."""
        return int(self.columns_.max(initial=0)) + 1

    def fit(self, x: ArrayLike, *, progress: Callable[[Progress], None] | None = None) -> Latents:
        """Find classes, and return the estimator itself.

        Args:
            x: Integers [rows, columns]; the numbers are names.
            progress: Called after each try. What it raises ends the fitting.

        Raises:
            ValueError: The table does not have two axes.
            TypeError: It is not of integers.

        Complexity:
            O(entries) for each number of classes that is tried, times that number.
        """
        table = _table(x)
        symbols, ids = _numbered(table)
        best: tuple[float, View, Classes, float] | None = None
        for is_kept in _ways(self.columns, table.shape[1], symbols):
            view, told = _view(ids, symbols, is_kept)
            follow = _Follower(progress, is_kept, told)
            classes = self._searched(view, follow)
            step, _ = best_step(counts_of(view, classes), view.groups(classes.cols))
            view = replace(view, step=step)
            classes = measured(view, classes)
            if best is None or classes.bits + told < best[0]:
                best = classes.bits + told, view, classes, told
        # There is always one way.
        bits, view, classes, told = best or (0.0, *_nothing(ids))
        rows, columns = label_bits(classes.rows), label_bits(classes.columns)
        self.rows_, self.columns_ = classes.rows, classes.columns
        self.is_kept_, self.step_, self.bits_ = view.is_kept, view.step, bits
        self._length = CodeLength(bits - told - rows - columns, rows, columns, told)
        return self

    def code_length(self) -> CodeLength:
        """Return the bits of the table that was fitted, by what they are of."""
        return self._length

    def labels(self, rows: int | None = None) -> Labels:
        """Return what a coder is told.

        Args:
            rows: Of the table, if more than were fitted: the others are of the first class.
        """
        found = self.rows_.tobytes()
        more = bytes(0 if rows is None else rows - len(found))
        return Labels(found + more, self.columns_.tobytes(), self.is_kept_, self.step_)

    def _searched(self, view: View, follow: _Follower) -> Classes:
        """Return the classes with the shortest code among those that are tried."""
        m, n = view.ids.shape
        one = measured(view, Classes(np.zeros(m, np.uint8), np.zeros(n, np.uint8)))
        best, failures = follow(1, 1, one, one), 0
        if min(m, n) < 1 or m < 2:
            return best
        start = _Start(view, max(self.candidates, default=1), self.restarts, self.seed)
        tried = {(1, 1)}

        def attempt(k: int, cols: int) -> bool:
            nonlocal best
            if (k, cols) in tried or k > m or cols > n:
                return False
            tried.add((k, cols))
            classes = refined(view, start(k, cols), self.sweeps)
            joined = merged(view, classes)
            if joined.bits < classes.bits:
                joined = refined(view, joined, self.sweeps)
            before = best.bits
            best = follow(k, cols, joined, best)
            return best.bits < before

        for k in self.candidates:
            if k > 1 and failures < _FAILURES:
                failures = 0 if attempt(k, 1 if view.is_kept else k) else failures + 1
        if view.is_kept:
            return best
        # One number at a time, from where the other is best.
        improved = True
        while improved:
            ks, ls = _beside(best.k, self.candidates), _beside(best.cols, self.candidates)
            cols, k = best.cols, best.k
            improved = any([*(attempt(other, cols) for other in ks), *(attempt(k, o) for o in ls)])
        return best


def row_latents(ids: ArrayLike, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return classes of the rows of a table whose columns are unlike each other.

    Args:
        ids: Integers [rows, columns]; the numbers of each column are names of its own.
        seed: Of all that is drawn.

    Returns:
        uint8 [rows]; all zero where classes do not make the code shorter.
    """
    return Latents("unlike", seed=seed).fit(ids).rows_


@dataclass
class _Follower:
    """Tells what was tried, and keeps the best."""

    progress: Callable[[Progress], None] | None
    is_kept: bool
    told: float

    def __call__(self, k: int, cols: int, classes: Classes, best: Classes) -> Classes:
        best = min(best, classes, key=lambda one: one.bits)
        if self.progress is not None:
            bits = classes.bits + self.told, best.bits + self.told
            self.progress(Progress(self.is_kept, k, cols, *bits))
        return best


class _Start:
    """Classes by the spectrum of a table.

    Args:
        view: The table.
        most: The largest number of classes.
        restarts: Of k-means.
        seed: Of all that is drawn.
    """

    def __init__(self, view: View, most: int, restarts: int, seed: int) -> None:
        self._view = view
        self._restarts = restarts
        self._seed = seed
        random = np.random.default_rng(seed)
        m, n = view.ids.shape
        # Of a table that is too large, some rows find the columns, and then all rows are moved.
        many = min(m, max(2, _ROOM // n))
        self._some = np.sort(random.choice(m, many, replace=False)) if many < m else None
        ids = view.ids if self._some is None else view.ids[self._some]
        starts = view.starts(np.zeros(n, np.uint8))[0]
        width = int(view.widths.sum() if view.is_kept else view.widths[0])
        matrices = maps(ids, starts, width, _ROOM, random)
        rank = min(most + 1, m, n)
        self._rows = leading(matrices, rank, random)
        self._columns = None
        if not view.is_kept:
            self._columns = leading([matrix.T for matrix in matrices], rank, random)

    def __call__(self, k: int, cols: int) -> Classes:
        """Return classes to begin with."""
        n = self._view.ids.shape[1]
        rank = max(k, cols) if self._columns is None else min(k, cols) + 1
        rows = self._clustered(True, k, rank)
        columns = self._clustered(False, cols, rank) if cols > 1 else np.zeros(n, np.uint8)
        if self._some is None:
            return Classes(rows, columns)
        sample = replace(self._view, ids=self._view.ids[self._some])
        return Classes(moved_rows(self._view, Classes(rows, columns), sample), columns)

    def _clustered(self, is_row: bool, k: int, rank: int) -> NDArray[np.uint8]:
        points = self._rows if is_row or self._columns is None else self._columns
        random = np.random.default_rng((self._seed, int(is_row), k))
        return cluster(points[:, :rank], k, self._restarts, random)


def _table(x: ArrayLike) -> NDArray[Any]:
    table = np.asarray(x)
    if table.ndim != 2:
        raise ValueError(f"table must have two axes: got shape {table.shape}")
    if table.dtype.kind not in "uib":
        raise TypeError(f"table must be of integers: got {table.dtype}")
    return table


def _numbered(table: NDArray[Any]) -> tuple[int, NDArray[np.int32]]:
    """Return how many symbols a table has, and their numbers as int32 [rows, columns]."""
    if table.dtype.itemsize == 1:
        seen = np.bincount(table.view(np.uint8).ravel(), minlength=256) > 0
        numbers = (np.cumsum(seen) - 1).astype(np.int32)
        few: NDArray[np.int32] = numbers[table.view(np.uint8)]
        return int(seen.sum()), few
    symbols, places = np.unique(table, return_inverse=True)
    return len(symbols), places.reshape(table.shape).astype(np.int32)


def _ways(columns: str, n: int, symbols: int) -> list[bool]:
    """Return in which ways columns are to be tried, kept or not."""
    can_keep = n * (2 * symbols + _COLUMN_COUNTS) <= _MOST_COUNTS
    if columns == "auto":
        return [False, True] if can_keep and n > 1 else [False]
    return [columns == "unlike" and can_keep]


def _view(ids: NDArray[np.int32], symbols: int, is_kept: bool) -> tuple[View, float]:
    """Return the table as one of two views, and the bits that tell which symbols columns have."""
    n = ids.shape[1]
    if is_kept and ids.size:
        present = np.zeros((n, symbols), np.bool_)
        present[np.broadcast_to(np.arange(n), ids.shape), ids] = True
        numbers = np.cumsum(present, axis=1, dtype=np.int32) - 1
        own = numbers[np.arange(n)[None], ids]
        view = View(own, present.sum(axis=1).astype(np.int64), True, 2)
        told = presence_bits(present)
    else:
        view, told = View(ids, np.full(1, max(1, symbols), np.int64), False, 2), 0.0
    m = len(ids)
    one = Classes(np.zeros(m, np.uint8), np.zeros(n, np.uint8))
    if ids.size:
        step, _ = best_step(counts_of(view, one), view.groups(1))
        view = replace(view, step=step)
    return view, told


def _nothing(ids: NDArray[np.int32]) -> tuple[View, Classes, float]:
    m, n = ids.shape
    view = View(ids, np.ones(1, np.int64), False, 2)
    return view, Classes(np.zeros(m, np.uint8), np.zeros(n, np.uint8)), 0.0


def _beside(number: int, candidates: Sequence[int]) -> list[int]:
    """Return the candidates next to a number, the smaller one first."""
    below = [k for k in candidates if k < number]
    above = [k for k in candidates if k > number]
    return [*below[-1:], *above[:1]]
