"""Lets `cm` learn at more levels how far to trust a prior, and makes that a prior on it.

    python -m training.levels BASE TEXT... --name general-1.1 -o lmcodec/data/general-1.1.prior

The base has what level 5 learnt. Others learn from the same part of the texts, which the base was
not trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
from pathlib import Path

from lmcodec import _core
from lmcodec.prior import Prior
from training.prior import names, quoted
from training.texts import in_turn, pieces_of, read

_AFTER_PERCENT = 95
_LEVELS = (3, 4, 6, 7, 8)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m training.levels", description=__doc__)
    parser.add_argument("base", type=Path, help="a prior without a base")
    parser.add_argument("texts", nargs="+", type=Path, help="files, plain or .xz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--levels", type=int, nargs="+", default=_LEVELS, metavar="N", help="3 to 8"
    )
    options = parser.parse_args(arguments)
    base = Prior.load(options.base)
    command = shlex.join(names(arguments))
    lines = [
        "# What levels learnt from; written by python -m training.levels.",
        f"command = {quoted('python -m training.levels ' + command)}",
        f'base = "{base.digest.hex()}"',
    ]
    pieces = []
    for path in options.texts:
        data = read(path)
        pieces.append(pieces_of(data, _AFTER_PERCENT))
        lines += ["", "[[text]]", f"name = {quoted(path.name)}", f"bytes = {len(data)}"]
        lines.append(f'sha256 = "{hashlib.sha256(data).hexdigest()}"')
    table = _core.Prior.empty(options.name).on(base.digest, base.table)
    learnt = table.learn(in_turn(pieces), list(options.levels)).to_bytes()
    options.output.write_bytes(learnt)
    lines += ["", "[prior]", f"name = {quoted(options.name)}", f"bytes = {len(learnt)}"]
    lines.append(f'sha256 = "{hashlib.sha256(learnt).hexdigest()}"')
    options.output.with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
