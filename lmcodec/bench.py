"""Run codecs on files, check every decode, and time them: the only timing code of the project.

Each direction of each codec runs in a process of its own, in a folder that holds its input alone.
A command is measured as a whole process. A library is called in a fresh interpreter: its CPU time
is that of the call, without the start of Python and the import, which stand in a second column.
CPU time is user + system time of all threads, so a busy machine hardly changes it.
"""

from __future__ import annotations

import filecmp
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TypeVar

from lmcodec.peers import BASELINE, PEERS, Codec, Command, InProcess, Lmcodec, lmcodec_codec, select

__all__ = ["DEFAULT_CODECS", "Measurement", "Usage", "available", "measure", "run", "run_codec"]

DEFAULT_CODECS = ("lmcodec*", "gzip", "bzip2", "xz", "zstd -19", "brotli", "bzip3", "kanzi*")
"""What `run` compares by default: nothing that needs minutes for a few megabytes."""


_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Usage:
    """What one process, or one call in it, used; None where the system does not tell.

    Args:
        cpu_s: User + system seconds of the coding itself.
        process_cpu_s: The same of the whole process; equal to `cpu_s` for a command.
        wall_s: Elapsed seconds of the coding.
        peak_bytes: Largest resident memory of the process. Linux starts a new process at its
            parent's figure, so nothing below this interpreter's own size can be seen.
        declared_bytes: What a stream of this package says that its decoder needs.
        models: What such a stream says that it was written with.
    """

    cpu_s: float | None
    process_cpu_s: float | None
    wall_s: float
    peak_bytes: int | None
    declared_bytes: int | None = None
    models: str = ""


@dataclass(frozen=True)
class Measurement:
    """One codec on one corpus: a row of every report. Units are in the names, see `Usage`."""

    corpus: str
    kind: str
    raw_bytes: int
    codec: str
    options: str
    version: str
    status: str = "ok"
    coded_bytes: int | None = None
    prior_bytes: int = 0
    compress_cpu_s: float | None = None
    decompress_cpu_s: float | None = None
    compress_process_cpu_s: float | None = None
    decompress_process_cpu_s: float | None = None
    compress_wall_s: float | None = None
    decompress_wall_s: float | None = None
    compress_peak_bytes: int | None = None
    decompress_peak_bytes: int | None = None
    declared_bytes: int | None = None
    models: str = ""
    repeats: int = 1

    @property
    def label(self) -> str:
        """Return the codec with its options."""
        return f"{self.codec} {self.options}".strip()

    @property
    def ok(self) -> bool:
        """Tell whether the decoded bytes were the raw ones."""
        return self.status == "ok"

    @property
    def coded_with_prior_bytes(self) -> int | None:
        """Return the coded bytes plus the knowledge that the decoder must ship."""
        return None if self.coded_bytes is None else self.coded_bytes + self.prior_bytes


class ProcessFailedError(Exception):
    """A measured process did not end with status 0."""


