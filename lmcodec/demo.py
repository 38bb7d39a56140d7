"""Compresses a file that comes with every Python, beside what else is there: `make demo`."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from lmcodec.bench import Measurement, available, run_codec
from lmcodec.peers import select
from lmcodec.terminal import table

# Only what most machines have; those that are missing are left out.
PEERS = ("gzip", "bzip2", "xz", "zstd -19", "brotli")
LEVELS = (1, 5, 9)
# A clock that ticks in 10 ms says nothing below three ticks.
_LEAST_S = 0.03


def topics() -> Path:
    """Return the documentation topics inside Python's own library.

    Raises:
        FileNotFoundError: This Python has no source files.
    """
    found = find_spec("pydoc_data.topics")
    if found is None or found.origin is None:
        raise FileNotFoundError("pydoc_data/topics.py")
    return Path(found.origin)


def compare(file: Path) -> list[Measurement]:
    """Compress and decompress a file with each codec, and compare the bytes.

    Args:
        file: What to compress.

    Returns:
        A row for each codec, the smallest first.
    """
    codecs = available(select([*PEERS, "lmcodec*"], LEVELS), lambda _: None)
    rows = []
    for number, (codec, version) in enumerate(codecs.items(), 1):
        if sys.stderr.isatty():
            print(f"\r{number} of {len(codecs)}: {codec.label:12}", end="", file=sys.stderr)
        rows.append(run_codec(codec, version, file, corpus=file.name))
    if sys.stderr.isatty():
        print("\r" + " " * 24, end="\r", file=sys.stderr)
    return sorted(rows, key=lambda row: row.coded_bytes or sys.maxsize)


def report(rows: list[Measurement]) -> list[str]:
    """Return a table of rows as lines."""
    cells: list[list[object]] = [
        ["bytes", "% of file", "compress MB/s", "decompress MB/s", "codec", "decoded bytes"]
    ]
    for row in rows:
        coded = row.coded_bytes
        cells.append(
            [
                "-" if coded is None else f"{coded:,}",
                "-" if coded is None else f"{100 * coded / row.raw_bytes:.2f}",
                _speed(row.raw_bytes, row.compress_cpu_s),
                _speed(row.raw_bytes, row.decompress_cpu_s),
                row.label,
                "identical" if row.ok else row.status,
            ]
        )
    return table(cells, right=4)


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration.

    Returns:
        0 where lmcodec decoded every byte.
    """
    parser = argparse.ArgumentParser(prog="python -m lmcodec.demo", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="another file to compress")
    file = parser.parse_args(arguments).file or topics()
    rows = compare(file)
    print(f"{file}: {file.stat().st_size:,} bytes\n")
    print("\n".join(report(rows)))
    own = [row for row in rows if row.codec.startswith("lmcodec")]
    if not own or not all(row.ok for row in own):
        print("\nlmcodec did not give the file back.")
        return 1
    print("\nSpeeds are by CPU time, one MB is 10^6 bytes.")
    print("Every stream of lmcodec was decoded and compared byte for byte.")
    return 0


def _speed(size: int, cpu_s: float | None) -> str:
    if cpu_s is None:
        return "-"
    return f"{size / cpu_s / 1e6:.3g}" if cpu_s >= _LEAST_S else f"> {size / _LEAST_S / 1e6:.2g}"


if __name__ == "__main__":
    sys.exit(main())
