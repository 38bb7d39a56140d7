"""The report on calls and bits, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.ardm import Row

__all__ = ["markdown"]


def markdown(rows: Sequence[Row]) -> str:
    """Return the report.

    Args:
        rows: Of all networks.
    """
    parts = ["# Calls of networks of `ardm`, and bits\n"]
    for subject in dict.fromkeys(row.subject for row in rows):
        parts += _subject(subject, [row for row in rows if row.subject == subject])
    return "\n".join(parts)


def _subject(subject: str, rows: Sequence[Row]) -> list[str]:
    first = rows[0]
    best = {row.calls: row for row in rows if row.way == "best"}
    equal = {row.calls: row for row in rows if row.way == "uniform"}
    full = best[max(best)]
    lines = [
        f"## {subject}: {first.items:,} items of {first.size:,} symbols\n",
        f"Standard error of coded to predicted: {first.error:.2%}.\n",
        "| calls | predicted bits | coded bits | coded to predicted | equal steps | to all calls "
        "| symbols/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for calls, row in best.items():
        other = f"{equal[calls].coded_bits:.4f}" if calls in equal else "-"
        lines.append(
            f"| {calls:,} | {row.predicted_bits:.4f} | {row.coded_bits:.4f} | "
            f"{row.coded_bits / row.predicted_bits - 1:+.2%} | {other} | "
            f"{row.coded_bits / full.coded_bits - 1:+.2%} | "
            f"{row.items * row.size / row.encode_s:,.0f} |"
        )
    lines.append("")
    for row in rows:
        if row.way == "other":
            lines.append(
                f"- {row.name}: {row.coded_bits:.4f} bits; with all calls "
                f"{full.coded_bits / row.coded_bits - 1:+.2%}{_speeds(row)}"
            )
    return [*lines, ""]


def _speeds(row: Row) -> str:
    """Return how fast items were coded both ways, where both were tried."""
    if not row.decode_s:
        return ""
    there, back = (row.items * row.size / spent for spent in (row.encode_s, row.decode_s))
    return f"; {there:,.0f} symbols/s, {back:,.0f} back"
