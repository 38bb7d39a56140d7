"""``python -m benchmarks ardm``: calls of a network against bits of a symbol."""

from __future__ import annotations

import argparse
import csv
import lzma
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import ardm_plot, ardm_report, circuit_rows
from benchmarks.ardm_source import Source
from lmcodec.ardm.schedule import cost, falling, steps_for, uniform
from lmcodec.errors import LmcodecError
from lmcodec.fitted import FittedArdm
from lmcodec.models.ardm import ArdmModel, pack_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BEST", "OTHER", "UNIFORM", "Row", "budgets", "main", "measure", "read", "write"]

BEST, UNIFORM, OTHER = "best", "uniform", "other"
"""Which steps, or that it is another codec."""

_CALLS = (1, 2, 4, 8, 16, 32)
_ROW, _SEED = 64, 1 << 20
_LZMA = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


@dataclass(frozen=True)
class Row:
    """What items take.

    Args:
        subject: Of which network.
        way: `BEST`, `UNIFORM`, or `OTHER`.
        name: Of the codec.
        calls: Of the network, for each item; 0 where there is none.
        items: How many.
        size: Symbols of an item.
        predicted_bits: Of a symbol, by the curve of the network; 0 where there is none.
        coded_bits: Of a symbol, with all that the payload has.
        encode_s: Seconds for all items.
    """

    subject: str
    way: str
    name: str
    calls: int
    items: int
    size: int
    predicted_bits: float
    coded_bits: float
    encode_s: float


def budgets(stages: int, size: int) -> list[int]:
    """Return the numbers of calls that are measured."""
    most = stages * size
    found = {stages * calls for calls in (*_CALLS, 50)} | {most // 10, most}
    return sorted(calls for calls in found if stages <= calls <= most)


def measure(
    subject: str, network: FittedArdm, items: NDArray[np.uint8], note: Callable[[str], None]
) -> list[Row]:
    """Return what items take with each number of calls.

    Args:
        subject: What the network is called.
        network: The network.
        items: Bytes of items [items, size].
        note: Takes lines of progress.
    """
    rows = []
    curve = falling(network.curve)
    stages, size = curve.shape
    symbols = items.tobytes()
    for calls in budgets(stages, size):
        for way in (BEST, UNIFORM):
            if way == UNIFORM and calls == stages * size:
                continue
            steps = steps_for(curve, calls) if way == BEST else uniform(stages, size, calls)
            model = ArdmModel(steps=pack_steps(steps), network=network)
            began = time.perf_counter()
            coded = 8 * len(model.encode(symbols)) / items.size
            spent = time.perf_counter() - began
            predicted = cost(curve, steps) / size
            row = Row(subject, way, "ardm", calls, len(items), size, predicted, coded, spent)
            rows.append(row)
            note(f"{subject}, {calls} calls, {way}: {predicted:.4f} predicted, {coded:.4f} coded")
    return rows


def others(subject: str, items: NDArray[np.uint8]) -> list[Row]:
    """Return what items take one by one with `xz -9e`, without a container."""
    began = time.perf_counter()
    coded = sum(
        len(lzma.compress(item.tobytes(), lzma.FORMAT_RAW, filters=_LZMA)) for item in items
    )
    spent = time.perf_counter() - began
    bits = 8 * coded / items.size
    count, size = items.shape
    return [Row(subject, OTHER, "xz -9e, item by item", 0, count, size, 0.0, bits, spent)]


def source_row(subject: str, items: NDArray[np.uint8]) -> Row:
    """Return what rows of the source take by itself."""
    bits = float(Source().bits(items).sum()) / items.size
    count, size = items.shape
    return Row(subject, OTHER, "the source itself", 0, count, size, 0.0, bits, 0.0)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows; the file is replaced in one step."""
    passing = path.with_name(path.name + ".part")
    with passing.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        for row in rows:
            cells = asdict(row).values()
            writer.writerow([f"{c:.5f}" if isinstance(c, float) else c for c in cells])
    passing.replace(path)


def read(path: Path) -> list[Row]:
    """Read what `write` wrote; nothing where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            Row(
                cells["subject"],
                cells["way"],
                cells["name"],
                *(int(cells[name]) for name in ("calls", "items", "size")),
                *(float(cells[name]) for name in ("predicted_bits", "coded_bits", "encode_s")),
            )
            for cells in csv.DictReader(lines)
        ]


def _items(options: argparse.Namespace, network: FittedArdm) -> NDArray[np.uint8]:
    if options.markov:
        return Source().rows(options.head or 4096, network.size, _SEED)
    items = circuit_rows.load(options.reference, options.head).flat
    if items.shape[1] != network.size:
        raise ValueError(f"items have {items.shape[1]} symbols, the network {network.size}")
    return items


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0, or 1 after an error."""
    parser = _parser()
    options = parser.parse_args(arguments)

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    table = options.out / "rows.csv"
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        rows = read(table)
        if options.run:
            if options.network is None or not (options.markov or options.reference):
                parser.error("a network and --markov or --reference are needed")
            network = FittedArdm.load(options.network)
            subject = options.network.stem
            items = _items(options, network)
            new = measure(subject, network, items, note)
            new += [source_row(subject, items)] if options.markov else others(subject, items)
            rows = [row for row in rows if row.subject != subject] + new
            write(table, rows)
        for subject in dict.fromkeys(row.subject for row in rows):
            some = [row for row in rows if row.subject == subject]
            picture = ardm_plot.calls_against_bits(subject, some)
            (options.out / f"{subject}.svg").write_text(picture, encoding="utf-8")
    except (LmcodecError, ValueError, OSError) as error:
        note(f"benchmarks: {error}")
        return 1
    text = ardm_report.markdown(rows)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks ardm",
        description="Measure what items take by a network with few and with many calls, with the "
        "best steps and with equal ones; write CSV, Markdown and a plot.",
    )
    parser.add_argument("network", type=Path, nargs="?", help="a file of a network")
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="the items: IDX, NumPy, PGM or PPM"
    )
    parser.add_argument(
        "--markov", action="store_true", help="rows of the source whose entropy is known"
    )
    parser.add_argument("--head", type=int, metavar="ITEMS", help="of the items, at most")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/ardm"), metavar="FOLDER"
    )
    parser.add_argument(
        "--no-run", dest="run", action="store_false", help="only write the report anew"
    )
    return parser
