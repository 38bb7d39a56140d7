"""Text to tokens and back, byte for byte, whatever the text is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcodec.errors import FormatError, ModelError, UnsupportedError
from lmcodec.lm import segments, tokens
from tests.language_models import BEGIN, byte_tokenizer, piece_tokenizer, text

CONFIG = {"bos_token_id": 0}
TOKENIZERS = {
    "bytes": tokens.from_hugging_face(byte_tokenizer(), CONFIG),
    "pieces": tokens.from_hugging_face(piece_tokenizer(), CONFIG),
}
TEXTS = {
    "empty": b"",
    "one byte": b"a",
    "words": text(500).encode(),
    "line ends": b"the\r\nthe\n\n\n the\t the \r" * 20,
    "zeros": b"the and the " * 20 + b"\0" * 100 + b" and the and " * 20,
    "special token": f"the {BEGIN} and <unk> <0x41> the ".encode() * 5,
    "accents": "caf\u00e9 na\u00efve \u00fc u\u0308 \U0001f600 \u2581 ".encode() * 9,
    "other forms": "\ufb01 \u212b \u1e9b\u0323 ".encode() * 20,
    "half a letter": "the caf\u00e9".encode()[:-1],
    "surrogate": b"the \xed\xa0\x80 and " * 10,
    "bytes": bytes(range(256)) * 3,
    "text in noise": b"\xff\xfe\xfd" * 50 + text(40).encode() + b"\x80" * 90,
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_every_content_comes_back(kind: str, name: str) -> None:
    tokenizer = TOKENIZERS[kind]
    split = segments.split(TEXTS[name], tokenizer)
    joined = tokenizer.vocabulary.join(split.tokens)
    assert segments.join(split.lengths, joined, split.rest) == TEXTS[name]
    assert sum(split.lengths[1::2]) == len(split.rest)


@given(
    st.lists(
        st.binary(max_size=60)
        | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")),
        max_size=6,
    ).map(b"".join)
)
def test_any_bytes_come_back(content: bytes) -> None:
    for tokenizer in TOKENIZERS.values():
        split = segments.split(content, tokenizer)
        joined = tokenizer.vocabulary.join(split.tokens)
        assert segments.join(split.lengths, joined, split.rest) == content


def test_text_is_for_the_model_and_noise_is_not() -> None:
    tokenizer = TOKENIZERS["bytes"]
    words = text(40).encode()
    split = segments.split(b"\xff" * 90 + words + b"\x00" * 7 + words + b"\x80" * 8, tokenizer)
    # Seven bytes between text are bridged, eight at an end are not.
    assert split.lengths == [0, 90, 2 * len(words) + 7, 8]
    assert split.rest == b"\xff" * 90 + b"\x80" * 8
    short = segments.split(b"\xff" * 90 + b"short text" + b"\xff" * 90, tokenizer)
    assert short.lengths == [0, 190]
    assert segments.split(b"short text", tokenizer).lengths == [10]


def test_long_texts_are_cut_between_words() -> None:
    tokenizer = TOKENIZERS["bytes"]
    content = text(40_000).encode()
    split = segments.split(content, tokenizer)
    assert split.lengths == [len(content)]
    assert tokenizer.vocabulary.join(split.tokens) == content
    assert len(split.tokens) < 1.3 * 40_000


def test_special_tokens_are_not_made_of_text() -> None:
    split = segments.split(f"the {BEGIN} the".encode(), TOKENIZERS["bytes"])
    assert 0 not in split.tokens


def test_bytes_of_tokens() -> None:
    vocabulary = TOKENIZERS["pieces"].vocabulary
    assert vocabulary.token(2) == b"\x00"
    assert vocabulary.join(np.array([268, 268], np.uint32)) == vocabulary.token(268) * 2
    assert (vocabulary.singles()[:3] == [2, 3, 4]).all()
    with pytest.raises(ModelError, match="token is not in the vocabulary: 9999"):
        vocabulary.join(np.array([9999], np.uint32))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda known: known["model"].update(type="WordPiece"), UnsupportedError),
        (lambda known: known.update(decoder=None), UnsupportedError),
        (lambda known: known.pop("model"), FormatError),
        (lambda known: known["model"].update(vocab={"a": 1 << 40}), FormatError),
        (lambda known: known["model"].update(vocab={"a": "b"}), FormatError),
        (lambda known: known.update(added_tokens=[{}]), FormatError),
    ],
)
def test_tokenizers_that_are_none(change: Any, error: type[Exception]) -> None:
    known = json.loads(byte_tokenizer())
    change(known)
    with pytest.raises(error):
        tokens.from_hugging_face(json.dumps(known).encode(), CONFIG)


def test_gguf_of_pieces_splits_as_its_merges_do() -> None:
    words = json.loads(piece_tokenizer())["model"]["vocab"]
    names = sorted(words, key=words.__getitem__)
    kinds = [2, 3, *[6] * 256, *[1] * (len(names) - 258)]
    # Joined tokens in the order in which they were learnt, letters last.
    scores = [0.0] * 258 + [
        -float(number) - 50 * (len(word) == 1) for number, word in enumerate(names[258:])
    ]
    metadata = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": names,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.bos_token_id": 1,
    }
    tokenizer = tokens.from_gguf(metadata)
    assert tokenizer.vocabulary.begin == 1
    split = segments.split(b" the and the caf\xc3\xa9", tokenizer)
    assert [tokenizer.vocabulary.token(int(token)) for token in split.tokens[:3]] == [
        b" the",
        b" and",
        b" the",
    ]
    assert tokenizer.vocabulary.join(split.tokens) == b" the and the caf\xc3\xa9"
