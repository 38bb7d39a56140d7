"""Searching in compressed files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import __version__
from lmcodec.grep import split_words

Run = Callable[..., Any]

pytestmark = pytest.mark.skipif(shutil.which("grep") is None, reason="grep is not installed")
STREAM = lmcodec.compress(b"one\ntwo\nthree\n", model="stored")


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    (folder / "x.lmz").write_bytes(STREAM)
    (folder / "plain").write_bytes(b"two more\n")
    (folder / "bad.lmz").write_bytes(STREAM[:-9])


@pytest.mark.parametrize(
    ("words", "code", "out"),
    [
        (["t", "x.lmz"], 0, b"two\nthree\n"),
        (["-n", "-e", "^two", "x.lmz", "plain"], 0, b"x.lmz:2:two\nplain:1:two more\n"),
        (["-c", "o", "plain", "x.lmz"], 0, b"plain:1\nx.lmz:2\n"),
        (["-A1", "one", "--", "x.lmz"], 0, b"one\ntwo\n"),
        (["none", "x.lmz", "plain"], 1, b""),
        (["-q", "one", "x.lmz"], 0, b""),
    ],
)
def test_searches(run: Run, words: list[str], code: int, out: bytes) -> None:
    done = run("lmzgrep", *words)
    assert (done.code, done.out, done.err) == (code, out, "")


def test_standard_input(run: Run) -> None:
    assert run("lmzgrep", "-H", "two", stdin=STREAM).out == b"(standard input):two\n"


def test_errors(run: Run) -> None:
    done = run("lmzgrep", "two", "missing", "x.lmz")
    assert (done.code, done.out) == (2, b"x.lmz:two\n")
    assert done.err == "lmzgrep: error: missing: No such file or directory\n"
    done = run("lmzgrep", "none", "bad.lmz")
    assert done.code == 2
    assert done.err.startswith("lmzgrep: error: bad.lmz: ")
    for words in ("-V", "--version"):
        assert run("lmzgrep", words).out.decode() == f"lmzgrep {__version__}\n"
    assert run("lmzgrep", "--", "-V", "x.lmz").code == 1
    done = run("lmzgrep")
    assert (done.code, done.err[:15]) == (2, "usage: lmzgrep ")


def test_words_of_grep() -> None:
    assert split_words(["-f", "list", "x"]) == (["-f", "list"], ["x"])
    assert split_words(["--regexp=a", "x"]) == (["--regexp=a"], ["x"])
    assert split_words(["-im", "1", "a", "-"]) == (["-im", "1", "-e", "a"], ["-"])
    assert split_words(["--", "-a", "-b"]) == (["-e", "-a"], ["-b"])
    assert split_words(["-v"]) == (None, [])
