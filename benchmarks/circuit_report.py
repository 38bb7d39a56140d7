"""What circuits gain and take, as Markdown and as a page, with the targets."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks import circuit_plot
from benchmarks.circuit_figures import (
    ACCESS,
    ENTROPY,
    ESTIMATED,
    EXACT,
    GROUPS,
    SCALING,
    Figure,
)
from benchmarks.circuit_rows import CODED, IDEAL, SIZE, SPEED
from benchmarks.circuit_walks import WAYS
from benchmarks.findings import Finding, missing, table
from benchmarks.report import fill_page, html_table, pipe_table
from benchmarks.results import Machine
from lmcodec.bench import Measurement

__all__ = ["evaluate", "html_page", "markdown", "streams", "tables", "visits_by_way"]

_INTRO = (
    "What an array of samples takes by circuits that were fitted to others of its kind, beside "
    "other compressors; how fast that is; and how the work grows with the size of a sample. "
    "Bits a dimension are those of whole streams, header, index and checksums included, by the "
    "number of values. What a decoder must have besides, a circuit or a prior, stands in a column "
    "of its own. Every stream was decoded and compared."
)
_OWN = (CODED, IDEAL, "lmcodec")
_PERCENT, _TIMES = 0.5, 1.5
_ALONE, _PRUNED, _MIXED = 1.24, 1.17, 0.92
_ENCODE_S, _DECODE_S, _IMAGES, _STATES = 9.0, 20.0, 10_000, 16
# Visits of the scheme of the paper are a line over log2 D, those of the others a power of D.
_LINE, _POWER = 0.02, 0.05

Table = tuple[str, str, tuple[str, ...], list[list[str]]]
"""Title, words, heading and cells."""


def evaluate(rows: Iterable[Measurement], figures: Sequence[Figure]) -> list[Finding]:
    """Return a finding for each target."""
    good = [row for row in rows if row.ok]
    return [*_sizes(good), *_speeds(good), *_scaling(figures), *_entropy(figures)]


def _sizes(rows: Sequence[Measurement]) -> list[Finding]:
    streams = [row for row in rows if row.kind == SIZE and row.codec == CODED]
    mixed = [row for row in streams if "--mixed" in row.options.split()]
    alone = [row for row in streams if row not in mixed]
    findings = []
    for asked, limit, found in (
        ("a circuit alone", _ALONE, [row for row in alone if " of " not in row.models]),
        ("a circuit, pruned and grown", _PRUNED, [row for row in alone if " of " in row.models]),
        ("a circuit mixed with contexts", _MIXED, mixed),
    ):
        words = f"{asked}: at most {limit:.2f} bits a dimension, everything coded"
        if not found:
            findings += missing(words)
            continue
        best = min(found, key=_bits)
        reached = f"{_bits(best):.4f} ({best.label}, {best.coded_bytes:,} bytes)"
        findings.append(Finding(words, reached, _bits(best) <= limit))
    asked = f"whole streams: within {_PERCENT} % of what the circuit's probabilities add up to"
    over = [(excess, row.label) for row in alone if (excess := _excess(row, rows)) is not None]
    if not over:
        return findings + missing(asked)
    worst, label = max(over)
    reached = f"at most {worst:+.3f} % ({label}), circuits: {len(over)}"
    return [*findings, Finding(asked, reached, worst <= _PERCENT)]


def _bits(row: Measurement) -> float:
    return 8 * (row.coded_bytes or 0) / row.raw_bytes


def _excess(row: Measurement, rows: Iterable[Measurement]) -> float | None:
    """Return by how many percent a stream is longer than its ideal length, if that is known."""
    for other in rows:
        same = (other.options, other.version, other.corpus, other.raw_bytes)
        if other.codec == IDEAL and same == (row.options, row.version, row.corpus, row.raw_bytes):
            return 100 * (_bits(row) / _bits(other) - 1)
    return None


def _speeds(rows: Sequence[Measurement]) -> list[Finding]:
    found = [
        row
        for row in rows
        if row.kind == SPEED
        and row.label.endswith(" -T2")
        and f", {_STATES} states," in row.models
        and _samples(row) == _IMAGES
    ]
    findings = []
    for verb, limit in (("coded", _ENCODE_S), ("decoded", _DECODE_S)):
        asked = f"{_IMAGES:,} images, {_STATES} states, two threads: {verb} in {limit:g} s at most"
        if not found:
            findings += missing(asked)
            continue
        taken = [(_cpu_s(row, verb), row.label) for row in found]
        worst, label = max(taken)
        reached = f"{worst:.2f} s of CPU time of both ({label})"
        findings.append(Finding(asked, reached, worst <= limit))
    asked = f"coding and decoding: within a factor of {_TIMES} of each other"
    both = [row for row in rows if row.kind == SPEED]
    if not both:
        return findings + missing(asked)
    worst = max(max(quotient, 1 / quotient) for quotient in map(_quotient, both))
    return [*findings, Finding(asked, f"at most {worst:.2f} times", worst <= _TIMES)]


def _samples(row: Measurement) -> int:
    return int(row.models.partition(" ")[0])


def _cpu_s(row: Measurement, verb: str) -> float:
    return (row.compress_cpu_s if verb == "coded" else row.decompress_cpu_s) or 0.0


def _quotient(row: Measurement) -> float:
    return _cpu_s(row, "decoded") / max(_cpu_s(row, "coded"), 1e-9)


def _values(figures: Iterable[Figure], part: str, way: str, quantity: str) -> dict[str, float]:
    """Return the numbers of all subjects."""
    return {
        one.subject: one.value
        for one in figures
        if (one.part, one.way, one.quantity) == (part, way, quantity)
    }


def _visits(figures: Sequence[Figure], way: str) -> dict[int, float]:
    """Return visits for each edge, by the number of variables."""
    edges = _values(figures, SCALING, "", "edges")
    visits = _values(figures, SCALING, way, "visits")
    return {int(side): visits[side] / edges[side] for side in edges if side in visits}


def visits_by_way(figures: Sequence[Figure]) -> dict[str, dict[int, float]]:
    """Return visits for each edge, by way and number of variables."""
    return {way: _visits(figures, way) for way in WAYS}


def streams(rows: Iterable[Measurement]) -> list[Measurement]:
    """Return the rows of sizes, but for those that are no streams."""
    return [row for row in rows if row.ok and row.kind == SIZE and row.codec != IDEAL]


def _power(found: dict[int, float]) -> float:
    """Return the slope in a plot whose axes are both logarithmic."""
    return float(np.polyfit(np.log(list(found)), np.log(list(found.values())), 1)[0])


def _scaling(figures: Sequence[Figure]) -> list[Finding]:
    walk, paths, passes = visits_by_way(figures).values()
    findings = []
    asked = "the walk: fewer than 2 visits of each edge, whatever the number D of variables"
    if len(walk) < 2:
        return missing(asked)
    slope, most = _power(walk), max(walk.values())
    findings.append(
        Finding(asked, f"at most {most:.3f}, power of D {slope:.3f}", most < 2 and slope < _POWER)
    )
    asked = "the paths of the paper: visits of each edge grow as the logarithm of D"
    logs = np.log2(list(paths))
    line = np.polyfit(logs, list(paths.values()), 1)
    rest = max(abs(np.polyval(line, logs) / np.array(list(paths.values())) - 1))
    reached = f"{line[0]:.3f} log2 D {line[1]:+.3f}, at most {100 * rest:.2f} % beside it"
    findings.append(Finding(asked, reached, bool(rest < _LINE and line[0] > 0)))
    asked = "a pass for each variable: visits of each edge grow as D"
    slope = _power(passes)
    findings.append(Finding(asked, f"power of D {slope:.3f}", abs(slope - 1) < _POWER))
    asked = "time of the walk for a sample grows as its edges do"
    slope = _power({int(side): s for side, s in _values(figures, SCALING, "walk", "s").items()})
    return [*findings, Finding(asked, f"power of D {slope:.2f}", slope <= 1.1)]


def _entropy(figures: Sequence[Figure]) -> list[Finding]:
    asked = f"samples drawn from a known circuit: within {_PERCENT} % of its entropy"
    entropies = _values(figures, ENTROPY, "", "bits of entropy")
    coded = _values(figures, ENTROPY, "", "bits coded")
    over = {name: 100 * (coded[name] / entropies[name] - 1) for name in entropies}
    known = {name: over[name] for name in (EXACT, ESTIMATED) if name in over}
    if not known:
        return missing(asked)
    worst = max(known, key=lambda name: abs(known[name]))
    reached = f"{known[worst]:+.3f} % at most ({worst})"
    return [Finding(asked, reached, abs(known[worst]) <= _PERCENT)]


def tables(rows: Sequence[Measurement], figures: Sequence[Figure]) -> list[Table]:
    """Return all tables that have lines."""
    good = [row for row in rows if row.ok]
    found = [
        _size_table(good),
        _speed_table(good),
        _scaling_table(figures),
        _entropy_table(figures),
        _access_table(figures),
    ]
    return [one for one in found if one[3]]


def _size_table(rows: Sequence[Measurement]) -> Table:
    sizes = sorted(streams(rows), key=_bits)
    first = sizes[0] if sizes else None
    title = "Sizes" if first is None else f"Sizes of {first.corpus}, {first.raw_bytes:,} values"
    words = (
        "“Over ideal” compares a stream with what the circuit's probabilities add up to. Formats "
        "of images have all samples side by side in one picture, as many columns as rows, or a "
        "file for each sample."
    )
    cells = []
    for row in sizes:
        excess = _excess(row, rows) if row.codec == CODED else None
        cells.append(
            [
                row.label,
                row.models if row.codec == CODED else row.version,
                f"{row.coded_bytes:,}",
                f"{_bits(row):.4f}",
                "" if excess is None else f"{excess:+.3f} %",
                f"{row.prior_bytes:,}",
            ]
        )
    head = ("Codec", "What it is", "Bytes", "Bits a dimension", "Over ideal", "Decoder has, bytes")
    return title, words, head, cells


def _speed_table(rows: Sequence[Measurement]) -> Table:
    words = (
        "In one process, whole streams, the least of three runs in turn. CPU time is that of all "
        "threads; elapsed time is that of a machine that did other work, too."
    )
    head = (
        *("Circuit", "What it is", "Coding, CPU s", "Decoding, CPU s", "Samples/s, decoding"),
        *("Coding, elapsed s", "Decoding, elapsed s"),
    )
    cells = [
        [
            row.label,
            row.models,
            f"{_cpu_s(row, 'coded'):.2f}",
            f"{_cpu_s(row, 'decoded'):.2f}",
            f"{_samples(row) / max(_cpu_s(row, 'decoded'), 1e-9):,.0f}",
            f"{row.compress_wall_s or 0:.2f}",
            f"{row.decompress_wall_s or 0:.2f}",
        ]
        for row in rows
        if row.kind == SPEED
    ]
    return "Speeds", words, head, cells


def _scaling_table(figures: Sequence[Figure]) -> Table:
    words = (
        "Random circuits whose trees halve the variables again and again, with as many edges for "
        "each variable whatever their number D. The walk is the coder; the paths, from the top of "
        "what is known down to each variable and up again, are the scheme of the paper; the passes "
        "visit all for each variable. Visits are counted; those of a walk are the multiplications "
        "that the coder plans, and the entries of tables that it reads. All three gave the same "
        "lengths where they ran. The walk was timed in the core, the others are of numpy: only "
        "what grows how can be compared."
    )
    head = ("D", "Edges", "Walk", "Paths", "Passes", "Walk, ms", "Paths, ms", "Passes, ms")
    edges = _values(figures, SCALING, "", "edges")
    visits = visits_by_way(figures).values()
    taken_s = [_values(figures, SCALING, way, "s") for way in WAYS]
    cells = []
    for side in sorted(edges, key=int):
        cells.append(
            [
                f"{int(side):,}",
                f"{edges[side]:,.0f}",
                *(f"{by.get(int(side), 0):,.2f}" for by in visits),
                *(f"{1000 * by[side]:,.3f}" if side in by else "" for by in taken_s),
            ]
        )
    return "Visits of each edge, and time, for a sample", words, head, cells


def _entropy_table(figures: Sequence[Figure]) -> Table:
    words = (
        "Samples drawn with a fixed seed, coded in groups of 65,536. The entropy of the smallest "
        "circuit is a sum over all its samples; of others it is a mean over samples that are not "
        "among those coded, with its standard error."
    )
    head = ("Circuit", "Samples", "Entropy, bits", "Its error", "Coded, bits", "Change %")
    names = _values(figures, ENTROPY, "", "samples")
    entropies = _values(figures, ENTROPY, "", "bits of entropy")
    errors = _values(figures, ENTROPY, "", "bits of its error")
    coded = _values(figures, ENTROPY, "", "bits coded")
    cells = [
        [
            name,
            f"{names[name]:,.0f}",
            f"{entropies[name]:.3f}",
            f"{errors[name]:.3f}" if errors[name] else "exact",
            f"{coded[name]:.3f}",
            f"{100 * (coded[name] / entropies[name] - 1):+.3f}",
        ]
        for name in names
    ]
    return "Samples drawn from circuits", words, head, cells


def _access_table(figures: Sequence[Figure]) -> Table:
    words = (
        "Payloads of all samples, in groups that are decoded together. To decode one sample, the "
        "index and one group are read. Elapsed time is the median of 64 samples."
    )
    head = ("Circuit", "Group", "Bytes", "Index", "Bytes of a group", "One sample, ms", "All, ms")
    cells = []
    for group in map(str, GROUPS):
        found = {
            quantity: _values(figures, ACCESS, group, quantity)
            for quantity in ("bytes", "bytes of index", "bytes of a group", "s", "s of all")
        }
        for name in found["bytes"]:
            cells.append(
                [
                    name,
                    group,
                    f"{found['bytes'][name]:,.0f}",
                    f"{found['bytes of index'][name]:,.0f}",
                    f"{found['bytes of a group'][name]:,.0f}",
                    f"{1000 * found['s'][name]:.2f}",
                    f"{1000 * found['s of all'][name]:,.0f}",
                ]
            )
    cells.sort(key=lambda line: (line[0], int(line[1])))
    return "One sample of all", words, head, cells


def _versions(rows: Sequence[Measurement]) -> str:
    named = {row.codec: row.version for row in rows if row.codec not in _OWN}
    return "Versions: " + ", ".join(f"{name} {named[name]}" for name in sorted(named)) + "."


def markdown(rows: Sequence[Measurement], figures: Sequence[Figure], machine: Machine) -> str:
    """Return the tables, what failed, and the targets."""
    parts = ["# Circuits", "", _INTRO, "", f"Machine: {machine}.", "", _versions(rows), ""]
    for title, words, head, cells in tables(rows, figures):
        parts += [f"## {title}", "", words, "", *pipe_table(head, cells), ""]
    failed = [[row.corpus, row.label, row.status] for row in rows if not row.ok]
    if failed:
        parts += ["## Failures", "", *pipe_table(("File", "Codec", "What happened"), failed), ""]
    return "\n".join([*parts, "## Targets", "", table(evaluate(rows, figures)), ""])


def html_page(rows: Sequence[Measurement], figures: Sequence[Figure], machine: Machine) -> str:
    """Return a page with plots, where matplotlib is installed, and all tables."""
    drawn = {}
    if importlib.util.find_spec("matplotlib") is not None:
        if any(visits_by_way(figures).values()):
            drawn["Visits"] = circuit_plot.visits(visits_by_way(figures))
        if sizes := streams(rows):
            drawn["Sizes"] = circuit_plot.sizes(sizes)
    sections, links = [], []
    for title, words, head, cells in tables(rows, figures):
        anchor = re.sub(r"\W+", "-", title.split(",")[0].lower())
        plot = next((svg for name, svg in drawn.items() if title.startswith(name)), "")
        figure = f'<div class="plots"><figure>{plot}</figure></div>' if plot else ""
        texts = {0, 1} if "What it is" in head else {0}
        sections.append(
            f'<h2 id="{anchor}">{html.escape(title)}</h2><p>{html.escape(words)}</p>{figure}'
            f"{html_table(head, cells, texts=texts)}"
        )
        links.append(f'<a href="#{anchor}">{html.escape(title)}</a>')
    words_of = {True: "yes", False: "no", None: "?"}
    cells = [[one.asked, one.reached, words_of[one.ok]] for one in evaluate(rows, figures)]
    every = [
        [row.label, row.status, row.version, f"{row.coded_bytes or 0:,}", f"{row.prior_bytes:,}"]
        for row in rows
    ]
    return fill_page(
        {
            "TITLE": "Circuits",
            "INTRO": html.escape(_INTRO),
            "HOW": "",
            "MACHINE": html.escape(str(machine)),
            "VERSIONS": html.escape(_versions(rows)),
            "LINKS": " · ".join(links),
            "SECTIONS": "\n".join(
                [
                    *sections,
                    "<h2>Targets</h2>",
                    html_table(("Asked", "Reached", ""), cells, texts={0, 1, 2}),
                ]
            ),
            "ROWS": html_table(
                ("Codec", "Status", "Version", "Bytes", "Decoder has"), every, texts={0, 1, 2}
            ),
        }
    )
