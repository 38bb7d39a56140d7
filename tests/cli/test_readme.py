"""The README: its first commands, its examples, its table, its links."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from lmcodec import cli, lmz
from lmcodec.options import BLOCK_BYTES_BY_LEVEL, DEFAULT_LEVEL

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = SHELL.findall(TEXT)
PAGES = {
    page.name: SHELL.findall(page.read_text(encoding="utf-8"))
    for page in sorted((ROOT / "docs").glob("*.md"))
}


def test_the_first_block_has_the_two_commands() -> None:
    first = TEXT.index("```")
    assert TEXT[first:].startswith("```sh\n" + BLOCKS[0])
    assert [line.partition("#")[0].strip() for line in BLOCKS[0].splitlines()] == [
        "make demo",
        "make test",
    ]


def test_examples() -> None:
    done = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert done.attempted
    assert done.failed == 0


@pytest.mark.parametrize("page", [name for name, blocks in PAGES.items() if blocks])
def test_commands_of_pages_have_these_options(page: str) -> None:
    for line in "".join(PAGES[page]).splitlines():
        words = shlex.split(line.partition("|")[0], comments=True)
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        if words[:1] == ["lmcodec"]:
            assert "run" in cli.build_parser().parse_args(words[1:]), line
            # A level would be the name of a file: that is an option of lmz.
            assert not any(re.fullmatch("-[1-9]", word) for word in words), line
        elif words[:1] == ["lmz"]:
            assert lmz.build_parser("lmz").parse_intermixed_args(words[1:]).files, line


@pytest.mark.parametrize("line", "".join(BLOCKS[1:]).splitlines())
def test_commands_have_these_options(line: str) -> None:
    program, *words = shlex.split(line.partition("|")[0], comments=True)
    if program == "lmcodec":
        assert "run" in cli.build_parser().parse_args(words)
    elif program in ("lmz", "unlmz", "lmzcat"):
        assert lmz.build_parser(program).parse_intermixed_args(words).files
    else:
        assert program in ("tar", "lmzgrep")


def test_table_of_levels() -> None:
    rows = re.findall(r"^\| (\d)(.*?) \| `\w+` \| (\d+) MiB \|", TEXT, re.MULTILINE)
    assert [(int(level), int(size) << 20) for level, _, size in rows] == list(
        BLOCK_BYTES_BY_LEVEL.items()
    )
    assert [int(level) for level, note, _ in rows if note] == [DEFAULT_LEVEL]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
