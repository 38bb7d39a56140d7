"""What became of a file, and the words for it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

from lmcodec.errors import LimitError
from lmcodec.names import STDIN
from lmcodec.terminal import human, ratio, shown

Verb = Literal["compress", "decompress", "test"]


class JobError(Exception):
    """A file cannot be worked on.

    Args:
        message: What happened, without the name of the file.
        hint: What the user can do about it, or None.
        kind: One word for programs.
    """

    def __init__(self, message: str, hint: str | None = None, *, kind: str) -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind


class Skipped(JobError):  # noqa: N818 - it is a warning
    """A file is not worked on, which is no error."""


@dataclass(frozen=True)
class Outcome:
    """One file after the work.

    Args:
        source: Its name, "-" for standard input.
        target: Name of the output, "-" for standard output, or None where there is none.
        raw_bytes: Bytes of content.
        coded_bytes: Bytes of the stream.
        warning: What was odd about it, or None.
    """

    source: str
    target: str | None
    raw_bytes: int
    coded_bytes: int
    warning: str | None = None


def describe(error: Exception) -> str:
    """Return the words for an error, on one line."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def hint(error: Exception) -> str | None:
    """Return what the user can do about an error, or None."""
    if isinstance(error, LimitError) and "max_memory=" in str(error.hint):
        return f"allow more by --memory={error.needed}"
    if isinstance(error, FileExistsError):
        return "replace it by -f, or choose another name by -o"
    if isinstance(error, MemoryError):
        return "use fewer threads (-T1), a lower level, or smaller blocks (--block-size)"
    return getattr(error, "hint", None)


def kind(error: Exception) -> str:
    """Return one word for an error, for programs."""
    if isinstance(error, JobError):
        return error.kind
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, "OSError")
    return type(error).__name__


def summary(verb: Verb, outcomes: list[Outcome]) -> str:
    """Return the last line: what was done in all."""
    if len(outcomes) == 1:
        return words(verb, outcomes[0])
    raw = sum(outcome.raw_bytes for outcome in outcomes)
    coded = sum(outcome.coded_bytes for outcome in outcomes)
    return f"{len(outcomes)} files: {_sizes(verb, raw, coded)}"


def words(verb: Verb, outcome: Outcome) -> str:
    """Return the line about one file."""
    sizes = _sizes(verb, outcome.raw_bytes, outcome.coded_bytes)
    if verb == "test":
        return f"{shown(outcome.source)}: {sizes}"
    return f"{shown(outcome.source)}: {sizes}, {shown(outcome.target or STDIN)}"


def _sizes(verb: Verb, raw: int, coded: int) -> str:
    if verb == "test":
        return f"ok, {human(raw)} of content"
    if verb == "decompress":
        return f"{human(coded)} -> {human(raw)}"
    return f"{human(raw)} -> {human(coded)} ({ratio(coded, raw)})"


def subject(name: str, error: Exception) -> str:
    """Return the name that the error is about: that of the output, where it says so."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        return shown(error.filename)
    return "standard input" if name == STDIN else shown(name)
