"""Sums over corpora, and which codecs nobody beats in both size and speed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.results import baselines
from lmcodec.bench import Measurement

__all__ = ["ALL", "Total", "belongs", "frontier", "kinds", "totals"]

ALL = "all kinds"
"""All but the generated corpora: those test edges, and would drown the rest."""

_MADE = "generated"


@dataclass(frozen=True)
class Total:
    """One codec on all corpora of a kind.

    Args:
        label: The codec.
        files: On how many corpora it ran.
        of_files: How many corpora the kind has in this run.
        raw_bytes: Their size, of those that it ran on.
        coded_bytes: What it made of them.
        prior_bytes: Knowledge that its decoder ships; counted once, not for each file.
        xz_bytes: What the baseline made of the same corpora.
        compress_cpu_s: CPU seconds, None when the system does not tell.
        decompress_cpu_s: CPU seconds, None when the system does not tell.
        peak_bytes: Largest memory, either way.
    """

    label: str
    files: int
    of_files: int
    raw_bytes: int
    coded_bytes: int
    prior_bytes: int
    xz_bytes: int
    compress_cpu_s: float | None
    decompress_cpu_s: float | None
    peak_bytes: int | None

    @property
    def percent_of_xz(self) -> float:
        """Return the coded size in percent of the baseline's on the same corpora."""
        return 100 * self.coded_bytes / self.xz_bytes

    @property
    def complete(self) -> bool:
        """Tell whether the codec ran on every corpus of the kind."""
        return self.files == self.of_files

    def speed(self, *, decompress: bool) -> float | None:
        """Return MB/s by CPU time; None below three clock ticks of 10 ms: noise."""
        cpu_s = self.decompress_cpu_s if decompress else self.compress_cpu_s
        return self.raw_bytes / cpu_s / 1e6 if cpu_s is not None and cpu_s >= 0.03 else None


def kinds(rows: Iterable[Measurement]) -> list[str]:
    """Return the kinds that occur, in order of appearance."""
    return list(dict.fromkeys(row.kind for row in rows))


def belongs(row: Measurement, kind: str) -> bool:
    """Tell whether a row counts for a kind, or for all of them."""
    return row.kind == kind or (kind == ALL and row.kind != _MADE)


def totals(rows: Sequence[Measurement], kind: str = ALL) -> list[Total]:
    """Return each codec's sums over one kind, or over all, smallest size first.

    Corpora where the baseline failed are left out.
    """
    base = baselines(rows)
    chosen = [
        row for row in rows if row.ok and belongs(row, kind) and (row.corpus, row.raw_bytes) in base
    ]
    of_files = len({(row.corpus, row.raw_bytes) for row in chosen})
    by_label: dict[str, list[Measurement]] = {}
    for row in chosen:
        by_label.setdefault(row.label, []).append(row)
    sums = [
        Total(
            label=label,
            files=len(mine),
            of_files=of_files,
            raw_bytes=sum(row.raw_bytes for row in mine),
            coded_bytes=sum(row.coded_bytes or 0 for row in mine),
            prior_bytes=max(row.prior_bytes for row in mine),
            xz_bytes=sum(base[row.corpus, row.raw_bytes].coded_bytes or 0 for row in mine),
            compress_cpu_s=_sum(row.compress_cpu_s for row in mine),
            decompress_cpu_s=_sum(row.decompress_cpu_s for row in mine),
            peak_bytes=max(
                (
                    peak
                    for row in mine
                    for peak in (row.compress_peak_bytes, row.decompress_peak_bytes)
                    if peak is not None
                ),
                default=None,
            ),
        )
        for label, mine in by_label.items()
    ]
    return sorted(sums, key=lambda total: total.percent_of_xz)


def frontier(sums: Iterable[Total], *, decompress: bool) -> list[Total]:
    """Return the totals that no other beats in both size and speed, fastest first."""
    best: list[Total] = []
    timed = [(total.speed(decompress=decompress), total) for total in sums if total.complete]
    for _, total in sorted(
        ((speed, total) for speed, total in timed if speed is not None),
        key=lambda pair: (-pair[0], pair[1].coded_bytes),
    ):
        if not best or total.coded_bytes < best[-1].coded_bytes:
            best.append(total)
    return best


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)
