"""Size against speed, as SVG that fits into a page with a light or a dark background."""

from __future__ import annotations

import importlib
import importlib.util
import io
import math
import re
from collections.abc import Callable, Sequence, Set
from typing import Any
from xml.etree import ElementTree

from benchmarks.summary import Total, frontier

__all__ = ["TEXT", "can_draw", "plot", "save_png", "to_svg"]

_SVG = "{http://www.w3.org/2000/svg}"
TEXT = "#123454"
"""Replaced by `currentColor`, so that text and axes take the colour of the page's text."""

_OWN = "#d6452b"
# What every element inherits unless it says something else, and what no style need say.
_ROOT = {
    "xmlns": "http://www.w3.org/2000/svg",
    "fill": "currentColor",
    "font-family": "DejaVu Sans,Verdana,sans-serif",
    "font-size": "8px",
    "stroke-linejoin": "round",
}
_NEEDLESS = (
    "fill: currentColor",
    "font-family",
    "font-size: 8px",
    "stroke-dashoffset: 0",
    "stroke-linecap: square",
    "stroke-linejoin: miter",
)
# A name further than this from its mark gets a line to it.
_LEADER_PIXELS = 14
_FAMILIES = {
    "lmcodec": (_OWN, "o"),
    "7z": ("#8c6bb1", "D"),
    "brotli": ("#41ab5d", "s"),
    "bsc": ("#e7a013", "v"),
    "bzip2": ("#a6761d", "^"),
    "bzip3": ("#b8860b", "<"),
    "gzip": ("#7f7f7f", "P"),
    "kanzi": ("#1f78b4", "p"),
    "lz4": ("#999999", "X"),
    "paq8px": ("#c51b8a", "*"),
    "xz": ("#2c7f6e", "s"),
    "zpaq": ("#08519c", "h"),
    "zstd": ("#66a61e", ">"),
}


def can_draw(note: Callable[[str], None]) -> bool:
    """Return whether matplotlib is installed; tell what is missing where it is not."""
    found = importlib.util.find_spec("matplotlib") is not None
    if not found:
        note("no plots: matplotlib is not installed; pip install 'lmcodec[bench]' has it")
    return found


def plot(title: str, sums: Sequence[Total], *, decompress: bool, large: bool = False) -> str:
    """Draw one kind's codecs: speed to the right, size upwards, so the best lie low and right.

    Args:
        title: Words above the plot.
        sums: The codecs; those without a measured speed are left out.
        decompress: Draw the speed of decompression instead of compression.
        large: Twice as wide.

    Returns:
        An SVG element.
    """
    return to_svg(_draw(title, sums, decompress=decompress, large=large))


def to_svg(figure: Any) -> str:
    """Return a drawing of matplotlib as an SVG element of few bytes, and close it."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    importlib.import_module("matplotlib.pyplot").close(figure)
    return _shrink(buffer.getvalue().replace(TEXT, "currentColor"))


def _shrink(svg: str) -> str:
    """Say the same in a tenth of the bytes: without blanks, idle decimals and repeated styles."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        # Browsers have long had the shorter name. Nothing is drawn that must be clipped.
        attributes = {
            name.rpartition("}")[2]: _shrink_value(name, at)
            for name, at in element.items()
            if name != "clip-path"
        }
        element.attrib.clear()
        element.attrib.update(attributes)
        element.text = (element.text or "").strip()
        element.tail = None
    shapes = {shape.get("id"): shape for defs in root.iter("defs") for shape in defs}
    for element in root.iter("use"):
        # What the shape has, its uses need not repeat.
        shape = shapes[element.get("href", "").removeprefix("#")]
        theirs, ours = (at.get("style", "").split(";") for at in (shape, element))
        element.set("style", ";".join(part for part in ours if part not in theirs))
    used = {element.get("href", "").removeprefix("#") for element in root.iter("use")}
    _tidy(root, used)
    for name, value in _ROOT.items():
        root.set(name, value)
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _shrink_value(name: str, value: str) -> str:
    if name == "style":
        parts = [part.strip() for part in value.split(";")]
        kept = [part for part in parts if part and not part.startswith(_NEEDLESS)]
        return ";".join(kept).replace(": ", ":").replace(", ", ",")
    if name in ("d", "x", "y", "transform"):
        value = re.sub(r"-?\d+\.\d+", _shrink_number, value)
        return re.sub(r"\s*([MLCQzZ])\s*", r"\1", value).strip()
    return value


def _shrink_number(match: re.Match[str]) -> str:
    return f"{round(float(match[0]), 1) + 0.0:g}"


def _tidy(element: ElementTree.Element, used: Set[str]) -> None:
    """Remove what shows nothing, and groups around what needs none."""
    children: list[ElementTree.Element] = []
    for child in element:
        _tidy(child, used)
        if child.get("id") not in used:
            child.attrib.pop("id", None)
        if child.get("transform", "").startswith(("rotate(0 ", "rotate(-0 ")):
            del child.attrib["transform"]
        if not child.get("style"):
            child.attrib.pop("style", None)
        empty = child.tag in ("defs", "g") and not len(child)
        background = child.tag == "path" and child.get("style") == "fill:none"
        if empty or background or child.tag in ("metadata", "style", "clipPath"):
            continue
        children += list(child) if child.tag == "g" and not child.attrib else [child]
    element[:] = children


