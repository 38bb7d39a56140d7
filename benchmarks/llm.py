"""``python -m benchmarks llm``: sizes and speeds with a language model of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import llm_speed, matrix
from benchmarks.findings import Finding, missing, table
from benchmarks.gains import KINDS, Note
from benchmarks.llm_rows import (
    ALONE,
    BY_FLOAT64,
    CODED,
    CODED_INT8,
    IDENTITY,
    LEVELS,
    MIXED,
    PEERS,
    REFERENCE,
    Piece,
    measure_identity,
    measure_sizes,
    pieces,
    version,
)
from benchmarks.llm_speed import LANES, ONE, SPEED, TOKEN_BYTES, TORCH
from benchmarks.options import add_results, words
from benchmarks.report import pipe_table
from benchmarks.results import Machine, Store, read_rows
from lmcodec.bench import Measurement
from lmcodec.errors import LmcodecError
from lmcodec.models.llm import Llm

__all__ = ["evaluate", "main", "markdown", "rows_of"]

_PARTS = ("sizes", "identity", "speeds")
_CORPORA = ("text", "code", "markup", "json", "logs")
_HEAD_BYTES = 1 << 16
_IDENTITY_PERCENT, _INT8_PERCENT = 0.1, 1.0
_LANES_TIMES, _TORCH_TIMES = 6.0, 0.5
_BY_LEVEL = tuple(setting.codec.label for setting in LEVELS)
_LABELS = (*PEERS, *_BY_LEVEL, ALONE, MIXED)
_WORDS = dict(zip(_BY_LEVEL, ("level 9, no network", "level 9"), strict=True))


def evaluate(rows: Iterable[Measurement]) -> list[Finding]:
    """Return a finding for each target."""
    good = [row for row in rows if row.ok]
    findings = _identity(good) + _references(good)
    speeds = {row.label: row for row in good if row.kind == SPEED}
    asked = f"decoding 16 lanes: at least {_LANES_TIMES:g} times the tokens a second of one"
    findings += _speed(asked, speeds, LANES, ONE, _LANES_TIMES)
    asked = f"decoding one token at a time: at least {_TORCH_TIMES:g} times as fast as transformers"
    return findings + _speed(asked, speeds, ONE, TORCH, _TORCH_TIMES)


def rows_of(folder: Path) -> list[Measurement]:
    """Return the rows of a folder, none where it has none."""
    path = folder / "rows.csv"
    return read_rows(path) if path.exists() else []


def _identity(rows: Iterable[Measurement]) -> list[Finding]:
    asked = (
        f"coded tokens: within {_IDENTITY_PERCENT} % of their cross-entropy, computed in float64"
    )
    asked_int8 = f"weights of 8 bits: under {_INT8_PERCENT:g} % more bits"
    by_label = {row.label: row for row in rows if row.kind == IDENTITY}
    findings = []
    for text, base, label, limit in (
        (asked, BY_FLOAT64, CODED, _IDENTITY_PERCENT),
        (asked_int8, CODED, CODED_INT8, _INT8_PERCENT),
    ):
        if base not in by_label or label not in by_label:
            findings += missing(text)
            continue
        expected, reached = _coded(by_label[base]), _coded(by_label[label])
        change = 100 * (reached / expected - 1)
        words = f"{expected:,} and {reached:,} bytes on {by_label[base].corpus}: {change:+.3f} %"
        ok = abs(change) <= limit if label == CODED else change < limit
        findings.append(Finding(text, words, ok))
    return findings


def _references(rows: Sequence[Measurement]) -> list[Finding]:
    findings = []
    for corpus, by_label in _beside(row for row in rows if row.kind == REFERENCE).items():
        own = min((by_label[label] for label in (ALONE, MIXED) if label in by_label), key=_coded)
        others = [by_label[label] for label in _LABELS if label in by_label]
        others = [row for row in others if row.codec != own.codec]
        sizes = ", ".join(f"{_words(row.label)} {_coded(row):,}" for row in others)
        findings.append(
            Finding(
                f"{corpus}, {own.raw_bytes:,} bytes of the kind it knows: smaller than all others",
                f"{own.label} {_coded(own):,} bytes; {sizes}",
                all(_coded(own) < _coded(row) for row in others),
            )
        )
    return findings or missing("text of the kind that it knows: smaller than all others")


def _speed(
    asked: str, rows: dict[str, Measurement], label: str, base: str, least: float
) -> list[Finding]:
    if label not in rows or base not in rows:
        return missing(asked)
    mine, other = _tokens_a_second(rows[label]), _tokens_a_second(rows[base])
    reached = f"{mine:.1f} against {other:.1f} tokens/s of CPU time: {mine / other:.2f} times"
    return [Finding(asked, reached, mine >= least * other)]


def _tokens_a_second(row: Measurement) -> float:
    """Return tokens for each second of CPU time, of all threads."""
    return row.raw_bytes / TOKEN_BYTES / (row.decompress_cpu_s or float("inf"))


def _coded(row: Measurement) -> int:
    return row.coded_bytes or 0


def _words(label: str) -> str:
    return _WORDS.get(label, label)


def _beside(rows: Iterable[Measurement]) -> dict[str, dict[str, Measurement]]:
    """Return the rows of each corpus by label, of those that were coded by a language model."""
    found: dict[str, dict[str, Measurement]] = {}
    for row in rows:
        if row.label in _LABELS:
            found.setdefault(row.corpus, {})[row.label] = row
    return {name: sides for name, sides in found.items() if {ALONE, MIXED} & set(sides)}


def markdown(rows: Sequence[Measurement], machine: Machine) -> str:
    """Return the sums by kind, all files, bits, speeds and the targets."""
    good = [row for row in rows if row.ok]
    sides = _beside(row for row in good if row.kind not in (IDENTITY, SPEED))
    labels = [label for label in _LABELS if sides and all(label in by for by in sides.values())]
    named = sorted({row.version for row in good if row.label == ALONE})
    parts = [
        "# What a language model gains",
        "",
        "Bytes of whole streams, of the first bytes of files; every stream was decoded and "
        "compared. Weights are not counted but where that is said: there a decoder's knowledge is "
        "added to the sum, once: the weights, and the prior and the network of the package.",
        "",
        f"Version, language model, its digest, and its use: {', '.join(named) or 'none'}. Machine: "
        f"{machine}.",
        "",
        "## By kind",
        "",
    ]
    heading = ("Files", "Bytes", *map(_words, labels))
    groups: dict[str, list[dict[str, Measurement]]] = {}
    for kind in (*KINDS, REFERENCE):
        groups[kind] = []
    for by in sides.values():
        groups[next(iter(by.values())).kind].append(by)
    cells = [[kind, *_sums(mine, labels)] for kind, mine in groups.items() if mine]
    if sides:
        every = list(sides.values())
        cells.append(["all", *_sums(every, labels)])
        cells.append(["all, with weights", *_sums(every, labels, counted=True)])
    parts += [*pipe_table(("Kind", *heading), cells), "", "## Files", ""]
    cells = []
    for kind, mine in groups.items():
        for by in sorted(mine, key=lambda by: next(iter(by.values())).corpus):
            first = next(iter(by.values()))
            cells.append([first.corpus, kind, f"{first.raw_bytes:,}", *_sizes([by], labels)])
    parts += [*pipe_table(("File", "Kind", "Bytes", *map(_words, labels)), cells), ""]
    parts += [*_bits(good), *_speeds(good), "## Targets", ""]
    return "\n".join([*parts, table(evaluate(good)), ""])


def _sums(
    found: Sequence[dict[str, Measurement]], labels: Sequence[str], *, counted: bool = False
) -> list[str]:
    raw = sum(next(iter(by.values())).raw_bytes for by in found)
    return [str(len(found)), f"{raw:,}", *_sizes(found, labels, counted=counted)]


def _sizes(
    found: Sequence[dict[str, Measurement]], labels: Sequence[str], *, counted: bool = False
) -> list[str]:
    sizes = []
    for label in labels:
        rows = [by[label] for by in found]
        known = max(row.prior_bytes for row in rows) if counted else 0
        sizes.append(f"{sum(map(_coded, rows)) + known:,}")
    return sizes


def _bits(rows: Sequence[Measurement]) -> list[str]:
    mine = [row for row in rows if row.kind == IDENTITY]
    if not mine:
        return []
    about = "Of the tokens of the text alone; chunks are as long as the language model looks back."
    cells = [
        [row.label, f"{_coded(row):,}", f"{8 * _coded(row) / row.raw_bytes:.4f}"] for row in mine
    ]
    title = f"## Bits of {mine[0].corpus}, {mine[0].raw_bytes:,} bytes"
    return [title, "", about, "", *pipe_table(("Way", "Bytes", "Bits a byte"), cells), ""]


def _speeds(rows: Sequence[Measurement]) -> list[str]:
    mine = [row for row in rows if row.kind == SPEED]
    if not mine:
        return []
    about = (
        "Decoding, the least of three runs; weights are random floats of 32 bits, or rounded to 8 "
        "bits. All runs took turns on a machine that did other work, too: CPU time says more."
    )
    cells = [
        [
            row.label,
            row.version,
            row.models,
            f"{_tokens_a_second(row):.1f}",
            f"{row.raw_bytes / TOKEN_BYTES / (row.decompress_wall_s or float('inf')):.1f}",
        ]
        for row in mine
    ]
    title = f"## Speed of {mine[0].corpus}"
    head = ("Way", "Version", "Threads", "Tokens/s of CPU time", "Tokens/s elapsed")
    return [title, "", about, "", *pipe_table(head, cells), ""]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if every row is right, 1 otherwise."""
    parser = _parser()
    options = parser.parse_args(arguments)
    needs_model = options.run and set(options.parts) & {"sizes", "identity"}
    if set(options.parts) - set(_PARTS):
        parser.error(f"argument --parts: choose from {', '.join(_PARTS)}")
    if needs_model and options.model is None:
        parser.error("name a language model: --model PATH")

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        if options.run:
            store = Store(options.out, resume=options.resume, again=options.again)
            _measure(options, store, note)
        rows = rows_of(options.out)
    except (LmcodecError, ValueError, OSError) as error:
        note(f"benchmarks: {error}")
        return 1
    except KeyboardInterrupt:
        note(f"stopped; --resume goes on with {options.out}")
        return 1
    text = markdown(rows, Machine.read(options.out) or Machine.here())
    (options.out / "report.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(row.ok for row in rows) else 1


def _measure(options: argparse.Namespace, store: Store, note: Note) -> None:
    if {"sizes", "identity"} & set(options.parts):
        used = {key: getattr(options, key) for key in ("window", "chunk")}
        model = Llm.of(options.model, **{key: value for key, value in used.items() if value})
        known = {version(model, mixed=mixed) for mixed in (False, True)}
        known |= {setting.version for setting in LEVELS}
        # Rows of other weights, or of another use of them, are no longer true.
        store.keep(
            [
                row
                for row in store.rows
                if row.version in known
                or not (
                    row.codec == "lmcodec" or row.kind == IDENTITY or row.label in (ALONE, MIXED)
                )
            ]
        )
        chosen = matrix.choose(options.only or _CORPORA) if "sizes" in options.parts else []
        wanted = pieces(chosen, options.reference, options.head, note)
        if "identity" in options.parts:
            measure_identity(_text(wanted, options.head, note), model, store, note)
        if "sizes" in options.parts:
            measure_sizes(wanted, model, store, note)
    if "speeds" in options.parts:
        # Speeds are comparable within one call only.
        store.keep([row for row in store.rows if row.kind != SPEED])
        llm_speed.measure(store, note, threads=options.threads)


def _text(wanted: Sequence[Piece], head_bytes: int, note: Note) -> Piece:
    """Return the first file that was named, or a text.

    Raises:
        ValueError: There is none.
    """
    found = wanted or pieces(matrix.choose(["text"]), [], head_bytes, note)
    for piece in found:
        if piece.kind in (REFERENCE, "text"):
            return piece
    raise ValueError("no text is here for the bits of tokens; name one: --reference FILE")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks llm",
        description="Measure sizes with a language model and without, what its bits should add up "
        "to, and tokens a second; write CSV and Markdown.",
    )
    parser.add_argument("--model", type=Path, metavar="PATH", help="folder or GGUF file")
    parser.add_argument("--window", type=int, metavar="TOKENS", help="how far it looks back")
    parser.add_argument("--chunk", type=int, metavar="TOKENS", help="where it begins anew")
    parser.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="text of the kind that the language model knows, but has not seen",
    )
    parser.add_argument(
        "--only",
        type=words,
        default=[],
        metavar="GLOB,...",
        help=f"names or kinds of corpora; {', '.join(_CORPORA)} by default",
    )
    parser.add_argument(
        "--head", type=int, default=_HEAD_BYTES, metavar="BYTES", help="of each file, at most"
    )
    parser.add_argument(
        "--parts",
        type=words,
        default=list(_PARTS),
        metavar="PART,...",
        help=f"what to measure: {', '.join(_PARTS)}; all by default",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="of the speeds; those of torch may wait busily"
    )
    add_results(parser, "benchmarks/results/llm", "the rows that are there")
    return parser
