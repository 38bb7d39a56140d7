"""Codecs that are made for tables: Parquet by pyarrow, and OpenZL by its command `zli`.

Each is a command of this file, which tells it how the table is separated:
``python -m benchmarks.table_peers parquet encode x coded``.

Sources: Apache Parquet, file format 2 (https://parquet.apache.org/docs/file-format); Y. Collet,
N. Terrell and others, OpenZL: a graph-based model for compression (2025), for its profile for CSV.
"""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import io
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcodec.peers import Codec, Command

__all__ = ["OPENZL", "OPENZL_TRAINED", "PARQUET", "TABLE_PEERS", "main", "parquet", "separator"]

_SEPARATORS = b",\t;| "
# Enough to tell how a table is separated.
_SAMPLE_ROWS = 1000
_LEVEL = 22
# Larger than any table here: what is cut into pages is larger.
_PAGE_BYTES = 1 << 30
_TRAINING_S = 60


@dataclass(frozen=True)
class _Parquet(Command):
    """A command of this file that needs pyarrow."""

    def version(self) -> str | None:
        """Return the version of pyarrow, None if it is not installed."""
        if importlib.util.find_spec("pyarrow") is None:
            return None
        return importlib.metadata.version("pyarrow")


def _command(*words: str) -> str:
    return " ".join((sys.executable, "-m", "benchmarks.table_peers", *words))


PARQUET = _Parquet(
    "parquet",
    f"zstd -{_LEVEL}",
    _command("parquet", "encode", "x", "coded"),
    _command("parquet", "decode", "coded", "y"),
    "",
    exact=False,
)
"""The least of typed columns and text, with a dictionary and without; not byte exact."""

OPENZL = Command(
    "openzl",
    "csv",
    _command("openzl", "encode", "x", "coded"),
    "zli decompress coded -o y",
    # The version that it says apart is another one.
    "zli --help",
)
OPENZL_TRAINED = Command(
    "openzl",
    "csv trained",
    _command("openzl-trained", "encode", "x", "coded"),
    "zli decompress coded -o y",
    "zli --help",
    slow=True,
)
"""Trained on the very file, a minute for each part; the coded file says what was found."""

TABLE_PEERS: tuple[Codec, ...] = (PARQUET, OPENZL, OPENZL_TRAINED)


def separator(raw: bytes) -> str:
    """Return what separates the cells of a table: what most lines have equally often.

    Args:
        raw: The table; a part of it is looked at.

    Returns:
        One character, a comma where nothing separates.
    """
    lines = _lines(raw)

    def alike(byte: int) -> int:
        counts = Counter(line.count(byte) for line in lines)
        return max((times for count, times in counts.items() if count), default=0)

    # The first of those that do equally well.
    return chr(max(_SEPARATORS, key=alike))


def _lines(raw: bytes) -> list[bytes]:
    return list(itertools.islice(io.BytesIO(raw), _SAMPLE_ROWS))


def _before(raw: bytes, between: str) -> int:
    """Return how many lines there are before the first that looks like a row."""
    counts = [line.count(between.encode()) for line in _lines(raw)]
    usual = Counter(counts).most_common(1)[0][0] if counts else 0
    return counts.index(usual) if counts else 0


def parquet(raw: bytes) -> bytes:
    """Return the least Parquet file that has the cells of a table.

    It is read back and compared. Lines before the first row are not in it, nor is the spelling of
    numbers where their columns have a type; a table that cannot be read is one column of lines.

    Args:
        raw: The table.

    Raises:
        ValueError: The file has other cells.
    """
    import pyarrow.parquet as pq

    files = []
    for table in _readings(raw):
        for dictionary in (True, False):
            sink = io.BytesIO()
            pq.write_table(
                table,
                sink,
                compression="zstd",
                compression_level=_LEVEL,
                use_dictionary=dictionary,
                dictionary_pagesize_limit=_PAGE_BYTES,
                data_page_size=_PAGE_BYTES,
                row_group_size=max(1, table.num_rows),
                write_statistics=False,
            )
            files.append((len(sink.getvalue()), sink.getvalue(), table))
    _, best, table = min(files, key=lambda file: file[0])
    back = pq.ParquetFile(io.BytesIO(best)).read(use_threads=False)
    # Seconds come back as milliseconds.
    if not back.cast(table.schema).equals(table):
        raise ValueError("Parquet has other cells")
    return best


def _readings(raw: bytes) -> Iterator[Any]:
    """Yield tables of Arrow: columns as their types, and as text."""
    import pyarrow as pa
    from pyarrow import csv as reader

    between = separator(raw)
    before = _before(raw, between)
    first = raw.splitlines()[before : before + 1]
    names = next(csv.reader([line.decode("latin-1") for line in first], delimiter=between), [])
    # Names that repeat are none.
    distinct = len(set(names)) == len(names)
    options = {
        "read_options": reader.ReadOptions(
            block_size=len(raw) + 1,
            use_threads=False,
            skip_rows=before,
            autogenerate_column_names=not distinct,
        ),
        "parse_options": reader.ParseOptions(delimiter=between, newlines_in_values=True),
    }
    try:
        typed = reader.read_csv(io.BytesIO(raw), **options)
        texts = reader.ConvertOptions(column_types=dict.fromkeys(typed.column_names, pa.string()))
        text = reader.read_csv(io.BytesIO(raw), convert_options=texts, **options)
    except pa.ArrowInvalid:
        yield pa.table({"line": pa.array(raw.split(b"\n"), pa.binary())})
        return
    yield typed
    yield text


def _cells(coded: bytes) -> bytes:
    """Return the cells of a Parquet file as CSV."""
    import pyarrow.parquet as pq
    from pyarrow import csv as writer

    sink = io.BytesIO()
    writer.write_csv(pq.ParquetFile(io.BytesIO(coded)).read(use_threads=False), sink)
    return sink.getvalue()


def main(words: Sequence[str]) -> int:
    """Code a file: ``parquet encode|decode FROM TO``, ``openzl[-trained] encode FROM TO``."""
    codec, verb, source, target = words
    try:
        if codec == "parquet":
            function = parquet if verb == "encode" else _cells
            Path(target).write_bytes(function(Path(source).read_bytes()))
        else:
            _openzl(source, target, is_trained=codec == "openzl-trained")
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def _openzl(source: str, target: str, *, is_trained: bool) -> None:
    between = separator(Path(source).read_bytes())
    way = ["--profile", "csv", *(["--profile-arg", between] if between != "," else [])]
    with tempfile.TemporaryDirectory() as folder:
        if is_trained:
            samples, trained = Path(folder, "samples"), str(Path(folder, "trained"))
            samples.mkdir()
            shutil.copy(source, samples)
            limits = ["--threads", "1", "--max-time-secs", str(_TRAINING_S)]
            train = ["zli", "train", str(samples), *way, "-o", trained, *limits]
            subprocess.run(train, check=True)
            way = ["--compressor", trained]
        subprocess.run(["zli", "compress", source, "-o", target, *way], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
