"""``python -m benchmarks threads``: text at level 9 by one thread and by two, beside paq8px.

Elapsed time, not CPU time: that is what a second thread is for. Other programs disturb it, so the
least of several runs counts, and figures are ratios of one run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from benchmarks import findings, matrix
from benchmarks.findings import Finding
from benchmarks.options import add_results, words
from benchmarks.results import Machine, read_rows
from lmcodec.bench import Measurement, available
from lmcodec.errors import LmcodecError
from lmcodec.peers import Codec, lmcodec_codec, select

__all__ = ["evaluate", "main"]

_CORPORA = ["alice29.txt", "book1", "enwik6"]
_ONE, _TWO, _PEER = "lmcodec -9", "lmcodec -9 -T2", "paq8px -8"
_TIMES = 8.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 fine, 1 error or a row that failed."""
    options = _parser().parse_args(arguments)
    try:
        if options.run:
            _measure(options)
        rows = read_rows(options.out / "rows.csv")
    except (LmcodecError, ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _note(f"stopped; --resume goes on with {options.out}")
        return 1
    machine = Machine.read(options.out) or Machine.here()
    text = _report(rows, machine)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(row.ok for row in rows) else 1


def evaluate(rows: Iterable[Measurement]) -> list[Finding]:
    """Return a finding for each corpus that was coded: how many times as fast as paq8px."""
    known = {(row.corpus, row.label): row for row in rows if row.ok}
    found: list[Finding] = []
    for corpus in dict.fromkeys(corpus for corpus, _ in known):
        asked = f"{corpus}: two threads at least {_TIMES:g} times as fast as {_PEER}, both ways"
        peer, mine = known.get((corpus, _PEER)), known.get((corpus, _TWO))
        if peer is None or mine is None:
            found += findings.missing(asked)
            continue
        there = _quotient(peer.compress_wall_s, mine.compress_wall_s)
        back = _quotient(peer.decompress_wall_s, mine.decompress_wall_s)
        reached = f"{there:.1f} and {back:.1f}"
        found.append(Finding(asked, reached, min(there, back) >= _TIMES))
    return found


def _quotient(a: float | None, b: float | None) -> float:
    return (a or 0.0) / b if b else 0.0


def _measure(options: argparse.Namespace) -> None:
    own: list[Codec] = [lmcodec_codec(9), lmcodec_codec(9, threads=2)]
    plans = (
        (own, options.repeat),
        # It takes minutes for a book, so that once has to be enough.
        (select([_PEER], []), 1),
    )
    chosen = matrix.choose(options.only)
    for number, (some, repeat) in enumerate(plans):
        plan = matrix.Plan(chosen, available(some, _note), repeat=repeat)
        resume = options.resume or number > 0
        matrix.run(plan, options.out, resume=resume, again=options.again, note=_note)


def _report(rows: Sequence[Measurement], machine: Machine) -> str:
    lines = [
        "# Two threads for one text",
        "",
        str(machine),
        "",
        "Elapsed microseconds a byte, the least of all runs.",
        "",
        "| corpus | codec | bytes | coded | encode | decode |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.label not in (_ONE, _TWO, _PEER) or row.coded_bytes is None:
            continue
        times = (row.compress_wall_s, row.decompress_wall_s)
        each = " | ".join(f"{1e6 * (time or 0.0) / row.raw_bytes:.1f}" for time in times)
        sizes = f"{row.raw_bytes:,} | {row.coded_bytes:,}"
        lines.append(f"| {row.corpus} | {row.label} | {sizes} | {each} |")
    return "\n".join([*lines, "", findings.table(evaluate(rows)), ""])


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks threads", description=__doc__)
    parser.add_argument(
        "--only",
        type=words,
        default=_CORPORA,
        metavar="GLOB,...",
        help=f"names or kinds of corpora; {', '.join(_CORPORA)} by default",
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the least counts")
    add_results(parser, "benchmarks/results/threads", "the rows that are there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
