"""Tokens of a language model: the bytes of each, and text to tokens.

Decoding needs the bytes alone, which are read from the tokenizer's file without any package.
Encoding needs the package `tokenizers`; whatever it does, what is coded are tokens whose bytes are
those of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lmcodec import _core
from lmcodec.errors import FormatError, ModelError, UnsupportedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TOKENS = 1 << 22
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "\u2581"
# Kinds of tokens in GGUF files.
_GGUF_CONTROL, _GGUF_USER, _GGUF_BYTE = 3, 4, 6


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The bytes of each token.

    Args:
        data: The bytes, one token after the other.
        ends: Where those of each token end.
        byte_level: Whether the tokens are made of bytes, not of characters.
        begin: The token before the first one of a text, or None.

    Shapes:
        ends: int64 [V]
    """

    data: bytes
    ends: NDArray[np.int64]
    byte_level: bool
    begin: int | None

    @cached_property
    def core(self) -> _core.Vocabulary:
        """The same, for the engine."""
        return _core.Vocabulary(self.data, self.ends)

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.ends)

    def token(self, number: int) -> bytes:
        """Return the bytes of a token."""
        start = int(self.ends[number - 1]) if number else 0
        return self.data[start : int(self.ends[number])]

    def singles(self) -> NDArray[np.int64]:
        """Return for each byte the token that is this byte alone, or -1 where there is none.

        Shapes:
            returns: int64 [256]
        """
        import numpy as np

        lengths = np.diff(self.ends, prepend=0)
        found = np.full(256, -1, np.int64)
        numbers = np.nonzero(lengths == 1)[0][::-1]
        found[np.frombuffer(self.data, np.uint8)[self.ends[numbers] - 1]] = numbers
        return found

    def lengths(self, tokens: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return the bytes of each token.

        Shapes:
            returns: int64 [n]
        """
        import numpy as np

        return np.diff(self.ends, prepend=0)[tokens]

    def join(self, tokens: NDArray[np.uint32]) -> bytes:
        """Return the bytes of tokens.

        Raises:
            ModelError: A token is none of the vocabulary.
        """
        import numpy as np

        if not len(tokens):
            return b""
        if int(tokens.max()) >= len(self.ends):
            raise ModelError(f"token is not in the vocabulary: {int(tokens.max())}")
        ends = self.ends[tokens]
        starts = np.where(tokens > 0, self.ends[np.maximum(tokens, 1) - 1], 0)
        lengths = ends - starts
        places = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        places += np.arange(int(lengths.sum()))
        joined: bytes = np.frombuffer(self.data, np.uint8)[places].tobytes()
        return joined


def _exact(definition: bytes) -> bytes:
    """Return a definition without what changes a text: other forms of letters, spaces before it."""
    known = json.loads(definition)
    known["normalizer"] = _only_replacing(known.get("normalizer"))
    splitter = known.get("pre_tokenizer")
    for part in [splitter, *((splitter or {}).get("pretokenizers") or [])]:
        if part is not None and part.get("type") == "ByteLevel":
            part["add_prefix_space"] = False
        if part is not None and part.get("type") == "Metaspace":
            part["prepend_scheme"] = "never"
            part.pop("add_prefix_space", None)
    known["post_processor"] = known["truncation"] = known["padding"] = None
    return json.dumps(known).encode()


def _only_replacing(normalizer: dict[str, Any] | None) -> dict[str, Any] | None:
    if normalizer is None:
        return None
    parts = normalizer.get("normalizers") or [normalizer]
    kept = [part for part in parts if part.get("type") == "Replace"]
    return {"type": "Sequence", "normalizers": kept} if kept else None


def _vocabulary(pieces: Sequence[bytes], byte_level: bool, begin: int | None) -> Vocabulary:
    import numpy as np

    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    return Vocabulary(b"".join(pieces), ends, byte_level, begin)


def byte_letters() -> dict[str, int]:
    """Return the letter that stands for each byte in byte-level vocabularies, with the byte.

    Source: A. Radford et al., Language Models are Unsupervised Multitask Learners (2019), and the
    encoder that was published with it.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(byte): byte for byte in plain}
    others = (byte for byte in range(256) if byte not in set(plain))
    return letters | {chr(0x100 + index): byte for index, byte in enumerate(others)}


