"""Classes of rows and columns made better by code length: moves of single rows, and merges.

Source: the classification version of expectation and maximization for block models (G. Govaert,
M. Nadif, Clustering with Block Mixture Models, 2003), on the code length of adaptive counters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcodec.latent.counting import costs, count
from lmcodec.latent.length import counted_bits, label_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Bits that a sweep must save for another one to follow.
_LEAST_GAIN = 0.5


@dataclass(frozen=True)
class View:
    """A table as numbers of symbols.

    Args:
        ids: integers [rows, columns]; below the number of all symbols, or of those of the column.
        widths: int64 [columns], symbols of each column where each has its own; else one number.
        is_kept: Whether columns have symbols and counts of their own.
        step: What a count weighs, where a symbol that was not seen weighs 1.
    """

    ids: NDArray[Any]
    widths: NDArray[np.int64]
    is_kept: bool
    step: int

    @cached_property
    def turned(self) -> View:
        """The table with rows and columns in each other's place, where columns are not kept."""
        return replace(self, ids=np.ascontiguousarray(self.ids.T))

    def starts(self, labels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
        """Return where the symbols of each column begin, by its label, and how many there are."""
        if self.is_kept:
            ends = np.cumsum(self.widths)
            return ends - self.widths, int(ends[-1])
        width = int(self.widths[0])
        return labels.astype(np.int64) * width, (int(labels.max(initial=0)) + 1) * width

    def groups(self, cols: int) -> NDArray[np.int64]:
        """Return where the symbols of each group begin."""
        if self.is_kept:
            return self.starts(np.zeros(0, np.uint8))[0]
        return np.arange(cols, dtype=np.int64) * int(self.widths[0])


@dataclass(frozen=True)
class Classes:
    """A label of each row and each column.

    Args:
        rows: uint8 [rows].
        columns: uint8 [columns]; all zero where columns are kept.
        bits: Code length of labels and entries.
    """

    rows: NDArray[np.uint8]
    columns: NDArray[np.uint8]
    bits: float = np.inf

    @property
    def k(self) -> int:
        """Labels of rows."""
        return int(self.rows.max(initial=0)) + 1

    @property
    def cols(self) -> int:
        """Labels of columns."""
        return int(self.columns.max(initial=0)) + 1


def counts_of(view: View, classes: Classes) -> NDArray[np.int64]:
    """Return how often each symbol of each group comes, int64 [k, symbols of all groups]."""
    starts, width = view.starts(classes.columns)
    return count(view.ids, classes.rows, classes.k, starts, width)


def measured(view: View, classes: Classes) -> Classes:
    """Return classes with their code length."""
    counted = counted_bits(counts_of(view, classes), view.groups(classes.cols), view.step)
    labels = label_bits(classes.rows) + label_bits(classes.columns)
    return replace(classes, bits=float(counted.sum()) + labels)


def refined(view: View, classes: Classes, sweeps: int) -> Classes:
    """Return classes after moves of rows and columns to where they cost least.

    Args:
        view: The table.
        classes: Where to begin.
        sweeps: How many times all rows and columns are looked at, at most.
    """
    best = measured(view, _without_gaps(classes))
    for _ in range(sweeps):
        moved = replace(best, rows=moved_rows(view, best))
        moved = _without_gaps(moved)
        if moved.cols > 1:
            moved = replace(moved, columns=_moved_columns(view, moved))
        moved = measured(view, _without_gaps(moved))
        if moved.bits > best.bits - _LEAST_GAIN:
            break
        best = moved
    return best


def merged(view: View, classes: Classes) -> Classes:
    """Return classes after merges of labels, as long as one makes the code shorter."""
    best = classes
    while True:
        tried = [*_row_merges(view, best), *_column_merges(view, best)]
        if not tried:
            return best
        gain, is_row, first, second = min(tried, key=lambda merge: merge[0])
        if gain >= 0:
            return best
        axis = "rows" if is_row else "columns"
        labels = getattr(best, axis).copy()
        labels[labels == second] = first
        joined = replace(best, rows=labels) if is_row else replace(best, columns=labels)
        best = measured(view, _without_gaps(joined))


_Merge = tuple[float, bool, int, int]


def _row_merges(view: View, classes: Classes) -> list[_Merge]:
    counts = counts_of(view, classes)
    return _merges(counts, view.groups(classes.cols), view.step, classes.rows, True)


def _column_merges(view: View, classes: Classes) -> list[_Merge]:
    if classes.cols < 2:
        return []
    width = int(view.widths[0])
    counts = counts_of(view, classes).reshape(classes.k, classes.cols, width)
    turned = np.ascontiguousarray(counts.transpose(1, 0, 2)).reshape(classes.cols, -1)
    starts = np.arange(classes.k, dtype=np.int64) * width
    return _merges(turned, starts, view.step, classes.columns, False)


def _merges(
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
    step: int,
    labels: NDArray[np.uint8],
    is_row: bool,
) -> list[_Merge]:
    """Return what each merge of two labels adds to the code."""
    bits = counted_bits(counts, starts, step)
    plain = label_bits(labels)
    found = []
    for first in range(len(counts)):
        others = range(first + 1, len(counts))
        if not others:
            continue
        joined = counted_bits(counts[first] + counts[others.start :], starts, step)
        for second, together in zip(others, joined, strict=True):
            less = labels.copy()
            less[less == second] = first
            # A label that nothing has any more is left out.
            less -= less > second
            change = together - bits[first] - bits[second] + label_bits(less) - plain
            found.append((float(change), is_row, first, second))
    return found


def _weights(
    counts: NDArray[np.int64], starts: NDArray[np.int64], step: int
) -> NDArray[np.float32]:
    """Return the bits of each symbol of each group under each label, float32 [k, width]."""
    widths = np.diff(starts, append=counts.shape[1])
    totals = np.add.reduceat(counts, starts, axis=1) * step + widths
    every = np.repeat(np.log2(totals), widths, axis=1)
    bits: NDArray[np.float32] = (every - np.log2(counts * step + 1)).astype(np.float32)
    return bits


def _prior(labels: NDArray[np.uint8], k: int) -> NDArray[np.float32]:
    counts = np.bincount(labels, minlength=k)
    bits: NDArray[np.float32] = -np.log2((counts + 0.5) / (len(labels) + 0.5 * k)).astype(
        np.float32
    )
    return bits


def moved_rows(view: View, classes: Classes, counted: View | None = None) -> NDArray[np.uint8]:
    """Return the label of each row under which it costs least.

    Args:
        view: The table.
        classes: Its classes, or those of the rows that are counted.
        counted: Of which the counts are; None for the table.
    """
    starts, _ = view.starts(classes.columns)
    counts = counts_of(counted or view, classes)
    weights = _weights(counts, view.groups(classes.cols), view.step)
    found = costs(view.ids, starts, weights) + _prior(classes.rows, classes.k)
    labels: NDArray[np.uint8] = found.argmin(axis=1).astype(np.uint8)
    return labels


def _moved_columns(view: View, classes: Classes) -> NDArray[np.uint8]:
    return moved_rows(view.turned, Classes(classes.columns, classes.rows))


def _without_gaps(classes: Classes) -> Classes:
    rows = np.unique(classes.rows, return_inverse=True)[1].reshape(-1).astype(np.uint8)
    columns = np.unique(classes.columns, return_inverse=True)[1].reshape(-1).astype(np.uint8)
    return replace(classes, rows=rows, columns=columns)
