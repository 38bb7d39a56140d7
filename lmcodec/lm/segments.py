"""Which parts of a content a language model codes: text, as far as it comes back byte for byte.

Bytes that are no text, and text that a tokenizer does not give back, are left to another model. A
few such bytes between text are coded as tokens of single bytes, where the vocabulary has them.
Source of the rule: R. Tacconelli, Nacrith (2026), arXiv:2602.19626; the lengths are its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lmcodec.lm.tokens import Tokenizer

MIN_TEXT_BYTES = 64
MAX_BRIDGED_BYTES = 8
# Longer texts are cut before they are split into tokens, which some tokenizers do in one go.
_PIECE_LETTERS = 1 << 16
_FEWEST_LETTERS = 16
# Control characters but tab, line feed and carriage return; bytes that are not UTF-8.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\udc80-\udcff]+")
_LINE_END = re.compile(r"\n(?=\S)|\s(?=\S)")


@dataclass(frozen=True, eq=False)
class Split:
    """A content, split.

    Args:
        lengths: Bytes of the parts, in turn text and other, text first; a part may be empty.
        tokens: Those of all text.
        rest: All other bytes.

    Shapes:
        tokens: uint32 [n]
    """

    lengths: list[int]
    tokens: NDArray[np.uint32]
    rest: bytes


def split(data: bytes, tokenizer: Tokenizer) -> Split:
    """Split a content.

    Raises:
        ModelError: The package `tokenizers` is needed and not installed.
    """
    import numpy as np

    parts: list[tuple[NDArray[np.uint32] | None, bytes]] = []
    for is_text, part in _runs(data):
        if is_text:
            parts += _tokens(part, tokenizer)
        else:
            parts.append((None, part))
    lengths, rest, tokens = [0], bytearray(), []
    for numbers, part in parts:
        if (numbers is None) != (len(lengths) % 2 == 0):
            lengths.append(0)
        lengths[-1] += len(part)
        if numbers is None:
            rest += part
        else:
            tokens.append(numbers)
    joined = np.concatenate(tokens) if tokens else np.zeros(0, np.uint32)
    return Split(lengths, joined, bytes(rest))


def join(lengths: list[int], text: bytes, rest: bytes) -> bytes:
    """Undo `split`, given the bytes of its tokens; the lengths must add up to those of both."""
    sources = (memoryview(text), memoryview(rest))
    places = [0, 0]
    parts = []
    for index, length in enumerate(lengths):
        source, place = sources[index % 2], places[index % 2]
        parts.append(source[place : place + length])
        places[index % 2] += length
    return b"".join(parts)


def _runs(data: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield runs of text and of other bytes, the short ones joined with their neighbours."""
    text = data.decode("utf-8", "surrogateescape")
    runs: list[tuple[bool, bytes]] = []
    at = 0
    for match in _NO_TEXT.finditer(text):
        runs.append((True, _bytes(text[at : match.start()])))
        runs.append((False, _bytes(match[0])))
        at = match.end()
    runs.append((True, _bytes(text[at:])))
    # Gaps in text first, so that what they part counts as one text.
    merged: list[tuple[bool, bytearray]] = []
    for index, (is_text, run) in enumerate(runs):
        inside = 0 < index < len(runs) - 1
        counts = is_text or (inside and len(run) < MAX_BRIDGED_BYTES)
        if merged and merged[-1][0] == counts:
            merged[-1][1].extend(run)
        else:
            merged.append((counts, bytearray(run)))
    for is_text, joined in merged:
        whole = len(merged) == 1
        yield is_text and (whole or len(joined) >= MIN_TEXT_BYTES), bytes(joined)


def _tokens(part: bytes, tokenizer: Tokenizer) -> Iterator[tuple[NDArray[np.uint32] | None, bytes]]:
    """Yield the tokens of a text with their bytes, or None with bytes that have no tokens."""
    text = part.decode("utf-8", "surrogateescape")
    at = 0
    for match in _NO_TEXT.finditer(text):
        yield from _pieces(text[at : match.start()], tokenizer)
        yield _singles(_bytes(match[0]), tokenizer)
        at = match.end()
    yield from _pieces(text[at:], tokenizer)


def _pieces(text: str, tokenizer: Tokenizer) -> Iterator[tuple[NDArray[np.uint32] | None, bytes]]:
    while text:
        cut = len(text)
        if cut > _PIECE_LETTERS:
            ends = [
                match.end()
                for match in _LINE_END.finditer(text, _PIECE_LETTERS // 2, _PIECE_LETTERS)
            ]
            cut = ends[-1] if ends else _PIECE_LETTERS
        yield from _exact(text[:cut], tokenizer)
        text = text[cut:]


def _exact(text: str, tokenizer: Tokenizer) -> Iterator[tuple[NDArray[np.uint32] | None, bytes]]:
    """Yield tokens of a text, halved until what does not come back is short."""
    raw = _bytes(text)
    numbers = tokenizer.encode(text)
    if tokenizer.vocabulary.join(numbers) == raw:
        yield numbers, raw
    elif len(text) <= _FEWEST_LETTERS:
        yield _singles(raw, tokenizer)
    else:
        half = len(text) // 2
        yield from _exact(text[:half], tokenizer)
        yield from _exact(text[half:], tokenizer)


def _singles(raw: bytes, tokenizer: Tokenizer) -> tuple[NDArray[np.uint32] | None, bytes]:
    """Return the tokens of single bytes, or None where one has none."""
    import numpy as np

    numbers = tokenizer.vocabulary.singles()[np.frombuffer(raw, np.uint8)]
    return (numbers.astype(np.uint32) if (numbers >= 0).all() else None), raw


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