@dataclass
class Tokenizer:
    """Text to tokens, and back.

    Args:
        vocabulary: The bytes of each token.
        definition: What the package `tokenizers` reads, as JSON.
    """

    vocabulary: Vocabulary
    definition: bytes
    _encoder: Any = field(default=None, repr=False)

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Return tokens of a text; whether their bytes are its bytes is for the caller to check.

        Raises:
            ModelError: The package `tokenizers` is not installed.
            FormatError: It does not know the tokenizer.
        """
        import numpy as np

        if self._encoder is None:
            self._encoder = self._load()
        return np.array(self._encoder.encode(text, add_special_tokens=False).ids, np.uint32)

    def _load(self) -> Any:
        try:
            import tokenizers
        except ImportError as error:
            raise ModelError(
                "text cannot be split into tokens: the package tokenizers is not installed",
                hint="pip install 'lmcodec[lm]'; decoding does not need it",
            ) from error
        try:
            encoder = tokenizers.Tokenizer.from_buffer(_exact(self.definition))
        except Exception as error:
            raise FormatError(
                f"tokenizer is not known to the package tokenizers: {error}"
            ) from error
        # Those that occur in a text are a part of the text.
        encoder.encode_special_tokens = True
        encoder.no_truncation()
        encoder.no_padding()
        return encoder


def from_hugging_face(definition: bytes, config: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer of a `tokenizer.json`.

    Args:
        definition: The file.
        config: The `config.json` beside it, which names the first token.

    Raises:
        FormatError: The file is not well formed.
        UnsupportedError: The tokenizer is not one of bytes, or of characters with bytes.
    """
    try:
        known = json.loads(definition)
        model = known["model"]
        words: dict[str, int] = model["vocab"]
        decoder = known.get("decoder") or {}
        extra: list[dict[str, Any]] = known.get("added_tokens") or []
        added = {entry["id"]: entry["content"].encode() for entry in extra}
        numbers = dict(zip(words.values(), words.keys(), strict=True))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"tokenizer.json is not well formed: {error!r}") from error
    if model.get("type") != "BPE":
        raise UnsupportedError(f"kind of tokenizer is not known: {model.get('type')!r}", id="llm")
    kinds = {part.get("type") for part in [decoder, *(decoder.get("decoders") or [])]}
    byte_level = "ByteLevel" in kinds
    if not byte_level and not model.get("byte_fallback"):
        raise UnsupportedError("tokenizer has no tokens for single bytes", id="llm")
    if not all(type(number) is int and 0 <= number < MAX_TOKENS for number in [*numbers, *added]):
        raise FormatError("tokenizer has too many tokens, or they have no numbers")
    count = max([*numbers, *added, 0]) + 1
    letters = byte_letters() if byte_level else None
    pieces = [added[n] if n in added else _piece(numbers.get(n), letters) for n in range(count)]
    begin = config.get("bos_token_id", config.get("eos_token_id"))
    begin = begin[0] if isinstance(begin, list) and begin else begin
    begin = begin if isinstance(begin, int) and 0 <= begin < MAX_TOKENS else None
    return Tokenizer(_vocabulary(pieces, byte_level, begin), definition)


def _piece(word: str | None, letters: Mapping[str, int] | None) -> bytes:
    """Return the bytes of a token by what it is called; none where there is no such token."""
    if word is None:
        return b""
    if letters is None:
        byte = _BYTE_TOKEN.fullmatch(word)
        return bytes([int(byte[1], 16)]) if byte else _text(word.replace(_SPACE, " "))
    if not all(letter in letters for letter in word):
        return b""
    return bytes(letters[letter] for letter in word)


