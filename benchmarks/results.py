"""Rows on disk: one CSV file, written anew after each measurement, so no run is ever lost."""

from __future__ import annotations

import csv
import dataclasses
import fnmatch
import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lmcodec.bench import Measurement
from lmcodec.peers import BASELINE

__all__ = ["Machine", "Store", "baselines", "read_rows", "write_rows"]

# Columns that follow from the others, for readers of the CSV file.
_DERIVED = (
    "coded_with_prior_bytes",
    "size_vs_xz",
    "compress_cpu_vs_xz",
    "decompress_cpu_vs_xz",
)
_NUMBERS = {"int": int, "int | None": int, "float | None": float}


@dataclasses.dataclass(frozen=True)
class Machine:
    """Where a run took place: enough to compare, nothing that names a person or a host."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine."""
        processor = platform.processor() or platform.machine()
        cpuinfo = Path("/proc/cpuinfo")
        if cpuinfo.exists():
            for line in cpuinfo.read_text().splitlines():
                if line.startswith("model name"):
                    processor = line.partition(":")[2].strip()
                    break
        memory = 0
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        system = f"{platform.system()} {platform.machine()}"
        return cls(processor, os.cpu_count() or 1, memory, system, platform.python_version())

    def write(self, folder: Path) -> None:
        """Store the description beside the rows."""
        text = json.dumps(dataclasses.asdict(self), indent=1) + "\n"
        (folder / "machine.json").write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Machine | None:
        """Return the stored description, None if there is none."""
        path = folder / "machine.json"
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def is_like(self, other: Machine) -> bool:
        """Return whether a report says the same of both: kernels keep some pages for themselves."""
        return str(self) == str(other)

    def __str__(self) -> str:
        """Return one line for a report."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_bytes / (1 << 30):.0f} GiB, "
            f"{self.system}, Python {self.python}"
        )


def baselines(rows: Iterable[Measurement]) -> dict[tuple[str, int], Measurement]:
    """Return the baseline's row of each corpus, by its name and size."""
    return {(row.corpus, row.raw_bytes): row for row in rows if row.label == BASELINE and row.ok}


def quotient(a: float | None, b: float | None) -> float | None:
    """Return ``a / b``, or None where either is missing or `b` is 0."""
    return a / b if a is not None and b else None


def write_rows(path: Path, rows: Sequence[Measurement]) -> None:
    """Write all rows with their derived columns; the file is replaced in one step."""
    base = baselines(rows)
    names = [field.name for field in dataclasses.fields(Measurement)]
    passing = path.with_name(path.name + ".part")
    with passing.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*names, *_DERIVED])
        for row in rows:
            xz = base.get((row.corpus, row.raw_bytes))
            derived: list[Any] = [row.coded_with_prior_bytes, None, None, None]
            if xz is not None:
                derived[1] = quotient(row.coded_bytes, xz.coded_bytes)
                derived[2] = quotient(row.compress_cpu_s, xz.compress_cpu_s)
                derived[3] = quotient(row.decompress_cpu_s, xz.decompress_cpu_s)
            cells = [getattr(row, name) for name in names] + derived
            writer.writerow([_number(c) if isinstance(c, float) else c for c in cells])
    passing.replace(path)


def _number(value: float) -> str:
    # Messages take less than a millisecond.
    return f"{value:.4f}" if value >= 0.01 or value == 0 else f"{value:.7f}"


def read_rows(path: Path) -> list[Measurement]:
    """Read what `write_rows` wrote; derived columns are ignored."""
    types = {field.name: str(field.type) for field in dataclasses.fields(Measurement)}
    rows = []
    with path.open(newline="", encoding="utf-8") as source:
        for cells in csv.DictReader(source):
            values: dict[str, Any] = {}
            for name, type_name in types.items():
                cell = cells[name]
                number = _NUMBERS.get(type_name)
                if number is None:
                    values[name] = cell
                elif cell:
                    values[name] = number(cell)
            rows.append(Measurement(**values))
    return rows


class Store:
    """The rows of a folder, written after each that is added.

    Args:
        folder: Takes ``rows.csv`` and ``machine.json``.
        resume: Keep the rows of an earlier run, but for those that failed.
        again: Shell patterns of codecs whose earlier rows are dropped.

    Attributes:
        rows: All rows.

    Raises:
        FileExistsError: The folder holds rows and `resume` is false.
        ValueError: The rows to go on with are from another machine.
    """

    def __init__(self, folder: Path, *, resume: bool, again: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._table = folder / "rows.csv"
        self.rows: list[Measurement] = []
        if self._table.exists():
            if not resume:
                raise FileExistsError(f"results exist already: {self._table}")
            before = Machine.read(folder)
            if before is not None and not before.is_like(Machine.here()):
                raise ValueError(f"rows are from another machine: {folder}")
            self.rows = [
                row
                for row in read_rows(self._table)
                if row.ok and not any(fnmatch.fnmatchcase(row.label, pattern) for pattern in again)
            ]
        Machine.here().write(folder)
        self.keep(self.rows)

    def keep(self, rows: Sequence[Measurement]) -> None:
        """Go on with these rows alone; what is dropped stays in the file until one is added."""
        self.rows = list(rows)
        self._keys = {(row.corpus, row.raw_bytes, row.label, row.version) for row in rows}

    def has(self, corpus: str, raw_bytes: int, label: str, version: str) -> bool:
        """Tell whether a row is there."""
        return (corpus, raw_bytes, label, version) in self._keys

    def add(self, *rows: Measurement) -> None:
        """Add rows and write all."""
        self.rows += rows
        self._keys |= {(row.corpus, row.raw_bytes, row.label, row.version) for row in rows}
        write_rows(self._table, self.rows)
