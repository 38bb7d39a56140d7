"""Lists of edges: bits a link by the model of graphs, by its text, and by static codes.

The static codes are references, copied blocks, intervals and gaps as those of P. Boldi, S. Vigna,
The WebGraph Framework I (WWW 2004), each list with the cheapest of its references.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import lmcodec
from benchmarks.circuit_figures import Figure, Figures
from benchmarks.gains import Note
from lmcodec.models.cm import Cm
from lmcodec.transforms.edges import Edges

__all__ = ["GRAPH", "GRAPHS", "LINK_BITS", "STATIC", "TEXT", "measure", "static_bits"]

GRAPHS = "graphs"
"""Part of the report."""

GRAPH, STATIC, TEXT = "lmcodec graph", "references and gaps", "lmcodec cm -9"
"""Ways to code."""

LINK_BITS = "bits a link"

# As the authors have them: lists that may be referred to, and the least length of an interval.
_WINDOW, _LEAST_INTERVAL = 7, 4
# Bits of the smallest group of the codes for gaps.
_ZETA = 3


def measure(figures: Figures, note: Note, paths: Sequence[Path]) -> None:
    """Measure lists of edges, whole streams of all that have any.

    Args:
        figures: Takes what was found; what is there is not measured again.
        note: Told what is done.
        paths: The files.

    Raises:
        ValueError: A file is no list of edges, or is decoded to another one.
        OSError: It cannot be read.
    """
    version = str(lmcodec.__version__)
    for path in paths:
        if figures.has(GRAPHS, path.stem, version):
            continue
        raw = path.read_bytes()
        transform = Edges.probe(raw)
        if transform is None:
            raise ValueError(f"no list of edges: {path}")
        (links,) = (
            np.asarray(stream.symbols)
            for stream in transform.forward(raw)
            if stream.name == "links"
        )
        pairs = links.reshape(-1, 2)
        found = []
        for way, coded in _coded(raw):
            bits = 8 * len(coded) / len(pairs)
            note(f"{path.stem}: {bits:.3f} bits a link by {way}")
            found.append(Figure(GRAPHS, path.stem, way, LINK_BITS, bits, version))
        bits = static_bits(pairs.tolist()) / len(pairs)
        note(f"{path.stem}: {bits:.3f} bits a link by {STATIC}")
        found.append(Figure(GRAPHS, path.stem, STATIC, LINK_BITS, bits, version))
        figures.put(GRAPHS, path.stem, found)


def _coded(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for way, model in ((GRAPH, "graph"), (TEXT, Cm.for_level(9))):
        stream = lmcodec.compress(raw, 9, model=model)
        if lmcodec.decompress(stream) != raw:
            raise ValueError(f"{way} decodes other bytes")
        yield way, stream
    yield "xz -9e", lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)
    yield "bzip2 -9", bz2.compress(raw)


def static_bits(pairs: Sequence[Sequence[int]]) -> int:
    """Return the bits of a graph by static codes; the order of its lists is not counted.

    Args:
        pairs: Source and target of each link.
    """
    nodes = max(map(max, pairs), default=-1) + 1
    lists: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in pairs:
        lists[source].append(target)
    total = 0
    for node, targets in enumerate(lists):
        targets.sort()
        total += _gamma(len(targets))
        if not targets:
            continue
        costs = [_gamma(0) + _rest(node, targets)]
        for back in range(1, min(_WINDOW, node) + 1):
            copied, blocks = _blocks(lists[node - back], targets)
            if copied:
                left = [target for target in targets if target not in copied]
                costs.append(_gamma(back) + blocks + _rest(node, left))
        total += min(costs)
    return total


def _blocks(reference: Sequence[int], targets: Sequence[int]) -> tuple[set[int], int]:
    """Return what is copied from a list, and the bits of the blocks that say so."""
    wanted = set(targets)
    lengths, is_copying = [0], True
    for node in reference:
        if (node in wanted) != is_copying:
            lengths.append(0)
            is_copying = not is_copying
        lengths[-1] += 1
    # The last block goes to the end of the list, and needs no length.
    lengths.pop()
    bits = _gamma(len(lengths))
    bits += sum(_gamma(length - min(place, 1)) for place, length in enumerate(lengths))
    return wanted & set(reference), bits


def _rest(node: int, targets: Sequence[int]) -> int:
    """Return the bits of intervals of consecutive targets, and of the gaps between the others."""
    intervals: list[tuple[int, int]] = []
    others: list[int] = []
    at = 0
    while at < len(targets):
        end = at + 1
        while end < len(targets) and targets[end] == targets[end - 1] + 1:
            end += 1
        if end - at >= _LEAST_INTERVAL:
            intervals.append((targets[at], end - at))
        else:
            others += targets[at:end]
        at = end
    bits = _gamma(len(intervals))
    before = None
    for first, length in intervals:
        step = _folded(first - node) if before is None else first - before - 1
        bits += _gamma(step) + _gamma(length - _LEAST_INTERVAL)
        before = first + length
    for place, target in enumerate(others):
        gap = target - others[place - 1] - 1 if place else _folded(target - node)
        bits += _zeta(gap)
    return bits


def _folded(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _gamma(number: int) -> int:
    """Return the bits of Elias' gamma code of a number from 0 on."""
    return 2 * (number + 1).bit_length() - 1


def _zeta(number: int) -> int:
    """Return the bits of the code of Boldi and Vigna for gaps."""
    group = ((number + 1).bit_length() - 1) // _ZETA
    low = 1 << group * _ZETA
    is_short = number + 1 - low < low
    return group + 1 + group * _ZETA + _ZETA - (1 if is_short else 0)
