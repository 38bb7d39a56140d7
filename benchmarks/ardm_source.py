"""Rows of a hidden Markov source, whose entropy is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Source"]


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
