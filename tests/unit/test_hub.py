"""Language models are fetched when that is asked for, and nothing but what is read."""

from __future__ import annotations

import sys
import types
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from lmcodec.errors import ModelError, UnsupportedError
from lmcodec.hub import download
from tests.language_models import llama, save, save_gguf


class Hub:
    """A hub with one repository; in place of the package."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.asked: list[dict[str, Any]] = []

    def snapshot_download(self, **asked: Any) -> None:
        self.asked.append(asked)
        for path in self.source.iterdir():
            if any(fnmatch(path.name, pattern) for pattern in asked["allow_patterns"]):
                asked["local_dir"].mkdir(parents=True, exist_ok=True)
                (asked["local_dir"] / path.name).write_bytes(path.read_bytes())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    source = save(tmp_path / "source", *llama())
    save_gguf(source / "tiny.gguf", *llama())
    (source / "modeling.py").write_text("raise SystemExit")
    (source / "pytorch_model.bin").write_bytes(b"pickle")
    made = Hub(source)
    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = made.snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.delenv("LMCODEC_MODEL_PATH", raising=False)
    return made


def test_only_what_is_read_is_fetched(hub: Hub, tmp_path: Path) -> None:
    found = download("someone/tiny", tmp_path / "models", revision="v1")
    assert found == tmp_path / "models" / "tiny"
    names = {path.name for path in found.iterdir()}
    assert names == {"config.json", "tokenizer.json", "model.safetensors"}
    assert hub.asked[0]["revision"] == "v1"


def test_a_gguf_file(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path / "models"))
    found = download("someone/tiny", file="tiny.gguf")
    assert found == tmp_path / "models" / "tiny" / "tiny.gguf"
    assert [path.name for path in found.parent.iterdir()] == ["tiny.gguf"]
    assert len(hub.asked) == 1


@pytest.mark.parametrize("name", ["", "tiny", "a/b/c", "a/", "/b", "a/..", "a/.hidden"])
def test_names_that_are_none(hub: Hub, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="repository must be OWNER/NAME"):
        download(name, tmp_path)
    assert not hub.asked


def test_what_cannot_be_fetched(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder to download to"):
        download("a/b")
    with pytest.raises(ValueError, match=r"file must be a GGUF file: got 'x\.bin'"):
        download("a/b", tmp_path, file="x.bin")
    with pytest.raises(UnsupportedError, match="no language model that can be read"):
        download("a/b", tmp_path, file="other.gguf")
    hub.source = tmp_path / "nowhere"
    with pytest.raises(ModelError, match="a/b cannot be downloaded"):
        download("a/b", tmp_path)
