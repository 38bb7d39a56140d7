"""Runs a command as a process that ends as its user and its neighbours expect."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from lmcodec.outputs import remove_passing
from lmcodec.terminal import Terminal, shown

# What a signal calls before the process ends, for work that has something to save.
_asked: list[Callable[[], None]] = []
# How long the work may take to end by itself then.
_PATIENCE_S = 60.0


def main_with(program: str, run: Callable[[list[str]], int], arguments: list[str] | None) -> int:
    """Run a command with the arguments of the process, unless others are given."""
    words = sys.argv[1:] if arguments is None else arguments
    return supervise(program, lambda: run(words))


def supervise(program: str, call: Callable[[], int]) -> int:
    """Run a command so that a signal ends it at once, and no passing file remains.

    The work is done in a second thread: the coders hold the first one for as long as a block takes,
    and a signal would wait.

    Args:
        program: Name for messages.
        call: Does the work, and returns the exit code.

    Returns:
        The exit code; nothing is returned where a signal ended the work.
    """
    results: list[int | BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)
        ended.set()

    # A thread whose `join` was interrupted counts as ended.
    ended = threading.Event()
    thread = threading.Thread(target=work, daemon=True)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What is ignored stays so: nohup works that way.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _stop)
    try:
        thread.start()
        thread.join()
    except KeyboardInterrupt:
        _wait_for(ended)
        _end_by(signal.SIGINT)
    except _Stopped as stopped:
        _wait_for(ended)
        _end_by(stopped.number)
    result = _flush() or results[0]
    return result if isinstance(result, int) else _fail(program, result)


@contextlib.contextmanager
def asked_first(ask: Callable[[], None]) -> Iterator[None]:
    """Let a signal ask the work to end, and wait for it; a second signal does not wait."""
    _asked.append(ask)
    try:
        yield
    finally:
        _asked.remove(ask)


def _wait_for(ended: threading.Event) -> None:
    """Let the work end by itself, where it wants to."""
    for ask in list(_asked):
        ask()
        with contextlib.suppress(KeyboardInterrupt, _Stopped):
            ended.wait(_PATIENCE_S)


def _flush() -> OSError | None:
    """Write out what was printed; return what went wrong."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Else the interpreter would try it once more, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def _fail(program: str, failure: BaseException) -> int:
    """Turn what ended the work into an exit code, with words where it was not expected."""
    if isinstance(failure, SystemExit):
        return failure.code if isinstance(failure.code, int) else 1
    if isinstance(failure, BrokenPipeError):
        # As gzip: the reader has what it wanted.
        _end_by(getattr(signal, "SIGPIPE", None))
    if isinstance(failure, OSError):
        Terminal(program).error(f"standard output: {failure.strerror}")
        return 1
    return _unexpected(program, failure)


class _Stopped(BaseException):
    def __init__(self, number: int) -> None:
        self.number = number


def _stop(number: int, _frame: object) -> None:
    raise _Stopped(number)


def _end_by(number: int | None) -> NoReturn:
    """End as a process that knows nothing of the signal: shells look at how one ended."""
    remove_passing()
    if number is not None and os.name == "posix":
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(1)


def _unexpected(program: str, error: BaseException) -> int:
    """Report an error of the program itself."""
    remove_passing()
    if os.environ.get("LMCODEC_LOG", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    Terminal(program).error(
        f"unexpected {type(error).__name__}: {shown(str(error))}",
        "please report this; LMCODEC_LOG=debug shows where it happened",
    )
    return 1
