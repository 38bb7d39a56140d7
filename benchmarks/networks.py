"""``python -m benchmarks networks``: what the network of level 9 gains, file by file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from benchmarks import gains, matrix
from benchmarks.findings import Finding, bits_per_byte, missing, table
from benchmarks.gains import KINDS, Note, Setting, beside
from benchmarks.messages import LENGTHS, NETWORK, SAMPLES, message_times, times
from benchmarks.options import add_chosen, add_results
from benchmarks.report import pipe_table
from benchmarks.results import Machine, Store
from lmcodec import corpora, network, prior
from lmcodec.bench import Measurement
from lmcodec.corpora import Corpus
from lmcodec.errors import LmcodecError

__all__ = ["SETTINGS", "end", "evaluate", "main", "markdown"]

SETTINGS = (Setting(9, network="none"), Setting(9), Setting(9, model="bytelm"))
"""Level 9 with the prior alone, level 9 as it is, and the network alone."""

_LARGEST, _HEAD_BYTES = 10**6, 1 << 17
_GAIN_KINDS, _GAIN_PERCENT = ("text", "code", "markup", "json"), 14
_LOSS_KINDS, _LOSS_PERCENT = ("binary", "tabular", "dna"), 0.1
_FIRST_S, _LATER_S = 0.050, 0.002
_BITS = {"alice29.txt": 1.40, "book1": 1.60, "enwik6": 1.33}
_HEAD = ("Bytes", "With the prior alone", "With the network", "Change %", "The network alone")


def end(corpus: Corpus) -> int:
    """Return how much of a corpus is coded: all, if it is no more than a megabyte."""
    return corpus.raw_bytes if corpus.raw_bytes <= _LARGEST else _HEAD_BYTES


def evaluate(rows: Iterable[Measurement]) -> list[Finding]:
    """Return a finding for each target."""
    known = [row for row in rows if row.ok]
    found = beside(known, SETTINGS)
    small = [sides for sides in found if _whole(sides) and sides[0].kind in _GAIN_KINDS]
    asked = (
        f"level 9, text, code, markup and JSON up to {_LARGEST // 10**6} MB: at least "
        f"{_GAIN_PERCENT} % smaller in total with the network than with the prior alone"
    )
    findings = missing(asked)
    if small:
        plain, mixed, _ = map(_bytes, zip(*small, strict=True))
        gain = 100 * (1 - mixed / plain)
        reached = f"{plain:,} to {mixed:,} bytes on {len(small)} files: {gain:.1f} %"
        findings = [Finding(asked, reached, gain >= _GAIN_PERCENT)]
    asked = f"level 9, binaries, tables and DNA: at most {_LOSS_PERCENT} % larger, each"
    losses = [
        (100 * (_bytes([mixed]) / _bytes([plain]) - 1), plain.corpus)
        for plain, mixed, _ in found
        if plain.kind in _LOSS_KINDS
    ]
    if losses:
        worst, where = max(losses)
        reached = f"at most {worst:+.2f} % ({where}), {len(losses)} files"
        findings.append(Finding(asked, reached, worst <= _LOSS_PERCENT))
    else:
        findings += missing(asked)
    sizes = {mixed.corpus: mixed for _, mixed, _ in found}
    for name, limit in _BITS.items():
        findings += bits_per_byte(f"level 9 with the network, {name}", sizes.get(name), limit)
    return findings + message_times(known, NETWORK, _FIRST_S, _LATER_S)


def _whole(sides: Sequence[Measurement]) -> bool:
    return sides[0].raw_bytes != _HEAD_BYTES


def _bytes(rows: Iterable[Measurement]) -> int:
    return sum(row.coded_bytes or 0 for row in rows)


def markdown(rows: Sequence[Measurement], machine: Machine) -> str:
    """Return the sums by kind, all files, and the targets."""
    shipped = len(bytes(prior.default())), len(bytes(network.default()))
    parts = [
        "# What the network gains",
        "",
        f"Bytes of whole streams of level 9, of files up to {_LARGEST:,} bytes, and of the first "
        f"{_HEAD_BYTES:,} of larger ones. The prior and the network, which a decoder ships, take "
        f"{shipped[0]:,} and {shipped[1]:,} bytes; the columns do not count them, the last line of "
        "the sums does, once. Every stream was decoded and compared.",
        "",
        f"Machine: {machine}.",
        "",
        "## By kind",
        "",
    ]
    found = beside(rows, SETTINGS)
    cells = []
    for kind in KINDS:
        mine = [sides for sides in found if sides[0].kind == kind]
        if mine:
            cells.append([kind, str(len(mine)), *_cells(mine)])
    if found:
        cells.append(["all", str(len(found)), *_cells(found)])
        raw, plain, mixed, _, alone = _sums(found)
        counted = [raw, plain + shipped[0], mixed + sum(shipped), "", alone + shipped[1]]
        shown = [f"{value:,}" if value != "" else "" for value in counted]
        cells.append(["all, with what ships", str(len(found)), *shown])
    parts += [*pipe_table(("Kind", "Files", *_HEAD), cells), "", "## Files", ""]
    order = sorted(found, key=lambda sides: (KINDS.index(sides[0].kind), sides[0].corpus))
    cells = [[sides[0].corpus, sides[0].kind, *_cells([sides])] for sides in order]
    parts += [*pipe_table(("Corpus", "Kind", *_HEAD), cells), "", "## Targets", ""]
    return "\n".join([*parts, table(evaluate(rows)), ""])


def _add_times(store: Store, note: Note) -> None:
    name, length = SAMPLES[0], LENGTHS[0]
    try:
        message = corpora.load(name)[:length]
    except LmcodecError as error:
        note(f"{name}: skipped: {error}")
        return
    note(f"a message of {length} bytes, in processes of their own")
    blank = Measurement(name, corpora.find(name).kind, 0, "lmcodec", "", "")
    store.add(*times(blank, message, store, [NETWORK]))


def _sums(found: Sequence[Sequence[Measurement]]) -> tuple[int, int, int, float, int]:
    raw = sum(sides[0].raw_bytes for sides in found)
    plain, mixed, alone = map(_bytes, zip(*found, strict=True))
    return raw, plain, mixed, 100 * (mixed / plain - 1), alone


def _cells(found: Sequence[Sequence[Measurement]]) -> list[str]:
    raw, plain, mixed, change, alone = _sums(found)
    return [f"{raw:,}", f"{plain:,}", f"{mixed:,}", f"{change:+.2f}", f"{alone:,}"]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if every row is right, 1 otherwise."""
    options = _parser().parse_args(arguments)

    def measure(store: Store, note: Note) -> None:
        chosen = matrix.choose(options.only or KINDS)
        jobs = options.jobs
        gains.measure(chosen, store, settings=SETTINGS, sizes=(), end=end, jobs=jobs, note=note)
        _add_times(store, note)

    rows = gains.run(options, measure)
    if rows is None:
        return 1
    text = markdown(rows, Machine.read(options.out) or Machine.here())
    (options.out / "report.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(row.ok for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks networks",
        description="Measure sizes at level 9 with the network, with the prior alone, and with the "
        "network alone, file by file; write CSV and Markdown.",
    )
    add_chosen(parser)
    add_results(parser, "benchmarks/results/networks", "the rows that are there")
    return parser
