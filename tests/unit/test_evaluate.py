"""What a language model makes of a text."""

from __future__ import annotations

import lzma
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import evaluate, network, prior
from lmcodec.errors import CorruptError
from lmcodec.evaluate import SCHEMES
from lmcodec.lm import segments
from lmcodec.models.llm import Llm
from tests.language_models import llama, save, text

TEXT = (text(150) + "caf\u00e9.\n").encode()
BINARY = bytes(range(16))


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Llm:
    folder = save(tmp_path_factory.mktemp("llama"), *llama())
    return Llm.of(folder, window=32, chunk=60, lanes=4)


def test_every_scheme_has_its_size(chosen: Llm) -> None:
    said: list[str] = []
    found = evaluate.evaluate(TEXT + BINARY, chosen, said.append)
    tokens = segments.split(TEXT, chosen.language_model().tokenizer).tokens
    assert (found.text_bytes, found.other_bytes) == (len(TEXT), len(BINARY))
    assert (found.characters, found.tokens) == (len(TEXT) - 1, len(tokens))
    assert list(found.sizes) == list(SCHEMES)
    assert said == [words for key, words in SCHEMES.items() if key not in ("prefix", "xz")]
    bits = chosen.lengths(tokens)
    sizes = {key: size.size_bytes for key, size in found.sizes.items()}
    assert sizes["entropy"] == math.ceil(bits.sum() / 8)
    assert sizes["prefix"] == math.ceil(sum(max(1, math.ceil(each)) for each in bits) / 8)
    for key, mixed in (("llm", 0), ("llm_mixed", 1)):
        model = Llm.of(chosen.language_model(), window=32, chunk=60, lanes=4, mixed=mixed)
        assert sizes[key] == len(model.encode_tokens(tokens))
    assert sizes["cm"] == len(lmcodec.compress(TEXT, level=9))
    assert sizes["xz"] == len(lzma.compress(TEXT, preset=9 | lzma.PRESET_EXTREME))
    assert sizes["entropy"] <= sizes["llm"] <= sizes["prefix"]


def test_what_a_decoder_needs_is_counted(chosen: Llm) -> None:
    found = evaluate.evaluate(TEXT, chosen)
    weights = chosen.language_model().file_bytes
    shipped = len(bytes(prior.default())) + len(bytes(network.default()))
    needed = {key: size.knowledge_bytes for key, size in found.sizes.items()}
    assert needed["entropy"] == needed["prefix"] == needed["llm"] == weights
    assert needed["llm_mixed"] == weights + shipped
    assert needed["ranks"] in (weights, weights + len(bytes(prior.default())))
    assert needed["cm"] <= shipped
    assert needed["xz"] == 0


def test_record_and_table(chosen: Llm) -> None:
    found = evaluate.evaluate(TEXT, chosen)
    record = found.record()["schemes"]["xz"]
    assert record["bits_per_byte"] == 8 * record["bytes"] / len(TEXT)
    assert record["bits_per_character"] == 8 * record["bytes"] / (len(TEXT) - 1)
    assert record["bytes"] == record["bytes_with_weights"]
    heading, *lines = found.lines()
    assert heading.split()[:2] == ["bytes", "bits/byte"]
    assert [line.split("  ")[-1] for line in lines] == list(SCHEMES.values())
    assert lines[-1].split()[0] == f"{record['bytes']:,}"


@pytest.mark.parametrize("content", [b"", BINARY * 5])
def test_contents_without_text_have_no_sizes(chosen: Llm, content: bytes) -> None:
    found = evaluate.evaluate(content, chosen)
    assert (found.sizes, found.tokens, found.other_bytes) == ({}, 0, len(content))


@given(st.lists(st.integers(0, (1 << 32) - 1) | st.integers(250, 260)))
def test_ranks_come_back(ranks: list[int]) -> None:
    packed = evaluate.pack_ranks(np.array(ranks, np.uint32))
    assert evaluate._unpack_ranks(packed, len(ranks)).tolist() == ranks


def test_ranks_that_do_not_come_back(chosen: Llm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Llm, "unranks", lambda _self, ranks: ranks)
    with pytest.raises(CorruptError, match="did not come back"):
        evaluate.evaluate(TEXT, chosen)