def save_png(path: str, title: str, sums: Sequence[Total], *, decompress: bool) -> None:
    """Write the same drawing as a PNG file, for places that show no SVG."""
    figure = _draw(title, sums, decompress=decompress, large=True)
    figure.savefig(path, dpi=100)
    importlib.import_module("matplotlib.pyplot").close(figure)


def _draw(title: str, sums: Sequence[Total], *, decompress: bool, large: bool) -> Any:
    # Imported by name: type checking and the measurements do not need this library.
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    # Numbers of identifiers that do not change from run to run, and differ between plots.
    matplotlib.rcParams["svg.hashsalt"] = f"{title} {decompress}"
    matplotlib.rcParams["svg.fonttype"] = "none"
    figure, axes = pyplot.subplots(figsize=(9.5, 5.6) if large else (5.6, 3.9))
    timed = [(speed, t) for t in sums if (speed := t.speed(decompress=decompress)) is not None]
    for speed, total in timed:
        colour, marker = _FAMILIES.get(total.label.split()[0], (TEXT, "o"))
        own = total.label.startswith("lmcodec")
        axes.plot(
            speed,
            total.percent_of_xz,
            marker=marker,
            linestyle="none",
            markersize=9 if own else 7,
            color=colour,
            markerfacecolor=colour if total.complete else "none",
            zorder=3 if own else 2,
            clip_on=False,
        )
    edge = frontier(sums, decompress=decompress)
    if len(edge) > 1:
        axes.plot(
            [total.speed(decompress=decompress) for total in edge],
            [total.percent_of_xz for total in edge],
            color="#888888",
            linewidth=1,
            linestyle="--",
            clip_on=False,
            zorder=1,
        )
    if timed:
        axes.set_xscale("log")
        ticker: Any = importlib.import_module("matplotlib.ticker")
        axes.xaxis.set_minor_locator(ticker.LogLocator(subs=(2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.margins(x=0.14, y=0.12)
    verb = "Decompression" if decompress else "Compression"
    axes.set_title(title, color=TEXT, fontsize=11)
    axes.set_xlabel(f"{verb} speed, MB per CPU second (right is better)", color=TEXT, fontsize=9)
    axes.set_ylabel("Size, % of xz -9e (down is better)", color=TEXT, fontsize=9)
    axes.tick_params(colors=TEXT, which="both", labelsize=8)
    axes.grid(visible=True, which="major", color="#888888", alpha=0.25, clip_on=False)
    for spine in axes.spines.values():
        spine.set_color("#888888")
    figure.tight_layout()
    _label(figure, axes, timed)
    return figure


def _label(figure: Any, axes: Any, timed: Sequence[tuple[float, Total]]) -> None:
    """Write each codec's name beside its mark, where it hides no other name or mark."""
    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    marks = [axes.transData.transform((speed, total.percent_of_xz)) for speed, total in timed]
    taken: list[Any] = []
    # The best codecs choose their places first.
    for (speed, total), mark in sorted(
        zip(timed, marks, strict=True), key=lambda pair: pair[0][1].percent_of_xz
    ):
        own = total.label.startswith("lmcodec")
        text = axes.annotate(
            total.label,
            (speed, total.percent_of_xz),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=8,
            color=_OWN if own else TEXT,
            fontweight="bold" if own else "normal",
            ha="center",
            va="center",
        )
        width = text.get_window_extent(renderer).width
        best = None
        for x, y in _places(width * 72 / figure.dpi):
            text.set_position((x, y))
            box = text.get_window_extent(renderer).padded(1)
            cost = sum(box.overlaps(other) for other in taken) * 10
            cost += sum(box.padded(3).contains(*other) for other in marks)
            cost += 50 * (box.x0 < frame.x0 or box.x1 > frame.x1)
            cost += 50 * (box.y0 < frame.y0 or box.y1 > frame.y1)
            if best is None or cost < best[0]:
                best = (cost, x, y, box)
            if cost == 0:
                break
        if best is None:
            continue
        _, x, y, box = best
        text.set_position((x, y))
        taken.append(box)
        nearest = (min(max(mark[0], box.x0), box.x1), min(max(mark[1], box.y0), box.y1))
        if math.dist(mark, nearest) > _LEADER_PIXELS:
            ends = axes.transData.inverted().transform([mark, nearest])
            axes.plot(
                *zip(*ends, strict=True), color="#888888", linewidth=0.5, zorder=1, clip_on=False
            )


def _places(width: float) -> list[tuple[float, float]]:
    """Return offsets in points to try for a text of `width` points, nearest first."""
    side = width / 2 + 7
    near = [(side, 0), (-side, 0), (0, 10), (0, -10)]
    corners = [(sign_x * side, sign_y * 8) for sign_x in (1, -1) for sign_y in (1, -1)]
    far = [
        (sign_x * side, sign_y * rise)
        for rise in (16, 26, 38, 52, 68)
        for sign_x in (1, 0, -1)
        for sign_y in (1, -1)
    ]
    return [*near, *corners, *far]
