"""Trains networks of `ardm`, and writes down how.

    python -m training.ardm array train-images-idx3-ubyte.xz -o mnist.ardm --minutes 60
    python -m training.ardm markov -o markov.ardm --steps 2000
    python -m training.ardm letters FOLDER -o letters.ardm --minutes 60 --test enwik8.txt

`array` takes a file of IDX or NumPy, plain or .xz; `markov` rows of the source of which the
benchmarks know the entropy; `letters` texts, of which only a to z and single spaces are left, in
chunks. The last items are held back: the order of positions and what these take come from them.
--test measures what was trained with other items, and plots it: one command for all.
A checkpoint lies beside the output while it is trained; --resume goes on from it. Beside the file
goes FILE.toml: the command, digests, and what was reached.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks import ardm as benchmark
from benchmarks.ardm_source import Source, chunks, letters
from lmcodec.ardm.config import Config
from lmcodec.ardm.fit import MEASURED, alphabet_of, train
from lmcodec.ardm.order import orders_of, raster
from lmcodec.ardm.trainer import Plan
from lmcodec.fitted import FittedArdm
from training.circuit import samples_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What is read of each text at most, so that no kind is most of it.
_TEXT_BYTES = 1 << 25
_ROWS, _ROW = 100_000, 64


def items_of(options: argparse.Namespace) -> NDArray[np.uint8]:
    """Return the items to train on [items, ...]."""
    if options.kind == "markov":
        return Source().rows(_ROWS, _ROW, options.seed)
    if options.kind == "array":
        return samples_of(options.source)
    names = options.texts.split(",")
    parts = []
    for path in sorted(options.source.iterdir()):
        if path.name.removesuffix(".xz") in names:
            with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
                parts.append(chunks(letters(file.read(_TEXT_BYTES)), options.chunk))
    items = np.concatenate(parts)
    return np.random.default_rng(options.seed).permutation(items)


def sizes(options: argparse.Namespace, items: NDArray[np.uint8]) -> Config:
    """Return the sizes of the network."""
    count = len(alphabet_of(items))
    config = Config.suited(items.shape[1:], count, options.stages)
    if options.size == "small":
        return config
    wider = {"width": 512, "hidden": 1536, "blocks": 6, "features": 16}
    whole = {"outline": 768, "outline_hidden": 2304, "outline_blocks": 4, "said": 128}
    return replace(config, **wider, **whole)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.ardm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=("array", "markov", "letters"))
    parser.add_argument("source", type=Path, nargs="?", help="a file, or a folder of texts")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--texts", default="books_en,docs,xml_wiki_misc", help="names of texts")
    parser.add_argument("--chunk", type=int, default=250, help="letters of an item")
    parser.add_argument("--held", type=float, default=0.04, help="share that is held back")
    parser.add_argument("--stages", type=int, default=1)
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--steps", type=int, default=1 << 30)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--items", type=int, default=Plan.items)
    parser.add_argument("--positions", type=int, default=Plan.positions)
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--decay", type=float, default=Plan.decay)
    parser.add_argument("--exact", type=float, default=Plan.exact)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument(
        "--measured", type=int, default=MEASURED, help="symbols that costs are measured on"
    )
    parser.add_argument(
        "--order",
        choices=("best", "raster", *orders_of((1,))),
        default="best",
        help="in which positions are coded; raster: the network is trained for no other",
    )
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--test",
        type=Path,
        metavar="FILE",
        help="what to measure with afterwards: writes rows, a report and a plot. For markov any "
        "word will do",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.kind != "markov" and options.source is None:
        parser.error("argument source: needed for this kind")
    if not options.minutes and options.steps == parser.get_default("steps"):
        parser.error("argument --steps: needed where there are no --minutes")
    torch.set_num_threads(options.threads)
    items = items_of(options)
    config = sizes(options, items)
    symbols = alphabet_of(items)
    items = items.reshape(len(items), -1)
    held = items[len(items) - max(1, int(len(items) * options.held)) :]
    started, history = time.monotonic(), []

    def note(step: int, bits: float, held_bits: float) -> None:
        history.append(held_bits)
        spent = time.monotonic() - started
        words = f"step {step}: {bits:.4f} bits, {held_bits:.4f} held back, {spent:.0f} s"
        print(words, file=sys.stderr, flush=True)

    plan = Plan(
        steps=options.steps,
        items=options.items,
        positions=options.positions,
        rate=options.rate,
        decay=options.decay,
        exact=options.exact,
        seed=options.seed,
        minutes=options.minutes,
        raster=options.order == "raster",
    )
    named = {"raster": raster(config.size), **orders_of(config.axes)}
    orders = None if options.order == "best" else {options.order: named[options.order]}
    checkpoint = options.output.with_suffix(".checkpoint.safetensors")
    data = train(
        items[: len(items) - len(held)],
        held,
        config,
        plan,
        symbols,
        note,
        checkpoint=checkpoint,
        resume=options.resume,
        every=options.every,
        measured=options.measured,
        orders=orders,
    )
    options.output.write_bytes(data)
    words = [Path(word).name if "/" in word else word for word in arguments or sys.argv[1:]]
    card = [
        f'command = "python -m training.ardm {shlex.join(words)}"',
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"',
        f"bytes = {len(data)}",
        f"seconds = {time.monotonic() - started:.0f}",
        *(f"{name} = {value!r}" for name, value in FittedArdm(data).card.items()),
        f"held_back = [{', '.join(f'{bits:.4f}' for bits in history)}]",
    ]
    options.output.with_suffix(".toml").write_text("\n".join(card) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    print("\n".join(card), file=sys.stderr)
    if options.test is None:
        return 0
    of = {
        "markov": ["--markov"],
        "letters": ["--letters", "--reference", str(options.test)],
        "array": ["--reference", str(options.test)],
    }
    return benchmark.main([str(options.output), *of[options.kind]])


if __name__ == "__main__":
    sys.exit(main())
