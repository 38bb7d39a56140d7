"""Tables and lists of edges as files: sizes and speeds of whole streams, beside other codecs."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import matrix
from benchmarks.findings import Finding, missing
from benchmarks.gains import Note
from benchmarks.report import pipe_table
from benchmarks.results import Machine, Store, read_rows
from benchmarks.table_peers import OPENZL, OPENZL_TRAINED, PARQUET, TABLE_PEERS
from lmcodec.bench import Measurement, available
from lmcodec.peers import select

__all__ = ["LEVELS", "evaluate", "markdown", "measure", "read"]

LEVELS = (1, 5, 9)
"""Of this package."""

# The best of each family at its highest level.
_CODECS = (
    "xz -9e",
    "zstd -22*",
    "bzip3*",
    "kanzi -l 9",
    "zpaq -m5",
    "brotli -11",
    "bsc*",
)
_OWN = "lmcodec"
_DEFAULT = "-5"
# Percent less than the least of the others on each file: in all, and of each.
_LESS_IN_ALL, _LESS_EACH = 20.0, 10.0
# Bytes of some files, by any level, and megabytes a second of the default level over all files.
_MOST_BYTES = {"mushroom.csv": 12_300, "adult.csv": 235_000}
_SPEED = 1.0
# Machines differ, and so do hours on one that is shared. The speed is meant for one on which this
# codec makes so many megabytes a second of this file.
_PACER, _PACED, _PACE = "xz -9e", "adult.csv", 1.64
# Columns of their own: they know tables, and Parquet forgets the text.
_BESIDE = {
    "OpenZL": OPENZL.label,
    "OpenZL, trained": OPENZL_TRAINED.label,
    "Parquet": PARQUET.label,
}
_INTRO = (
    "Whole streams, bytes; *others* is the least of {others}. The ratio is that of level {level} "
    "to it. Megabytes a second of CPU, both ways, level after level."
)
_BESIDE_INTRO = (
    "OpenZL has its profile for CSV, as it is and trained on the same file. Parquet "
    "is the least of typed columns and text, with a dictionary and without, by zstd -22 in one "
    "group of rows; it is not byte exact: it keeps cells, not how numbers, quotes and comments "
    "were written. Neither is among the others."
)


def measure(
    folder: Path, patterns: Sequence[str], levels: Sequence[int], taken: Path | None, note: Note
) -> None:
    """Measure files, and go on with the rows that are there.

    Args:
        folder: Takes ``rows.csv`` and ``machine.json``.
        patterns: Names or kinds of corpora.
        levels: Of this package.
        taken: Folder of an earlier run on such a machine: its rows of other codecs are taken over.
        note: Told what is done.

    Raises:
        ValueError: A pattern matches no corpus, or rows are of another machine.
        OSError: Rows cannot be read.
    """
    codecs = available([*select([_OWN, *_CODECS], levels), *TABLE_PEERS], note)
    plan = matrix.Plan(matrix.choose(patterns), codecs)
    if taken is not None:
        _take_over(Store(folder, resume=True), plan, taken)
    matrix.run(plan, folder, resume=True, note=note)


def _take_over(store: Store, plan: matrix.Plan, taken: Path) -> None:
    """Add what an earlier run measured of other codecs."""
    before = Machine.read(taken)
    if before is None or not before.is_like(Machine.here()):
        raise ValueError(f"rows are from another machine: {taken}")
    labels = {codec.label for codec in (*select(_CODECS, []), *TABLE_PEERS)}
    sizes = {corpus.name: plan.size(corpus) for corpus in plan.corpora}
    store.add(
        *(
            row
            for row in read_rows(taken / "rows.csv")
            if row.ok
            and row.label in labels
            and sizes.get(row.corpus) == row.raw_bytes
            and not store.has(row.corpus, row.raw_bytes, row.label, row.version)
        )
    )


def read(folder: Path) -> list[Measurement]:
    """Return the rows of a folder, none where nothing was measured."""
    path = folder / "rows.csv"
    return [row for row in read_rows(path) if row.ok] if path.exists() else []


def markdown(rows: Iterable[Measurement]) -> list[str]:
    """Return a part of the report: a line for each file, and their sums.

    Args:
        rows: Of this package and of others; files without a row of both are left out.
    """
    by_file: dict[str, list[Measurement]] = {}
    for row in rows:
        by_file.setdefault(row.corpus, []).append(row)
    levels = sorted({row.options for found in by_file.values() for row in _own(found)})
    if not levels:
        return []
    lines = []
    raw_sum, other_sum, own_sums = 0, 0, dict.fromkeys(levels, 0)
    every = [row for found in by_file.values() for row in found]
    besides = {
        name: {row.corpus: _bytes(row) for row in every if row.label == label}
        for name, label in _BESIDE.items()
    }
    besides = {name: sizes for name, sizes in besides.items() if sizes}
    names = set()
    for name, found in by_file.items():
        own = {row.options: row for row in _own(found)}
        others = [row for row in found if row.codec != _OWN and row.label not in _BESIDE.values()]
        if set(own) != set(levels) or not others:
            continue
        best = min(others, key=_bytes)
        names |= {row.label for row in others}
        raw_sum += best.raw_bytes
        other_sum += _bytes(best)
        for level in levels:
            own_sums[level] += _bytes(own[level])
        lines.append(
            [
                name,
                f"{best.raw_bytes:,}",
                *(f"{_bytes(own[level]):,}" for level in levels),
                f"{_bytes(best):,} ({best.codec})",
                f"{_bytes(own[levels[-1]]) / _bytes(best):.3f}",
                *(f"{sizes[name]:,}" if name in sizes else "" for sizes in besides.values()),
                "; ".join(_speeds(own[level]) for level in levels),
            ]
        )
    if not lines:
        return []
    last = own_sums[levels[-1]] / other_sum
    sums = [f"{own_sums[level]:,}" for level in levels]
    shown = {line[0] for line in lines}
    beside_sums = [
        # A sum of some is none.
        f"{sum(sizes[name] for name in shown):,}" if shown <= set(sizes) else ""
        for sizes in besides.values()
    ]
    lines.append(["all", f"{raw_sum:,}", *sums, f"{other_sum:,}", f"{last:.3f}", *beside_sums, ""])
    own_heads = [f"level {level[1:]}" for level in levels]
    head = ["", "bytes", *own_heads, "others", "ratio", *besides, "MB/s"]
    intro = _INTRO.format(others=", ".join(sorted(names)), level=levels[-1][1:])
    if besides:
        intro += f" {_BESIDE_INTRO}"
    return ["## Files", "", intro, "", *pipe_table(head, lines), ""]


def evaluate(rows: Iterable[Measurement]) -> list[Finding]:
    """Return a finding for each target of files.

    Args:
        rows: Of this package and of others.
    """
    own: dict[str, list[Measurement]] = {}
    others: dict[str, list[int]] = {}
    labels: dict[str, list[str]] = {}
    pace = None
    for row in rows:
        if (row.label, row.corpus) == (_PACER, _PACED) and row.compress_cpu_s:
            pace = row.raw_bytes / 1e6 / row.compress_cpu_s
        if row.codec == _OWN:
            own.setdefault(row.corpus, []).append(row)
        elif row.label not in _BESIDE.values():
            others.setdefault(row.corpus, []).append(_bytes(row))
            labels.setdefault(row.corpus, []).append(row.label)
    # The best of some is not the best of all.
    missed = [
        one for one in _CODECS if not all(fnmatch.filter(some, one) for some in labels.values())
    ]
    usual = {name: row for name, some in own.items() for row in some if row.options == _DEFAULT}
    pairs = {
        name: (_bytes(row), min(others[name])) for name, row in usual.items() if name in others
    }
    level = f"level {_DEFAULT[1:]}"
    asked_all = f"files, {level}: {_LESS_IN_ALL:g} % less than the best of others on each, in all"
    asked_each = f"files, {level}: {_LESS_EACH:g} % less than the best of others, each"
    asked_speed = (
        f"files, {level}: {_SPEED:g} MB/s of CPU in all, both ways, "
        f"where {_PACER} makes {_PACE:g} of {_PACED}"
    )
    if not pairs:
        findings = missing(asked_all) + missing(asked_each) + missing(asked_speed)
    else:
        sums = [sum(sizes) for sizes in zip(*pairs.values(), strict=True)]
        in_all = 100 * (1 - sums[0] / sums[1])
        less = {name: 100 * (1 - mine / other) for name, (mine, other) in pairs.items()}
        least = min(less, key=lambda name: less[name])
        raw = sum(usual[name].raw_bytes for name in pairs)
        without = f", without {', '.join(missed)}" if missed else ""
        reached_all = f"{in_all:.1f} % of {len(pairs)}{without}"
        reached_each = f"{less[least]:.1f} % ({least}){without}"
        findings = [
            Finding(asked_all, reached_all, None if missed else in_all >= _LESS_IN_ALL),
            Finding(asked_each, reached_each, None if missed else less[least] >= _LESS_EACH),
        ]
        ways = [(usual[name].compress_cpu_s, usual[name].decompress_cpu_s) for name in pairs]
        # Of files that are coded in no time that could be told there is no speed.
        there, back = (sum(time or 0.0 for time in times) for times in zip(*ways, strict=True))
        if there and back:
            speeds = [raw / 1e6 / there, raw / 1e6 / back]
            findings.append(_speed_finding(asked_speed, speeds, pace))
        else:
            findings += missing(asked_speed)
    for name, most in _MOST_BYTES.items():
        asked = f"{name}: {most:,} bytes or less"
        if name not in own:
            findings += missing(asked)
            continue
        best = min(own[name], key=_bytes)
        reached = f"{_bytes(best):,}, level {best.options[1:]}"
        findings.append(Finding(asked, reached, _bytes(best) <= most))
    return findings


def _speed_finding(asked: str, speeds: Sequence[float], pace: float | None) -> Finding:
    """Judge speeds both ways, in MB/s, where the pacer has made `pace`, if that is known."""
    shown = " and ".join(f"{speed:.2f}" for speed in speeds)
    if pace is None:
        return Finding(asked, f"{shown}, {_PACER} of {_PACED} was not measured", None)
    at_pace = [speed * _PACE / pace for speed in speeds]
    reached = " and ".join(f"{speed:.2f}" for speed in at_pace)
    reached += f" ({shown} where it makes {pace:.2f})"
    return Finding(asked, reached, min(at_pace) >= _SPEED)


def _own(rows: Iterable[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.codec == _OWN]


def _bytes(row: Measurement) -> int:
    return row.coded_bytes or 0


def _speeds(row: Measurement) -> str:
    """Return the speeds both ways, where they are known."""
    times = row.compress_cpu_s, row.decompress_cpu_s
    return ", ".join(f"{row.raw_bytes / time / 1e6:.2g}" if time else "?" for time in times)
