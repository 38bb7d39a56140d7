"""What `lmcodec evaluate` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcodec.evaluate import SCHEMES, evaluate
from lmcodec.models.llm import Llm
from tests.cli.conftest import Run
from tests.language_models import llama, save, text

TEXT = text(60).encode()


@pytest.fixture
def place(folder: Path) -> Path:
    """A folder with a text, something that is none, and a language model."""
    (folder / "text").write_bytes(TEXT)
    (folder / "binary").write_bytes(bytes(range(14, 27)) * 9)
    save(folder / "tiny", *llama())
    return folder


def test_table(run: Run, place: Path) -> None:
    done = run("lmcodec", "evaluate", "--model", "tiny", "text", "--chunk", "30")
    assert (done.code, done.err) == (0, "")
    found = evaluate(TEXT, Llm.of(place / "tiny", chunk=30))
    first, second, *rest = done.out.decode().splitlines()
    assert first == (
        f"text: {len(TEXT)} bytes of text, {len(TEXT)} characters, {found.tokens} tokens; "
        "0 bytes are no text"
    )
    assert second.startswith("tiny: ")
    assert rest == found.lines()


def test_records(run: Run, place: Path) -> None:
    words = ["--window=16", "--chunk=30", "--int8", "--json"]
    done = run("lmcodec", "evaluate", "--model=tiny", *words, "text", "-", stdin=TEXT)
    assert (done.code, done.err) == (0, "")
    first, second = map(json.loads, done.out.splitlines())
    model = Llm.of(place / "tiny", window=16, chunk=30, int8=True)
    assert first == {
        "name": "text",
        "model": "tiny",
        "weights_bytes": model.language_model().file_bytes,
        "window": 16,
        "chunk": 30,
        "int8": True,
        **evaluate(TEXT, model).record(),
    }
    assert second == {**first, "name": "-"}
    assert list(first["schemes"]) == list(SCHEMES)


@pytest.mark.usefixtures("place")
def test_what_is_wrong_is_said(run: Run) -> None:
    done = run("lmcodec", "evaluate", "--model=tiny", "binary", "none", "text", "-v")
    assert done.code == 1
    assert "error: binary: there is no text in it" in done.err
    assert "error: none: No such file" in done.err
    assert SCHEMES["cm"] in done.err
    assert done.out.startswith(b"text: ")
    done = run("lmcodec", "evaluate", "--model=tiny", "text", "text")
    first, second = done.out.split(b"\n\n")
    assert second == first + b"\n"
    for words, message in (
        (["text"], "the following arguments are required: --model"),
        (["--model=tiny"], "name a file"),
        (["--model=cm", "text"], "argument --model: no folder or file of a language model: 'cm'"),
        (["--model=./none", "text"], "none/config.json: No such file"),
        (["--model=tiny", "--window=1", "text"], "window of llm must be 2 to"),
    ):
        done = run("lmcodec", "evaluate", *words)
        assert done.code == 1
        assert message in done.err, words
        assert done.out == b""
