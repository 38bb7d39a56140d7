"""What bytes select, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcodec import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Bytes read before a stream begins elsewhere, from nothing, and the share of documents of so many:
# messages are short, and start-up is learnt only from starts.
DOCUMENTS = {1 << 10: 0.75, 1 << 12: 0.15, 1 << 15: 0.1}


@dataclass(frozen=True)
class Rows:
    """How many rows, as powers of two, the tables of contexts have, and when words end.

    Args:
        bits: For contexts of one to four bytes, the word so far, and that with the one before.
        words: For whole words.
        most: A word ends after this many bytes at the latest.
    """

    bits: tuple[int, ...] = (8, 12, 13, 13, 13, 13)
    words: int = 13
    most: int = 16


class Contexts:
    """The table rows that the bytes of one text select.

    Args:
        rows: The sizes of the tables.
        used: Which contexts, by number.
    """

    def __init__(self, rows: Rows, used: Sequence[int]) -> None:
        self.rows = rows
        self.used = list(used)
        sizes = [1 << rows.bits[k] for k in self.used]
        self.starts = np.cumsum([0, *sizes])[:-1].astype(np.int32)
        self.total = sum(sizes)

    def of(self, text: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return rows [n, used] and words [n], of which -1 is none."""
        sizes = self.rows
        rows, words = _core.bytelm_contexts(
            text.tobytes(), list(sizes.bits), sizes.words, sizes.most
        )
        return np.ascontiguousarray(rows[:, self.used] + self.starts), words


@dataclass
class Batch:
    """Bytes, and what they select.

    Args:
        fresh: Which streams begin anew, bool [streams].
        index: Table rows, int32 [streams * length, contexts].
        words: Rows of the table of words, int32 [words in all].
        offsets: Where the words of each stream begin, int64 [streams + 1].
        slots: The last word before each byte: its number counted from ``streams``, or, before the
            stream's first, the number of the stream. int64 [streams * length].
        ends: The bytes that end the words, int64 [words in all].
        targets: The next bytes, int64 [streams * length].
    """

    fresh: torch.Tensor
    index: torch.Tensor
    words: torch.Tensor
    offsets: torch.Tensor
    slots: torch.Tensor
    ends: torch.Tensor
    targets: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


def batch(
    text: NDArray[np.uint8],
    fresh: NDArray[np.bool_],
    index: NDArray[np.int32],
    words: NDArray[np.int32],
) -> Batch:
    """Return a batch of text [streams, length + 1], with rows and words of its first bytes."""
    streams, length = words.shape
    marks = words >= 0
    counts = marks.sum(1)
    before = np.cumsum(marks.reshape(-1)).reshape(streams, length)
    inside = np.cumsum(marks, 1)
    slots = np.where(inside > 0, streams + before - 1, np.arange(streams)[:, None])
    return Batch(
        torch.from_numpy(fresh),
        torch.from_numpy(np.ascontiguousarray(index.reshape(streams * length, -1))),
        torch.from_numpy(words[marks].astype(np.int32)[:, None].copy()),
        torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)),
        torch.from_numpy(slots.reshape(-1).astype(np.int64)),
        torch.from_numpy(np.flatnonzero(marks.reshape(-1)).astype(np.int64)),
        torch.from_numpy(text[:, 1:].reshape(-1).astype(np.int64)),
    )


class Streams:
    """Text without end, for batches whose rows go on where the last batch stopped.

    Args:
        texts: A text for each kind.
        shares: How much of what is seen is of each kind.
        contexts: Gives the table rows.
        streams: Rows of a batch.
        length: Bytes of a row; must divide all sizes of documents.
        seed: Of the draws.
        documents: Sizes of documents, and the share of each.
    """

    def __init__(
        self,
        texts: dict[str, NDArray[np.uint8]],
        shares: dict[str, float],
        contexts: Contexts,
        streams: int,
        length: int,
        seed: Sequence[int],
        documents: dict[int, float] = DOCUMENTS,
    ) -> None:
        self._texts = texts
        self._documents = documents
        self._kinds = sorted(texts)
        weights = np.array([shares[kind] for kind in self._kinds])
        self._weights = weights / weights.sum()
        self._contexts = contexts
        self._length = length
        self._random = np.random.default_rng(list(seed))
        self._at = [0] * streams
        self._open = [self._document(first=True) for _ in range(streams)]

    def _document(
        self, *, first: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
        text = self._texts[self._kinds[self._random.choice(len(self._kinds), p=self._weights)]]
        documents = self._documents
        size = int(self._random.choice(list(documents), p=list(documents.values())))
        if first:
            # Streams that began together would all end together.
            parts = max(documents) // self._length
            size = self._length * int(self._random.integers(1, parts + 1))
        start = int(self._random.integers(0, max(1, len(text) - size - 4097)))
        ahead = np.flatnonzero(text[start : start + 4096] == 10)
        # A stream begins as if after the end of a line.
        start += int(ahead[0]) if len(ahead) else 0
        piece = text[start : start + size + 1]
        if len(piece) <= size:
            piece = np.resize(piece, size + 1)
        return piece, *self._contexts.of(piece[:-1])

    def __call__(self) -> Batch:
        """Return the next batch."""
        length = self._length
        texts, rows, words, fresh = [], [], [], []
        for n in range(len(self._open)):
            if self._at[n] == len(self._open[n][0]) - 1:
                self._open[n] = self._document()
                self._at[n] = 0
            at = self._at[n]
            text, index, ends = self._open[n]
            texts.append(text[at : at + length + 1])
            rows.append(index[at : at + length])
            words.append(ends[at : at + length])
            fresh.append(at == 0)
            self._at[n] = at + length
        return batch(np.stack(texts), np.array(fresh), np.stack(rows), np.stack(words))
