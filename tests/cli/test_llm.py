"""What the commands do with language models."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

from lmcodec.lm import model as loaded
from tests.cli.conftest import Run
from tests.language_models import llama, save, text

CONTENT = text(80).encode()


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command finds what another one has loaded, as none does in a process of its own."""
    usual = loaded.by_digests

    def alone(digests: tuple[bytes, ...]) -> loaded.LanguageModel:
        gc.collect()
        loaded._FOUND.clear()
        return usual(digests)

    monkeypatch.setattr("lmcodec.models.llm.by_digests", alone)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(CONTENT)
    return save(tmp_path / "models" / "tiny", *llama())


def test_files_go_there_and_back(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("lmcodec", "compress", "--model", "models/tiny", "--window", "32", "a.txt")
    assert (done.code, done.err.split()[:3]) == (0, ["a.txt:", str(len(CONTENT)), "B"])
    (tmp_path / "a.txt").unlink()
    done = run("lmcodec", "decompress", "a.txt.lmz")
    assert done.code == 1
    assert "language model is not here" in done.err
    assert "load it with --model PATH" in done.err
    done = run("lmcodec", "info", "--json", "a.txt.lmz")
    (needed,) = json.loads(done.out)["language_models"]
    assert not needed["here"]
    done = run("lmcodec", "decompress", "-c", "--model", "models/tiny", "a.txt.lmz")
    assert (done.code, done.out) == (0, CONTENT)
    done = run("lmcodec", "test", "a.txt.lmz", LMCODEC_MODEL_PATH=str(model.parent))
    assert done.code == 0


def test_convert(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("lmcodec", "compress", "--model", "models/tiny", "a.txt").code == 0
    done = run("lmcodec", "convert", "a.txt.lmz", "-o", "b.lmz")
    assert done.code == 1
    assert "language model is not here" in done.err
    assert not (tmp_path / "b.lmz").exists()
    place = str(model.parent)
    words = ("convert", "-v", "a.txt.lmz", "-o", "b.lmz")
    done = run("lmcodec", *words, LMCODEC_MODEL_PATH=place)
    assert done.code == 0
    assert "->" in done.err
    assert run("lmcodec", "decompress", "-c", "b.lmz").out == CONTENT
    done = run("lmcodec", *words, LMCODEC_MODEL_PATH=place)
    assert done.code == 1
    assert "exists" in done.err


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "cm", "--window", "9"], "--window: for language models only, not for 'cm'"),
        (["--model", "models/tiny", "--window", "1"], "window of llm must be 2 to"),
        (["--model", "models/tiny", "--window", "0"], "window of llm must be 2 to"),
        (["--model", "models/tiny", "--device", "cpu"], "--device: for --backend torch only"),
        (
            ["--model", "models/tiny", "--backend", "torch", "--int8"],
            "--int8: for --backend portable only",
        ),
        (["--model", "models"], "No such file"),
        (["--model", "none"], "model is not known: 'none'"),
    ],
)
def test_choices_that_make_no_sense(run: Run, words: list[str], message: str) -> None:
    done = run("lmcodec", "compress", "-c", *words, "a.txt")
    assert done.code == 1
    assert message in done.err
    assert done.out == b""
