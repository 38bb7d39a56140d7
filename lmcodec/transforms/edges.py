"""Lists of edges: lines with two numbers of nodes, as those of the Stanford collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmcodec.errors import FormatError
from lmcodec.models.base import Links
from lmcodec.transforms.base import TRANSFORMS, Stream, Transform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lmcodec.models.base import Symbols

_HEAD, _LINKS, _TAIL = _NAMES = "head", "links", "tail"
# Of what is left of a line, at most.
_PROBE_BYTES = 1 << 12
# Of a number, without zeros before them.
_DIGITS = 9
_NUMBER = rb"(?:0|[1-9][0-9]{0,8})"
# Lines before the first edge: remarks, and words that are no edge.
_REMARKS = re.compile(rb"(?:[#%][^\n]*\n)*")
_LINE = re.compile(rb"%b([ \t,])%b(\r?\n)" % (_NUMBER, _NUMBER))
# The first level that has the time.
_LEVEL = 7
# Lists that are shorter on average say little of the graph.
_LEAST_LENGTH = 1.5
_SEPARATORS = b" \t,"
_ENDS = (b"\n", b"\r\n")


@TRANSFORMS.register(id="edges", version=1)
@dataclass(frozen=True)
class Edges(Transform):
    """Parts the links of a graph from the remarks before them, as numbers.

    Each line has a source and a target, with the same separator and the same end of line
    everywhere; numbers are decimal, below 10**9, without zeros before them. Lines stay in their
    order. Remarks, or what is left of a line, may stand before the first one, and the beginning of
    a line behind the last. A block with any other line is not taken apart.
    `docs/transforms/edges.md` is the specification.

    Source: the files of J. Leskovec, A. Krevl, SNAP Datasets (2014).

    Args:
        separator: Between both numbers: 0 for a blank, 1 for a tab, 2 for a comma.
        end: Of lines: 0 for a line feed, 1 for a carriage return and a line feed.
    """

    finds_shapes = Links

    separator: int = 0
    end: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not 0 <= self.separator < len(_SEPARATORS) or not 0 <= self.end < len(_ENDS):
            raise ValueError(f"separator and end of edges must be known: got {self}")

    @classmethod
    def probe(cls, raw: bytes) -> Edges | None:
        """Return the transform where the block is such a list, and its links are of a graph."""
        match = _LINE.match(raw, _begin(raw))
        if match is None:
            return None
        found = cls(_SEPARATORS.index(match[1]), _ENDS.index(match[2]))
        links = found._parsed(raw[_begin(raw) : raw.rfind(b"\n") + 1])
        if links is None or not _has_lists(links):
            return None
        # Not at the top: most content is none.
        from lmcodec.models.graph import is_graph

        return found if is_graph(links) else None

    def for_level(self, level: int) -> Edges | None:
        """Return what a level uses: graphs take as long as what the highest ones do."""
        return self if level >= _LEVEL else None

    def least_gain(self, level: int) -> int | None:
        """Return None: a part of a graph says too little of it."""
        del level
        return None

    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Split a block; one that is no list of edges is all head."""
        begin, end = _begin(raw), raw.rfind(b"\n") + 1
        links = self._parsed(raw[begin:end])
        if links is None:
            return [Stream(_HEAD, raw)] if raw else []
        streams = [
            Stream(_HEAD, raw[:begin]),
            Stream(_LINKS, links, shape=Links()),
            Stream(_TAIL, raw[end:]),
        ]
        return [stream for stream in streams if len(stream.symbols)]

    def inverse(self, streams: Mapping[str, Symbols]) -> bytes:
        """Undo `forward`.

        Raises:
            FormatError: A stream is unknown, or does not have the symbols that it should have.
        """
        if not streams.keys() <= set(_NAMES):
            known = ", ".join(_NAMES)
            raise FormatError(f"streams of edges must be among {known}: got {sorted(streams)}")
        head, links, tail = (streams.get(name, b"") for name in _NAMES)
        if not isinstance(head, bytes) or not isinstance(tail, bytes):
            raise FormatError("head and tail of edges are bytes: got numbers")
        if isinstance(links, bytes):
            if links:
                raise FormatError("links of edges are numbers: got bytes")
            return head + tail
        return head + self._printed(links) + tail

    def _parsed(self, raw: bytes) -> NDArray[np.uint32] | None:
        """Return sources and targets in turn, or None where a line is not as all others."""
        import numpy as np

        separator = _SEPARATORS[self.separator : self.separator + 1]
        words = raw.replace(separator, b" ").split()
        if not words or max(map(len, words)) > _DIGITS or not b"".join(words).isdigit():
            return None
        numbers = np.array(words).astype(np.uint32)
        # Zeros before a number, blanks and the like are found when it is printed again.
        return numbers if numbers.size % 2 == 0 and self._printed(numbers) == raw else None

    def _printed(self, links: NDArray[Any]) -> bytes:
        if links.size % 2:
            raise FormatError(f"links of edges must be pairs: got {links.size} numbers")
        separator, end = _SEPARATORS[self.separator : self.separator + 1], _ENDS[self.end]
        numbers = iter(links.tolist())
        pattern = b"%d" + separator + b"%d" + end
        return b"".join([pattern % pair for pair in zip(numbers, numbers, strict=True)])


def _begin(raw: bytes) -> int:
    """Return where the first line begins: behind remarks, or what is left of a line."""
    match = _REMARKS.match(raw)
    begin = match.end() if match else 0
    if begin or _LINE.match(raw):
        return begin
    return raw.find(b"\n", 0, _PROBE_BYTES) + 1


def _has_lists(links: NDArray[np.uint32]) -> bool:
    """Return whether sources come with several ascending targets, on average."""
    sources, targets = links[::2], links[1::2]
    goes_on = (sources[1:] == sources[:-1]) & (targets[1:] > targets[:-1])
    lists = sources.size - int(goes_on.sum())
    return bool(sources.size >= _LEAST_LENGTH * lists)
