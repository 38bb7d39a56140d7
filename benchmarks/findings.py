"""Targets: what was asked, and what was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmcodec.bench import Measurement

__all__ = ["Finding", "bits_per_byte", "missing", "table"]


@dataclass(frozen=True)
class Finding:
    """One target: what was asked, what was reached; `ok` is None where rows are missing."""

    asked: str
    reached: str
    ok: bool | None


def missing(asked: str) -> list[Finding]:
    """Return the finding for a target whose rows are not there."""
    return [Finding(asked, "not measured", None)]


def bits_per_byte(asked: str, row: Measurement | None, limit: float) -> list[Finding]:
    """Return the finding for the size of a corpus.

    Args:
        asked: What was asked, without the limit.
        row: The row of the corpus, or None where it was not measured.
        limit: Bits for each byte at most.
    """
    asked = f"{asked}: at most {limit:.2f} bits a byte"
    if row is None or row.coded_bytes is None:
        return missing(asked)
    bits = 8 * row.coded_bytes / row.raw_bytes
    return [Finding(asked, f"{bits:.3f} ({row.coded_bytes:,} bytes)", bits <= limit)]


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a Markdown table with a last line that counts them."""
    words = {True: "yes", False: "no", None: "?"}
    lines = ["| Asked | Reached | |", "|---|---|---|"]
    lines += [f"| {f.asked} | {f.reached} | {words[f.ok]} |" for f in findings]
    met = sum(f.ok is True for f in findings)
    return "\n".join([*lines, "", f"{met} of {len(findings)} targets are met."])
