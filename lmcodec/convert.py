"""Writes a stream anew, so that it decodes everywhere: `lmcodec convert`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from lmcodec.block import find_model
from lmcodec.errors import LmcodecError
from lmcodec.file import LmcodecFile
from lmcodec.header import BlockHeader
from lmcodec.incremental import LmcodecCompressor
from lmcodec.index import Source, walk
from lmcodec.options import DEFAULT_LEVEL, CompressionParameter
from lmcodec.outcomes import JobError, describe, hint
from lmcodec.outputs import Output, Stdout, open_output
from lmcodec.terminal import Terminal, human, shown

if TYPE_CHECKING:
    from lmcodec.models.base import Model

_PIECE_BYTES = 1 << 20


def convert(
    name: str,
    output: str,
    terminal: Terminal,
    *,
    level: int | None = None,
    model: Model | str = "auto",
    force: bool = False,
) -> None:
    """Decode a file and write it with models that are portable; each block is verified.

    Args:
        name: The file.
        output: Where to write, or "-" for standard output.
        terminal: Where words go, and the exit code.
        level: 1 to 9, or None for the default.
        model: The model; "auto" for that which stands for the one of the first block that is
            bound to a machine, or is chosen by content where none is.
        force: Whether to replace the output.
    """
    try:
        chosen = portable_model(name) if model == "auto" else model
        sizes = _write(name, output, terminal, level, chosen, force)
    except (JobError, LmcodecError, OSError) as error:
        subject = getattr(error, "filename", None) or name
        terminal.end()
        terminal.error(f"{shown(str(subject))}: {describe(error)}", hint(error))
        return
    terminal.end()
    before, after = map(human, sizes)
    terminal.note(f"{shown(name)}: {before} -> {after}, {shown(output)}")


def portable_model(name: str | os.PathLike[str]) -> Model | str:
    """Return what is to code the content of a file so that it decodes everywhere.

    Args:
        name: The file.

    Returns:
        The portable twin of the first model that is bound to a machine, or "auto" where none is.

    Raises:
        FormatError: The file is not made of whole frames.
        NotReproducibleError: It was written elsewhere.
        WeightsError: Something that it needs is not here.
        OSError: It cannot be read.
    """
    with open(name, "rb") as file:
        for part in walk(Source(file)):
            if isinstance(part.header, BlockHeader):
                for record in part.header.models:
                    if record.host_bound:
                        return find_model(record).portable()
    return "auto"


def _write(
    name: str,
    target: str,
    terminal: Terminal,
    level: int | None,
    model: Model | str,
    force: bool,
) -> tuple[int, int]:
    """Return the bytes of the old stream and of the new one."""
    output: Output
    if target == "-":
        if sys.stdout.isatty() and not force:
            raise JobError(
                "streams are not written to a terminal", "force it by -f", kind="terminal"
            )
        output = Stdout()
    else:
        output = open_output(target, replace=force, sparse=False, like=None, sync=False)
    coded = 0
    try:
        compressor = LmcodecCompressor(
            options={
                CompressionParameter.compression_level: level or DEFAULT_LEVEL,
                CompressionParameter.verify: 1,
            },
            model=model,
        )
        with LmcodecFile(name) as source:
            terminal.begin(name, None, lambda: compressor.done)
            while data := source.read(_PIECE_BYTES):
                piece = compressor.compress(data)
                output.write(piece)
                coded += len(piece)
        piece = compressor.flush()
        output.write(piece)
        coded += len(piece)
        output.commit()
    except BaseException as error:
        output.abandon()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = os.fspath(target)
        raise
    return os.path.getsize(name), coded
