"""Prepares the texts."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from training.shingles import Shingles
from training.texts import files, read, without

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

HELD_BACK_PERCENT = 4
# How much of what is seen is of each kind: what people compress, prose and markup before all.
SHARES = {
    "books_en": 0.31,
    "xml_wiki_misc": 0.12,
    "code": 0.12,
    "docs": 0.11,
    "html": 0.11,
    "chat": 0.07,
    "books_eu": 0.06,
    "json": 0.05,
    "logs": 0.03,
    "csv": 0.02,
}


def prepare(
    texts: Sequence[Path],
    benchmarks: Path | None,
    folder: Path,
    say: Callable[[str], None],
    command: str,
) -> None:
    """Write ``KIND.train``, ``KIND.held`` and ``data.toml``, without text of the benchmarks."""
    folder.mkdir(parents=True, exist_ok=True)
    shingles = Shingles(read(path) for path in files(benchmarks)) if benchmarks else None
    lines = [f"prepare = {json.dumps(command)}", f"held_back_percent = {HELD_BACK_PERCENT}"]
    for path in texts:
        data = read(path)
        end = len(data) * (100 - HELD_BACK_PERCENT) // 100
        kind = path.name.removesuffix(".xz")
        lines += ["", "[[text]]", f'name = "{kind}"', f"bytes = {len(data)}"]
        lines.append(f'sha256 = "{hashlib.sha256(data).hexdigest()}"')
        for name, part in (("train", data[:end]), ("held", data[end:])):
            places = [int(at) for at in shingles.places(part)] if shingles else []
            kept = b"".join(without(part, places))
            (folder / f"{kind}.{name}").write_bytes(kept)
            lines.append(f"{name}_bytes = {len(kept)}")
            lines.append(f"{name}_places_shared_with_benchmarks = {len(places)}")
            lines.append(f"{name}_bytes_left_out = {len(part) - len(kept)}")
            say(f"{kind}.{name}: {len(kept):,} bytes, {len(places)} places shared, left out")
    (folder / "data.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def texts(folder: Path, part: str) -> dict[str, NDArray[np.uint8]]:
    """Return the prepared texts of a folder: ``train`` or ``held``."""
    return {
        path.stem: np.memmap(path, np.uint8, "r")
        for path in sorted(folder.glob(f"*.{part}"))
        if path.stat().st_size
    }
