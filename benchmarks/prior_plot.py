"""What the prior gains against the size of the input, as SVG or PNG."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from benchmarks.gains import KINDS, SIZES, gains
from benchmarks.plots import TEXT, to_svg
from lmcodec.bench import Measurement

__all__ = ["plot", "save_png", "size_name"]

_COLOURS = {
    "text": ("#d6452b", "o"),
    "markup": ("#e7a013", "s"),
    "code": ("#41ab5d", "^"),
    "json": ("#1f78b4", "D"),
    "logs": ("#8c6bb1", "v"),
    "tabular": ("#7f7f7f", "P"),
    "dna": ("#c51b8a", "X"),
    "binary": ("#2c7f6e", "*"),
}


def size_name(size: int | None) -> str:
    """Return a size of heads in words; None are whole files."""
    if size is None:
        return "whole"
    for power, unit in ((20, "MiB"), (10, "KiB")):
        if size >= 1 << power:
            return f"{size >> power} {unit}"
    return f"{size} B"


def plot(rows: Sequence[Measurement], level: int) -> str:
    """Draw the gain of each kind at one level: size to the right, gain upwards.

    Args:
        rows: The rows.
        level: The level.

    Returns:
        An SVG element.
    """
    return to_svg(_draw(rows, level))


def save_png(path: str, rows: Sequence[Measurement], level: int) -> None:
    """Write the same drawing as a PNG file, for places that show no SVG."""
    figure = _draw(rows, level)
    figure.savefig(path, dpi=100)
    importlib.import_module("matplotlib.pyplot").close(figure)


def _draw(rows: Sequence[Measurement], level: int) -> Any:
    # Imported by name: type checking and the measurements do not need this library.
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    # Numbers of identifiers that do not change from run to run.
    matplotlib.rcParams["svg.hashsalt"] = f"gain {level}"
    matplotlib.rcParams["svg.fonttype"] = "none"
    figure, axes = pyplot.subplots(figsize=(9.5, 5.6))
    # Whole files have no one size: they stand apart, one step further.
    places: list[tuple[int, int | None]] = [
        *((size, size) for size in SIZES),
        (SIZES[-1] * 8, None),
    ]
    by_size = {size: {gain.kind: gain for gain in gains(rows, level, size)} for _, size in places}
    for kind in KINDS:
        points = [(x, by_size[size][kind]) for x, size in places if kind in by_size[size]]
        if not points:
            continue
        colour, marker = _COLOURS[kind]
        every = max(gain.files for _, gain in points)
        heads = [(x, gain.percent) for x, gain in points if x <= SIZES[-1]]
        if heads:
            axes.plot(*zip(*heads, strict=True), color=colour, linewidth=1.5, zorder=2)
        for x, gain in points:
            axes.plot(
                x,
                gain.percent,
                marker=marker,
                markersize=6,
                color=colour,
                markerfacecolor=colour if gain.files == every else "none",
                linestyle="none",
                zorder=3,
            )
        # The line of the legend is one without points.
        axes.plot([], [], color=colour, marker=marker, markersize=6, label=kind)
    axes.set_xscale("log", base=2)
    axes.set_xticks([x for x, _ in places], [size_name(size) for _, size in places])
    axes.minorticks_off()
    axes.axvline(SIZES[-1] * 8**0.5, color="#888888", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=min(-1.0, axes.get_ylim()[0]))
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_title(f"What the prior gains at level {level}", color=TEXT, fontsize=11)
    axes.set_xlabel("Size of the input", color=TEXT, fontsize=9)
    axes.set_ylabel("Smaller than without the prior by, %", color=TEXT, fontsize=9)
    axes.tick_params(colors=TEXT, which="both", labelsize=8)
    axes.grid(visible=True, which="major", color="#888888", alpha=0.25)
    for spine in axes.spines.values():
        spine.set_color("#888888")
    axes.legend(
        frameon=False, labelcolor=TEXT, fontsize=9, loc="upper right", bbox_to_anchor=(0.86, 1)
    )
    figure.tight_layout()
    return figure
