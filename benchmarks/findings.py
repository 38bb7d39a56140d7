"""Targets: what was asked, and what was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Finding", "missing", "table"]


@dataclass(frozen=True)
class Finding:
    """One target: what was asked, what was reached; `ok` is None where rows are missing."""

    asked: str
    reached: str
    ok: bool | None


def missing(asked: str) -> list[Finding]:
    """Return the finding for a target whose rows are not there."""
    return [Finding(asked, "not measured", None)]


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a Markdown table with a last line that counts them."""
    words = {True: "yes", False: "no", None: "?"}
    lines = ["| Asked | Reached | |", "|---|---|---|"]
    lines += [f"| {f.asked} | {f.reached} | {words[f.ok]} |" for f in findings]
    met = sum(f.ok is True for f in findings)
    return "\n".join([*lines, "", f"{met} of {len(findings)} targets are met."])
