"""Learns the tokens, and turns bytes into them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

BEGIN = "<|begin|>"
BEGIN_ID = 0
# How much of what is seen is of each kind: English prose before all.
SHARES = {"books_en": 0.55, "xml_wiki_misc": 0.2, "docs": 0.1, "chat": 0.1, "html": 0.05}
# Where text is split before pairs are merged, under the names that GGUF has for them.
# Source: the tokenizers of GPT-2 (Radford et al. 2019) and Llama 3 (2024).
PATTERNS = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama-bpe": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
_PIECE = 1 << 15
_GROUP = 128
_SAMPLE = 1 << 16
_ESCAPED = re.compile("([\udc80-\udcff]+)")


def pieces(text: bytes, size: int = _PIECE) -> Iterator[bytes]:
    """Split text after ends of lines that no white space follows, so that no token spans two."""
    start = 0
    while start < len(text):
        end = start + size
        found = re.compile(rb"\n(?=\S)").search(text, end - 1) if end < len(text) else None
        end = found.end() if found else len(text)
        yield text[start:end]
        start = end


def sample(folder: Path, size: int) -> Iterator[str]:
    """Give about ``size`` bytes of prepared text, from all over it, as its shares say."""
    for kind, share in SHARES.items():
        text = (folder / f"{kind}.train").read_bytes()
        some = list(pieces(text, _SAMPLE))
        count = min(len(some), max(1, round(size * share / _SAMPLE)))
        for at in np.linspace(0, len(some) - 1, count).astype(int):
            yield some[at].decode("utf-8", "ignore")


def learn(folder: Path, size: int, tokens: int, pattern: str) -> Any:
    """Return a tokenizer learnt from prepared text.

    Args:
        folder: With prepared text.
        size: Bytes of text to learn from.
        tokens: How many there are in the end, those of single bytes and `BEGIN` among them.
        pattern: A name in `PATTERNS`.
    """
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(PATTERNS[pattern]), behavior="isolated")
    to_letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, to_letters])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens,
        special_tokens=[BEGIN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=32,
    )
    tokenizer.train_from_iterator(sample(folder, size), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, BEGIN_ID)]
    )
    return tokenizer


def letters() -> dict[str, int]:
    """Return which byte each letter of a token stands for.

    Source: GPT-2's encoder.py: printable letters for themselves, others from 256 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + n): byte for n, byte in enumerate(others)}


def token_bytes(tokenizer: Any) -> list[bytes]:
    """Return the bytes of each token; none for `BEGIN`."""
    table = letters()
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [
        b"" if text == BEGIN else bytes(table[letter] for letter in text) for text, _ in vocabulary
    ]


class Encoder:
    """Turns bytes into tokens, bytes that are no UTF-8 into those of single bytes.

    Args:
        tokenizer: As `learn` returns it.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._singles = {
            data[0]: n for n, data in enumerate(token_bytes(tokenizer)) if len(data) == 1
        }

    def __call__(self, text: bytes) -> NDArray[np.uint16]:
        """Return the tokens whose bytes, one after the other, are the text."""
        out = [np.empty(0, np.uint16)]
        waiting: list[str] = []
        for piece in pieces(text):
            waiting += _ESCAPED.split(piece.decode("utf-8", "surrogateescape"))
            # Some megabytes at once: enough for all processors, and not too much of memory.
            if len(waiting) >= _GROUP:
                out += self._encode(waiting)
                waiting = []
        return np.concatenate([*out, *self._encode(waiting)])

    def _encode(self, parts: list[str]) -> Iterator[NDArray[np.uint16]]:
        valid = [part for part in parts if part and not _ESCAPED.match(part)]
        encoded = iter(self._tokenizer.encode_batch_fast(valid, add_special_tokens=False))
        for part in parts:
            if _ESCAPED.match(part):
                data = part.encode("utf-8", "surrogateescape")
                yield np.array([self._singles[byte] for byte in data], np.uint16)
            elif part:
                yield np.array(next(encoded).ids, np.uint16)
