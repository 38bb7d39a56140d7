"""What tables of blocks take, against their size and against how unlike the blocks are, as SVG."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.circuit_plot import new_axes
from benchmarks.plots import TEXT, to_svg

__all__ = ["excess", "signal"]

_COLOURS = ("#d6452b", "#1f78b4", "#33a02c", "#ff7f00", "#6a3d9a", "#7f7f7f", "#b15928")


def excess(found: Mapping[str, Mapping[float, float]]) -> str:
    """Draw the excess over the entropy against the size of a table, both axes logarithmic.

    Args:
        found: Percent, by way and number of rows.

    Returns:
        An SVG element.
    """
    figure, axes = new_axes(6.4, 4.2, "excess")
    sizes = sorted({size for by in found.values() for size in by})
    for (way, by), colour in zip(found.items(), _COLOURS * 2, strict=False):
        xs = sorted(by)
        axes.plot(xs, [max(by[x], 0.01) for x in xs], color=colour, marker="o", label=way)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.minorticks_off()
    axes.axhline(1, color=TEXT, linewidth=0.8, linestyle=":")
    axes.set_title("Code length above the entropy", color=TEXT, fontsize=11)
    axes.set_xlabel("Rows, and as many columns", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=8)
    figure.tight_layout()
    return to_svg(figure)


def signal(found: Mapping[str, Mapping[float, float]]) -> str:
    """Draw bits an entry against how far the shares of the blocks are from one half.

    Args:
        found: Bits an entry, by way and strength.

    Returns:
        An SVG element.
    """
    figure, axes = new_axes(6.4, 4.2, "signal")
    for (way, by), colour in zip(found.items(), _COLOURS, strict=False):
        xs = sorted(by)
        axes.plot(xs, [by[x] for x in xs], color=colour, marker="o", markersize=4, label=way)
    axes.set_title("Blocks that are less and less unlike", color=TEXT, fontsize=11)
    axes.set_xlabel("Strength of the signal", color=TEXT, fontsize=9)
    axes.set_ylabel("Bits an entry", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=8)
    figure.tight_layout()
    return to_svg(figure)
