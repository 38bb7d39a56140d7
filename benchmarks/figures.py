"""Check this project's own targets: ``python -m benchmarks figures``.

Every target is a function of measured rows, so that the same rows that a report shows decide it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import gains, llm, matrix, networks, prior_figures
from benchmarks.findings import Finding, missing, table
from benchmarks.options import add_again
from benchmarks.results import Machine, Store, read_rows
from lmcodec.bench import Measurement, available
from lmcodec.errors import LmcodecError
from lmcodec.peers import BASELINE, lmcodec_codec, select

__all__ = ["GENERAL", "evaluate", "main", "measure_all"]

GENERAL = (
    "alice29.txt",
    "book1",
    "enwik6",
    "enwik8.4M",
    "dickens",
    "world192.txt",
    "xml",
    "kennedy.xls",
    "ptt5",
    "geo",
    "obj2",
)
"""Text, markup, a table, a scan, instrument data and a program: the files most peers report."""

_LEVELS = range(1, 10)
_SMALL_BYTES = 1_000_000
# Two blocks of the default size.
_THREADED = "nci"
# The interpreter with its modules, and the frame's own buffers.
_OVERHEAD_BYTES = 64 << 20
# Repeated runs of one codec differ by up to a tenth in CPU time on a busy machine.
_TIME_NOISE = 1.1
_GIB = 1 << 30
_ZEROS_BYTES = 2000
_SPEED_UP = 1.8


class Rows:
    """Rows by codec label and corpus."""

    def __init__(self, rows: Iterable[Measurement]) -> None:
        self._rows = {(row.label, row.corpus): row for row in rows if row.ok}

    def get(self, label: str, corpus: str) -> Measurement | None:
        """Return one row, None if it is missing."""
        return self._rows.get((label, corpus))

    def common(self, labels: Sequence[str], corpora: Sequence[str]) -> list[list[Measurement]]:
        """Return, for each corpus that has all labels, its rows in the order of the labels."""
        found = []
        for corpus in corpora:
            rows = [self.get(label, corpus) for label in labels]
            if None not in rows:
                found.append([row for row in rows if row is not None])
        return found


def measure_all(folder: Path, *, again: Sequence[str], note: Callable[[str], None]) -> None:
    """Measure what the targets need, going on with the rows that are there."""
    general = [corpus for corpus in matrix.choose([]) if corpus.name in GENERAL]
    general.sort(key=lambda corpus: corpus.raw_bytes)
    own = [lmcodec_codec(level) for level in _LEVELS]
    peers = select(["bzip3", "kanzi", "zpaq", BASELINE], [])
    paq = select(["paq8px -8"], [])
    small = [corpus for corpus in general if corpus.raw_bytes <= _SMALL_BYTES]
    made = matrix.choose(["noise.1M", "zeros.10M"])
    threaded = matrix.choose([_THREADED])
    plans = [
        matrix.Plan(general, available([*own, *peers], note)),
        matrix.Plan(made, available([*own, *select([], [])], note)),
        matrix.Plan(threaded, available([lmcodec_codec(5), lmcodec_codec(5, threads=2)], note)),
        matrix.Plan(small, available(paq, note)),
    ]
    for number, plan in enumerate(plans):
        matrix.run(plan, folder, resume=True, again=again if number == 0 else (), note=note)


def evaluate(rows: Iterable[Measurement]) -> list[Finding]:
    """Return a finding for each target."""
    known = Rows(rows)
    findings: list[Finding] = []
    for check in (
        _level_1,
        _level_5_sizes,
        _level_5_times,
        _level_7,
        _level_9,
        _monotone,
        _noise,
        _zeros,
        _threads,
        _memory,
    ):
        findings += check(known)
    return findings


def _bytes(rows: Iterable[Measurement]) -> int:
    return sum(row.coded_bytes or 0 for row in rows)


def _cpu(rows: Iterable[Measurement], *, decompress: bool = False) -> float:
    return sum((row.decompress_cpu_s if decompress else row.compress_cpu_s) or 0.0 for row in rows)


def _level_1(known: Rows) -> list[Finding]:
    asked = "level 1: total size below bzip3 -b 16 and kanzi -l 7"
    groups = known.common(["lmcodec -1", "bzip3 -b 16", "kanzi -l 7"], GENERAL)
    if not groups:
        return missing(asked)
    own, *peers = zip(*groups, strict=True)
    best = min(_bytes(rows) for rows in peers)
    bzip3 = [_cpu(peers[0], decompress=way) for way in (False, True)]
    mine = [_cpu(own, decompress=way) for way in (False, True)]
    sizes = ", ".join(f"{_bytes(rows):,}" for rows in (own, *peers))
    return [
        Finding(asked, f"{sizes} bytes on {len(groups)} files", _bytes(own) <= best),
        Finding(
            "level 1: total CPU not above that of bzip3, each way",
            f"{mine[0]:.2f} and {mine[1]:.2f} s against {bzip3[0]:.2f} and {bzip3[1]:.2f} s",
            mine[0] <= bzip3[0] and mine[1] <= bzip3[1],
        ),
    ]


def _level_5_sizes(known: Rows) -> list[Finding]:
    findings = []
    for own, zpaq, kanzi in known.common(["lmcodec -5", "zpaq -m5", "kanzi -l 9"], GENERAL):
        best = min(zpaq, kanzi, key=lambda row: row.coded_bytes or 0)
        change = 100 * (_bytes([own]) / _bytes([best]) - 1)
        findings.append(
            Finding(
                f"level 5, {own.corpus}: not above {best.label} ({_bytes([best]):,} bytes)",
                f"{_bytes([own]):,} bytes ({change:+.1f} %)",
                _bytes([own]) <= _bytes([best]),
            )
        )
    return findings or missing("level 5: each file not above min(zpaq -m5, kanzi -l 9)")


def _level_5_times(known: Rows) -> list[Finding]:
    findings = []
    for own, kanzi in known.common(["lmcodec -5", "kanzi -l 9"], GENERAL):
        factor = 1.5 if own.raw_bytes > _SMALL_BYTES else 1.0
        times = [_cpu([row], decompress=way) for way in (False, True) for row in (own, kanzi)]
        findings.append(
            Finding(
                f"level 5, {own.corpus}: CPU within {factor} times kanzi -l 9, each way",
                f"{times[0]:.2f} and {times[2]:.2f} s against {times[1]:.2f} and {times[3]:.2f} s",
                times[0] <= factor * times[1] and times[2] <= factor * times[3],
            )
        )
    return findings or missing("level 5: CPU within 1.5 times kanzi -l 9 above 1 MB")


def _level_7(known: Rows) -> list[Finding]:
    asked = "level 7: total at least 5 % under level 5"
    groups = known.common(["lmcodec -5", "lmcodec -7"], GENERAL)
    if not groups:
        return missing(asked)
    five, seven = zip(*groups, strict=True)
    gain = 100 * (1 - _bytes(seven) / _bytes(five))
    slower = _cpu(seven) / _cpu(five) if _cpu(five) else 0.0
    return [
        Finding(asked, f"{gain:.1f} % under", gain >= 5),
        Finding("level 7: at least 1/3 of the speed of level 5", f"1/{slower:.2f}", slower <= 3),
    ]


def _level_9(known: Rows) -> list[Finding]:
    groups = known.common(["lmcodec -9", "paq8px -8"], GENERAL)
    if not groups:
        return missing("level 9: at most 4 % above paq8px -8 on files up to 1 MB")
    own, paq = zip(*groups, strict=True)
    findings = []
    for mine, other in groups:
        above = 100 * (_bytes([mine]) / _bytes([other]) - 1)
        findings.append(
            Finding(
                f"level 9, {mine.corpus}: at most 4 % above paq8px -8 ({_bytes([other]):,} bytes)",
                f"{_bytes([mine]):,} bytes ({above:+.1f} %)",
                above <= 4,
            )
        )
    faster = _cpu(paq) / _cpu(own) if _cpu(own) else 0.0
    peak = max((row.compress_peak_bytes or 0) for row in own)
    peak = max(peak, *((row.decompress_peak_bytes or 0) for row in own))
    return [
        *findings,
        Finding("level 9: at least 20 times as fast as paq8px -8", f"{faster:.1f}", faster >= 20),
        Finding("level 9: at most 1.5 GiB", f"{peak / _GIB:.2f} GiB", peak <= 1.5 * _GIB),
    ]


def _monotone(known: Rows) -> list[Finding]:
    labels = [f"lmcodec -{level}" for level in _LEVELS]
    asked = "a higher level is never larger in total"
    groups = known.common(labels, GENERAL)
    if not groups:
        return missing(asked)
    by_level = list(zip(*groups, strict=True))
    sizes = [_bytes(rows) for rows in by_level]
    times = [_cpu(rows) for rows in by_level]
    files = f"levels 1 to 9 on {len(groups)} files"
    return [
        Finding(
            asked,
            f"{files}: " + ", ".join(f"{size:,}" for size in sizes),
            all(b <= a for a, b in pairwise(sizes)),
        ),
        Finding(
            "a lower level is never slower in total (a tenth is noise)",
            f"{files}: " + ", ".join(f"{time:.1f}" for time in times) + " s",
            all(a <= b * _TIME_NOISE for a, b in pairwise(times)),
        ),
    ]


def _noise(known: Rows) -> list[Finding]:
    asked = "1 MB of random bytes grows by at most 128 bytes at every level"
    rows = [row for level in _LEVELS if (row := known.get(f"lmcodec -{level}", "noise.1M"))]
    if not rows:
        return missing(asked)
    growth = max(_bytes([row]) - row.raw_bytes for row in rows)
    return [Finding(asked, f"{growth:+} bytes", growth <= 128)]


def _zeros(known: Rows) -> list[Finding]:
    asked = f"10 MB of zeros: at most {_ZEROS_BYTES} bytes at every level"
    rows = [row for level in _LEVELS if (row := known.get(f"lmcodec -{level}", "zeros.10M"))]
    if not rows:
        return missing(asked)
    worst = max(_bytes([row]) for row in rows)
    return [Finding(asked, f"{worst:,} bytes", worst <= _ZEROS_BYTES)]


def _threads(known: Rows) -> list[Finding]:
    asked = f"two threads, {_THREADED}, level 5: the same size, at least {_SPEED_UP} times as fast"
    one, two = known.get("lmcodec -5", _THREADED), known.get("lmcodec -5 -T2", _THREADED)
    if one is None or two is None or not one.compress_wall_s or not two.compress_wall_s:
        return missing(asked)
    faster = one.compress_wall_s / two.compress_wall_s
    same = one.coded_bytes == two.coded_bytes
    return [
        Finding(
            asked,
            f"{'same' if same else 'other'} size, {faster:.2f} times by elapsed time",
            same and faster >= _SPEED_UP,
        )
    ]


def _memory(known: Rows) -> list[Finding]:
    asked = "decoding stays within the memory that `info` declares, plus input, output and 64 MiB"
    excess: list[tuple[int, Measurement]] = []
    for level in _LEVELS:
        for corpus in GENERAL:
            row = known.get(f"lmcodec -{level}", corpus)
            if row is None or row.declared_bytes is None or row.decompress_peak_bytes is None:
                continue
            allowed = row.declared_bytes + row.raw_bytes + _bytes([row]) + _OVERHEAD_BYTES
            excess.append((row.decompress_peak_bytes - allowed, row))
    if not excess:
        return missing(asked)
    most, row = max(excess, key=lambda pair: pair[0])
    where = f"{row.label} on {row.corpus}"
    return [Finding(asked, f"at most {most / (1 << 20):+.0f} MiB ({where})", most <= 0)]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if every target is met, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks figures",
        description="Measure what the project's targets need and say which are met.",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/figures"))
    parser.add_argument(
        "--priors",
        type=Path,
        default=Path("benchmarks/results/priors"),
        metavar="FOLDER",
        help="has the rows of `python -m benchmarks priors`, or takes those that are needed",
    )
    parser.add_argument(
        "--networks",
        type=Path,
        default=Path("benchmarks/results/networks"),
        metavar="FOLDER",
        help="has the rows of `python -m benchmarks networks`",
    )
    parser.add_argument(
        "--llm",
        type=Path,
        default=Path("benchmarks/results/llm"),
        metavar="FOLDER",
        help="has the rows of `python -m benchmarks llm`",
    )
    add_again(parser)
    parser.add_argument("--no-run", action="store_true", help="only read the rows that are there")
    options = parser.parse_args(arguments)

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        if not options.no_run:
            measure_all(options.out, again=options.again, note=note)
            # The report of `priors` has more rows than the targets need: none are dropped here.
            store = Store(options.priors, resume=True)
            store.keep(gains.current(store.rows))
            prior_figures.measure(store, note=note)
        findings = evaluate(read_rows(options.out / "rows.csv"))
        findings += prior_figures.evaluate(gains.rows_of(options.priors))
        findings += networks.evaluate(gains.rows_of(options.networks))
        findings += llm.evaluate(llm.rows_of(options.llm))
    except (LmcodecError, ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        note("stopped; the same command goes on")
        return 1
    text = table(findings)
    machine = Machine.read(options.out)
    (options.out / "figures.md").write_text(
        f"# Targets\n\nMachine: {machine}.\n\n{text}\n", encoding="utf-8"
    )
    print(text)
    return 0 if all(finding.ok for finding in findings) else 1
