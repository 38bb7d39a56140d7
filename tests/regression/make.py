"""Writes the coded sizes of every portable model on every sample to sizes.csv.

python -m tests.regression.make
"""

from __future__ import annotations

from pathlib import Path

from tests.models import OWN
from tests.strategies import LONG_SAMPLES, SAMPLES

SIZES = Path(__file__).parent / "sizes.csv"


def table() -> str:
    """Return the table as text: bytes of the payload, without any header."""
    lines = ["model,version,sample,raw_bytes,coded_bytes"]
    for cls in OWN:
        if cls.host_bound or cls.width != 1:
            continue
        model = cls()
        for name, content in (SAMPLES | LONG_SAMPLES).items():
            size = len(model.encode(content))
            lines.append(f"{cls.id},{cls.version},{name},{len(content)},{size}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SIZES.write_text(table(), encoding="utf-8", newline="\n")
