"""`lmcodec train`: files in, a prior and what it gains out."""

from __future__ import annotations

from pathlib import Path

import pytest

import lmcodec
from lmcodec.cli import main

LINES = [f"{i:05d} session opened for user number {i % 13} by the daemon\n" for i in range(400)]


def gain(words: str) -> float:
    line = next(line for line in words.splitlines() if line.startswith("held back"))
    return float(line.split(":")[2].split()[0])


def test_lines_are_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "log.txt"
    text.write_text("".join(LINES))
    output = tmp_path / "Sessions.prior"
    assert main(["train", "--lines", str(text), "-o", str(output), "-v", "--base", "none"]) == 0
    words = capsys.readouterr().err
    assert gain(words) < -50
    assert "from 360 samples" in words
    assert "word triple" in words
    prior = lmcodec.Prior.load(output)
    assert prior.name == "sessions"
    # A table for little to know is small.
    assert len(prior) < 1 << 16
    again = tmp_path / "again.prior"
    arguments = ["--name", "sessions", "--base", "none"]
    assert main(["train", "--lines", str(text), "-o", str(again), *arguments]) == 0
    assert again.read_bytes() == output.read_bytes()


def test_a_long_file_is_held_back_in_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("".join(LINES))
    output = tmp_path / "own.prior"
    assert main(["train", "-r", str(tmp_path), "-o", str(output), "--hold-back", "25"]) == 0
    words = capsys.readouterr().err
    assert "from 2 samples" in words
    assert gain(words) < -10
    assert main(["train", str(tmp_path / "a"), "-o", str(output), "-f", "--hold-back", "0"]) == 0
    assert "nothing was held back" in capsys.readouterr().err


def test_what_is_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.write_text("".join(LINES))
    output = tmp_path / "own.prior"
    output.write_bytes(b"mine")
    assert main(["train", str(text), "-o", str(output)]) == 1
    assert "exists" in capsys.readouterr().err
    assert output.read_bytes() == b"mine"
    assert main(["train", str(tmp_path / "none"), "-o", str(output), "-f"]) == 1
    assert "No such file" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.touch()
    for arguments, words in (
        ([str(empty), "-o", "x"], "no text"),
        ([str(text), "-o", "x", "--name", "A b"], "name of a prior"),
        ([str(text), "-o", "x", "--hold-back", "51"], "0 to 50"),
        ([str(text), "-o", "x", "--size", "10"], "at least 64"),
        ([str(text)], "-o"),
    ):
        assert main(["train", *arguments]) == 1
        assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "own.prior", "text"]


def test_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    text = tmp_path / "text"
    text.write_text("".join(LINES))
    assert main(["train", "--lines", str(text), "-o", "-", "-q"]) == 0
    prior = lmcodec.Prior(capfdbinary.readouterr().out)
    assert prior.name == "own"


def test_a_prior_is_not_trained_on_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("".join(LINES))
    output = tmp_path / "own.prior"
    assert main(["train", "-r", str(tmp_path), "-o", str(output)]) == 0
    first = output.read_bytes()
    assert main(["train", "-r", str(tmp_path), "-o", str(output), "-f"]) == 0
    assert output.read_bytes() == first
    assert "from 1 samples" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.prior", "text"]


def test_too_much_text_is_refused_before_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text"
    with text.open("wb") as file:
        file.truncate(1 << 40)
    output = tmp_path / "own.prior"
    arguments = ["train", str(text), "-o", str(output)]
    for limit in (["--memory", "1G"], []):
        assert main([*arguments, *limit]) == 1
        words = capsys.readouterr().err
        assert "error: text is too large to train on: 1099511627776 bytes need" in words
        assert "hint: allow more by --memory=" in words
        assert not output.exists()
    # Where the memory is not known, there is no limit but the text that can be read.
    text.write_text("".join(LINES))
    monkeypatch.delattr("os.sysconf")
    assert main(arguments) == 0
    assert output.exists()


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text"
    text.write_text("".join(LINES))
    output = tmp_path / "none" / "own.prior"
    assert main(["train", str(text), "-v", "-o", str(output)]) == 1
    words = capsys.readouterr().err
    assert words == f"lmcodec: error: {output}: No such file or directory\n"


def test_progress_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.write_text("".join(LINES * 9))
    output = tmp_path / "own.prior"
    assert main(["train", str(text), "--progress", "-o", str(output)]) == 0
    words = capsys.readouterr().err
    assert "\rtraining: 0 %, " in words
    # The line is gone before the next one.
    assert words.rsplit("\r", 1)[1].startswith(str(output))
