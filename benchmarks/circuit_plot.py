"""Sizes, and visits of edges against the number of variables, as SVG."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.circuit_rows import CODED
from benchmarks.plots import TEXT, to_svg
from lmcodec.bench import Measurement

__all__ = ["new_axes", "sizes", "visits"]

_COLOURS = {"walk": ("#d6452b", "o"), "paths": ("#1f78b4", "s"), "passes": ("#7f7f7f", "^")}
_NAMES = {
    "walk": "the walk of the coder",
    "paths": "paths to the top, as in the paper",
    "passes": "a pass for each variable",
}
_OWN, _OTHER = "#d6452b", "#8c9bab"


def new_axes(width: float, height: float, salt: str) -> tuple[Any, Any]:
    """Return a figure and its axes, in inches, with numbers of identifiers that `salt` fixes."""
    # Imported by name: type checking and the measurements do not need this library.
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    # Numbers of identifiers that do not change from run to run.
    matplotlib.rcParams["svg.hashsalt"] = salt
    matplotlib.rcParams["svg.fonttype"] = "none"
    figure, axes = pyplot.subplots(figsize=(width, height))
    axes.tick_params(colors=TEXT, which="both", labelsize=8)
    axes.grid(visible=True, which="major", color="#888888", alpha=0.25)
    for spine in axes.spines.values():
        spine.set_color("#888888")
    return figure, axes


def visits(found: Mapping[str, Mapping[int, float]]) -> str:
    """Draw how often each edge is visited for a sample, both axes logarithmic.

    Args:
        found: By way and number of variables.

    Returns:
        An SVG element.
    """
    figure, axes = new_axes(6.4, 4.2, "visits")
    sides: list[int] = []
    for way, by in found.items():
        colour, marker = _COLOURS[way]
        sides = sorted({*sides, *by})
        xs = sorted(by)
        axes.plot(
            xs,
            [by[x] for x in xs],
            color=colour,
            marker=marker,
            markersize=6,
            linewidth=1.5,
            label=_NAMES[way],
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sides, [f"{side:,}" for side in sides])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_title("Visits of each edge for one sample", color=TEXT, fontsize=11)
    axes.set_xlabel("Variables of a sample", color=TEXT, fontsize=9)
    axes.set_ylabel("Visits by edges", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=9, loc="upper left")
    figure.tight_layout()
    return to_svg(figure)


def sizes(rows: Sequence[Measurement]) -> str:
    """Draw what an array takes by each codec, and what its decoder must have besides.

    Args:
        rows: Of one array.

    Returns:
        An SVG element.
    """
    order = sorted(rows, key=lambda row: -(row.coded_bytes or 0))
    figure, axes = new_axes(8.0, 1.2 + 0.3 * len(order), "sizes")
    named: set[bool] = set()
    for place, row in enumerate(order):
        coded = (row.coded_bytes or 0) / 1e6
        own = row.codec in (CODED, "lmcodec")
        colour, name = (_OWN, "lmcodec") if own else (_OTHER, "others")
        axes.barh(place, coded, height=0.6, color=colour, label=None if own in named else name)
        named.add(own)
        words = f" {8 * (row.coded_bytes or 0) / row.raw_bytes:.3f} bits a dimension"
        if row.prior_bytes:
            # As a bar it would dwarf the streams.
            words += f"; a decoder has {row.prior_bytes / 1e6:.1f} MB besides"
        axes.text(coded, place, words, color=TEXT, fontsize=8, va="center")
    axes.set_yticks(range(len(order)), [row.label for row in order])
    axes.margins(x=0.4)
    axes.set_title(f"What {order[0].corpus} takes", color=TEXT, fontsize=11)
    axes.set_xlabel("MB, whole streams", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=8, loc="upper right")
    figure.tight_layout()
    return to_svg(figure)
