"""``python -m benchmarks tables``: what tables take, by latent classes and by others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    table_columns,
    table_files,
    table_graphs,
    table_plot,
    table_report,
    table_synthetic,
)
from benchmarks.circuit_figures import Figure, Figures
from benchmarks.options import numbers, words
from benchmarks.plots import can_draw
from benchmarks.results import Machine
from lmcodec.errors import LmcodecError

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if it has done what was asked, 1 otherwise."""
    options = _parser().parse_args(arguments)

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    out: Path = options.out
    try:
        if options.synthetic or options.graphs or options.made or options.columns:
            out.mkdir(parents=True, exist_ok=True)
            Machine.here().write(out)
            figures = Figures(out, resume=options.resume)
            if options.synthetic:
                table_synthetic.measure(figures, note, options.sizes, options.seeds)
            table_graphs.measure(figures, note, options.graphs)
            if options.made:
                table_graphs.measure_made(figures, note)
            table_columns.measure(figures, note, options.columns)
        if options.files:
            table_files.measure(out, options.files, options.levels, options.taken, note)
        found = Figures.read(out)
    except (LmcodecError, ValueError, OSError) as error:
        note(f"benchmarks: {error}")
        return 1
    except KeyboardInterrupt:
        note(f"stopped; --resume goes on with {out}")
        return 1
    machine = Machine.read(out) or Machine.here()
    rows = table_files.read(out)
    of_files = table_files.evaluate(rows) if rows else []
    text = table_report.markdown(found, machine, table_files.markdown(rows), of_files)
    (out / "report.md").write_text(text, encoding="utf-8")
    if can_draw(note):
        _draw(out, found)
    print(text)
    return 0


def _draw(out: Path, found: Sequence[Figure]) -> None:
    pictures = {
        table_report.picture(subject): table_plot.columns(subject, columns)
        for subject, columns in table_columns.of_tables(found).items()
    }
    # Files alone may have been measured.
    if sizes := table_report.by_size(found):
        pictures["blocks.svg"] = table_plot.excess(sizes)
    if strengths := table_report.by_strength(found):
        pictures["signal.svg"] = table_plot.signal(strengths)
    for name, drawing in pictures.items():
        (out / name).write_text(drawing, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks tables",
        description="Measure what tables take; write CSV, Markdown and pictures. Without an "
        "option, only the report is written anew.",
    )
    parser.add_argument(
        "--synthetic", action="store_true", help="measure tables whose entropy is known"
    )
    parser.add_argument(
        "--sizes",
        type=numbers,
        default=list(table_synthetic.SIZES),
        metavar="N,...",
        help="rows of these, and as many columns",
    )
    parser.add_argument(
        "--graphs", type=Path, nargs="+", default=[], metavar="FILE", help="measure lists of edges"
    )
    parser.add_argument(
        "--made", action="store_true", help="measure made graphs, which have super-nodes"
    )
    parser.add_argument(
        "--columns",
        type=words,
        default=[],
        metavar="NAME,...",
        help="measure what the columns of these corpora take",
    )
    parser.add_argument(
        "--files",
        type=words,
        default=[],
        metavar="GLOB,...",
        help="measure corpora of these names or kinds, such as tabular; rows that are there stay",
    )
    parser.add_argument(
        "--levels",
        type=numbers,
        default=list(table_files.LEVELS),
        metavar="N,...",
        help="levels for files",
    )
    parser.add_argument(
        "--taken",
        type=Path,
        metavar="FOLDER",
        help="rows of an earlier run on such a machine, whose figures of other codecs are kept",
    )
    parser.add_argument("--seeds", type=int, default=10, help="tables of each size")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmarks/results/tables"),
        metavar="FOLDER",
        help="takes figures.csv, report.md and pictures",
    )
    parser.add_argument("--resume", action="store_true", help="keep the figures that are there")
    return parser
