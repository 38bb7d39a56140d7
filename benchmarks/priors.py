"""``python -m benchmarks priors``: what the prior gains, by kind and size of the input."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks import gains, matrix, prior_figures, prior_report
from benchmarks.gains import Note
from benchmarks.options import add_chosen, add_results, numbers
from benchmarks.results import Machine, Store

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if every row is right, 1 otherwise."""
    options = _parser().parse_args(arguments)

    def measure(store: Store, note: Note) -> None:
        gains.measure(
            matrix.choose(options.only or gains.KINDS),
            store,
            settings=[one for level in options.levels for one in gains.both(level)],
            jobs=options.jobs,
            note=note,
        )
        if not options.only:
            prior_figures.measure(store, jobs=options.jobs, note=note)

    rows = gains.run(options, measure)
    if rows is None:
        return 1
    machine = Machine.read(options.out) or Machine.here()
    text = prior_report.markdown(rows, machine)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    page = prior_report.html_page(rows, machine)
    (options.out / "report.html").write_text(page, encoding="utf-8")
    print(text)
    return 0 if all(row.ok for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks priors",
        description="Measure sizes with the prior and without it, by size of the input, messages, "
        "and what the targets for priors need; write CSV, Markdown and HTML.",
    )
    add_chosen(parser, "; messages and targets are not measured then")
    parser.add_argument("--levels", type=numbers, default=[5], metavar="N,...")
    add_results(
        parser,
        "benchmarks/results/priors",
        "the rows that are there; those of a prior that was trained anew since are not",
    )
    return parser
