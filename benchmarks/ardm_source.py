"""Items to measure with: rows of a hidden Markov source, whose entropy is known; letters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.circuit_rows import unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Source", "chunks", "letter_chunks", "letters"]


@dataclass(frozen=True)
class Source:
    """A chain of hidden states in a ring, each of which has a favourite symbol.

    Args:
        states: Hidden states, and symbols.
        stay: How likely a state stays as it is; else the next one in the ring follows.
        favour: How likely a state shows its own symbol; else each other one is as likely.
    """

    states: int = 6
    stay: float = 0.85
    favour: float = 0.9

    @property
    def transitions(self) -> NDArray[np.float64]:
        """How likely each state follows each [states, states]."""
        return self.stay * np.eye(self.states) + (1 - self.stay) * np.roll(
            np.eye(self.states), 1, 1
        )

    @property
    def emissions(self) -> NDArray[np.float64]:
        """How likely each symbol is in each state [states, symbols]."""
        rest = (1 - self.favour) / (self.states - 1)
        return rest + (self.favour - rest) * np.eye(self.states)

    def rows(self, count: int, size: int, seed: int) -> NDArray[np.uint8]:
        """Return rows of symbols [count, size]; the first state is any."""
        random = np.random.default_rng(seed)
        first = random.integers(self.states, size=(count, 1))
        moves = random.random((count, size - 1)) >= self.stay
        states = np.concatenate([first, moves], 1).cumsum(1) % self.states
        others = random.integers(1, self.states, (count, size))
        strange = random.random((count, size)) >= self.favour
        return ((states + others * strange) % self.states).astype(np.uint8)

    def bits(self, rows: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return what each row takes by the source itself, in bits [count]."""
        above = np.full((len(rows), self.states), 1 / self.states)
        bits = np.zeros(len(rows))
        for symbols in rows.T:
            above *= self.emissions[:, symbols].T
            sums = above.sum(1, keepdims=True)
            bits -= np.log2(sums[:, 0])
            above = above / sums @ self.transitions
        return bits


def letters(text: bytes) -> bytes:
    """Return a text in 27 symbols: letters in lower case, and a space for all between them."""
    return re.sub(rb"[^a-z]+", b" ", text.lower())


def chunks(text: bytes, size: int) -> NDArray[np.uint8]:
    """Return the whole chunks of a text [chunks, size]."""
    count = len(text) // size
    return np.frombuffer(text, np.uint8, count * size).reshape(count, size)


def letter_chunks(path: Path, size: int) -> NDArray[np.uint8]:
    """Return chunks of the letters of a text in a file, plain or .xz [chunks, size]."""
    return chunks(letters(unpacked(path)), size)
