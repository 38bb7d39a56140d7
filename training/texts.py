"""Reads training texts, and leaves out what they share with others."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

from training.shingles import LENGTH

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> bytes:
    """Return what a file holds, plain or ``.xz``."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def files(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def without(text: bytes, places: list[int]) -> list[bytes]:
    """Return what is left of a text without the lines around places that are not to be used."""
    parts, start = [], 0
    for place in places:
        if place < start:
            continue
        before = text.rfind(b"\n", start, place)
        parts.append(text[start : max(before, start)])
        after = text.find(b"\n", place + LENGTH)
        start = len(text) if after < 0 else after
    return [part for part in [*parts, text[start:]] if part]