def measure(command: Sequence[str], folder: Path, output: Path | None = None) -> Usage:
    """Run a process to its end.

    Args:
        command: Program and arguments.
        folder: Its working directory.
        output: File that takes its standard output; by default nothing does.

    Raises:
        ProcessFailedError: It failed; the message ends in its last line.
    """
    # An installed package is found by itself, one that runs from its source tree is not.
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with (
        (output or Path(os.devnull)).open("wb") as stdout,
        tempfile.TemporaryFile() as complaints,
    ):
        start_s = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=complaints,
        )
        cpu_s, peak_bytes = _reap(process)
        wall_s = time.perf_counter() - start_s
        if process.returncode != 0:
            complaints.seek(0)
            lines = complaints.read().decode(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            raise ProcessFailedError(f"exit status {process.returncode}: {last}"[:200])
    return Usage(cpu_s, cpu_s, wall_s, peak_bytes)


def _reap(process: subprocess.Popen[bytes]) -> tuple[float | None, int | None]:
    """Wait for a child; return its CPU seconds and its peak memory where the system tells them."""
    if sys.platform == "win32":
        process.wait()
        return None, None
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    # Kibibytes everywhere but on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def available(codecs: Iterable[Codec], note: Callable[[str], None]) -> dict[Codec, str]:
    """Return the codecs that this machine has, with their versions, one for each label.

    Args:
        codecs: In order of preference within a label.
        note: Called with a line for each label that no codec provides.
    """
    found: dict[Codec, str] = {}
    missing: dict[str, None] = {}
    for codec in codecs:
        if any(other.label == codec.label for other in found):
            continue
        version = codec.version()
        if version is None:
            missing[codec.label] = None
        else:
            found[codec] = version
    have = {codec.label for codec in found}
    for label in missing:
        if label not in have:
            note(f"{label}: not installed here, skipped")
    return found


def run_codec(
    codec: Codec, version: str, raw: Path, *, corpus: str, kind: str = "file", repeat: int = 1
) -> Measurement:
    """Compress and decompress one file and compare the bytes.

    Args:
        codec: What to run.
        version: Its version, as `available` gave it.
        raw: The file.
        corpus: Its name in the report.
        kind: Its kind in the report.
        repeat: How often to run both ways; each figure is the least of all runs.

    Returns:
        The row; a codec that fails or decodes wrongly is a row with that status, not an error.
    """
    blank = Measurement(
        corpus=corpus,
        kind=kind,
        raw_bytes=raw.stat().st_size,
        codec=codec.id,
        options=codec.options,
        version=version,
        prior_bytes=codec.prior_bytes,
        repeats=repeat,
    )
    compressed: list[Usage] = []
    decompressed: list[Usage] = []
    coded_bytes = 0
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="lmcodec-bench-") as name:
            there, back = Path(name, "there"), Path(name, "back")
            there.mkdir()
            back.mkdir()
            shutil.copyfile(raw, there / "x")
            coded = codec.coded if isinstance(codec, Command) else "coded"
            try:
                compressed.append(_direction(codec, "encode", there))
                coded_bytes = (there / coded).stat().st_size
                shutil.move(there / coded, back / coded)
                decompressed.append(_direction(codec, "decode", back))
                same = not codec.exact or filecmp.cmp(back / "y", raw, shallow=False)
            except (ProcessFailedError, FileNotFoundError) as error:
                return replace(blank, status=str(error))
            if not same:
                return replace(blank, status="decoded bytes differ")
    return replace(
        blank,
        coded_bytes=coded_bytes,
        compress_cpu_s=_least(use.cpu_s for use in compressed),
        decompress_cpu_s=_least(use.cpu_s for use in decompressed),
        compress_process_cpu_s=_least(use.process_cpu_s for use in compressed),
        decompress_process_cpu_s=_least(use.process_cpu_s for use in decompressed),
        compress_wall_s=_least(use.wall_s for use in compressed),
        decompress_wall_s=_least(use.wall_s for use in decompressed),
        compress_peak_bytes=_least(use.peak_bytes for use in compressed),
        decompress_peak_bytes=_least(use.peak_bytes for use in decompressed),
        declared_bytes=compressed[0].declared_bytes,
        models=compressed[0].models,
    )


def _least(values: Iterable[_Number | None]) -> _Number | None:
    return min((value for value in values if value is not None), default=None)


def _direction(codec: Codec, verb: str, folder: Path) -> Usage:
    """Run ``encode`` or ``decode`` of a codec in `folder`."""
    if isinstance(codec, Command):
        words = shlex.split(codec.encode if verb == "encode" else codec.decode)
        output = folder / words[-1] if ">" in words else None
        return measure(words[: words.index(">")] if output else words, folder, output)
    if not isinstance(codec, InProcess):
        raise TypeError(f"cannot run this kind of codec: {codec!r}")
    if isinstance(codec, Lmcodec):
        which = f"lmcodec:{codec.level}:{codec.model}:{codec.threads}:{codec.prior}"
    else:
        which = f"peer:{PEERS.index(codec)}"
    report = folder / "report"
    whole = measure([sys.executable, "-m", "lmcodec.bench", verb, which], folder, report)
    call = json.loads(report.read_text())
    return replace(whole, **call)


