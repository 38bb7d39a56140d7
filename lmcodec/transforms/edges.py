"""Lists of edges: lines with two numbers of nodes, as those of the Stanford collection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

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
# What is taken apart, or printed, at a time: each word is an object.
_PIECE_BYTES = 1 << 18
_PIECE_NUMBERS = 1 << 16
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


class _Found(NamedTuple):
    """A block that was taken apart when it was looked at.

    Args:
        raw: The block.
        links: uint32 [2 * links], source and target in turn.
    """

    raw: bytes
    links: NDArray[np.uint32]


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

    Complexity:
        Some megabytes a second; super-nodes of graphs that are too large for lists are looked for
        besides, some seconds for a million links. Memory is that of the links, 4 bytes a number,
        twice while they are joined, and 16 MiB for pieces of text.

    Args:
        separator: Between both numbers: 0 for a blank, 1 for a tab, 2 for a comma.
        end: Of lines: 0 for a line feed, 1 for a carriage return and a line feed.
        found: What `probe` has taken apart already, for `forward`.
    """

    finds_shapes = Links

    separator: int = 0
    end: int = 0
    found: _Found | None = field(
        default=None, metadata={"packed": False}, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not 0 <= self.separator < len(_SEPARATORS) or not 0 <= self.end < len(_ENDS):
            raise ValueError(f"separator and end of edges must be known: got {self}")

    @classmethod
    def probe(cls, raw: bytes) -> Edges | None:
        """Return the transform where the block is such a list, with several links of a source."""
        match = _LINE.match(raw, _begin(raw))
        if match is None:
            return None
        transform = cls(_SEPARATORS.index(match[1]), _ENDS.index(match[2]))
        links = transform._parsed(raw)
        if links is None or not _has_lists(links):
            return None
        return replace(transform, found=_Found(raw, links))

    def for_level(self, level: int) -> Edges | None:
        """Return what a level uses: graphs take as long as what the highest ones do."""
        if level < _LEVEL:
            return None
        if self.found is None:
            return self
        # Not at the top: most content is none.
        from lmcodec.models.graph import pays

        return self if pays(self.found.links) else None

    def least_gain(self, level: int) -> int | None:
        """Return None: a part of a graph says too little of it."""
        del level
        return None

    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Split a block; one that is no list of edges is all head."""
        begin, end = _begin(raw), raw.rfind(b"\n") + 1
        known = self.found
        links = known.links if known is not None and known.raw is raw else self._parsed(raw)
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
        """Return sources and targets in turn, or None where a line is not as all others.

        Args:
            raw: The block, with what is before and behind its lines.
        """
        import numpy as np

        parts = []
        for piece in _pieces(raw):
            numbers = self._numbers(piece)
            if numbers is None:
                return None
            parts.append(numbers)
        return np.concatenate(parts) if parts else None

    def _numbers(self, lines: bytes) -> NDArray[np.uint32] | None:
        """Return the numbers of some lines, or None where one is not as all others."""
        import numpy as np

        separator = _SEPARATORS[self.separator : self.separator + 1]
        words = lines.replace(separator, b" ").split()
        if not words or max(map(len, words)) > _DIGITS or not b"".join(words).isdigit():
            return None
        numbers = np.array(words).astype(np.uint32)
        # Zeros before a number, blanks and the like are found when it is printed again.
        return numbers if numbers.size % 2 == 0 and self._printed(numbers) == lines else None

    def _printed(self, links: NDArray[Any]) -> bytes:
        if links.size % 2:
            raise FormatError(f"links of edges must be pairs: got {links.size} numbers")
        separator, end = _SEPARATORS[self.separator : self.separator + 1], _ENDS[self.end]
        pattern = b"%d" + separator + b"%d" + end
        parts = []
        for at in range(0, links.size, _PIECE_NUMBERS):
            numbers = iter(links[at : at + _PIECE_NUMBERS].tolist())
            parts.append(b"".join([pattern % pair for pair in zip(numbers, numbers, strict=True)]))
        return b"".join(parts)


def _pieces(raw: bytes) -> Iterator[bytes]:
    """Yield the lines of a block, some at a time."""
    begin, end = _begin(raw), raw.rfind(b"\n") + 1
    while begin < end:
        # A line that is longer is no link.
        cut = raw.rfind(b"\n", begin, begin + _PIECE_BYTES) + 1 or min(begin + _PIECE_BYTES, end)
        yield raw[begin:cut]
        begin = cut


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
