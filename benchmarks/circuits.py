"""``python -m benchmarks circuits``: sizes, speeds and work of circuits, beside others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import circuit_figures, circuit_pictures, circuit_report, circuit_rows
from benchmarks.circuit_figures import ACCESS, ENTROPY, SCALING, Figures
from benchmarks.circuit_rows import SPEED, Reference
from benchmarks.gains import Note
from benchmarks.options import add_results, words
from benchmarks.results import Machine, Store, read_rows
from lmcodec.errors import LmcodecError
from lmcodec.fitted import FittedCircuit

__all__ = ["PARTS", "main"]

PARTS = ("sizes", "images", "speeds", SCALING, ENTROPY, ACCESS)
"""What can be measured."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 0 if every row is right, 1 otherwise."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if set(options.only) - set(PARTS):
        parser.error(f"argument --only: choose from {', '.join(PARTS)}")

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        circuits = {path.stem: FittedCircuit.load(path) for path in options.circuits}
        if options.run and options.pictures is None:
            _measure(options, circuits, note)
        table = options.out / "rows.csv"
        rows = read_rows(table) if table.exists() else []
        figures = Figures.read(options.out)
        if options.pictures is not None:
            circuit_pictures.write(
                options.pictures,
                circuits,
                circuit_rows.load(options.reference, options.head),
                circuit_report.streams(rows),
                circuit_report.visits_by_way(figures),
                note,
            )
            return 0
    except (LmcodecError, ArithmeticError, ValueError, OSError) as error:
        note(f"benchmarks: {error}")
        return 1
    except KeyboardInterrupt:
        note(f"stopped; --resume goes on with {options.out}")
        return 1
    machine = Machine.read(options.out) or Machine.here()
    text = circuit_report.markdown(rows, figures, machine)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    page = circuit_report.html_page(rows, figures, machine)
    (options.out / "report.html").write_text(page, encoding="utf-8")
    print(text)
    return 0 if all(row.ok for row in rows) else 1


def _measure(options: argparse.Namespace, circuits: dict[str, FittedCircuit], note: Note) -> None:
    store = Store(options.out, resume=options.resume, again=options.again)
    figures = Figures(options.out, resume=options.resume)
    store.keep(circuit_rows.kept(store.rows, circuits))
    if set(options.only) - {SCALING, ENTROPY}:
        reference = circuit_rows.load(options.reference, options.head)
        for name, circuit in circuits.items():
            if circuit.variables != reference.flat.shape[1]:
                raise ValueError(f"{name} is of other samples than {reference.name}")
        _measure_array(options, reference, circuits, store, figures, note)
    if SCALING in options.only:
        circuit_figures.measure_scaling(figures, note)
    if ENTROPY in options.only:
        circuit_figures.measure_entropy(figures, note, circuits)


def _measure_array(
    options: argparse.Namespace,
    reference: Reference,
    circuits: dict[str, FittedCircuit],
    store: Store,
    figures: Figures,
    note: Note,
) -> None:
    if "sizes" in options.only:
        circuit_rows.measure_sizes(reference, circuits, options.prior, store, note)
    if "images" in options.only:
        circuit_rows.measure_images(reference, store, note)
    if "speeds" in options.only:
        # Speeds are comparable within one call only.
        store.keep([row for row in store.rows if row.kind != SPEED])
        circuit_rows.measure_speeds(reference, circuits, store, note)
    if ACCESS in options.only:
        for name, circuit in circuits.items():
            circuit_figures.measure_access(figures, note, name, circuit, reference.flat)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks circuits",
        description="Measure what an array takes by circuits and by others, how fast that is, and "
        "how the work grows; write CSV, Markdown and HTML.",
    )
    parser.add_argument(
        "--circuits",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="circuits that were fitted to samples of the kind",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="the array: IDX, NumPy, PGM or PPM; the MNIST test images by default",
    )
    parser.add_argument(
        "--prior",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="priors for level 9, trained on samples of the kind",
    )
    parser.add_argument("--head", type=int, metavar="SAMPLES", help="of the array, at most")
    parser.add_argument(
        "--only",
        type=words,
        default=list(PARTS),
        metavar="PART,...",
        help=f"what to measure: {', '.join(PARTS)}; all by default",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        nargs="?",
        const=Path("docs/images"),
        metavar="FOLDER",
        help="only draw: samples of the first circuit, its tree, bits of each pixel",
    )
    add_results(parser, "benchmarks/results/circuits", "the rows and figures that are there")
    return parser
