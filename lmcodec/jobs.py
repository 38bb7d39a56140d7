"""Compresses, decompresses and tests files: what `lmz` and `lmcodec` have in common."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from lmcodec.container import SKIPPABLE_MAGIC
from lmcodec.errors import LmcodecError
from lmcodec.frame import Again, Feed, decode_frames
from lmcodec.incremental import LmcodecCompressor
from lmcodec.models.base import Model
from lmcodec.names import STDIN, compressed_name, content_name, expand, has_suffix
from lmcodec.network import Network
from lmcodec.options import DEFAULT_LEVEL, CompressionParameter
from lmcodec.outcomes import (
    JobError,
    Outcome,
    Skipped,
    Verb,
    describe,
    hint,
    subject,
    summary,
    words,
)
from lmcodec.outputs import Device, NewFile, Nowhere, Output, Stdout, open_output
from lmcodec.prior import Prior
from lmcodec.resume import PartialFile
from lmcodec.terminal import Terminal, human, shown
from lmcodec.workers import Workers

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Job:
    """What to do with each file.

    Args:
        verb: What to do.
        output: Name of the output, "-" for standard output, or None to follow the suffix.
        force: Whether to replace files, follow links, and write to terminals.
        recursive: Whether to work on the files below folders.
        remove: Whether to remove sources, after their outputs were read back.
        verify: Whether to read outputs back in any case.
        sparse: Whether to leave holes for zeros, or None for the default: in files.
        level: 1 to 9, or None for the default.
        model: "auto", "stored", the id of a model, or a model, which streams find as long as it is
            here.
        transform: "auto", "raw", or the id of a transform.
        prior: "auto", "none", or a prior; as long as it is here, streams that name it find it.
        network: "auto", "none", or a network, likewise.
        embed: Whether streams have copies of a prior and a network not of the package.
        block_size: Bytes of content in a block, or None for that of the level.
        digest: Whether to record a SHA-256 of the content.
        threads: Blocks that are coded side by side.
        max_memory: Bytes that decoding a block may need, or None.
        resume: Whether a compressor that is stopped keeps its blocks, and goes on with those of
            an earlier run.
    """

    verb: Verb
    output: str | None = None
    force: bool = False
    recursive: bool = False
    remove: bool = False
    verify: bool = False
    sparse: bool | None = None
    level: int | None = None
    model: Model | str = "auto"
    transform: str = "auto"
    prior: Prior | str = "auto"
    network: Network | str = "auto"
    embed: bool = False
    block_size: int | None = None
    digest: bool = False
    threads: int = 1
    max_memory: int | None = None
    resume: bool = False


Report = Callable[[str, "Outcome | Exception"], None]


def run(job: Job, names: list[str], terminal: Terminal, report: Report | None = None) -> None:
    """Work on files, one after the other; an error in one does not stop the others.

    Args:
        job: What to do.
        names: Files, "-" for standard input; none means standard input.
        terminal: Where words go, and the exit code.
        report: Called with the name and what became of it, beside the words.
    """
    report = report or (lambda _name, _result: None)
    outcomes = []
    for name in _expand(job, names or [STDIN], terminal, report):
        try:
            try:
                outcome = _run_one(job, name, terminal)
            finally:
                terminal.end()
        except Skipped as skipped:
            report(name, skipped)
            terminal.warning(f"{shown(name)}: {skipped}")
        except BrokenPipeError:
            raise
        except (JobError, LmcodecError, OSError, MemoryError, ValueError) as error:
            report(name, error)
            terminal.error(f"{subject(name, error)}: {describe(error)}", hint(error))
        else:
            outcomes.append(outcome)
            report(name, outcome)
            if outcome.warning:
                terminal.warning(f"{shown(name)}: {outcome.warning}")
            terminal.note(words(job.verb, outcome), level=1)
    # Where content goes to standard output, the next program's words are the ones that matter.
    visible = [outcome for outcome in outcomes if outcome.target != STDIN]
    if visible and terminal.verbosity == 0:
        terminal.note(summary(job.verb, visible))


def _expand(job: Job, names: list[str], terminal: Terminal, report: Report) -> Iterator[str]:
    """Yield the files; those below folders, too, where that is wanted."""
    for name in names:
        try:
            yield from expand(name, recursive=job.recursive, compressed=job.verb != "compress")
        except OSError as error:
            report(name, error)
            terminal.error(f"{subject(name, error)}: {describe(error)}", hint(error))


def _run_one(job: Job, name: str, terminal: Terminal) -> Outcome:
    with _open_source(job, name) as (file, status):
        source = _Source(file, name, status)
        target = _target(job, name)
        if target is None:
            return _code(job, source, Nowhere(), terminal)
        if target == STDIN:
            return _to_stdout(job, source, terminal)
        if _same_file(target, status):
            raise JobError("input and output are the same file", kind="same-file")
        # A file of its own is only made when all is well, so that nothing is lost by an error.
        keeps_status = status is not None and stat.S_ISREG(status.st_mode)
        if job.resume and source.size is not None and not os.path.exists(target):
            return _resume(job, source, PartialFile(target, like=status), terminal)
        output = open_output(
            target,
            replace=job.force,
            sparse=job.verb == "decompress" and job.sparse is not False,
            like=status if keeps_status else None,
            sync=job.remove,
        )
        try:
            outcome = _code(job, source, output, terminal)
            if isinstance(output, NewFile) and keeps_status and (job.verify or job.remove):
                _read_back(job, name, output.close(), terminal)
            output.commit()
        except BaseException as error:
            output.abandon()
            if isinstance(error, OSError) and error.filename is None:
                error.filename = target
            raise
        if job.remove and not outcome.warning and not isinstance(output, Device) and status:
            os.unlink(name)
        return outcome


def _resume(job: Job, source: _Source, output: PartialFile, terminal: Terminal) -> Outcome:
    """Compress to a file that is kept when the work ends early."""
    try:
        if output.found:
            terminal.note(f"{shown(output.part)}: goes on after {human(output.found)}", level=1)
        outcome = _compress(job, source, output, terminal, output.again)
        if job.verify or job.remove:
            _read_back(job, source.name, output.close(), terminal)
        output.commit()
    except BaseException as error:
        output.abandon()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = output.path
        raise
    if job.remove and not outcome.warning:
        os.unlink(source.name)
    return outcome


@contextlib.contextmanager
def _open_source(job: Job, name: str) -> Iterator[tuple[IO[bytes], os.stat_result | None]]:
    """Open an input, refusing what is not meant to be one."""
    if name == STDIN:
        if sys.stdin is None:
            raise JobError("is closed", kind="closed")
        if job.verb != "compress" and not job.force and sys.stdin.isatty():
            raise JobError(
                "compressed data is not read from a terminal",
                "name a file, or type -h for help",
                kind="terminal",
            )
        yield sys.stdin.buffer, None
        return
    to_stdout = job.output == STDIN or job.verb == "test"
    status = os.stat(name) if job.force or to_stdout else os.lstat(name)
    if stat.S_ISLNK(status.st_mode):
        raise Skipped("is a symbolic link, skipped", kind="link")
    if stat.S_ISDIR(status.st_mode):
        raise Skipped("is a folder, skipped" if not job.recursive else "skipped", kind="folder")
    if not stat.S_ISREG(status.st_mode) and not (job.force or to_stdout or job.output):
        raise Skipped("is not a regular file, skipped", kind="not-regular")
    if job.verb == "compress" and has_suffix(name) and not (job.force or to_stdout or job.output):
        raise Skipped("has the suffix of a compressed file, skipped", kind="suffix")
    with open(name, "rb", buffering=0) as file:
        # Of what was opened, not of what had the name a moment ago.
        yield file, os.fstat(file.fileno())


def _target(job: Job, name: str) -> str | None:
    if job.verb == "test":
        return None
    if job.output is not None:
        return job.output
    if name == STDIN:
        return STDIN
    if job.verb == "compress":
        return compressed_name(name)
    target = content_name(name)
    if target is None:
        raise JobError("suffix is not known", "choose the output by -o or -c", kind="suffix")
    return target


def _same_file(target: str, status: os.stat_result | None) -> bool:
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(target), status)
    return False


def _to_stdout(job: Job, source: _Source, terminal: Terminal) -> Outcome:
    if sys.stdout is None:
        raise JobError("standard output is closed", kind="closed")
    if job.verb == "compress" and not job.force and sys.stdout.isatty():
        raise JobError(
            "compressed data is not written to a terminal",
            "force it by -f, or type -h for help",
            kind="terminal",
        )
    output = Stdout(sparse=bool(job.sparse))
    try:
        outcome = _code(job, source, output, terminal)
        output.commit()
    except OSError as error:
        error.filename = error.filename or "standard output"
        raise
    return outcome


class _Source:
    """An input that counts what was read.

    Args:
        file: The open file.
        name: Its name.
        status: Its status, or None for standard input.
    """

    def __init__(self, file: IO[bytes], name: str, status: os.stat_result | None) -> None:
        self.name = name
        regular = status is not None and stat.S_ISREG(status.st_mode)
        self.size = status.st_size if status is not None and regular else None
        self.done = 0
        self._file = file
        self._held = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        data = self._held[:size] or self._read(size)
        self._held = self._held[len(data) :] if self._held else b""
        self.done += len(data)
        return data

    def peek(self, size: int) -> bytes:
        """Return the next bytes, and keep them."""
        while len(self._held) < size and (data := self._read(size - len(self._held))):
            self._held += data
        return self._held[:size]

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            # Else it would be taken for an error of the output.
            error.filename = self.name
            raise


def _code(job: Job, source: _Source, output: Output, terminal: Terminal) -> Outcome:
    if job.verb == "compress":
        return _compress(job, source, output, terminal)
    if job.force and job.output == STDIN and source.peek(3) != SKIPPABLE_MAGIC:
        # As `zcat -f` does. Both magics begin so.
        return _copy(source, output, terminal)
    return _decompress(job, source, output, terminal)


def _compress(
    job: Job, source: _Source, output: Output, terminal: Terminal, again: Again | None = None
) -> Outcome:
    compressor = LmcodecCompressor(
        options={
            CompressionParameter.compression_level: job.level or DEFAULT_LEVEL,
            CompressionParameter.content_digest: int(job.digest),
        },
        model=job.model,
        transform=job.transform,
        prior=job.prior,
        network=job.network,
        embed=job.embed,
        threads=job.threads,
        block_size=job.block_size,
    )
    compressor.set_pledged_input_size(source.size)
    compressor.take_again(again)
    terminal.begin(source.name, source.size, lambda: compressor.done)
    coded = 0
    # Not one byte more than announced, though the file may grow meanwhile.
    piece = _CHUNK_BYTES
    if job.resume:
        # No more than one block ends within it, so that none is lost with the next one.
        piece = max(min(piece, compressor.block_size // 2), 1)
    while data := source.read(_wanted(source, piece)):
        coded += _write(output, compressor.compress(data))
    if source.size is not None and source.done < source.size:
        raise JobError("became shorter while it was read", kind="changed")
    grown = source.size is not None and bool(source.peek(1))
    coded += _write(output, compressor.flush())
    warning = "grew while it was read: only what was there at first is compressed"
    return Outcome(source.name, _name_of(output), source.done, coded, warning if grown else None)


def _wanted(source: _Source, piece: int) -> int:
    return piece if source.size is None else min(piece, source.size - source.done)


def _decompress(job: Job, source: _Source, output: Output, terminal: Terminal) -> Outcome:
    raw = 0
    workers = Workers(job.threads)
    terminal.begin(source.name, source.size, lambda: workers.done)
    with contextlib.closing(
        decode_frames(
            Feed(read=source.read), max_memory=job.max_memory, workers=workers, counts_coded=True
        )
    ) as content:
        for data in content:
            raw += _write(output, data)
    return Outcome(source.name, _name_of(output), raw, source.done)


def _copy(source: _Source, output: Output, terminal: Terminal) -> Outcome:
    terminal.begin(source.name, source.size, lambda: source.done)
    while data := source.read(_CHUNK_BYTES):
        _write(output, data)
    return Outcome(source.name, _name_of(output), source.done, source.done)


def _read_back(job: Job, source: str, written: str, terminal: Terminal) -> None:
    """Decode what is on the disk, and compare it with the other file.

    Raises:
        JobError: They differ.
    """
    raw, coded = (source, written) if job.verb == "compress" else (written, source)
    workers = Workers(job.threads)
    with open(raw, "rb") as ours, open(coded, "rb") as theirs:
        size = os.fstat(ours.fileno()).st_size
        terminal.begin(f"{source}, reading back", size, lambda: workers.done)
        with contextlib.closing(decode_frames(Feed(read=theirs.read), workers=workers)) as content:
            same = all(ours.read(len(part)) == part for part in content)
        if not same or ours.read(1):
            raise JobError("output does not decode to the input", kind="verify")


def _name_of(output: Output) -> str | None:
    if isinstance(output, Nowhere):
        return None
    return output.path or STDIN


def _write(output: Output, data: bytes) -> int:
    output.write(data)
    return len(data)
