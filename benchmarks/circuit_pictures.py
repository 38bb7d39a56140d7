"""What a circuit of images is like: samples of it, its tree, and where the bits of images are.

Plain PNG and SVG, which need no library. The plots of the report are written beside them.
"""

from __future__ import annotations

import importlib.util
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import circuit_plot
from benchmarks.circuit_rows import Reference
from benchmarks.circuit_walks import Hidden, walk
from lmcodec.bench import Measurement
from lmcodec.circuit import Circuit
from lmcodec.fitted import FittedCircuit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bits_map", "grid", "png", "standing", "tree", "write"]

_SEED = 1
_ROWS, _COLUMNS, _SCALE = 6, 16, 2
_WALKED = 1000
# Of a cell in the map, of a pixel in the tree.
_CELL, _PIXEL = 12, 14
_SHADES = 24
# From dark blue by red to light yellow, so that more is lighter.
_RAMP = ((0.0, (13, 22, 66)), (0.35, (122, 28, 110)), (0.7, (230, 88, 54)), (1.0, (252, 240, 160)))
# Where the page is dark, words and lines are light.
_STYLE = (
    "<style>svg{color:#222;background:transparent}"
    "@media(prefers-color-scheme:dark){svg{color:#ddd}}</style>"
)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a grey picture as the bytes of a PNG file.

    Source: Portable Network Graphics (W3C, 2003), 5.3, 11.2.

    Args:
        picture: [rows, columns].
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows, columns = picture.shape
    lines = np.zeros((rows, columns + 1), np.uint8)
    lines[:, 1:] = picture
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            chunk(b"IEND", b""),
        ]
    )


def grid(samples: NDArray[np.uint8], columns: int, scale: int) -> NDArray[np.uint8]:
    """Return pictures in rows, dark on light, with lines between them.

    Args:
        samples: [samples, rows, columns]; those that fill no row are left out.
        columns: Pictures in a row.
        scale: Of each pixel.
    """
    count = len(samples) // columns * columns
    _, rows, width = samples.shape
    large = (255 - samples[:count]).repeat(scale, axis=1).repeat(scale, axis=2)
    framed = np.full((count, rows * scale + 1, width * scale + 1), 160, np.uint8)
    framed[:, :-1, :-1] = large
    lines = framed.reshape(-1, columns, *framed.shape[1:]).swapaxes(1, 2)
    whole: NDArray[np.uint8] = lines.reshape(-1, columns * framed.shape[2])[:-1, :-1]
    return whole


def _svg(width: float, height: float, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="DejaVu Sans,Verdana,sans-serif" '
        f'font-size="11" fill="currentColor">{_STYLE}{"".join(body)}</svg>\n'
    )


def standing(svg: str) -> str:
    """Return an element that is a file of its own: it takes no colour from a page."""
    end = svg.index(">") + 1
    return f"{svg[:end]}{_STYLE}{svg[end:]}\n"


def _shade(part: float) -> str:
    """Return a colour for a number from 0 to 1."""
    places = [place for place, _ in _RAMP]
    mixed = [np.interp(part, places, [colour[at] for _, colour in _RAMP]) for at in range(3)]
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def bits_map(bits: NDArray[np.float64], words: str) -> str:
    """Draw how many bits each pixel takes.

    Args:
        bits: [rows, columns].
        words: Below the map.

    Returns:
        The text of an SVG file.
    """
    rows, columns = bits.shape
    most = float(bits.max()) or 1.0
    shades = np.rint(bits / most * _SHADES).astype(int)
    body = []
    for row in range(rows):
        begin = 0
        for column in range(1, columns + 1):
            # Neighbours of one shade are one rectangle.
            if column == columns or shades[row, column] != shades[row, begin]:
                body.append(
                    f'<rect x="{begin * _CELL}" y="{row * _CELL}" '
                    f'width="{(column - begin) * _CELL}" height="{_CELL}" '
                    f'fill="{_shade(shades[row, begin] / _SHADES)}"/>'
                )
                begin = column
    body = ['<g shape-rendering="crispEdges">', *body]
    left, height = columns * _CELL + 16, rows * _CELL
    step = height / (_SHADES + 1)
    for shade in range(_SHADES + 1):
        body.append(
            f'<rect x="{left}" y="{height - (shade + 1) * step:.2f}" width="14" '
            f'height="{step + 0.5:.2f}" fill="{_shade(shade / _SHADES)}"/>'
        )
    body.append("</g>")
    for part in (0.0, 0.5, 1.0):
        y = height - part * (height - 8)
        body.append(f'<text x="{left + 19}" y="{y:.0f}">{part * most:.1f}</text>')
    body.append(f'<text x="0" y="{height + 16}">{words}</text>')
    return _svg(left + 50, height + 22, body)


