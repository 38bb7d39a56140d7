"""What tables of blocks take, against their size and against how unlike the blocks are, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.circuit_plot import new_axes
from benchmarks.plots import TEXT, to_svg
from benchmarks.table_columns import KINDS

__all__ = ["columns", "excess", "signal"]

# Columns of fewer bytes than so many others are one bar.
_MOST_COLUMNS = 24
_OTHERS = "#bbbbbb"
_NAME_LETTERS = 24
_COLOURS = ("#d6452b", "#1f78b4", "#33a02c", "#ff7f00", "#6a3d9a", "#7f7f7f", "#b15928")


def excess(found: Mapping[str, Mapping[float, float]]) -> str:
    """Draw the excess over the entropy against the size of a table, both axes logarithmic.

    From 0.1 % down the axis of the excess is linear, since some tables take less than the mean.

    Args:
        found: Percent, by way and number of rows.

    Returns:
        An SVG element.
    """
    figure, axes = new_axes(6.4, 4.2, "excess")
    sizes = sorted({size for by in found.values() for size in by})
    for (way, by), colour in zip(found.items(), _COLOURS * 2, strict=False):
        xs = sorted(by)
        axes.plot(xs, [by[x] for x in xs], color=colour, marker="o", label=way)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.minorticks_off()
    axes.axhline(1, color=TEXT, linewidth=0.8, linestyle=":")
    axes.set_title("Code length above the entropy", color=TEXT, fontsize=11)
    axes.set_xlabel("Rows, and as many columns", color=TEXT, fontsize=9)
    axes.set_ylabel("Percent above the entropy", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=8)
    figure.tight_layout()
    return to_svg(figure)


def signal(found: Mapping[str, Mapping[float, float]]) -> str:
    """Draw bits above the entropy against how far the shares of the blocks are from one half.

    Args:
        found: Bits an entry, by way and strength; one way is "entropy".

    Returns:
        An SVG element.
    """
    figure, axes = new_axes(6.4, 4.2, "signal")
    entropy = found["entropy"]
    ways = [way for way in found if way != "entropy"]
    for way, colour in zip(ways, _COLOURS, strict=False):
        xs = sorted(found[way])
        ys = [found[way][x] - entropy[x] for x in xs]
        axes.plot(xs, ys, color=colour, marker="o", markersize=4, label=way)
    axes.axhline(0, color=TEXT, linewidth=0.8, linestyle=":")
    axes.set_title("Blocks that are less and less unlike", color=TEXT, fontsize=11)
    axes.set_xlabel("Strength of the signal", color=TEXT, fontsize=9)
    axes.set_ylabel("Bits an entry above the entropy with labels", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=8)
    figure.tight_layout()
    return to_svg(figure)


def columns(title: str, found: Sequence[tuple[str, str, float]]) -> str:
    """Draw a bar for each column of a table, as long as its bytes, coloured by what its cells are.

    Args:
        title: Words above the plot.
        found: Name, kind and bytes of each column, in the order of the table. Of many, those of
            the fewest bytes are one bar.

    Returns:
        An SVG element.
    """
    largest = sorted(range(len(found)), key=lambda place: -found[place][2])
    drawn = [found[place] for place in sorted(largest[:_MOST_COLUMNS])]
    rest = [found[place] for place in largest[_MOST_COLUMNS:]]
    figure, axes = new_axes(7.2, 1.3 + 0.24 * (len(drawn) + bool(rest)), f"columns {title}")
    total = sum(size for *_, size in found) or 1
    colours = dict(zip(KINDS, _COLOURS, strict=False))
    bars = [(name, kind, size, colours[kind]) for name, kind, size in drawn]
    if rest:
        bars.append((f"{len(rest)} others", "", sum(size for *_, size in rest), _OTHERS))
    seen: set[str] = set()
    for place, (_, kind, size, colour) in enumerate(bars):
        label = kind if kind and kind not in seen else None
        seen.add(kind)
        axes.barh(place, size / 1000, height=0.7, color=colour, label=label)
        axes.annotate(
            f"{size:,.0f} ({size / total:.1%})",
            (size / 1000, place),
            xytext=(3, 0),
            textcoords="offset points",
            color=TEXT,
            fontsize=7,
            va="center",
        )
    axes.set_yticks(range(len(bars)), [_short(name) for name, *_ in bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.18, y=0.01)
    axes.set_title(title, color=TEXT, fontsize=11)
    axes.set_xlabel("Thousand bytes of the stream", color=TEXT, fontsize=9)
    axes.set_ylabel("Column", color=TEXT, fontsize=9)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize=8, loc="lower right")
    figure.tight_layout()
    return to_svg(figure)


def _short(name: str) -> str:
    # A dollar sign would begin a formula.
    name = name.replace("$", r"\$")
    return name if len(name) <= _NAME_LETTERS else name[: _NAME_LETTERS - 1] + "…"
