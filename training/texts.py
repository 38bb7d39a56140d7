"""Reads training texts, and leaves out what they share with others."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

from training.shingles import LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Of each text.
_PIECES, _PIECE_BYTES = 12, 100_000


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


def pieces_of(text: bytes, percent: int) -> list[bytes]:
    """Return pieces, of 100 kB at most, of the hundredth of a text that follows its first ones."""
    held = text[len(text) * percent // 100 : len(text) * (percent + 1) // 100]
    span = len(held) // _PIECES
    return [held[at * span : at * span + min(span, _PIECE_BYTES)] for at in range(_PIECES)]


def in_turn(pieces: Iterable[list[bytes]]) -> list[bytes]:
    """Return one piece of each text, then the next of each."""
    return [piece for turn in zip(*pieces, strict=True) for piece in turn if piece]
