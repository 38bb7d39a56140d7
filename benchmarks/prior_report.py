"""What the prior gains as Markdown and as one HTML page that needs no other file."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks import prior_figures, prior_plot
from benchmarks.findings import table
from benchmarks.gains import HEAD_BYTES, KINDS, SIZES, Gain, gains, pairs
from benchmarks.messages import LENGTHS, SAMPLES
from benchmarks.prior_plot import size_name
from benchmarks.report import fill_page, html_table, number, pipe_table, versions
from benchmarks.results import Machine
from lmcodec import prior
from lmcodec.bench import Measurement

__all__ = ["CLASSES", "html_page", "markdown"]

CLASSES = (1 << 12, 1 << 16, 1 << 20, None)
"""Sizes whose bytes are tabled; None is whole files."""

_TITLE = "What the prior gains"
_INTRO = (
    "Bytes of whole streams of lmcodec, without a prior and with the one that ships with it. "
    "“4 KiB” is the first 4096 bytes of every file that is longer, and so on; “whole” is every "
    f"file, the first {HEAD_BYTES // 10**6} MB of larger ones."
)
_HOW = (
    "Every stream was decoded and compared with the original byte for byte. “With” is the default: "
    "it starts from the prior where a sample says that this pays, which “start from it” counts. "
    "“With, and the prior” adds what a decoder ships for that, once for each sum. A minus sign is "
    "a gain."
)
_PLOT_NOTE = (
    "Each point is the sum over the files of a kind that are so long; it is hollow where some are "
    "not. In 256 bytes the digest that names the prior takes 33."
)
_HEAD = (
    "Kind",
    "Files",
    "Start from it",
    "Raw bytes",
    "Without",
    "With",
    "With, and the prior",
    "Change %",
)
_ROW_HEAD = (
    "Corpus",
    "Kind",
    "Level",
    "Raw bytes",
    "Without",
    "With",
    "With, and the prior",
    "Change %",
    "Starts from it",
)
_MESSAGES_HEAD = (
    "Coder",
    *(f"{length} bytes" for length in LENGTHS),
    "Its prior or dictionary, at most",
)
_MESSAGES = (
    f"The first bytes of {len(SAMPLES)} files, each a message of its own, in sums: "
    f"{', '.join(SAMPLES)}. “Own” priors, and the dictionary, are trained for each file on pieces "
    "of 512 bytes from byte 65,536 on; “of 32 KiB” on 64 of them, “of all” on the rest of the "
    "file. Nothing of them is in the messages, and neither is counted in their bytes."
)
_LARGER = 10


@dataclass(frozen=True)
class Section:
    """A part of a report: words, then a table; `texts` are the columns that hold words."""

    title: str
    words: str
    head: Sequence[str]
    cells: Sequence[Sequence[str]]
    texts: frozenset[int] = frozenset({0})


def markdown(rows: Sequence[Measurement], machine: Machine) -> str:
    """Return the gain by size, the bytes of some sizes, messages and targets."""
    parts = [f"# {_TITLE}", "", _INTRO, "", _HOW, ""]
    parts += [f"Machine: {machine}.", "", versions(_own_last(rows)), ""]
    for section in _sections(rows):
        parts += [f"## {section.title}", ""]
        parts += [section.words, ""] if section.words else []
        parts += [*pipe_table(section.head, section.cells), ""] if section.cells else []
    parts += ["## Targets", "", table(prior_figures.evaluate(rows)), ""]
    return "\n".join(parts)


def html_page(rows: Sequence[Measurement], machine: Machine) -> str:
    """Return the same with a plot (where matplotlib is installed) and a table of all files."""
    parts = []
    if importlib.util.find_spec("matplotlib") is not None:
        for level in _levels(rows):
            drawn = prior_plot.plot(rows, level)
            parts.append(f'<div class="plots large"><figure>{drawn}</figure></div>')
        parts.append(f"<p>{html.escape(_PLOT_NOTE)}</p>")
    for section in _sections(rows):
        words = f"<p>{html.escape(section.words)}</p>" if section.words else ""
        parts.append(
            f"<h2>{html.escape(section.title)}</h2>{words}"
            f"{html_table(section.head, section.cells, texts=section.texts)}"
        )
    answers = {True: "yes", False: "no", None: "?"}
    findings = prior_figures.evaluate(rows)
    cells = [[finding.asked, finding.reached, answers[finding.ok]] for finding in findings]
    targets = html_table(("Asked", "Reached", "Met"), cells, texts={0, 1, 2})
    parts.append(f'<h2 id="targets">Targets</h2>{targets}')
    return fill_page(
        {
            "TITLE": _TITLE,
            "INTRO": html.escape(_INTRO),
            "HOW": html.escape(_HOW),
            "MACHINE": html.escape(str(machine)),
            "VERSIONS": html.escape(versions(_own_last(rows))),
            "LINKS": '<a href="#targets">targets</a>',
            "SECTIONS": "\n".join(parts),
            "ROWS": html_table(_ROW_HEAD, _row_cells(rows), texts={0, 1, 8}),
        }
    )


def _own_last(rows: Iterable[Measurement]) -> list[Measurement]:
    """Return the rows in the order of their versions: that of this package names its prior last."""
    return sorted(rows, key=lambda row: len(row.version))


def _levels(rows: Iterable[Measurement]) -> list[int]:
    """Return the levels at which heads were coded, not only whole files for a target."""
    every = list(rows)
    return [level for level in range(1, 10) if gains(every, level, SIZES[0])]


def _sections(rows: Sequence[Measurement]) -> list[Section]:
    sections = []
    for level in _levels(rows):
        sizes = (*SIZES, None)
        sections.append(
            Section(
                f"Level {level}: change by size of the input",
                "Percent; in parentheses how many files are so long.",
                ("Kind", *map(size_name, sizes)),
                _by_size([gains(rows, level, size) for size in sizes]),
            )
        )
        for size in CLASSES:
            sums = gains(rows, level, size)
            if sums:
                title = f"Level {level}: {size_name(size)}"
                cells = [_gain_cells(gain) for gain in [*sums, _sum(sums)]]
                sections.append(Section(title, "", _HEAD, cells))
        sections.append(_larger(rows, level))
    messages = _message_cells(rows)
    if messages:
        sections.append(Section("Messages", _MESSAGES, _MESSAGES_HEAD, messages))
    return sections


def _by_size(columns: Sequence[Sequence[Gain]]) -> list[list[str]]:
    lines = []
    for kind in KINDS:
        found = [next((gain for gain in sums if gain.kind == kind), None) for sums in columns]
        if any(found):
            cells = [f"{_change(gain)} ({gain.files})" if gain else "" for gain in found]
            lines.append([kind, *cells])
    return lines


def _sum(sums: Sequence[Gain]) -> Gain:
    """Return the sum of all kinds; what ships is the same for all."""
    return Gain(
        "all kinds",
        sum(gain.files for gain in sums),
        sum(gain.primed for gain in sums),
        sum(gain.raw_bytes for gain in sums),
        sum(gain.plain_bytes for gain in sums),
        sum(gain.coded_bytes for gain in sums),
        max(gain.prior_bytes for gain in sums),
    )


def _gain_cells(gain: Gain) -> list[str]:
    return [
        gain.kind,
        str(gain.files),
        str(gain.primed),
        f"{gain.raw_bytes:,}",
        f"{gain.plain_bytes:,}",
        f"{gain.coded_bytes:,}",
        f"{gain.coded_bytes + gain.prior_bytes:,}",
        _change(gain),
    ]


def _change(gain: Gain) -> str:
    return _signed(-gain.percent)


def _signed(percent: float) -> str:
    # Small losses count, so they must be seen.
    return number(percent, "+.2f" if abs(percent) < 1 else "+.1f") if percent else "0"


def _larger(rows: Sequence[Measurement], level: int) -> Section:
    """List what is larger with the prior at any size, the worst first."""
    found = [
        (100 * ((primed.coded_bytes or 0) / (plain.coded_bytes or 1) - 1), plain, primed)
        for size in (*SIZES, None)
        for plain, primed in pairs(rows, level, size)
    ]
    lost = sorted(
        {
            (-loss, plain.corpus, plain.raw_bytes, plain.coded_bytes or 0, primed.coded_bytes or 0)
            for loss, plain, primed in found
            if loss > 0
        }
    )
    cells = [
        [corpus, f"{raw_bytes:,}", f"{plain:,}", f"{primed:,}", _signed(-gain)]
        for gain, corpus, raw_bytes, plain, primed in lost[:_LARGER]
    ]
    return Section(
        f"Level {level}: larger with the prior",
        f"{len(lost)} of {len(found)} streams are larger; at most {_LARGER} are listed.",
        ("Corpus", "Raw bytes", "Without", "With", "Change %"),
        cells,
    )


def _message_cells(rows: Sequence[Measurement]) -> list[list[str]]:
    """Return the sums of every coder that coded all messages, the smallest first."""
    lines = []
    for name in dict.fromkeys(row.label for row in rows):
        sums = prior_figures.message_bytes(rows, name)
        if sums is not None and not name.startswith("lmcodec -"):
            mine = [row.prior_bytes for row in rows if row.label == name]
            lines.append((sums, [name, *(f"{size:,}" for size in sums), f"{max(mine):,}"]))
    return [cells for _, cells in sorted(lines)]


def _row_cells(rows: Sequence[Measurement]) -> list[list[str]]:
    name = prior.default().name
    cells = []
    for level in range(1, 10):
        found = {
            (plain.corpus, plain.raw_bytes): (plain, primed)
            for size in (*SIZES, None)
            for plain, primed in pairs(rows, level, size)
        }
        for plain, primed in found.values():
            before, after = plain.coded_bytes or 0, primed.coded_bytes or 0
            cells.append(
                [
                    plain.corpus,
                    plain.kind,
                    str(level),
                    f"{plain.raw_bytes:,}",
                    f"{before:,}",
                    f"{after:,}",
                    f"{after + primed.prior_bytes:,}",
                    _signed(100 * (after / before - 1)),
                    "yes" if name in primed.models.split() else "no",
                ]
            )
    return cells
