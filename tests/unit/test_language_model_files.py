"""Language models on disk: configurations, weights, digests, and what is wrong with them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcodec.errors import FormatError, TruncatedError, UnsupportedError, WeightsError
from lmcodec.lm import architecture, files
from lmcodec.lm.gguf import read_gguf
from lmcodec.lm.safetensors import read_tensors
from tests.language_models import FAMILIES, byte_tokenizer, gpt2, llama, neox, save, save_gguf
from tests.reference import llm as reference

TOKENS = np.arange(40) * 37 % 300


def logits(path: Path) -> Any:
    checkpoint = files.read(path)
    weights = {name: reference.values(tensor) for name, tensor in checkpoint.tensors()}
    return reference.logits(checkpoint.architecture, weights, TOKENS)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_weights_have_their_place(family: str, tmp_path: Path) -> None:
    found = logits(save(tmp_path, *FAMILIES[family]()))
    assert found.shape == (len(TOKENS), 300)
    assert np.isfinite(found).all()
    # No part is left out: each token's logits depend on the tokens before it.
    assert len(np.unique(found.round(9), axis=0)) == len(TOKENS)


def test_shards_are_one_model(tmp_path: Path) -> None:
    one = save(tmp_path / "one", *llama())
    three = save(tmp_path / "three", *llama(), shards=3)
    assert (logits(one) == logits(three)).all()
    assert len(files.read(three).files) == 4


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0"])
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_gguf_is_the_same_model(family: str, kind: str, tmp_path: Path) -> None:
    config, weights = llama(model_type=family, tie_word_embeddings=family == "llama")
    folder = save(tmp_path / "folder", config, weights)
    path = save_gguf(tmp_path / "model.gguf", config, weights, kind)
    distance = np.abs(logits(folder) - logits(path)).max()
    assert distance <= {"F32": 1e-6, "F16": 5e-3, "BF16": 5e-2, "Q8_0": 0.2}[kind]


def test_stretched_positions_of_gguf(tmp_path: Path) -> None:
    config, weights = FAMILIES["stretched"]()
    folder = save(tmp_path / "folder", config, weights)
    path = save_gguf(tmp_path / "model.gguf", config, weights)
    assert np.abs(logits(folder) - logits(path)).max() < 1e-4
    plain = {key: value for key, value in config.items() if key != "rope_scaling"}
    other = save_gguf(tmp_path / "plain.gguf", plain, weights)
    assert np.abs(logits(folder) - logits(other)).max() > 1e-2


def test_digests_are_of_weights_configuration_and_tokenizer(tmp_path: Path) -> None:
    folder = save(tmp_path / "a", *llama())
    weights, tokenizer = files.digests(folder)
    assert files.read(folder).digests() == (weights, tokenizer)
    assert files.digests(save(tmp_path / "b", *llama())) == (weights, tokenizer)
    assert files.digests(save(tmp_path / "c", *llama(seed=1)))[0] != weights
    other = save(tmp_path / "d", *llama(rms_norm_eps=1e-5))
    assert files.digests(other)[0] != weights
    assert files.digests(other)[1] == tokenizer
    path = save_gguf(tmp_path / "model.gguf", *llama())
    assert len(files.digests(path)) == 1


def test_changed_files_have_other_digests(tmp_path: Path) -> None:
    folder = save(tmp_path, *llama())
    before = files.digests(folder)
    (folder / "tokenizer.json").write_bytes(byte_tokenizer() + b"\n")
    assert files.digests(folder) != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mamba"}, "family of the model is not known: 'mamba'"),
        ({"hidden_act": "tanh"}, "activation of the model is not known: 'tanh'"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "of kind 'yarn' are not known"),
    ],
)
def test_what_the_engine_does_not_know(change: dict[str, Any], message: str) -> None:
    config, _ = llama()
    with pytest.raises(UnsupportedError, match=message):
        architecture.from_hugging_face({**config, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": None}, "hidden_size of the model is missing"),
        ({"hidden_size": 0}, "hidden_size of the model is not a size: 0"),
        ({"hidden_size": True}, "hidden_size of the model is not a size: True"),
        ({"vocab_size": 1 << 40}, "vocab_size of the model is not a size"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps of the model is not a positive number"),
        ({"rope_theta": -1.0}, "rope_theta of the model is not a positive number"),
        ({"tie_word_embeddings": 1}, "neither true nor false: 1"),
    ],
)
def test_values_that_are_out_of_range(change: dict[str, Any], message: str) -> None:
    config, _ = llama()
    with pytest.raises(FormatError, match=message):
        architecture.from_hugging_face({**config, **change})


def test_parts_that_are_missing(tmp_path: Path) -> None:
    folder = save(tmp_path, *llama(), shards=2)
    shard = folder / "model-00002-of-00002.safetensors"
    kept = shard.read_bytes()
    shard.unlink()
    with pytest.raises(WeightsError, match=r"weights are missing: .*00002-of-00002"):
        files.read(folder)
    shard.write_bytes(kept)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match="tokenizer is missing"):
        files.read(folder)


def test_pickles_are_never_read(tmp_path: Path) -> None:
    folder = save(tmp_path, *llama())
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin can run code, and is never read"):
        files.read(folder)


def test_lists_of_files_elsewhere(tmp_path: Path) -> None:
    folder = save(tmp_path / "a", *llama(), shards=2)
    listed = {"weight_map": {"x": "../b/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(listed))
    with pytest.raises(FormatError, match="it lists files elsewhere"):
        files.read(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_configurations_that_are_none(text: str, tmp_path: Path) -> None:
    folder = save(tmp_path, *llama())
    (folder / "config.json").write_text(text)
    with pytest.raises(FormatError, match=r"not JSON|not a JSON object"):
        files.read(folder)


def test_names_and_shapes_that_do_not_fit(tmp_path: Path) -> None:
    config, weights = llama()
    folder = save(
        tmp_path / "a",
        config,
        {**weights, "model.layers.0.other.weight": weights["model.norm.weight"]},
    )
    with pytest.raises(FormatError, match=r"not known: model\.layers\.0\.other\.weight"):
        list(files.read(folder).tensors())
    config, weights = neox()
    name = "gpt_neox.layers.0.attention.query_key_value.weight"
    folder = save(tmp_path / "b", config, {**weights, name: weights[name][:-1].copy()})
    with pytest.raises(FormatError, match="does not fit 4 heads of 16"):
        list(files.read(folder).tensors())
    config, weights = gpt2()
    name = "transformer.h.0.attn.c_attn.weight"
    folder = save(tmp_path / "c", config, {**weights, name: weights[name][:, :-1].copy()})
    with pytest.raises(FormatError, match="cannot be cut into 3 parts"):
        list(files.read(folder).tensors())


def header(entries: object) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", TruncatedError, "header ends early"),
        (b"\xff" * 8, TruncatedError, "header ends early"),
        (b"\x80\x02}q\x00" * 10, FormatError, "not a safetensors file"),
        (header([]), FormatError, "its header is no object"),
        (header({"a": 1}), FormatError, "not described by an object"),
        (header({"a": {"dtype": "F8_E4M3", "shape": [1]}}), FormatError, "kind that is not known"),
        (header({"a": {"dtype": "F32", "shape": [-1]}}), FormatError, "has no shape"),
        (header({"a": {"dtype": "F32", "shape": [2]}}), FormatError, "has no offsets"),
        (
            header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}),
            FormatError,
            "has 4 bytes for",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + b"1234",
            TruncatedError,
            "4 bytes of tensor a are missing",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [1 << 30] * 4, "data_offsets": [0, 8]}}),
            FormatError,
            "too large",
        ),
    ],
)
def test_damaged_safetensors(
    data: bytes, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        read_tensors(path)


def test_truncated_and_damaged_gguf(tmp_path: Path) -> None:
    whole = save_gguf(tmp_path / "model.gguf", *llama()).read_bytes()
    path = tmp_path / "cut.gguf"
    for size in (4, 8, 30, 200, 5000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(TruncatedError, match="missing"):
            read_gguf(path)
    path.write_bytes(whole[:4] + b"\x09" + whole[5:])
    with pytest.raises(UnsupportedError, match="version of GGUF is not known: 9"):
        read_gguf(path)
    path.write_bytes(whole[:8] + b"\xff" * 8 + whole[16:])
    with pytest.raises(FormatError, match="too many parts"):
        read_gguf(path)
    path.write_bytes(b"GGML" + whole[4:])
    with pytest.raises(FormatError, match="not a GGUF file"):
        read_gguf(path)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, 3000, 3):
            damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            list(files.read(path).tensors())
        except (FormatError, UnsupportedError, WeightsError):
            pass


def test_kinds_of_gguf_that_are_not_known(tmp_path: Path) -> None:
    path = save_gguf(tmp_path / "model.gguf", *llama(), kind="Q4_0")
    with pytest.raises(UnsupportedError, match="Q4_0; known are F32, F16, Q8_0, BF16"):
        files.read(path)
