"""Text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.transforms.base import TRANSFORMS, Stream, Transform, byte_streams

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols

# The level whose model sorts by context, and has time.
_WORDS_LEVEL = 2


@TRANSFORMS.register(id="text", version=1)
@dataclass(frozen=True)
class Text(Transform):
    """Writes text so that a sort by context sees more: line ends, capitals, frequent words.

    A line break becomes a space where the width of the lines before foretells it; a word that
    begins with a capital is written small behind a mark; the words that take most room become
    bytes that the text does not use otherwise. All of it is found in the block and told in its
    streams: there is no list of words outside. `docs/transforms/text.md` is the specification. It
    takes some ten nanoseconds a byte, and half of that to undo.

    Source: marks for capitals and codes for words are known from P. Skibinski, S. Grabowski,
    S. Deorowicz, Revisiting dictionary-based compression (2005); the width that foretells line
    ends, and the format, are our own.

    Args:
        lines: Whether line breaks are taken out.
        capitals: Whether words that begin with a capital are written small.
        words: Whether frequent words become bytes.
    """

    lines: bool = True
    capitals: bool = True
    words: bool = True

    @classmethod
    def probe(cls, raw: bytes) -> Text | None:
        """Return the transform where a third of the block are letters."""
        is_text, has_lines = _core.text_survey(raw)
        return cls(lines=has_lines) if is_text else None

    def for_level(self, level: int) -> Text | None:
        """Return what a level uses.

        Level 1 is for speed. From level 3 on, models mix contexts of words, and find more in them
        as they are, but foretell no ends of lines.
        """
        if level == 1:
            return None
        if level == _WORDS_LEVEL:
            return self
        return Text(capitals=False, words=False) if self.lines else None

    def least_gain(self, level: int) -> int:
        """Return what must be saved, in thousandths: with lines broken loosely, cm would lose."""
        return 2 if level <= _WORDS_LEVEL else 30

    def variants(self) -> Iterator[Text]:
        """Yield the transform without ends of lines or capitals, if it has them and words."""
        if not self.words:
            return
        if self.lines:
            yield replace(self, lines=False)
        if self.capitals:
            yield replace(self, capitals=False)

    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Rewrite a block."""
        text, lines = _core.text_forward(raw, self.lines, self.capitals, self.words)
        streams = [Stream("text", text)]
        return [*streams, Stream("lines", lines)] if self.lines else streams

    def inverse(self, streams: Mapping[str, Symbols]) -> bytes:
        """Undo `forward`.

        Raises:
            FormatError: A stream is missing or unknown, or its symbols are not bytes, or it is not
                what `forward` writes.
        """
        names = ("text", "lines") if self.lines else ("text",)
        text, *lines = byte_streams("text", names, streams)
        return _core.text_inverse(text, lines[0] if lines else None, self.capitals, self.words)
