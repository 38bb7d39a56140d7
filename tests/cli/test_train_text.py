"""`lmcodec train` with a text and a base."""

from __future__ import annotations

from pathlib import Path

import pytest

import lmcodec
from lmcodec import prior
from lmcodec.cli import main
from lmcodec.lmz import main as lmz
from tests.cli.test_train import LINES, gain


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "log.txt"
    path.write_text("".join(LINES))
    return path


def train(text: Path, output: Path, *arguments: str) -> lmcodec.Prior:
    assert main(["train", "--lines", str(text), "-o", str(output), *arguments]) == 0
    return lmcodec.Prior.load(output)


def test_a_text_on_the_prior_of_the_package(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = train(text, tmp_path / "own.prior")
    assert gain(capsys.readouterr().err) < -70
    assert trained.base == prior.default()
    assert 0 < trained.text_bytes <= 1 << 15
    assert len(trained) == 0
    small = train(text, tmp_path / "small.prior", "--text", "1K", "--base", "general")
    assert 900 < small.text_bytes <= 1024
    assert small.file_bytes == 100 + small.text_bytes


def test_a_table_without_a_base(text: Path, tmp_path: Path) -> None:
    trained = train(text, tmp_path / "own.prior", "--base", "none", "--text", "0", "--size", "4K")
    assert (trained.base, trained.text_bytes) == (None, 0)
    assert 0 < len(trained) <= 4096
    both = train(text, tmp_path / "both.prior", "--base", "none", "--size", "4K")
    assert len(both) == len(trained)
    assert both.text_bytes > 0


def test_a_base_of_a_file(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = train(text, tmp_path / "base.prior", "--base", "none", "--size", "4K")
    trained = train(text, tmp_path / "own.prior", "--base", str(tmp_path / "base.prior"))
    assert trained.base == base
    # The base is found in the folder, or loaded beside.
    stream = tmp_path / "log.txt.lmz"
    arguments = ["--prior", str(tmp_path / "own.prior"), str(text), "-k"]
    assert lmz(arguments) == 0
    text.unlink()
    assert lmz(["-d", *arguments[:2], str(stream)]) == 0
    assert text.read_text() == "".join(LINES)
    capsys.readouterr()
    assert lmz([*arguments, "-f", "--embed"]) == 1
    assert "its base is not of the package" in capsys.readouterr().err


def test_what_is_wrong_is_said(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.prior"
    train(text, own)
    output = tmp_path / "x"
    for arguments, words in (
        (["--base", "general-0"], "prior is not known"),
        (["--base", str(own)], "base must be a prior without a base"),
        (["--base", str(text)], "not a prior"),
        (["--base", str(tmp_path / "none.prior")], "No such file"),
        (["--text", "17M"], "text must be 0 to 16777216 bytes"),
        (["--memory", "1M"], "text is too large to train on"),
    ):
        capsys.readouterr()
        assert main(["train", str(text), "-o", str(output), *arguments]) == 1
        assert words in capsys.readouterr().err
        assert not output.exists()
