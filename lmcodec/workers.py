"""Threads that code blocks side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lmcodec._core import StopFlag

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


class Workers:
    """Runs calls in threads and returns their results in order, a bounded number at a time.

    Args:
        threads: How many; with 1, calls run at once in the calling thread.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1: got {threads}")
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._flag = StopFlag()
        self._pending: deque[Future[bytes]] = deque()

    def submit(self, call: Callable[[], bytes]) -> list[bytes]:
        """Start a call; return the results that are ready and next in order."""
        if self._threads == 1:
            return [call()]
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(
                self._threads, thread_name_prefix="lmcodec", initializer=self._flag.watch
            )
        self._pending.append(self._pool.submit(call))
        done = []
        # One more than can run, so that a thread finds work while a result is being taken.
        while len(self._pending) > self._threads + 1:
            done.append(self._pending.popleft().result())
        return done

    def drain(self) -> Iterator[bytes]:
        """Yield the results of all calls that are still running."""
        while self._pending:
            yield self._pending.popleft().result()

    def close(self) -> None:
        """Cancel what has not begun, stop what runs, and end the threads.

        The next call would start new ones.
        """
        self._pending.clear()
        if self._pool is not None:
            self._flag.stop()
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            self._flag = StopFlag()
