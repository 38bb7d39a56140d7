"""Writes what is undamaged in a damaged file: `lmcodec recover`."""

from __future__ import annotations

import os
import sys

from lmcodec.errors import LmcodecError
from lmcodec.names import content_name
from lmcodec.outcomes import JobError, describe, hint
from lmcodec.outputs import Output, Stdout, open_output
from lmcodec.recover import Lost, Piece, Recovered, recover
from lmcodec.terminal import Terminal, human, shown

_ZEROS = bytes(1 << 20)


def salvage(
    name: str,
    output: str | None,
    terminal: Terminal,
    *,
    force: bool = False,
    fill: bool = False,
    max_memory: int | None = None,
) -> None:
    """Write the undamaged content of a file; lost ranges are warnings.

    Args:
        name: The damaged file.
        output: Where to write, "-" for standard output, or None to follow the suffix.
        terminal: Where words go, and the exit code.
        force: Whether to replace the output.
        fill: Whether to write zeros for lost ranges of known size.
        max_memory: Bytes that decoding a block may need, or None.
    """
    try:
        found = _recover(name, max_memory)
        target = output or content_name(name)
        if target is None:
            raise JobError("suffix is not known", "choose the output by -o", kind="suffix")
        if not found.pieces:
            why = f": {found.lost[0].reason}" if found.lost else ""
            raise JobError(f"nothing in it can be recovered{why}", kind="lost")
        _write(found, target, force, fill)
    except (JobError, LmcodecError, OSError) as error:
        subject = getattr(error, "filename", None) or name
        terminal.error(f"{shown(str(subject))}: {describe(error)}", hint(error))
        return
    for lost in found.lost:
        terminal.warning(f"{shown(name)}: {_range(lost)} lost: {lost.reason}")
    size = sum(len(piece.content) for piece in found.pieces)
    terminal.note(f"{shown(name)}: {human(size)} recovered, {shown(target)}")


def _recover(name: str, max_memory: int | None) -> Recovered:
    with open(name, "rb") as file:
        data = file.read()
    return recover(data, max_output_size=None, max_memory=max_memory)


def _write(found: Recovered, target: str, force: bool, fill: bool) -> None:
    output: Output
    if target == "-":
        if sys.stdout.isatty() and not force:
            raise JobError(
                "content is not written to a terminal", "force it by -f", kind="terminal"
            )
        output = Stdout()
    else:
        output = open_output(target, replace=force, sparse=False, like=None, sync=False)
    try:
        parts: list[Piece | Lost] = [*found.pieces, *(found.lost if fill else ())]
        for part in sorted(parts, key=lambda part: (part.frame, part.start)):
            if not isinstance(part, Lost):
                output.write(part.content)
            elif part.end is not None:
                _write_zeros(output, part.end - part.start)
        output.commit()
    except BaseException as error:
        output.abandon()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = os.fspath(target)
        raise


def _write_zeros(output: Output, size: int) -> None:
    while size > 0:
        output.write(_ZEROS[: min(size, len(_ZEROS))])
        size -= len(_ZEROS)


def _range(lost: Lost) -> str:
    end = "the end" if lost.end is None else str(lost.end)
    frame = f" of frame {lost.frame}" if lost.frame > 0 else ""
    return f"bytes {lost.start} to {end}{frame}"
