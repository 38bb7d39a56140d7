"""Fits circuits to arrays of samples, and writes down how.

    python -m training.circuit train-images-idx3-ubyte.xz --test t10k-images-idx3-ubyte.xz \
        --states 16 -o mnist-16.circuit
    python -m training.circuit train-images-idx3-ubyte.xz --test t10k-images-idx3-ubyte.xz \
        --states 16 --emission shapes --shapes 24 --moved 0.5 --epochs 5 --full 0 \
        --rounds 4 --round-epochs 4 --last-epochs 5 --prune 0.4 --grow 0.7 --noise 0.3 \
        -o mnist-sparse.circuit

Nothing is fitted to the samples of --test. Beside the file goes FILE.toml: the command, digests,
and what each epoch reached. A checkpoint lies there while it is fitted; --resume goes on from it.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import math
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit import Circuit
from lmcodec.circuit.model import EMISSIONS, STRUCTURES
from lmcodec.transforms.array import read_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.circuit.trainer import EpochReport


def samples_of(path: Path) -> NDArray[np.uint8]:
    """Return the samples of a file of IDX or NumPy, plain or ``.xz``."""
    data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    layout = read_layout(data)
    if layout is None or len(data) < layout.begin + math.prod(layout.axes):
        raise SystemExit(f"{path}: not an array of bytes that is whole")
    count = math.prod(layout.axes)
    return np.frombuffer(data, np.uint8, count, layout.begin).reshape(layout.axes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.circuit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("samples", type=Path, help="IDX or NumPy, plain or .xz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--test", type=Path, metavar="FILE", help="samples to measure on")
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--structure", choices=STRUCTURES, default=STRUCTURES[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--full", type=int, default=2, help="epochs of one step")
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--smoothing", type=float, default=30.0)
    parser.add_argument("--reach", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=0, help="of pruning and growing")
    parser.add_argument("--round-epochs", type=int, default=12)
    parser.add_argument("--last-epochs", type=int, help="after the last round")
    parser.add_argument("--emission", choices=EMISSIONS, default=EMISSIONS[0])
    parser.add_argument("--shapes", type=int, default=32)
    parser.add_argument("--moved", type=float, default=0.0)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--prune", type=float, default=0.75)
    parser.add_argument("--grow", type=float, default=1.0)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--held", type=float, default=0.02)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bits", type=int, default=16)
    parser.add_argument("--resume", action="store_true")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    samples = samples_of(options.samples)
    started = time.monotonic()

    def note(report: EpochReport) -> None:
        print(
            f"epoch {report.epoch} of {report.epochs}: {report.bits_per_dimension:.4f} bits, "
            f"{report.held_bits_per_dimension:.4f} held back, "
            f"{time.monotonic() - started:.0f} s",
            file=sys.stderr,
            flush=True,
        )

    circuit = Circuit(
        states=options.states,
        structure=options.structure,
        epochs=options.epochs,
        full=options.full,
        batch=options.batch,
        smoothing=options.smoothing,
        reach=options.reach,
        rounds=options.rounds,
        round_epochs=options.round_epochs,
        last_epochs=options.last_epochs,
        emission=options.emission,
        shapes=options.shapes,
        moved=options.moved,
        patience=options.patience,
        prune=options.prune,
        grow=options.grow,
        noise=options.noise,
        held=options.held,
        threads=options.threads,
        device=options.device,
        seed=options.seed,
    )
    checkpoint = options.output.with_suffix(".npz")
    circuit.fit(samples, progress=note, checkpoint=checkpoint, resume=options.resume)
    seconds = time.monotonic() - started
    circuit.save(options.output, bits=options.bits)
    words = [Path(word).name if "/" in word else word for word in arguments or sys.argv[1:]]
    stored = options.output.read_bytes()
    loaded = Circuit.from_bytes(stored)
    card = [
        f'command = "python -m training.circuit {shlex.join(words)}"',
        f'sha256 = "{hashlib.sha256(stored).hexdigest()}"',
        f"bytes = {len(stored)}",
        f"edges = {loaded.num_edges}",
        f"seconds = {seconds:.0f}",
        *(f'{name} = "{value}"' for name, value in loaded.card.items()),
    ]
    if options.test is not None:
        tested = samples_of(options.test)
        card.append(f"test_bits_per_dimension = {loaded.bits_per_dimension(tested):.4f}")
    fitted = ", ".join(f"{each.bits_per_dimension:.4f}" for each in circuit.history)
    held = ", ".join(f"{each.held_bits_per_dimension:.4f}" for each in circuit.history)
    card += [f"epochs = [{fitted}]", f"held_back = [{held}]"]
    options.output.with_suffix(".toml").write_text("\n".join(card) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    print("\n".join(card), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
