"""`llm_torch`: streams that decode where they were written, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import lmcodec
from lmcodec.convert import portable_model
from lmcodec.errors import CorruptError, ModelError, NotReproducibleError, UnsupportedError
from lmcodec.models.llm import Llm
from lmcodec.models.llm_torch import LlmTorch, _load
from tests.language_models import llama, save, save_gguf, text

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = [
    pytest.mark.nn,
    pytest.mark.filterwarnings("ignore"),
]
CONTENT = (text(300) + "caf\u00e9 \r\n\0 ").encode() + b"\xff\xfe" * 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("llama"), *llama())


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_streams_come_back_here(folder: Path) -> None:
    model = LlmTorch.of(folder, device="cpu", window=16, chunk=25, lanes=3)
    stream = lmcodec.compress(CONTENT, model=model)
    assert lmcodec.decompress(stream) == CONTENT
    assert not lmcodec.info(stream).portable
    known = json.loads(model.fingerprint)
    assert known["device"] == "cpu"
    assert known["threads"] == 1


def test_another_number_of_threads_is_refused(folder: Path) -> None:
    model = LlmTorch.of(folder, device="cpu")
    stream = lmcodec.compress(CONTENT, model=model)
    torch.set_num_threads(2)
    with pytest.raises(NotReproducibleError, match="torch elsewhere: threads 1, here 2"):
        lmcodec.decompress(stream)


def test_another_release_is_refused(folder: Path) -> None:
    model = LlmTorch.of(folder, device="cpu")
    known = {**json.loads(model.fingerprint), "torch": "1.0"}
    other = replace(model, fingerprint=json.dumps(known))
    with pytest.raises(NotReproducibleError, match=r"torch '1\.0', here"):
        LlmTorch.from_record(other.params(), other.digests())
    with pytest.raises(CorruptError, match="fingerprint has no device"):
        LlmTorch.from_record(replace(model, fingerprint="[]").params(), model.digests())


def test_other_results_are_noticed(folder: Path) -> None:
    model = LlmTorch.of(folder, device="cpu")
    payload = model.encode(CONTENT)
    host = _load(folder, "cpu", "float32")
    weights = host._model.model.norm.weight
    with torch.no_grad():
        before = weights.clone()
        # One unit in the last place of one number.
        weights[5] = torch.nextafter(weights[5], torch.tensor(9.0))
    try:
        with pytest.raises((NotReproducibleError, CorruptError)):
            model.decode(payload, len(CONTENT))
    finally:
        with torch.no_grad():
            weights.copy_(before)
    assert model.decode(payload, len(CONTENT)) == CONTENT


def test_sizes_are_those_of_the_portable_engine(folder: Path) -> None:
    ours = Llm.of(folder, window=64, chunk=100, lanes=2, mixed=0)
    theirs = LlmTorch.of(folder, device="cpu", window=64, chunk=100, lanes=2)
    content = text(200).encode()
    assert abs(len(ours.encode(content)) - len(theirs.encode(content))) <= 8


def test_the_portable_twin(folder: Path, tmp_path: Path) -> None:
    model = LlmTorch.of(folder, device="cpu", window=16, chunk=25, lanes=3)
    path = tmp_path / "a.lmz"
    path.write_bytes(lmcodec.compress(CONTENT, model=model))
    twin = portable_model(path)
    assert twin == Llm.of(folder, window=16, chunk=25, lanes=3)
    path.write_bytes(lmcodec.compress(CONTENT))
    assert portable_model(path) == "auto"


def test_what_torch_cannot_run(folder: Path, tmp_path: Path) -> None:
    path = save_gguf(tmp_path / "model.gguf", *llama())
    with pytest.raises(UnsupportedError, match="folders of Hugging Face only"):
        LlmTorch.of(path, device="cpu").encode(CONTENT)
    with pytest.raises(ModelError, match="device must be one of auto, cpu, cuda, mps: got 'tpu'"):
        LlmTorch.of(folder, device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="torch has no such device here: cuda"):
            LlmTorch.of(folder, device="cuda")