def _text(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def from_gguf(metadata: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer in the metadata of a GGUF file.

    Raises:
        FormatError: Something is missing or not well formed.
        UnsupportedError: The tokenizer is not one of bytes, or of characters with bytes.
    """
    kind = metadata.get("tokenizer.ggml.model")
    words = metadata.get("tokenizer.ggml.tokens")
    if kind not in ("gpt2", "llama"):
        raise UnsupportedError(f"kind of tokenizer is not known: {kind!r}", id="llm")
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise FormatError("tokenizer of the file has no tokens")
    kinds = metadata.get("tokenizer.ggml.token_type") or [1] * len(words)
    if len(kinds) != len(words) or len(words) > MAX_TOKENS:
        raise FormatError(f"tokenizer of the file has {len(words)} tokens, {len(kinds)} kinds")
    byte_level = kind == "gpt2"
    letters = byte_letters() if byte_level else None
    whole = {_GGUF_CONTROL, _GGUF_USER}
    pieces = [
        _text(word) if of in whole else _piece(word, letters)
        for word, of in zip(words, kinds, strict=True)
    ]
    begin = metadata.get("tokenizer.ggml.bos_token_id", metadata.get("tokenizer.ggml.eos_token_id"))
    begin = begin if isinstance(begin, int) and 0 <= begin < len(words) else None
    definition = _definition(metadata, words, kinds, byte_level)
    return Tokenizer(_vocabulary(pieces, byte_level, begin), definition)


# Where words are split before their letters are joined; from the tokenizers of the families.
_GPT2_SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS = {
    "llama-bpe": _LLAMA3_SPLIT,
    "qwen2": _LLAMA3_SPLIT.replace("{1,3}", ""),
}


def _definition(
    metadata: Mapping[str, Any], words: list[str], kinds: list[int], byte_level: bool
) -> bytes:
    """Return what the package `tokenizers` reads, for the tokenizer of a GGUF file."""
    vocabulary = {word: number for number, word in enumerate(words)}
    added = [
        {
            "id": number, "content": word, "special": kinds[number] == _GGUF_CONTROL,
            "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
        }
        for number, word in enumerate(words)
        if kinds[number] in (_GGUF_CONTROL, _GGUF_USER)
    ]  # fmt: skip
    if byte_level:
        merges = metadata.get("tokenizer.ggml.merges") or []
        pattern = _SPLITS.get(str(metadata.get("tokenizer.ggml.pre")), _GPT2_SPLIT)
        normalizer = None
        steps = [
            {
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": "Isolated",
                "invert": False,
            },
            {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": False,
            },
        ]
        splitter = {"type": "Sequence", "pretokenizers": steps}
    else:
        merges = _merges(words, metadata.get("tokenizer.ggml.scores") or [])
        normalizer = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
        splitter = None
    known = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": splitter,
        "model": {
            "type": "BPE", "vocab": vocabulary, "merges": merges, "unk_token": None,
            "byte_fallback": not byte_level, "fuse_unk": not byte_level, "dropout": None,
            "continuing_subword_prefix": None, "end_of_word_suffix": None,
        },
    }  # fmt: skip
    return json.dumps(known, ensure_ascii=True).encode()


def _merges(words: list[str], scores: list[float]) -> list[list[str]]:
    """Return the pairs whose joining makes each token, the best token first."""
    if len(scores) != len(words):
        raise FormatError(f"tokenizer of the file has {len(words)} tokens, {len(scores)} scores")
    numbers = {word: number for number, word in enumerate(words)}
    order = sorted(range(len(words)), key=lambda number: (-scores[number], number))
    pairs = []
    for number in order:
        word = words[number]
        cuts = [(word[:at], word[at:]) for at in range(1, len(word))]
        found = [cut for cut in cuts if cut[0] in numbers and cut[1] in numbers]
        pairs += [
            list(cut) for cut in sorted(found, key=lambda cut: (numbers[cut[0]], numbers[cut[1]]))
        ]
    return pairs
