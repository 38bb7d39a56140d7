"""What a language model makes of a text: ways to code its tokens side by side, for `evaluate`.

Source: C. S. K. Valmeekam et al., LLMZip: Lossless Text Compression using Large Language Models
(2023), arXiv:2306.04050: ranks, a prefix code for each token, and arithmetic coding. What codes the
ranks, and all that stands beside them, is our own.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lmcodec.api import compress, decompress
from lmcodec.errors import CorruptError, LmcodecError
from lmcodec.lm import segments
from lmcodec.models.llm import Llm
from lmcodec.names import STDIN
from lmcodec.network import default as default_network
from lmcodec.outcomes import describe, hint, subject
from lmcodec.packing import Cursor, pack_varint
from lmcodec.prior import default as default_prior
from lmcodec.terminal import Terminal, human, shown, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SCHEMES", "Evaluation", "Size", "evaluate", "evaluate_files", "pack_ranks"]

SCHEMES = {
    "entropy": "entropy of the tokens, a bound",
    "prefix": "prefix code, token by token",
    "ranks": "ranks, coded at level 9",
    "llm": "llm, arithmetic coding",
    "llm_mixed": "llm, mixed with cm",
    "cm": "cm, level 9",
    "xz": "xz -9e",
}
"""What is compared, with the words for it."""

_LEVEL = 9
# Ranks from here on are written behind all others: few tokens are so unlikely.
_ESCAPE = 255


@dataclass(frozen=True)
class Size:
    """What a text takes in one of the ways.

    Args:
        size_bytes: Bytes, as if nothing had to be known.
        knowledge_bytes: Those of the weights that a decoder needs.
    """

    size_bytes: int
    knowledge_bytes: int


@dataclass(frozen=True)
class Evaluation:
    """A text and what it takes.

    Args:
        text_bytes: Bytes of the text.
        other_bytes: Bytes of the content that are no text; they are left out of all else.
        characters: Characters of the text.
        tokens: Tokens of the text.
        sizes: What it takes, by the keys of `SCHEMES`.
    """

    text_bytes: int
    other_bytes: int
    characters: int
    tokens: int
    sizes: dict[str, Size]

    def record(self) -> dict[str, Any]:
        """Return all numbers, for JSON."""
        schemes = {
            key: {
                "bytes": size.size_bytes,
                "bits_per_byte": 8 * size.size_bytes / self.text_bytes,
                "bits_per_character": 8 * size.size_bytes / self.characters,
                "bytes_with_weights": size.size_bytes + size.knowledge_bytes,
            }
            for key, size in self.sizes.items()
        }
        return {
            "text_bytes": self.text_bytes,
            "other_bytes": self.other_bytes,
            "characters": self.characters,
            "tokens": self.tokens,
            "schemes": schemes,
        }

    def lines(self) -> list[str]:
        """Return the numbers as a table."""
        rows: list[list[object]] = [
            ["bytes", "bits/byte", "bits/char", "with weights", "scheme"],
        ]
        for key, of in self.record()["schemes"].items():
            bits = [f"{of[name]:.3f}" for name in ("bits_per_byte", "bits_per_character")]
            rows.append([f"{of['bytes']:,}", *bits, f"{of['bytes_with_weights']:,}", SCHEMES[key]])
        return table(rows, right=4)


def evaluate(
    content: bytes, model: Llm, note: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Code a text in several ways.

    Args:
        content: The text; what is none is left out.
        model: The language model, and how it is used; whether it is mixed does not matter.
        note: Called with the words for each scheme before it is tried.

    Returns:
        The sizes; none where there is no text. Those of `llm` are of the coded tokens; `xz`, `cm`
        and the coded ranks are whole streams.

    Raises:
        ModelError: The package `tokenizers` is needed and not installed.
        CorruptError: The tokens did not come back from their ranks.
    """
    import numpy as np

    language_model = model.language_model()
    split = segments.split(content, language_model.tokenizer)
    tokens = split.tokens
    text = language_model.tokenizer.vocabulary.join(tokens)
    characters = len(text.decode("utf-8", "surrogateescape"))
    found = Evaluation(len(text), len(split.rest), characters, len(tokens), {})
    if not len(tokens):
        return found
    weights = language_model.file_bytes
    beside = len(bytes(default_prior())) + len(bytes(default_network()))
    note(SCHEMES["entropy"])
    lengths = model.lengths(tokens)
    sizes = {
        "entropy": Size(_bytes_of(lengths.sum()), weights),
        # A code word has at least one bit.
        "prefix": Size(_bytes_of(np.maximum(np.ceil(lengths), 1).sum()), weights),
    }
    note(SCHEMES["ranks"])
    ranks = compress(pack_ranks(model.ranks(tokens)), level=_LEVEL)
    _check_ranks(ranks, model, tokens)
    sizes["ranks"] = Size(len(ranks), weights + _shipped(ranks))
    for key, mixed in (("llm", 0), ("llm_mixed", 1)):
        note(SCHEMES[key])
        coded = replace(model, mixed=mixed).encode_tokens(tokens)
        sizes[key] = Size(len(coded), weights + mixed * beside)
    note(SCHEMES["cm"])
    stream = compress(text, level=_LEVEL)
    sizes["cm"] = Size(len(stream), _shipped(stream))
    sizes["xz"] = Size(len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)), 0)
    return replace(found, sizes=sizes)


