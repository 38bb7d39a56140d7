"""`llm`: streams of language models."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmcodec
from lmcodec.errors import (
    CorruptError,
    FormatError,
    LimitError,
    LmcodecError,
    ModelError,
    WeightsError,
)
from lmcodec.info import WeightsInfo
from lmcodec.lm import files, model
from lmcodec.models import llm
from lmcodec.models.llm import Llm, LlmWithoutNetwork
from lmcodec.options import settings
from lmcodec.testing import check_model
from tests.language_models import (
    FAMILIES,
    byte_tokenizer,
    llama,
    piece_tokenizer,
    save,
    save_gguf,
    text,
)
from tests.reference import llm as reference

CONTENT = (
    (text(120) + "caf\u00e9 \r\n\0 <|begin|> ").encode() + b"\xff\xfe" * 50 + text(40).encode()
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("llama"), *llama())


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """No test finds what another one has loaded."""
    yield
    model._FOUND.clear()
    gc.collect()


@pytest.mark.parametrize("mixed", [0, 1])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_comes_back(family: str, mixed: int, tmp_path: Path) -> None:
    chosen = Llm.of(save(tmp_path, *FAMILIES[family]()), window=32, chunk=48, lanes=3, mixed=mixed)
    stream = lmcodec.compress(CONTENT, model=chosen)
    assert lmcodec.info(stream).models == ("llm/2",)
    assert lmcodec.info(stream).portable
    assert lmcodec.decompress(stream) == CONTENT


@pytest.mark.parametrize("mixed", [0, 1])
def test_contract(folder: Path, mixed: int) -> None:
    check_model(Llm.of(folder, window=16, chunk=20, lanes=2, mixed=mixed))


def test_the_first_version(folder: Path) -> None:
    """It is the second one but for the network, which stays beside the contexts there."""
    old, new = (
        {mixed: kind.of(folder, window=16, chunk=20, lanes=2, mixed=mixed) for mixed in (0, 1)}
        for kind in (LlmWithoutNetwork, Llm)
    )
    assert old[0].encode(CONTENT) == new[0].encode(CONTENT)
    payload = old[1].encode(CONTENT)
    assert payload != new[1].encode(CONTENT)
    assert old[1].decode(payload, len(CONTENT)) == CONTENT
    stream = lmcodec.compress(CONTENT, model=old[1])
    assert lmcodec.info(stream).models == ("llm/1",)
    assert lmcodec.decompress(stream) == CONTENT


@pytest.mark.parametrize("content", [b"", b"a", b"\xff", b"\xff" * 3000, b"\xc3", text(3).encode()])
def test_contents_without_text_or_nearly(folder: Path, content: bytes) -> None:
    for mixed in (0, 1):
        chosen = Llm.of(folder, mixed=mixed)
        assert chosen.decode(chosen.encode(content), len(content)) == content


def test_pieces_of_characters(tmp_path: Path) -> None:
    config, weights = llama(bos_token_id=1)
    chosen = Llm.of(save(tmp_path, config, weights, piece_tokenizer()), chunk=100)
    assert chosen.begin == 1
    assert lmcodec.decompress(lmcodec.compress(CONTENT, model=chosen)) == CONTENT


def test_gguf_file(tmp_path: Path) -> None:
    path = save_gguf(tmp_path / "model.gguf", *llama(), kind="Q8_0")
    stream = lmcodec.compress(CONTENT, model=str(path))
    (digest,) = files.digests(path)
    assert lmcodec.info(stream).language_models == (WeightsInfo(digest, None, False, False),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
        here = WeightsInfo(digest, "model.gguf", False, True)
        assert lmcodec.info(stream).language_models == (here,)
        assert lmcodec.decompress(stream) == CONTENT


def test_stretched_gguf_file(tmp_path: Path) -> None:
    path = save_gguf(tmp_path / "model.gguf", *FAMILIES["stretched"]())
    folder = save(tmp_path / "folder", *FAMILIES["stretched"]())
    content = text(100).encode()
    sizes = [len(Llm.of(one, mixed=0).encode(content)) for one in (path, folder)]
    assert abs(sizes[0] - sizes[1]) <= 1


def test_coded_bits_are_those_of_the_model(folder: Path) -> None:
    chosen = Llm.of(folder, window=128, chunk=1000, mixed=0)
    tokens = np.arange(120, dtype=np.uint32) * 37 % 300
    checkpoint = files.read(folder)
    weights = {name: reference.values(tensor) for name, tensor in checkpoint.tensors()}
    logits = reference.logits(checkpoint.architecture, weights, np.append(0, tokens[:-1]))
    shifted = logits - logits.max(-1, keepdims=True)
    lengths = np.log2(np.exp(shifted).sum(-1)) - shifted[np.arange(120), tokens] / np.log(2)
    coded = 8 * len(chosen.encode_tokens(tokens))
    assert lengths.sum() <= coded <= 1.001 * lengths.sum() + 64
    found = chosen._engine().lengths(tokens, **chosen._settings(len(tokens)))
    assert abs(found - lengths).max() < 1e-3


def test_windows_are_dropped_by_halves(folder: Path) -> None:
    """A token sees what is left of the window, from position 0 on, and what came since."""
    tokens = np.arange(60, dtype=np.uint32) * 37 % 300
    chosen = Llm.of(folder, window=16, chunk=1000, mixed=0)
    found = chosen._engine().lengths(tokens, **chosen._settings(len(tokens)))
    checkpoint = files.read(folder)
    weights = {name: reference.values(tensor) for name, tensor in checkpoint.tensors()}
    fed = np.append(0, tokens)
    seen: list[int] = []
    for at, token in enumerate(tokens):
        if len(seen) == 16:
            seen = [0, *seen[9:]]
        seen.append(int(fed[at]))
        row = reference.logits(checkpoint.architecture, weights, seen)[-1]
        row -= row.max()
        expected = np.log2(np.exp(row).sum()) - row[token] / np.log(2)
        assert abs(found[at] - expected) < 1e-3, at


def test_threads_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Llm.of(folder, chunk=30, lanes=4, mixed=1)
    plain = Llm.of(folder, chunk=30, lanes=4, mixed=0)
    payloads = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(llm, "_threads", lambda threads=threads: threads)
        payloads.append((chosen.encode(CONTENT), plain.encode(CONTENT)))
    assert payloads[0] == payloads[1] == payloads[2]


def test_chunks_and_lanes_are_in_the_stream(folder: Path) -> None:
    alike = {Llm.of(folder, chunk=chunk, mixed=0).encode(CONTENT) for chunk in (1000, 2000)}
    assert len(alike) == 1
    other = Llm.of(folder, chunk=20, lanes=2, mixed=0)
    assert other.encode(CONTENT) not in alike
    stream = lmcodec.compress(CONTENT, model=other)
    assert lmcodec.decompress(stream) == CONTENT


def test_blocks_are_short(folder: Path) -> None:
    model = Llm.of(folder)
    assert settings(5, None, model=model).block_size == 1 << 20
    assert settings(5, None, model=model, block_size=9).block_size == 9


def test_int8_costs_little(folder: Path) -> None:
    whole = Llm.of(folder, mixed=0)
    rounded = Llm.of(folder, mixed=0, int8=True)
    content = text(600).encode()
    assert len(rounded.encode(content)) < 1.01 * len(whole.encode(content))
    assert lmcodec.decompress(lmcodec.compress(CONTENT, model=rounded)) == CONTENT


def test_a_model_that_is_not_here(folder: Path, tmp_path: Path) -> None:
    stream = lmcodec.compress(CONTENT, model=Llm.of(folder))
    gc.collect()
    with pytest.raises(WeightsError, match="language model is not here") as caught:
        lmcodec.decompress(stream)
    assert "LMCODEC_MODEL_PATH is not set" in str(caught.value)
    save(tmp_path / "other", *llama(seed=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
        with pytest.raises(WeightsError, match="language model is not here"):
            lmcodec.decompress(stream)
        patch.setenv("LMCODEC_MODEL_PATH", str(folder.parent))
        assert lmcodec.decompress(stream) == CONTENT
        patch.setenv("LMCODEC_MODEL_PATH", str(folder))
        assert lmcodec.decompress(stream) == CONTENT


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    config, weights = llama()
    weights["model.layers.1.mlp.up_proj.weight"][3, 4] = value
    chosen = Llm.of(save(tmp_path, config, weights), mixed=0)
    with pytest.raises(FormatError, match=r"layers\.1\.up"):
        chosen.encode(CONTENT)


def test_weights_of_other_shapes(tmp_path: Path) -> None:
    config, weights = llama()
    for number, (name, changed) in enumerate(
        (
            ("model.norm.weight", np.ones(63, np.float32)),
            ("lm_head.weight", np.ones((299, 64), np.float32)),
        )
    ):
        chosen = Llm.of(save(tmp_path / str(number), config, {**weights, name: changed}), mixed=0)
        with pytest.raises(FormatError):
            chosen.encode(CONTENT)
    del weights["model.norm.weight"]
    with pytest.raises(FormatError, match="final_norm"):
        Llm.of(save(tmp_path / "less", config, weights), mixed=0).encode(CONTENT)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 0}, "window of llm must be 2 to"),
        ({"window": 129}, "window of llm must be 2 to 128, which the language model"),
        ({"chunk": 0}, "chunk of llm must be 1 to"),
        ({"lanes": 257}, "lanes of llm must be 1 to 256"),
        ({"begin": -2}, "begin of llm must be -1 to"),
    ],
)
def test_parameters_out_of_range(folder: Path, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Llm.of(folder, **parameters)


def test_it_needs_a_language_model() -> None:
    with pytest.raises(ModelError, match="llm needs a language model"):
        lmcodec.compress(CONTENT, model="llm")
    with pytest.raises(ModelError, match="llm has no language model"):
        Llm(mixed=0).encode(CONTENT)
    with pytest.raises(ValueError, match="model is not known: 'nosuch'"):
        lmcodec.compress(CONTENT, model="nosuch")


def test_too_little_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_available_bytes", lambda: 1000)
    with pytest.raises(LimitError, match=r"weights of .* need \d+ bytes of memory: 1000 are free"):
        Llm.of(folder, mixed=0).encode(CONTENT)


@pytest.mark.parametrize("mixed", [0, 1])
def test_damaged_payloads(folder: Path, mixed: int) -> None:
    chosen = Llm.of(folder, chunk=40, lanes=3, mixed=mixed)
    payload = chosen.encode(CONTENT)
    rng = np.random.default_rng(0)
    noticed = 0
    for _ in range(60):
        damaged = bytearray(payload)
        at = int(rng.integers(len(damaged)))
        damaged[at] ^= int(rng.integers(1, 256))
        try:
            noticed += chosen.decode(bytes(damaged), len(CONTENT)) != CONTENT
        except (CorruptError, FormatError, ModelError, LmcodecError):
            noticed += 1
    assert noticed == 60
    for size in (0, 1, 5, len(payload) // 2, len(payload) - 1):
        with pytest.raises(FormatError):
            chosen.decode(payload[:size], len(CONTENT))


def test_chunks_that_do_not_have_all_bytes_are_refused(folder: Path) -> None:
    chosen = Llm.of(folder, chunk=40, lanes=3, mixed=1)
    content = text(120)
    tokens = chosen.language_model().tokenizer.encode(content)
    coded, size = chosen.encode_tokens(tokens), len(content)
    assert chosen.decode_tokens(coded, len(tokens), size).tolist() == tokens.tolist()
    # A length of the first chunk that would take more memory than there is.
    for longer in (b"\x7f", b"\xff\xff\xff\xff\x7f"):
        with pytest.raises(CorruptError, match=f"{size} were coded"):
            chosen.decode_tokens(longer + coded[1:], len(tokens), size)
    with pytest.raises(CorruptError, match=f"{size} bytes: {size + 1} were coded"):
        chosen.decode_tokens(coded, len(tokens), size + 1)


def test_tokenizer_of_another_file_is_another_model(folder: Path, tmp_path: Path) -> None:
    stream = lmcodec.compress(CONTENT, model=Llm.of(folder))
    gc.collect()
    save(tmp_path / "same", *llama(), byte_tokenizer() + b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
        with pytest.raises(WeightsError):
            lmcodec.decompress(stream)
