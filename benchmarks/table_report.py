"""What tables take, as Markdown, with the targets."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Sequence

from benchmarks.circuit_figures import Figure
from benchmarks.findings import Finding, missing, table
from benchmarks.report import pipe_table
from benchmarks.results import Machine
from benchmarks.table_columns import KINDS, of_tables
from benchmarks.table_graphs import GRAPH, GRAPHS, LINK_BITS, STATIC
from benchmarks.table_synthetic import BITS, BLOCKS, KNOWN, LATENT, OPTIMUM, SIGNAL, SPECTRAL

__all__ = ["by_size", "by_strength", "evaluate", "markdown", "picture"]

_SIZE, _LATENT_PERCENT, _OTHERS_PERCENT = 1000, 1.0, 50.0
_INTRO = (
    "Tables of zeros and ones, drawn from blocks whose entropy is known: three classes of rows, "
    "three of columns. The entropy is H(X | U, V) + H(U) / n + H(V) / m. What latent classes take "
    "is the payload, labels included, and was decoded. Others got the table as bytes and as bits, "
    "by rows and by columns, and the least counts."
)
_SIGNAL_INTRO = (
    "The same blocks, their shares drawn towards one half. At strength 0 nothing can be known. "
    "The spectrum alone is k-means on singular vectors; latent classes were refined by code "
    "length."
)
_COLUMNS_INTRO = (
    "Bytes of the columns of a stream at level 5, and the share of those whose cells are one "
    "value, few values (16 numbers at most, or words with 32 rows to each), other numbers, dates "
    "and times, or text."
)
_GRAPHS_INTRO = (
    "Bits a link of whole streams, which were decoded. References and gaps are static codes with "
    "copies of lists, as in WebGraph; they do not tell the order of lists. Lists and blocks are "
    "the two ways of the first row, which takes the shorter one; payloads alone."
)


def _grouped(
    figures: Iterable[Figure], part: str, *, relative: bool
) -> dict[str, dict[float, list[float]]]:
    """Return bits an entry, or percent above the entropy, by way and size or strength."""
    bits: dict[str, dict[str, float]] = {}
    for one in figures:
        if one.part == part and one.quantity == BITS:
            bits.setdefault(one.subject, {})[one.way] = one.value
    found: dict[str, dict[float, list[float]]] = {}
    for subject, by_way in bits.items():
        for way, value in by_way.items():
            key = float(subject.partition("/")[0])
            number = 100 * (value / by_way[OPTIMUM] - 1) if relative else value
            found.setdefault(way, {}).setdefault(key, []).append(number)
    if relative:
        found.pop(OPTIMUM, None)
    return found


def by_size(figures: Iterable[Figure]) -> dict[str, dict[float, float]]:
    """Return the mean percent above the entropy, by way and number of rows."""
    return _means(_grouped(figures, BLOCKS, relative=True))


def by_strength(figures: Iterable[Figure]) -> dict[str, dict[float, float]]:
    """Return the mean bits an entry, by way and strength."""
    return _means(_grouped(figures, SIGNAL, relative=False))


def _means(found: dict[str, dict[float, list[float]]]) -> dict[str, dict[float, float]]:
    return {way: {key: statistics.fmean(v) for key, v in by.items()} for way, by in found.items()}


def evaluate(figures: Sequence[Figure]) -> list[Finding]:
    """Return a finding for each target."""
    found = by_size(figures)
    own = found.get(LATENT, {})
    asked = f"blocks of {_SIZE:,} rows: less than {_LATENT_PERCENT:g} % above the entropy"
    findings = []
    if _SIZE in own:
        reached = own[_SIZE]
        findings.append(Finding(asked, f"{reached:+.2f} %", reached < _LATENT_PERCENT))
    else:
        findings += missing(asked)
    asked = "blocks: the excess falls with the size"
    if len(own) > 1:
        values = [abs(own[size]) for size in sorted(own)]
        falls = all(after < before for before, after in itertools.pairwise(values))
        reached_all = ", ".join(f"{own[size]:+.2f} %" for size in sorted(own))
        findings.append(Finding(asked, reached_all, falls))
    else:
        findings += missing(asked)
    asked = f"blocks: others stay {_OTHERS_PERCENT:g} % above the entropy"
    others = {
        way: by[_SIZE] for way, by in found.items() if way not in (LATENT, KNOWN) and _SIZE in by
    }
    if others:
        best = min(others, key=lambda way: others[way])
        reached = others[best]
        findings.append(Finding(asked, f"{reached:+.1f} % ({best})", reached > _OTHERS_PERCENT))
    else:
        findings += missing(asked)
    asked = "lists of edges: fewer bits a link than by references and gaps"
    graphs = _graphs(figures)
    if not graphs:
        return findings + missing(asked)
    pairs = {name: (by[GRAPH], by[STATIC]) for name, by in graphs.items()}
    words = ", ".join(f"{name} {own:.2f} to {other:.2f}" for name, (own, other) in pairs.items())
    return [*findings, Finding(asked, words, all(own < other for own, other in pairs.values()))]


def _graphs(figures: Iterable[Figure]) -> dict[str, dict[str, float]]:
    """Return bits a link, by file and way."""
    found: dict[str, dict[str, float]] = {}
    for one in figures:
        if one.part == GRAPHS and one.quantity == LINK_BITS:
            found.setdefault(one.subject, {})[one.way] = one.value
    return found


def markdown(
    figures: Sequence[Figure],
    machine: Machine,
    files: Sequence[str] = (),
    findings: Sequence[Finding] = (),
) -> str:
    """Return the report.

    Args:
        figures: What was measured of blocks and graphs.
        machine: Where.
        files: Lines on files.
        findings: What was found of files.
    """
    targets = table([*evaluate(figures), *findings])
    lines = ["# Tables", "", str(machine), "", targets, "", *files]
    lines += ["## Blocks", "", _INTRO, "", *_table(_grouped(figures, BLOCKS, relative=True)), ""]
    lines += [
        "Percent above the entropy; mean, and from the least to the largest of the seeds.",
        "",
    ]
    lines += ["![](blocks.svg)", "", "## Weaker signals", "", _SIGNAL_INTRO, ""]
    strengths = by_strength(figures)
    ways = [way for way in (OPTIMUM, KNOWN, SPECTRAL, LATENT) if way in strengths]
    keys = sorted({key for way in ways for key in strengths[way]}, reverse=True)
    rows = [[f"{key:g}", *(f"{strengths[way][key]:.4f}" for way in ways)] for key in keys]
    # What classes that cannot be told would cost is in it.
    names = [f"{way}, with labels" if way == "entropy" else way for way in ways]
    lines += [*pipe_table(["strength", *names], rows), "", "![](signal.svg)", ""]
    lines += _columns(figures)
    graphs = _graphs(figures)
    if graphs:
        ways = list(dict.fromkeys(way for by in graphs.values() for way in by))
        cells = [
            [way, *(f"{by[way]:.3f}" if way in by else "" for by in graphs.values())]
            for way in ways
        ]
        lines += ["## Graphs", "", _GRAPHS_INTRO, "", *pipe_table(["", *graphs], cells), ""]
    return "\n".join(lines)


def picture(subject: str) -> str:
    """Return the name of the picture of the columns of a table."""
    return f"columns-{subject.partition('.')[0]}.svg"


def _columns(figures: Iterable[Figure]) -> list[str]:
    found = of_tables(figures)
    if not found:
        return []
    rows = []
    for subject, columns in found.items():
        by_kind = dict.fromkeys(KINDS, 0.0)
        for _, kind, size in columns:
            by_kind[kind] += size
        total = sum(by_kind.values())
        shares = [f"{by_kind[kind] / total:.1%}" for kind in KINDS]
        rows.append([subject, f"{len(columns)}", f"{total:,.0f}", *shares])
    head = ["", "columns", "bytes of columns", *KINDS]
    lines = ["## Columns", "", _COLUMNS_INTRO, "", *pipe_table(head, rows), ""]
    return lines + [line for subject in found for line in (f"![]({picture(subject)})", "")]


def _table(found: dict[str, dict[float, list[float]]]) -> list[str]:
    sizes = sorted({size for by in found.values() for size in by})
    rows = []
    for way, by in found.items():
        cells = [_range(by[size]) if size in by else "" for size in sizes]
        rows.append([way, *cells])
    return pipe_table(["", *(f"{size:,.0f}" for size in sizes)], rows)


def _range(values: Sequence[float]) -> str:
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:+.2f}"
    return f"{mean:+.2f} ({min(values):+.2f} to {max(values):+.2f})"
