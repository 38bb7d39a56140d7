"""Threads that code blocks side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lmcodec._core import StopFlag, set_threads
from lmcodec.progress import Meter

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue


class Workers:
    """Codes blocks in threads and returns the results in order, a bounded number at a time.

    Args:
        threads: How many; with 1, blocks are coded at once in the calling thread. What blocks leave
            over, models may use.
        changed: Called in the calling thread, while it waits, when blocks are a good piece further.
            What it raises ends the coding.
    """

    def __init__(self, threads: int = 1, changed: Callable[[], None] | None = None) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1: got {threads}")
        self._threads = threads
        self._changed = changed
        self._pool: ThreadPoolExecutor | None = None
        self._flag = StopFlag()
        self._pending: deque[Future[bytes]] = deque()
        # What wakes the calling thread up.
        self._news: SimpleQueue[None] | None = None
        # One value, so that other threads never see a block counted twice or not at all: bytes of
        # the blocks that are done, and the blocks at work.
        self._progress: tuple[int, tuple[tuple[int, Meter], ...]] = (0, ())

    @property
    def done(self) -> int:
        """Bytes that are coded, in whole blocks and inside of those at work; for any thread."""
        done, at_work = self._progress
        return done + sum(int(size * meter.share) for size, meter in at_work)

    def submit(self, call: Callable[[Meter], bytes], size: int) -> list[bytes]:
        """Start to code a block; return the results that are ready and next in order.

        Args:
            call: What codes the block.
            size: What it counts in `done`.
        """
        meter = Meter(self._notify if self._changed is not None else None)
        done, at_work = self._progress
        self._progress = done, (*at_work, (size, meter))
        if self._threads == 1:
            result = call(meter)
            self._count()
            return [result]
        self._pending.append(self._start(call, meter))
        results = []
        # One more than can run, so that a thread finds work while a result is being taken.
        while len(self._pending) > self._threads + 1:
            results.append(self._take())
        return results

    def drain(self) -> Iterator[bytes]:
        """Yield the results of all blocks that are still being coded."""
        while self._pending:
            yield self._take()

    def close(self) -> None:
        """Cancel what has not begun, stop what runs, and end the threads.

        The next block would start new ones.
        """
        self._pending.clear()
        if self._pool is not None:
            self._flag.stop()
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            self._flag = StopFlag()

    def _start(self, call: Callable[[Meter], bytes], meter: Meter) -> Future[bytes]:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor
            from queue import SimpleQueue

            self._pool = ThreadPoolExecutor(
                self._threads, thread_name_prefix="lmcodec", initializer=self._flag.watch
            )
            self._news = SimpleQueue()
        blocks = 1 + sum(not future.done() for future in self._pending)
        future = self._pool.submit(_run, call, meter, max(1, self._threads // blocks))
        if self._changed is not None:
            future.add_done_callback(lambda _future: self._notify())
        return future

    def _take(self) -> bytes:
        """Wait for the next result in order."""
        future = self._pending.popleft()
        while self._changed is not None and self._news is not None and not future.done():
            self._news.get()
            self._changed()
        result = future.result()
        self._count()
        return result

    def _notify(self) -> None:
        """Say that a block is further: in the thread that codes it."""
        if self._threads > 1 and self._news is not None:
            self._news.put(None)
        elif self._changed is not None:
            self._changed()

    def _count(self) -> None:
        """Count the oldest block at work as done."""
        done, ((size, _meter), *at_work) = self._progress
        self._progress = done + size, tuple(at_work)


def _run(call: Callable[[Meter], bytes], meter: Meter, threads: int) -> bytes:
    """Code a block, for which models may use so many threads."""
    set_threads(threads)
    return call(meter)
