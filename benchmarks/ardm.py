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
from benchmarks.ardm_source import Source, letter_chunks
from benchmarks.plots import can_draw
from lmcodec.ardm.costs import costs_of
from lmcodec.ardm.schedule import cost, steps_for, uniform
from lmcodec.errors import LmcodecError
from lmcodec.fitted import FittedArdm
from lmcodec.models.ardm import ArdmModel, pack_steps
from lmcodec.models.base import Shape
from lmcodec.models.cm import Cm
from lmcodec.prior import Prior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.models.base import Model

__all__ = ["BEST", "OTHER", "UNIFORM", "Row", "budgets", "main", "measure", "read", "write"]

BEST, UNIFORM, OTHER = "best", "uniform", "other"
"""Which steps, or that it is another codec."""

_NUMBERS = ("predicted_bits", "coded_bits", "encode_s", "error", "decode_s")
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
        predicted_bits: Of a symbol, by what was measured of the network; 0 where nothing was.
        coded_bits: Of a symbol, with all that the payload has.
        encode_s: Seconds for all items.
        error: Of what is predicted against what is coded, as a share: the standard error of the
            means of both, by how much these items differ from each other.
        decode_s: Seconds for all items, or 0 where they were not decoded.
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
    error: float = 0.0
    decode_s: float = 0.0


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
    costs = costs_of(network)
    falling, stages, size = costs.falling(), costs.stages, costs.size
    # Of each item with a tenth of the calls: how far means may be off.
    few = steps_for(falling, max(stages, stages * size // 10))
    each = network.core.code_lengths(items.tobytes(), list(few))
    known = np.isfinite(each)
    spread = float(each[known].std() / each[known].mean())
    measured = int(network.card.get("measured", "0"))
    error = spread * float(np.sqrt(1 / len(items) + (1 / measured if measured else 0.0)))
    symbols = items.tobytes()
    for calls in budgets(stages, size):
        for way in (BEST, UNIFORM):
            if way == UNIFORM and calls == stages * size:
                continue
            steps = steps_for(falling, calls) if way == BEST else uniform(stages, size, calls)
            model = ArdmModel(steps=pack_steps(steps), network=network)
            began = time.perf_counter()
            coded = 8 * len(model.encode(symbols)) / items.size
            spent = time.perf_counter() - began
            predicted = cost(costs, steps) / size
            row = Row(subject, way, "ardm", calls, len(items), size, predicted, coded, spent, error)
            rows.append(row)
            note(f"{subject}, {calls} calls, {way}: {predicted:.4f} predicted, {coded:.4f} coded")
    return rows


def others(subject: str, items: NDArray[np.uint8]) -> list[Row]:
    """Return what items take one by one with `xz -9e`, without a container, and with PPMd.

    PPMd needs the package pyppmd; where it is not installed there is no row of it.
    """
    coders: dict[str, Callable[[bytes], bytes]] = {
        "xz -9e, item by item": lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=_LZMA)
    }
    try:
        import pyppmd  # type: ignore[import-not-found]
    except ImportError:
        pass
    else:
        coders["PPMd, order 8, item by item"] = lambda data: pyppmd.compress(
            data, max_order=8, mem_size=1 << 20, variant="H"
        )
    count, size = items.shape
    rows = []
    for name, code in coders.items():
        began = time.perf_counter()
        coded = sum(len(code(item.tobytes())) for item in items)
        spent = time.perf_counter() - began
        rows.append(Row(subject, OTHER, name, 0, count, size, 0.0, 8 * coded / items.size, spent))
    return rows


def mixed(
    subject: str, network: FittedArdm, items: NDArray[np.uint8], prior: Prior | None
) -> list[Row]:
    """Return what pictures take with a call for each pixel and contexts of pixels beside.

    Args:
        subject: What the network is called.
        network: A network of pictures.
        items: Bytes of pictures [items, size].
        prior: Pictures that are coded first, or None.
    """
    *_, height, width = (1, *network.core.axes)
    shape = Shape(height, width)
    beside = ArdmModel(network=network, mixed=True).shaped(shape)
    alone = Cm.for_level(9).shaped(shape)
    models: dict[str, tuple[Model, int]] = {
        "cm": (alone, 0),
        "ardm beside cm": (beside, network.size),
    }
    if prior is not None:
        models["cm, prior"] = (alone.primed(prior), 0)
        models["ardm beside cm, prior"] = (beside.primed(prior), network.size)
    symbols, rows = items.tobytes(), []
    for name, (model, calls) in models.items():
        began = time.perf_counter()
        payload = model.encode(symbols)
        spent = time.perf_counter() - began
        bits = 8 * len(payload) / items.size
        began = time.perf_counter()
        if bytes(model.decode(payload, len(symbols))) != symbols:
            raise LmcodecError(f"{name} does not decode to the same")
        back = time.perf_counter() - began
        count, size = items.shape
        row = Row(subject, OTHER, name, calls, count, size, 0.0, bits, spent, decode_s=back)
        rows.append(row)
    return rows


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
                *(float(cells[name]) for name in _NUMBERS),
            )
            for cells in csv.DictReader(lines)
        ]


def _items(options: argparse.Namespace, network: FittedArdm) -> NDArray[np.uint8]:
    if options.markov:
        return Source().rows(options.head or 4096, network.size, _SEED)
    if options.letters:
        items = letter_chunks(options.reference, network.size)
    else:
        items = circuit_rows.load(options.reference, None).flat
    if items.shape[1] != network.size:
        raise ValueError(f"items have {items.shape[1]} symbols, the network {network.size}")
    # The first ones may be easier than most, as those of MNIST are.
    return np.random.default_rng(1).permutation(items)[: options.head]


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
            if options.mixed:
                prior = Prior.load(options.prior) if options.prior else None
                new += mixed(subject, network, items, prior)
            rows = [row for row in rows if row.subject != subject] + new
            write(table, rows)
    except (LmcodecError, ValueError, OSError) as error:
        note(f"benchmarks: {error}")
        return 1
    text = ardm_report.markdown(rows)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    if can_draw(note):
        for subject in dict.fromkeys(row.subject for row in rows):
            some = [row for row in rows if row.subject == subject]
            picture = ardm_plot.calls_against_bits(subject, some)
            (options.out / f"{subject}.svg").write_text(picture, encoding="utf-8")
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
    parser.add_argument(
        "--letters",
        action="store_true",
        help="the items are chunks of a text, of which only a to z and single spaces are left",
    )
    parser.add_argument(
        "--mixed", action="store_true", help="with contexts of pixels beside, too: of pictures"
    )
    parser.add_argument("--prior", metavar="FILE", help="pictures that contexts start from")
    parser.add_argument(
        "--head", type=int, metavar="ITEMS", help="of the items, drawn at random, at most"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/ardm"), metavar="FOLDER"
    )
    parser.add_argument(
        "--no-run", dest="run", action="store_false", help="only write the report anew"
    )
    return parser