def pack_ranks(ranks: NDArray[np.uint32]) -> bytes:
    """Return ranks as bytes: each one up to 255, then, as varints, how much larger those are.

    Shapes:
        ranks: uint32 [n]
    """
    import numpy as np

    low = np.minimum(ranks, _ESCAPE).astype(np.uint8).tobytes()
    high = (ranks[ranks >= _ESCAPE] - _ESCAPE).tolist()
    return b"".join((low, *map(pack_varint, high)))


def _unpack_ranks(packed: bytes, count: int) -> NDArray[np.uint32]:
    import numpy as np

    ranks = np.frombuffer(packed, np.uint8, count).astype(np.uint32)
    cursor = Cursor(packed[count:])
    for place in np.nonzero(ranks == _ESCAPE)[0]:
        ranks[place] += cursor.varint("rank")
    return ranks


def _check_ranks(stream: bytes, model: Llm, tokens: NDArray[np.uint32]) -> None:
    """Refuse ranks that do not give the tokens back.

    Raises:
        CorruptError: They do not.
    """
    back = model.unranks(_unpack_ranks(decompress(stream), len(tokens)))
    if back.tolist() != tokens.tolist():
        raise CorruptError("tokens did not come back from their ranks")


def _bytes_of(bits: float) -> int:
    return -int(-bits // 8)


def _shipped(stream: bytes) -> int:
    """Return the bytes of what a stream starts from and names, which ships with the package."""
    parts = (default_prior(), default_network())
    return sum(len(bytes(part)) for part in parts if part.digest in stream)


def evaluate_files(
    names: list[str], model: Llm, terminal: Terminal, *, as_json: bool = False
) -> None:
    """Print a table, or a JSON record, for each file.

    Args:
        names: Files; "-" is standard input.
        model: The language model, and how it is used.
        terminal: Where errors go.
        as_json: Whether to print records.
    """
    from lmcodec.listing import print_record

    weights = model.language_model()
    printed = False
    for name in names:
        try:
            content = _read(name)
            found = evaluate(content, model, lambda words: terminal.note(words, level=1))
        except (LmcodecError, OSError) as error:
            terminal.error(f"{subject(name, error)}: {describe(error)}", hint(error))
            continue
        if not found.sizes:
            terminal.error(f"{shown(name)}: there is no text in it")
            continue
        if as_json:
            about = {"model": weights.name, "weights_bytes": weights.file_bytes}
            used = {"window": model.window, "chunk": model.chunk, "int8": model.int8}
            print_record({"name": name, **about, **used, **found.record()})
            continue
        if printed:
            print()
        printed = True
        print(
            f"{shown(name)}: {found.text_bytes:,} bytes of text, {found.characters:,} characters, "
            f"{found.tokens:,} tokens; {found.other_bytes:,} bytes are no text"
        )
        print(f"{shown(weights.name)}: {human(weights.file_bytes)}")
        print("\n".join(found.lines()))


def _read(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read()
    with open(name, "rb") as file:
        return file.read()
