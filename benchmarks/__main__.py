"""``python -m benchmarks``: measure, or read the figures of earlier measurements."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from benchmarks import (
    ardm,
    circuits,
    figures,
    llm,
    matrix,
    networks,
    priors,
    report,
    tables,
    threads,
)
from benchmarks.options import add_results, numbers, words
from benchmarks.results import Machine, read_rows
from lmcodec.bench import Measurement, available
from lmcodec.errors import LmcodecError
from lmcodec.peers import select

_OTHERS = {
    "figures": figures.main,
    "priors": priors.main,
    "networks": networks.main,
    "llm": llm.main,
    "circuits": circuits.main,
    "tables": tables.main,
    "ardm": ardm.main,
    "threads": threads.main,
}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 fine, 1 error or a row that failed."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in _OTHERS:
        return _OTHERS[given[0]](given[1:])
    options = _parser().parse_args(given)
    try:
        rows = _measure(options) if options.run else read_rows(options.out / "rows.csv")
    except (LmcodecError, ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _note(f"stopped; --resume goes on with {options.out}")
        return 1
    machine = Machine.read(options.out) or Machine.here()
    text = report.markdown(rows, machine)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    (options.out / "report.html").write_text(report.html_page(rows, machine), encoding="utf-8")
    print(text)
    return 0 if all(row.ok for row in rows) else 1


def _measure(options: argparse.Namespace) -> list[Measurement]:
    plan = matrix.Plan(
        matrix.choose(options.only),
        available(select(options.codecs, options.levels, threads=options.threads), _note),
        options.head,
        options.slow_limit,
        options.repeat,
    )
    return matrix.run(plan, options.out, resume=options.resume, again=options.again, note=_note)


def size(text: str) -> int:
    """Read a size: ``16MB`` = 16 * 10^6 bytes, ``16MiB`` = 16 * 2^20 bytes, ``16`` = 16 bytes."""
    found = re.fullmatch(r"(\d+)\s*([KMG]?)(i?)B?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"not a size: {text!r}")
    number, unit, binary = found.groups()
    if binary:
        return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]
    return int(number) * _UNITS[unit]


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure codecs on corpora and write CSV, Markdown and HTML. "
        "`python -m benchmarks priors` measures what the prior gains, `python -m benchmarks "
        "figures` checks this project's targets.",
    )
    parser.add_argument(
        "--only",
        type=words,
        default=[],
        metavar="GLOB,...",
        help="names or kinds of corpora; all by default",
    )
    parser.add_argument(
        "--codecs",
        type=words,
        default=["*"],
        metavar="GLOB,...",
        help="ids or labels, such as xz,'zstd -19','lmcodec*'; all by default, xz -9e always",
    )
    parser.add_argument(
        "--levels", type=numbers, default=[1, 3, 5, 7, 9], metavar="N,...", help="of lmcodec"
    )
    parser.add_argument("--threads", type=int, default=1, help="of lmcodec; peers run one")
    parser.add_argument("--head", type=size, metavar="SIZE", help="cut every corpus to this size")
    parser.add_argument(
        "--slow-limit",
        type=size,
        default=16 * 10**6,
        metavar="SIZE",
        help="slow codecs skip larger corpora (16MB by default)",
    )
    parser.add_argument("--repeat", type=int, default=1, help="runs of each pair; the least counts")
    add_results(parser, "benchmarks/results/latest", "the rows that are there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
