"""What the commands say: one line for an error, a progress line on a terminal, a summary."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

_RED, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_PAINT_S = 0.2
# Below this an estimate of what remains is a guess.
_ESTIMATE_S = 1.0


def shown(name: str) -> str:
    """Return a file name that is safe to print: a terminal must not obey what stands in it."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in os.fspath(name))


def human(size: int) -> str:
    """Return a size in binary units, exact below 1024."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    value = size / 1024**power
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {_UNITS[power - 1]}"


def ratio(coded: int, raw: int) -> str:
    """Return coded bytes in percent of the content, or a dash where there is no content."""
    return f"{100 * coded / raw:.1f} %" if raw else "-"


class Terminal:
    """Words go to standard error; an error or a warning there also sets the exit code.

    Args:
        program: Name that begins each line.
        verbosity: -1 for errors only, 0, or 1 and more for a line about each file.
        progress: Whether to show progress, or None to do so where standard error is a terminal.
        stream: Where words go, by default standard error.
    """

    def __init__(
        self,
        program: str,
        *,
        verbosity: int = 0,
        progress: bool | None = None,
        stream: IO[str] | None = None,
    ) -> None:
        self.program = program
        self.verbosity = verbosity
        self.exit_code = 0
        # Where standard error is closed, words go nowhere.
        self._stream = stream or sys.stderr or open(os.devnull, "w")
        terminal = self._stream.isatty()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._colors = terminal and not plain
        self.shows_progress = (terminal and verbosity >= 0) if progress is None else progress
        self._painted = 0
        # The file at work: its name, its size, what tells how much is done, and when it was begun.
        self._job: tuple[str, int | None, Callable[[], int], float] | None = None
        self._painter: threading.Thread | None = None
        self._lock = threading.Lock()

    def error(self, message: str, hint: str | None = None) -> None:
        """Print an error, with a hint where there is one, and set the exit code to 1."""
        self.exit_code = 1
        self._print(f"{self.program}: {self._color(_RED, 'error:')} {message}")
        if hint:
            self._print(f"hint: {hint}")

    def warning(self, message: str) -> None:
        """Print a warning, unless quiet, and set the exit code to 2 where it was 0."""
        self.exit_code = self.exit_code or 2
        if self.verbosity >= 0:
            self._print(f"{self.program}: {self._color(_YELLOW, 'warning:')} {message}")

    def note(self, message: str, *, level: int = 0) -> None:
        """Print words for which the user was verbose enough."""
        if self.verbosity >= level:
            self._print(message)

    def begin(self, name: str, total: int | None, done: Callable[[], int]) -> None:
        """Show progress of a file from here on, until `end`.

        Args:
            name: What the line begins with.
            total: Bytes in all, or None where they are not known.
            done: Returns how many are done; called in a thread of its own.
        """
        if not self.shows_progress:
            return
        with self._lock:
            self._job = (name, total, done, time.monotonic())
            self._paint()
        if self._painter is None:
            self._painter = threading.Thread(target=self._keep_painting, daemon=True)
            self._painter.start()

    def end(self) -> None:
        """Show no more progress, and remove the line."""
        with self._lock:
            self._job = None
            self._clear()

    def _keep_painting(self) -> None:
        while True:
            time.sleep(_PAINT_S)
            with self._lock:
                self._paint()

    def _paint(self) -> None:
        if self._job is None:
            return
        name, total, done, start_s = self._job
        line = f"{shown(name)}: {progress_words(done(), total, time.monotonic() - start_s)}"
        # One column less than there is: a line that wraps cannot be painted over.
        line = line[-(_columns() - 1) :]
        self._stream.write("\r" + line.ljust(self._painted))
        self._stream.flush()
        self._painted = len(line)

    def _clear(self) -> None:
        if self._painted:
            self._stream.write("\r" + " " * self._painted + "\r")
            self._stream.flush()
            self._painted = 0

    def _color(self, color: str, word: str) -> str:
        return f"{color}{word}{_PLAIN}" if self._colors else word

    def _print(self, line: str) -> None:
        with self._lock:
            self._clear()
            print(line, file=self._stream, flush=True)


def progress_words(done: int, total: int | None, elapsed_s: float) -> str:
    """Say how far a job is, and how long it will still take.

    Args:
        done: Bytes of input so far.
        total: Bytes of input in all, or None where they are not known.
        elapsed_s: Seconds so far.

    Returns:
        Words for one line.

    Example:
        >>> progress_words(1 << 20, 4 << 20, 10.0)
        '25 %, 1.00 of 4.00 MiB, 0:30 left'
    """
    if not total:
        return f"{human(done)}, {duration(elapsed_s)}"
    amount, unit = human(done).rsplit(" ", 1)
    whole, whole_unit = human(total).rsplit(" ", 1)
    size = f"{amount}{'' if unit == whole_unit else ' ' + unit} of {whole} {whole_unit}"
    words = f"{100 * done // total} %, {size}"
    if done and elapsed_s >= _ESTIMATE_S:
        return f"{words}, {duration(elapsed_s * (total - done) / done)} left"
    return f"{words}, {duration(elapsed_s)}"


def duration(seconds: float) -> str:
    """Return minutes and seconds, with hours where there are some.

    Example:
        >>> duration(61), duration(3600)
        ('1:01', '1:00:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def table(rows: list[list[Any]], right: int) -> list[str]:
    """Align cells; the first `right` columns to the right, the others to the left.

    Args:
        rows: The heading and the rows, with as many cells each.
        right: How many columns hold numbers.

    Returns:
        Lines without spaces at their ends.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at < right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _columns() -> int:
    try:
        # Some terminals do not know their width, and say 0.
        return max(20, os.get_terminal_size(2).columns or 80)
    except OSError:
        return 80