def tree(circuit: Circuit, words: str) -> str:
    """Draw which pixel hangs on which; lines are the wider, the more hangs on them.

    Args:
        circuit: Of pictures, with a variable at each node.
        words: Below it.

    Returns:
        The text of an SVG file.

    Raises:
        ValueError: The circuit is of no pictures, or not fitted, or has nodes without variables.
    """
    if circuit.weights is None or len(circuit.shape) != 2:
        raise ValueError("a tree is drawn of circuits of grey pictures")
    nodes = circuit.weights.tree
    if (nodes.variables < 0).any():
        raise ValueError("a tree is drawn of circuits with a variable at each node")
    rows, columns = circuit.shape
    parents = [int(parent) for parent in nodes.parents]
    sizes = [1] * len(parents)
    for node in range(len(parents) - 1, 0, -1):
        sizes[parents[node]] += sizes[node]
    places = [
        ((variable % columns + 0.5) * _PIXEL, (variable // columns + 0.5) * _PIXEL)
        for variable in map(int, nodes.variables)
    ]
    widths: dict[int, list[str]] = {}
    for node in range(1, len(parents)):
        (x, y), (x2, y2) = places[node], places[parents[node]]
        width = min(8, sizes[node].bit_length())
        widths.setdefault(width, []).append(f"M{x:g} {y:g}L{x2:g} {y2:g}")
    body = ['<g fill="none" stroke="#1f78b4" stroke-linecap="round">']
    for width, lines in sorted(widths.items()):
        body.append(f'<path stroke-width="{0.6 * width:.1f}" d="{"".join(lines)}"/>')
    x, y = places[0]
    body.append(f'</g><circle cx="{x:g}" cy="{y:g}" r="6" fill="#d6452b"/>')
    height = rows * _PIXEL
    body.append(f'<text x="4" y="{height + 14}">{words}</text>')
    return _svg(columns * _PIXEL, height + 20, body)


def write(
    folder: Path,
    circuits: Mapping[str, FittedCircuit],
    reference: Reference,
    rows: Sequence[Measurement],
    visits: Mapping[str, Mapping[int, float]],
    note: Callable[[str], None],
) -> None:
    """Write all pictures into a folder.

    Args:
        folder: Takes them.
        circuits: The first one is drawn.
        reference: Images, whose bits are shown.
        rows: Sizes, drawn where matplotlib is installed and there are any.
        visits: Visits of each edge, likewise.
        note: Called with a line for each file.

    Raises:
        ValueError: There is no circuit; it is not of grey pictures.
        OSError: A file cannot be written.
    """
    if not circuits or reference.samples.ndim != 3:
        raise ValueError("pictures are drawn of a circuit and of grey images: --circuits FILE")
    name, fitted = next(iter(circuits.items()))
    circuit = Circuit.from_bytes(bytes(fitted))
    shape = reference.samples.shape[1:]
    flat = reference.flat[:_WALKED]
    bits = walk(Hidden.of(bytes(fitted)), flat).bits.mean(axis=0).reshape(shape)
    drawn = circuit.sample(_ROWS * _COLUMNS, _SEED).reshape(-1, *shape)
    files: dict[str, bytes | str] = {
        "circuit-samples.png": png(grid(drawn, _COLUMNS, _SCALE)),
        "circuit-bits.svg": bits_map(
            bits, f"Bits of each pixel, {bits.mean():.3f} in the mean, of {len(flat):,} images"
        ),
    }
    if circuit.weights is not None and (circuit.weights.tree.variables >= 0).all():
        files["circuit-tree.svg"] = tree(
            circuit,
            f"{name}: {len(reference.flat[0]):,} pixels, {fitted.core.edges:,} edges",
        )
    if importlib.util.find_spec("matplotlib") is not None:
        if rows:
            files["circuit-sizes.svg"] = standing(circuit_plot.sizes(rows))
        if visits and any(visits.values()):
            files["circuit-visits.svg"] = standing(circuit_plot.visits(visits))
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / file).write_bytes(data)
        note(f"{folder / file}: {len(data):,} bytes")
