"""``python -m benchmarks priors``: what the prior gains, by kind and size of the input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks import gains, matrix, prior_figures, prior_report
from benchmarks.options import add_results, numbers, words
from benchmarks.results import Machine, Store
from lmcodec.errors import LmcodecError

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if every row is right, 1 otherwise."""
    options = _parser().parse_args(arguments)

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        if options.run:
            store = Store(options.out, resume=options.resume, again=options.again)
            # Rows of a prior that has been trained anew since are no longer true.
            store.keep(gains.current(store.rows))
            gains.measure(
                matrix.choose(options.only or gains.KINDS),
                store,
                settings=[one for level in options.levels for one in gains.both(level)],
                jobs=options.jobs,
                note=note,
            )
            if not options.only:
                prior_figures.measure(store, jobs=options.jobs, note=note)
        rows = gains.rows_of(options.out)
    except (LmcodecError, ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        note(f"stopped; --resume goes on with {options.out}")
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
    parser.add_argument(
        "--only",
        type=words,
        default=[],
        metavar="GLOB,...",
        help="names or kinds of corpora; messages and targets are not measured then",
    )
    parser.add_argument("--levels", type=numbers, default=[5], metavar="N,...")
    parser.add_argument(
        "--jobs", type=int, default=1, help="corpora that are coded side by side; sizes only"
    )
    add_results(
        parser,
        "benchmarks/results/priors",
        "the rows that are there; those of a prior that was trained anew since are not",
    )
    return parser
