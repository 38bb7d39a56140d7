"""Calls against bits of a symbol, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.circuit_plot import new_axes
from benchmarks.plots import TEXT, to_svg

if TYPE_CHECKING:
    from benchmarks.ardm import Row

__all__ = ["calls_against_bits"]

_WAYS = {"best": ("#d6452b", "o", "best steps"), "uniform": ("#1f78b4", "s", "equal steps")}


def calls_against_bits(subject: str, rows: Sequence[Row]) -> str:
    """Draw what items take by the number of calls, which is logarithmic.

    Args:
        subject: What the network is called.
        rows: Its rows.

    Returns:
        An SVG element.
    """
    figure, axes = new_axes(6.4, 4.2, subject)
    for way, (colour, marker, name) in _WAYS.items():
        some = sorted((row.calls, row.coded_bits) for row in rows if row.way == way)
        xs, ys = zip(*some, strict=True)
        axes.plot(xs, ys, color=colour, marker=marker, markersize=5, linewidth=1.5, label=name)
    best = sorted((row.calls, row) for row in rows if row.way == "best")
    axes.plot(
        [calls for calls, _ in best],
        [row.predicted_bits for _, row in best],
        color="#7f7f7f",
        linestyle=":",
        linewidth=1.5,
        label="predicted by samples that were held back",
    )
    full = best[-1][1]
    words = f"one symbol a call: {full.coded_bits:.3f}"
    axes.axhline(full.coded_bits, color="#d6452b", linestyle="--", linewidth=0.8, label=words)
    axes.set_xscale("log", base=2)
    ticks = sorted({row.calls for row in rows if row.calls})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.tick_params(axis="x", labelrotation=45)
    axes.minorticks_off()
    axes.set_title(f"{subject}: calls of the network against bits", color=TEXT, fontsize=11)
    axes.set_xlabel(f"Calls for an item of {full.size:,} symbols", color=TEXT, fontsize=9)
    axes.set_ylabel("Bits of a symbol", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=9)
    figure.tight_layout()
    return to_svg(figure)
