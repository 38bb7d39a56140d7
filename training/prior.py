"""Trains a prior that ships with the package, and writes down what it was made from.

    python -m training.prior TEXT... --name general-1 -o lmcodec/data/general-1.prior

The last twentieth of every text is held back. On its first part `cm` learns how far to trust the
prior; the rest is for trials.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
import time
from pathlib import Path

from lmcodec.train import Step, train_prior
from training.shingles import Shingles
from training.texts import files, in_turn, pieces_of, read, without

_HELD_BACK_PERCENT = 5


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m training.prior", description=__doc__)
    parser.add_argument("texts", nargs="+", type=Path, help="files, plain or .xz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--name", required=True)
    parser.add_argument("--size", type=int, default=7 << 20, help="bytes at most")
    parser.add_argument("--threads", type=int)
    parser.add_argument(
        "--benchmarks", type=Path, metavar="FOLDER", help="no text of these files may be used"
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    lines = [
        "# How the prior was trained; written by python -m training.prior.",
        f"command = {quoted('python -m training.prior ' + shlex.join(names(arguments)))}",
        f"held_back_percent = {_HELD_BACK_PERCENT}",
    ]
    texts: list[bytes] = []
    tuning: list[list[bytes]] = []
    shingles = None
    if options.benchmarks:
        shingles = Shingles(read(path) for path in files(options.benchmarks))
        _say(f"{len(shingles.hashes):,} samples of benchmark files")
    for path in options.texts:
        data = read(path)
        end = len(data) * (100 - _HELD_BACK_PERCENT) // 100
        text = data[:end]
        # The first hundredth of what is held back.
        tuning.append(pieces_of(data, 100 - _HELD_BACK_PERCENT))
        lines += ["", "[[text]]", f"name = {quoted(path.name)}", f"bytes = {len(data)}"]
        lines.append(f'sha256 = "{hashlib.sha256(data).hexdigest()}"')
        if shingles is not None:
            places = [int(place) for place in shingles.places(text)]
            parts = without(text, places)
            lines.append(f"places_shared_with_benchmarks = {len(places)}")
            lines.append(f"bytes_left_out = {len(text) - sum(map(len, parts))}")
            _say(f"{path.name}: {len(places)} places shared with benchmark files, left out")
            texts += parts
        else:
            texts.append(text)

    def note(step: Step) -> None:
        _say(f"{step.kind}: {step.records:,} counted, {step.entries:,} chosen")
        lines.extend(("", "[[step]]", f"kind = {quoted(step.kind)}"))
        lines.append(f"counted = {step.records}")
        lines.append(f"chosen = {step.entries}")
        lines.append(f"bytes = {step.bytes}")

    prior = train_prior(
        texts,
        base="none",
        text=0,
        tuning=in_turn(tuning),
        name=options.name,
        size=options.size,
        threads=options.threads,
        note=note,
    )
    options.output.write_bytes(bytes(prior))
    lines += ["", "[prior]", f"name = {quoted(prior.name)}", f"bytes = {len(bytes(prior))}"]
    lines.append(f'sha256 = "{prior.digest.hex()}"')
    options.output.with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _say(f"{options.output}: {prior.digest.hex()}, {time.monotonic() - started:.0f} s")
    return 0


def names(arguments: list[str] | None) -> list[str]:
    """Return the words of a command without folders: where the files are is nobody's business."""
    return [Path(argument).name for argument in (arguments or sys.argv[1:])]


def quoted(text: str) -> str:
    """Return a string of TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
