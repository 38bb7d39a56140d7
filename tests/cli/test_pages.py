"""The completion files and manual pages that ship are those that the parsers give."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import lmcodec
from lmcodec import lmz
from tests.cli.make import ROOT, SHELLS, pages, parsers, subcommands

PAGES = pages()


@pytest.mark.parametrize("path", PAGES)
def test_shipped_files_are_the_generated_ones(path: str) -> None:
    shipped = (ROOT / path).read_text(encoding="utf-8")
    assert shipped == PAGES[path], "run `make pages`"


@pytest.mark.parametrize("name", parsers())
def test_the_manual_lists_every_option(name: str) -> None:
    page = PAGES[f"docs/{name}.1"].replace("\\-", "-")
    parser = parsers()[name]
    for each in (parser, *subcommands(parser).values()):
        for action in each._actions:
            if action.help == argparse.SUPPRESS or (each is parser and name == "lmcodec"):
                continue
            for option in action.option_strings:
                assert f"\\fB{option}\\fR" in page


def test_the_example_of_the_manual_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = re.findall(r"^\.nf\n(.*?)\n\.fi$", PAGES["docs/lmz.1"], re.MULTILINE)
    (tmp_path / "file").write_bytes(bytes(2 << 20))
    monkeypatch.chdir(tmp_path)
    assert lmz.main(command.split()[1:]) == 0
    blocks = lmcodec.info((tmp_path / "file.lmz").read_bytes()).blocks
    assert [block.raw_size for block in blocks] == [1 << 20, 1 << 20]


@pytest.mark.parametrize("name", parsers())
@pytest.mark.parametrize("shell", SHELLS)
def test_shells_read_the_completion_files(name: str, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    path = ROOT / "lmcodec" / "data" / "completion" / f"{name}.{shell}"
    subprocess.run([program, "-n", path], check=True)
