"""Counts of the bytes so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.models.base import MODELS, SequentialModel, Step, Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray


@MODELS.register(id="order0", version=1)
@dataclass(frozen=True)
class Order0(SequentialModel["NDArray[np.uint64]"]):
    """Predicts each byte from how often each byte came before; the smallest useful model.

    The distribution is the Bayesian estimate under a Dirichlet prior with parameter 1 / `increment`
    for each byte value. Memory is a few kilobytes. It is written for reading, in Python, and codes
    tens of kilobytes a second.

    Args:
        increment: How much more a byte counts after it was seen, against 1 before: 1 to 65,536.
            Source: Krichevsky and Trofimov (1981) for increment 2; 32 suits few-valued streams.
    """

    increment: int = 32

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: `increment` is outside of it.
        """
        if not 1 <= self.increment <= 1 << 16:
            raise ValueError(f"increment must be 1 to 65536: got {self.increment}")

    def start(self) -> NDArray[np.uint64]:
        """Return counts of one for every byte value."""
        return np.ones((1, 256), np.uint64)

    def steps(self, state: NDArray[np.uint64], count: int) -> Steps:
        """Yield the counts for one byte after the other."""
        for position in range(count):
            (symbol,) = yield Step([position], state)
            state[0, symbol] += np.uint64(self.increment)
