"""Training of small models in the layout of Llama: tokens, a short run, and what others read."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.strategies import prose

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")
# By name, so that the types of torch need not be known where it is not installed.
torch: Any = importlib.import_module("torch")
tokenizers: Any = importlib.import_module("tokenizers")
command: Any = importlib.import_module("training.llm.__main__")
data: Any = importlib.import_module("training.llm.data")
export: Any = importlib.import_module("training.llm.export")
model: Any = importlib.import_module("training.llm.model")
tokenizer: Any = importlib.import_module("training.llm.tokenizer")
train: Any = importlib.import_module("training.llm.train")

pytestmark = pytest.mark.nn

TRAIN = ["--preset", "tiny", "--rows", "4", "--pieces", "2", "--last-pieces", "3", "--every", "999"]


def run(*words: object) -> None:
    assert command.main([str(word) for word in words]) == 0


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Many threads wait for each other longer than these sums take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text, its tokens, a run of six steps and one more that went on to nine."""
    root = tmp_path_factory.mktemp("llm")
    clean = root / "clean"
    clean.mkdir()
    for number, kind in enumerate(tokenizer.SHARES):
        text = prose(number, 1500) + f"\n{kind}: caf\u00e9 \xff\xfe\n".encode("latin-1")
        (clean / f"{kind}.train").write_bytes(text * 3)
        (clean / f"{kind}.held").write_bytes(prose(50 + number, 600))
    run("tokenizer", clean, "-o", root / "tokenizer.json", "--bytes", 50_000, "--tokens", 320)
    run("prepare", clean, root / "tokenizer.json", "-o", root / "data")
    run("train", root / "data", "-o", root / "run", *TRAIN, "--steps", 6)
    return root


def test_tokens_of_any_bytes_give_them_back(folder: Path) -> None:
    learnt = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert learnt.token_to_id("<|begin|>") == 0
    assert learnt.get_vocab_size() == 320
    of = tokenizer.token_bytes(learnt)
    assert {token for token in of if len(token) == 1} == {bytes([n]) for n in range(256)}
    encode = tokenizer.Encoder(learnt)
    long = b"\n\n\n x y\n" * 20_000
    for text in (
        b"",
        b"\xff",
        b"a\xe4b\nc\x80\x80",
        bytes(range(256)) * 3,
        "\u20ac\n".encode(),
        long,
    ):
        assert b"".join(of[token] for token in encode(text)) == text
    plain = prose(9, 900)
    assert list(encode(plain)) == learnt.encode(plain.decode(), add_special_tokens=False).ids


def test_prepared_tokens_are_those_of_the_text(folder: Path) -> None:
    learnt = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    of = tokenizer.token_bytes(learnt)
    for part in ("train", "held"):
        loaded = data.load(folder / "data", part)
        assert sorted(loaded) == sorted(tokenizer.SHARES)
        for kind, tokens in loaded.items():
            text = (folder / "clean" / f"{kind}.{part}").read_bytes()
            assert b"".join(of[token] for token in tokens) == text
    assert data.about(folder / "data")["lengths"] == [len(token) for token in of]


def test_tokens_that_are_others_are_refused(folder: Path, tmp_path: Path) -> None:
    digests = data.write_tokens(np.arange(9, dtype=np.uint16), tmp_path, "docs", "train")
    (tmp_path / "tokens.json").write_text(json.dumps({"files": dict.fromkeys(digests, "0")}))
    with pytest.raises(ValueError, match="not those that were prepared"):
        data.load(tmp_path, "train")
    run_of_others = tmp_path / "tokenizer.json"
    run_of_others.write_bytes((folder / "tokenizer.json").read_bytes() + b"\n")
    with pytest.raises(ValueError, match="another tokenizer"):
        run("export", folder / "run", folder / "data", run_of_others, "-o", tmp_path / "model")


def test_rows_begin_with_token_0_and_are_of_one_text() -> None:
    train_tokens = {
        "docs": np.arange(1, 101, dtype=np.uint16),
        "html": np.arange(501, 521, dtype=np.uint16),
        "other": np.arange(900, 999, dtype=np.uint16),
    }
    draw = data.Batches(
        train_tokens, {"docs": 0.5, "html": 0.5}, 64, 8, (1, 0), torch.device("cpu")
    )
    seen, targets = draw()
    assert seen[:, 0].tolist() == [0] * 64
    assert torch.equal(seen[:, 1:], targets[:, :-1])
    assert (targets[:, 1:] - targets[:, :-1] == 1).all()
    starts = targets[:, 0]
    assert ((starts >= 1) & (starts <= 93) | (starts >= 501) & (starts <= 513)).all()
    assert 16 < int((starts < 500).sum()) < 48


def test_a_run_learns_and_goes_on(folder: Path) -> None:
    _, before = export.read_run(folder / "run")
    begun = [(path, path.read_bytes()) for path in sorted((folder / "run").iterdir())]
    run("train", folder / "data", "-o", folder / "run", *TRAIN, "--steps", 60, "--resume")
    _, notes = export.read_run(folder / "run")
    for path, content in begun:
        path.write_bytes(content)
    assert (before["step"], notes["step"]) == ("6", "60")
    assert int(notes["tokens"]) == 60 * 4 * 64
    assert len(json.loads(notes["commands"])) == 2
    log = json.loads(notes["log"])
    assert [entry["step"] for entry in log] == [6, 60]
    assert log[1]["held"] < 0.9 * log[0]["held"]