def _child(verb: str, which: str) -> None:
    """Code ``x`` or decode ``coded`` in the working directory and print the call's times."""
    family, *rest = which.split(":")
    if family == "lmcodec":
        level, model, threads, prior = rest
        codec: Codec = lmcodec_codec(int(level), model, int(threads), prior)
    else:
        codec = PEERS[int(rest[0])]
    if not isinstance(codec, InProcess):
        raise TypeError(f"not a library: {codec!r}")
    source, target = ("x", "coded") if verb == "encode" else ("coded", "y")
    function = codec.both()[0 if verb == "encode" else 1]
    data = Path(source).read_bytes()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = function(data)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    Path(target).write_bytes(result)
    report: dict[str, object] = {"cpu_s": cpu_s, "wall_s": wall_s}
    if isinstance(codec, Lmcodec) and verb == "encode":
        from lmcodec.info import info

        about = info(result)
        report |= {"declared_bytes": about.memory_bytes, "models": " ".join(about.models)}
    print(json.dumps(report))


def run(
    files: Sequence[Path],
    *,
    codecs: Sequence[str] = DEFAULT_CODECS,
    levels: Sequence[int] = (1, 5, 9),
    model: str = "auto",
    threads: int = 1,
    repeat: int = 1,
    out: IO[str] | None = None,
    log: IO[str] | None = None,
) -> list[Measurement]:
    """Compare codecs on files and print a table for each file: ``lmcodec bench FILE...``.

    Args:
        files: What to compress.
        codecs: Shell patterns of labels or ids, see `lmcodec.peers.select`.
        levels: Levels of lmcodec.
        model: Model of lmcodec.
        threads: Threads of lmcodec; the peers run one.
        repeat: How often each codec runs; the least figures count.
        out: Where the tables go; standard output by default.
        log: Where progress and notes go; standard error by default.

    Returns:
        One measurement for each file and codec.
    """
    out, log = out or sys.stdout, log or sys.stderr

    def note(line: str) -> None:
        print(line, file=log, flush=True)

    chosen = select(codecs, levels, model=model, threads=threads)
    present = available(chosen, note)
    rows: list[Measurement] = []
    for file in files:
        mine = []
        for codec, version in present.items():
            note(f"{file.name}: {codec.label}")
            mine.append(run_codec(codec, version, file, corpus=file.name, repeat=repeat))
        print(table(mine), file=out)
        rows += mine
    return rows


def table(rows: Sequence[Measurement]) -> str:
    """Return one file's rows as text, smallest first."""
    base = next((row.coded_bytes for row in rows if row.label == BASELINE), None)
    lines = [
        f"{rows[0].corpus}: {rows[0].raw_bytes:,} bytes. MB/s by CPU time, one MB = 10^6 bytes.",
        f"{'codec':18} {'bytes':>12} {'% of raw':>9} {'% of xz':>8} "
        f"{'comp MB/s':>10} {'dec MB/s':>9} {'comp MiB':>9} {'dec MiB':>8}",
    ]
    for row in sorted(rows, key=lambda row: row.coded_bytes or sys.maxsize):
        if row.coded_bytes is None:
            lines.append(f"{row.label:18} {row.status}")
            continue
        of_xz = f"{100 * row.coded_bytes / base:.1f}" if base else "-"
        of_raw = f"{100 * row.coded_bytes / row.raw_bytes:.2f}" if row.raw_bytes else "-"
        lines.append(
            f"{row.label:18} {row.coded_bytes:12,} {of_raw:>9} {of_xz:>8} "
            f"{_speed(row.raw_bytes, row.compress_cpu_s):>10} "
            f"{_speed(row.raw_bytes, row.decompress_cpu_s):>9} "
            f"{_mebibytes(row.compress_peak_bytes):>9} {_mebibytes(row.decompress_peak_bytes):>8}"
        )
    return "\n".join(lines) + "\n"


def _speed(size: int, cpu_s: float | None) -> str:
    # The clock of a process ticks in 10 ms on some systems: below three ticks nothing is known.
    return f"{size / cpu_s / 1e6:.3g}" if cpu_s and cpu_s >= 0.03 else "-"


def _mebibytes(size: int | None) -> str:
    return "-" if size is None else f"{size / (1 << 20):.0f}"


if __name__ == "__main__":
    _child(*sys.argv[1:])
