"""Words and numbers."""

from __future__ import annotations

import argparse

import pytest

from lmcodec.arguments import level, size, split_files, threads
from lmcodec.terminal import duration, human, progress_words, ratio, shown, table


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (10240, "10.0 KiB"),
        (1 << 20, "1.00 MiB"),
        (1000 << 20, "1000 MiB"),
        (5 << 30, "5.00 GiB"),
    ],
)
def test_human(number: int, words: str) -> None:
    assert human(number) == words


def test_words() -> None:
    assert ratio(1, 0) == "-"
    assert ratio(1, 3) == "33.3 %"
    assert duration(59.6) == "1:00"
    assert shown("a\tb\x1b") == "a\\tb\\x1b"
    assert shown("größe") == "größe"
    assert progress_words(5, None, 3) == "5 B, 0:03"
    assert progress_words(0, 10, 0) == "0 %, 0 of 10 B, 0:00"
    assert progress_words(5 << 20, 10 << 20, 7) == "50 %, 5.00 of 10.0 MiB, 0:07 left"
    assert progress_words(1 << 10, 1 << 20, 0.5) == "0 %, 1.00 KiB of 1.00 MiB, 0:00"
    assert table([["n", "x"], [10, "y"]], right=1) == [" n  x", "10  y"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("5B", 5), ("2k", 2048), ("2KB", 2048), ("2KiB", 2048), ("3G", 3 << 30)],
)
def test_sizes(text: str, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "-1", "K", "1.5M", "1X", "1iB", "1e3"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        size(text)


def test_numbers() -> None:
    assert threads("3") == 3
    assert threads("0") >= 1
    assert level("9") == 9
    for parse, text in ((threads, "-1"), (threads, "x"), (threads, "1025"), (level, "0")):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)
    assert split_files(["-d", "--", "-x", "--"]) == (["-d"], ["-x", "--"])
