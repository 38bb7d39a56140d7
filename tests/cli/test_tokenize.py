"""`lmcodec tokenize` and `lmcodec detokenize`."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from lmcodec.lm import model
from lmcodec.windows import Windows
from tests.cli.conftest import Run
from tests.language_models import llama, save, text

CONTENT = text(40).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_bytes(CONTENT)
    return tmp_path


def test_a_text_goes_to_tokens_and_back(run: Run, folder: Path) -> None:
    done = run("lmcodec", "tokenize", "notes.txt")
    windows = Windows.load(folder / "notes.txt.npz")
    assert (done.code, done.out) == (0, b"")
    assert done.err == (
        f"notes.txt: {len(CONTENT)} bytes -> {len(windows)} tokens of 16 bits: "
        f"{windows.bytes_per_token:.2f} bytes a token, {windows.bits_per_byte:.3f} bits a byte, "
        "notes.txt.npz\n"
    )
    assert windows.text() == CONTENT
    done = run("lmcodec", "detokenize", "notes.txt.npz")
    assert done.code == 1
    assert "notes.txt: File exists\nhint: replace it by -f" in done.err
    (folder / "notes.txt").unlink()
    done = run("lmcodec", "detokenize", "notes.txt.npz")
    words = f"{len(windows)} tokens of 16 bits -> {len(CONTENT)} bytes, notes.txt"
    assert (done.code, done.out, done.err) == (0, b"", f"notes.txt.npz: {words}\n")
    assert (folder / "notes.txt").read_bytes() == CONTENT


def test_standard_streams_and_bits(run: Run, folder: Path) -> None:
    done = run("lmcodec", "tokenize", "-q", "--bits", "32", "-", stdin=CONTENT)
    assert (done.code, done.err) == (0, "")
    assert Windows.from_bytes(done.out).tokens.dtype == np.uint32
    back = run("lmcodec", "detokenize", "-", "-q", stdin=done.out)
    assert (back.code, back.out, back.err) == (0, CONTENT, "")
    done = run("lmcodec", "tokenize", "notes.txt", "-o", "tokens.bin", "-q")
    assert (done.code, (folder / "tokens.bin").exists()) == (0, True)
    done = run("lmcodec", "detokenize", "tokens.bin")
    assert (done.code, "tokens.bin does not end in .npz" in done.err) == (1, True)
    done = run("lmcodec", "detokenize", "tokens.bin", "-o", "notes.txt", "-f", "-q")
    assert (done.code, (folder / "notes.txt").read_bytes()) == (0, CONTENT)


def test_language_models(run: Run, folder: Path) -> None:
    save(folder / "llama", *llama())
    words = ("tokenize", "notes.txt", "-q", "--model", "llama", "--window", "32", "--int8")
    assert run("lmcodec", *words).code == 0
    (folder / "notes.txt").unlink()
    model._FOUND.clear()
    gc.collect()
    done = run("lmcodec", "detokenize", "notes.txt.npz")
    assert (done.code, "language model is not here" in done.err) == (1, True)
    assert not (folder / "notes.txt").exists()
    done = run("lmcodec", "detokenize", "notes.txt.npz", "--model", "llama", "-q")
    assert (done.code, (folder / "notes.txt").read_bytes()) == (0, CONTENT)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--bits", "7"), "bits must be 8 to 32: got 7"),
        (("--model", "cm"), "model of windows is not known: 'cm'"),
        (("--network", "none"), "--network must be one"),
        (("--int8",), "--int8: for language models only"),
    ],
)
def test_wrong_options(run: Run, folder: Path, words: tuple[str, ...], error: str) -> None:
    done = run("lmcodec", "tokenize", "notes.txt", *words)
    assert (done.code, done.out) == (1, b"")
    assert error in done.err
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt"]


def test_other_files_are_refused(run: Run, folder: Path) -> None:
    (folder / "text.npz").write_bytes(CONTENT)
    done = run("lmcodec", "detokenize", "text.npz")
    assert (done.code, "not a file of windows" in done.err) == (1, True)
    assert not (folder / "text").exists()
    assert run("lmcodec", "tokenize", "none.txt").err.startswith("lmcodec: error: none.txt: ")