def test_the_same_seed_gives_the_same_weights(folder: Path, tmp_path: Path) -> None:
    run("train", folder / "data", "-o", tmp_path / "run", *TRAIN, "--steps", 6)
    first, second = (export.read_run(path)[0] for path in (folder / "run", tmp_path / "run"))
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_run_by_the_clock_ends_with_small_steps(folder: Path, tmp_path: Path) -> None:
    run("train", folder / "data", "-o", tmp_path / "run", *TRAIN, "--minutes", 0.03)
    _, notes = export.read_run(tmp_path / "run")
    assert int(notes["step"]) > 0


def test_weights_of_two_steps_are_refused(folder: Path, tmp_path: Path) -> None:
    network, _ = export.read_run(folder / "run")
    notes = {"config": json.dumps(vars(network.config)), "step": "1"}
    train.write_weights(network, tmp_path, notes)
    (tmp_path / "weights-1.safetensors").rename(tmp_path / "weights-2.safetensors")
    train.write_weights(network, tmp_path, {**notes, "step": "2"})
    with pytest.raises(ValueError, match="of another step"):
        export.read_run(tmp_path)
    (tmp_path / "weights-1.safetensors").unlink()
    (tmp_path / "weights-2.safetensors").unlink()
    with pytest.raises(ValueError, match="missing"):
        export.read_run(tmp_path)


def test_weights_are_counted() -> None:
    for config in model.PRESETS.values():
        network = model.Llama(config)
        assert config.weights() == sum(p.numel() for p in network.parameters())
        assert config.width % 32 == config.hidden % 32 == 0
    assert model.PRESETS["small"].weights() * 2 < 7_800_000
    assert model.PRESETS["small-q8"].weights() * 34 // 32 < 7_500_000


def logits_of(network: Any, tokens: Any) -> Any:
    with torch.no_grad():
        return network(tokens)


@pytest.mark.parametrize("form", ["f16", "bf16"])
def test_transformers_reads_the_folder(folder: Path, tmp_path: Path, form: str) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    words = [folder / "run", folder / "data", folder / "tokenizer.json"]
    run("export", *words, "-o", tmp_path / "model", "--form", form, "--pieces", 2)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = transformers.AutoModelForCausalLM.from_pretrained(
            tmp_path / "model", dtype=torch.float32
        ).eval()
        reader = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    network = export.rounded(export.read_run(folder / "run")[0], form)
    ids = reader("A caf\u00e9, and what follows")["input_ids"]
    assert ids[0] == 0
    assert reader.decode(ids[1:]) == "A caf\u00e9, and what follows"
    tokens = torch.tensor([ids, ids[::-1]])
    expected = logits_of(other, tokens).logits
    torch.testing.assert_close(logits_of(network, tokens), expected, rtol=1e-4, atol=1e-5)
    assert f"{form}_bits_per_byte" in (tmp_path / "model.toml").read_text()


def test_gguf_holds_the_rounded_weights_and_the_tokenizer(folder: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="gguf is not installed")
    words = [folder / "run", folder / "data", folder / "tokenizer.json"]
    run("export", *words, "-o", tmp_path / "m.gguf", "--form", "q8_0", "--pieces", 2)
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    network = export.read_run(folder / "run")[0]
    rounded = dict(export.rounded(network, "q8_0").named_parameters())
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert len(tensors) == len(rounded)
    for name, expected in rounded.items():
        tensor = tensors[export.gguf_name(name)]
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if name.endswith((".q.weight", ".k.weight")):
            heads = 4 if name.endswith("q.weight") else 2
            pairs = values.reshape(heads, -1, 2, values.shape[1]).swapaxes(1, 2)
            values = pairs.reshape(values.shape)
        assert np.array_equal(values, expected.detach().numpy()), name
    fields = {name: field.contents() for name, field in reader.fields.items()}
    learnt = json.loads((folder / "tokenizer.json").read_text())
    assert fields["tokenizer.ggml.pre"] == "llama-bpe"
    assert fields["tokenizer.ggml.tokens"][0] == "<|begin|>"
    assert len(fields["tokenizer.ggml.tokens"]) == 320
    assert len(fields["tokenizer.ggml.merges"]) == len(learnt["model"]["merges"])
    assert fields["llama.attention.head_count_kv"] == 2


def test_blocks_are_those_of_gguf() -> None:
    gguf = pytest.importorskip("gguf", reason="gguf is not installed")
    weights = np.random.default_rng(3).standard_normal((40, 96)).astype(np.float32)
    weights[7] = 0.0
    scales, whole = export.q8_0(weights)
    raw = gguf.quantize(weights, gguf.GGMLQuantizationType.Q8_0).reshape(40, 3, 34)
    assert np.array_equal(raw[:, :, :2].copy().view(np.float16)[:, :, 0], scales)
    assert np.array_equal(raw[:, :, 2:].view(np.int8), whole)
