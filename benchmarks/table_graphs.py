"""Lists of edges: bits a link by the model of graphs, by its text, and by static codes.

The static codes are references, copied blocks, intervals and gaps as those of P. Boldi, S. Vigna,
The WebGraph Framework I (WWW 2004), each list with the cheapest of its references.
"""

from __future__ import annotations

import bz2
import lzma
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import lmcodec
from benchmarks.circuit_figures import Figure, Figures
from benchmarks.gains import Note
from lmcodec import _core
from lmcodec.models.cm import Cm
from lmcodec.transforms.edges import Edges

__all__ = [
    "BLOCKS",
    "GRAPH",
    "GRAPHS",
    "LINK_BITS",
    "LISTS",
    "STATIC",
    "TEXT",
    "made",
    "measure",
    "measure_made",
    "static_bits",
]

GRAPHS = "graphs"
"""Part of the report."""

GRAPH, STATIC, TEXT = "lmcodec graph", "references and gaps", "lmcodec cm -9"
"""Ways to code."""

LISTS, BLOCKS = "as lists", "as super-nodes and blocks"
"""The two ways of `lmcodec graph`, of which it takes the shorter one: payloads alone."""

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
    for path in paths:
        _measure(figures, note, path.stem, path.read_bytes())


def measure_made(figures: Figures, note: Note) -> None:
    """Measure graphs that are made: what super-nodes are for.

    Args:
        figures: Takes what was found; what is there is not measured again.
        note: Told what is done.

    Raises:
        ValueError: A graph is decoded to another one.
    """
    for name, links in made().items():
        _measure(figures, note, name, b"".join(b"%d\t%d\n" % link for link in links))


def made(groups: int = 60, size: int = 40) -> dict[str, list[tuple[int, int]]]:
    """Return links of made graphs, by name: pages with menus, and groups of friends.

    Pages of a site have links to the same twenty of them, of which three in a hundred are missing,
    and two to any page. Friends of a group know 19 of 20 others, and one person of any group.

    Args:
        groups: Sites or groups.
        size: Pages of each, twice as many as friends.
    """
    draw = random.Random(1)
    nodes = groups * size
    order = draw.sample(range(nodes), nodes)
    pages: set[tuple[int, int]] = set()
    for first in range(0, nodes, size):
        site = order[first : first + size]
        menu = draw.sample(site, size // 2)
        for page in site:
            pages |= {(page, other) for other in menu if draw.random() < 0.97}
            pages |= {(page, draw.randrange(nodes)) for _ in range(2)}
    friends: set[tuple[int, int]] = set()
    for place, a in enumerate(order):
        first = place - place % (size // 2)
        near = {b for b in order[first : first + size // 2] if b > a and draw.random() < 0.95}
        friends |= {(a, b) for b in near}
        other = draw.randrange(nodes)
        if other != a:
            friends.add((min(a, other), max(a, other)))
    return {"menus (made)": sorted(pages), "groups (made)": sorted(friends)}


def _measure(figures: Figures, note: Note, name: str, raw: bytes) -> None:
    version = str(lmcodec.__version__)
    if figures.has(GRAPHS, name, version):
        return
    transform = Edges.probe(raw)
    if transform is None:
        raise ValueError(f"no list of edges: {name}")
    (links,) = (
        np.asarray(stream.symbols) for stream in transform.forward(raw) if stream.name == "links"
    )
    pairs = links.reshape(-1, 2)
    found = [(way, 8 * len(coded)) for way, coded in _coded(raw)]
    lengths = zip((LISTS, BLOCKS), _core.graph_lengths(links), strict=True)
    found += [(way, 8 * length) for way, length in lengths if length is not None]
    found.append((STATIC, static_bits(pairs.tolist())))
    for way, total in found:
        note(f"{name}: {total / len(pairs):.3f} bits a link by {way}")
    put = [Figure(GRAPHS, name, way, LINK_BITS, bits / len(pairs), version) for way, bits in found]
    figures.put(GRAPHS, name, put)


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
