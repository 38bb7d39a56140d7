"""Lets `cm` learn beside a network how far to trust it, and puts that into its file.

    python -m training.start WEIGHTS TEXT... -o lmcodec/data/NAME.safetensors

The network is not trained on the last four hundredths of every text. The first one of these is
taken, in pieces in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
from pathlib import Path

from lmcodec import _core, prior
from training.texts import in_turn, pieces_of, read

_AFTER_PERCENT = 96


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m training.start", description=__doc__)
    parser.add_argument("weights", type=Path, help="a network, in the format safetensors")
    parser.add_argument("texts", nargs="+", type=Path, help="files, plain or .xz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    pieces = in_turn(pieces_of(read(path), _AFTER_PERCENT) for path in options.texts)
    print(f"{sum(map(len, pieces)):,} bytes to learn from", file=sys.stderr, flush=True)
    tuned = _core.Network.learn(options.weights.read_bytes(), pieces, prior.default().table)
    options.output.write_bytes(tuned)
    words = [Path(word).name if "/" in word else word for word in arguments or sys.argv[1:]]
    card = [
        "",
        "[start]",
        f'command = "python -m training.start {shlex.join(words)}"',
        f'prior = "{prior.default().name}"',
        f"bytes = {len(tuned)}",
        f'sha256 = "{hashlib.sha256(tuned).hexdigest()}"',
    ]
    path = options.output.with_suffix(".toml")
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(before.split("\n[start]")[0] + "\n".join(card) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
