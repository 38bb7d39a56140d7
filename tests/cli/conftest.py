"""Runs the commands in a folder of their own: in this process, or as processes."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from lmcodec import cli, grep, lmz

ENTRY = {
    "lmz": lambda words: lmz._run("lmz", "compress", False, words),
    "unlmz": lambda words: lmz._run("unlmz", "decompress", False, words),
    "lmzcat": lambda words: lmz._run("lmzcat", "decompress", True, words),
    "lmcodec": cli._main,
    "lmzgrep": grep.search,
}
VARIABLES = ("LMCODEC_LEVEL", "LMCODEC_NBTHREADS", "LMCODEC_LOG", "NO_COLOR")


@dataclass(frozen=True)
class Done:
    code: int
    out: bytes
    err: str


class Run(Protocol):
    def __call__(
        self, program: str, *arguments: str, stdin: bytes = b"", **variables: str
    ) -> Done: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(b"abc\n" * 25)
    return tmp_path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call a command with standard streams that are files: a process would cost half a second."""

    def call(program: str, *arguments: str, stdin: bytes = b"", **variables: str) -> Done:
        with (
            pytest.MonkeyPatch.context() as patch,
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin)
            given.seek(0)
            patch.chdir(tmp_path)
            for name in VARIABLES:
                patch.delenv(name, raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            streams = [io.TextIOWrapper(file, encoding="utf-8") for file in (given, out, err)]
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            try:
                code = ENTRY[program](list(arguments))
            except SystemExit as end:
                code = int(end.code or 0)
            texts = []
            for stream, file in zip(streams[1:], (out, err), strict=True):
                stream.flush()
                file.seek(0)
                texts.append(file.read())
            for stream in streams:
                stream.detach()
        return Done(code, texts[0], texts[1].decode())

    return call


@dataclass(frozen=True)
class Process:
    """How to start a command as a process."""

    words: list[str]
    environment: dict[str, str]


@pytest.fixture
def process() -> Process:
    entry = "import sys; from lmcodec.lmz import main; sys.exit(main())"
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return Process([sys.executable, "-c", entry], kept)
