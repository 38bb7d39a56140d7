"""Formats of images as rivals: an array of pictures as one picture, and as a file for each.

They are of the package Pillow, and of the commands of libjxl; what is not installed is left out.
Every picture is read again and compared.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcodec.peers import Command

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EACH", "FORMATS", "WHOLE", "Format", "coded_bytes", "mosaic"]

WHOLE, EACH = "one picture", "each alone"
"""All samples side by side, or a file for each."""

# Pillow knows more formats than those that can hold a picture without loss.
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "WebP": {"lossless": True, "quality": 100, "method": 6, "exact": True},
}


@dataclass(frozen=True)
class Format:
    """A format of images.

    Args:
        name: What it is called.
        ways: Of arranging samples; a command is started too slowly for a file each.
    """

    name: str
    ways: tuple[str, ...] = (WHOLE, EACH)

    def version(self) -> str | None:
        """Return the version of what writes it, None where that is not installed."""
        if self.name in _OPTIONS:
            there = importlib.util.find_spec("PIL") is not None
            return f"pillow {importlib.metadata.version('pillow')}" if there else None
        there = shutil.which("djxl") is not None
        number = Command("cjxl", "", "", "", "cjxl --version").version()
        return f"libjxl {number}" if there and number is not None else None

    def write(self, picture: NDArray[np.uint8]) -> bytes:
        """Return the bytes of a picture.

        Args:
            picture: [rows, columns], or [rows, columns, 3].
        """
        if self.name in _OPTIONS:
            out = io.BytesIO()
            _pillow().fromarray(picture).save(out, self.name, **_OPTIONS[self.name])
            return out.getvalue()
        return _through("cjxl", "-d 0 -e 9", "x.ppm", _pnm(picture), "y.jxl")

    def read(self, data: bytes) -> NDArray[np.uint8]:
        """Return the picture of some bytes; grey ones may come back with equal colours."""
        if self.name not in _OPTIONS:
            data = _through("djxl", "", "x.jxl", data, "y.ppm")
        return np.asarray(_pillow().open(io.BytesIO(data)))


FORMATS = (Format("PNG"), Format("WebP"), Format("JPEG XL", (WHOLE,)))
"""Every format."""


def _pillow() -> Any:
    return importlib.import_module("PIL.Image")


def _pnm(picture: NDArray[np.uint8]) -> bytes:
    rows, columns = picture.shape[:2]
    kind = b"P5" if picture.ndim == 2 else b"P6"
    return kind + b"\n%d %d\n255\n" % (columns, rows) + picture.tobytes()


def _through(program: str, options: str, source: str, data: bytes, target: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lmcodec-bench-") as folder:
        Path(folder, source).write_bytes(data)
        words = [program, source, target, *options.split()]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        return Path(folder, target).read_bytes()


def mosaic(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pictures side by side, in as many columns as rows; what is left over is 0.

    Args:
        samples: [samples, rows, columns], or with a last axis of 3 channels.
    """
    count, rows, columns = samples.shape[:3]
    side = next(side for side in range(1, count + 1) if side * side >= count)
    below = -(-count // side)
    every = np.zeros((below * side, *samples.shape[1:]), np.uint8)
    every[:count] = samples
    grid = every.reshape(below, side, *samples.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(below * rows, side * columns, *samples.shape[3:])


def coded_bytes(form: Format, way: str, samples: NDArray[np.uint8]) -> int:
    """Return the bytes of all pictures.

    Args:
        form: The format.
        way: One of its ways.
        samples: As for `mosaic`.

    Raises:
        ValueError: A picture differs when it is read again.
    """
    pictures: Iterator[NDArray[np.uint8]] = iter([mosaic(samples)] if way == WHOLE else samples)
    total = 0
    for picture in pictures:
        data = form.write(picture)
        back = form.read(data)
        if back.ndim > picture.ndim:
            back = back[..., 0]
        if not np.array_equal(back, picture):
            raise ValueError("decoded pixels differ")
        total += len(data)
    return total
