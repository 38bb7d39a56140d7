"""How far a block is that is being coded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lmcodec._core import set_listener


class Meter:
    """How far one block is: written by the thread that codes it, read by any other.

    Args:
        notify: Called in the coding thread whenever the block is a good piece further. What it
            raises ends the coding.
    """

    def __init__(self, notify: Callable[[], None] | None = None) -> None:
        self._notify = notify
        self._share = 0.0

    @property
    def share(self) -> float:
        """The part of the block that is done, 0 to 1."""
        return self._share

    @contextmanager
    def stream(self, begin: float, end: float, count: int) -> Iterator[None]:
        """Follow the model that runs in this context.

        Args:
            begin: Share of the block that is done before the model's stream.
            end: Share that is done after it.
            count: Symbols of the stream.
        """

        def listen(done: int) -> None:
            self._share = begin + (end - begin) * min(done, count) / count
            if self._notify is not None:
                self._notify()

        before = set_listener(listen)
        try:
            yield
        finally:
            set_listener(before)
