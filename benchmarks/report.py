"""A run as Markdown and as one HTML page that needs no other file."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Callable, Mapping, Sequence, Set
from importlib import resources

from benchmarks import plots
from benchmarks.results import Machine, baselines, quotient
from benchmarks.summary import ALL, Total, belongs, kinds, totals
from lmcodec.bench import Measurement

__all__ = ["fill_page", "html_page", "html_table", "markdown", "number", "pipe_table", "versions"]

_UNKNOWN = "\u2013"
_HOW = (
    "Sizes are those of the finished file, container included, and every decoded file was compared "
    "with the original byte for byte. MB = 10^6 bytes, MiB = 2^20 bytes. Speeds are raw bytes by "
    "CPU seconds (user + system, all threads): other load on the machine hardly changes them. "
    "Commands are measured as whole processes; libraries, lmcodec among them, as the call in a "
    "fresh Python process, whose memory counts as theirs. Every peer runs on one thread. "
    "“% of xz” compares with xz -9e on the same files in the same run. “With prior” adds the "
    "knowledge that ships with a decoder, such as a dictionary, once. A dash means not known: a "
    "time below 0.03 s, or a figure that this system does not tell."
)
_INTRO = (
    "How small, how fast, with how much memory: lossless compressors on public files. In each plot "
    "a codec is better the further it lies to the lower right: smaller and faster. The dashed line "
    "joins the codecs that nothing beats in both; a hollow mark ran on a part of the files only. "
    "Numbers after lmcodec are its levels, 1 (fast) to 9 (small)."
)
_HEAD = (
    "Codec",
    "Files",
    "Bytes",
    "With prior",
    "% of raw",
    "% of xz",
    "Compress MB/s",
    "Decompress MB/s",
    "Peak MiB",
)
_ROW_HEAD = (
    "Corpus",
    "Kind",
    "Raw bytes",
    "Codec",
    "Bytes",
    "With prior",
    "% of raw",
    "% of xz",
    "Compress CPU s",
    "Decompress CPU s",
    "Compress MiB",
    "Decompress MiB",
    "Models",
)


def markdown(rows: Sequence[Measurement], machine: Machine) -> str:
    """Return tables of all kinds, then by kind, then a table of the failures if there are any."""
    parts = ["# Benchmark", "", _HOW, "", f"Machine: {machine}.", "", versions(rows), ""]
    for kind in _sections(rows):
        parts += [f"## {_title(rows, kind)}", ""]
        parts += pipe_table(_HEAD, [_total_cells(total) for total in totals(rows, kind)])
        parts.append("")
    failed = [row for row in rows if not row.ok]
    if failed:
        parts += ["## Failures", ""]
        parts += pipe_table(
            ("Corpus", "Codec", "What happened"),
            [[row.corpus, row.label, row.status] for row in failed],
        )
        parts.append("")
    return "\n".join(parts)


def html_page(rows: Sequence[Measurement], machine: Machine) -> str:
    """Return a page with plots (where matplotlib is installed), totals by kind and all rows."""
    draw = plots.plot if importlib.util.find_spec("matplotlib") is not None else None
    sections = []
    for kind in _sections(rows):
        sums = totals(rows, kind)
        large = kind == ALL
        drawn = ""
        if draw is not None:
            both = [
                f"<figure>{draw(kind, sums, decompress=way, large=large)}</figure>"
                for way in (False, True)
            ]
            drawn = f'<div class="plots{" large" if large else ""}">{"".join(both)}</div>'
        cells = [_total_cells(total) for total in sums]
        sections.append(
            f'<h2 id="{_anchor(kind)}">{html.escape(_title(rows, kind))}</h2>{drawn}'
            f"{html_table(_HEAD, cells, texts={0})}"
        )
    links = " · ".join(f'<a href="#{_anchor(kind)}">{kind}</a>' for kind in _sections(rows))
    failed = [row for row in rows if not row.ok]
    if failed:
        cells = [[row.corpus, row.label, row.status] for row in failed]
        table = html_table(("Corpus", "Codec", "What happened"), cells, texts={0, 1, 2})
        sections.append(f"<h2>Failures</h2>{table}")
    return fill_page(
        {
            "TITLE": "lmcodec and its peers",
            "INTRO": html.escape(_INTRO),
            "HOW": html.escape(_HOW),
            "MACHINE": html.escape(str(machine)),
            "VERSIONS": html.escape(versions(rows)),
            "LINKS": links,
            "SECTIONS": "\n".join(sections),
            "ROWS": html_table(_ROW_HEAD, _row_cells(rows), texts={0, 1, 3, 12}),
        }
    )


def fill_page(values: Mapping[str, str]) -> str:
    """Return the page of all reports with a value in each of its places."""
    page = resources.files("benchmarks").joinpath("page.html").read_text(encoding="utf-8")
    for name, value in values.items():
        page = page.replace(f"<!--{name}-->", value)
    return page


def _sections(rows: Sequence[Measurement]) -> list[str]:
    every = kinds(rows)
    return every if len(every) == 1 else [ALL, *every]


def _title(rows: Sequence[Measurement], kind: str) -> str:
    sizes = {(row.corpus, row.raw_bytes) for row in rows if belongs(row, kind)}
    files = "file" if len(sizes) == 1 else "files"
    return f"{kind}: {len(sizes)} {files}, {sum(size for _, size in sizes):,} bytes"


def _anchor(kind: str) -> str:
    return kind.replace(" ", "-")


def versions(rows: Sequence[Measurement]) -> str:
    """Return a line with the version of each codec."""
    known = {row.codec: row.version for row in rows}
    return "Versions: " + ", ".join(f"{name} {known[name]}" for name in sorted(known)) + "."


def _total_cells(total: Total) -> list[str]:
    return [
        total.label,
        f"{total.files}/{total.of_files}",
        f"{total.coded_bytes:,}",
        f"{total.coded_bytes + total.prior_bytes:,}",
        f"{100 * total.coded_bytes / total.raw_bytes:.2f}",
        f"{total.percent_of_xz:.1f}",
        number(total.speed(decompress=False), ".3g"),
        number(total.speed(decompress=True), ".3g"),
        number(quotient(total.peak_bytes, 1 << 20), ".0f"),
    ]


def _row_cells(rows: Sequence[Measurement]) -> list[list[str]]:
    base = baselines(rows)
    cells = []
    for row in rows:
        if row.coded_bytes is None:
            continue
        xz = base.get((row.corpus, row.raw_bytes))
        of_xz = quotient(row.coded_bytes, xz.coded_bytes if xz else None)
        cells.append(
            [
                row.corpus,
                row.kind,
                f"{row.raw_bytes:,}",
                row.label,
                f"{row.coded_bytes:,}",
                f"{row.coded_bytes + row.prior_bytes:,}",
                number(100 * row.coded_bytes / row.raw_bytes, ".2f"),
                number(100 * of_xz if of_xz is not None else None, ".1f"),
                number(row.compress_cpu_s, ".2f"),
                number(row.decompress_cpu_s, ".2f"),
                number(quotient(row.compress_peak_bytes, 1 << 20), ".0f"),
                number(quotient(row.decompress_peak_bytes, 1 << 20), ".0f"),
                row.models,
            ]
        )
    return cells


def number(value: float | None, form: str) -> str:
    """Return a number as a cell, a dash where it is not known."""
    return _UNKNOWN if value is None else format(value, form)


def pipe_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, its first column to the left."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    escape: Callable[[str], str] = lambda cell: cell.replace("|", "\\|")  # noqa: E731
    return [f"| {' | '.join(map(escape, cells))} |" for cells in [head, rule, *rows]]


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: Set[int]) -> str:
    """Return a table whose columns sort by a click; those in `texts` hold words."""
    # The ends of cells and rows go without saying in HTML, and make up a third of a long table.
    titles = "".join(
        f"<th{' class=t' if column in texts else ''}>{html.escape(cell)}"
        for column, cell in enumerate(head)
    )
    lines = []
    for row in rows:
        own = any(cell.startswith("lmcodec") for cell in row)
        cells = "".join(
            f"<t{'h' if column in texts else 'd'}>{html.escape(cell)}"
            for column, cell in enumerate(row)
        )
        lines.append(f"<tr{' class=own' if own else ''}>{cells}")
    body = "\n".join(lines)
    return (
        f'<div class="scroll"><table><thead><tr>{titles}</thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )
