"""Tables of blocks whose entropy is known: what latent classes, and what others, take for them.

Source: A. Montanari, E. Weiner, Compressing Tabular Data via Latent Variable Estimation (ICML
2023): coders of the Lempel-Ziv kind do not reach the entropy of such tables, latent classes do.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

import lmcodec
from benchmarks.circuit_figures import Figure, Figures
from lmcodec.latent import Latents
from lmcodec.models.latent import Latent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.gains import Note

__all__ = ["BITS", "BLOCKS", "KNOWN", "LATENT", "SIGNAL", "SIZES", "draw", "entropy", "measure"]

BLOCKS, SIGNAL = "blocks", "signal"
"""Parts of the report."""

LATENT, KNOWN, SPECTRAL, OPTIMUM = "latent", "known classes", "spectrum alone", "entropy"
"""Ways to code, and what is asked of them."""

SIZES = (100, 300, 1000, 3000)
"""Rows, and as many columns."""

BITS = "bits an entry"

# Every mean of a row and of a column is one half: what comes in one says nothing by itself.
_SHARES = np.array([[0.05, 0.5, 0.95], [0.9, 0.1, 0.5], [0.5, 0.9, 0.1]])
_CLASSES = len(_SHARES)
_STRENGTHS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1)
_SIGNAL_SIZE, _SIGNAL_SEEDS = 300, 5
# Others take long and hardly vary: of larger tables, some of the seeds tell.
_OTHERS_SEEDS = {100: 10, 300: 10, 1000: 2, 3000: 1}


def draw(
    size: int, seed: int, strength: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a table of zeros and ones, and the classes of its rows and columns.

    Args:
        size: Rows, and columns.
        seed: Of all that is drawn.
        strength: How far the shares of the blocks are from one half, where 1 is as far as it goes.

    Returns:
        uint8 [size, size], uint8 [size], uint8 [size].
    """
    random = np.random.default_rng((size, seed))
    rows = random.integers(0, _CLASSES, size)
    columns = random.integers(0, _CLASSES, size)
    shares = 0.5 + strength * (_SHARES - 0.5)
    table = random.random((size, size)) < shares[rows[:, None], columns[None]]
    return table.astype(np.uint8), rows.astype(np.uint8), columns.astype(np.uint8)


def entropy(size: int, strength: float = 1.0) -> float:
    """Return H(X | U, V) + H(U) / n + H(V) / m in bits an entry."""
    shares = 0.5 + strength * (_SHARES - 0.5)
    of_entries = -(shares * np.log2(shares) + (1 - shares) * np.log2(1 - shares))
    return float(of_entries.mean()) + 2 * float(np.log2(_CLASSES)) / size


def measure(figures: Figures, note: Note, sizes: Sequence[int], seeds: int) -> None:
    """Measure tables of each size, and tables of one size whose blocks are less and less unlike.

    Args:
        figures: Takes what was found; what is there is not measured again.
        note: Told what is done.
        sizes: Rows of the tables.
        seeds: Tables of each size.
    """
    version = str(lmcodec.__version__)
    for size in sizes:
        for seed in range(seeds):
            subject = f"{size}/{seed}"
            if not figures.has(BLOCKS, subject, version):
                found = dict(_of_blocks(size, seed))
                note(f"{subject}: {found[LATENT] / found[OPTIMUM] - 1:+.2%} by latent classes")
                figures.put(BLOCKS, subject, _figures(BLOCKS, subject, found, version))
    for strength in _STRENGTHS:
        for seed in range(min(seeds, _SIGNAL_SEEDS)):
            subject = f"{strength:g}/{seed}"
            if not figures.has(SIGNAL, subject, version):
                found = dict(_of_signal(strength, seed))
                note(f"strength {subject}: {found[LATENT] / found[OPTIMUM] - 1:+.2%}")
                figures.put(SIGNAL, subject, _figures(SIGNAL, subject, found, version))


def _figures(part: str, subject: str, found: dict[str, float], version: str) -> list[Figure]:
    return [Figure(part, subject, way, BITS, bits, version) for way, bits in found.items()]


def _of_blocks(size: int, seed: int) -> Iterator[tuple[str, float]]:
    table, rows, columns = draw(size, seed)
    raw = table.tobytes()
    yield OPTIMUM, entropy(size)
    model = Latent(columns=size).fit(raw)
    payload = model.encode(raw)
    if model.decode(payload, len(raw)) != raw:
        raise ValueError(f"latent decodes another table: {size}/{seed}")
    yield LATENT, 8 * len(payload) / table.size
    yield KNOWN, _known(table, rows, columns)
    if seed < _OTHERS_SEEDS.get(size, 1):
        # What suits each best: bytes or bits, by rows or by columns.
        forms = [
            form.tobytes()
            for way in (table, np.ascontiguousarray(table.T))
            for form in (way, np.packbits(way, axis=1))
        ]
        for name, compress in _others():
            yield name, 8 * min(len(compress(form)) for form in forms) / table.size


def _of_signal(strength: float, seed: int) -> Iterator[tuple[str, float]]:
    size = _SIGNAL_SIZE
    table, rows, columns = draw(size, seed, strength)
    yield OPTIMUM, entropy(size, strength)
    yield KNOWN, _known(table, rows, columns)
    for way, sweeps in ((SPECTRAL, 0), (LATENT, 10)):
        yield way, Latents("alike", sweeps=sweeps).fit(table).bits_ / table.size


def _known(table: NDArray[np.uint8], rows: NDArray[np.uint8], columns: NDArray[np.uint8]) -> float:
    """Return the bits an entry where the classes from which a table was drawn are given."""
    from lmcodec.latent.blocks import Classes, View, measured

    view = View(table, np.full(1, 2, np.int64), False, 2)
    return measured(view, Classes(rows, columns)).bits / table.size


def _others() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Yield other compressors at their best, those that are installed."""
    yield "gzip -9", lambda data: zlib.compress(data, 9)
    yield "bzip2 -9", bz2.compress
    yield "xz -9e", lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    for name, compress in (("zstandard", _zstd), ("brotli", _brotli)):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        yield {"zstandard": "zstd -22", "brotli": "brotli -11"}[name], compress


def _zstd(data: bytes) -> bytes:
    return bytes(importlib.import_module("zstandard").ZstdCompressor(level=22).compress(data))


def _brotli(data: bytes) -> bytes:
    # Slow: of more than a megabyte, a quality below tells as much.
    quality = 11 if len(data) < 1 << 20 else 9
    return bytes(importlib.import_module("brotli").compress(data, quality=quality))
